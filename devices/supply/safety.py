"""Every output of a rig into its safe state, all instruments at once: what bench and watchdog do on the way out.

    plan ──> one thread an instrument ──> its outputs one after the other ──> what each then reports, or why it does not

An instrument that is slow or dead delays its own outputs only. Nothing here logs, records, or knows labgrid: act first.
Nothing raises, whatever class of exception an output meets: the next one gets its turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from bench.sockets import Deadline, pause
from devices.supply.supply import Bare, Output, Safe, Supply, dialect_named, make_safe
from devices.wires.address import Address

WHOLE_S: Final = 90.0
"""Real seconds after which an instrument that is still being tried counts as not made safe."""


SAFE_PAUSES_S: Final = (0.0, 1.0)
"""Real seconds before each round in which what is not safe yet is tried."""


@attrs.frozen(slots=True)
class SafeOutput:
    """One output and its safe state: ``hold`` is on at ``volts`` limited to ``amps``."""

    channel: int
    safe: Safe
    volts: float
    amps: float


@attrs.frozen(slots=True)
class Instrument:
    """One supply and what it feeds; ``at`` is where it is reached, ``model`` as in a rig file."""

    name: str
    at: Address
    model: str
    outputs: tuple[SafeOutput, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data for the watchdog's first line."""
        return attrs.asdict(self, value_serializer=lambda _i, _a, v: v.value if isinstance(v, Safe) else v)

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Instrument:
        """What ``as_json`` made."""
        outputs = tuple(SafeOutput(o["channel"], Safe(o["safe"]), o["volts"], o["amps"]) for o in data["outputs"])
        return cls(data["name"], Address(**data["at"]), data["model"], outputs)

    def supply(self) -> Bare:
        """A session of one's own."""
        if self.at.labgrid:
            from devices.switch.switch import built  # labgrid takes 0.4 s, and most watchdogs need none of it

            return built(self.name, self.at.labgrid)
        return Supply(self.at.line(self.name), dialect_named(self.model))


@attrs.frozen(slots=True)
class Secured:
    """What became of one output: the instrument's own report, or why it cannot be said to be safe."""

    instrument: str
    wanted: SafeOutput
    output: Output | None
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the instrument itself confirmed the state."""
        return not self.error


def secure(
    instruments: Sequence[Instrument], supply_of: Callable[[Instrument], Bare] = Instrument.supply
) -> list[Secured]:
    """Make every output safe; one result an output, in the order of the plan. Never raises an ``Exception``."""
    done: dict[tuple[str, int], Secured] = {}
    threads = []
    for instrument in instruments:
        thread = threading.Thread(
            target=_secure_all, args=(instrument, supply_of, done), name=f"safe {instrument.name}", daemon=True
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError):  # no more threads: one after the other, then
            _secure_all(instrument, supply_of, done)
        else:
            threads.append(thread)
    deadline = Deadline(WHOLE_S)
    for thread in threads:
        thread.join(deadline.left_s)
    return [
        done.get((i.name, o.channel)) or Secured(i.name, o, None, f"{i.name} channel {o.channel}: takes too long")
        for i in instruments
        for o in i.outputs
    ]


def _secure_all(
    instrument: Instrument, supply_of: Callable[[Instrument], Bare], done: dict[tuple[str, int], Secured]
) -> None:
    """One instrument: every "off" goes out before anything is asked, then each output is tried until all obey."""
    supply: Bare | None = None
    try:
        supply = supply_of(instrument)
        for wanted in instrument.outputs:
            if wanted.safe is Safe.OFF:
                supply.act_off(wanted.channel)
    except BaseException as error:  # told below, by the tries that follow
        if supply is None:
            for wanted in instrument.outputs:
                done[instrument.name, wanted.channel] = _failed(instrument, wanted, error)
            return
    left = list(instrument.outputs)
    for pause_s in SAFE_PAUSES_S:
        pause(pause_s)
        for wanted in tuple(left):
            try:
                output = make_safe(supply, wanted.channel, wanted.safe, wanted.volts, wanted.amps)
            except BaseException as error:
                done[instrument.name, wanted.channel] = _failed(instrument, wanted, error)
            else:
                done[instrument.name, wanted.channel] = Secured(instrument.name, wanted, output)
                left.remove(wanted)
        if not left:
            return


def _failed(instrument: Instrument, wanted: SafeOutput, error: BaseException) -> Secured:
    text = " ".join(str(error).split()) or type(error).__name__
    named = text if text.startswith(instrument.name) else f"{instrument.name} channel {wanted.channel}: {text}"
    return Secured(instrument.name, wanted, None, named)
