"""Fields of RPL control messages and their options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from bench.air import rpl, rpl_dco, rpl_p2p
from bench.air.fields_base import Field, Table, Tables, bit, bits, flag, number, octets
from bench.air.fields_base import ipv6 as address
from bench.air.rpl_discovery import ADDRESS_OCTETS, RouteDiscovery

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
_MODES: Final = {0: "no downward routes", 1: "non-storing", 2: "storing", 3: "storing with multicast"}
_LIFETIMES: Final = {0: "1 s", 1: "4 s", 2: "16 s", 3: "64 s"}
_OBJECTIVES: Final = {0: "OF0", 1: "MRHOF"}


@attrs.frozen(slots=True)
class RplOption:
    """An RPL option as framed, and whether it stands in a discovery reply."""

    option: rpl.Option
    in_reply: bool = False

    @property
    def type(self) -> int:
        """The option's type."""
        if isinstance(self.option, rpl.Padding):
            return int(self.option.length > 1)
        return self.option.type if isinstance(self.option, rpl.RawOption) else self.option.TYPE

    @property
    def length(self) -> int | None:
        """Octets of its content; None for Pad1, which has no length."""
        if isinstance(self.option, rpl.Padding):
            return self.option.length - 2 if self.option.length > 1 else None
        return len(self.option.data if isinstance(self.option, rpl.RawOption) else self.option.encode())


@attrs.frozen(slots=True)
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


def options_inside(message: rpl.Message | rpl_dco.Message | rpl_p2p.Message) -> Iterator[object]:
    """The options of a message, as framed."""
    in_reply = isinstance(message, rpl_p2p.Dro)
    return (RplOption(option, in_reply) for option in message.options)


def _content(view: RplOption) -> tuple[object, ...]:
    if isinstance(view.option, RouteDiscovery):
        return (Discovery(view.option, view.in_reply),)
    return () if isinstance(view.option, rpl.Padding) else (view.option,)


def _full(name: str) -> Callable[[Any], bytes | None]:
    """A prefix filled up to an address; None where no octet of it is there (``::/0``)."""

    def get(option: Any) -> bytes | None:
        prefix = bytes(getattr(option, name))
        return prefix.ljust(16, b"\0") if prefix else None

    return get


def _flags(name: str, d: str, d_bit: int, k: tuple[Field, ...] = ()) -> tuple[Field, ...]:
    """The flag octet of DAO and DAO-ACK."""

    def value(message: rpl.Dao | rpl.DaoAck) -> int:
        return message.encode()[1]

    def has(message: rpl.Dao | rpl.DaoAck) -> bool:
        return bool(value(message) & d_bit)

    return (number(name, "Flags", value, digits=2), *k, flag(f"{name}.{d}", "DODAG id present", has))


