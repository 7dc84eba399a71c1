"""What every node has: radio, MAC, IPv6 over 6LoWPAN, flash, a generator of its own; and where frames are sorted."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.air.errors import Malformed
from bench.air.ip import nd, reassembly
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import SourceRoute
from bench.air.ip.icmpv6 import EchoReply, EchoRequest
from bench.air.ip.packet import Packet, Upper
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import RELAY_PORT, Eapol, EapolRelay, decode_eapol, encode_relay
from bench.air.mac.frame import MacFrame
from bench.air.mac.mpx import KMP
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import WisunFrameType
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS
from bench.twin.mesh.advertiser import LfnConfig, PanConfig, PanState
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import Flash
from bench.twin.mesh.ip_layer import IpLayer, broadcast_schedule, mpx_of, unicast_schedule
from bench.twin.mesh.mac_layer import Heard, MacLayer
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.plan import MeshPlan, NodePlan, Role
from bench.twin.mesh.timers import profile
from bench.twin.mesh.tuning import Fixed, Hopping, Tuning
from bench.twin.mesh.voice import Done, FfnVoice, Voice

HOP_LIMIT = 64
MTU = 1280
"""Octets of the longest packet that a node sends whole: every link takes it, and tunnels on the way have room to spare
(RFC 8200, 5; the mesh's links take 1,576)."""
LINK_LOCAL = b"\xfe\x80"
LFN_FRAMES = frozenset(
    (WisunFrameType.LPAS, WisunFrameType.LPA, WisunFrameType.LPCS, WisunFrameType.LPC, WisunFrameType.LTS)
)


class Station:
    """Base of border router, smart meter and terminal. Subclasses say what to do with frames and packets."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        self.plan, self.name, self.eui64 = plan, node.name, node.eui64
        self.timers = profile(node.profile)
        self.rng = random.Random(f"{plan.seed}/{node.name}")
        self.agenda = Agenda(kernel)
        self.flash = Flash(plan.network_name, limited=node.listens_each_ns is not None)
        self.us = unicast_schedule(plan)
        self.routes_for_others = node.role is not Role.TERMINAL
        self.mac = MacLayer(
            self.agenda,
            medium,
            node.name,
            node.eui64,
            self.rng,
            self.flash,
            epoch_ns,
            self._on_frame,
            self.make_tuning(medium.channel),
        )
        self.bs = broadcast_schedule(plan) if node.role is Role.BORDER_ROUTER else None
        """A border router tells the broadcast schedule in EAPOL and broadcasts, too, as the real one does."""
        self.voice: Voice = self.make_voice()
        self.ip = IpLayer(self.agenda, self.rng, self.eui64, self.voice, self._on_packet)
        self.faults = NO_FAULTS
        self.powered = False
        self.address: bytes | None = None
        """Global address, 16 octets, once the node has one."""
        self.ports: dict[int, Callable[[bytes, bytes], None]] = {}
        """UDP ports of others that use this node (`bench.twin.radio`): ``heard(eui64 of the sender, payload)``."""
        self.supply_watchers: list[Callable[[bool], None]] = []
        """Called with the supply's new state: what else hangs on it."""
        self._fragments = reassembly.Reassembler()
        self._identification = 0

    def make_tuning(self, channel: int) -> Tuning:
        """Where and when it listens."""
        return Hopping(self.eui64, self.us) if self.plan.hopping else Fixed(channel)

    def make_voice(self) -> Voice:
        """How it speaks."""
        return FfnVoice(self.mac, self.flash, self.us, self.bs)

    def power(self, on: bool) -> None:
        """Switch the supply: off is dark at once, RAM lost."""
        if on == self.powered:
            return
        self.powered = on
        if not on:
            self.agenda.clear()
            self.flash.power_cut()
            self.ip.reset()
            self._fragments = reassembly.Reassembler()
        self.mac.power(on)
        for watcher in self.supply_watchers:
            watcher(on)

    # -- frames -------------------------------------------------------------------------------------------------------

    def _on_frame(self, heard: Heard) -> None:
        try:
            self.on_timing(heard)
            match heard.kind:
                case WisunFrameType.DATA:
                    self.ip.on_frame(heard)
                case WisunFrameType.EAPOL:
                    self._on_eapol_frame(heard)
                case WisunFrameType.PAS | WisunFrameType.PCS:
                    name = wisun.element(heard.frame, wisun.NetName)
                    if name is not None:
                        self.on_solicit(heard, name.name)
                case WisunFrameType.PA:
                    self._on_pa_frame(heard)
                case WisunFrameType.PC if heard.secured:
                    self._on_pc_frame(heard)
                case kind if kind in LFN_FRAMES:
                    self.on_lfn_frame(heard)
        except Malformed:
            return

    def _on_pa_frame(self, heard: Heard) -> None:
        pan, name = wisun.element(heard.frame, wisun.Pan), wisun.element(heard.frame, wisun.NetName)
        if pan is not None and name is not None and name.name == self.plan.network_name:
            self.on_pa(heard, PanState(pan, wisun.element(heard.frame, wisun.Jm)))

    def _on_pc_frame(self, heard: Heard) -> None:
        version, hashes = wisun.element(heard.frame, wisun.PanVersion), wisun.element(heard.frame, wisun.GtkHash)
        schedule = wisun.element(heard.frame, wisun.Bs)
        if version is not None and hashes is not None and schedule is not None:
            self.on_pc(heard, PanConfig(version.version, hashes, schedule, _lfn_config(heard.frame)))

    def _on_eapol_frame(self, heard: Heard) -> None:
        mpx = mpx_of(heard.frame)
        if mpx is None or mpx.multiplex_id != KMP or not mpx.body:
            return
        ea = wisun.element(heard.frame, wisun.Ea)
        self.on_eapol(heard.src, mpx.body[0], mpx.body[1:], ea.eui64 if ea is not None else None)

    def send_eapol(self, neighbour: bytes, kmp: int, pdu: bytes, authenticator: bytes | None = None) -> None:
        """An EAPOL frame to a neighbour, in clear; a parent names the authenticator in EA-IE."""
        self.voice.send(neighbour, self.voice.eapol(neighbour, kmp, pdu, authenticator), secured=False)

    # -- packets ------------------------------------------------------------------------------------------------------

    def _on_packet(self, packet: Packet, neighbour: bytes) -> None:
        """A whole packet from a neighbour: ours (after tunnels and source routes), or to be forwarded."""
        if packet.dst[0] == 0xFF:
            self.on_ip(packet, neighbour)
        elif packet.dst not in (self.address, ipv6.link_local(self.eui64)):
            self.forward(packet, neighbour)
        elif packet.source_route is not None and packet.source_route.segments_left:
            self._follow(packet, packet.source_route)
        elif isinstance(packet.upper, Packet):
            self._on_packet(packet.upper, neighbour)
        elif reassembly.fragment_of(packet) is not None:
            whole = self._fragments.add(packet, (None, None), self.agenda.now_ns)
            if whole is not None:
                self._on_packet(whole, neighbour)
        elif isinstance(packet.upper, EchoRequest):
            echo = packet.upper
            self.answer(packet, EchoReply(echo.identifier, echo.sequence, echo.data), neighbour)
        else:
            self.on_ip(packet, neighbour)

    def answer(self, packet: Packet, upper: Upper, neighbour: bytes, hop_limit: int = HOP_LIMIT) -> None:
        """Answer a packet from where it was sent to: over the hop where its sender's address is a link-local one."""
        reply = Packet(packet.dst, packet.src, upper, hop_limit)
        self.send_packet(reply, neighbour if packet.src[:2] == LINK_LOCAL else None)

    def send_packet(self, packet: Packet, neighbour: bytes | None = None) -> None:
        """Send a packet of this node's own, in fragments where it is longer than the MTU: to a neighbour, or routed."""
        self._identification += 1
        for piece in reassembly.split(packet, MTU, self._identification):
            if neighbour is not None:
                self.ip.send(piece, neighbour)
            else:
                self.route(piece)

    def _follow(self, packet: Packet, route: SourceRoute) -> None:
        """Next segment of a source route (RFC 6554 section 4.2)."""
        at = len(route.addresses) - route.segments_left
        target = route.addresses[at]
        addresses = (*route.addresses[:at], packet.dst, *route.addresses[at + 1 :])
        header = SourceRoute(route.segments_left - 1, addresses, route.compressed_i, route.compressed_e)
        headers = tuple(header if h is route else h for h in packet.headers)
        onward = Packet(
            packet.src, target, packet.upper, packet.hop_limit - 1, packet.traffic_class, packet.flow, headers
        )
        if packet.hop_limit > 1:
            self.carry(packet, lambda: self.ip.send(onward, ipv6.eui64_of(target)))

    def advertise_neighbour(self, packet: Packet, asked: nd.NeighborSolicitation, neighbour: bytes) -> None:
        """A router's answer to a neighbour solicitation: it is there, and takes the registration (RFC 6775, 5.5)."""
        if asked.target != ipv6.link_local(self.eui64) and asked.target != self.address:
            return
        options = tuple(o for o in asked.options if isinstance(o, nd.AddressRegistration))
        advertisement = nd.NeighborAdvertisement(asked.target, nd.ROUTER | nd.SOLICITED, options)
        self.ip.send(Packet(asked.target, packet.src, advertisement, 255), neighbour)

    def send_udp(self, dst: bytes, port: int, payload: bytes, *, src_port: int | None = None) -> None:
        """A UDP datagram from the global address, routed."""
        if self.address is not None:
            udp = Udp(src_port if src_port is not None else port, port, payload)
            self.send_packet(Packet(self.address, dst, udp, HOP_LIMIT))

    def deliver_to_port(self, packet: Packet, udp: Udp) -> None:
        """To whoever took the datagram's port (``ports``); nothing where nobody did."""
        heard = self.ports.get(udp.dst_port)
        if heard is not None:
            heard(ipv6.eui64_of(packet.src), udp.payload)

    def send_relay(self, dst: bytes, supplicant: bytes, kmp: int, pdu: bytes) -> None:
        """EAPOL over the relay port, to the border router or back."""
        self.send_udp(dst, RELAY_PORT, encode_relay(EapolRelay(supplicant, kmp, pdu)))

    # -- what subclasses do -------------------------------------------------------------------------------------------

    def on_timing(self, heard: Heard) -> None:
        """Any frame, before it is looked into. Raises `Malformed`."""

    def on_lfn_frame(self, heard: Heard) -> None:
        """A frame of LFNs' network management (``LFN_FRAMES``). Raises `Malformed`."""

    def on_solicit(self, heard: Heard, network_name: str) -> None:
        """A PAS or PCS."""

    def on_pa(self, heard: Heard, state: PanState) -> None:
        """A PA of the node's network name."""

    def on_pc(self, heard: Heard, config: PanConfig) -> None:
        """A PC that verified under one of the node's keys."""

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        """EAPOL from a neighbour."""

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        """A packet for this node."""

    def forward(self, packet: Packet, neighbour: bytes) -> None:
        """Pass on a packet that came from ``neighbour`` and is for somebody else."""
        if packet.hop_limit > 1:
            self.carry(packet, lambda: self.route(_hop(packet)))

    def carry(self, packet: Packet, onward: Callable[[], None]) -> None:
        """Do ``onward`` at once, unless a fault holds or loses what is carried."""
        if not self.faults.has("carry_delay_s"):
            onward()
            return
        inner = packet.upper if isinstance(packet.upper, Packet) else packet
        held_s = self.faults.carried("carry_delay_s", self._name_of(inner.src), self._name_of(inner.dst))
        if held_s is not None:
            self.agenda.after(round(held_s * NS_PER_S), onward)

    def _name_of(self, address: bytes) -> str:
        """The node of an address, "" where it is none's."""
        return next((n.name for n in self.plan.nodes if address[8:] == ipv6.interface_id(n.eui64)), "")

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """Send a packet towards its (global) destination."""


def _lfn_config(frame: MacFrame) -> LfnConfig | None:
    """What a PC tells of LFNs. Raises `Malformed`."""
    version, hashes = wisun.element(frame, wisun.LfnVersion), wisun.element(frame, wisun.LgtkHash)
    lbc = wisun.element(frame, wisun.Lbc)
    return None if version is None or hashes is None or lbc is None else LfnConfig(version.version, hashes, lbc)


def read_eapol(pdu: bytes) -> Eapol | None:
    """The PDU as a record, None where it is malformed."""
    try:
        return decode_eapol(pdu)
    except Malformed:
        return None


def _hop(packet: Packet) -> Packet:
    """The packet with its hop limit one less."""
    return Packet(
        packet.src,
        packet.dst,
        packet.upper,
        packet.hop_limit - 1,
        packet.traffic_class,
        packet.flow,
        packet.headers,
        packet.next_header,
    )
