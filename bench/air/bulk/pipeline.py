"""A capture file span by span on all cores: what table, index and measurands do with rows, in the capture's order.

The file is cut (`spans`); forked processes decode span after span, each with a decoder that stays warm (`decoder`), and
hand what a `Visitor` made of the rows to the collecting process (`pool`), which sees to it that what is said of frame
counters is right (`counters`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import BinaryIO, Generic, NamedTuple, Protocol, TypeVar

from bench.air.bulk.counters import CaptureCounters, Heard, Known, Load
from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.pool import gc_paused, ordered_map
from bench.air.bulk.rows import Payloads, Pending, Row
from bench.air.bulk.spans import SMALL_OCTETS, SPAN_OCTETS, Form, Place, Span, has_more, packet_at, places, read, spans
from bench.air.capture.link import make_record
from bench.air.keys.counters import Freshness
from bench.air.keys.table import KeyTable

T = TypeVar("T")
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Visitor(Protocol[T, M_co]):
    """What is made of a capture's rows, a span at a time. It is forked into each process, with its memories."""

    @property
    def payloads(self) -> Payloads[T]:
        """What is made of payloads."""
        ...

    @property
    def shown(self) -> Collection[Freshness]:
        """What is said of counters that makes a difference to `visit`: a span is decoded anew where it was wrong."""
        ...

    def visit(self, buffer: bytes, found: list[Place], rows: Iterator[Row[T] | Pending]) -> M_co:
        """What is made of the ``rows`` of the packets ``found`` in ``buffer``: something that can be pickled."""
        ...


class _Piece(NamedTuple, Generic[M]):
    """``named`` is that of `BulkDecoder`."""

    made: M
    span: Span
    named: bool
    heard: list[Heard]


class Pipeline(Generic[T, M]):
    """One file's way through a visitor. ``keys`` as `decoder.suits` wants them.

    ``stop`` is where the frames end that were decoded, and ``packets`` how many they are. ``refused`` is True where the
    next ones cannot be decoded apart from all before them: senders without an EUI-64, or too many (`CaptureCounters`).
    """

    def __init__(
        self, form: Form, visitor: Visitor[T, M], keys: KeyTable | None, contexts: Mapping[int, bytes] | None
    ) -> None:
        self.stop = self.packets = 0
        self.refused = False
        self._form, self._visitor = form, visitor
        self._decoder = BulkDecoder(form.link_type, visitor.payloads, keys, contexts)

    def run(self, workers: int | None = None, cut: Iterable[Span] | None = None) -> Iterator[M]:
        """What the visitor made of each span; ``workers``: processes (default: one a core); ``cut``: the spans of the
        file, where they are known."""
        form, shown = self._form, self._visitor.shown
        if os.path.getsize(form.path) <= SMALL_OCTETS:
            workers = 1
        with gc_paused(), open(form.path, "rb") as file:
            counters = CaptureCounters(shown, self._loader(file))
            pieces = spans(form, SPAN_OCTETS) if cut is None else cut
            for made, span, named, heard in ordered_map(self._piece, pieces, workers):
                wrong = counters.follow(heard)
                if not named or counters.crowded:
                    self.refused = True
                    return
                again = self._piece(span, wrong).made if wrong else made
                self.stop, self.packets = span.stop, span.number + span.packets - 1
                yield again

    @property
    def whole(self) -> bool:
        """Whether nothing at all stands behind the packets decoded."""
        return self.stop == os.path.getsize(self._form.path)

    def has_more(self) -> bool:
        """Whether the file holds packets behind those decoded; else raises the `InputError` that it ends with, if it
        does."""
        return not self.whole and has_more(self._form.path, self.packets)

    def _loader(self, file: BinaryIO) -> Load:
        return lambda offset: make_record(0, 0, self._form.link_type, *packet_at(self._form, file, offset)).data

    def _piece(self, span: Span, known: Known | None = None) -> _Piece[M]:
        decoder = self._decoder
        with open(self._form.path, "rb") as file:
            decoder.begin(known, self._loader(file))
            buffer = read(self._form, span, file)
            found = places(self._form, span, buffer)
            made = self._visitor.visit(buffer, found, decoder.rows(buffer, found))
        # Who shows nothing of counters need not follow them.
        heard = decoder.counters.heard() if self._visitor.shown else []
        return _Piece(made, span, decoder.named, heard)
