"""``air.rules``: how often a terminal broke a rule of its radio method in the whole run, as the sniffers heard it.

A count, passive and over everything that was driven. Start and stop are those of the captures; each rule is public
(domain.md 5.1, 5.2) and each breach names it:

* *clear text*: a FAN data frame without security (level 6 is the rule).
* *counter fell back*, *counter used twice*: under one key a frame counter only rises; the same one with other octets
  gives the keystream away, and receivers drop what falls back. Where the key is not known and may have been renewed
  (`bench.measurands.air.figures.counters`), a fall is no breach.
* *replayed*: the same secured frame again, a minute later or more. Who sent it the air does not tell: a breach in the
  terminal's name.
* *unknown key*: a whole FAN frame that no key of the run opens, while frames before and after it, of the terminal under
  the same key index, are opened, and no other node's is shut in between (a key that the run does not know shuts them
  all). Whole is what an FCS of four octets proves. Who sent it the air does not tell, either.
* *too long on the air*: more than 4 s in one sending, or more than 360 s within an hour (ARIB STD-T108).
* *no pause*: less than 2 ms after a sending, or 50 ms after one of more than 0.4 s. Only where the sniffer stamps both
  ends of a frame, and not beside an acknowledgement, which is an answer.

No breach is said only where the sniffers heard most of what the terminal sent. Each datum of it at the server came by
frames shortly before, and its counters tell which frames are missing. Where more than one datum in five came without
a frame heard, or more than one frame in five follows on missing ones, nothing is judged; a breach stays one.

What needs more than the air is not judged: carrier sense, power. Senders that are neither samples nor reference
terminals are counted in the conditions and blamed for nothing: the smart meters of a mesh are among them. A run that
went on in a new simulated world has new terminals: counters and sums begin anew there, and nowhere else
(`bench.evidence.worlds`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, deque
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import attrs

from bench import kinds
from bench.evidence.evidence import Episode, Evidence
from bench.evidence.worlds import Worlds
from bench.measurands.judged.common import Trouble, gated, unfinished
from bench.measurands.judged.explain import AirView, air_view
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_HOUR, NS_PER_S, Measurement

if TYPE_CHECKING:
    from bench.measurands.air.sightings.sighting import Sighting
    from bench.measurands.air.sniffers.airtime import Phy

NAME: Final = "air.rules"
FAN: Final = "wi-sun-fan-1.1"
COUNTED: Final = frozenset((FAN, "wi-sun-enhanced-han", "u-bus-air", "u-bus-air-star", "u-bus-air-base"))
"""Methods whose MAC is IEEE 802.15.4: a secured frame has a counter, and its rules hold (clause 9.2.4)."""
LONGEST_NS: Final = 4 * NS_PER_S
HOUR_NS: Final = 360 * NS_PER_S
SHORT_NS: Final = 400_000_000
PAUSES_NS: Final = (2_000_000, 50_000_000)
"""After a sending of at most 0.4 s, and after a longer one."""
REPLAYED_NS: Final = 60 * NS_PER_S
"""A MAC repeats a frame that was not acknowledged within seconds; what comes again after a minute is no repetition."""
DATA: Final = (kinds.SERVER_REACHABLE, kinds.SERVER_UPLOAD, kinds.SERVER_ALARM, kinds.SERVER_ANSWER)
"""Events at the server that need a message of the terminal each."""
WINDOW_NS: Final = 300 * NS_PER_S
"""How long the message of a datum may be on its way."""


@attrs.frozen(slots=True)
class Breach:
    """One rule that was broken: which, when (UTC of the sniffer), in which frame, and how."""

    rule: str
    at_ns: int
    frame: int
    said: str


def air_rules(episodes: Sequence[Episode], setup: Setup, statistic: str) -> list[Measurement]:
    """One measurement a terminal: the number of breaches. ``statistic`` is always a count."""
    evidence = episodes[0].evidence
    view = air_view(evidence, evidence.last_ns())
    trouble = nothing_heard(view)
    if trouble is not None:
        return [gated(NAME, terminal.id, "1", trouble) for terminal in setup.terminals]
    methods = frozenset(setup.radio_methods)
    listeners = {
        octets(terminal.eui64): Listener(FAN in methods, bool(methods & COUNTED)) for terminal in setup.terminals
    }
    others = _listen(view, listeners, Worlds.of(evidence))
    for eui64, listener in listeners.items():
        listener.breaches += _of_unknown_key(view, eui64) if listener.fan else ()
    known = {octets(reference.eui64) for reference in setup.references}
    return [
        _measure(episodes[0], terminal, listeners[octets(terminal.eui64)], sorted(others - known))
        for terminal in setup.terminals
    ]


def nothing_heard(view: AirView) -> Trouble | None:
    """Why the air of the run tells nothing: no sniffer, or no frame that could be read."""
    if view.seen is None:
        return Trouble("no sniffer", False, ())
    return None if len(view.seen.sightings) else Trouble("the sniffers heard no frame that could be read", False, ())


def octets(eui64: str) -> bytes:
    """An EUI-64 as it stands on the air."""
    return bytes.fromhex(eui64.replace(":", ""))


@attrs.define
class Listener:
    """Hears one terminal's frames in order, and keeps what they broke. ``fan``: the rules of FAN hold, too, and
    ``counted``: those of frame counters."""

    fan: bool
    counted: bool
    starts: list[int] = attrs.field(factory=list)
    breaches: list[Breach] = attrs.field(factory=list)
    _gaps: int = 0
    _sent: set[tuple[int | None, int]] = attrs.field(factory=set)
    _counters: dict[tuple[int | None, int | None, int], Sighting] = attrs.field(factory=dict)
    _hour: deque[tuple[int, int]] = attrs.field(factory=deque)
    _hour_ns: int = 0
    _over: bool = False
    _last: tuple[int, int] | None = None

    def hear(self, sighting: Sighting, radio: Phy) -> None:
        """The next frame that the terminal sent."""
        self.starts.append(sighting.start_ns)
        if self.counted:
            self._security(sighting)
        self._sending(sighting, radio)

    @property
    def rules(self) -> str:
        """Which rules hold, in words."""
        if self.fan:
            return "ARIB STD-T108 and FAN security"
        return "ARIB STD-T108 and frame counters" if self.counted else "ARIB STD-T108"

    @property
    def frames(self) -> int:
        """How many were heard."""
        return len(self.starts)

    @property
    def gaps(self) -> int:
        """How often frames are missing before one that was heard, as counters tell."""
        by_index: dict[int | None, list[int]] = {}
        for key_index, counter in sorted(self._sent, key=itemgetter(1)):
            by_index.setdefault(key_index, []).append(counter)
        return self._gaps + sum(after - before > 1 for one in by_index.values() for before, after in pairwise(one))

    def forget(self) -> None:
        """What comes now is sent by another one of the same name: nothing before it counts against it."""
        self._gaps = self.gaps
        self._sent.clear()
        self._counters.clear()
        self._hour.clear()
        self._hour_ns, self._over, self._last = 0, False, None

    def _security(self, sighting: Sighting) -> None:
        if sighting.counter is None:
            if self.fan and sighting.kind == "DATA":
                self._breach("clear text", sighting, "a data frame without security")
            return
        self._sent.add((sighting.key_index, sighting.counter))
        if sighting.body is None:
            return  # not opened: two frames of one counter may be of two keys, and neither is read
        before = self._counters.setdefault((sighting.key_index, sighting.key, sighting.counter), sighting)
        if before is sighting:
            return
        if before.body != sighting.body:
            self._breach("counter used twice", sighting, f"counter {sighting.counter} as in frame {before.number}")
        elif sighting.start_ns - before.start_ns > REPLAYED_NS:
            late_s = (sighting.start_ns - before.start_ns) / NS_PER_S
            self._breach("replayed", sighting, f"frame {before.number} again after {late_s:.0f} s")

    def _sending(self, sighting: Sighting, radio: Phy) -> None:
        air_ns = radio.air_ns(sighting)
        if air_ns is None:
            return
        if air_ns > LONGEST_NS:
            self._breach("too long on the air", sighting, f"{air_ns / NS_PER_S:.3g} s in one sending")
        self._add_to_hour(sighting, air_ns)
        if sighting.is_ack or sighting.air_ns is None:
            return
        if self._last is not None:
            end_ns, length_ns = self._last
            pause_ns, least_ns = sighting.start_ns - end_ns, PAUSES_NS[length_ns > SHORT_NS]
            if 0 <= pause_ns < least_ns:
                said = f"{pause_ns / 1e6:.3g} ms after a sending of {length_ns / 1e6:.3g} ms"
                self._breach("no pause", sighting, said)
        self._last = sighting.start_ns + air_ns, air_ns

    def _add_to_hour(self, sighting: Sighting, air_ns: int) -> None:
        """One breach for each time that the sum of an hour comes to be over its limit."""
        self._hour.append((sighting.start_ns, air_ns))
        self._hour_ns += air_ns
        while self._hour[0][0] <= sighting.start_ns - NS_PER_HOUR:
            self._hour_ns -= self._hour.popleft()[1]
        over = self._hour_ns > HOUR_NS
        if over and not self._over:
            self._breach("too long on the air", sighting, f"{self._hour_ns / NS_PER_S:.4g} s within an hour")
        self._over = over

    def _breach(self, rule: str, sighting: Sighting, said: str) -> None:
        self.breaches.append(Breach(rule, sighting.start_ns, sighting.number, said))


def _listen(view: AirView, listeners: dict[bytes, Listener], worlds: Worlds) -> set[bytes]:
    """Lets each listener hear its terminal's frames; the senders that nobody listens to."""
    from bench.measurands.air.figures.counters import FallBacks
    from bench.measurands.air.sniffers.airtime import phy_of

    assert view.seen is not None
    radio, falls, others, world = phy_of(view.seen), list[FallBacks](), set[bytes](), None
    for sighting in view.seen.sightings:
        if (now := worlds.at(sighting.start_ns)) != world:
            world = now
            falls.append(FallBacks())
            for listener in listeners.values():
                listener.forget()
        falls[-1].see(sighting)
        sender = view.seen.sender(sighting)
        if sender in listeners:
            listeners[sender].hear(sighting, radio)
        elif sender is not None:
            others.add(sender)
    for sender, fall in (fallen for one in falls for fallen in one.last().items()):
        if sender in listeners and listeners[sender].counted and not fall.doubtful:
            said = f"from {fall.before} to {fall.after}"
            listeners[sender].breaches.append(Breach("counter fell back", fall.at_ns, fall.frame, said))
    return others


