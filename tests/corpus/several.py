"""Several sniffers of one stretch of a capture, each deaf, late and damaged in its own way, and what is made of them.

What is compared: each clock to six digits, for linear algebra gives the last ones otherwise on other machines; and
every transmission, with who heard it and who speaks for it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any, Final

import attrs

from bench.air.capture.link import Record
from bench.measurands.air.figures.mesh_report import sniffers_json
from bench.measurands.air.sniffers.clocks import Clock
from bench.measurands.air.sniffers.merge import Air, Transmission
from bench.records import NS_PER_S
from tests.measurands.air.real import records

DIGITS: Final = 6
OCTET_NS: Final = 80_000
"""At 100 kbit/s."""
OVERHEAD_OCTETS: Final = 12


@attrs.frozen(slots=True)
class Sniffer:
    """What one makes of true records. Of each it hears: the share ``hears``, the others not at all; ``damaged``, with a
    wrong octet and FCS; ``late``, by up to ``late_ns``. ``first`` and ``last``: places of the stretch that it hears.
    ``again``: the share that is in its capture twice, ``again_ns`` later; ``channel`` that it tells; ``tap``: it stamps
    start and end, of a clock of its own where ``far``."""

    offset_ns: int = 0
    drift_ppm: float = 0.0
    noise_ns: float = 0.0
    hears: float = 1.0
    resolution_ns: int = 1
    stamps_end: bool = False
    damaged: float = 0.0
    late: float = 0.0
    late_ns: int = 0
    first: int = 0
    last: int = 10_000
    again: float = 0.0
    again_ns: int = 0
    channel: int | None = None
    tap: bool = False
    far: bool = False
    seed: int = 0

    def capture(self, true: Iterable[Record]) -> list[Record]:
        chance = random.Random(self.seed)
        found: list[Record] = []
        zero_ns = 0
        for place, one in enumerate(true):
            zero_ns = zero_ns or one.time_ns
            heard, damaged, late, again = (chance.random() for _ in range(4))
            noise_ns = chance.gauss(0, self.noise_ns) + (late < self.late) * chance.randrange(self.late_ns or 1)
            if self.first <= place < self.last and heard < self.hears:
                found.append(self._stamped(one, zero_ns, noise_ns, damaged < self.damaged))
                if again < self.again:
                    found.append(attrs.evolve(found[-1], time_ns=found[-1].time_ns + self.again_ns))
        return [attrs.evolve(one, number=number) for number, one in enumerate(found, 1)]

    def _stamped(self, one: Record, zero_ns: int, noise_ns: float, damaged: bool) -> Record:
        on_air_ns = (len(one.data) + 4 + OVERHEAD_OCTETS) * OCTET_NS
        at_ns = one.time_ns + on_air_ns * self.stamps_end
        shown = at_ns + self.offset_ns + round((at_ns - zero_ns) * self.drift_ppm * 1e-6 + noise_ns)
        shown = shown // self.resolution_ns * self.resolution_ns
        start = shown - 3600 * NS_PER_S * self.far if self.tap else None
        return attrs.evolve(
            one,
            time_ns=shown,
            start_ns=start,
            end_ns=None if start is None else start + on_air_ns,
            channel=self.channel,
            fcs_ok=False if damaged else one.fcs_ok,
            data=one.data[:-1] + bytes((one.data[-1] ^ 0x55,)) if damaged else one.data,
        )


@attrs.frozen(slots=True)
class Several:
    """The sniffers of a stretch of a capture (from place ``since`` to before ``until``)."""

    name: str
    since: int
    until: int
    sniffers: tuple[Sniffer, ...]

    @property
    def id(self) -> str:
        """For people and for pytest."""
        said = "+".join(_said(one) or "true" for one in self.sniffers)
        return f"{self.name}/{self.since}-to-{self.until}/{said}"

    def figures(self) -> Any:
        """What is made of them; plain JSON."""
        true = records(self.name)[self.since : self.until]
        air = Air.of({f"s{number}": one.capture(true) for number, one in enumerate(self.sniffers, 1)})
        sent = list(air.transmissions())
        middle_ns = true[len(true) // 2].time_ns
        told = {
            "sniffers": sniffers_json(air),
            "clocks": [_clock(one, middle_ns) for one in air.clocks.values()],
            "near_ns": [air.near_ns(one, other) for one in air.clocks for other in air.clocks],
            "sent": [_sent(one) for one in sent],
            "in_order": [one.start_ns for one in sent] == sorted(one.start_ns for one in sent),
        }
        return json.loads(json.dumps(_short(told)))


def _said(one: Sniffer) -> str:
    changed = attrs.asdict(one, filter=lambda field, value: value != field.default)
    return ",".join(f"{name}={value}" for name, value in changed.items())


def _clock(clock: Clock, at_ns: int) -> dict[str, Any]:
    return {
        "known": clock.known,
        "octet_ns": clock.octet_ns,
        "overhead_octets": clock.overhead_octets,
        "corrected_by_ns": [clock.to_reference(at_ns + clock.offset_ns, octets) - at_ns for octets in (0, 100)],
        "u_ns": [clock.u_ns(clock.middle_ns + seconds * NS_PER_S) for seconds in (0, 100)],
    }


def _sent(one: Transmission) -> list[Any]:
    record = one.record
    spread = [hearing.start_ns - one.start_ns for hearing in one.hearings]
    return [
        [[hearing.sniffer, hearing.record.number] for hearing in one.hearings],
        one.best.sniffer,
        [round(ns / 1000) for ns in spread],
        record.time_ns == one.start_ns,
        None if record.start_ns is None else record.start_ns == one.start_ns,
        None if record.end_ns is None or record.start_ns is None else record.end_ns - record.start_ns,
    ]


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