TABLES: Final[Tables] = {
    rpl.Dis: Table(
        "icmpv6.rpl.dis",
        "RPL DIS: DODAG information solicitation",
        (number("icmpv6.rpl.dis.flags", "Flags", "flags"),),
        options_inside,
    ),
    rpl.Dio: Table(
        "icmpv6.rpl.dio",
        "RPL DIO: DODAG information object",
        (
            number("icmpv6.rpl.dio.instance", "Instance", "instance"),
            number("icmpv6.rpl.dio.version", "Version", "version"),
            number("icmpv6.rpl.dio.rank", "Rank", "rank"),
            number("icmpv6.rpl.dio.flag", "Flags, reserved", lambda m: (m.encode()[4], m.encode()[6]), digits=2),
            flag("icmpv6.rpl.dio.flag.g", "Grounded", "grounded"),
            number("icmpv6.rpl.dio.flag.mop", "Mode of operation", "mode", names=_MODES),
            number("icmpv6.rpl.dio.flag.preference", "Preference", "preference"),
            number("icmpv6.rpl.dio.dtsn", "DTSN", "dtsn"),
            address("icmpv6.rpl.dio.dagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    rpl.Dao: Table(
        "icmpv6.rpl.dao",
        "RPL DAO: destination advertisement object",
        (
            number("icmpv6.rpl.dao.instance", "Instance", "instance"),
            *_flags(
                "icmpv6.rpl.dao.flag",
                "d",
                0x40,
                (flag("icmpv6.rpl.dao.flag.k", "Acknowledgement requested", "ack_requested"),),
            ),
            number("icmpv6.rpl.dao.sequence", "Sequence", "sequence"),
            address("icmpv6.rpl.dao.dodagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    rpl.DaoAck: Table(
        "icmpv6.rpl.daoack",
        "RPL DAO-ACK",
        (
            number("icmpv6.rpl.daoack.instance", "Instance", "instance"),
            *_flags("icmpv6.rpl.daoack.flag", "d", 0x80),
            number("icmpv6.rpl.daoack.sequence", "Sequence", "sequence"),
            number("icmpv6.rpl.daoack.status", "Status", "status"),
            address("icmpv6.rpl.daoack.dodagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    RplOption: Table(
        "icmpv6.rpl.opt",
        lambda v: f"Option: {_OPTION_TYPES.get(v.type, 'unknown')}",
        (
            number("icmpv6.rpl.opt.type", "Type", "type", names=_OPTION_TYPES),
            number("icmpv6.rpl.opt.length", "Length", "length", unit="octets"),
        ),
        _content,
    ),
    rpl.MetricContainer: Table("icmpv6.rpl.opt.metric", "Metrics", (), lambda option: option.metrics),
    rpl.RouteInformation: Table(
        "icmpv6.rpl.opt.route",
        "Route",
        (
            number("icmpv6.rpl.opt.route.prefix_length", "Prefix length", "prefix_length"),
            number("icmpv6.rpl.opt.route.pref", "Preference", bits(3, 3, "flags")),
            number("icmpv6.rpl.opt.route.lifetime", "Lifetime", "lifetime_s", unit="s"),
            address("icmpv6.rpl.opt.route.prefix", "Prefix", _full("prefix")),
        ),
    ),
    rpl.Configuration: Table(
        "icmpv6.rpl.opt.config",
        "Configuration",
        (
            number("icmpv6.rpl.opt.config.flag", "Flags", "flags", digits=2),
            flag("icmpv6.rpl.opt.config.auth", "Authentication", bit(0x08, "flags")),
            number("icmpv6.rpl.opt.config.pcs", "Path control size", bits(0, 7, "flags")),
            flag("icmpv6.rpl.opt.config.rpi23", "Asks for option type 0x23", bit(0x10, "flags")),
            number("icmpv6.rpl.opt.config.interval_double", "Trickle doublings", "doublings"),
            number("icmpv6.rpl.opt.config.interval_min", "Trickle minimum (2 to the power, ms)", "interval_min"),
            number("icmpv6.rpl.opt.config.redundancy", "Redundancy constant", "redundancy"),
            number("icmpv6.rpl.opt.config.max_rank_inc", "Largest rank increase", "max_rank_increase"),
            number("icmpv6.rpl.opt.config.min_hop_rank_inc", "Smallest rank increase a hop", "min_hop_rank_increase"),
            number("icmpv6.rpl.opt.config.ocp", "Objective", "objective", names=_OBJECTIVES),
            number("icmpv6.rpl.opt.config.def_lifetime", "Default lifetime", "default_lifetime", unit="units"),
            number("icmpv6.rpl.opt.config.lifetime_unit", "Lifetime unit", "lifetime_unit_s", unit="s"),
        ),
    ),
    rpl.Target: Table(
        "icmpv6.rpl.opt.target",
        "Target",
        (
            number("icmpv6.rpl.opt.target.prefix_length", "Prefix length", "prefix_length"),
            address("icmpv6.rpl.opt.target.prefix", "Target", _full("prefix")),
        ),
    ),
    rpl.Transit: Table(
        "icmpv6.rpl.opt.transit",
        "Transit",
        (
            number("icmpv6.rpl.opt.transit.flag", "Flags", "flags", digits=2),
            flag("icmpv6.rpl.opt.transit.flag.e", "External", "external"),
            number("icmpv6.rpl.opt.transit.pathctl", "Path control", "path_control"),
            number("icmpv6.rpl.opt.transit.pathseq", "Path sequence", "path_sequence"),
            number("icmpv6.rpl.opt.transit.pathlifetime", "Path lifetime", "path_lifetime", names={0: "no path"}),
            address("icmpv6.rpl.opt.transit.parent", "Parent", "parent"),
        ),
    ),
    rpl.SolicitedInformation: Table(
        "icmpv6.rpl.opt.solicited",
        "Solicited",
        (
            number("icmpv6.rpl.opt.solicited.instance", "Instance", "instance"),
            flag("icmpv6.rpl.opt.solicited.flag.v", "Version must match", bit(0x80, "flags")),
            flag("icmpv6.rpl.opt.solicited.flag.i", "Instance must match", bit(0x40, "flags")),
            flag("icmpv6.rpl.opt.solicited.flag.d", "DODAG id must match", bit(0x20, "flags")),
            address("icmpv6.rpl.opt.solicited.dodagid", "DODAG id", "dodag_id"),
            number("icmpv6.rpl.opt.solicited.version", "Version", "version"),
        ),
    ),
    rpl.PrefixInformation: Table(
        "icmpv6.rpl.opt.prefix",
        "Prefix",
        (
            number("icmpv6.rpl.opt.prefix.length", "Prefix length", "prefix_length"),
            number("icmpv6.rpl.opt.prefix.flag", "Flags", "flags", digits=2),
            flag("icmpv6.rpl.opt.prefix.flag.l", "On link", bit(0x80, "flags")),
            flag("icmpv6.rpl.opt.config.flag.a", "Autonomous", bit(0x40, "flags")),
            flag("icmpv6.rpl.opt.config.flag.r", "Router's address", bit(0x20, "flags")),
            number("icmpv6.rpl.opt.prefix.valid_lifetime", "Valid", "valid_s", unit="s"),
            number("icmpv6.rpl.opt.prefix.preferred_lifetime", "Preferred", "preferred_s", unit="s"),
            address("icmpv6.rpl.opt.prefix", "Prefix", "prefix"),
        ),
    ),
    rpl.TargetDescriptor: Table(
        "icmpv6.rpl.opt.targetdesc",
        "Target descriptor",
        (number("icmpv6.rpl.opt.targetdesc.descriptor", "Descriptor", "descriptor", digits=8),),
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
    rpl.RawOption: Table("icmpv6.rpl.opt.unknown", "Data", (octets("icmpv6.rpl.opt.data", "Data", "data"),)),
}
