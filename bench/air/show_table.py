"""The plain table of `kenshin decode`: by the bulk decoder, and without loading what other ways of showing need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from bench.air.fast_table import write_table
from bench.air.keys import KeyTable
from bench.errors import InputError


def show_table(path: str, keys: str | None, contexts: Mapping[int, bytes] | None, out: TextIO) -> bool:
    """Write the table of a capture to ``out``; False, and nothing written, where that is to be done frame by frame.

    ``keys`` is a key file. Raises `InputError` as `show.decode_command` does."""
    mics = write_table(path, KeyTable.read(keys) if keys else None, contexts, out)
    if mics is None:
        return False
    check_keys(keys, mics)
    return True


def check_keys(keys: str | None, mics: Mapping[str, int]) -> None:
    """Raises `InputError` where there are secured frames (``mics`` counts their `Frame.mic`) and none verified. Those
    without a MIC that could be checked (level 4, cut) tell nothing of the keys."""
    checked = {mic: count for mic, count in mics.items() if mic != "none"}
    if keys and checked and "ok" not in checked:
        raise InputError(f"{keys}: none of the {sum(checked.values())} secured frames verified with these keys")
