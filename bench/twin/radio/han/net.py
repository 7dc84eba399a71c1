"""IPv6 between the nodes of a HAN: link-local addresses, 6LoWPAN, and frames that relays pass on or hold for sleepers.

A datagram for a node beyond a relay carries the mesh header of RFC 4944 (clause 5.2) with its two ends; each relay
passes it on one hop and secures it anew. Ways back are learnt from what came. That enhanced HAN relays like this is a
stand-in: its own way is not public. Frames for a child that fetches its data (it sent a data request once) wait here
until it asks, five minutes at most.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import fragment
from bench.air.lowpan.datagram import Mesh
from bench.air.mac import command
from bench.air.mac.command import CommandId, RawCommand
from bench.air.mac.frame import FrameType, MacFrame
from bench.records import NS_PER_S
from bench.twin.mesh.agenda import Agenda
from bench.twin.radio.link import Done, Link, Received

FRAME_OCTETS_MAX: Final = 255
"""Largest PSDU (domain.md 2: data up to 255 octets)."""
OVERHEAD_OCTETS: Final = 21 + 6 + 8 + 4
"""MAC header with two EUI-64s, security header, MIC, FCS."""
HOPS_MAX: Final = 8
"""Hops that a mesh header starts with: own choice."""
HOP_LIMIT: Final = 64
HELD_NS: Final = 300 * NS_PER_S
HELD_MAX: Final = 32

Deliver = Callable[[Packet, bytes, bool], None]
"""``deliver(packet, neighbour, secured)``: a whole packet for this node."""


@attrs.frozen(slots=True)
class _Held:
    frame: MacFrame
    secured: bool
    done: Done | None
    until_ns: int


class HanNet:
    """A node's IP layer. ``up``: the neighbour on the way to the smart meter, None at the smart meter itself."""

    def __init__(self, agenda: Agenda, rng: random.Random, link: Link, deliver: Deliver) -> None:
        self._agenda, self._link, self._deliver = agenda, link, deliver
        self._tag = rng.randrange(1 << 16)
        self.pan = 0xFFFF
        self.up: bytes | None = None
        self.relays = True
        """Whether it passes on what is for others."""
        self.reset()
        link.pending = lambda eui64: bool(self._held.get(eui64))

    def reset(self) -> None:
        """RAM is gone."""
        self._reassembler = fragment.Reassembler()
        self._ways: dict[bytes, bytes] = {}
        self._held: dict[bytes, deque[_Held]] = {}

    def awake(self, child: bytes) -> None:
        """A child that listens all the time, as one does that joins."""
        for one in self._held.pop(child, ()):
            self._link.send(one.frame, secured=one.secured, done=one.done)

    # -- sending ------------------------------------------------------------------------------------------------------

    def send_udp(self, final: bytes, port: int, payload: bytes, *, secured: bool, done: Done | None = None) -> None:
        """A UDP datagram to a node of this HAN, by its EUI-64, from and to ``port``."""
        own = self._link.eui64
        packet = Packet(ipv6.link_local(own), ipv6.link_local(final), Udp(port, port, payload), HOP_LIMIT)
        self.send(packet, final, secured=secured, done=done)

    def send(self, packet: Packet, final: bytes, *, secured: bool, done: Done | None = None) -> None:
        """``done`` gets whether the last frame of it was acknowledged by the next hop."""
        own, via = self._link.eui64, self._next(final)
        self._tag = (self._tag + 1) & 0xFFFF
        header = b"" if via == final else lowpan.build_mesh(Mesh(HOPS_MAX, own, final))
        room = FRAME_OCTETS_MAX - OVERHEAD_OCTETS - len(header)
        pieces = fragment.fragment(ipv6.build(packet), room, self._tag, own, final)
        for piece in pieces[:-1]:
            self._transmit(self._data(via, header + piece), secured, None)
        self._transmit(self._data(via, header + pieces[-1]), secured, done)

    def _next(self, final: bytes) -> bytes:
        way = self._ways.get(final)
        return way if way is not None else self.up if self.up is not None and self.up != final else final

    def _data(self, neighbour: bytes, payload: bytes) -> MacFrame:
        return MacFrame(
            FrameType.DATA,
            2,
            dst_pan=self.pan,
            dst=neighbour,
            src=self._link.eui64,
            ack_request=True,
            payload=payload,
        )

    def ask(self, done: Done) -> None:
        """A data request to the neighbour that holds our frames (IEEE 802.15.4 clause 7.5.5)."""
        if self.up is None:
            return
        request = attrs.evolve(
            self._data(self.up, command.build(RawCommand(CommandId.DATA_REQUEST))), frame_type=FrameType.COMMAND
        )
        self._link.send(request, secured=True, done=done)

    def _transmit(self, frame: MacFrame, secured: bool, done: Done | None) -> None:
        held = self._held.get(frame.dst or b"")
        if held is None:
            self._link.send(frame, secured=secured, done=done)
        elif len(held) < HELD_MAX:
            held.append(_Held(frame, secured, done, self._agenda.now_ns + HELD_NS))

    def _asked(self, child: bytes) -> None:
        """A child is awake for a moment: the next frame for it, saying whether there are more."""
        held = self._held.setdefault(child, deque())
        while held and held[0].until_ns < self._agenda.now_ns:
            held.popleft()
        if held:
            one = held.popleft()
            self._link.send(attrs.evolve(one.frame, frame_pending=bool(held)), secured=one.secured, done=one.done)

    # -- receiving ----------------------------------------------------------------------------------------------------

    def on_frame(self, heard: Received) -> None:
        """A data frame or data request."""
        frame = heard.frame
        if frame.frame_type == FrameType.COMMAND:
            if heard.secured and frame.payload[:1] == bytes((CommandId.DATA_REQUEST,)):
                self._asked(heard.src)
            return
        try:
            mesh, inner = lowpan.split_mesh(frame.payload)
            origin = heard.src if mesh is None else mesh.originator
            if heard.src != self.up:
                self._ways[origin] = heard.src
            if mesh is not None and mesh.final != self._link.eui64:
                self._pass_on(heard, mesh, inner)
                return
            packet = self._read(frame.payload, heard.src, frame.dst)
        except Malformed:
            return
        if packet is not None:
            self._deliver(packet, heard.src, heard.secured)

    def _pass_on(self, heard: Received, mesh: Mesh, inner: bytes) -> None:
        if not self.relays or not heard.secured or mesh.hops_left <= 1:
            return
        via = self._next(mesh.final)
        if via == heard.src:
            return  # it came from there
        header = lowpan.build_mesh(attrs.evolve(mesh, hops_left=mesh.hops_left - 1))
        self._transmit(self._data(via, header + inner), True, None)

    def _read(self, payload: bytes, src: bytes, dst: bytes | None) -> Packet | None:
        unit = lowpan.decompress(payload, src, dst)
        if isinstance(unit, lowpan.Fragment):
            whole = self._reassembler.add(unit, src, dst, self._agenda.now_ns)
            if whole is None:
                return None
            unit = whole
        return ipv6.parse(unit.packet)
