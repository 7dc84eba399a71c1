"""The MAC of a node: CSMA, acknowledgements, retries, frame security, replay and duplicate checks.

A retry keeps its sequence number and takes a new frame counter and new timing, as the radios behind the captures in the
tests do. Acknowledgements are secured when the frame was. Receivers decrypt the octets that the air carried; two
receivers with the same key share the result of one transmission (``OnAir.cache``), nothing else.
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
from bench.air.wisun import frames as wisun
from bench.twin.core.kernel import Call
from bench.twin.faults import NO_FAULTS, SentFrame
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import Flash, KeyRing
from bench.twin.mesh.medium import Medium, OnAir, air_time_ns
from bench.twin.mesh.timers import BROADCAST_INTERVAL_MS, MAC, MS, UNICAST_DWELL_MS
from bench.twin.mesh.tuning import Fixed, Tuning

ACK_OCTETS_MAX: Final = 56
ACK_WAIT_NS: Final = MAC.turnaround_ns + air_time_ns(ACK_OCTETS_MAX) + MAC.ack_margin_ns
"""After a frame: until its acknowledgement is there, or will not come."""
QUEUE_MAX: Final = 64
DUPLICATE_NS: Final = 20_000 * MS
_SEQUENCE_MS: Final = UNICAST_DWELL_MS * 65536


@attrs.frozen(slots=True)
class Stamp:
    """What a frame takes from the moment of its transmission: sequence number, unicast and broadcast timing, and the
    moment itself."""

    sequence: int
    ufsi: int
    bt: wisun.Bt
    at_ns: int = 0


@attrs.frozen(slots=True)
class Heard:
    """A frame for this node, in clear text. ``src`` is the neighbour's EUI-64, ``start_ns`` when the frame began."""

    frame: MacFrame
    kind: int
    src: bytes
    secured: bool
    rssi_dbm: int
    start_ns: int = 0


Template = Callable[[Stamp], MacFrame]
Acknowledge = Callable[[MacFrame, int, Stamp], MacFrame]
"""``acknowledge(frame, its level in dBm, stamp)`` makes the answer to a frame."""


@attrs.define(slots=True)
class _Job:
    template: Template
    secured: bool
    done: Callable[[bool], None] | None
    sequence: int
    ring: KeyRing
    until_ns: int | None
    """No attempt begins then or later."""
    attempts: int = 0
    be: int = MAC.min_be
    on: int = 0
    """Channels on which it has gone out."""


