"""Fields of RPL messages that no Wi-SUN stack sends (destination cleanup, P2P routes, secured ones), and what
metrics say.

Wireshark 4.0 does not know destination cleanup; its fields are named in the style of the DAO's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.air.fields.base import Field, Table, Tables, bit, bits, flag, number, octets, u8, u16, u32
from bench.air.fields.base import ipv6 as address
from bench.air.fields.rpl import options_inside
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.secured import NAMES, SECURED, ConsistencyCheck, Secured

_NSA, _ENERGY, _HOPS, _THROUGHPUT, _LATENCY, _QUALITY, _ETX, _COLOR = range(1, 9)
_METRICS: Final = {
    _NSA: "node state and attributes",
    _ENERGY: "node energy",
    _HOPS: "hop count",
    _THROUGHPUT: "throughput",
    _LATENCY: "latency",
    _QUALITY: "link quality level",
    _ETX: "ETX",
    _COLOR: "link color",
}
"""RFC 6551, section 2.1."""
_METRICS_THEIRS: Final = {1: "Node State and Attribute", 4: "Link Throughput", 5: "Link Latency", 7: "Link ETX"}
_AGGREGATION: Final = {0: "additive", 1: "maximum", 2: "minimum", 3: "multiplicative"}


_NO_ETX: Final = rpl.Metric.NO_ETX
_CONSTRAINT: Final = 0x0200
"""The C flag: the object is a constraint, no metric."""


def _number_of(kind: int, size: int, mask: int = -1, shift: int = 0) -> Any:
    """The number in a metric of that kind and size, or a part of it; None in another."""

    def get(metric: rpl.Metric) -> int | None:
        if metric.type != kind or len(metric.data) != size:
            return None
        return int.from_bytes(metric.data, "big") >> shift & mask

    return get


def _estimate(metric: rpl.Metric) -> int | None:
    """A node's energy, where the E flag says that there is an estimate (RFC 6551, 3.2)."""
    word = _number_of(_ENERGY, 2)(metric)
    return word & 0xFF if word is not None and word & 0x0100 else None


def _says(kind: int, mask: int) -> Any:
    """A bit of the 16-bit word that a metric of that kind begins with; None in another."""
    word = _state(mask) if kind == _NSA else _number_of(kind, 2, mask)

    def get(metric: rpl.Metric) -> bool | None:
        found = word(metric)
        return None if found is None else bool(found)

    return get


def _state(mask: int, shift: int = 0) -> Any:
    """Part of a node's state and attributes (RFC 6551, 3.1), before its TLVs."""

    def get(metric: rpl.Metric) -> int | None:
        if metric.type != _NSA or len(metric.data) < 2:
            return None
        return int.from_bytes(metric.data[:2], "big") >> shift & mask

    return get


def _state_tlvs(part: int) -> Any:
    """Type (0), length (1) or content (2) of a node state's whole TLVs."""

    def get(metric: rpl.Metric) -> tuple[object, ...] | None:
        if metric.type != _NSA:
            return None
        found, at, data = [], 2, metric.data
        while at + 2 <= len(data) and at + 2 + data[at + 1] <= len(data):
            end = at + 2 + data[at + 1]
            found.append((data[at], data[at + 1], data[at + 2 : end])[part])
            at = end
        return tuple(found)

    return get


def _first(kind: int) -> Any:
    """The reserved octet that the entries of that kind stand behind."""
    return lambda metric: metric.data[0] if metric.type == kind and metric.data else None


def _levels(shift: int, mask: int) -> Any:
    """Parts of the entries of a link quality level."""

    def get(metric: rpl.Metric) -> tuple[int, ...] | None:
        return tuple(entry >> shift & mask for entry in metric.data[1:]) if metric.type == _QUALITY else None

    return get


def _colors(shift: int, mask: int, constraint: bool | None = None) -> Any:
    """Parts of the entries of a link color (4.3.3): a metric counts links, a constraint says which colors to take."""

    def get(metric: rpl.Metric) -> tuple[int, ...] | None:
        if metric.type != _COLOR or constraint not in (None, bool(metric.flags & _CONSTRAINT)):
            return None
        pairs = zip(metric.data[1::2], metric.data[2::2], strict=False)
        return tuple((high << 8 | low) >> shift & mask for high, low in pairs)

    return get


def _key_source(message: Secured) -> bytes | None:
    return message.key[:8] if len(message.key) > 1 else None


def _check_inside(message: Secured) -> Iterator[ConsistencyCheck]:
    if (check := message.check) is not None:
        yield check


