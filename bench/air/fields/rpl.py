"""Fields of RPL control messages and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bench.air.broken import Broken
from bench.air.fields.base import Field, Table, Tables, Trouble, bit, flag, number, octets, tables, u8, u16
from bench.air.fields.base import ipv6 as address
from bench.air.frozen import frozen
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.discovery import ADDRESS_OCTETS, RouteDiscovery

_OPTION_TYPES: Final = {
    0: "Pad1",
    1: "PadN",
    2: "metric container",
    3: "route information",
    4: "DODAG configuration",
    5: "target",
    6: "transit information",
    7: "solicited information",
    8: "prefix information",
    9: "target descriptor",
    10: "route discovery",
}
_OPTION_TYPES_THEIRS: Final = {
    0: "1-byte padding",
    1: "n-byte padding",
    2: "DAG Metric container",
    3: "Routing Information",
    5: "RPL Target",
    9: "RPL Target Descriptor",
    10: "P2P Route Discovery",
}
_MODES: Final = {0: "no downward routes", 1: "non-storing", 2: "storing", 3: "storing with multicast"}
_MODES_THEIRS: Final = {
    0: "No Downward routes maintained by RPL",
    1: "Non-Storing Mode of Operation",
    2: "Storing Mode of Operation with no multicast support",
    3: "Storing Mode of Operation with multicast support",
}
_LIFETIMES: Final = {0: "1 s", 1: "4 s", 2: "16 s", 3: "64 s"}


@frozen
class RplOption:
    """An RPL option as framed, and whether it stands in a discovery reply."""

    option: rpl.Option
    in_reply: bool = False

    @property
    def type(self) -> int:
        """The option's type."""
        if isinstance(self.option, rpl.Padding):
            return int(self.option.length > 1)
        return self.option.type if isinstance(self.option, rpl.RawOption | Broken) else self.option.TYPE

    @property
    def length(self) -> int | None:
        """Octets of its content; None for Pad1, which has no length. Of a broken one, what its length octet says."""
        if isinstance(self.option, rpl.Padding):
            return self.option.length - 2 if self.option.length > 1 else None
        if isinstance(self.option, Broken):
            return self.option.length
        return len(self.option.data if isinstance(self.option, rpl.RawOption) else self.option.encode())


@frozen
class Discovery:
    """A route discovery option, and where it stands."""

    option: RouteDiscovery
    in_reply: bool

    @property
    def target(self) -> bytes:
        """Zeros in place of what is elided."""
        return self.option.target.rjust(ADDRESS_OCTETS, b"\0")

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """The same of the way so far."""
        return tuple(address.rjust(ADDRESS_OCTETS, b"\0") for address in self.option.addresses)


_LONGER: Final = (
    rpl.Configuration,
    rpl.Transit,
    rpl.SolicitedInformation,
    rpl.PrefixInformation,
    rpl.TargetDescriptor,
)


@frozen
class Further:
    """Octets of an option behind the fields known here."""

    octets: bytes


def options_inside(message: rpl.Message | rpl_dco.Message | rpl_p2p.Message) -> Iterator[object]:
    """The options of a message, as framed."""
    in_reply = isinstance(message, rpl_p2p.Dro)
    return (RplOption(option, in_reply) for option in message.options)


def _content(view: RplOption) -> tuple[object, ...]:
    if isinstance(view.option, RouteDiscovery):
        return (Discovery(view.option, view.in_reply),)
    if isinstance(view.option, Broken):
        return (view.option, Trouble(view.option.trouble))
    if isinstance(view.option, _LONGER) and view.option.rest:
        return (view.option, Further(view.option.rest))
    return () if isinstance(view.option, rpl.Padding) else (view.option,)


def _full(name: str) -> Callable[[Any], bytes | None]:
    """A prefix filled up to an address; None where no octet of it is there (``::/0``)."""

    def get(option: Any) -> bytes | None:
        prefix = bytes(getattr(option, name))
        return prefix.ljust(16, b"\0") if prefix else None

    return get


def _extended(mask: int, kind: type[int]) -> Callable[[rpl.Target], int | None]:
    """Some bits of a target's flags, absent where no flag is set: all were reserved before RFC 9010."""
    return lambda option: kind(option.flags & mask) if option.flags else None


def _flags(name: str, d: str, d_bit: int, k: tuple[Field, ...] = ()) -> tuple[Field, ...]:
    """The flag octet of DAO and DAO-ACK."""
    return (u8(name, "Flags", "bits", digits=2), *k, flag(f"{name}.{d}", "DODAG id present", bit(d_bit, "bits")))


