"""The whole table of a capture by the bulk decoder, on all cores; the same octets as frame by frame."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

import attrs

from bench.air import columns
from bench.air.capture import read_capture
from bench.air.fast import BulkDecoder, suits
from bench.air.fast_packet import remember
from bench.air.fast_pool import gc_paused, ordered_map
from bench.air.fast_rows import Pending, Verified, follows, record_of
from bench.air.fast_spans import Form, Span, form_of, has_more, places, read, spans
from bench.air.keys import KeyTable
from bench.air.mac import format_address

if TYPE_CHECKING:
    from bench.air.fast_judge import Unjudged
    from bench.air.frame import Decoder, Frame

SMALL_OCTETS: Final = 2 << 20
"""Files up to here are decoded in this process: forking would cost more than it gains."""


class _Piece(NamedTuple):
    """Lines of one span. Between ``texts[i]`` and ``texts[i + 1]`` stands the line of ``pending[i]``."""

    texts: list[str]
    pending: list[Pending]
    mics: Counter[str]
    ordered: bool
    named: bool
    first: Verified
    newest: Verified
    packets: int
    stop: int
    """Where the span ends in the file."""


@attrs.define
class _Bulk:
    """One process's decoder, warm from span to span."""

    form: Form
    decoder: BulkDecoder
    start_ns: int
    middles: dict[tuple[str, int | None, str, bool], str] = attrs.field(factory=dict)

    def piece(self, span: Span) -> _Piece:
        """Decode a span and lay out its lines, as many at once as stand together: that halves what a line costs."""
        middles, start_ns, decoder = self.middles, self.start_ns, self.decoder
        decoder.begin()
        texts: list[str] = []
        pending: list[Pending] = []
        cells: list[object] = []
        secured: list[str] = []
        with open(self.form.path, "rb") as file:
            buffer = read(self.form, span, file)
        for row in decoder.rows(buffer, places(self.form, span, buffer)):
            if isinstance(row, Pending):
                texts.append(columns.bulk_lines(cells))
                cells.clear()
                pending.append(row)
                continue
            number, _, time_ns, _, link, kind, seq, mic, level, _, _, info, _ = row
            middle = middles.get((kind, seq, mic, not info))
            if middle is None:
                middle = remember(middles, (kind, seq, mic, not info), columns.middle(kind, seq, mic, info))
            cells += (number, (time_ns - start_ns) / 1e9, link.ends, middle, info)
            if level:
                secured.append(mic)
        texts.append(columns.bulk_lines(cells))
        return _Piece(
            texts,
            pending,
            Counter(secured),
            decoder.ordered,
            decoder.named,
            decoder.first,
            decoder.newest,
            span.packets,
            span.stop,
        )


def write_table(
    path: str,
    keys: KeyTable | None,
    contexts: Mapping[int, bytes] | None,
    out: TextIO,
    workers: int | None = None,
) -> Counter[str] | None:
    """Write the table of a capture, heading included; ``mic`` of its secured frames, counted.

    None, and nothing written, for a file that `fast_spans` does not cut, and for keys that learn from the air: the
    caller decodes frame by frame. From a span on where counters do not rise (from the first for keys that stand under
    several indexes) they are judged in order (`fast_judge`); from one on where senders are not known by their frames,
    and behind the spans, this decodes frame by frame. Raises
    `InputError` as `read_capture` does, after the frames before the damage are written.
    """
    form = form_of(path)
    if form is None or not suits(keys):
        return None
    cut = spans(form)
    first = next(cut, None)
    if first is None or not first.packets:
        return None
    with gc_paused(), open(path, "rb") as file:
        start_ns = places(form, first, read(form, first, file))[0][2]
        bulk = _Bulk(form, BulkDecoder(form.link_type, keys, contexts), start_ns)
        if os.fstat(file.fileno()).st_size <= SMALL_OCTETS:
            workers = 1
        table = _Table(start_ns, out, keys, contexts)
        in_one = keys is None or not keys.overlapping
        if not (in_one and all(map(table.add, ordered_map(bulk.piece, chain((first,), cut), workers)))):
            from bench.air.fast_judge import Judging

            judging = Judging(form, BulkDecoder(form.link_type, keys, contexts), start_ns)
            table.judge(ordered_map(judging.piece, spans(form), workers))
        if table.stop != os.path.getsize(path) and has_more(path, table.packets):
            table.rest(path)
    return table.mics


class _Table:
    """Puts the pieces together; decodes what had to wait for its turn."""

    def __init__(self, start_ns: int, out: TextIO, keys: KeyTable | None, contexts: Mapping[int, bytes] | None) -> None:
        self.mics: Counter[str] = Counter()
        self.stop = 0
        """Where the frames end that are written."""
        self.packets = 0
        """How many those are."""
        self._newest: Verified = {}
        self._start_ns, self._out, self._keys, self._contexts = start_ns, out, keys, contexts
        out.write(columns.HEADING)

    @cached_property
    def _decoder(self) -> Decoder:
        """The full decoder of what had to wait; loaded where there is any."""
        return self._new_decoder()

    def _new_decoder(self) -> Decoder:
        from bench.air.frame import Decoder

        return Decoder(self._keys, self._contexts)

    def add(self, piece: _Piece) -> bool:
        """Write one span's lines; False, and nothing written, where they depend on the frames before."""
        if not (piece.ordered and piece.named) or not follows(self._newest, piece.first):
            return False
        texts = iter(piece.texts)
        self._out.write(next(texts))
        for pending, text in zip(piece.pending, texts, strict=True):
            self._frame(self._decoder.decode(record_of(pending)))
            self._out.write(text)
        self._newest.update(piece.newest)
        self.mics.update(piece.mics)
        self.packets += piece.packets
        self.stop = piece.stop
        return True

    def judge(self, pieces: Iterable[Unjudged]) -> None:
        """Write the frames from the next one on whose ``pieces``, which begin with the capture, can be judged."""
        from bench.air.fast_judge import text_of

        decoder, written = self._new_decoder(), self.packets
        done = 0
        for piece in pieces:
            if not piece.named:
                return
            for line in piece.lines:
                if isinstance(line, Pending):
                    frame = decoder.decode(record_of(line))
                    if line.number > written:
                        self._frame(frame)
                    continue
                text = text_of(line, decoder.counters)
                if line[0] > written:
                    self._out.write(text)
                    if line[7]:
                        self.mics[line[5]] += 1
            done += piece.packets
            if done > written:
                self.packets, self.stop = done, piece.stop

    def rest(self, path: str) -> None:
        """Write the frames from the next one on, decoded after all before it by a decoder of its own."""
        decoder = self._new_decoder()
        for done, record in enumerate(read_capture(path)):
            frame = decoder.decode(record)
            if done >= self.packets:
                self._frame(frame)

    def _frame(self, frame: Frame) -> None:
        if frame.secured:
            self.mics[frame.mic] += 1
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
