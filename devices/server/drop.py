"""A server that is not heard while the bench drives: its log comes the next day, as files (`devices.server.log`).

The bench drives what needs no answer, records that the server's word is still to come (``evidence.deferred``), and
what is judged by it is PENDING EVIDENCE until ``kenshin add-evidence --server-log`` has added every day. Nobody
submits a request over this line; with an operator on the rig their staff are asked to make it, by telephone or at
their own screen, and the number that they are told there identifies the answer in the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import attr
from labgrid.driver import Driver
from labgrid.factory import target_factory
from labgrid.resource import Resource

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from devices.operator.driver import OperatorDriver
from devices.server.log import FORMAT
from devices.server.protocol import Refused, ServerDriver

EXPECTED: Final = "an operator on the rig, whose staff make it"


@target_factory.reg_resource
@attr.s(eq=False)
class ServerDrop(Resource):  # type: ignore[misc]  # labgrid has no types
    """Where an operator leaves the server's files: a folder, a share, a mounted SFTP path. Said for people; the bench
    reads it only when ``kenshin add-evidence`` is given it."""

    folder: str = attr.ib(validator=attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class FileDropDriver(ServerDriver):
    """A server by its files, and by its staff where an ``operator`` is bound."""

    live: ClassVar[bool] = False
    bindings = {"drop": ServerDrop, "operator": {OperatorDriver, None}}  # noqa: RUF012 -- labgrid's way

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.drop: Any
        self.operator: Any

    def connect(self, clock: Clock, after: int = 0) -> None:
        """Record that the server's word comes later."""
        self._clock = clock
        clock.pump.publish(self.port, self.port, kinds.EVIDENCE_DEFERRED, {"format": FORMAT})

    def disconnect(self) -> None:
        """Nothing is open."""
        self._clock = None

    @Driver.check_active  # type: ignore[untyped-decorator]
    def status(self) -> Mapping[str, Any]:
        """Nothing is known now."""
        return {"terminals": []}

    @Driver.check_active  # type: ignore[untyped-decorator]
    def is_reachable(self, terminal: str) -> bool:
        """Nobody can say now."""
        return False

    @Driver.check_active  # type: ignore[untyped-decorator]
    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        """Have the operator's staff make it. ``Refused`` without an operator, ``NotAnswered`` where nobody tells."""
        if self.operator is None:
            raise Refused(f"{self.port}: nobody makes requests at a server that is known by files; expected {EXPECTED}")
        return str(self.operator.staff_request(terminal, body))

    @Driver.check_active  # type: ignore[untyped-decorator]
    def deregister(self, terminal: str) -> None:
        """Nobody can do that here; what needs it is left out (`fixtures.rig.means`)."""
        raise BenchError(f"{self.port}: no registration can be forgotten at a server that is known by files")
