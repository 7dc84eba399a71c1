"""The table of `kenshin decode`: its columns, and how a line of them looks, for the full and the bulk decoder alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

NAMES: Final = ("number", "time s", "src", "dst", "kind", "seq", "mic", "info")
_LAYOUT: Final = "{:>6} {:>12} {:<23} {:<23} {:<7} {:>4} {:<6} {}"
_BULK: Final = "%6d %12.6f %s%s%s\n"
_BULK_CELLS: Final = 5
SEQS: Final[dict[int | None, str]] = {None: "    ", **{seq: f"{seq:>4}" for seq in range(1 << 8)}}
"""The column seq."""
HEADING: Final = _LAYOUT.format(*NAMES) + "\n"


def line(
    number: int,
    elapsed_ns: int,
    src: str | None,
    dst: str | None,
    kind: str,
    seq: int | None,
    mic: str,
    info: str,
) -> str:
    """One line. ``elapsed_ns`` since the first record of the capture; absent values leave their column empty."""
    cells = (number, f"{elapsed_ns / 1e9:.6f}", src or "", dst or "", kind, "" if seq is None else seq, mic, info)
    return _LAYOUT.format(*cells).rstrip() + "\n"


def ends(src: str | None, dst: str | None) -> str:
    """The columns of source and destination as they stand before the others, which a bulk decoder keeps by header."""
    return f"{src or '':<23} {dst or '':<23} "


def middle(kind: str, seq: int | None, mic: str) -> str:
    """The columns kind, seq and mic, of which there are few different ones, as they stand before ``info``."""
    return f"{kind:<7} {SEQS[seq]} {mic:<6} "


def around_seq(ends: str, kind: str, mic: str, info: str) -> tuple[str, str]:
    """What stands before the column seq, and after it, in all frames of a link that say the same."""
    return f"{ends}{kind:<7} ", f" {mic:<6} {info}".rstrip()


def bulk_lines(cells: Sequence[object]) -> str:
    """The same lines as `line` makes, of five cells each: number, seconds, and the rest without blanks at its end:
    `ends`, `middle`, info; or one of `SEQS` within `around_seq`."""
    return _BULK * (len(cells) // _BULK_CELLS) % tuple(cells)
