"""Fields of 6LoWPAN as it stands on the air, before decompression: dispatches, fragment and mesh headers, IPHC, NHC."""

from __future__ import annotations

from typing import Final

from bench.air.fields.base import Field, Table, Tables, bit, eui64, flag, ipv6, u8, u16, u24, u32
from bench.air.fields.lowpan_headers import (
    Dispatch,
    Iphc,
    Lowpan,
    NhcExtension,
    NhcIcmpv6,
    NhcUdp,
    OldHeader,
    Part,
    Whole,
    headers,
)
from bench.air.lowpan import hc1, recoverable
from bench.air.lowpan.datagram import Mesh

_EXTENSIONS: Final = {
    0: "hop-by-hop options",
    1: "routing",
    2: "fragment",
    3: "destination options",
    4: "mobility",
    7: "IPv6",
}
_EXTENSIONS_THEIRS: Final = {
    0: "IPv6 hop-by-hop options",
    1: "IPv6 routing",
    2: "IPv6 fragment",
    3: "IPv6 destination options",
    4: "IPv6 mobility header",
    7: "IPv6 header",
}
_PROTOCOLS: Final = {0: "hop-by-hop", 17: "UDP", 41: "IPv6", 43: "routing", 58: "ICMPv6", 59: "none", 60: "dst options"}


def _class(header: Iphc) -> int | None:
    """Traffic class of its two parts; as in Wireshark, none where it is zero."""
    return (header.dscp or 0) << 2 | (header.ecn or 0) or None


_TRAFFIC: Final = {0: "all inline", 1: "ECN and flow label", 2: "ECN and DSCP", 3: "zero, left out"}
_TRAFFIC_THEIRS: Final = {
    0: "Traffic class and flow label inline",
    1: "ECN and flow label inline",
    2: "Traffic class inline",
    3: "Version, traffic class, and flow label compressed",
}
_PORTS: Final = {0: "both inline", 1: "destination 0xf0xx", 2: "source 0xf0xx", 3: "both 0xf0bx"}
_PORTS_THEIRS: Final = {
    0: "Inline",
    1: "Source port inline, first 8 bits of destination port elided",
    2: "Destination port inline, first 8 bits of source port elided",
    3: "12 bits of both ports elided",
}
_BY_PREFIX: Final = {0: "inline", 1: "64 bits inline", 2: "16 bits inline", 3: "left out"}
_BY_PREFIX_THEIRS: Final = {0: "Inline", 1: "64-bits inline", 2: "16-bits inline", 3: "Compressed"}
_BY_CONTEXT: Final = {1: "context and 64 bits", 2: "context and 16 bits", 3: "context, rest left out"}
_SOURCES: Final = {False: _BY_PREFIX, True: {0: "unspecified (::)", **_BY_CONTEXT}}
"""Source modes (RFC 6282, 3.1.1) by whether the address stands by a context."""
_DESTINATIONS: Final = {
    (False, False): _BY_PREFIX,
    (False, True): {0: "reserved", **_BY_CONTEXT},
    (True, False): {0: "inline", 1: "ffxx::00xx:xxxx:xxxx", 2: "ffxx::00xx:xxxx", 3: "ff02::00xx"},
    (True, True): {0: "ffxx:xxLL:PPPP:...:xxxx:xxxx by context"},
}
"""Destination modes by multicast, and by whether the address stands by a context."""


def _source_mode(by_context: bool) -> Field:
    """The mode where it is one of those; the words depend on it."""

    def get(header: Iphc) -> int | None:
        return header.word >> 4 & 3 if bool(header.word & 0x40) == by_context else None

    return u16("6lowpan.iphc.sam", "Source mode", get, names=_SOURCES[by_context], theirs=_BY_PREFIX_THEIRS)


def _destination_mode(multicast: bool, by_context: bool) -> Field:
    def get(header: Iphc) -> int | None:
        found = (bool(header.word & 8), bool(header.word & 4))
        return header.word & 3 if found == (multicast, by_context) else None

    names = _DESTINATIONS[multicast, by_context]
    return u16("6lowpan.iphc.dam", "Destination mode", get, names=names, theirs={0: "Inline"})


_PATTERN: Final = u8("6lowpan.pattern", "Dispatch", "pattern", digits=2)
_LONG: Final = 8
_GENERIC: Final = {0xB: "generic compression", 0x1A: "generic compression", 0xDF: "generic compression"}