class MacLayer:
    """One radio. ``on_frame`` gets every frame meant for the node, duplicates and replays removed."""

    def __init__(
        self,
        agenda: Agenda,
        medium: Medium,
        name: str,
        eui64: bytes,
        rng: random.Random,
        flash: Flash,
        epoch_ns: int,
        on_frame: Callable[[Heard], None],
        tuning: Tuning | None = None,
    ) -> None:
        self._agenda, self._medium, self._name, self.eui64 = agenda, medium, name, eui64
        self._rng, self._flash, self._epoch_ns, self._on_frame = rng, flash, epoch_ns, on_frame
        self.faults = NO_FAULTS
        self._phase_ms = rng.randrange(_SEQUENCE_MS)
        self.tuning = tuning or Fixed(medium.channel)
        self.acknowledgement: Acknowledge = self._acknowledgement
        self._on_since_ns: int | None = None
        self._sequence = rng.randrange(256)
        self._reset()
        medium.attach(name, self, self.tuning.listening_on)

    def _reset(self) -> None:
        self._queue: deque[_Job] = deque()
        self._job: _Job | None = None
        self._awaiting: tuple[int, bytes] | None = None
        self._timeout: Call | None = None
        self._ack_due = False
        self._free_at_ns = 0
        self._counters: dict[tuple[bytes, bytes], int] = {}
        self._last_seen: dict[bytes, tuple[int, int]] = {}

    def power(self, on: bool) -> None:
        """On: listen from now. Off: drop everything, cut the frame on the air short. The caller clears the agenda."""
        if not on:
            self._medium.abort(self._name)
        self._on_since_ns = self._agenda.now_ns if on else None
        if on and self.tuning.hops:  # on one channel nobody is where the phase says, so it may stay
            self._phase_ms = self._rng.randrange(_SEQUENCE_MS)
        self.tuning.begin(self._epoch_ns - self._phase_ms * MS)
        self._reset()

    # -- sending ------------------------------------------------------------------------------------------------------

    def send(
        self,
        template: Template,
        *,
        secured: bool,
        done: Callable[[bool], None] | None = None,
        to_lfn: bool = False,
        until_ns: int | None = None,
    ) -> None:
        """Queue a frame; ``template`` makes it anew for each attempt, ``done(acknowledged or sent)`` ends it.
        ``to_lfn``: under an LGTK; ``until_ns``: no attempt begins then or later."""
        ring = self._flash.lfn if to_lfn else self._flash
        if self._on_since_ns is None or len(self._queue) >= QUEUE_MAX or (secured and ring.gak is None):
            if done is not None:
                self._agenda.after(0, lambda: done(False))
            return
        self._sequence = (self._sequence + 1) & 0xFF
        self._queue.append(_Job(template, secured, done, self._sequence, ring, until_ns))
        self._pump()

    def _pump(self) -> None:
        if self._job is None and self._queue:
            self._job = self._queue.popleft()
            self._backoff(self._job)

    def _backoff(self, job: _Job) -> None:
        pause = max(0, self._free_at_ns - self._agenda.now_ns)
        delay = pause + self._rng.randrange(1, 2**job.be + 1) * MAC.backoff_unit_ns
        self._agenda.after(delay, lambda: self._sense(job))

    def _sense(self, job: _Job) -> None:
        late = job.until_ns is not None and self._agenda.now_ns >= job.until_ns
        if late or (job.secured and job.ring.gak is None):
            self._finish(job, False)
            return
        frame = job.template(self._stamp(job.sequence))
        way = self.tuning.way(frame, self._agenda.now_ns)
        if way is None:
            self._finish(job, False)
        elif way.wait_ns:
            spread_ns = self._rng.randrange(2**job.be) * MAC.backoff_unit_ns
            self._agenda.after(way.wait_ns + spread_ns, lambda: self._sense(job))
        elif self._ack_due or self._medium.busy(self._name, way.channels[job.on]):
            job.be = min(job.be + 1, MAC.max_be)
            self._backoff(job)
        else:
            self._send_now(job, frame, way.channels)

    def _send_now(self, job: _Job, frame: MacFrame, channels: tuple[int, ...]) -> None:
        channel = channels[job.on]
        end = self._put(frame, job.ring.key_index if job.secured else None, channel)
        self._free_at_ns = end + MAC.pause_ns
        if frame.dst is None and job.on + 1 < len(channels):
            job.on += 1  # once on each channel, as a frame of its own
            self._agenda.after(self._free_at_ns - self._agenda.now_ns, lambda: self._sense(job))
        elif frame.ack_request and frame.dst is not None:
            self._awaiting = (job.sequence, frame.dst)
            length = end - self._agenda.now_ns
            self.tuning.stay(channel, end + ACK_WAIT_NS)
            self._timeout = self._agenda.after(length + ACK_WAIT_NS, lambda: self._no_ack(job, length))
        else:
            self._agenda.after(end - self._agenda.now_ns, lambda: self._finish(job, True))

    def _no_ack(self, job: _Job, length_ns: int) -> None:
        """Repeat later. The wait grows with the frame, or two hidden senders of long frames would collide for ever."""
        self._awaiting = None
        job.attempts += 1
        if job.attempts >= MAC.attempts:
            self._finish(job, False)
            return
        job.be = MAC.min_be
        self._agenda.after(self._rng.randrange(2 * job.attempts * length_ns), lambda: self._backoff(job))

    def _finish(self, job: _Job, success: bool) -> None:
        self._job = None
        if job.done is not None:
            job.done(success)
        self._pump()

    def _put(self, frame: MacFrame, key_index: int | None, channel: int) -> int:
        """Put a frame on the air, secured by the key of an index, as faults leave it; when it ends, or would have."""
        key = self._flash.any_gak_of(key_index)
        counter = self._flash.next_counter(key) if key is not None else None
        index = key_index or 0
        if not self.faults.has("frame_out"):
            return self._medium.transmit(self._name, _octets(frame, key, counter, index), channel)
        right = SentFrame(_kind(frame), frame, key is not None, counter, key)
        index = index or self._flash.key_index or 1  # of a frame that a fault secures
        end = self._agenda.now_ns + air_time_ns(len(_octets(frame, key, counter, index)))
        free_ns = 0
        for delay_ns, sent in self.faults.several("frame_out", right, kind=SentFrame):
            opened = (sent.key, sent.counter) if sent.secured else (None, None)
            psdu = self.faults.tried(partial(_octets, sent.frame, *opened, index))
            if psdu is not None:
                start_ns = max(self._agenda.now_ns + delay_ns, free_ns)
                free_ns = start_ns + air_time_ns(len(psdu)) + (ACK_WAIT_NS if frame.ack_request else 0) + MAC.pause_ns
                self._start_at(start_ns, psdu, channel)
        return end

    def _start_at(self, start_ns: int, psdu: bytes, channel: int) -> None:
        def start() -> None:
            self._medium.transmit(self._name, psdu, channel)

        wait_ns = start_ns - self._agenda.now_ns
        if wait_ns:
            self._agenda.after(wait_ns, start)
        else:
            start()

    def _stamp(self, sequence: int) -> Stamp:
        ms = (self._agenda.now_ns - self._epoch_ns) // MS
        ufsi = ((ms + self._phase_ms) % _SEQUENCE_MS) * 2**24 // _SEQUENCE_MS
        slot, offset = divmod(ms, BROADCAST_INTERVAL_MS)
        return Stamp(sequence, ufsi, wisun.Bt(slot & 0xFFFF, offset), self._agenda.now_ns)

    # -- receiving ----------------------------------------------------------------------------------------------------

    def listening_since_ns(self) -> int | None:
        return self._on_since_ns

    def on_air(self, frame: OnAir, rssi_dbm: int) -> None:
        heard = self._open(frame)
        if heard is None or heard.src is None:
            return
        if heard.dst is not None and heard.dst != self.eui64:
            return
        self.tuning.heard(heard, frame.start_ns)
        if heard.frame_type == FrameType.ACK:
            self._on_ack(heard)
            return
        kind = wisun.frame_type(heard)
        if kind is None:
            return
        if heard.ack_request and heard.sequence is not None:
            self._acknowledge(heard, rssi_dbm, frame.channel)
            if self._duplicate(heard.src, heard.sequence):
                return
        secured = heard.security is not None
        self._on_frame(Heard(heard, kind, heard.src, secured, rssi_dbm, frame.start_ns))

    def _open(self, on_air: OnAir) -> MacFrame | None:
        """The frame in clear text; None where it is not for this node to read (key, MIC, replay)."""
        raw = on_air.cache.get("mac")
        if raw is None:
            try:
                raw = decode_mac(on_air.psdu)
            except Malformed:
                raw = False
            on_air.cache["mac"] = raw
        if not isinstance(raw, MacFrame) or raw.security is None:
            return raw if isinstance(raw, MacFrame) else None
        key = self._flash.any_gak_of(raw.security.key_index)
        if key is None or raw.src is None:
            return None
        if raw.dst is not None and raw.dst != self.eui64:
            return None
        clear = on_air.cache.get(key)
        if clear is None:
            try:
                clear = security.unprotect(on_air.psdu, raw, key)
            except ValueError:
                clear = False
            on_air.cache[key] = clear
        if not isinstance(clear, MacFrame) or not self._fresh(raw, key):
            return None
        return clear

    def _fresh(self, frame: MacFrame, key: bytes) -> bool:
        """Frame counters only grow, per neighbour and key (IEEE 802.15.4 clause 9.2.4)."""
        security_, src = frame.security, frame.src
        if security_ is None or security_.frame_counter is None or src is None:
            return False
        slot = (src, key)
        if security_.frame_counter <= self._counters.get(slot, -1):
            return False
        self._counters[slot] = security_.frame_counter
        return True

    def _duplicate(self, src: bytes, sequence: int) -> bool:
        now = self._agenda.now_ns
        seen, at = self._last_seen.get(src, (-1, 0))
        self._last_seen[src] = (sequence, now)
        return seen == sequence and now - at < DUPLICATE_NS

    def _acknowledge(self, frame: MacFrame, rssi_dbm: int, channel: int) -> None:
        self._ack_due = True

        def transmit() -> None:
            self._ack_due = False
            key_index = frame.security.key_index if frame.security is not None else None
            if key_index is not None and self._flash.any_gak_of(key_index) is None:
                return  # the key was erased since
            end = self._put(self.acknowledgement(frame, rssi_dbm, self._stamp(0)), key_index, channel)
            self._free_at_ns = max(self._free_at_ns, end + MAC.pause_ns)

        self._agenda.after(MAC.turnaround_ns, transmit)

    def _acknowledgement(self, frame: MacFrame, rssi_dbm: int, stamp: Stamp) -> MacFrame:
        return wisun.ack(frame, self.eui64, rsl_dbm=rssi_dbm, bt=stamp.bt, ufsi=stamp.ufsi)

    def _on_ack(self, frame: MacFrame) -> None:
        job = self._job
        if job is None or self._awaiting != (frame.sequence, frame.src):
            return
        if job.secured and frame.security is None:
            return  # anybody could have sent it
        self._awaiting = None
        if self._timeout is not None:
            self._timeout.cancel()
        self._finish(job, True)


def _octets(frame: MacFrame, key: bytes | None, counter: int | None, key_index: int) -> bytes:
    """The PSDU of a frame, secured where there is a key."""
    return encode_mac(frame) if key is None else security.protect(frame, key, counter, key_index)


def _kind(frame: MacFrame) -> str:
    """What kind of Wi-SUN frame it is, in a word."""
    kind = None if frame.frame_type == FrameType.ACK else wisun.frame_type(frame)
    return "ACK" if kind is None else wisun.WisunFrameType(kind).name
