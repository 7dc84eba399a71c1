"""A smart meter's LFNs: when each of them listens, and the frames that wait until it does.

A smart meter knows of an LFN what its frames say: LUS-IE and LUTT-IE tell its windows. Frames for it go out one after
another, in its order, when the next window opens or right after a frame that it acknowledged; what was not acknowledged
waits for the next window, for some windows. All of it is RAM.
"""

from __future__ import annotations

import random
from collections import deque

import attrs

from bench.air.wisun import frames as wisun
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import Flash
from bench.twin.mesh.lfn.listening import Windows
from bench.twin.mesh.lfn.timing import BUFFER_INTERVALS, GUARD_NS, STILL_AWAKE_NS, WAITING_MAX, WINDOW_NS
from bench.twin.mesh.mac_layer import Heard, MacLayer, Stamp, Template
from bench.twin.mesh.timers import MS
from bench.twin.mesh.voice import Done, FfnVoice

_SAME_NS = 3 * MS
"""Two tellings of one window differ by less: they are made in ms."""


@attrs.define(slots=True)
class _Waiting:
    template: Template
    secured: bool
    done: Done | None
    until_ns: int


@attrs.define(slots=True)
class _Child:
    windows: Windows
    allowed_ms: tuple[int, int] | None = None
    """Listening intervals that it can do, by NR-IE."""
    shift: Windows | None = None
    """The windows that it is asked to have (LTO-IE)."""
    waiting: deque[_Waiting] = attrs.field(factory=deque)
    busy: bool = False
    awake_until_ns: int = 0
    wake: Call | None = None


