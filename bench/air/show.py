"""`kenshin decode`: the frames of a capture, one a line."""

from __future__ import annotations

from typing import TextIO


def decode_command(path: str, keys: str | None, fmt: str, expr: str | None, out: TextIO) -> None:
    """Writes a capture's frames to ``out`` as ``table`` or ``jsonl``, those that match ``expr``.

    Raises `InputError` for what is wrong with file, keys or expression; a truncated capture, or keys under which no
    secured frame verifies, raise after the frames were written.
    """
    raise NotImplementedError
