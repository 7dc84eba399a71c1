"""The whole table of a capture by the bulk decoder, on all cores; the same octets as frame by frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

import attrs

from bench.air.bulk import lines as columns
from bench.air.bulk.decoder import suits
from bench.air.bulk.packet import remember
from bench.air.bulk.payloads import Lines
from bench.air.bulk.pipeline import Pipeline
from bench.air.bulk.rows import InTurn, Line, Pending, Row
from bench.air.bulk.spans import Place, Span, first_ns, form_of
from bench.air.capture.capture import read_capture
from bench.air.keys.counters import Freshness
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import format_address

if TYPE_CHECKING:
    from bench.air.frame.bugs import Bugs
    from bench.air.frame.decoder import Frame

_IN_LINES: Final = frozenset((Freshness.REPLAY, Freshness.REUSE))


class _Piece(NamedTuple):
    """Lines of one span. Between ``texts[i]`` and ``texts[i + 1]`` stands the line of ``pending[i]``."""

    texts: list[str]
    pending: list[Pending]
    mics: Counter[str]


@attrs.define
class _LineVisitor:
    """Lays out lines, as many at once as stand together: that halves what a line costs (`pipeline.Visitor`)."""

    payloads: Lines
    start_ns: int
    shown: Collection[Freshness] = _IN_LINES
    middles: dict[tuple[str, int | None, str], str] = attrs.field(factory=dict)

    def visit(self, buffer: bytes, found: list[Place], rows: Iterator[Row[Line] | Pending]) -> _Piece:
        """The lines of a span."""
        middles, seqs, start_ns = self.middles, columns.SEQS, self.start_ns
        texts: list[str] = []
        pending: list[Pending] = []
        cells: list[object] = []
        secured: list[str] = []
        for row in rows:
            if isinstance(row, Pending):
                texts.append(columns.bulk_lines(cells))
                cells.clear()
                pending.append(row)
                continue
            number, _, time_ns, _, link, kind, seq, mic, level, _, _, _, (info, _, kept), _ = row
            if kept:
                before, after = kept
                cells += (number, (time_ns - start_ns) / 1e9, before, seqs[seq], after)
            else:
                middle = middles.get((kind, seq, mic))
                if middle is None:
                    middle = remember(middles, (kind, seq, mic), columns.middle(kind, seq, mic))
                cells += (number, (time_ns - start_ns) / 1e9, link.ends, middle if info else middle.rstrip(), info)
                if kept is not None:
                    kept += columns.around_seq(link.ends, kind, mic, info)
            if level:
                secured.append(mic)
        texts.append(columns.bulk_lines(cells))
        return _Piece(texts, pending, Counter(secured))


def write_table(
    path: str,
    keys: KeyTable | None,
    contexts: Mapping[int, bytes] | None,
    out: TextIO,
    workers: int | None = None,
    cut: Iterable[Span] | None = None,
) -> Counter[str] | None:
    """Write the table of a capture, heading included; ``mic`` of its secured frames, counted. ``cut``: its spans, where
    they are known.

    None, and nothing written, for a file that `spans` does not cut, and for keys that learn from the air: the caller
    decodes frame by frame. So does this from where the pipeline refuses to go on, and behind the spans. Raises
    `InputError` as `read_capture` does, after the frames before the damage are written, and `BenchError` after all
    where the decoder failed in any.
    """
    form = form_of(path)
    start_ns = first_ns(form) if form is not None and suits(keys) else None
    if form is None or start_ns is None:
        return None
    visitor = _LineVisitor(Lines(contexts), start_ns)
    pipeline = Pipeline(form, visitor, keys, contexts)
    table = _Table(start_ns, out, InTurn(keys, contexts))
    for piece in pipeline.run(workers, cut):
        table.add(piece)
    if pipeline.has_more():
        table.rest(path, pipeline.packets, keys, contexts)
    if table.bugs is not None:
        table.bugs.close()
    return table.mics


class _Table:
    """Puts the pieces together; decodes what had to wait for its turn."""

    def __init__(self, start_ns: int, out: TextIO, in_turn: InTurn) -> None:
        self.mics: Counter[str] = Counter()
        self.bugs: Bugs | None = None
        self._start_ns, self._out, self._in_turn = start_ns, out, in_turn
        out.write(columns.HEADING)

    def add(self, piece: _Piece) -> None:
        """Write one span's lines."""
        texts = iter(piece.texts)
        self._out.write(next(texts))
        for pending, text in zip(piece.pending, texts, strict=True):
            self._frame(self._in_turn.decode(pending))
            self._out.write(text)
        self.mics.update(piece.mics)

    def rest(self, path: str, written: int, keys: KeyTable | None, contexts: Mapping[int, bytes] | None) -> None:
        """Write the frames after the first ``written`` ones, decoded after all before them by a decoder of its own."""
        from bench.air.frame.decoder import Decoder

        decoder = Decoder(keys, contexts)
        for done, record in enumerate(read_capture(path)):
            frame = decoder.decode(record)
            if done >= written:
                self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if frame.secured:
            self.mics[frame.mic] += 1
        if frame.bug:
            from bench.air.frame.bugs import Bugs

            self.bugs = self.bugs or Bugs()
            self.bugs.see(frame)
        text = columns.line(
            frame.number,
            frame.time_ns - self._start_ns,
            format_address(frame.src),
            format_address(frame.dst),
            frame.kind,
            frame.seq,
            frame.mic,
            frame.info,
        )
        self._out.write(text)