def _clean_up(name: str, *, acknowledges: bool) -> tuple[Field, ...]:
    asked = () if acknowledges else (flag(f"icmpv6.rpl.{name}.flag.k", "Acknowledgement requested", "ack_requested"),)
    return (
        number(f"icmpv6.rpl.{name}.instance", "Instance", "instance"),
        *asked,
        flag(f"icmpv6.rpl.{name}.flag.d", "DODAG id present", lambda message: message.dodag_id is not None),
        number(f"icmpv6.rpl.{name}.status", "Status", "status"),
        number(f"icmpv6.rpl.{name}.sequence", "Sequence", "sequence"),
        address(f"icmpv6.rpl.{name}.dodagid", "DODAG id", "dodag_id"),
    )


_POWER: Final = {0: "mains", 1: "battery", 2: "scavenger"}
"""RFC 6551, 3.2."""
_TLV: Final = "icmpv6.rpl.opt.metric.nsa.object.opttlv.object"
_STATE: Final = (
    number("icmpv6.rpl.opt.metric.nsa.object", "Node state", _state(0xFFFF), digits=4, hidden=True),
    number("icmpv6.rpl.opt.metric.nsa.object.reserved", "Reserved", _state(0xFF, 8), digits=2),
    number("icmpv6.rpl.opt.metric.nsa.object.flags", "Flags", _state(0x3F, 2), digits=2),
    flag("icmpv6.rpl.opt.metric.nsa.object.flag.a", "Aggregates traffic", _says(_NSA, 2)),
    flag("icmpv6.rpl.opt.metric.nsa.object.flag.o", "Overloaded", _says(_NSA, 1)),
    number(_TLV, "Further attribute", _state_tlvs(0), hidden=True),
    number(f"{_TLV}.type", "Further attribute", _state_tlvs(0)),
    number(f"{_TLV}.length", "Its length", _state_tlvs(1), unit="octets"),
    octets(f"{_TLV}.data", "Its content", _state_tlvs(2)),
)

