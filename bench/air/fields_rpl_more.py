"""Fields of RPL messages that no Wi-SUN stack sends (destination cleanup, secured ones), and what metrics say.

Wireshark 4.0 does not know destination cleanup; its fields are named in the style of the DAO's.
"""

from __future__ import annotations

from typing import Any, Final

from bench.air import rpl, rpl_dco
from bench.air.fields_base import Field, Table, Tables, bit, bits, flag, number, octets
from bench.air.fields_base import ipv6 as address
from bench.air.fields_rpl import options_inside
from bench.air.rpl_secured import NAMES, SECURED, Secured

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
_AGGREGATION: Final = {0: "additive", 1: "maximum", 2: "minimum", 3: "multiplicative"}


def _number_of(kind: int, size: int, mask: int = -1) -> Any:
    """The number in a metric of that kind and size; None in another."""

    def get(metric: rpl.Metric) -> int | None:
        if metric.type != kind or len(metric.data) != size:
            return None
        return int.from_bytes(metric.data, "big") & mask

    return get


def _levels(shift: int, mask: int) -> Any:
    """Parts of the entries of a link quality level."""

    def get(metric: rpl.Metric) -> tuple[int, ...] | None:
        return tuple(entry >> shift & mask for entry in metric.data[1:]) if metric.type == _QUALITY else None

    return get


def _key_source(message: Secured) -> bytes | None:
    return message.key[:8] if len(message.key) > 1 else None


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


TABLES: Final[Tables] = {
    rpl.Metric: Table(
        "icmpv6.rpl.opt.metric.object",
        lambda metric: f"Metric: {_METRICS.get(metric.type, 'unknown')}",
        (
            number("icmpv6.rpl.opt.metric.type", "Type", "type", names=_METRICS),
            number("icmpv6.rpl.opt.metric.flags", "Flags", "flags", digits=4),
            number("icmpv6.rpl.opt.metric.reserved", "Reserved", bits(11, 0x1F, "flags"), digits=2),
            flag("icmpv6.rpl.opt.metric.flag.p", "Some nodes did not tell it", bit(0x0400, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.c", "Constraint", bit(0x0200, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.o", "Constraint is optional", bit(0x0100, "flags")),
            flag("icmpv6.rpl.opt.metric.flag.r", "Recorded along the path", bit(0x0080, "flags")),
            number("icmpv6.rpl.opt.metric.flag.a", "Along the path", bits(4, 7, "flags"), names=_AGGREGATION),
            number("icmpv6.rpl.opt.metric.prec", "Precedence", bits(0, 0xF, "flags")),
            number("icmpv6.rpl.opt.metric.length", "Length", lambda m: len(m.data), unit="octets"),
            number("icmpv6.rpl.opt.metric.ne.object.energy", "Energy estimate", _number_of(_ENERGY, 2, 0xFF)),
            number("icmpv6.rpl.opt.metric.hp.object.hp", "Hops", _number_of(_HOPS, 2, 0xFF)),
            number("icmpv6.rpl.opt.metric.lt.object.lt", "Throughput", _number_of(_THROUGHPUT, 4), unit="octets/s"),
            number("icmpv6.rpl.opt.metric.ll.object.ll", "Latency", _number_of(_LATENCY, 4), unit="µs"),
            number("icmpv6.rpl.opt.metric.lql.object.val", "Quality", _levels(5, 7)),
            number("icmpv6.rpl.opt.metric.lql.object.counter", "Links of it", _levels(0, 0x1F)),
            number("icmpv6.rpl.opt.metric.etx.object.etx", "ETX x 128", _number_of(_ETX, 2)),
        ),
    ),
    rpl_dco.Dco: Table("icmpv6.rpl.dco", "RPL DCO", _clean_up("dco", acknowledges=False), options_inside),
    rpl_dco.DcoAck: Table("icmpv6.rpl.dcoack", "RPL DCO-ACK", _clean_up("dcoack", acknowledges=True), options_inside),
    Secured: Table(
        "icmpv6.rpl.secure",
        lambda message: f"Secured RPL {NAMES.get(message.code & ~SECURED, 'message')}",
        (
            flag("icmpv6.rpl.secure.flag.t", "Counter is a time", "timed"),
            number("icmpv6.rpl.secure.algorithm", "Algorithm", "algorithm"),
            number("icmpv6.rpl.secure.kim", "Key mode", "key_mode"),
            number("icmpv6.rpl.secure.lvl", "Level", "level"),
            number("icmpv6.rpl.secure.counter", "Counter", "counter", digits=8),
            octets("icmpv6.rpl.secure.key.source", "Key source", _key_source),
            number("icmpv6.rpl.secure.key.index", "Key index", lambda m: m.key[-1] if m.key else None),
            octets("icmpv6.rpl.secure.body", "Body", lambda m: m.body or None),
        ),
    ),
}