TABLES: Final[Tables] = {
    rpl.Dis: Table(
        "icmpv6.rpl.dis",
        "RPL DIS: DODAG information solicitation",
        (u8("icmpv6.rpl.dis.flags", "Flags", "flags"),),
        options_inside,
    ),
    rpl.Dio: Table(
        "icmpv6.rpl.dio",
        "RPL DIO: DODAG information object",
        (
            u8("icmpv6.rpl.dio.instance", "Instance", "instance"),
            u8("icmpv6.rpl.dio.version", "Version", "version"),
            u16("icmpv6.rpl.dio.rank", "Rank", "rank"),
            u8("icmpv6.rpl.dio.flag", "Flags, reserved", lambda m: (m.bits, m.flags), digits=2),
            flag("icmpv6.rpl.dio.flag.g", "Grounded", "grounded"),
            u8("icmpv6.rpl.dio.flag.mop", "Mode of operation", "mode", names=_MODES, theirs=_MODES_THEIRS),
            u8("icmpv6.rpl.dio.flag.preference", "Preference", "preference"),
            u8("icmpv6.rpl.dio.dtsn", "DTSN", "dtsn"),
            address("icmpv6.rpl.dio.dagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    rpl.Dao: Table(
        "icmpv6.rpl.dao",
        "RPL DAO: destination advertisement object",
        (
            u8("icmpv6.rpl.dao.instance", "Instance", "instance"),
            *_flags(
                "icmpv6.rpl.dao.flag",
                "d",
                0x40,
                (flag("icmpv6.rpl.dao.flag.k", "Acknowledgement requested", "ack_requested"),),
            ),
            u8("icmpv6.rpl.dao.sequence", "Sequence", "sequence"),
            address("icmpv6.rpl.dao.dodagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    rpl.DaoAck: Table(
        "icmpv6.rpl.daoack",
        "RPL DAO-ACK",
        (
            u8("icmpv6.rpl.daoack.instance", "Instance", "instance"),
            *_flags("icmpv6.rpl.daoack.flag", "d", 0x80),
            u8("icmpv6.rpl.daoack.sequence", "Sequence", "sequence"),
            u8("icmpv6.rpl.daoack.status", "Status", "status"),
            address("icmpv6.rpl.daoack.dodagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    RplOption: Table(
        "icmpv6.rpl.opt",
        lambda v: f"Option: {_OPTION_TYPES.get(v.type, 'unknown')}",
        (
            u8("icmpv6.rpl.opt.type", "Type", "type", names=_OPTION_TYPES, theirs=_OPTION_TYPES_THEIRS),
            u8("icmpv6.rpl.opt.length", "Length", "length", unit="octets"),
        ),
        _content,
    ),
    rpl.MetricContainer: Table("icmpv6.rpl.opt.metric", "Metrics", (), lambda option: option.metrics),
    **tables(
        rpl.RouteInformation, rpl.Configuration, rpl.SolicitedInformation, rpl.PrefixInformation, rpl.TargetDescriptor
    ),
    rpl.Target: Table(
        "icmpv6.rpl.opt.target",
        "Target",
        (
            flag("icmpv6.rpl.opt.target.flag.f", "Whole address of the advertiser", _extended(0x80, bool)),
            number("icmpv6.rpl.opt.target.rovrsz", "ROVR's size", _extended(0x0F, int), unit="x 8 octets"),
            u8("icmpv6.rpl.opt.target.prefix_length", "Prefix length", "prefix_length"),
            address("icmpv6.rpl.opt.target.prefix", "Target", _full("prefix")),
            octets("icmpv6.rpl.opt.target.rovr", "ROVR", lambda option: option.rovr or None),
        ),
    ),
    rpl.Transit: Table(
        "icmpv6.rpl.opt.transit",
        "Transit",
        (
            u8("icmpv6.rpl.opt.transit.flag", "Flags", "flags", digits=2),
            flag("icmpv6.rpl.opt.transit.flag.e", "External", "external"),
            u8("icmpv6.rpl.opt.transit.pathctl", "Path control", "path_control"),
            u8("icmpv6.rpl.opt.transit.pathseq", "Path sequence", "path_sequence"),
            u8("icmpv6.rpl.opt.transit.pathlifetime", "Path lifetime", "path_lifetime", names={0: "no path"}),
            address("icmpv6.rpl.opt.transit.parent", "Parent", "parent"),
        ),
    ),
    Discovery: Table(
        "icmpv6.rpl.opt.routediscovery",
        "Route discovery",
        (
            flag("icmpv6.rpl.opt.routediscovery.flag.reply", "Reply wanted", "option.reply"),
            flag("icmpv6.rpl.opt.routediscovery.flag.hopbyhop", "Hop by hop", "option.hop_by_hop"),
            number("icmpv6.rpl.opt.routediscovery.flag.numofroutes", "Routes wanted", "option.routes"),
            number("icmpv6.rpl.opt.routediscovery.flag.compr", "Octets elided", "option.elided"),
            number("icmpv6.rpl.opt.routediscovery.lifetime", "Lifetime", "option.lifetime", names=_LIFETIMES),
            number(
                "icmpv6.rpl.opt.routediscovery.maxrank",
                "Largest rank",
                lambda v: None if v.in_reply else v.option.place,
            ),
            number("icmpv6.rpl.opt.routediscovery.nh", "Next hop", lambda v: v.option.place if v.in_reply else None),
            address("icmpv6.rpl.opt.routediscovery.targetaddr", "Target", "target"),
            address("icmpv6.rpl.opt.routediscovery.addrvec.addr", "On the way", "addresses"),
        ),
    ),
    Further: Table("icmpv6.rpl.opt.further", "Further octets", (octets("icmpv6.rpl.opt.further", "Octets", "octets"),)),
    Broken: Table("", "Octets that cannot be read", (octets("data.octets", "Data", "octets"),)),
    rpl.RawOption: Table("icmpv6.rpl.opt.unknown", "Data", (octets("icmpv6.rpl.opt.data", "Data", "data"),)),
}
