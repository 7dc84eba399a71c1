"""Nodes that join: smart meters, which then route and advertise for others, and terminals, which are leaves."""

from __future__ import annotations

import random

from bench.air.errors import Malformed
from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import RELAY_PORT, decode_relay
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import WisunFrameType
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.advertiser import Advertiser, PanConfig, PanState
from bench.twin.mesh.dodag import INSTANCE, MIN_HOP_RANK_INCREASE, Dodag
from bench.twin.mesh.eapol.flash import Pairwise
from bench.twin.mesh.join import Joiner
from bench.twin.mesh.leaf import Leaf
from bench.twin.mesh.lfn.children import Children, ParentVoice
from bench.twin.mesh.lfn.listening import Windows
from bench.twin.mesh.lfn.parent import LfnParent
from bench.twin.mesh.mac_layer import Heard
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.neighbours import Parent
from bench.twin.mesh.plan import LfnPlan, MeshPlan, NodePlan
from bench.twin.mesh.station import HOP_LIMIT, Station, read_eapol
from bench.twin.mesh.timers import MAC, MS
from bench.twin.mesh.voice import Done, Voice
from bench.twin.terminal.network import JoinState


class Member(Station):
    """A node with a joining machine; it reaches the root by its parent."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        super().__init__(kernel, medium, plan, node, epoch_ns)
        self.joiner = Joiner(self, self.on_state, self.on_lost, self.on_moved)

    def power(self, on: bool) -> None:
        if not on:
            self.joiner.halt()
        super().power(on)

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """Towards the root: plain when the parent is the destination, else tunnelled to the parent with an RPI.

        The tunnel ends at the parent, which opens a new one: the RPI carries each sender's rank (RFC 9008).
        """
        parent, address = self.joiner.parent, self.address
        if parent is None or address is None:
            if done is not None:
                done(False)
            return
        if packet.dst != parent.address:
            rpi = Rpi(INSTANCE, (parent.rank + MIN_HOP_RANK_INCREASE) // MIN_HOP_RANK_INCREASE)
            packet = Packet(address, parent.address, packet, 1, headers=(HopByHop((rpi,)),))

        def result(success: bool) -> None:
            self.joiner.parent_result(success)
            if done is not None:
                done(success)

        self.ip.send(packet, parent.eui64, result)

    def forward(self, packet: Packet, neighbour: bytes) -> None:
        """Upwards, unless the parent itself sent it: that is a loop, and the parent none (RFC 6550 section 11.2.2)."""
        parent = self.joiner.parent
        if parent is not None and neighbour == parent.eui64:
            self.joiner.lose_parent()
        else:
            super().forward(packet, neighbour)

    def on_solicit(self, heard: Heard, network_name: str) -> None:
        if heard.kind == WisunFrameType.PAS and network_name == self.plan.network_name:
            self.joiner.heard_pas()

    def on_pa(self, heard: Heard, state: PanState) -> None:
        self.joiner.on_pa(heard, state)

    def on_pc(self, heard: Heard, config: PanConfig) -> None:
        self.joiner.on_pc(heard, config)

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        record = read_eapol(pdu)
        if record is not None:
            self.joiner.on_eapol(src, record, authenticator)

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        match packet.upper:
            case rpl.Dio():
                self.joiner.on_dio(neighbour, packet.upper)
            case rpl.DaoAck():
                self.joiner.on_dao_ack(packet.upper)
            case Udp(dst_port=dhcpv6.CLIENT_PORT):
                self.joiner.on_dhcp(dhcpv6.parse(packet.upper.payload))

    def on_state(self, state: JoinState) -> None:
        """The join state changed."""

    def on_lost(self) -> None:
        """The parent is lost; called before discovery begins."""

    def on_moved(self) -> None:
        """Another neighbour is the parent."""


class Meter(Member):
    """A smart meter: once operational it advertises, relays EAPOL and DHCPv6, and forwards; to LFNs it is a parent."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        self._epoch_ns = epoch_ns
        super().__init__(kernel, medium, plan, node, epoch_ns)
        joiner = self.joiner
        self._heard_state = PanState(wisun.Pan(0, 0), None)
        self._advertiser = Advertiser(
            self.agenda, self.rng, self.mac, self.flash, plan, self.timers, self._state, lambda: joiner.config
        )
        self._dodag = Dodag(
            self.agenda,
            self.rng,
            self.ip,
            self.eui64,
            lambda: joiner.rank,
            lambda: self.address,
            lambda: joiner.parent.dodag_id if joiner.parent is not None else None,
        )
        self._lfns: LfnParent | None = None
        if plan.lfn is not None:
            self._lfns = LfnParent(self, joiner, self._children, self._state, self._windows(plan.lfn))

    def _windows(self, lfn: LfnPlan) -> Windows:
        """When its LFNs listen for it: each smart meter has a time of its own, or all would speak at once."""
        phase_ms = random.Random(f"{self.plan.seed}/{self.name} lfn").randrange(lfn.interval_ms)
        return Windows(self._epoch_ns + phase_ms * MS, lfn.interval_ms * MS)

    def make_voice(self) -> Voice:
        if self.plan.lfn is None:
            return super().make_voice()
        self._children = Children(self.agenda, self.rng, self.mac, self._windows(self.plan.lfn))
        return ParentVoice(self.mac, self.flash, self.us, self.bs, self._children)

    def _state(self) -> PanState:
        rank, heard = self.joiner.rank or MIN_HOP_RANK_INCREASE, self._heard_state
        return PanState(wisun.Pan(heard.pan.size, rank - MIN_HOP_RANK_INCREASE), heard.jm)

    @property
    def _operational(self) -> bool:
        return self.joiner.state is JoinState.OPERATIONAL

    def send_up(self, port: int, payload: bytes) -> bool:
        """A UDP datagram to the border router; False without a way there."""
        parent = self.joiner.parent
        if not self._operational or parent is None or self.address is None:
            return False
        self.send_udp(parent.dodag_id, port, payload)
        return True

    def assume_joined(
        self, parent: Parent, address: bytes, state: PanState, config: PanConfig, shared: Pairwise
    ) -> None:
        """Be a member since long ago, with what the border router told then."""
        self.flash.store_keys(self.plan.gtk, self.plan.pan_id)
        if self.plan.lfn is not None:
            self.flash.lfn.keep(self.plan.lfn.lgtk)
        self.flash.pairwise = shared
        self.power(True)
        self._heard_state = state
        self.joiner.assume(parent, address, config)
        self._advertiser.start(settled=True)
        self._dodag.start(settled=True)

    def mains(self, on: bool) -> None:
        """Mains off is dark at once; mains on boots and rejoins."""
        if on == self.powered:
            return
        self._advertiser.stop()
        self._dodag.stop()
        if self._lfns is not None:
            self._lfns.stop()
        self.power(on)
        if on:
            self.agenda.after(MAC.boot_ns, self.joiner.begin)

    def on_state(self, state: JoinState) -> None:
        if state is JoinState.OPERATIONAL:
            self._advertiser.start(settled=False)
            self._dodag.start(settled=False)
        else:
            self._advertiser.stop()
            self._dodag.stop()
        if self._lfns is not None:
            self._lfns.on_state(state)

    def on_lost(self) -> None:
        self._dodag.poison()

    def on_moved(self) -> None:
        self._dodag.moved()

    def on_timing(self, heard: Heard) -> None:
        if self._lfns is not None:
            self._children.hear(heard)

    def on_lfn_frame(self, heard: Heard) -> None:
        if self._lfns is not None and self._operational:
            self._lfns.on_frame(heard)

    def on_solicit(self, heard: Heard, network_name: str) -> None:
        super().on_solicit(heard, network_name)
        if not self._operational:
            return
        if heard.kind == WisunFrameType.PAS:
            self._advertiser.solicited_pa(network_name)
        else:
            self._advertiser.solicited_pc(network_name, heard.frame.src_pan)

    def on_pa(self, heard: Heard, state: PanState) -> None:
        super().on_pa(heard, state)
        if self._operational:
            self._advertiser.heard_pa(heard.frame.src_pan, state.pan)
        if state.pan.routing_cost < self._state().pan.routing_cost or not self._operational:
            self._heard_state = state  # size and load are the border router's to say and are passed down

    def on_pc(self, heard: Heard, config: PanConfig) -> None:
        before = self.joiner.config
        super().on_pc(heard, config)
        if self._operational and self.joiner.config != before:
            self._advertiser.new_config()
            if self._lfns is not None:
                self._lfns.on_config(before)

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        """From a supplicant (no EA-IE): relay it to the border router; else it is for ourselves."""
        parent = self.joiner.parent
        if authenticator is None and self._operational and parent is not None:
            self.send_relay(parent.dodag_id, src, kmp, pdu)
        else:
            super().on_eapol(src, kmp, pdu, authenticator)

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """To an LFN of its own, else towards the root."""
        if self._lfns is None or not self._lfns.deliver(packet, done):
            super().route(packet, done)

    def forward(self, packet: Packet, neighbour: bytes) -> None:
        """A node without a way to the root tells the child that sent it something to carry, unless that is an LFN."""
        if self._lfns is not None and self._lfns.owns(packet.dst):
            Station.forward(self, packet, neighbour)
        elif self._operational:
            super().forward(packet, neighbour)
        elif self._lfns is None or neighbour not in self._children:
            self._dodag.refuse(neighbour)

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        super().on_ip(packet, neighbour)
        if self._lfns is not None and self._lfns.on_ip(packet, neighbour):
            return
        if not self._operational:
            if isinstance(packet.upper, nd.NeighborSolicitation):
                self._dodag.refuse(neighbour)
            return
        match packet.upper:
            case rpl.Dis():
                self._dodag.answer(neighbour)
            case nd.NeighborSolicitation():
                self.advertise_neighbour(packet, packet.upper, neighbour)
            case Udp(dst_port=dhcpv6.SERVER_PORT):
                self._on_dhcp(packet, packet.upper, neighbour)
            case Udp(dst_port=port) if port == RELAY_PORT:
                self._on_relay(packet, packet.upper)
            case Udp():
                self.deliver_to_port(packet, packet.upper)

    def _on_dhcp(self, packet: Packet, udp: Udp, neighbour: bytes) -> None:
        """Relay agent (RFC 8415 section 19): solicits go up, replies down."""
        parent = self.joiner.parent
        if parent is None or self.address is None:
            return
        message = dhcpv6.parse(udp.payload)
        if isinstance(message, dhcpv6.Relay):
            inner = message.message
            if message.type == dhcpv6.MessageType.RELAY_REPLY and inner is not None:
                answer = Udp(dhcpv6.SERVER_PORT, dhcpv6.CLIENT_PORT, dhcpv6.build(inner))
                client = ipv6.eui64_of(message.peer)
                self.ip.send(Packet(ipv6.link_local(self.eui64), message.peer, answer, HOP_LIMIT), client)
            return
        relayed = dhcpv6.Relay(
            dhcpv6.MessageType.RELAY_FORWARD, 0, self.address, packet.src, (dhcpv6.RelayMessage(message),)
        )
        self.send_udp(parent.dodag_id, dhcpv6.SERVER_PORT, dhcpv6.build(relayed))

    def _on_relay(self, packet: Packet, udp: Udp) -> None:
        """EAPOL from the border router for a supplicant that we hear."""
        try:
            relay = decode_relay(udp.payload)
        except Malformed:
            return
        self.send_eapol(relay.supplicant, relay.kmp_id, relay.pdu, ipv6.eui64_of(packet.src))


class Terminal(Leaf, Member):
    """A wireless terminal that is a full-function node."""

    def begin(self) -> None:
        self.joiner.begin()

    def halt(self) -> None:
        self.joiner.halt()

    def head_end(self) -> bytes | None:
        parent = self.joiner.parent
        return None if parent is None else parent.dodag_id
