"""A terminal that is a limited function node: it sleeps, speaks to its parent alone, and knows nothing of routes."""

from __future__ import annotations

from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.mac.frame import MacFrame
from bench.air.wisun import lfn_frames
from bench.air.wisun.frames import WisunFrameType
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.leaf import Leaf
from bench.twin.mesh.lfn.joiner import LfnJoiner
from bench.twin.mesh.lfn.listening import Listening
from bench.twin.mesh.mac_layer import Heard, MacLayer, Stamp, Template
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.plan import MeshPlan, NodePlan
from bench.twin.mesh.station import read_eapol
from bench.twin.mesh.tuning import Tuning
from bench.twin.mesh.voice import Done, Voice


class LfnVoice:
    """The `voice.Voice` of an LFN: its frames tell when it listens. It sends to no one but a neighbour."""

    def __init__(self, mac: MacLayer, listening: Listening) -> None:
        self._mac, self._listening = mac, listening
        mac.acknowledgement = self._acknowledgement

    def _acknowledgement(self, frame: MacFrame, rssi_dbm: int, stamp: Stamp) -> MacFrame:
        lutt = self._listening.lutt(WisunFrameType.ACK, stamp.at_ns)
        return lfn_frames.ack(frame, self._mac.eui64, lutt=lutt, rsl_dbm=rssi_dbm)

    def data(self, piece: bytes, neighbour: bytes | None) -> Template:
        if neighbour is None:
            raise ValueError("an LFN sends no data to all")

        def build(stamp: Stamp) -> MacFrame:
            lutt, lus = self._listening.lutt(WisunFrameType.DATA, stamp.at_ns), self._listening.lus
            return lfn_frames.data(self._mac.eui64, neighbour, piece, stamp.sequence, lutt=lutt, lus=lus)

        return build

    def eapol(self, neighbour: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> Template:
        def build(stamp: Stamp) -> MacFrame:
            lutt, lus = self._listening.lutt(WisunFrameType.EAPOL, stamp.at_ns), self._listening.lus
            return lfn_frames.eapol(self._mac.eui64, neighbour, kmp, pdu, stamp.sequence, lutt=lutt, lus=lus)

        return build

    def send(self, neighbour: bytes | None, template: Template, *, secured: bool, done: Done | None = None) -> None:
        wanted = self._listening.wanted

        def result(success: bool) -> None:
            if success and wanted is self._listening.wanted:
                self._listening.told(wanted)
            if done is not None:
                done(success)

        self._mac.send(template, secured=secured, done=result)


class LfnTerminal(Leaf):
    """``bench.twin.terminal.network.TerminalRadio`` of an LFN."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        super().__init__(kernel, medium, plan, node, epoch_ns)
        assert node.listens_each_ns is not None
        self.joiner = LfnJoiner(self, self.listening, node.listens_each_ns, self.on_state)

    def make_tuning(self, channel: int) -> Tuning:
        self.listening = Listening(channel)
        return self.listening

    def make_voice(self) -> Voice:
        return LfnVoice(self.mac, self.listening)

    def begin(self) -> None:
        self.joiner.begin()

    def halt(self) -> None:
        self.joiner.halt()

    def power(self, on: bool) -> None:
        if not on:
            self.joiner.halt()
        super().power(on)

    def head_end(self) -> bytes | None:
        """The border router is who authenticated it; its address has the prefix of the node's own."""
        shared = self.flash.pairwise
        if self.address is None or shared is None:
            return None
        return ipv6.address_from_eui64(self.address, shared.authenticator)

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """To the parent, as it is: an LFN adds nothing of RPL."""
        parent = self.joiner.parent
        if parent is None:
            if done is not None:
                done(False)
            return

        def result(success: bool) -> None:
            self.joiner.parent_result(success)
            if done is not None:
                done(success)

        self.ip.send(packet, parent, result)

    def forward(self, packet: Packet, neighbour: bytes) -> None:
        """It passes nothing on."""

    def on_lfn_frame(self, heard: Heard) -> None:
        match heard.kind:
            case WisunFrameType.LPA:
                self.joiner.on_lpa(heard)
            case WisunFrameType.LPC if heard.secured:
                self.joiner.on_lpc(heard)
            case WisunFrameType.LTS if heard.secured:
                self.joiner.on_time(heard)

    def on_timing(self, heard: Heard) -> None:
        self.joiner.on_timing(heard)

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        record = read_eapol(pdu)
        if record is not None:
            self.joiner.on_eapol(src, record, authenticator)

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        super().on_ip(packet, neighbour)
        match packet.upper:
            case nd.NeighborAdvertisement():
                self.joiner.on_advertisement(packet.upper)
            case Udp(dst_port=dhcpv6.CLIENT_PORT):
                self.joiner.on_dhcp(dhcpv6.parse(packet.upper.payload))
