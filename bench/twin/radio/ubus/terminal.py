"""A terminal's U-bus Air radio: finds a way to a smart meter, registers, sends when its neighbour asks, passes on.

Join states as far as there are any: SELECT_PAN is listening for requests, CONFIGURE_ROUTING the registration, then
OPERATIONAL. Of the neighbours heard the one with the fewest hops is the way, then the strongest; where it does not ask
in time, the next one is (detour), and with none left the search begins again.
"""

from __future__ import annotations

import random
from typing import Final

import attrs

from bench.air.app import u_bus_standin as standin
from bench.air.app.u_bus_standin import GATEWAY, NO_RELAY, Kind, Message
from bench.air.errors import Malformed
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import Phase
from bench.twin.methods import UBusNetwork
from bench.twin.radio.air import Air
from bench.twin.radio.link import Link, Received
from bench.twin.radio.route import RouteRadio
from bench.twin.radio.ubus.gateway import ADMITTED_YES, HOPS_MAX, KEY_INDEX, MEMORY
from bench.twin.radio.ubus.listening import Listening, Neighbour
from bench.twin.terminal.network import JoinState

SEARCH_NS: Final = 120 * NS_PER_S
SEARCH_AGAIN_NS: Final = 60 * NS_PER_S
"""Listening for requests, and the pause (doubling, to half an hour) after nothing was heard: own choice."""
SEARCH_PAUSE_MAX_NS: Final = 1800 * NS_PER_S
GATHER_NS: Final = 3 * NS_PER_S
"""After the first request heard it listens on for others: own choice."""
REGISTER_NS: Final = 35 * NS_PER_S
REGISTER_TRIES: Final = 5
"""A registration that is not answered is sent again after this, so many times in all: own choice."""
STALE_NS: Final = 7200 * NS_PER_S
"""A neighbour that was not heard for so long is no detour: own choice."""
SHUNNED_NS: Final = 600 * NS_PER_S
"""A neighbour that did not ask in time is no way for so long, where there is another: own choice."""
LOST_AFTER: Final = 3


