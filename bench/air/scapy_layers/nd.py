"""scapy layers of neighbour discovery with the 6LoWPAN options, and of the duplicate address messages.

scapy's own are not used: it reads an EUI-64 in a link-layer option as 6 octets, loses what follows, and cannot build
every redirect that it dissected. Field names are those of `nd` and `duplicate_address`; options chain, and ``length``
counts units of 8 octets.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    ByteEnumField,
    ByteField,
    PacketListField,
    ShortField,
    XShortField,
)

from bench.air.ip import nd
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.scapy_layers.base import Layer, Octets, Option, Rest, fields
from bench.air.scapy_layers.ipv6 import Icmp6
from bench.air.scapy_layers.plain import content


class NdOption(Option):
    """A neighbour discovery option; this one is kept as octets."""

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


def _option(record: Any, title: str, *described: Any) -> tuple[int, Layer]:
    """The layer of an option, named after its record: NdAddressRegistration, NdMtu ..."""
    kind = getattr(record, "TYPE", None) or record.SOURCE
    head = (ByteEnumField("type", kind, {1: "source", 2: "target"}), ByteField("length", None))
    body = {
        "name": f"ND {title}",
        "fields_desc": fields(*head, *described),
        "__doc__": record.__doc__,
        "__module__": __name__,
    }
    return kind, type(f"Nd{record.__name__}", (NdOption,), body)


ND_OPTIONS: Final[dict[int, Layer]] = dict(
    (
        _option(
            nd.LinkLayerAddress,
            "Link-Layer Address",
            Octets("address", b"", length_from=lambda option: 8 if option.length > 1 else 6),
            Rest("fill", b""),
        ),
        _option(nd.AddressRegistration, "EARO", *content(nd.AddressRegistration)),
        _option(nd.PrefixInformation, "Prefix Information", *content(nd.PrefixInformation)),
        _option(nd.RedirectedHeader, "Redirected Header", *content(nd.RedirectedHeader)),
        _option(nd.Mtu, "MTU", *content(nd.Mtu)),
        _option(nd.Nonce, "Nonce", *content(nd.Nonce)),
        _option(nd.RouteInformation, "Route Information", *content(nd.RouteInformation)),
        _option(nd.DnsServers, "DNS Servers", *content(nd.DnsServers, addresses=Rest("addresses", b""))),
        _option(nd.Context, "6LoWPAN Context", *content(nd.Context)),
        _option(nd.BorderRouter, "Border Router", *content(nd.BorderRouter)),
        _option(nd.Capabilities, "6LoWPAN Capabilities", *content(nd.Capabilities)),
    )
)
"""Layers by option type; a target link-layer address has that of a source's."""
ND_OPTIONS[nd.LinkLayerAddress.TARGET] = ND_OPTIONS[nd.LinkLayerAddress.SOURCE]


def _next_option(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return ND_OPTIONS.get(octets[0], NdOption) if octets else None


def _message(record: Any) -> tuple[int, Layer]:
    """The layer of a message, named after its record: NdRouterSolicitation ..."""
    head = (ByteField("type", record.TYPE), ByteField("code", 0), XShortField("cksum", None))
    options = PacketListField("options", [], next_cls_cb=_next_option)
    body = {
        "name": f"ND {record.__name__}",
        "fields_desc": fields(*head, *content(record, options=options)),
        "__doc__": record.__doc__,
        "__module__": __name__,
    }
    return record.TYPE, type(f"Nd{record.__name__}", (Icmp6,), body)


ND_MESSAGES: Final[dict[int, Layer]] = dict(
    map(
        _message,
        (
            *(nd.RouterSolicitation, nd.RouterAdvertisement),
            *(nd.NeighborSolicitation, nd.NeighborAdvertisement, nd.Redirect),
        ),
    )
)
"""Layers by ICMPv6 type."""


class NdDuplicateAddress(Icmp6):
    """Duplicate address request or confirmation; all between the lifetime and the address is the owner."""

    name = "ND Duplicate Address"
    fields_desc = fields(
        ByteEnumField("type", DuplicateAddress.REQUEST, {157: "request", 158: "confirmation"}),
        ByteField("code", 0),
        XShortField("cksum", None),
        ByteField("status", 0),
        ByteField("tid", 0),
        ShortField("lifetime_min", 0),
        Rest("owner_and_address", b""),
    )

    @property
    def owner(self) -> bytes:
        """EUI-64 or ROVR."""
        return bytes(self.owner_and_address[:-16])


for _kind in (DuplicateAddress.REQUEST, DuplicateAddress.CONFIRMATION):
    ND_MESSAGES[_kind] = NdDuplicateAddress
