"""The MAC of the IoT route's radios ① to ④: CSMA, acknowledgements, repetitions, frame security, send-time limits.

Frames are IEEE 802.15.4, version 2 (`bench.air.mac.frame`), secured at level 6 under the network key: the level and the
key index are the twin's choice, what the methods prescribe is not public. A repetition keeps its sequence number and
takes a new frame counter. Acknowledgements (clause 7.3.3) have no address, no security and no element, but a
frame-pending bit.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.keys import security
from bench.air.mac.frame import FrameType, MacFrame, decode_mac, encode_mac
from bench.twin.core.kernel import Call
from bench.twin.faults import NO_FAULTS, SentFrame
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.medium import OnAir, air_time_ns
from bench.twin.mesh.timers import MAC, MS
from bench.twin.radio.air import Air, Tuner
from bench.twin.radio.duty import SendTime
from bench.twin.radio.store import Store

ACK_OCTETS: Final = 3
ACK_WAIT_NS: Final = MAC.turnaround_ns + air_time_ns(ACK_OCTETS) + MAC.ack_margin_ns
SECURITY_OCTETS: Final = 6 + 8
"""Auxiliary security header and MIC."""
QUEUE_MAX: Final = 64
DUPLICATE_NS: Final = 20_000 * MS
BROADCAST: Final = b"\xff\xff"
_MAC: Final = "mac"


@attrs.frozen(slots=True)
class Received:
    """A frame for this node, in clear text; ``src`` is its sender's EUI-64."""

    frame: MacFrame
    src: bytes
    secured: bool
    rssi_dbm: int


Done = Callable[[bool, bool], None]
"""``done(acknowledged or sent, the acknowledgement says that more is pending)``."""


@attrs.define(slots=True)
class _Job:
    frame: MacFrame
    secured: bool
    done: Done | None
    most: int
    attempts: int = 0
    be: int = MAC.min_be


