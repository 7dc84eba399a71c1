"""Hypothesis strategies for every record of the layers above the MAC."""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import strategies as st

from bench.air.ip import dhcpv6, extensions, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.ip.udp import Udp
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.discovery import RouteDiscovery
from bench.air.rpl.secured import Secured


def u(octets: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << 8 * octets) - 1)


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


def some(strategy: st.SearchStrategy[Any], most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


blob = st.binary(max_size=40)
eui64 = octets(8)
address = octets(16)
prefix = st.integers(0, 128).flatmap(lambda bits: st.tuples(st.just(bits), octets((bits + 7) // 8)))


def discoveries(elided: int) -> st.SearchStrategy[RouteDiscovery]:
    """Route discovery options whose addresses are short of so many octets."""
    part = octets(16 - elided)
    numbers = (st.integers(0, 3), st.integers(0, 3), st.integers(0, 63))
    return st.builds(RouteDiscovery, part, some(part), st.just(elided), st.booleans(), st.booleans(), *numbers)


rpl_option = st.one_of(
    st.integers(1, 257).map(rpl.Padding),
    st.builds(rpl.RawOption, st.integers(11, 255), blob),
    st.integers(0, 15).flatmap(discoveries),
    st.builds(rpl.MetricContainer, some(st.builds(rpl.Metric, u(1), u(2), st.binary(max_size=6)))),
    st.builds(lambda p, life, flags: rpl.RouteInformation(p[0], life, p[1], flags), prefix, u(4), u(1)),
    st.builds(rpl.Configuration, u(1), u(1), u(1), u(2), u(2), u(2), u(1), u(2), u(1), u(1)),
    st.builds(lambda p, flags: rpl.Target(p[1], p[0], flags), prefix, u(1)),
    st.builds(rpl.Transit, st.none() | address, u(1), u(1), u(1), u(1)),
    st.builds(rpl.SolicitedInformation, u(1), address, u(1), u(1)),
    st.builds(rpl.PrefixInformation, address, u(1), u(1), u(4), u(4), u(4)),
    st.builds(rpl.TargetDescriptor, u(4)),
)
rpl_options = some(rpl_option)
three_bits = st.integers(0, 7)
rpl_message = st.one_of(
    st.builds(rpl.Dis, rpl_options, u(1), u(1)),
    st.builds(
        *(rpl.Dio, u(1), u(1), u(2), address, u(1), st.booleans(), three_bits, three_bits, rpl_options),
        *(st.integers(0, 1), u(1), u(1)),
    ),
    st.builds(rpl.Dao, u(1), u(1), st.booleans(), st.none() | address, rpl_options, st.integers(0, 63), u(1)),
    st.builds(rpl.DaoAck, u(1), u(1), u(1), st.none() | address, rpl_options, st.integers(0, 127)),
)

nd_option = st.one_of(
    st.builds(nd.LinkLayerAddress, st.sampled_from([1, 2]), eui64 | octets(6).filter(lambda a: any(a[2:])) | octets(2)),
    st.builds(nd.AddressRegistration, eui64 | octets(16), u(2), u(1), u(1), u(1), u(1)),
    st.builds(nd.PrefixInformation, address, u(1), u(1), u(4), u(4), u(4)),
    st.builds(nd.Mtu, u(4), u(2)),
    st.builds(nd.Context, st.integers(0, 15), octets(8) | address, u(1), st.booleans(), u(2), three_bits, u(2)),
    st.builds(nd.RawOption, st.integers(40, 255), st.integers(1, 4).flatmap(lambda n: octets(n * 8 - 2))),
)
nd_message = st.one_of(
    st.builds(nd.RouterSolicitation, some(nd_option), u(4)),
    st.builds(nd.RouterAdvertisement, u(1), u(1), u(2), u(4), u(4), some(nd_option)),
    st.builds(nd.NeighborSolicitation, address, some(nd_option), u(4)),
    st.builds(nd.NeighborAdvertisement, address, u(1), some(nd_option), u(3)),
)
rarer_nd_option = st.one_of(
    st.builds(nd.RedirectedHeader, st.integers(0, 4).flatmap(lambda n: octets(n * 8)), u(6)),
    st.builds(nd.Nonce, st.integers(1, 3).flatmap(lambda n: octets(n * 8 - 2))),
    st.builds(nd.RouteInformation, st.sampled_from([0, 8, 16]).flatmap(octets), u(1), u(1), u(4)),
    st.builds(nd.DnsServers, some(address, 3), u(4), u(2)),
    st.builds(nd.BorderRouter, u(2), address, u(2), u(2)),
    st.builds(nd.Capabilities, u(6)),
)
"""Options and messages that no Wi-SUN stack sends."""
duplicate = st.sampled_from([8, 16, 24, 32]).flatmap(
    lambda size: st.builds(
        DuplicateAddress, st.sampled_from([157, 158]), address, octets(size), u(2), u(1), u(1), st.just(size // 8)
    )
)
numbers_of_reply = (u(1), address, st.integers(0, 3))
p2p = st.one_of(
    st.builds(rpl_p2p.Dro, *numbers_of_reply, st.booleans(), st.booleans(), u(1), st.integers(0, 0xFFF), rpl_options),
    st.builds(rpl_p2p.DroAck, *numbers_of_reply, u(1), st.integers(0, 0x3FFF), rpl_options),
)
dco = st.one_of(
    st.builds(rpl_dco.Dco, u(1), u(1), u(1), st.booleans(), st.none() | address, rpl_options, st.integers(0, 63)),
    st.builds(rpl_dco.DcoAck, u(1), u(1), u(1), st.none() | address, rpl_options, st.integers(0, 127)),
)
secured = st.sampled_from([(0, 1), (1, 0), (2, 9), (3, 0)]).flatmap(
    lambda mode: st.builds(
        Secured,
        *(st.sampled_from(Secured.CODES), u(1), st.just(mode[0]), st.sampled_from([0, 2, 4, 6]), u(4)),
        *(octets(mode[1]), st.booleans(), blob, st.integers(0, 127), three_bits, u(1)),
    )
)
icmpv6_message = st.one_of(
    st.builds(icmpv6.EchoRequest, u(2), u(2), blob),
    st.builds(icmpv6.EchoReply, u(2), u(2), blob),
    st.builds(icmpv6.RawMessage, st.integers(0, 127), u(1), blob),
    nd_message,
    rpl_message,
)
rarer_icmpv6_message = st.one_of(
    duplicate,
    dco,
    p2p,
    secured,
    st.builds(nd.Redirect, address, address, some(nd_option | rarer_nd_option), u(4)),
    st.builds(nd.RouterAdvertisement, u(1), u(1), u(2), u(4), u(4), some(rarer_nd_option)),
)

dhcpv6_leaf = st.one_of(
    st.builds(dhcpv6.ClientId, blob),
    st.builds(dhcpv6.ServerId, blob),
    st.builds(dhcpv6.ElapsedTime, u(2)),
    st.builds(dhcpv6.StatusCode, u(2), blob),
    st.just(dhcpv6.RapidCommit()),
    st.builds(dhcpv6.VendorOptions, u(4), blob),
    st.builds(dhcpv6.RawOption, st.integers(100, 65535), blob),
)
ia_address = st.builds(dhcpv6.IaAddress, address, u(4), u(4), some(dhcpv6_leaf, 2))
dhcpv6_option = dhcpv6_leaf | st.builds(dhcpv6.IaNa, u(4), u(4), u(4), some(ia_address | dhcpv6_leaf, 2))
dhcpv6_message = st.builds(dhcpv6.Message, st.integers(1, 11), u(3), some(dhcpv6_option))
dhcpv6_any = st.recursive(
    dhcpv6_message,
    lambda inner: st.builds(
        lambda kind, hops, link, peer, message, more: dhcpv6.Relay(
            kind, hops, link, peer, (dhcpv6.RelayMessage(message), *more)
        ),
        st.sampled_from([12, 13]),
        u(1),
        address,
        address,
        inner,
        some(dhcpv6_leaf, 2),
    ),
    max_leaves=3,
)

udp = st.builds(Udp, u(2) | st.integers(0xF0A0, 0xF0C0), u(2) | st.integers(0xF0A0, 0xF0C0), blob)
pad = st.integers(1, 20).map(extensions.Pad)
header_option = st.one_of(
    st.builds(extensions.Rpi, u(1), u(2), u(1), st.sampled_from(extensions.RPI_TYPES), st.binary(max_size=4)),
    st.builds(
        extensions.Mpl, u(1), st.sampled_from([0, 2, 8, 16]).flatmap(octets), st.booleans(), st.integers(0, 31), blob
    ),
    st.builds(extensions.RawOption, st.integers(0x70, 255), blob),
)
# Padding at the end of a header is not part of a record, so a record does not end with it.
header_options = st.tuples(some(header_option | pad, 3), header_option).map(lambda parts: (*parts[0], parts[1]))


@st.composite
def source_route(draw: st.DrawFn, dst: bytes) -> extensions.SourceRoute:
    """A source route whose addresses share with ``dst`` what is left out."""
    inner, last = draw(st.integers(0, 15)), draw(st.integers(0, 15))
    between = [dst[:inner] + draw(octets(16 - inner)) for _ in range(draw(st.integers(0, 4)))]
    addresses = (*between, dst[:last] + draw(octets(16 - last)))
    return extensions.SourceRoute(draw(st.integers(0, len(addresses))), addresses, inner, last)


@st.composite
def packet(draw: st.DrawFn, depth: int = 2) -> ipv6.Packet:
    """An IPv6 packet with any headers and any upper layer, tunnels included."""
    dst = draw(address | some_destination)
    header = st.one_of(
        st.builds(extensions.HopByHop, header_options),
        st.builds(extensions.DestinationOptions, header_options),
        source_route(dst),
    )
    headers: list[extensions.ExtensionHeader] = draw(st.lists(header, max_size=3))
    # The reader takes the pseudo header's destination from the first route, so two routes would be ambiguous here.
    routes = [h for h in headers if isinstance(h, extensions.SourceRoute)]
    headers = [h for h in headers if h not in routes[1:]]
    upper = st.one_of(udp, icmpv6_message, blob, *([packet(depth=depth - 1)] if depth else []))
    made = ipv6.Packet(
        src=draw(address | some_source),
        dst=dst,
        upper=draw(upper),
        hop_limit=draw(u(1) | st.sampled_from([1, 64, 255])),
        traffic_class=draw(st.just(0) | u(1) | st.sampled_from([1, 2, 3, 0x30, 0xC0])),
        flow=draw(st.just(0) | st.integers(0, 0xFFFFF)),
        headers=tuple(headers),
    )
    if isinstance(made.upper, bytes):
        made = attrs.evolve(made, next_header=draw(st.sampled_from([59, 6, 132, 253])))
    return made


LINK_SRC, LINK_DST = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000102")
PREFIX = bytes.fromhex("fd004b4200000000")
some_source = st.sampled_from(
    [
        ipv6.link_local(LINK_SRC),
        ipv6.address_from_eui64(PREFIX, LINK_SRC),
        ipv6.LINK_LOCAL_PREFIX + bytes.fromhex("000000fffe001234"),
        bytes(16),
    ]
)
some_destination = st.sampled_from(
    [
        ipv6.link_local(LINK_DST),
        ipv6.address_from_eui64(PREFIX, LINK_DST),
        ipv6.ALL_NODES,
        ipv6.ALL_RPL_NODES,
        bytes.fromhex("ff050000000000000000000000010003"),
        bytes.fromhex("ff02000000000000000000ffaabbccdd"[:32]),
        bytes.fromhex("ff350040") + PREFIX + bytes.fromhex("00000001"),
    ]
)
