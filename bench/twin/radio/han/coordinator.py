"""A smart meter as coordinator of a HAN: answers scans, authenticates terminals, is their way to the concentrator."""

from __future__ import annotations

import random
from typing import Final

from bench.air.app import echonet, pana
from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.mac.command import CommandId
from bench.air.mac.frame import FrameType, MacFrame
from bench.twin.core.kernel import Kernel
from bench.twin.methods import HanNetwork
from bench.twin.radio.air import Air
from bench.twin.radio.at_meter import MeterRadio
from bench.twin.radio.gateway import Gateway
from bench.twin.radio.han.net import HanNet
from bench.twin.radio.han.pana_session import Agent
from bench.twin.radio.link import Received

KEY_INDEX: Final = 8
"""Key index of frames under the HAN's network key; 1 to 7 are FAN's. Own choice."""


def beacon(eui64: bytes, pan: int) -> MacFrame:
    """An enhanced beacon. Wi-SUN HAN puts elements of its own in, which are not public and left out."""
    return MacFrame(FrameType.BEACON, 2, src_pan=pan, src=eui64)


def is_beacon_request(frame: MacFrame) -> bool:
    """An (enhanced) beacon request."""
    return frame.frame_type == FrameType.COMMAND and frame.payload[:1] == bytes((CommandId.BEACON_REQUEST,))


class Coordinator(MeterRadio):
    """One smart meter's HAN."""

    def __init__(
        self,
        kernel: Kernel,
        air: Air,
        gateway: Gateway,
        plan: HanNetwork,
        pan: int,
        rng: random.Random,
    ) -> None:
        super().__init__(kernel, air, gateway, plan, pan, rng, KEY_INDEX)
        self._pan = pan
        self._net = HanNet(self._agenda, rng, self._link, self._deliver)
        self._net.pan = pan
        self._agent = Agent(self._agenda, rng, self.eui64, plan.password, self._store.key or b"", self._admit)
        self._admitted: set[bytes] = set()
        self._tid = 0
        self._start()

    def assume(self, terminal: bytes) -> None:
        """That terminal was installed here before the rig starts: it is known already."""
        self._admitted.add(terminal)

    def _listen(self) -> None:
        self._link.tuner.listen("idle")

    def _forget_ram(self) -> None:
        self._net.reset()
        self._agent.reset()

    # -- the HAN ------------------------------------------------------------------------------------------------------

    def _on_frame(self, heard: Received) -> None:
        if is_beacon_request(heard.frame):
            self._link.send(beacon(self.eui64, self._pan), secured=False)
        elif heard.frame.frame_type in (FrameType.DATA, FrameType.COMMAND):
            self._net.on_frame(heard)

    def _deliver(self, packet: Packet, neighbour: bytes, secured: bool) -> None:
        origin = ipv6.eui64_of(packet.src)
        match packet.upper:
            case Udp(dst_port=pana.PORT):
                self._on_pana(packet.upper.payload, origin, secured)
            case Udp(dst_port=echonet.PORT) if secured and origin in self._admitted:
                self._on_echonet(packet.upper.payload, origin)

    def _on_pana(self, payload: bytes, origin: bytes, secured: bool) -> None:
        try:
            message = pana.parse(payload)
            relayed, client = message.relayed, message.pac_information
        except Malformed:
            return
        if relayed is None or client is None:
            if not secured:
                self._net.awake(origin)  # it joins
            self._agent.hear(ipv6.link_local(origin), message, lambda reply: self._say(origin, reply, secured))
        elif secured:
            told = client
            self._agent.hear(told.address, relayed, lambda reply: self._say(origin, pana.relay(told, reply), True))

    def _say(self, to: bytes, message: pana.Message, secured: bool) -> None:
        self._net.send_udp(to, pana.PORT, pana.build(message), secured=secured)

    def _admit(self, terminal: bytes) -> None:
        self._admitted.add(terminal)
        self._gateway.registered(terminal)

    # -- between HAN and mesh -----------------------------------------------------------------------------------------

    def _on_echonet(self, payload: bytes, origin: bytes) -> None:
        try:
            message = echonet.parse(payload)
        except Malformed:
            return
        if isinstance(message, echonet.Arbitrary):
            self._gateway.up(origin, message.data)

    def _down(self, terminal: bytes, payload: bytes) -> None:
        if terminal not in self._admitted:
            return
        self._tid = (self._tid + 1) & 0xFFFF
        octets = echonet.build(echonet.Arbitrary(self._tid, payload))
        self._net.send_udp(terminal, echonet.PORT, octets, secured=True)