class Link:
    """One radio. ``on_frame`` gets each frame for the node once; ``pending(eui64)`` says whether data wait for one."""

    def __init__(
        self,
        agenda: Agenda,
        air: Air,
        name: str,
        eui64: bytes,
        rng: random.Random,
        store: Store,
        key_index: int,
        on_frame: Callable[[Received], None],
    ) -> None:
        self._agenda, self._air, self._name, self.eui64 = agenda, air, name, eui64
        self._rng, self._store, self._key_index, self._on_frame = rng, store, key_index, on_frame
        self.faults = NO_FAULTS
        self.pending: Callable[[bytes], bool] = lambda _eui64: False
        self.tuner = Tuner(lambda: agenda.now_ns, self._hear)
        self.send_time = SendTime()
        self._sequence = rng.randrange(256)
        self._on = False
        self._reset()
        air.join(name, self.tuner)

    def _reset(self) -> None:
        self._queue: deque[_Job] = deque()
        self._job: _Job | None = None
        self._awaiting: int | None = None
        self._timeout: Call | None = None
        self._ack_due = False
        self._counters: dict[bytes, int] = {}
        self._last_seen: dict[bytes, tuple[int, int]] = {}

    def power(self, on: bool) -> None:
        """Off: dark at once, the frame on the air cut short. The caller clears the agenda."""
        if not on and self.tuner.channel is not None:
            self._air.channel(self.tuner.channel).abort(self._name)
        self._on = on
        self.tuner.off()
        self._reset()

    def restart(self) -> None:
        """Forget everything that was under way; deaf until somebody has it listen."""
        self.power(False)
        self.power(True)

    def drop(self) -> None:
        """Forget what waits to be sent."""
        self._queue.clear()

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(self, frame: MacFrame, *, secured: bool, done: Done | None = None, attempts: int = MAC.attempts) -> None:
        """Queue a frame; it gets its sequence number here, and is sent ``attempts`` times at most."""
        if not self._on or len(self._queue) >= QUEUE_MAX or (secured and self._store.key is None):
            if done is not None:
                self._agenda.after(0, partial(done, False, False))
            return
        self._sequence = (self._sequence + 1) & 0xFF
        self._queue.append(_Job(attrs.evolve(frame, sequence=self._sequence), secured, done, attempts))
        self._pump()

    def _pump(self) -> None:
        if self._job is None and self._queue:
            self._job = self._queue.popleft()
            self._backoff(self._job)

    def _backoff(self, job: _Job) -> None:
        now_ns = self._agenda.now_ns
        pause_ns = self.send_time.ready_ns(now_ns, air_time_ns(len(encode_mac(job.frame)) + SECURITY_OCTETS)) - now_ns
        wait_ns = self._rng.randrange(1, 2**job.be + 1) * MAC.backoff_unit_ns
        self._agenda.after(pause_ns + wait_ns, lambda: self._sense(job))

    def _sense(self, job: _Job) -> None:
        channel = self.tuner.channel
        if channel is None or (job.secured and self._store.key is None):
            self._finish(job, False)
            return
        if self._ack_due or self._air.channel(channel).busy(self._name):
            job.be = min(job.be + 1, MAC.max_be)
            self._backoff(job)
            return
        end_ns = self._put(job.frame, job.secured, channel)
        length_ns = end_ns - self._agenda.now_ns
        if job.frame.ack_request:
            self._awaiting = job.frame.sequence
            self.tuner.listen("answer")
            self._timeout = self._agenda.after(length_ns + ACK_WAIT_NS, lambda: self._no_ack(job, length_ns))
        else:
            self._agenda.after(length_ns, lambda: self._finish(job, True))

    def _no_ack(self, job: _Job, length_ns: int) -> None:
        self._awaiting = None
        self.tuner.rest("answer")
        job.attempts += 1
        if job.attempts >= job.most:
            self._finish(job, False)
            return
        job.be = MAC.min_be
        self._agenda.after(self._rng.randrange(2 * job.attempts * length_ns), lambda: self._backoff(job))

    def _finish(self, job: _Job, success: bool, pending: bool = False) -> None:
        self._job = None
        if job.done is not None:
            job.done(success, pending)
        self._pump()

    def _put(self, frame: MacFrame, secured: bool, channel: int) -> int:
        """Put a frame on the air, as faults leave it; when it ends, or would have ended."""
        key, counter = (self._store.key, self._store.next_counter()) if secured else (None, None)
        right = self._octets(frame, key, counter)
        now_ns = self._agenda.now_ns
        if not self.faults.has("frame_out"):
            self._transmit(right, channel)
            return now_ns + air_time_ns(len(right))
        sent = SentFrame(FrameType(frame.frame_type).name, frame, secured, counter, key)
        free_ns = now_ns
        for delay_ns, one in self.faults.several("frame_out", sent, kind=SentFrame):
            opened = (one.key, one.counter) if one.secured else (None, None)
            psdu = self.faults.tried(partial(self._octets, one.frame, *opened))
            if psdu is not None:
                start_ns = max(now_ns + delay_ns, free_ns)
                free_ns = start_ns + air_time_ns(len(psdu)) + ACK_WAIT_NS + MAC.pause_ns
                self._agenda.after(start_ns - now_ns, partial(self._transmit, psdu, channel))
        return now_ns + air_time_ns(len(right))

    def _transmit(self, psdu: bytes, channel: int) -> None:
        self._air.channel(channel).transmit(self._name, psdu)
        self.send_time.sent(self._agenda.now_ns, air_time_ns(len(psdu)))

    def _octets(self, frame: MacFrame, key: bytes | None, counter: int | None) -> bytes:
        return encode_mac(frame) if key is None else security.protect(frame, key, counter, self._key_index)

    # -- receiving ----------------------------------------------------------------------------------------------------

    def _hear(self, on_air: OnAir, rssi_dbm: int) -> None:
        frame = self._open(on_air)
        if frame is None:
            return
        if frame.frame_type == FrameType.ACK:
            self._on_ack(frame)
        elif frame.src is not None and len(frame.src) == 8 and frame.dst in (None, BROADCAST, self.eui64):
            if frame.ack_request and frame.dst == self.eui64 and frame.sequence is not None:
                self._acknowledge(frame.sequence, self.pending(frame.src))
                if self._duplicate(frame.src, frame.sequence):
                    return
            self._on_frame(Received(frame, frame.src, frame.security is not None, rssi_dbm))

    def _open(self, on_air: OnAir) -> MacFrame | None:
        """The frame in clear text; None where it is not for this node to read (key, MIC, replay)."""
        raw = on_air.cache.get(_MAC)
        if raw is None:
            try:
                raw = decode_mac(on_air.psdu)
            except Malformed:
                raw = False
            on_air.cache[_MAC] = raw
        if not isinstance(raw, MacFrame) or raw.security is None:
            return raw if isinstance(raw, MacFrame) else None
        key, src = self._store.key, raw.src
        if (
            key is None
            or src is None
            or raw.security.key_index != self._key_index
            or raw.dst not in (self.eui64, BROADCAST)
        ):
            return None
        try:
            clear = security.unprotect(on_air.psdu, raw, key)
        except ValueError:
            return None
        counter = raw.security.frame_counter
        if counter is None or counter <= self._counters.get(src, -1):
            return None
        self._counters[src] = counter
        return clear

    def _duplicate(self, src: bytes, sequence: int) -> bool:
        now_ns = self._agenda.now_ns
        seen, at_ns = self._last_seen.get(src, (-1, 0))
        self._last_seen[src] = (sequence, now_ns)
        return seen == sequence and now_ns - at_ns < DUPLICATE_NS

    def _acknowledge(self, sequence: int, pending: bool) -> None:
        self._ack_due = True

        def transmit() -> None:
            self._ack_due = False
            if self.tuner.channel is not None:
                ack = MacFrame(FrameType.ACK, 2, sequence, frame_pending=pending)
                self._put(ack, False, self.tuner.channel)

        self._agenda.after(MAC.turnaround_ns, transmit)

    def _on_ack(self, frame: MacFrame) -> None:
        job = self._job
        if job is None or self._awaiting is None or self._awaiting != frame.sequence:
            return
        self._awaiting = None
        if self._timeout is not None:
            self._timeout.cancel()
        self.tuner.rest("answer")
        self._finish(job, True, frame.frame_pending)