def _of_unknown_key(view: AirView, eui64: bytes) -> list[Breach]:
    """A terminal's frames under another key than its network's."""
    assert view.seen is not None
    own = [one for one in view.shut if one.src == eui64]
    if not own:
        return []
    opened: dict[int | None, list[int]] = {}
    for sighting in view.seen.sightings:
        if sighting.counter is not None and view.seen.sender(sighting) == eui64:
            opened.setdefault(sighting.key_index, []).append(sighting.start_ns)
    others: dict[int | None, list[int]] = {}
    for other in sorted(view.shut, key=lambda shut: shut.start_ns):
        if other.src != eui64:
            others.setdefault(other.key_index, []).append(other.start_ns)
    found = []
    for one in own:
        known, alike = opened.get(one.key_index, []), others.get(one.key_index, [])
        at = bisect_left(known, one.start_ns)
        if not 0 < at < len(known):
            continue
        between = bisect_left(alike, known[at - 1])
        if between == len(alike) or alike[between] > known[at]:
            said = f"no key of index {one.key_index} opens it, as those before and after it"
            found.append(Breach("unknown key", one.start_ns, one.number, said))
    return found


def _measure(episode: Episode, terminal: TerminalSetup, listener: Listener, others: list[bytes]) -> Measurement:
    if not listener.frames:
        return gated(NAME, terminal.id, "1", Trouble("the sniffers heard nothing of it", False, ()))
    if not listener.breaches:  # what was seen stays seen
        trouble = unfinished(episode) or _missed_much(episode.evidence, terminal.id, listener)
        if trouble is not None:
            return gated(NAME, terminal.id, "1", trouble, frames=listener.frames)
    breaches = sorted(listener.breaches, key=lambda one: one.at_ns)
    return Measurement(
        NAME,
        terminal.id,
        float(len(breaches)),
        "1",
        u=0.0,
        conditions={
            "frames": listener.frames,
            "rules": listener.rules,
            "other_senders": len(others),
        },
        detail={
            "breaches": [attrs.asdict(one) for one in breaches],
            "rules_broken": dict(Counter(one.rule for one in breaches)),
            "other_senders": [":".join(f"{octet:02x}" for octet in other) for other in others],
        },
    )


def _missed_much(evidence: Evidence, terminal: str, listener: Listener) -> Trouble | None:
    """Why what was heard of a terminal does not stand for all that it sent; None where it does."""
    starts = sorted(listener.starts)
    data = [event for kind in DATA for event in evidence.events(kind, subject=terminal)]
    came = [evidence.clocks.utc(evidence.clocks.heard(event, 0).high) for event in data]
    unheard = sum(bisect_left(starts, at.low - WINDOW_NS) == bisect_right(starts, at.high) for at in came)
    if unheard * 5 > len(data):
        why = f"the sniffers heard nothing of it in the five minutes before {unheard} of its {len(data)} data"
        return Trouble(why, False, ())
    gaps = listener.gaps
    if gaps * 5 > listener.frames:
        why = f"the sniffers missed frames before {gaps} of the {listener.frames} that they heard"
        return Trouble(why, False, ())
    return None