TABLES: Final[Tables] = {
    Lowpan: Table("6lowpan", "6LoWPAN", (), headers),
    Dispatch: Table(
        "",
        lambda v: f"Dispatch: {v.name}",
        (_PATTERN, u8("6lowpan.bcast.seqnum", "Sequence number", "seqnum")),
    ),
    recoverable.Fragment: Table(
        "6lowpan.rfrag",
        "Recoverable fragment",
        (
            u8("6lowpan.pattern", "Dispatch", lambda v: 0b1110100, digits=2),
            flag("6lowpan.rfrag.congestion", "Congestion", "congestion"),
            u8("6lowpan.rfrag.tag", "Datagram tag", "tag"),
            flag("6lowpan.rfrag.ack_requested", "Acknowledgement requested", "ack_request"),
            u16("6lowpan.rfrag.sequence", "Sequence number", "sequence"),
            u16("6lowpan.rfrag.size", "Fragment size", lambda v: len(v.data), unit="octets"),
            u16("6lowpan.rfrag.datagram_size", "Datagram size", "size", unit="octets"),
            u16("6lowpan.rfrag.offset", "Offset", lambda v: v.offset if v.sequence else None, unit="octets"),
        ),
    ),
    recoverable.Acknowledgement: Table(
        "6lowpan.rfrag",
        lambda v: f"Recoverable fragments: {recoverable.describe(v)}",
        (
            u8("6lowpan.pattern", "Dispatch", lambda v: 0b1110101, digits=2),
            flag("6lowpan.rfrag.congestion", "Congestion", "congestion"),
            u8("6lowpan.rfrag.tag", "Datagram tag", "tag"),
            u32("6lowpan.rfrag.ack_bitmask", "Received", "bitmap", digits=8),
        ),
    ),
    OldHeader: Table(
        "6lowpan.hc1",
        "HC1: compressed IPv6 header",
        (
            u8("6lowpan.pattern", "Dispatch", lambda v: hc1.DISPATCH, digits=2),
            u8("6lowpan.hc1.encoding", "Encoding", "said.encoding", digits=2),
            flag("6lowpan.hc1.src_prefix", "Source prefix left out", bit(0x80, "said.encoding")),
            flag("6lowpan.hc1.src_ifc", "Source interface left out", bit(0x40, "said.encoding")),
            flag("6lowpan.hc1.dst_prefix", "Destination prefix left out", bit(0x20, "said.encoding")),
            flag("6lowpan.hc1.dst_ifc", "Destination interface left out", bit(0x10, "said.encoding")),
            flag("6lowpan.hc1.class", "Traffic class and flow label left out", bit(0x08, "said.encoding")),
            u8("6lowpan.hc1.next", "Next header", lambda v: v.said.encoding >> 1 & 3),
            flag("6lowpan.hc1.more", "HC2 follows", bit(0x01, "said.encoding")),
            u8("6lowpan.hops", "Hop limit", "said.hop_limit"),
            ipv6("6lowpan.src", "Source", "src"),
            ipv6("6lowpan.dst", "Destination", "dst"),
            u8("6lowpan.class", "Traffic class", "said.traffic_class", digits=2),
            u24("6lowpan.flow", "Flow label", "said.flow", digits=5),
            u8("6lowpan.next", "Next header", "said.following", names=_PROTOCOLS),
        ),
        lambda v: () if v.said.udp is None else (v.said.udp,),
    ),
    hc1.Udp: Table(
        "6lowpan.hc2.udp",
        "HC2: compressed UDP header",
        (
            u8("6lowpan.hc2.udp.encoding", "Encoding", "encoding", digits=2),
            flag("6lowpan.hc2.udp.src", "Source port cut", bit(0x80, "encoding")),
            flag("6lowpan.hc2.udp.dst", "Destination port cut", bit(0x40, "encoding")),
            flag("6lowpan.hc2.udp.length", "Length left out", bit(0x20, "encoding")),
            u16("6lowpan.udp.src", "Source port", "src_port"),
            u16("6lowpan.udp.dst", "Destination port", "dst_port"),
            u16("6lowpan.udp.length", "Length", "length"),
            u16("6lowpan.udp.checksum", "Checksum", "checksum", digits=4),
        ),
    ),
    Mesh: Table(
        "6lowpan.mesh",
        "Mesh addressing header",
        (
            u8("6lowpan.pattern", "Dispatch", lambda m: 2, digits=2),
            flag("6lowpan.mesh.v", "Short originator", lambda m: len(m.originator) != _LONG),
            flag("6lowpan.mesh.f", "Short final address", lambda m: len(m.final) != _LONG),
            u8("6lowpan.mesh.hops", "Hops left", "hops_left"),
            u16(
                "6lowpan.mesh.orig16",
                "Originator",
                lambda m: int.from_bytes(m.originator, "big") if len(m.originator) == 2 else None,
                digits=4,
            ),
            eui64("6lowpan.mesh.orig64", "Originator", lambda m: m.originator if len(m.originator) == _LONG else None),
            u16(
                "6lowpan.mesh.dest16",
                "Final",
                lambda m: int.from_bytes(m.final, "big") if len(m.final) == 2 else None,
                digits=4,
            ),
            eui64("6lowpan.mesh.dest64", "Final", lambda m: m.final if len(m.final) == _LONG else None),
        ),
    ),
    Part: Table(
        "6lowpan.frag",
        "Fragment header",
        (
            _PATTERN,
            u16("6lowpan.frag.size", "Datagram size", "size", unit="octets"),
            u16("6lowpan.frag.tag", "Datagram tag", "tag", digits=4),
            u8("6lowpan.frag.offset", "Offset", "offset", unit="octets"),
        ),
    ),
    Iphc: Table(
        "6lowpan.iphc",
        "IPHC: compressed IPv6 header",
        (
            u8("6lowpan.pattern", "Dispatch", lambda v: 3, digits=2),
            u16(
                "6lowpan.iphc.tf",
                "Traffic class and flow label",
                lambda v: v.word >> 11 & 3,
                names=_TRAFFIC,
                theirs=_TRAFFIC_THEIRS,
            ),
            flag("6lowpan.iphc.nh", "Next header compressed", lambda v: bool(v.word & 0x400)),
            u16(
                "6lowpan.iphc.hlim",
                "Hop limit",
                lambda v: v.word >> 8 & 3,
                names={0: "inline", 1: "1", 2: "64", 3: "255"},
            ),
            flag("6lowpan.iphc.cid", "Context identifiers", lambda v: bool(v.word & 0x80)),
            flag("6lowpan.iphc.sac", "Source by context", lambda v: bool(v.word & 0x40)),
            *map(_source_mode, _SOURCES),
            flag("6lowpan.iphc.m", "Multicast", lambda v: bool(v.word & 8)),
            flag("6lowpan.iphc.dac", "Destination by context", lambda v: bool(v.word & 4)),
            *(_destination_mode(*case) for case in _DESTINATIONS),
            u8("6lowpan.iphc.sci", "Source context", lambda v: None if v.contexts is None else v.contexts >> 4),
            u8("6lowpan.iphc.dci", "Destination context", lambda v: None if v.contexts is None else v.contexts & 15),
            u8("6lowpan.class", "Traffic class", _class, digits=2, hidden=True),
            u8("6lowpan.ecn", "ECN", "ecn"),
            u8("6lowpan.dscp", "DSCP", "dscp"),
            u24("6lowpan.flow", "Flow label", "flow", digits=5),
            u8("6lowpan.next", "Next header", "following", names=_PROTOCOLS),
            u8("6lowpan.hops", "Hop limit", "hop_limit"),
            ipv6("6lowpan.src", "Source", "src"),
            ipv6("6lowpan.dst", "Destination", "dst"),
        ),
    ),
    NhcExtension: Table(
        "6lowpan.nhc.ext",
        lambda v: f"NHC: {_EXTENSIONS.get(v.eid, 'unknown')} header",
        (
            u8("6lowpan.nhc.pattern", "Pattern", "pattern", digits=2, names=_GENERIC),
            u8("6lowpan.nhc.ext.eid", "Header id", "eid", names=_EXTENSIONS, theirs=_EXTENSIONS_THEIRS),
            flag("6lowpan.nhc.ext.nh", "Next header compressed", "compressed"),
            u8("6lowpan.nhc.ext.next", "Next header", "following", names=_PROTOCOLS),
            u8("6lowpan.nhc.ext.length", "Length", "length", unit="octets"),
        ),
    ),
    NhcUdp: Table(
        "6lowpan.nhc.udp",
        "NHC: UDP header",
        (
            u8("6lowpan.nhc.pattern", "Pattern", "pattern", digits=2, names=_GENERIC),
            flag("6lowpan.nhc.udp.checksum", "Checksum left out", lambda v: bool(v.form & 4)),
            u8("6lowpan.nhc.udp.ports", "Port form", lambda v: v.form & 3, names=_PORTS, theirs=_PORTS_THEIRS),
            u16("6lowpan.udp.src", "Source port", "src_port"),
            u16("6lowpan.udp.dst", "Destination port", "dst_port"),
            u16("6lowpan.udp.checksum", "Checksum", "checksum", digits=4),
        ),
    ),
    NhcIcmpv6: Table(
        "6lowpan.nhc",
        "NHC: ICMPv6 message",
        (u8("6lowpan.nhc.pattern", "Pattern", "pattern", digits=2, names=_GENERIC),),
    ),
    Whole: Table(
        "6lowpan.reassembled",
        "Datagram put together of its fragments",
        (u32("6lowpan.reassembled.length", "Length", "length", unit="octets"),),
    ),
}
