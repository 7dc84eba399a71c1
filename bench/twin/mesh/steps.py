"""What every joining machine does, whatever its node is (`join`, `lfn.joiner`): one step is planned at a time, repeated
a few times, and where nothing helps discovery begins anew.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from bench.air.keys.table import GroupKey
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.faults import Phase
from bench.twin.mesh.neighbours import Advert
from bench.twin.mesh.station import Station
from bench.twin.terminal.network import JoinState


class JoinSteps(ABC):
    """The part of a joining machine that all have; ``on_state`` is called at each change of state."""

    def __init__(self, station: Station, on_state: Callable[[JoinState], None]) -> None:
        self._node, self._on_state = station, on_state
        self._agenda, self._rng, self._timers = station.agenda, station.rng, station.timers
        self.state = JoinState.DISCONNECTED
        self._stale = False
        """The keys in flash opened no configuration: they are to be asked for again."""

    def _clear(self) -> None:
        """Nothing is known of any network, nothing is planned."""
        self._adverts: dict[bytes, Advert] = {}
        self._step: Call | None = None
        self._tries = 0
        self._failures = 0
        self._lingering = False

    # -- what each has of its own -------------------------------------------------------------------------------------

    @abstractmethod
    def begin(self) -> None:
        """Discover: cold without keys, else by reconnection."""

    @abstractmethod
    def _stop_timers(self) -> None: ...

    @abstractmethod
    def _acquire(self) -> None:
        """There are keys: ask for the configuration."""

    @property
    @abstractmethod
    def _chosen(self) -> bytes | None:
        """EUI-64 of the node whose PAN this one chose; None where it has not."""

    # -- control ------------------------------------------------------------------------------------------------------

    def halt(self) -> None:
        """Stop without a word: power is gone, or the node was told to leave."""
        self._stop_timers()
        self._clear()
        self._stale = False
        self._node.address = None
        self.state = JoinState.DISCONNECTED

    @property
    def _has_keys(self) -> bool:
        return self._node.flash.gak is not None and not self._stale

    def _enter(self, state: JoinState) -> None:
        if state is not self.state:
            self.state = state
            self._on_state(state)

    def _linger(self, state: JoinState, go_on: Callable[[], None]) -> None:
        """Go on with a phase: at once, unless a fault makes this node linger when it enters it."""
        delay_s = self._node.faults.seconds("join_delay_s", tuple(Phase)[state - 1])
        if not delay_s:
            go_on()
            return

        def wake() -> None:
            self._lingering = False
            go_on()

        self._lingering = True
        self._next(round(delay_s * NS_PER_S), wake)

    def _next(self, delay_ns: int, fn: Callable[[], None]) -> None:
        """Plan the next step; there is only one at a time."""
        if self._step is not None:
            self._step.cancel()
        self._step = self._agenda.after(delay_ns, fn)

    def _try_again(self, delay_ns: int, fn: Callable[[], None]) -> bool:
        """Plan a repetition, or start over when there were enough."""
        if self._tries == 0:
            self.begin()
            return False
        self._tries -= 1
        self._next(delay_ns, fn)
        return True

    # -- JS2 authenticate ---------------------------------------------------------------------------------------------

    def _keys_given(self, given: Sequence[GroupKey], live: int, asked: bool) -> None:
        """Group keys, and which of the slots are live; the first after a request is the one in use."""
        flash, authenticating = self._node.flash, self.state is JoinState.AUTHENTICATE and asked
        if authenticating and self._chosen is not None:
            flash.pan_id = self._adverts[self._chosen].pan_id
        flash.take(given, live)
        if authenticating:
            flash.use(flash.slot_of(given[0].index))
            self._stale = False
            self._acquire()

    def _not_authenticated(self) -> None:
        """Nobody answered. Without keys discovery begins anew; with them the next PC is a reason to ask again."""
        if self.state is JoinState.AUTHENTICATE:
            self.begin()
