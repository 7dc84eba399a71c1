"""One line about a packet, for people: what tshark's Info column says, of the innermost packet.

The line is for reading only; whoever measures takes the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Final

from bench.air.app import ports as application
from bench.air.broken import first_trouble
from bench.air.errors import Malformed
from bench.air.ip import icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.ip.udp import Udp
from bench.air.octets import counted
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.secured import NAMES, SECURED, Secured

_ICMPV6 = {
    1: "Destination unreachable",
    2: "Packet too big",
    3: "Time exceeded",
    4: "Parameter problem",
    130: "Multicast listener query",
    131: "Multicast listener report",
    132: "Multicast listener done",
    143: "Multicast listener report v2",
    159: "MPL control",
}
_ERRORS: Final[Mapping[int, Mapping[int, str]]] = {
    1: {
        0: "no route",
        1: "prohibited",
        2: "beyond the scope of the source",
        3: "address unreachable",
        4: "port unreachable",
        5: "source address refused by policy",
        6: "route rejected",
        7: "error in the source route",
    },
    3: {0: "hop limit", 1: "reassembly"},
    4: {0: "erroneous header", 1: "unknown next header", 2: "unknown option"},
}
"""Codes of ICMPv6 errors by type (RFC 4443, 3; 7: RFC 6554)."""


def describe(packet: ipv6.Packet) -> str:
    """What the innermost packet is about, e.g. ``RPL DAO seq=240 target=fd00::2/128 parent=fd00::1``."""
    line = line_of(packet)
    if ipv6.innermost(packet).checksum_ok is False:
        line += " [checksum wrong]"
    trouble = packet.trouble or _trouble(packet)
    return f"{line} [malformed: {trouble}]" if trouble else line


def line_of(packet: ipv6.Packet) -> str:
    """The same without a word on what is wrong with it."""
    inner = ipv6.innermost(packet)
    upper = inner.upper
    if isinstance(upper, bytes):
        return f"IPv6 next header {inner.next_header}, {counted(len(upper))}"
    return _describe(upper)


def line_of_cut(packet: ipv6.Packet) -> str:
    """The same of a packet whose end the capture cut off, so how long its payload is, and its checksum, are unknown."""
    inner = ipv6.innermost(packet)
    if isinstance(inner.upper, bytes):
        return f"IPv6 next header {inner.next_header}"
    return line_of(packet).partition(" len=")[0].partition(" [malformed")[0]


def _trouble(packet: ipv6.Packet) -> str:
    """What is wrong in the first list of options that breaks, header by header from the outside in."""
    lists = [getattr(header, "options", ()) for inner in ipv6.chain(packet) for header in inner.headers]
    lists.append(getattr(ipv6.innermost(packet).upper, "options", ()))
    return next(filter(None, map(first_trouble, lists)), "")


@singledispatch
def _describe(upper: object) -> str:
    return type(upper).__name__


@_describe.register
def _(upper: Udp) -> str:
    line = f"UDP {upper.src_port} > {upper.dst_port} len={len(upper.payload)}"
    protocol = application.protocol_of(upper)
    if protocol is None:
        return line
    try:
        return protocol.describe(protocol.parse(upper.payload))
    except Malformed as error:
        return f"{line} [malformed: {error}]"


@_describe.register
def _(upper: icmpv6.EchoRequest | icmpv6.EchoReply) -> str:
    name = "request" if isinstance(upper, icmpv6.EchoRequest) else "reply"
    return f"Echo {name} id={upper.identifier:#06x} seq={upper.sequence} len={len(upper.data)}"


@_describe.register
def _(upper: icmpv6.RawMessage) -> str:
    if upper.type == rpl.ICMPV6_TYPE:
        return f"RPL {NAMES.get(upper.code, f'code {upper.code:#04x}')}"
    name = _ICMPV6.get(upper.type, f"ICMPv6 type {upper.type}")
    why = _ERRORS.get(upper.type, {}).get(upper.code)
    return f"{name}: {why}" if why else f"{name} code={upper.code}"


@_describe.register
def _(upper: rpl.Dis) -> str:
    return "RPL DIS"


@_describe.register
def _(upper: rpl.Dio) -> str:
    numbers = f"instance={upper.instance} version={upper.version} rank={upper.rank} dtsn={upper.dtsn}"
    return f"RPL DIO {numbers} dodag={ipv6.text(upper.dodag_id)}"


@_describe.register
def _(upper: rpl.Dao) -> str:
    targets = (f"target={ipv6.text(t.address)}/{t.prefix_length}" for t in upper.targets)
    parents = (f"parent={ipv6.text(t.parent)}" for t in upper.transits if t.parent is not None)
    gone = ("no-path",) if any(t.path_lifetime == 0 for t in upper.transits) else ()
    return " ".join((f"RPL DAO seq={upper.sequence}", *targets, *parents, *gone))


@_describe.register
def _(upper: rpl.DaoAck) -> str:
    return f"RPL DAO-ACK seq={upper.sequence} status={upper.status}"


@_describe.register
def _(upper: rpl_dco.Dco) -> str:
    targets = (f"target={ipv6.text(t.address)}/{t.prefix_length}" for t in upper.targets)
    return " ".join((f"RPL DCO seq={upper.sequence} status={upper.status}", *targets))


@_describe.register
def _(upper: rpl_dco.DcoAck) -> str:
    return f"RPL DCO-ACK seq={upper.sequence} status={upper.status}"


@_describe.register
def _(upper: rpl_p2p.Dro) -> str:
    return f"RPL P2P-DRO seq={upper.sequence}{' stop' if upper.stop else ''}"


@_describe.register
def _(upper: rpl_p2p.DroAck) -> str:
    return f"RPL P2P-DRO-ACK seq={upper.sequence}"


@_describe.register
def _(upper: Secured) -> str:
    name = NAMES[upper.code & ~SECURED]
    return f"RPL {name}, secured at level {upper.level}, counter={upper.counter}"


@_describe.register
def _(upper: DuplicateAddress) -> str:
    name = "request" if upper.type == DuplicateAddress.REQUEST else "confirmation"
    who = f"address={ipv6.text(upper.address)} owner={upper.owner.hex(':')}"
    return f"Duplicate address {name} {who} status={upper.status} lifetime={upper.lifetime_min}min"


@_describe.register
def _(upper: nd.Redirect) -> str:
    return f"Redirect {ipv6.text(upper.destination)} to {ipv6.text(upper.target)}"


@_describe.register
def _(upper: nd.NeighborSolicitation | nd.NeighborAdvertisement) -> str:
    name = "solicitation" if isinstance(upper, nd.NeighborSolicitation) else "advertisement"
    return " ".join((f"Neighbor {name} target={ipv6.text(upper.target)}", *_registrations(upper.options)))


@_describe.register
def _(upper: nd.RouterSolicitation | nd.RouterAdvertisement) -> str:
    name = "solicitation" if isinstance(upper, nd.RouterSolicitation) else "advertisement"
    return " ".join((f"Router {name}", *_registrations(upper.options)))


def _registrations(options: tuple[nd.Option, ...]) -> list[str]:
    found = (option for option in options if isinstance(option, nd.AddressRegistration))
    return [f"register={o.owner.hex(':')} status={o.status} lifetime={o.lifetime_min}min" for o in found]
