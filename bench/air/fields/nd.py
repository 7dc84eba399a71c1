"""Fields of neighbour discovery messages and their options, those of 6LoWPAN included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bench.air.broken import Broken
from bench.air.fields.base import (
    Table,
    Tables,
    Trouble,
    bit,
    bits,
    eui64,
    flag,
    number,
    octets,
    table,
    tables,
    u8,
    u16,
    u32,
)
from bench.air.fields.base import ipv6 as address
from bench.air.fields.ip import Quoted
from bench.air.frozen import frozen
from bench.air.ip import nd
from bench.air.ip.duplicate_address import DuplicateAddress

_ND_TYPES: Final = {
    1: "source link-layer address",
    2: "target link-layer address",
    3: "prefix information",
    4: "redirected header",
    5: "MTU",
    14: "nonce",
    24: "route information",
    25: "DNS servers",
    33: "address registration",
    34: "6LoWPAN context",
    35: "border router",
    36: "6LoWPAN capabilities",
}
_ND_TYPES_THEIRS: Final = {
    25: "Recursive DNS Server",
    33: "Address Registration Option",
    34: "6LoWPAN Context Option",
    35: "Authoritative Border Router",
    36: "6LoWPAN Capability Indication Option",
}
_ROLES: Final = (
    ("d", (0x80, "EDAR and EDAC")),
    ("l", (0x40, "Router")),
    ("b", (0x20, "Border router")),
    ("p", (0x10, "Routing registrar")),
    ("e", (0x08, "EARO")),
)
"""Flags of RFC 8505, 4.3, by the names that Wireshark has after 4.0: octets without a name to that one."""


@frozen
class NdOption:
    """A neighbour discovery option, with its length in units of 8 octets."""

    option: nd.Option

    @property
    def type(self) -> int:
        """The option's type."""
        if isinstance(self.option, nd.LinkLayerAddress | nd.RawOption | Broken):
            return self.option.type
        return self.option.TYPE

    @property
    def length(self) -> int | None:
        """Units of 8 octets. Of a broken one, what its length octet says, None where that is not there."""
        return self.option.length if isinstance(self.option, Broken) else len(nd.build_option(self.option)) // 8


def _nd_options(message: nd.Message) -> Iterator[object]:
    return map(NdOption, message.options)


def _link_address(kind: int, length: int) -> Callable[[nd.LinkLayerAddress], bytes | None]:
    """The address where it has that form; a short one with the padding behind it, as Wireshark shows it."""

    def get(option: nd.LinkLayerAddress) -> bytes | None:
        if option.type != kind or (len(option.address) == 8) != (length == 8):
            return None
        return option.address.ljust(length, b"\0")

    return get


def _inner(view: NdOption) -> tuple[object, ...]:
    return (view.option, Trouble(view.option.trouble)) if isinstance(view.option, Broken) else (view.option,)


def _redirected(option: nd.RedirectedHeader) -> Iterator[Quoted]:
    if option.packet:
        yield Quoted(option.packet, "The packet that was redirected")


_MESSAGES: Final = (
    *(nd.RouterSolicitation, nd.RouterAdvertisement, nd.NeighborSolicitation, nd.NeighborAdvertisement),
    nd.Redirect,
)

TABLES: Final[Tables] = {
    **{message: table(message, _nd_options) for message in _MESSAGES},
    **tables(nd.AddressRegistration, nd.PrefixInformation, nd.Mtu, nd.Context),
    **tables(nd.Nonce, nd.RouteInformation, nd.BorderRouter),
    nd.RedirectedHeader: table(nd.RedirectedHeader, _redirected),
    nd.DnsServers: Table(
        "icmpv6.opt.rdnss",
        "DNS servers",
        (
            u32("icmpv6.opt.rdnss.lifetime", "Lifetime", "lifetime_s", unit="s"),
            address("icmpv6.opt.rdnss", "Server", "addresses"),
        ),
    ),
    nd.Capabilities: Table(
        "icmpv6.opt.6cio",
        "Capabilities",
        (
            u16("icmpv6.opt.6cio.unassigned1", "First bits", bits(33, 0x7FFF, "bits"), digits=4),
            u16("icmpv6.opt.6cio.flag_g", "Generic header compression", bits(32, 1, "bits")),
            u32("icmpv6.opt.6cio.unassigned2", "Further bits", bits(0, 0xFFFFFFFF, "bits"), digits=8),
            *(flag(f"icmpv6.opt.6cio.flag_{name}", title, bit(mask << 24, "bits")) for name, (mask, title) in _ROLES),
        ),
    ),
    NdOption: Table(
        "icmpv6.opt",
        lambda v: f"Option: {_ND_TYPES.get(v.type, 'unknown')}",
        (
            u8("icmpv6.opt.type", "Type", "type", names=_ND_TYPES, theirs=_ND_TYPES_THEIRS),
            u8("icmpv6.opt.length", "Length", "length", unit="x 8 octets"),
        ),
        _inner,
    ),
    nd.LinkLayerAddress: Table(
        "icmpv6.opt.linkaddr",
        "Link-layer address",
        (
            octets("icmpv6.opt.src_linkaddr", "Source", _link_address(1, 6)),
            octets("icmpv6.opt.target_linkaddr", "Target", _link_address(2, 6)),
            eui64("icmpv6.opt.src_linkaddr_eui64", "Source", _link_address(1, 8)),
            eui64("icmpv6.opt.target_linkaddr_eui64", "Target", _link_address(2, 8)),
        ),
    ),
    nd.RawOption: Table("icmpv6.opt.unknown", "Data", (octets("icmpv6.opt.data", "Data", "data"),)),
    DuplicateAddress: Table(
        "icmpv6.6lowpannd.da",
        lambda m: f"Duplicate address {'request' if m.type == m.REQUEST else 'confirmation'}",
        (
            u8("icmpv6.6lowpannd.da.status", "Status", "status"),
            number("icmpv6.6lowpannd.da.tid", "Transaction", "tid"),
            u16("icmpv6.6lowpannd.da.lifetime", "Lifetime", "lifetime_min", unit="min"),
            eui64("icmpv6.6lowpannd.da.eui64", "Owner", "owner"),
            address("icmpv6.6lowpannd.da.reg_addr", "Registered", "address"),
        ),
    ),
}
