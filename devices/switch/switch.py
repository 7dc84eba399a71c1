"""One output behind a labgrid driver, switched, read back and bounded in time; needs no rig, so the watchdog has it.

labgrid's drivers may wait for ever for a dead box, and raise what their libraries raise. Each call runs in a thread of
its own for at most ``ANSWER_S``; what is late or failed is one line. Switching is absolute, so it is repeated.
"""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

import attr
from labgrid import target_factory
from labgrid.protocol import DigitalOutputProtocol
from labgrid.resource import Resource

from bench.errors import BenchError, InputError
from bench.sockets import Deadline, pause
from devices.remote.cures import cure
from devices.supply.supply import Output
from devices.wires.session import SessionLost

ANSWER_S: Final = 5.0
SETTLE_S: Final = 2.0
"""Real seconds in which a read-back must come to show what was switched."""
READ_AGAIN_S: Final = 0.1
PAUSES_S: Final = (0.0, 0.5, 1.0)
"""Before each try."""
_NOT_PARAMETERS: Final = frozenset({"target", "name"})

T = TypeVar("T")


def bounded(name: str, what: str, call: Callable[[], T], seconds: float = ANSWER_S) -> T:
    """What ``call`` returns; ``SessionLost`` of one line when it fails or does not return in time."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work, name=f"{name}: {what}", daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if errors:
        said = " ".join(str(errors[0]).split())[:200] or type(errors[0]).__name__
        raise SessionLost(f"{name}: {what}: {said}")
    raise SessionLost(f"{name}: {what}: no answer within {seconds:g} s")


class Switch:
    """An active labgrid driver as an output; ``channel`` is always 1, volts and amperes are not its business."""

    def __init__(self, name: str, driver: Any) -> None:
        self.name, self._driver = name, driver

    def act_off(self, channel: int) -> None:
        """Send "off" at once."""
        self._send(False)

    def set_volts(self, channel: int, volts: float) -> float:
        """It sets none."""
        return volts

    def set_amps(self, channel: int, amps: float) -> float:
        """It sets none."""
        return amps

    def switch(self, channel: int, on: bool) -> bool:
        """Switch, and read back until it fits; ``BenchError`` where it does not come to."""
        failure: BenchError | None = None
        for pause_s in PAUSES_S:
            pause(pause_s)
            try:
                self._send(on)
                got = self._settled(on)
            except SessionLost as error:
                failure = error
                continue
            if got is on:
                return got
            failure = BenchError(f"{self.name}: switched {_word(on)}, reads back {_word(got)}")
        assert failure is not None
        raise failure

    def state(self, channel: int) -> bool:
        """What the switch says that it is."""
        return bounded(self.name, "get", lambda: bool(self._driver.get()))

    def output(self, channel: int) -> Output:
        """The state; what it feeds is not known here."""
        return Output(channel, self.state(channel), None, None, None, None)

    def proven_state(self, channel: int) -> bool:
        """The state: answers here are results of calls, none can be another question's."""
        return self.state(channel)

    def close(self) -> None:
        """labgrid's drivers keep no session that must be closed."""

    def _send(self, on: bool) -> None:
        driver = self._driver
        if isinstance(driver, DigitalOutputProtocol):
            bounded(self.name, _word(on), lambda: driver.set(on))
        else:
            bounded(self.name, _word(on), driver.on if on else driver.off)

    def _settled(self, on: bool) -> bool:
        deadline = Deadline(SETTLE_S)
        while (got := self.state(1)) is not on and not deadline.over:
            pause(READ_AGAIN_S)
        return got


def _word(on: bool) -> str:
    return "on" if on else "off"


# -- the same driver in another process --------------------------------------------------------------------------------


def recipe(driver: Any) -> str:
    """How to build a labgrid driver once more, with all that it stands on, as one line of JSON."""
    parts = list(_parts(driver))
    told = {
        "imports": sorted({type(part).__module__ for part in parts}),
        "resources": [_told(part) for part in parts if isinstance(part, Resource)],
        "drivers": [{**_told(part), "bindings": _bindings(part)} for part in parts if not isinstance(part, Resource)],
        "driver": [type(driver).__name__, driver.name],
    }
    try:
        return json.dumps(told, sort_keys=True)
    except TypeError:
        raise InputError(
            f"{driver.name}: {type(driver).__name__} has parameters that no watchdog can be told"
        ) from None


def built(name: str, told: str) -> Switch:
    """The switch of a `recipe`. ``BenchError`` where it cannot be built here."""
    plan = json.loads(told)
    try:
        cure()
        for module in plan["imports"]:
            importlib.import_module(module)
        target = target_factory.make_target("main", {"resources": plan["resources"], "drivers": plan["drivers"]})
        kind, called = plan["driver"]
        return Switch(name, target.get_driver(kind, name=called))
    except Exception as error:  # labgrid has a dozen kinds
        raise BenchError(f"{name}: cannot be built ({' '.join(str(error).split())[:200]})") from None


def _parts(driver: Any) -> Iterator[Any]:
    """What a driver stands on, below first, and then the driver."""
    for supplier in sorted(driver.suppliers, key=lambda one: (type(one).__name__, str(one.name))):
        if isinstance(supplier, Resource):
            yield supplier
        else:
            yield from _parts(supplier)
    yield driver


def _told(part: Any) -> dict[str, Any]:
    fields = [f.name.lstrip("_") for f in attr.fields(type(part)) if f.init and f.name not in _NOT_PARAMETERS]
    return {"cls": type(part).__name__, "name": part.name, **{name: getattr(part, name) for name in fields}}


def _bindings(driver: Any) -> dict[str, str]:
    found = {slot: getattr(getattr(driver, slot, None), "name", None) for slot in driver.bindings}
    return {slot: name for slot, name in found.items() if name is not None}
