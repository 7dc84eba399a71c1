"""Which acknowledgement answers which frame: by addresses where it has them, else by sequence number and time.

Attempts stay open for `RETRY_WINDOW_NS` only, so a ledger is as large as what is on the air at one time; what became of
each frame takes four octets.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import Final

import attrs

from bench.measurands.air.sightings.expiry import Expiry
from bench.measurands.air.sightings.samples import Pairs
from bench.measurands.air.sightings.sighting import Sighting
from bench.records import NS_PER_S

ACK_WINDOW_NS: Final = NS_PER_S
"""An immediate acknowledgement starts within the longest frame (2 KB at 50 kbit/s: 0.33 s) and a turn-around."""
RETRY_WINDOW_NS: Final = 10 * NS_PER_S
"""Attempts of one frame lie within this; after it, an equal 8-bit sequence number is another frame."""

_ACKED: Final = 1
_FAILED: Final = 2
_LONE: Final = 4
_FLAGS: Final = 3
"""Bits of the flags; the sender's number stands above them."""


class Outcomes:
    """What became of each frame, by ordinal: four octets a frame.

    Acknowledged; failed: it was repeated, or the last of several, without an acknowledgement from a node whose
    acknowledgements this capture does hear; lone: the acknowledgement of a frame that was not captured. And who sent an
    acknowledgement that does not say so itself.
    """

    def __init__(self) -> None:
        self.lone_acks = 0
        self._told = array("i")
        self._nodes: list[bytes | None] = [None]
        self._numbers: dict[bytes, int] = {}

    def add(self) -> None:
        """One more frame, of which nothing is known."""
        self._told.append(0)

    def acknowledge(self, ordinal: int) -> None:
        """The frame was acknowledged."""
        self._told[ordinal] |= _ACKED

    def fail(self, ordinal: int) -> None:
        """The attempt failed."""
        self._told[ordinal] |= _FAILED

    def leave_alone(self, ordinal: int) -> None:
        """The acknowledgement answers no frame of this capture."""
        self._told[ordinal] |= _LONE
        self.lone_acks += 1

    def name(self, ordinal: int, sender: bytes) -> None:
        """The acknowledgement comes from ``sender``."""
        number = self._numbers.get(sender)
        if number is None:
            number = self._numbers[sender] = len(self._nodes)
            self._nodes.append(sender)
        self._told[ordinal] |= number << _FLAGS

    def acked(self, ordinal: int) -> bool:
        """Whether its acknowledgement was captured."""
        return bool(self._told[ordinal] & _ACKED)

    def failed(self, ordinal: int) -> bool:
        """Whether the attempt is known to have failed."""
        return bool(self._told[ordinal] & _FAILED)

    def lone(self, ordinal: int) -> bool:
        """Whether it acknowledges a frame that was not captured."""
        return bool(self._told[ordinal] & _LONE)

    def sender(self, ordinal: int) -> bytes | None:
        """Who sent an acknowledgement without source."""
        return self._nodes[self._told[ordinal] >> _FLAGS]


@attrs.define(slots=True)
class _Attempts:
    """The attempts of one frame: same sender, receiver and sequence number, close in time; the last one's figures."""

    dst: bytes
    ordinal: int
    start_ns: int
    octets: int
    several: bool = False
    acked: bool = False

    def over(self, at_ns: int) -> bool:
        """Whether a frame at ``at_ns`` can be no attempt of this one."""
        return at_ns - self.start_ns >= RETRY_WINDOW_NS


class Ledger:
    """Matches acknowledgements to attempts. ``delays``: octets of the frame, ns from its start to the start of its
    acknowledgement."""

    def __init__(self) -> None:
        self.outcomes = Outcomes()
        self.delays = Pairs()
        self._open: dict[tuple[bytes, bytes, int], _Attempts] = {}
        self._expiry: Expiry[tuple[bytes, bytes, int], _Attempts] = Expiry()
        self._by_seq: dict[int, _Attempts] = {}
        self._audible: set[bytes] = set()
        self._unheard: dict[bytes, array[int]] = defaultdict(lambda: array("q"))

    def enter(self, sighting: Sighting) -> None:
        """Takes the next sighting, in order of time."""
        self.outcomes.add()
        if sighting.seq is None:
            return
        if sighting.is_ack:
            self._acknowledge(sighting, sighting.seq)
        elif sighting.src and sighting.dst:
            self._attempt(sighting, (sighting.src, sighting.dst, sighting.seq), sighting.dst)

    def close(self) -> None:
        """No frame comes any more."""
        for attempts in self._open.values():
            self._give_up(attempts)

    def _attempt(self, sighting: Sighting, key: tuple[bytes, bytes, int], dst: bytes) -> None:
        attempts = self._open.get(key)
        if attempts is None or attempts.acked or attempts.over(sighting.start_ns):
            if attempts is not None:
                self._give_up(attempts)
            attempts = _Attempts(dst, sighting.ordinal, sighting.start_ns, sighting.octets)
            self._open[key] = self._by_seq[key[2]] = attempts
            for gone in self._expiry.sweep(self._open, lambda other: other.over(sighting.start_ns)):
                self._give_up(gone)
            return
        self.outcomes.fail(attempts.ordinal)
        attempts.ordinal, attempts.start_ns, attempts.octets = sighting.ordinal, sighting.start_ns, sighting.octets
        attempts.several = True
        self._by_seq[key[2]] = attempts

    def _acknowledge(self, ack: Sighting, seq: int) -> None:
        attempts = self._open.get((ack.dst, ack.src, seq)) if ack.src and ack.dst else self._by_seq.get(seq)
        if attempts is None or attempts.acked:
            self.outcomes.leave_alone(ack.ordinal)
            return
        delay, receiver = ack.start_ns - attempts.start_ns, attempts.dst
        if not 0 <= delay < ACK_WINDOW_NS or (ack.src and ack.src != receiver):
            self.outcomes.leave_alone(ack.ordinal)
            return
        attempts.acked = True
        self.outcomes.acknowledge(attempts.ordinal)
        self.delays.add(attempts.octets, delay)
        if ack.src is None:
            self.outcomes.name(ack.ordinal, receiver)
        if receiver not in self._audible:
            self._audible.add(receiver)
            for ordinal in self._unheard.pop(receiver, ()):
                self.outcomes.fail(ordinal)

    def _give_up(self, attempts: _Attempts) -> None:
        """The last of several attempts without an acknowledgement failed, if the receiver's are heard at all."""
        if attempts.acked or not attempts.several:
            return
        if attempts.dst in self._audible:
            self.outcomes.fail(attempts.ordinal)
        else:
            self._unheard[attempts.dst].append(attempts.ordinal)
