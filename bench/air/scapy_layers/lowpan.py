"""scapy layers of 6LoWPAN: dispatches, mesh and fragment headers (RFC 4944), IPHC and NHC complete (RFC 6282, 7400).

`LowpanIphc` shows the compressed form in its fields and has the IPv6 packet, as it was before compression, as its
payload. Building keeps that form while it stands for the payload, and finds the best one by `iphc.compress` when it
does not, so a change in any header above is followed. Compression itself is `bench.air.lowpan.iphc`'s alone.
"""

from __future__ import annotations

from typing import Any, Final

import attrs
from scapy.fields import (
    BitEnumField,
    BitField,
    ByteField,
    ConditionalField,
    PacketListField,
    ShortField,
    StrField,
    XByteField,
    XIntField,
    XShortField,
)
from scapy.packet import Raw

from bench.air.errors import Malformed
from bench.air.lowpan import ghc, hc1, iphc
from bench.air.lowpan.datagram import IPV6_DISPATCH
from bench.air.lowpan.links import Links, fill_checksums
from bench.air.octets import Reader
from bench.air.scapy_layers.base import (
    AirPacket,
    Beside,
    Layer,
    LinkAddress,
    Needed,
    Octets,
    Part,
    Rest,
    above,
    address_octets,
    fields,
)
from bench.air.scapy_layers.ipv6 import Ip6
from bench.air.scapy_layers.wpan import NEXT, Wpan, settings

_SHORT, _EUI64 = 2, 8
_EXTENSIONS: Final = {0: "hop-by-hop", 1: "routing", 2: "fragment", 3: "destination options", 4: "mobility"}
_FRAGMENT: Final = 2
_NHC_IPV6: Final = 0xEE


class LowpanMesh(AirPacket):
    """Mesh addressing header (RFC 4944, 5.2): ``v`` and ``f`` set mean short addresses; 15 hops are an octet more."""

    name = "6LoWPAN Mesh"
    fields_desc = fields(
        BitField("dispatch", 0b10, 2),
        BitField("v", 0, 1),
        BitField("f", 0, 1),
        BitField("hops", 14, 4),
        ConditionalField(ByteField("deep_hops", 15), lambda mesh: mesh.hops == 15),
        LinkAddress("orig", lambda mesh: _SHORT if mesh.v else _EUI64, swapped=False),
        LinkAddress("dest", lambda mesh: _SHORT if mesh.f else _EUI64, swapped=False),
    )

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lowpan_layer(payload)


class LowpanBroadcast(AirPacket):
    """Broadcast header (RFC 4944, 11.1)."""

    name = "6LoWPAN Broadcast"
    fields_desc = fields(XByteField("dispatch", 0x50), ByteField("seqnum", 0))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lowpan_layer(payload)


class LowpanFragFirst(AirPacket):
    """First fragment: ``size`` octets in all; the compressed headers follow."""

    name = "6LoWPAN First Fragment"
    fields_desc = fields(BitField("dispatch", 0b11000, 5), BitField("size", 0, 11), XShortField("tag", 0))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lowpan_layer(payload)


class LowpanFragNext(AirPacket):
    """Another fragment; ``offset`` counts units of 8 octets of the uncompressed datagram."""

    name = "6LoWPAN Fragment"
    fields_desc = fields(
        BitField("dispatch", 0b11100, 5),
        BitField("size", 0, 11),
        XShortField("tag", 0),
        ByteField("offset", 0),
    )


class LowpanRfrag(AirPacket):
    """Recoverable fragment (RFC 8931): octets of the compressed datagram; ``offset`` of the first is its whole size."""

    name = "6LoWPAN Recoverable Fragment"
    fields_desc = fields(
        BitField("dispatch", 0b1110100, 7),
        BitField("congestion", 0, 1),
        ByteField("tag", 0),
        BitField("ack_request", 0, 1),
        BitField("sequence", 0, 5),
        BitField("size", None, 10),
        ShortField("offset", 0),
    )

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.size is None:
            word = int.from_bytes(pkt[2:4], "big") | len(pay)
            pkt = pkt[:2] + word.to_bytes(2, "big") + pkt[4:]
        return pkt + pay


