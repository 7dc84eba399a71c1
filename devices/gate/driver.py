"""labgrid resource and driver of the operator's gate (stand-in: see the package)."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError, KenshinError
from bench.records import Json
from devices.server.line import Line
from devices.wires.rest import Rest, RestRefused


class GateProtocol(ABC):
    """What the operator's staff does at the connection server. ``BenchError`` where it was not done."""

    @abstractmethod
    def cut_off(self, **what: str) -> None:
        """Cut off a ``utility``, a ``terminal``, a kind of ``message``, or what fits several of these."""

    @abstractmethod
    def reconnect(self, **what: str) -> None:
        """Let the same pass again."""

    @abstractmethod
    def remove(self, meter: str, from_ns: int, to_ns: int) -> int:
        """Take stored hours of a meter away; how many there were."""


@target_factory.reg_resource
@attr.s(eq=False)
class OperatorGate(Resource):  # type: ignore[misc]  # labgrid has no types
    """The operator's gate at ``url``, and the papers of an https one (PEM files)."""

    url: str = attr.ib(validator=attr.validators.instance_of(str))
    ca: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    certificate: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    key: str = attr.ib(default="", validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class GateDriver(Driver, GateProtocol):  # type: ignore[misc]
    """``standin-gate/1``. Observations ``gate.cut_off``, ``gate.reconnected``, ``gate.removed`` when it is done.

    A driver that is made safe reconnects what it cut off: nobody stays cut off because a bench ended.
    """

    bindings = {"place": OperatorGate}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.place: Any
        self._clock: Clock | None = None
        self.beside = Path()
        """The folder of the rig file, to which the names of files are relative."""
        self._rest: Rest | None = None
        self._cut: list[dict[str, str]] = []

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    def connect(self, clock: Clock, _subject: str) -> None:
        """Take the gate into the rig; it is asked nothing yet."""
        line = Line.of(self.port, self.place, self.beside)
        self._clock, self._rest = clock, Rest(self.port, line.base, line.session(), clock)

    def disconnect(self) -> None:
        if self._rest is not None:
            self._rest.close()
        self._clock = self._rest = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    @property
    def still_cut(self) -> tuple[Mapping[str, str], ...]:
        """What this run has cut off and not reconnected, or may have."""
        return tuple(self._cut)

    def remember(self, cut: Iterable[Mapping[str, str]]) -> None:
        """What an earlier attempt of this run may have left cut off."""
        self._cut += [dict(what) for what in cut]

    @Driver.check_active  # type: ignore[untyped-decorator]
    def cut_off(self, **what: str) -> None:
        self._cut.append(what)  # before it is asked for: whether it was done may stay unknown
        try:
            self._ask("POST", "/v1/cut-offs", what)
        except RestRefused:
            self._cut.remove(what)
            raise
        self._publish(kinds.GATE_CUT_OFF, dict(what))

    @Driver.check_active  # type: ignore[untyped-decorator]
    def reconnect(self, **what: str) -> None:
        try:
            self._ask("DELETE", "/v1/cut-offs", what)
        except RestRefused:  # it is not cut off
            self._forget(what)
            raise
        self._forget(what)
        self._publish(kinds.GATE_RECONNECTED, dict(what))

    @Driver.check_active  # type: ignore[untyped-decorator]
    def remove(self, meter: str, from_ns: int, to_ns: int) -> int:
        span: dict[str, Json] = {"from_ns": from_ns, "to_ns": to_ns}
        removed = self._ask("DELETE", f"/v1/readings/{quote(meter, safe='')}", span).get("removed")
        if not isinstance(removed, int):
            raise BenchError(f"{self.port}: it does not say how many hours of {meter} it removed")
        self._publish(kinds.GATE_REMOVED, {"meter": meter, **span, "removed": removed})
        return removed

    def make_safe(self) -> None:
        """Reconnect whatever this run has cut off."""
        for what in tuple(self._cut):
            with contextlib.suppress(RestRefused):  # it was no longer cut off
                self._ask("DELETE", "/v1/cut-offs", what)
            self._forget(what)

    def _forget(self, what: Mapping[str, str]) -> None:
        self._cut = [one for one in self._cut if one != what]

    def _ask(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if self._rest is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        return self._rest.ask(method, path, body)

    def _publish(self, kind: kinds.Kind, data: dict[str, Json]) -> None:
        assert self._clock is not None
        self._clock.pump.publish(self.port, "gate", kind, data)
