"""scapy layers of ICMPv6 in the mesh: neighbour discovery with the 6LoWPAN options, RPL; echo and errors are scapy's.

Options chain here, link-layer addresses may have 2, 6 or 8 octets, and prefixes of RPL options have as many octets as
there are. Field names are those of `nd` and `rpl`.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    ConditionalField,
    IntField,
    IP6Field,
    PacketListField,
    ShortField,
    XByteField,
    XIntField,
    XShortField,
)
from scapy.layers.inet6 import _ICMPv6
from scapy.packet import Raw

from bench.air import icmpv6, nd, rpl
from bench.air.scapy_fields import AirPacket, Layer, Octets, Option, Part, Rest, fields
from bench.air.scapy_ipv6 import CHOOSERS, under_ipv6


class NdOption(Option):
    """A neighbour discovery option; ``length`` counts units of 8 octets. This one is kept as octets."""

    name = "ND Option"
    fields_desc = fields(ByteField("type", 0), ByteField("length", None), Rest("data", b""))

    @classmethod
    def octets(cls, data: bytes) -> int:
        if not data[1]:
            raise ValueError("ND option of length 0")
        return 8 * data[1]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            units = (len(pkt) + len(pay) + 7) // 8
            return pkt[:1] + bytes((units,)) + (pkt[2:] + pay).ljust(8 * units - 2, b"\0")
        return pkt + pay


class NdLinkAddress(NdOption):
    """Source (type 1) or target (type 2) link-layer address, with what fills the option behind it."""

    name = "ND Link-Layer Address"
    fields_desc = fields(
        ByteEnumField("type", nd.LinkLayerAddress.SOURCE, {1: "source", 2: "target"}),
        ByteField("length", None),
        Octets("address", b"", length_from=lambda option: 8 if option.length > 1 else 6),
        Rest("fill", b""),
    )


class NdAddressRegistration(NdOption):
    """(Extended) address registration option (RFC 8505); in RFC 6775's form all before the lifetime is zero."""

    name = "ND EARO"
    fields_desc = fields(
        ByteField("type", nd.AddressRegistration.TYPE),
        ByteField("length", None),
        ByteField("status", 0),
        ByteField("opaque", 0),
        XByteField("flags", 0),
        ByteField("tid", 0),
        ShortField("lifetime_min", 0),
        Rest("owner", b""),
    )


class NdPrefixInformation(NdOption):
    """Prefix information (RFC 4861, 4.6.2)."""

    name = "ND Prefix Information"
    fields_desc = fields(
        ByteField("type", nd.PrefixInformation.TYPE),
        ByteField("length", None),
        ByteField("prefix_length", 64),
        XByteField("flags", 0x40),
        IntField("valid_s", 0xFFFFFFFF),
        IntField("preferred_s", 0xFFFFFFFF),
        XIntField("reserved", 0),
        IP6Field("prefix", "::"),
    )


class NdMtu(NdOption):
    """MTU (RFC 4861, 4.6.4)."""

    name = "ND MTU"
    fields_desc = fields(
        ByteField("type", nd.Mtu.TYPE),
        ByteField("length", None),
        XShortField("reserved", 0),
        IntField("mtu", 1280),
    )


class NdContext(NdOption):
    """6LoWPAN context (RFC 6775, 4.2)."""

    name = "ND 6LoWPAN Context"
    fields_desc = fields(
        ByteField("type", nd.Context.TYPE),
        ByteField("length", None),
        ByteField("prefix_length", 64),
        BitField("reserved", 0, 3),
        BitField("compress", 1, 1),
        BitField("identifier", 0, 4),
        XShortField("reserved2", 0),
        ShortField("lifetime_min", 0xFFFF),
        Rest("prefix", b""),
    )


_ND_OPTIONS: Final[dict[int, Layer]] = {
    nd.LinkLayerAddress.SOURCE: NdLinkAddress,
    nd.LinkLayerAddress.TARGET: NdLinkAddress,
    nd.AddressRegistration.TYPE: NdAddressRegistration,
    nd.PrefixInformation.TYPE: NdPrefixInformation,
    nd.Mtu.TYPE: NdMtu,
    nd.Context.TYPE: NdContext,
}