class LowpanRfragAck(AirPacket):
    """Acknowledgement of recoverable fragments; the highest bit of ``bitmap`` is that of sequence 0."""

    name = "6LoWPAN Recoverable Fragment Acknowledgement"
    fields_desc = fields(
        BitField("dispatch", 0b1110101, 7),
        BitField("congestion", 0, 1),
        ByteField("tag", 0),
        XIntField("bitmap", 0),
    )


class LowpanHc1(AirPacket):
    """HC1 and HC2 (RFC 4944): ``content`` is the compressed packet, which `hc1` reads and `expanded` gives in full."""

    name = "6LoWPAN HC1"
    fields_desc = fields(XByteField("dispatch", hc1.DISPATCH), Rest("content", b""))

    @property
    def expanded(self) -> Any:
        """The IPv6 packet that it stands for. Raises `Malformed`."""
        frame = above(self, Wpan)
        ends = (frame.src, frame.dst) if frame else (None, None)
        links = Links.of_frame(address_octets(ends[0]), address_octets(ends[1]), None)
        return Ip6(hc1.decompress(self.content, links, None))


class LowpanIpv6(AirPacket):
    """Dispatch of an IPv6 packet that is not compressed."""

    name = "6LoWPAN IPv6"
    fields_desc = fields(XByteField("dispatch", IPV6_DISPATCH))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return Ip6


class NhcExtension(Part):
    """An extension header in NHC (RFC 6282, 4.2); ``length`` of a fragment header is reserved."""

    name = "NHC Extension Header"
    fields_desc = fields(
        BitField("dispatch", 0b1110, 4),
        BitEnumField("eid", 0, 3, _EXTENSIONS),
        BitField("nh", 0, 1),
        ConditionalField(ByteField("next", 59), lambda nhc: not nhc.nh),
        ByteField("length", None),
        Octets("content", b"", length_from=lambda nhc: 6 if nhc.eid == _FRAGMENT else nhc.length),
    )

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            at = 1 if self.nh else 2
            pkt = pkt[:at] + bytes((len(self.content) * (self.eid != _FRAGMENT),)) + pkt[at + 1 :]
        return pkt + pay

    @property
    def expanded(self) -> int:
        """Octets of the header in IPv6."""
        return 2 + len(self.content) + -(len(self.content) + 2) % 8


class NhcUdp(Part):
    """A UDP header in NHC (4.3): ports inline as ``p`` says, the checksum unless ``checksum_elided``."""

    name = "NHC UDP"
    fields_desc = fields(
        BitField("dispatch", 0b11110, 5),
        BitField("checksum_elided", 0, 1),
        BitField("p", 0, 2),
        Octets("ports", b"", length_from=lambda nhc: (4, 3, 3, 1)[nhc.p]),
        ConditionalField(XShortField("checksum", 0), lambda nhc: not nhc.checksum_elided),
    )
    expanded = 8


class _Code(StrField):
    """Byte code of generic header compression up to its stop code, which belongs to it."""

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, bytes]:
        octets = _length_of(s)[0]
        return s[octets:], s[:octets]


def _length_of(code: bytes) -> tuple[int, int]:
    """Octets of byte code to its end, and of what it stands for: the dictionary's length counts, not what is in it."""
    reader = Reader(code, "GHC")
    made = ghc.expand(reader, ghc.dictionary(bytes(16), bytes(16)))
    return reader.at, len(made)


class GhcExtension(Part):
    """An extension header in generic compression (RFC 7400, 3.2): ``code`` stands for what follows its length."""

    name = "GHC Extension Header"
    fields_desc = fields(
        BitField("dispatch", 0b1011, 4),
        BitEnumField("eid", 0, 3, _EXTENSIONS),
        BitField("nh", 0, 1),
        ConditionalField(ByteField("next", 59), lambda nhc: not nhc.nh),
        _Code("code", bytes((ghc.STOP,))),
    )

    @property
    def expanded(self) -> int:
        """Octets of the header in IPv6."""
        return (_length_of(self.code)[1] + 2 + 7) // 8 * 8


_TO_THE_END: Final = 0xFFFF  # byte code of a payload stands for all octets that follow


