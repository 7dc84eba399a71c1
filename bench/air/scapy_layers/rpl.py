"""scapy layers of RPL (RFC 6550, RFC 6997, RFC 9009): messages, and options that chain whatever they hold.

scapy's contributed layers are not used: they read the first option only, and prefixes in the unit of another protocol.
Prefixes here have as many octets as there are; field names are those of the records of `bench.air.rpl`.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitField,
    ByteField,
    ConditionalField,
    IntField,
    IP6Field,
    PacketListField,
    ShortField,
    XByteField,
    XShortField,
)

from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.discovery import RouteDiscovery
from bench.air.rpl.secured import Secured
from bench.air.scapy_layers.base import Layer, Octets, Option, Part, Rest, fields
from bench.air.scapy_layers.ipv6 import Icmp6
from bench.air.scapy_layers.plain import content


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
    return bool(option.getfieldval("parent_address") is not None if option.length is None else option.length > 4)


def _target_prefix(option: Any) -> int:
    return rpl.target_prefix_octets(option.flags, option.prefix_length, option.length - 2)


RPL_OPTIONS: Final[dict[int, Layer]] = {
    0: RplPad1,
    1: RplPadN,
    **dict(
        (
            _rpl(rpl.MetricContainer, "Metric Container", PacketListField("metrics", [], RplMetric)),
            _rpl(rpl.RouteInformation, "Route Information", *content(rpl.RouteInformation)),
            _rpl(rpl.Configuration, "DODAG Configuration", *content(rpl.Configuration)),
            _rpl(
                rpl.Target,
                "Target",
                XByteField("flags", 0),
                ByteField("prefix_length", 128),
                Octets("prefix", bytes(16), length_from=_target_prefix),
                Rest("rovr", b""),
            ),
            _rpl(
                rpl.Transit,
                "Transit Information",
                XByteField("flags", 0),
                XByteField("path_control", 0x40),
                ByteField("path_sequence", 0),
                ByteField("path_lifetime", 6),
                ConditionalField(IP6Field("parent_address", None), _whole_address),
            ),
            _rpl(rpl.SolicitedInformation, "Solicited Information", *content(rpl.SolicitedInformation)),
            _rpl(rpl.PrefixInformation, "Prefix Information", *content(rpl.PrefixInformation)),
            _rpl(rpl.TargetDescriptor, "Target Descriptor", *content(rpl.TargetDescriptor)),
            _rpl(
                RouteDiscovery,
                "Route Discovery",
                BitField("reply", 1, 1),
                BitField("hop_by_hop", 0, 1),
                BitField("routes", 0, 2),
                BitField("elided", 0, 4),
                BitField("lifetime", 0, 2),
                BitField("place", 0, 6),
                Rest("addresses", bytes(16)),
            ),
        )
    ),
}
"""Layers by option type."""


def _next_option(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return RPL_OPTIONS.get(octets[0], RplOption) if octets else None


def _message(record: Any, *described: Any) -> tuple[int, Layer]:
    """The layer of a message, named after its record: RplDio, RplDao ..."""
    head = (ByteField("type", rpl.ICMPV6_TYPE), ByteField("code", record.CODE), XShortField("cksum", None))
    body = {
        "name": f"RPL {record.__name__}",
        "fields_desc": fields(*head, *described, PacketListField("options", [], next_cls_cb=_next_option)),
        "__doc__": record.__doc__,
        "__module__": __name__,
    }
    return record.CODE, type(f"Rpl{record.__name__}", (Icmp6,), body)


RPL_MESSAGES: Final[dict[int, Layer]] = dict(
    (
        _message(rpl.Dis, XByteField("flags", 0), XByteField("reserved", 0)),
        _message(
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
        ),
        _message(
            rpl.Dao,
            ByteField("instance", 0),
            BitField("ack_requested", 1, 1),
            BitField("d", 0, 1),
            BitField("flags", 0, 6),
            XByteField("reserved", 0),
            ByteField("sequence", 0),
            ConditionalField(IP6Field("dodag_id", "::"), lambda dao: dao.d),
        ),
        _message(
            rpl.DaoAck,
            ByteField("instance", 0),
            BitField("d", 0, 1),
            BitField("reserved", 0, 7),
            ByteField("sequence", 0),
            ByteField("status", 0),
            ConditionalField(IP6Field("dodag_id", "::"), lambda ack: ack.d),
        ),
        _message(
            rpl_dco.Dco,
            ByteField("instance", 0),
            BitField("ack_requested", 0, 1),
            BitField("d", 0, 1),
            BitField("flags", 0, 6),
            ByteField("status", 0),
            ByteField("sequence", 0),
            ConditionalField(IP6Field("dodag_id", "::"), lambda dco: dco.d),
        ),
        _message(
            rpl_dco.DcoAck,
            ByteField("instance", 0),
            BitField("d", 0, 1),
            BitField("flags", 0, 7),
            ByteField("sequence", 0),
            ByteField("status", 0),
            ConditionalField(IP6Field("dodag_id", "::"), lambda ack: ack.d),
        ),
        _message(
            rpl_p2p.Dro,
            ByteField("instance", 0),
            ByteField("version", 0),
            BitField("stop", 0, 1),
            BitField("ack_requested", 0, 1),
            BitField("sequence", 0, 2),
            BitField("reserved", 0, 12),
            IP6Field("dodag_id", "::"),
        ),
        _message(
            rpl_p2p.DroAck,
            ByteField("instance", 0),
            ByteField("version", 0),
            BitField("sequence", 0, 2),
            BitField("reserved", 0, 14),
            IP6Field("dodag_id", "::"),
        ),
    )
)
"""Layers by ICMPv6 code."""


def _key_octets(message: Any) -> int:
    """Octets of the key identifier, as `rpl.secured.Secured` has them."""
    return 0 if message.key_mode == 3 and not message.level & 1 else (1, 0, 9, 9)[message.key_mode]


class RplSecured(Icmp6):
    """A secured message: its security section, and the rest as octets."""

    name = "RPL Secured"
    fields_desc = fields(
        ByteField("type", rpl.ICMPV6_TYPE),
        XByteField("code", Secured.CODES[0]),
        XShortField("cksum", None),
        BitField("timed", 0, 1),
        BitField("reserved", 0, 7),
        ByteField("algorithm", 0),
        BitField("key_mode", 0, 2),
        BitField("reserved2", 0, 3),
        BitField("level", 0, 3),
        XByteField("flags", 0),
        IntField("counter", 0),
        Octets("key", b"", length_from=_key_octets),
        Rest("body", b""),
    )


for _code in Secured.CODES:
    RPL_MESSAGES[_code] = RplSecured
