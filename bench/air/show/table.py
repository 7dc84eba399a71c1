"""The plain table of `kenshin decode`: by the bulk decoder, and without loading what other ways of showing need."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TextIO

from bench.air.bulk.spans import Span
from bench.air.bulk.table import write_table
from bench.air.capture.fcs import all_wrong
from bench.air.keys.table import KeyTable
from bench.air.octets import counted
from bench.errors import InputError


def show_table(
    path: str,
    keys: str | None,
    contexts: Mapping[int, bytes] | None,
    out: TextIO,
    err: TextIO | None = None,
    cut: Iterable[Span] | None = None,
) -> bool:
    """Write the table of a capture to ``out``; False, and nothing written, where that is to be done frame by frame.

    ``keys`` is a key file; ``cut`` are the capture's spans, where they are known. Raises `InputError` as
    `show.command.decode_command` does."""
    mics = write_table(path, KeyTable.read(keys) if keys else None, contexts, out, cut=cut)
    if mics is None:
        return False
    say_fcs(path, err or sys.stderr)
    check_keys(keys, mics)
    return True


def say_fcs(path: str, err: TextIO) -> None:
    """One line where no frame of a capture has a right FCS: frames are marked one by one, but the cause is one."""
    said = all_wrong(path)
    if said is not None:
        err.write(f"kenshin: {path}: {said}\n")


def check_keys(keys: str | None, mics: Mapping[str, int]) -> None:
    """Raises `InputError` where there are secured frames (``mics`` counts their `Frame.mic`) and none verified. Those
    without a MIC that could be checked (level 4, cut) tell nothing of the keys."""
    checked = {mic: count for mic, count in mics.items() if mic != "none"}
    if keys and checked and "ok" not in checked:
        raise InputError(
            f"{keys}: none of the {counted(sum(checked.values()), 'secured frame')} verified with these keys"
        )