class Terminal(RouteRadio):
    """``bench.twin.terminal.network.TerminalRadio`` over U-bus Air. ``relay``: it passes on for others (no star)."""

    def __init__(
        self,
        kernel: Kernel,
        air: Air,
        name: str,
        eui64: bytes,
        plan: UBusNetwork,
        rng: random.Random,
        *,
        listen_interval_s: float,
        relay: bool,
    ) -> None:
        super().__init__(kernel, name, eui64)
        self._plan, self._rng, self._relay = plan, rng, relay
        self._key = bytes.fromhex(plan.key.replace(":", ""))
        self._link = Link(self._agenda, air, name, eui64, rng, self._store, KEY_INDEX, self._on_frame)
        self._listening = Listening(self._agenda, rng, self._link, self._advert, self._heard, self._take)
        self._listening.period_ns = max(1, round(listen_interval_s)) * NS_PER_S
        self._sequence = rng.randrange(1 << 16)
        self._forget_ram()

    def _forget_ram(self) -> None:
        self._neighbours: dict[bytes, Neighbour] = {}
        self._ways: dict[bytes, bytes] = {}
        self._parent: Neighbour | None = None
        self._shunned: dict[bytes, int] = {}
        self._seen: list[tuple[bytes, int]] = []
        self._searches = 0
        self._tries = 0
        self._gathering = False
        self._search: Call | None = None
        self._registering: Call | None = None

    # -- TerminalRadio ------------------------------------------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        if self.join_state is not JoinState.OPERATIONAL:
            return False
        self._say(Kind.DATA, payload)
        return True

    def _stop(self) -> None:
        self._agenda.clear()
        self._listening.reset()
        self._forget_ram()

    # -- search -------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Listen for requests for data."""
        self._gathering = False
        self._store.keep(self._key, self._plan.channel, self._store.pan or 0, self._store.root or b"")
        self._link.tuner.tune(self._plan.channel)
        self._link.tuner.listen("idle")
        self._search = self._agenda.after(SEARCH_NS, self._nothing)

    def _nothing(self) -> None:
        self._link.tuner.rest("idle")
        pause_ns = min(SEARCH_AGAIN_NS << min(self._searches, 5), SEARCH_PAUSE_MAX_NS)
        self._searches += 1
        self._search = self._agenda.after(pause_ns, self._begin)

    def _heard(self, neighbour: Neighbour) -> None:
        """A request for data of somebody."""
        if neighbour.hops >= HOPS_MAX or neighbour.up == self.eui64:
            self._neighbours.pop(neighbour.eui64, None)
            return  # no way, or one that leads back here
        if not self._relay and neighbour.hops:
            return  # a star hears smart meters alone
        self._neighbours[neighbour.eui64] = neighbour
        if self._shunned.get(neighbour.eui64, 0) > self._agenda.now_ns:
            return
        if self.join_state is JoinState.SELECT_PAN and not self._gathering:
            self._gathering = True
            if self._search is not None:
                self._search.cancel()
            self._search = self._agenda.after(GATHER_NS, lambda: self._linger(Phase.SELECT_PAN, self._choose))

    def _best(self) -> Neighbour | None:
        now_ns = self._agenda.now_ns
        near = [
            n
            for n in self._neighbours.values()
            if now_ns - n.at_ns < STALE_NS and self._shunned.get(n.eui64, 0) <= now_ns and not self._below(n.eui64)
        ]
        return min(near, key=lambda n: (n.hops, -n.rssi_dbm, n.eui64), default=None)

    def _below(self, eui64: bytes) -> bool:
        """Whether that one reaches the smart meter through us."""
        return eui64 in self._ways.values() or eui64 in self._ways

    def _choose(self) -> None:
        self._link.tuner.rest("idle")
        self._parent = self._best()
        if self._parent is None:
            self._nothing()
            return
        self._tries = REGISTER_TRIES
        self._enter(JoinState.CONFIGURE_ROUTING)
        self._listening.start()
        self._linger(Phase.CONFIGURE_ROUTING, self._register)

    def _register(self) -> None:
        if self._tries == 0:
            if self._parent is not None:
                self._shunned[self._parent.eui64] = self._agenda.now_ns + SHUNNED_NS
            self._lost()
            return
        self._tries -= 1
        self._say(Kind.REGISTER, b"")
        self._registering = self._agenda.after(REGISTER_NS, self._register)

    def _admitted(self, payload: bytes) -> None:
        if self.join_state is not JoinState.CONFIGURE_ROUTING or self._parent is None:
            return
        if self._registering is not None:
            self._registering.cancel()
        if payload != ADMITTED_YES:
            self._lost()
            return
        self._searches = 0
        self._linger(Phase.OPERATIONAL, lambda: self._enter(JoinState.OPERATIONAL))

    def _lost(self) -> None:
        """No way left: search again after a pause."""
        searches, shunned = self._searches + 1, self._shunned
        self._stop()
        self._searches, self._shunned = searches, shunned
        self._link.restart()
        self._enter(JoinState.SELECT_PAN)
        self._agenda.after(10 * NS_PER_S, self._begin)

    # -- listening ----------------------------------------------------------------------------------------------------

    def _advert(self) -> standin.Listening | None:
        if self._parent is None:
            return None
        relays = self._relay and self.join_state is JoinState.OPERATIONAL
        hops = self._parent.hops + 1 if relays else NO_RELAY
        return standin.Listening(self._parent.network, hops, self._parent.eui64)

    def _on_frame(self, received: Received) -> None:
        self._listening.on_frame(received)

    def _take(self, payload: bytes, src: bytes) -> None:
        try:
            message = standin.parse(payload)
        except Malformed:
            return
        key = (message.origin, message.sequence)
        again, self._seen = key in self._seen, [*self._seen[-MEMORY:], key]
        if message.final == self.eui64:
            if not again:
                self._for_us(message)
        elif self._relay and self.join_state is JoinState.OPERATIONAL and message.hops_left > 1:
            self._pass_on(message, src)

    def _for_us(self, message: Message) -> None:
        if message.kind == Kind.ADMITTED:
            self._admitted(message.payload)
        elif message.kind == Kind.DATA:
            for listener in self._data_listeners:
                listener(message.payload)

    def _pass_on(self, message: Message, src: bytes) -> None:
        onward = standin.build(attrs.evolve(message, hops_left=message.hops_left - 1))
        if message.final == GATEWAY:
            self._ways[message.origin] = src
            self._up(onward)
        else:
            self._listening.send(self._ways.get(message.final, message.final), onward, lambda _success: None)
        self._listening.quick()

    # -- sending ------------------------------------------------------------------------------------------------------

    def _say(self, kind: Kind, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._up(standin.build(Message(kind, self.eui64, GATEWAY, self._sequence, HOPS_MAX, payload)))

    def _up(self, octets: bytes, failures: int = 0) -> None:
        """To the neighbour on the way; another one where it does not ask."""
        parent = self._parent
        if parent is None:
            return

        def done(success: bool) -> None:
            if success:
                self._listening.quick()
                return
            self._shunned[parent.eui64] = self._agenda.now_ns + SHUNNED_NS
            detour = self._best()
            if failures + 1 >= LOST_AFTER:
                self._lost()
                return
            if detour is not None and detour.network == parent.network:
                self._parent = detour
            self._up(octets, failures + 1)

        self._listening.send(parent.eui64, octets, done)
