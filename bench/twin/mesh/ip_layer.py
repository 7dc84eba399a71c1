"""IPv6 over one hop: compression, fragmentation and reassembly between a node and its neighbours."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import fragment
from bench.air.mac.frame import MacFrame
from bench.air.mac.ies import MPX_GROUP
from bench.air.mac.mpx import LOWPAN, Mpx, decode_mpx
from bench.air.wisun import frames as wisun
from bench.air.wisun.schedule import ChannelFunction
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.mac_layer import Heard
from bench.twin.mesh.plan import MeshPlan
from bench.twin.mesh.voice import Done, Voice

LOWPAN_OCTETS_MAX: Final = 1200
"""Datagrams larger than this (compressed) are fragmented; the PHY would allow frames of 2,047 octets."""

JAPAN: Final = 2
CLASS: Final = 2
"""Regulatory domain and operating class: 400 kHz apart from 920.9 MHz on (facts: domain.md 5.1)."""


def unicast_schedule(plan: MeshPlan) -> wisun.Us:
    """US-IE of every node: the one fixed channel, or DH1CF, by regulatory domain and operating class, which FAN 1.0
    stacks read as well (a channel plan id is FAN 1.1's)."""
    function, fixed = (ChannelFunction.DH1CF, None) if plan.hopping else (ChannelFunction.FIXED, plan.channel)
    return wisun.Us(schedule=wisun.Schedule(0, JAPAN, CLASS, function=function, fixed_channel=fixed))


def broadcast_schedule(plan: MeshPlan) -> wisun.Bs:
    """BS-IE of the PAN, as its border router has it."""
    return wisun.Bs(bsi=plan.pan_id ^ 0x5A5A, schedule=unicast_schedule(plan).schedule)


def mpx_of(frame: MacFrame) -> Mpx | None:
    """What a frame carries over MPX, None where it has no such element. Raises ``Malformed``."""
    content = next((ie.content for ie in frame.payload_ies if ie.id == MPX_GROUP), None)
    return decode_mpx(content) if content is not None else None


class IpLayer:
    """Sends packets to a neighbour (or all) and calls ``deliver(packet, neighbour)`` for each whole packet heard."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        voice: Voice,
        deliver: Callable[[Packet, bytes], None],
    ) -> None:
        self._agenda, self._eui64, self._voice, self._deliver = agenda, eui64, voice, deliver
        self._tag = rng.randrange(65536)
        self._reassembler = fragment.Reassembler()

    def reset(self) -> None:
        """RAM is gone."""
        self._reassembler = fragment.Reassembler()

    def send(self, packet: Packet, neighbour: bytes | None, done: Done | None = None) -> None:
        """To one neighbour (EUI-64), acknowledged, or to all (None). ``done`` gets whether every piece arrived."""
        self._tag = (self._tag + 1) & 0xFFFF
        octets = ipv6.build(packet)
        pieces = fragment.fragment(octets, LOWPAN_OCTETS_MAX, self._tag, self._eui64, neighbour)
        results: list[bool] = []

        def piece_done(success: bool) -> None:
            results.append(success)
            if done is not None and len(results) == len(pieces):
                done(all(results))

        for piece in pieces:
            self._voice.send(neighbour, self._voice.data(piece, neighbour), secured=True, done=piece_done)

    def on_frame(self, heard: Heard) -> None:
        """A data frame, already in clear text."""
        if not heard.secured:
            return
        try:
            packet = self._read(heard)
        except Malformed:
            return
        if packet is not None:
            self._deliver(packet, heard.src)

    def _read(self, heard: Heard) -> Packet | None:
        mpx = mpx_of(heard.frame)
        if mpx is None or mpx.multiplex_id != LOWPAN:
            return None
        unit = lowpan.decompress(mpx.body, heard.src, heard.frame.dst)
        if isinstance(unit, lowpan.Fragment):
            whole = self._reassembler.add(unit, heard.src, heard.frame.dst, self._agenda.now_ns)
            if whole is None:
                return None
            unit = whole
        return ipv6.parse(unit.packet)
