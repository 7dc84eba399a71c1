"""A smart meter of a U-bus Air network: takes terminals in, keeps the ways to them, hands on what they say."""

from __future__ import annotations

import random
from typing import Final

import attrs

from bench.air.app import u_bus_standin as standin
from bench.air.app.u_bus_standin import Kind, Message
from bench.air.errors import Malformed
from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.methods import UBusNetwork
from bench.twin.radio.air import Air
from bench.twin.radio.at_meter import MeterRadio
from bench.twin.radio.gateway import Gateway
from bench.twin.radio.link import Received
from bench.twin.radio.ubus.listening import Listening, Neighbour

KEY_INDEX: Final = 9
"""Key index of frames under a U-bus Air network's key; own choice."""
HOPS_MAX: Final = 15
DEVICES_MAX: Final = 50
"""domain.md 4.1."""
DELETED_AFTER_NS: Final = 48 * NS_PER_HOUR
"""A terminal that was silent for so long is deleted (automatic deletion; the time is own choice)."""
ADMITTED_YES: Final = b"\0"
ADMITTED_FULL: Final = b"\1"
MEMORY: Final = 64
"""Messages that are remembered, so that a repetition is not taken twice."""


@attrs.define(slots=True)
class Member:
    """One terminal: by which neighbour it is reached, and when it was heard last. Kept in flash."""

    via: bytes
    at_ns: int


class UBusGateway(MeterRadio):
    """One smart meter's U-bus Air network."""

    def __init__(
        self, kernel: Kernel, air: Air, gateway: Gateway, plan: UBusNetwork, network: int, rng: random.Random
    ) -> None:
        super().__init__(kernel, air, gateway, plan, network, rng, KEY_INDEX)
        self._network = network
        self._listening = Listening(self._agenda, rng, self._link, self._advert, self._heard, self._take)
        self._listening.period_ns = plan.listen_interval_s * NS_PER_S
        self._members: dict[bytes, Member] = {}
        self._seen: list[tuple[bytes, int]] = []
        self._sequence = rng.randrange(1 << 16)
        self._start()

    def assume(self, terminal: bytes, via: bytes) -> None:
        """That terminal was taken in before the rig starts; ``via``: it, or the terminal that passes on for it."""
        self._members[terminal] = Member(via, self._agenda.now_ns)

    def _listen(self) -> None:
        self._listening.start()

    def _forget_ram(self) -> None:
        self._listening.reset()
        self._seen.clear()

    def _advert(self) -> standin.Listening:
        return standin.Listening(self._network, 0)

    def _heard(self, neighbour: Neighbour) -> None:
        """A terminal's request: whoever waits for it sends; a smart meter chooses no parent."""

    def _on_frame(self, heard: Received) -> None:
        self._listening.on_frame(heard)

    def _take(self, payload: bytes, src: bytes) -> None:
        try:
            message = standin.parse(payload)
        except Malformed:
            return
        now_ns = self._agenda.now_ns
        known = self._members.get(message.origin)
        if known is not None:
            known.via, known.at_ns = src, now_ns
        key = (message.origin, message.sequence)
        if key in self._seen:
            return
        self._seen = [*self._seen[-MEMORY:], key]
        if message.kind == Kind.REGISTER:
            self._register(message.origin, src)
        elif message.kind == Kind.DATA and known is not None:
            self._gateway.up(message.origin, message.payload)

    def _register(self, terminal: bytes, via: bytes) -> None:
        now_ns = self._agenda.now_ns
        for eui64 in [e for e, member in self._members.items() if now_ns - member.at_ns > DELETED_AFTER_NS]:
            del self._members[eui64]
        if terminal not in self._members and len(self._members) >= DEVICES_MAX:
            self._say(Kind.ADMITTED, terminal, via, ADMITTED_FULL)
            return
        self._members[terminal] = Member(via, now_ns)
        self._say(Kind.ADMITTED, terminal, via, ADMITTED_YES)
        self._gateway.registered(terminal)

    def _down(self, terminal: bytes, payload: bytes) -> None:
        member = self._members.get(terminal)
        if member is not None:
            self._say(Kind.DATA, terminal, member.via, payload)

    def _say(self, kind: Kind, terminal: bytes, via: bytes, payload: bytes) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        message = Message(kind, self.eui64, terminal, self._sequence, HOPS_MAX, payload)
        self._listening.send(via, standin.build(message), lambda _success: None)
        self._listening.quick()