TABLES: Final[Tables] = {
    rpl.Metric: Table(
        "icmpv6.rpl.opt.metric.object",
        lambda metric: f"Metric: {_METRICS.get(metric.type, 'unknown')}",
        (
            u8("icmpv6.rpl.opt.metric.type", "Type", "type", names=_METRICS, theirs=_METRICS_THEIRS),
            u16("icmpv6.rpl.opt.metric.flags", "Flags", "flags", digits=4),
            u16("icmpv6.rpl.opt.metric.reserved", "Reserved", bits(11, 0x1F, "flags"), digits=2),
            flag("icmpv6.rpl.opt.metric.flag.p", "Some nodes did not tell it", bit(0x0400, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.c", "Constraint", bit(0x0200, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.o", "Constraint is optional", bit(0x0100, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.r", "Recorded along the path", bit(0x0080, "flags")),
            u16("icmpv6.rpl.opt.metric.flag.a", "Along the path", bits(4, 7, "flags"), names=_AGGREGATION),
            u16("icmpv6.rpl.opt.metric.prec", "Precedence", bits(0, 0xF, "flags")),
            u8("icmpv6.rpl.opt.metric.length", "Length", lambda m: len(m.data), unit="octets"),
            *_STATE,
            number("icmpv6.rpl.opt.metric.ne.object", "Node energy", _number_of(_ENERGY, 2), digits=4, hidden=True),
            number("icmpv6.rpl.opt.metric.ne.object.flags", "Flags", _number_of(_ENERGY, 2, 0xF, 12), digits=2),
            flag("icmpv6.rpl.opt.metric.ne.object.flag.i", "Included", _says(_ENERGY, 0x0800)),
            number("icmpv6.rpl.opt.metric.ne.object.type", "Power source", _number_of(_ENERGY, 2, 3, 9), names=_POWER),
            flag("icmpv6.rpl.opt.metric.ne.object.flag.e", "Estimate is there", _says(_ENERGY, 0x0100)),
            u16("icmpv6.rpl.opt.metric.ne.object.energy", "Energy estimate", _estimate, unit="%"),
            number("icmpv6.rpl.opt.metric.hp.object", "Hop count", _number_of(_HOPS, 2), digits=4, hidden=True),
            number("icmpv6.rpl.opt.metric.hp.object.reserved", "Reserved", _number_of(_HOPS, 2, 0xF, 12), digits=1),
            number("icmpv6.rpl.opt.metric.hp.object.flags", "Flags", _number_of(_HOPS, 2, 0xF, 8), digits=1),
            u16("icmpv6.rpl.opt.metric.hp.object.hp", "Hops", _number_of(_HOPS, 2, 0xFF)),
            u32("icmpv6.rpl.opt.metric.lt.object.lt", "Throughput", _number_of(_THROUGHPUT, 4), unit="octets/s"),
            u32("icmpv6.rpl.opt.metric.ll.object.ll", "Latency", _number_of(_LATENCY, 4), unit="µs"),
            number("icmpv6.rpl.opt.metric.lql.object", "Entry", _levels(0, 0xFF), digits=2, hidden=True),
            number("icmpv6.rpl.opt.metric.lql.object.res", "Reserved", _first(_QUALITY), digits=2),
            u8("icmpv6.rpl.opt.metric.lql.object.val", "Quality", _levels(5, 7), codes={0: "undetermined"}),
            u8("icmpv6.rpl.opt.metric.lql.object.counter", "Links of it", _levels(0, 0x1F)),
            u16("icmpv6.rpl.opt.metric.etx.object.etx", "ETX x 128", _number_of(_ETX, 2), codes={_NO_ETX: "none"}),
            number("icmpv6.rpl.opt.metric.lc.object.res", "Reserved", _first(_COLOR), digits=2),
            number("icmpv6.rpl.opt.metric.lc.object.lc", "Color", _colors(6, 0x3FF), digits=4),
            number("icmpv6.rpl.opt.metric.lc.object.counter", "Links of it", _colors(0, 0x3F, False)),
            number("icmpv6.rpl.opt.metric.lc.object.reserved", "Reserved", _colors(1, 0x1F, True)),
            number("icmpv6.rpl.opt.metric.lc.object.flag.i", "Included", _colors(0, 1, True)),
        ),
    ),
    rpl_dco.Dco: Table("icmpv6.rpl.dco", "RPL DCO", _clean_up("dco", acknowledges=False), options_inside),
    rpl_dco.DcoAck: Table("icmpv6.rpl.dcoack", "RPL DCO-ACK", _clean_up("dcoack", acknowledges=True), options_inside),
    rpl_p2p.Dro: Table(
        "icmpv6.rpl.p2p.dro",
        "RPL P2P-DRO: discovery reply",
        (
            number("icmpv6.rpl.p2p.dro.instance", "Instance", "instance"),
            number("icmpv6.rpl.p2p.dro.version", "Version", "version"),
            number("icmpv6.rpl.p2p.dro.flag", "Flags", "bits", digits=4),
            flag("icmpv6.rpl.p2p.dro.flag.stop", "Stop", "stop"),
            flag("icmpv6.rpl.p2p.dro.flag.ack", "Acknowledgement requested", "ack_requested"),
            number("icmpv6.rpl.p2p.dro.flag.seq", "Sequence", "sequence"),
            number("icmpv6.rpl.p2p.dro.flag.reserved", "Reserved", "reserved"),
            address("icmpv6.rpl.p2p.dro.dagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    rpl_p2p.DroAck: Table(
        "icmpv6.rpl.p2p.droack",
        "RPL P2P-DRO-ACK",
        (
            number("icmpv6.rpl.p2p.dro.instance", "Instance", "instance"),
            number("icmpv6.rpl.p2p.dro.version", "Version", "version"),
            number("icmpv6.rpl.p2p.droack.flag", "Flags", "bits", digits=4),
            number("icmpv6.rpl.p2p.droack.flag.seq", "Sequence", "sequence"),
            number("icmpv6.rpl.p2p.droack.flag.reserved", "Reserved", "reserved"),
            address("icmpv6.rpl.p2p.dro.dagid", "DODAG id", "dodag_id"),
        ),
        options_inside,
    ),
    Secured: Table(
        "icmpv6.rpl.secure",
        lambda message: f"Secured RPL {NAMES.get(message.code & ~SECURED, 'message')}",
        (
            flag("icmpv6.rpl.secure.flag.t", "Counter is a time", "timed"),
            u8("icmpv6.rpl.secure.algorithm", "Algorithm", "algorithm"),
            u8("icmpv6.rpl.secure.kim", "Key mode", "key_mode"),
            u8("icmpv6.rpl.secure.lvl", "Level", "level"),
            u32("icmpv6.rpl.secure.counter", "Counter", "counter", digits=8),
            octets("icmpv6.rpl.secure.key.source", "Key source", _key_source),
            u8("icmpv6.rpl.secure.key.index", "Key index", lambda m: m.key[-1] if m.key else None),
            octets("icmpv6.rpl.secure.body", "Body", lambda m: m.body or None),
        ),
        _check_inside,
    ),
    ConsistencyCheck: Table(
        "icmpv6.rpl.cc",
        "Consistency check",
        (
            number("icmpv6.rpl.cc.instance", "Instance", "instance"),
            number("icmpv6.rpl.cc.flag", "Flags", lambda check: check.response << 7 | check.flags, digits=2),
            flag("icmpv6.rpl.cc.flag.r", "Response", "response"),
            number("icmpv6.rpl.cc.flag.rsv", "Reserved", "flags"),
            number("icmpv6.rpl.cc.nonce", "Nonce", "nonce", digits=4),
            address("icmpv6.rpl.cc.dodagid", "DODAG id", "dodag_id"),
            number("icmpv6.rpl.cc.destination_counter", "Destination's counter", "counter"),
        ),
    ),
}