class GhcUdp(Part):
    """A UDP header as `NhcUdp` has it, and ``code`` for its payload (RFC 7400, 3.1)."""

    name = "GHC UDP"
    fields_desc = fields(
        BitField("dispatch", 0b11010, 5),
        BitField("checksum_elided", 0, 1),
        BitField("p", 0, 2),
        Octets("ports", b"", length_from=lambda nhc: (4, 3, 3, 1)[nhc.p]),
        ConditionalField(XShortField("checksum", 0), lambda nhc: not nhc.checksum_elided),
        Rest("code", b""),
    )
    expanded = _TO_THE_END


class GhcIcmpv6(Part):
    """``code`` for a whole ICMPv6 message (RFC 7400, 3.1)."""

    name = "GHC ICMPv6"
    fields_desc = fields(XByteField("dispatch", 0b11011111), Rest("code", b""))
    expanded = _TO_THE_END


_NHC: Final[tuple[tuple[int, int, Layer], ...]] = (
    (5, 0b11110, NhcUdp),
    (4, 0b1110, NhcExtension),
    (5, 0b11010, GhcUdp),
    (8, 0b11011111, GhcIcmpv6),
    (4, 0b1011, GhcExtension),
)
"""Bits, their value and the layer that the first octet of a compressed header begins."""
_GENERIC: Final = (GhcExtension, GhcUdp, GhcIcmpv6)


