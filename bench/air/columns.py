"""The table of `kenshin decode`: its columns, and how a line of them looks, for the full and the bulk decoder alike."""

from __future__ import annotations

from typing import Final

NAMES: Final = ("number", "time s", "src", "dst", "kind", "seq", "mic", "info")
_LAYOUT: Final = "{:>6} {:>12} {:<23} {:<23} {:<7} {:>4} {:<6} {}"
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
    """One line. ``elapsed_ns`` since the first frame shown; absent values leave their column empty."""
    cells = (number, f"{elapsed_ns / 1e9:.6f}", src or "", dst or "", kind, "" if seq is None else seq, mic, info)
    return _LAYOUT.format(*cells).rstrip() + "\n"


def ends(src: str | None, dst: str | None) -> str:
    """The columns of source and destination, which a bulk decoder keeps by header."""
    return f"{src or '':<23} {dst or '':<23}"


def middle(kind: str, seq: int | None, mic: str) -> str:
    """The columns kind, seq and mic, of which there are few different ones."""
    return f"{kind:<7} {'' if seq is None else seq:>4} {mic:<6}"


def bulk_line(number: int, elapsed_ns: int, both_ends: str, between: str, info: str) -> str:
    """The same line as `line` makes, of columns that are partly laid out already (`ends`, `middle`)."""
    if not info:
        return f"{number:>6} {elapsed_ns / 1e9:>12.6f} {both_ends} {between}".rstrip() + "\n"
    return "%6d %12.6f %s %s %s\n" % (number, elapsed_ns / 1e9, both_ends, between, info)  # noqa: UP031 (twice as fast)
