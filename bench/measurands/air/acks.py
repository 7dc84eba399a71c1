"""Which acknowledgement answers which frame: by addresses where it has them, else by sequence number and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs

from bench.records import NS_PER_S

if TYPE_CHECKING:
    from bench.measurands.air.sighting import Sighting

ACK_WINDOW_NS: Final = NS_PER_S
"""An immediate acknowledgement starts within the longest frame (2 KB at 50 kbit/s: 0.33 s) and a turn-around."""
RETRY_WINDOW_NS: Final = 10 * NS_PER_S
"""Attempts of one frame lie within this; after it, an equal 8-bit sequence number is another frame."""


@attrs.define(slots=True)
class _Attempts:
    """The attempts of one frame: same sender, receiver and sequence number, close in time."""

    ordinals: list[int]
    last: Sighting
    acked: bool = False


class Ledger:
    """Matches acknowledgements to attempts."""

    def __init__(self) -> None:
        self.acked: set[int] = set()
        self.delays: list[tuple[int, int]] = []
        self.senders: dict[int, bytes] = {}
        self.lone: list[int] = []
        self._open: dict[tuple[bytes, bytes, int], _Attempts] = {}
        self._by_seq: dict[int, _Attempts] = {}
        self._unacked: list[_Attempts] = []
        self._audible: set[bytes] = set()

    def enter(self, sighting: Sighting) -> None:
        """Takes the next sighting, in order of time."""
        if sighting.seq is None:
            return
        if sighting.is_ack:
            self._acknowledge(sighting, sighting.seq)
        elif sighting.src and sighting.dst:
            key = (sighting.src, sighting.dst, sighting.seq)
            attempts = self._open.get(key)
            if attempts and not attempts.acked and sighting.start_ns - attempts.last.start_ns < RETRY_WINDOW_NS:
                attempts.ordinals.append(sighting.ordinal)
                attempts.last = sighting
            else:
                self._close(attempts)
                attempts = self._open[key] = _Attempts([sighting.ordinal], sighting)
            self._by_seq[sighting.seq] = attempts

    def _acknowledge(self, ack: Sighting, seq: int) -> None:
        attempts = self._open.get((ack.dst, ack.src, seq)) if ack.src and ack.dst else self._by_seq.get(seq)
        if attempts is None or attempts.acked:
            self.lone.append(ack.ordinal)
            return
        delay = ack.start_ns - attempts.last.start_ns
        receiver = attempts.last.dst
        if not 0 <= delay < ACK_WINDOW_NS or receiver is None or (ack.src and ack.src != receiver):
            self.lone.append(ack.ordinal)
            return
        attempts.acked = True
        self.acked.add(attempts.last.ordinal)
        self._audible.add(receiver)
        self.delays.append((attempts.last.octets, delay))
        if ack.src is None:
            self.senders[ack.ordinal] = receiver

    def _close(self, attempts: _Attempts | None) -> None:
        if attempts is not None and len(attempts.ordinals) > 1:
            self._unacked.append(attempts)

    def failed(self) -> Iterator[int]:
        """Ordinals of the attempts that did not arrive."""
        for attempts in (*self._unacked, *(a for a in self._open.values() if len(a.ordinals) > 1)):
            yield from attempts.ordinals[:-1]
            if not attempts.acked and attempts.last.dst in self._audible:
                yield attempts.ordinals[-1]