def _next_nd(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return _ND_OPTIONS.get(octets[0], NdOption) if octets else None


class RplOption(Option):
    """An RPL option kept as octets."""

    name = "RPL Option"
    fields_desc = fields(ByteField("type", 0xFF), ByteField("length", None), Rest("data", b""))


class RplPad1(Option):
    """Pad1: one octet."""

    name = "RPL Pad1"
    fields_desc = fields(ByteField("type", 0))

    @classmethod
    def octets(cls, data: bytes) -> int:
        return 1

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        return pkt + pay


class RplPadN(RplOption):
    """PadN."""

    name = "RPL PadN"
    fields_desc = fields(ByteField("type", 1), ByteField("length", None), Rest("data", b""))


class RplMetric(Part):
    """One routing metric or constraint object (RFC 6551, 2.1)."""

    name = "RPL Metric"
    fields_desc = fields(
        ByteField("type", rpl.Metric.ETX),
        XShortField("flags", 0),
        ByteField("length", 2),
        Octets("data", bytes(2), length_from=lambda metric: metric.length),
    )


def _rpl(record: Any, title: str, *fields: Any) -> tuple[int, Layer]:
    """The layer of an RPL option, named after its record: RplTarget, RplTransit ..."""
    head = [ByteField("type", record.TYPE), ByteField("length", None)]
    body = {
        "name": f"RPL {title}",
        "fields_desc": [*head, *fields],
        "__doc__": record.__doc__,
        "__module__": __name__,
    }
    return record.TYPE, type(f"Rpl{record.__name__}", (Option,), body)


def _whole_address(option: Any) -> bool:
    """Whether a transit option names its parent; while dissecting, its length tells."""
    return bool(option.parent is not None if option.length is None else option.length > 4)


RPL_OPTIONS: Final[dict[int, Layer]] = {
    0: RplPad1,
    1: RplPadN,
    **dict(
        (
            _rpl(rpl.MetricContainer, "Metric Container", PacketListField("metrics", [], RplMetric)),
            _rpl(
                rpl.RouteInformation,
                "Route Information",
                ByteField("prefix_length", 64),
                XByteField("flags", 0),
                IntField("lifetime_s", 0),
                Rest("prefix", b""),
            ),
            _rpl(
                rpl.Configuration,
                "DODAG Configuration",
                XByteField("flags", 0x07),
                ByteField("doublings", 1),
                ByteField("interval_min", 19),
                ByteField("redundancy", 0),
                ShortField("max_rank_increase", 0),
                ShortField("min_hop_rank_increase", 128),
                ShortField("objective", 1),
                ByteField("reserved", 0),
                ByteField("default_lifetime", 6),
                ShortField("lifetime_unit_s", 1200),
            ),
            _rpl(
                rpl.Target, "Target", XByteField("flags", 0), ByteField("prefix_length", 128), Rest("prefix", bytes(16))
            ),
            _rpl(
                rpl.Transit,
                "Transit Information",
                XByteField("flags", 0),
                XByteField("path_control", 0x40),
                ByteField("path_sequence", 0),
                ByteField("path_lifetime", 6),
                ConditionalField(IP6Field("parent", None), _whole_address),
            ),
            _rpl(
                rpl.SolicitedInformation,
                "Solicited Information",
                ByteField("instance", 0),
                XByteField("flags", 0),
                IP6Field("dodag_id", "::"),
                ByteField("version", 0),
            ),
            _rpl(
                rpl.PrefixInformation,
                "Prefix Information",
                ByteField("prefix_length", 64),
                XByteField("flags", 0x20),
                IntField("valid_s", 0xFFFFFFFF),
                IntField("preferred_s", 0xFFFFFFFF),
                XIntField("reserved", 0),
                IP6Field("prefix", "::"),
            ),
            _rpl(rpl.TargetDescriptor, "Target Descriptor", XIntField("descriptor", 0)),
        )
    ),
}
"""Layers by option type."""


def _next_rpl(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return RPL_OPTIONS.get(octets[0], RplOption) if octets else None


class Icmp6(_ICMPv6, AirPacket):
    """Base of the messages here; scapy's checksum code fills ``cksum`` in."""

    overload_fields = under_ipv6(icmpv6.PROTOCOL)


def _message(record: Any, *fields: Any) -> Layer:
    """The layer of a message, named after its record; ND messages have their types, RPL's their codes."""
    is_rpl = hasattr(record, "CODE")
    kind, code = (rpl.ICMPV6_TYPE, record.CODE) if is_rpl else (record.TYPE, 0)
    head = [ByteField("type", kind), ByteField("code", code), XShortField("cksum", None)]
    options = PacketListField("options", [], next_cls_cb=_next_rpl if is_rpl else _next_nd)
    body = {
        "name": f"{'RPL' if is_rpl else 'ND'} {record.__name__}",
        "fields_desc": [*head, *fields, options],
        "__doc__": record.__doc__,
        "__module__": __name__,
    }
    return type(f"{'Rpl' if is_rpl else 'Nd'}{record.__name__}", (Icmp6,), body)


RplDis = _message(rpl.Dis, XByteField("flags", 0), XByteField("reserved", 0))
RplDio = _message(
    rpl.Dio,
    ByteField("instance", 0),
    ByteField("version", 0),
    ShortField("rank", 128),
    BitField("grounded", 1, 1),
    BitField("zero", 0, 1),
    BitField("mode", 1, 3),
    BitField("preference", 0, 3),
    ByteField("dtsn", 0),
    XByteField("flags", 0),
    XByteField("reserved", 0),
    IP6Field("dodag_id", "::"),
)
RplDao = _message(
    rpl.Dao,
    ByteField("instance", 0),
    BitField("ack_requested", 1, 1),
    BitField("d", 0, 1),
    BitField("flags", 0, 6),
    XByteField("reserved", 0),
    ByteField("sequence", 0),
    ConditionalField(IP6Field("dodag_id", "::"), lambda dao: dao.d),
)
RplDaoAck = _message(
    rpl.DaoAck,
    ByteField("instance", 0),
    BitField("d", 0, 1),
    BitField("reserved", 0, 7),
    ByteField("sequence", 0),
    ByteField("status", 0),
    ConditionalField(IP6Field("dodag_id", "::"), lambda ack: ack.d),
)
NdRouterSolicitation = _message(nd.RouterSolicitation, XIntField("reserved", 0))
NdRouterAdvertisement = _message(
    nd.RouterAdvertisement,
    ByteField("hop_limit", 64),
    XByteField("flags", 0),
    ShortField("lifetime_s", 0),
    IntField("reachable_ms", 0),
    IntField("retransmit_ms", 0),
)
NdNeighborSolicitation = _message(nd.NeighborSolicitation, XIntField("reserved", 0), IP6Field("target", "::"))
NdNeighborAdvertisement = _message(
    nd.NeighborAdvertisement, XByteField("flags", 0x40), BitField("reserved", 0, 24), IP6Field("target", "::")
)

_RPL: Final = {rpl.Dis.CODE: RplDis, rpl.Dio.CODE: RplDio, rpl.Dao.CODE: RplDao, rpl.DaoAck.CODE: RplDaoAck}
_ND: Final = {
    nd.RouterSolicitation.TYPE: NdRouterSolicitation,
    nd.RouterAdvertisement.TYPE: NdRouterAdvertisement,
    nd.NeighborSolicitation.TYPE: NdNeighborSolicitation,
    nd.NeighborAdvertisement.TYPE: NdNeighborAdvertisement,
}


def icmp6_layer(payload: bytes, other: Layer) -> Layer:
    """The layer of an ICMPv6 message; ``other`` is what scapy would take for it."""
    if payload[:1] == bytes((rpl.ICMPV6_TYPE,)):
        return _RPL.get(payload[1], Raw) if len(payload) > 1 else Raw
    return _ND.get(payload[0], other) if payload[1:2] == b"\0" else other


CHOOSERS[icmpv6.PROTOCOL] = icmp6_layer
