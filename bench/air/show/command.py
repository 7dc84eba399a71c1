"""`kenshin decode`: the frames of a capture, one a line; or one frame whole."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, TextIO, TypeAlias
from urllib.parse import urlsplit

from bench.air.bulk import lines as columns
from bench.air.capture.capture import read_capture
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tree import frame_lines
from bench.air.filter.language import Predicate, compile_filter
from bench.air.frame.bugs import Bugs
from bench.air.frame.decoder import Decoder
from bench.air.frame.settle import settle
from bench.air.index.selection import is_worth_an_index, rows_of
from bench.air.keys.table import KeyTable
from bench.air.show.columns import all_fields, chosen
from bench.air.show.table import check_keys, say_fcs, show_table
from bench.errors import InputError

_STREAMS: Final = ("tcp", "zep")
Line: TypeAlias = Callable[[Row], str]


def decode_command(
    path: str,
    keys: str | None,
    fmt: str,
    expr: str | None,
    out: TextIO,
    contexts: Mapping[int, bytes] | None = None,
    *,
    number: int | None = None,
    live: bool = False,
    names: str | None = None,
    err: TextIO = sys.stderr,
) -> None:
    """Writes a capture's frames to ``out`` as ``table`` or ``jsonl``, those that match ``expr`` (`filter.language`).

    ``names`` are columns to show in place of the usual ones (`show.columns`), ``number`` asks for one frame whole
    (`tree`), ``live`` follows a capture that grows or a stream (`show.live`) until that ends or Ctrl-C, which is said
    in one line on ``err``. ``contexts`` are IPHC contexts, as the `Decoder` takes them.

    Raises `InputError` for what is wrong with file, keys, format or expression; a truncated capture, or keys under
    which no secured frame verifies, raise after the frames were written; so does `BenchError` where the decoder failed
    in any. That no FCS of the capture is right is said in one line on ``err``.
    """
    if fmt not in _FORMATS:
        raise InputError(f"format {fmt!r} is unknown; expected {' or '.join(_FORMATS)}")
    is_plain = fmt == "table" and expr is None and names is None and number is None and not live
    if is_plain and show_table(path, keys, contexts, out, err):
        return
    matches = compile_filter(expr, JSONL_FIELDS) if expr else None
    line = chosen(names, fmt) if names is not None else _FORMATS[fmt]()
    table = KeyTable.read(keys) if keys else None
    if not live and urlsplit(path).scheme not in _STREAMS:
        table = settle((path,), table, contexts)
    decoder = Decoder(table, contexts)
    if number is not None:
        for option, given in (("--follow", live), ("--filter", expr), ("--columns", names)):
            if given:
                raise InputError(f"--frame and {option} do not go together; expected --filter 'number == {number}'")
        out.write(_whole(path, table, contexts, number, fmt))
        return
    if not live and urlsplit(path).scheme in _STREAMS:
        raise InputError(f"{path}: a stream; expected --follow, too")
    mics: Mapping[str, int] | None = None
    bugs = Bugs()
    if live:
        from bench.air.show.live import follow

        mics = follow(path, keys, decoder, line, matches, out, err, bugs)
    elif matches is not None and is_worth_an_index(path, table, matches):
        from bench.air.show.index import write_matching  # numpy

        mics = write_matching(path, table, contexts, matches, lambda row: out.write(line(row)), bugs)
    if mics is None:
        mics = _frame_by_frame(path, decoder, line, matches, out, bugs)
    if not live:
        say_fcs(path, err)
    bugs.close()
    check_keys(keys, mics)


def _frame_by_frame(
    path: str, decoder: Decoder, line: Line, matches: Predicate | None, out: TextIO, bugs: Bugs | None = None
) -> Counter[str]:
    """Write the frames that match; ``mic`` of the secured ones, counted."""
    mics: Counter[str] = Counter()
    bugs = bugs or Bugs()
    for _, row in rows_of(read_capture(path), decoder):
        bugs.see(row.frame)
        if row.frame.secured:
            mics[row.frame.mic] += 1
        if matches is None or matches(row):
            out.write(line(row))
    return mics


def _whole(path: str, keys: KeyTable | None, contexts: Mapping[int, bytes] | None, number: int, fmt: str) -> str:
    """One frame: its tree, or all its fields as one JSON object."""
    from bench.air.show.frame import find_frame, reading_lines

    found = find_frame(path, keys, contexts, number)
    if fmt == "jsonl":
        return all_fields(found.row)
    return "".join(f"{text}\n" for text in frame_lines(found.row, found.record, reading_lines(found, keys)))


def _jsonl(row: Row) -> str:
    return json.dumps(row.line, ensure_ascii=False) + "\n"


class _Table:
    """Lines of columns, with a heading before the first."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, row: Row) -> str:
        heading = "" if self._begun else columns.HEADING
        self._begun = True
        cells = {name: row.line[name] for name in ("number", "src", "dst", "kind", "seq", "mic", "info")}
        return heading + columns.line(elapsed_ns=row.elapsed_ns, **cells)  # type: ignore[arg-type]


_FORMATS: Final[Mapping[str, Callable[[], Line]]] = {
    "table": _Table,
    "jsonl": lambda: _jsonl,
}
