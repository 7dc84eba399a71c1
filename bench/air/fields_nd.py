"""Fields of neighbour discovery messages and their options, those of 6LoWPAN included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bench.air import nd
from bench.air.duplicate_address import DuplicateAddress
from bench.air.fields_base import Table, Tables, bit, eui64, flag, number, octets
from bench.air.fields_base import ipv6 as address

_ND_TYPES: Final = {
    1: "source link-layer address",
    2: "target link-layer address",
    3: "prefix information",
    5: "MTU",
    33: "address registration",
    34: "6LoWPAN context",
}


@attrs.frozen(slots=True)
class NdOption:
    """A neighbour discovery option, with its length in units of 8 octets."""

    option: nd.Option

    @property
    def type(self) -> int:
        """The option's type."""
        if isinstance(self.option, (nd.LinkLayerAddress, nd.RawOption)):
            return self.option.type
        return self.option.TYPE


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
    return (view.option,)


TABLES: Final[Tables] = {
    nd.RouterSolicitation: Table("icmpv6.nd.rs", "Router solicitation", (), _nd_options),
    nd.RouterAdvertisement: Table(
        "icmpv6.nd.ra",
        "Router advertisement",
        (
            number("icmpv6.nd.ra.cur_hop_limit", "Hop limit", "hop_limit"),
            number("icmpv6.nd.ra.flag", "Flags", "flags", digits=2),
            number("icmpv6.nd.ra.router_lifetime", "Router lifetime", "lifetime_s", unit="s"),
            number("icmpv6.nd.ra.reachable_time", "Reachable time", "reachable_ms", unit="ms"),
            number("icmpv6.nd.ra.retrans_timer", "Retransmission timer", "retransmit_ms", unit="ms"),
        ),
        _nd_options,
    ),
    nd.NeighborSolicitation: Table(
        "icmpv6.nd.ns",
        "Neighbour solicitation",
        (address("icmpv6.nd.ns.target_address", "Target", "target"),),
        _nd_options,
    ),
    nd.NeighborAdvertisement: Table(
        "icmpv6.nd.na",
        "Neighbour advertisement",
        (
            flag("icmpv6.nd.na.flag.r", "Router", bit(0x80, "flags")),
            flag("icmpv6.nd.na.flag.s", "Solicited", bit(0x40, "flags")),
            flag("icmpv6.nd.na.flag.o", "Override", bit(0x20, "flags")),
            address("icmpv6.nd.na.target_address", "Target", "target"),
        ),
        _nd_options,
    ),
    NdOption: Table(
        "icmpv6.opt",
        lambda v: f"Option: {_ND_TYPES.get(v.type, 'unknown')}",
        (
            number("icmpv6.opt.type", "Type", "type", names=_ND_TYPES),
            number("icmpv6.opt.length", "Length", lambda v: len(nd.build_option(v.option)) // 8, unit="x 8 octets"),
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
    nd.AddressRegistration: Table(
        "icmpv6.opt.aro",
        "Registration",
        (
            number("icmpv6.opt.aro.status", "Status", "status"),
            number("icmpv6.opt.aro.opaque", "Opaque", "opaque"),
            number("icmpv6.opt.aro.flags", "Flags", "flags", digits=2),
            number("icmpv6.opt.aro.tid", "Transaction", "tid"),
            number("icmpv6.opt.aro.registration_lifetime", "Lifetime", "lifetime_min", unit="min"),
            eui64("icmpv6.opt.aro.eui64", "Owner", "owner"),
        ),
    ),
    nd.PrefixInformation: Table(
        "icmpv6.opt.prefix",
        "Prefix",
        (
            number("icmpv6.opt.prefix.length", "Prefix length", "prefix_length"),
            flag("icmpv6.opt.prefix.flag.l", "On link", bit(0x80, "flags")),
            flag("icmpv6.opt.prefix.flag.a", "Autonomous", bit(0x40, "flags")),
            number("icmpv6.opt.prefix.valid_lifetime", "Valid", "valid_s", unit="s"),
            number("icmpv6.opt.prefix.preferred_lifetime", "Preferred", "preferred_s", unit="s"),
            address("icmpv6.opt.prefix", "Prefix", "prefix"),
        ),
    ),
    nd.Mtu: Table("icmpv6.opt.mtu", "MTU", (number("icmpv6.opt.mtu", "MTU", "mtu", unit="octets"),)),
    nd.Context: Table(
        "icmpv6.opt.6co",
        "Context",
        (
            number("icmpv6.opt.6co.context_length", "Prefix length", "prefix_length"),
            flag("icmpv6.opt.6co.flag.c", "For compression", "compress"),
            number("icmpv6.opt.6co.flag.cid", "Context", "identifier"),
            number("icmpv6.opt.6co.valid_lifetime", "Lifetime", "lifetime_min", unit="min"),
            address("icmpv6.opt.6co.context_prefix", "Prefix", lambda o: o.prefix.ljust(16, b"\0")),
        ),
    ),
    nd.RawOption: Table("icmpv6.opt.unknown", "Data", (octets("icmpv6.opt.data", "Data", "data"),)),
    DuplicateAddress: Table(
        "icmpv6.6lowpannd.da",
        lambda m: f"Duplicate address {'request' if m.type == m.REQUEST else 'confirmation'}",
        (
            number("icmpv6.6lowpannd.da.status", "Status", "status"),
            number("icmpv6.6lowpannd.da.tid", "Transaction", "tid"),
            number("icmpv6.6lowpannd.da.lifetime", "Lifetime", "lifetime_min", unit="min"),
            eui64("icmpv6.6lowpannd.da.eui64", "Owner", "owner"),
            address("icmpv6.6lowpannd.da.reg_addr", "Registered", "address"),
        ),
    ),
}
