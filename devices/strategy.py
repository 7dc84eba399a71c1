"""labgrid's view of a terminal's states: a ``Strategy`` for its pytest plugin and for ``labgrid-client -s``.

    off      mains and feed off: all is dark
    mesh     the smart meters' mains on and their mesh settled, the terminal dark
    joined   the terminal fed and joined: its key pressed where it does nothing; lamp and server, where they are, say so

States are sought from where the rig is found, not from a root: who asks for ``joined`` twice presses once, and going
back from ``joined`` to ``mesh`` cuts the terminal's feed alone. Nothing is judged here, and nothing recorded: a plan's
episodes have their own way there (`fixtures.episodes.ready`), which is evidence.
"""

from __future__ import annotations

import enum
from typing import Any

import attr
from labgrid.factory import target_factory
from labgrid.protocol import PowerProtocol
from labgrid.step import step
from labgrid.strategy import Strategy, StrategyError

from bench.drive.clock import WallClock
from bench.drive.pump import Bus
from bench.errors import KenshinError
from bench.sockets import Deadline
from devices.key.driver import KeyDriver
from devices.panel.driver import PanelDriver
from devices.server.protocol import ServerDriver

LOOK_S = 1.0
"""Real seconds between two looks whether the terminal has joined."""


class Status(enum.Enum):
    """The states; ``unknown`` is where a strategy begins."""

    unknown = 0
    off = 1
    mesh = 2
    joined = 3


@target_factory.reg_driver
@attr.s(eq=False)
class KenshinStrategy(Strategy):  # type: ignore[misc]  # labgrid has no types
    """``bindings``: ``mains`` and ``feed`` are ``PowerProtocol`` drivers, ``key`` presses, ``server`` tells. ``mains``
    may be missing (an operator's mesh, a cell), and of a panel's lamp and the server one is enough.

    ``terminal``: its name at the server. ``settle_s``: for the mesh after its mains came on. ``join_s``: for a join.
    """

    bindings = {  # noqa: RUF012 -- labgrid's way
        "mains": {PowerProtocol, None},
        "feed": {PowerProtocol, None},
        "key": {PanelDriver, KeyDriver},
        "server": {ServerDriver, None},
    }
    terminal: str = attr.ib(default="", validator=attr.validators.instance_of(str))
    settle_s: float = attr.ib(default=1800.0, converter=float)
    join_s: float = attr.ib(default=1800.0, converter=float)
    press_s: float = attr.ib(default=1.0, converter=float)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.status = Status.unknown
        self.mains: Any
        self.feed: Any
        self.key: Any
        self.server: Any
        self._clock: WallClock | None = None

    @step(args=["status"])  # type: ignore[untyped-decorator]
    def transition(self, status: Any, *, step: Any) -> None:
        """Bring the rig into ``status`` (a `Status`, or its name). ``StrategyError`` where it does not come there."""
        wanted = _status(status)
        if wanted is self.status:
            step.skip("nothing to do")
            return
        try:
            {Status.off: self._off, Status.mesh: self._mesh, Status.joined: self._joined}[wanted]()
        except KenshinError as error:
            self.status = Status.unknown
            raise StrategyError(f"{wanted.name}: {error}") from error
        self.status = wanted

    def force(self, status: Any) -> None:
        """Take the rig to be in ``status``."""
        self.status = _status(status)

    def _off(self) -> None:
        self._power(self.feed, False)
        self._power(self.mains, False)

    def _mesh(self) -> None:
        self._power(self.feed, False)
        if self._power(self.mains, True):
            self._wait(self.settle_s, lambda: False)

    def _joined(self) -> None:
        if self._power(self.mains, True):
            self._wait(self.settle_s, lambda: False)
        self._power(self.feed, True)
        self._connect()
        if self._has_joined():
            return
        self.key.press(self.press_s)
        if not self._wait(self.join_s, self._has_joined):
            raise StrategyError(f"joined: {self.terminal or 'the terminal'} did not join within {self.join_s:g} s")

    def _power(self, driver: Any, on: bool) -> bool:
        """Switch where it is otherwise; whether it was switched."""
        if driver is None:
            return False
        self.target.activate(driver)
        if driver.get() is on:
            return False
        (driver.on if on else driver.off)()
        return True

    def _has_joined(self) -> bool:
        """Everybody who can tell says so: a server may answer a moment before the lamp is lit, and a lamp may lie."""
        lit = self.key.lamp() == "on" if isinstance(self.key, PanelDriver) else True
        return lit and (self.server is None or bool(self.server.is_reachable(self.terminal)))

    def _wait(self, seconds: float, done: Any) -> bool:
        clock = self._own_clock()
        deadline = Deadline(seconds)
        while not deadline.over:
            clock.step(clock.now_ns() + round(min(LOOK_S, deadline.left_s) * 1e9))
            if done():
                return True
        return False

    def _connect(self) -> None:
        """The drivers of the bench want a clock; outside of a rig it is this strategy's own."""
        if self.server is None and isinstance(self.key, KeyDriver):
            raise StrategyError("joined: a relay at the key and no server; expected one who tells that it joined")
        for driver in filter(None, (self.key, self.server)):
            self.target.activate(driver)
            if driver._clock is None:
                if driver is self.server:
                    driver.connect(self._own_clock())
                else:
                    driver.connect(self._own_clock(), self.terminal or "terminal")

    def _own_clock(self) -> WallClock:
        if self._clock is None:
            self._clock = WallClock(Bus())
        return self._clock


def _status(status: Any) -> Status:
    if isinstance(status, Status):
        return status
    try:
        found = Status[str(status)]
    except KeyError:
        found = Status.unknown
    if found is Status.unknown:
        raise StrategyError(f"no state {status!r}; expected off, mesh or joined")
    return found