def _next_nhc(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    """The layer of the compressed header at the start of ``octets``, None where none follows."""
    if not octets or (last is None and not packet.nh) or (last is not None and not getattr(last, "nh", 0)):
        return None
    if octets[0] == _NHC_IPV6:
        return NhcIpv6 if len(octets) > _SHORT else None
    return next((layer for bits, prefix, layer in _NHC if octets[0] >> 8 - bits == prefix), None)


def _inline(stateful: str, mode: str) -> Any:
    return lambda head: (
        0 if stateful and getattr(head, stateful) and not getattr(head, mode) else (16, 8, 2, 0)[getattr(head, mode)]
    )


def _destination_octets(head: Any) -> int:
    if not head.m:
        return (16, 8, 2, 0)[head.dam]
    return 6 if head.dac else (16, 6, 4, 1)[head.dam]


class IphcHead(Part):
    """IPHC base header (3.1) and the headers that are compressed behind it; as it stands in a tunnel's NHC."""

    name = "IPHC"
    fields_desc = fields(
        BitField("dispatch", 0b011, 3),
        BitField("tf", 3, 2),
        BitField("nh", 0, 1),
        BitField("hlim", 0, 2),
        BitField("cid", 0, 1),
        BitField("sac", 0, 1),
        BitField("sam", 0, 2),
        BitField("m", 0, 1),
        BitField("dac", 0, 1),
        BitField("dam", 0, 2),
        ConditionalField(BitField("sci", 0, 4), lambda head: head.cid),
        ConditionalField(BitField("dci", 0, 4), lambda head: head.cid),
        ConditionalField(BitField("ecn", 0, 2), lambda head: head.tf != 3),
        ConditionalField(BitField("dscp", 0, 6), lambda head: head.tf in (0, 2)),
        ConditionalField(BitField("reserved", 0, 4), lambda head: head.tf == 0),
        ConditionalField(BitField("reserved2", 0, 2), lambda head: head.tf == 1),
        ConditionalField(BitField("flow", 0, 20), lambda head: head.tf in (0, 1)),
        ConditionalField(ByteField("next", 59), lambda head: not head.nh),
        ConditionalField(ByteField("hop_limit", 64), lambda head: not head.hlim),
        Octets("src_inline", bytes(16), length_from=_inline("sac", "sam")),
        Octets("dst_inline", bytes(16), length_from=_destination_octets),
        ConditionalField(PacketListField("nhc", [], next_cls_cb=_next_nhc), lambda head: head.nh),
    )

    @property
    def expanded(self) -> int:
        """Octets of the IPv6 packet that the header stands for."""
        return 40 + (sum(header.expanded for header in self.nhc) if self.nh else 0)

    @property
    def generic(self) -> bool:
        """Generic header compression is in use, here or in a tunnel."""
        return self.nh and any(getattr(header, "generic", isinstance(header, _GENERIC)) for header in self.nhc)


class NhcIpv6(Part):
    """A tunnelled packet's header in NHC (4.2, extension header id 7)."""

    name = "NHC IPv6"
    fields_desc = fields(XByteField("dispatch", _NHC_IPV6), Needed("iphc", IphcHead(), IphcHead))

    @property
    def expanded(self) -> int:
        """Octets of the headers in the tunnel."""
        return int(self.iphc.expanded)

    @property
    def generic(self) -> bool:
        """As `IphcHead.generic`, of the tunnelled packet."""
        return bool(self.iphc.generic)


class LowpanIphc(IphcHead):
    """IPHC with the IPv6 packet it stands for as payload (`Raw` where a context is not known).

    The frame's addresses (or a mesh header's) are what it draws on, and ``contexts``: those of `wpan.settings`
    at the time of dissection.
    """

    name = "6LoWPAN IPHC"
    fields_desc = fields(IphcHead, Beside("expands", False), Beside("contexts", None))

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return s, b""

    def do_dissect(self, s: bytes) -> bytes:
        rest: bytes = super().do_dissect(s)
        self.raw_packet_cache = None  # building looks at the payload
        try:
            packet = self._expand(s)
        except Malformed:
            return rest
        self.fields["expands"] = True
        self.fields["contexts"] = settings.contexts or None
        return packet

    def guess_payload_class(self, payload: bytes) -> Layer:
        return Ip6 if self.expands else Raw

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if not (self.expands or isinstance(self.payload, Ip6)):  # what was expanded is a packet, even one cut to `Raw`
            return pkt + pay
        form = pkt + pay[self.expanded :]
        try:
            if self._expand(form) == pay:
                return form
        except Malformed:
            pass
        best = iphc.compress(pay, self.links)
        return b"".join(best) if best else form

    def _expand(self, octets: bytes) -> bytes:
        """The IPv6 octets of compressed ones; of a first fragment, what there is of them. Raises `Malformed`."""
        fragment = above(self, LowpanFragFirst)
        packet, elided = iphc.decompress(octets, self.links, [], fragment.size if fragment else None)
        return packet if fragment else fill_checksums(packet, elided)

    @property
    def links(self) -> Links:
        """The link addresses that addresses may be made of, and the contexts."""
        mesh, frame = above(self, LowpanMesh), above(self, Wpan)
        ends = (mesh.orig, mesh.dest) if mesh else (frame.src, frame.dst) if frame else (None, None)
        contexts = settings.contexts if self.contexts is None else self.contexts
        links = Links.of_frame(address_octets(ends[0]), address_octets(ends[1]), contexts)
        return attrs.evolve(links, generic=True) if self.generic else links


_PREFIXES: Final[tuple[tuple[int, int, Layer], ...]] = (
    (3, 0b011, LowpanIphc),
    (2, 0b10, LowpanMesh),
    (5, 0b11000, LowpanFragFirst),
    (5, 0b11100, LowpanFragNext),
    (7, 0b1110100, LowpanRfrag),
    (7, 0b1110101, LowpanRfragAck),
    (8, hc1.DISPATCH, LowpanHc1),
)
"""Bits, their value and the layer that a dispatch octet begins."""
NEXT_LOWPAN: Final[dict[int, Layer]] = {}
"""Layers by the first four bits of the dispatch, before those; `lorh` enters the paging dispatch."""


def lowpan_layer(payload: bytes) -> Layer:
    """The layer of the dispatch that ``payload`` begins with; `Raw` for one without a layer here."""
    head = payload[0]
    if head == IPV6_DISPATCH:
        return LowpanIpv6
    if head == 0x50:
        return LowpanBroadcast
    if head >> 4 in NEXT_LOWPAN:
        return NEXT_LOWPAN[head >> 4]
    return next((layer for bits, prefix, layer in _PREFIXES if head >> 8 - bits == prefix), Raw)


class Lowpan(AirPacket):
    """Stands for whatever 6LoWPAN header the octets begin with."""

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *args: Any, **kargs: Any) -> Layer:
        return lowpan_layer(_pkt) if _pkt else cls


NEXT["6lowpan"] = Lowpan