class Children:
    """LFNs by EUI-64. ``broadcast``: the windows in which all of them listen."""

    def __init__(self, agenda: Agenda, rng: random.Random, mac: MacLayer, broadcast: Windows) -> None:
        self._agenda, self._rng, self._mac, self._broadcast = agenda, rng, mac, broadcast
        self._children: dict[bytes, _Child] = {}

    def __contains__(self, eui64: bytes | None) -> bool:
        return eui64 in self._children

    def forget(self) -> None:
        """RAM is gone."""
        self._children.clear()

    def hear(self, heard: Heard) -> None:
        """A frame of a neighbour: an LFN's tells its windows. Raises `Malformed`."""
        if wisun.utt(heard.frame) is not None:
            return
        lutt, lus = wisun.element(heard.frame, wisun.Lutt), wisun.element(heard.frame, wisun.Lus)
        if lutt is None or lus is None or not lus.listen_interval_ms:
            return
        windows = Windows(heard.start_ns - lutt.offset * MS, lus.listen_interval_ms * MS)
        child = self._children.setdefault(heard.src, _Child(windows))
        role = wisun.element(heard.frame, wisun.Nr)
        if role is not None and role.listen_min is not None and role.listen_max is not None:
            child.allowed_ms = role.listen_min, role.listen_max
        if child.windows.interval_ns != windows.interval_ns:
            child.shift = self._better(windows, child.allowed_ms)
        child.windows = windows
        if child.shift is not None and _same(child.shift, windows):
            child.shift = None
        self._pump(child)

    def _better(self, windows: Windows, allowed_ms: tuple[int, int] | None) -> Windows | None:
        """Windows that never fall into the broadcast ones: an interval that goes with theirs, at a place of its own.
        None where the LFN says itself, by an interval that it cannot do for long, that it is not to be asked."""
        if allowed_ms is None or not allowed_ms[0] <= windows.interval_ns // MS <= allowed_ms[1]:
            return None
        interval_ns = adjusted_ms(windows.interval_ns // MS, self._broadcast.interval_ns // MS, *allowed_ms) * MS
        free_ns = min(interval_ns, self._broadcast.interval_ns) - 2 * WINDOW_NS
        place_ns = WINDOW_NS + self._rng.randrange(max(1, free_ns // WINDOW_NS)) * WINDOW_NS
        return Windows(self._broadcast.anchor_ns + place_ns, interval_ns)

    def timing(self, eui64: bytes, stamp: Stamp) -> tuple[wisun.Lbt | wisun.Lto, ...]:
        """What a frame for an LFN says besides: the broadcast time, and other windows where it is asked for them."""
        child = self._children.get(eui64)
        return () if child is None else (self.lbt(stamp.at_ns), *self.lto(eui64))

    def lbt(self, t_ns: int) -> wisun.Lbt:
        """LBT-IE of a frame that begins then."""
        slot, since_ns = self._broadcast.place(t_ns)
        return wisun.Lbt(slot, since_ns // MS)

    def lto(self, eui64: bytes) -> tuple[wisun.Lto, ...]:
        """LTO-IE where it is asked for other windows: its interval, and how much later than now they are to be."""
        child = self._children[eui64]
        if child.shift is None:
            return ()
        later_ns = (child.shift.anchor_ns - child.windows.anchor_ns) % child.shift.interval_ns
        return (wisun.Lto(later_ns // MS, child.shift.interval_ns // MS),)

    def send(self, eui64: bytes, template: Template, *, secured: bool, done: Done | None = None) -> None:
        """A frame for an LFN, in one of its next windows."""
        child = self._children[eui64]
        if len(child.waiting) >= WAITING_MAX:
            if done is not None:
                self._agenda.after(0, lambda: done(False))
            return
        until_ns = self._agenda.now_ns + BUFFER_INTERVALS * child.windows.interval_ns
        child.waiting.append(_Waiting(template, secured, done, until_ns))
        self._pump(child)

    def _pump(self, child: _Child) -> None:
        if child.wake is not None:
            child.wake.cancel()
            child.wake = None
        if child.busy or not child.waiting:
            return
        now_ns = self._agenda.now_ns
        if now_ns < child.awake_until_ns:
            self._put(child, child.awake_until_ns)
            return
        opens_ns = child.windows.next_ns(now_ns - GUARD_NS) + GUARD_NS
        ends_ns = opens_ns + WINDOW_NS - 3 * GUARD_NS
        child.wake = self._agenda.after(opens_ns - now_ns, lambda: self._put(child, ends_ns))

    def _put(self, child: _Child, until_ns: int) -> None:
        child.wake, child.busy = None, True
        job = child.waiting.popleft()

        def result(success: bool) -> None:
            child.busy = False
            now_ns = self._agenda.now_ns
            child.awake_until_ns = now_ns + STILL_AWAKE_NS if success else 0
            if not success and now_ns < job.until_ns:
                child.waiting.appendleft(job)
            elif job.done is not None:
                job.done(success)
            self._pump(child)

        self._mac.send(job.template, secured=job.secured, done=result, to_lfn=True, until_ns=until_ns)


class ParentVoice(FfnVoice):
    """A smart meter's: LFNs are told the time, and their frames wait."""

    def __init__(self, mac: MacLayer, flash: Flash, us: wisun.Us, bs: wisun.Bs | None, children: Children) -> None:
        super().__init__(mac, flash, us, bs)
        self._children = children

    def timing(self, neighbour: bytes | None, stamp: Stamp) -> tuple[wisun.Lbt | wisun.Lto, ...]:
        return () if neighbour is None else self._children.timing(neighbour, stamp)

    def send(self, neighbour: bytes | None, template: Template, *, secured: bool, done: Done | None = None) -> None:
        if neighbour is not None and neighbour in self._children:
            self._children.send(neighbour, template, secured=secured, done=done)
        else:
            super().send(neighbour, template, secured=secured, done=done)


def adjusted_ms(listening_ms: int, broadcast_ms: int, least_ms: int, most_ms: int) -> int:
    """The listening interval nearest to the wanted one that is a multiple or a whole part of the broadcast interval, so
    that windows never drift into the broadcast ones; the wanted one where none is allowed."""
    parts = (broadcast_ms // n for n in range(1, broadcast_ms // least_ms + 1) if broadcast_ms % n == 0)
    multiples = range(broadcast_ms, most_ms + 1, broadcast_ms)
    fit = [ms for ms in (*parts, *multiples) if least_ms <= ms <= most_ms]
    return min(fit, key=lambda ms: (abs(ms - listening_ms), ms), default=listening_ms)


def _same(one: Windows, other: Windows) -> bool:
    apart_ns = (one.anchor_ns - other.anchor_ns) % one.interval_ns
    return one.interval_ns == other.interval_ns and min(apart_ns, one.interval_ns - apart_ns) < _SAME_NS
