"""What every node has: radio, MAC, IPv6 over 6LoWPAN, flash, a generator of its own; and where frames are sorted."""

from __future__ import annotations

import random

from bench.air import ipv6, wisun
from bench.air.eapol import RELAY_PORT, Eapol, EapolRelay, decode_eapol, encode_relay
from bench.air.errors import Malformed
from bench.air.extensions import SourceRoute
from bench.air.ipv6 import Packet
from bench.air.mac import MacFrame
from bench.air.mpx import KMP
from bench.air.udp import Udp
from bench.air.wisun import WisunFrameType
from bench.twin.kernel import Kernel
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.flash import Flash
from bench.twin.mesh.ip_layer import Done, IpLayer, mpx_of, unicast_schedule
from bench.twin.mesh.mac_layer import Heard, MacLayer, Stamp
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.plan import MeshPlan, NodePlan
from bench.twin.mesh.timers import profile

HOP_LIMIT = 64


class Station:
    """Base of border router, smart meter and terminal. Subclasses say what to do with frames and packets."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        self.plan, self.name, self.eui64 = plan, node.name, node.eui64
        self.timers = profile(node.profile)
        self.rng = random.Random(f"{plan.seed}/{node.name}")
        self.agenda = Agenda(kernel)
        self.flash = Flash(plan.network_name)
        self.mac = MacLayer(self.agenda, medium, node.name, node.eui64, self.rng, self.flash, epoch_ns, self._on_frame)
        self.ip = IpLayer(self.agenda, self.rng, self.mac, plan, self._on_packet)
        self.us = unicast_schedule(plan)
        self.powered = False
        self.address: bytes | None = None
        """Global address, 16 octets, once the node has one."""

    def power(self, on: bool) -> None:
        """Switch the supply: off is dark at once, RAM lost."""
        if on == self.powered:
            return
        self.powered = on
        if not on:
            self.agenda.clear()
            self.flash.power_cut()
            self.ip.reset()
        self.mac.power(on)

    # -- frames -------------------------------------------------------------------------------------------------------

    def _on_frame(self, heard: Heard) -> None:
        try:
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
                    hashes = wisun.element(heard.frame, wisun.GtkHash)
                    if hashes is not None:
                        self.on_pc(heard, hashes)
        except Malformed:
            return

    def _on_pa_frame(self, heard: Heard) -> None:
        pan, name = wisun.element(heard.frame, wisun.Pan), wisun.element(heard.frame, wisun.NetName)
        if pan is not None and name is not None and name.name == self.plan.network_name:
            self.on_pa(heard, pan)

    def _on_eapol_frame(self, heard: Heard) -> None:
        mpx = mpx_of(heard.frame)
        if mpx is None or mpx.multiplex_id != KMP or not mpx.body:
            return
        ea = wisun.element(heard.frame, wisun.Ea)
        self.on_eapol(heard.src, mpx.body[0], mpx.body[1:], ea.eui64 if ea is not None else None)

    def send_eapol(self, neighbour: bytes, kmp: int, pdu: bytes, authenticator: bytes | None = None) -> None:
        """An EAPOL frame to a neighbour, in clear; a parent names the authenticator in EA-IE."""

        def build(stamp: Stamp) -> MacFrame:
            return wisun.eapol(
                self.eui64,
                neighbour,
                kmp,
                pdu,
                stamp.sequence,
                authenticator=authenticator,
                us=self.us,
                bt=stamp.bt if authenticator is not None else None,
                ufsi=stamp.ufsi,
            )

        self.mac.send(build, secured=False)

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
        else:
            self.on_ip(packet, neighbour)

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
            self.ip.send(onward, ipv6.eui64_of(target))

    def send_udp(self, dst: bytes, port: int, payload: bytes, *, src_port: int | None = None) -> None:
        """A UDP datagram from the global address, routed."""
        if self.address is not None:
            udp = Udp(src_port if src_port is not None else port, port, payload)
            self.route(Packet(self.address, dst, udp, HOP_LIMIT))

    def send_relay(self, dst: bytes, supplicant: bytes, kmp: int, pdu: bytes) -> None:
        """EAPOL over the relay port, to the border router or back."""
        self.send_udp(dst, RELAY_PORT, encode_relay(EapolRelay(supplicant, kmp, pdu)))

    # -- what subclasses do -------------------------------------------------------------------------------------------

    def on_solicit(self, heard: Heard, network_name: str) -> None:
        """A PAS or PCS."""

    def on_pa(self, heard: Heard, pan: wisun.Pan) -> None:
        """A PA of the node's network name."""

    def on_pc(self, heard: Heard, hashes: wisun.GtkHash) -> None:
        """A PC that verified under the node's key."""

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        """EAPOL from a neighbour."""

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        """A packet for this node."""

    def forward(self, packet: Packet, neighbour: bytes) -> None:
        """Pass on a packet that came from ``neighbour`` and is for somebody else."""
        if packet.hop_limit > 1:
            self.route(_hop(packet))

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """Send a packet towards its (global) destination."""


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
