"""What 6LoWPAN routing headers (RFC 8138) stand for: the packet with its RPL option, source route and tunnels as plain
IPv6 has them, and back.

Their addresses are cut against that of the DODAG's root, which no frame holds, so whoever reads them must know it.
What the headers leave open is filled in so: an outer header has no traffic class and no flow label; a tunnel without a
source route ends at the root, and one that the root began at the inner destination. A source route names the hops still
to come, the next one first: it is the IPv6 destination, and the others follow in a routing header of type 3.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi, SourceRoute, build_options, build_routing, source_route
from bench.air.lowpan import sixlorh
from bench.air.lowpan.sixlorh import Header, IpInIp, PacketInformation, expand

_VERSION = b"\x60\0\0\0"
_RPL_OPTION = 0x63
_LONGEST = 0xFF * 8  # octets of the addresses in a routing header


def groups(headers: Iterable[Header]) -> tuple[list[tuple[tuple[Header, ...], IpInIp]], tuple[Header, ...]]:
    """The headers of each tunnel with its IP-in-IP-6LoRH, outside in, and those of the packet itself."""
    tunnels, current = list[tuple[tuple[Header, ...], IpInIp]](), list[Header]()
    for header in headers:
        if isinstance(header, IpInIp):
            tunnels.append((tuple(current), header))
            current = []
        else:
            current.append(header)
    return tunnels, tuple(current)


def restore(headers: Iterable[Header], packet: bytes, root: bytes) -> bytes:
    """The octets of the plain packet that ``packet`` (an IPv6 packet's octets) is behind ``headers``.

    ``root`` is the address of the DODAG's root, 16 octets. Whatever was before octet 40 of ``packet`` stays the first
    or becomes the innermost header; all else moves by the growth. Raises `Malformed`.
    """
    if len(packet) < ipv6.HEADER_OCTETS:
        raise Malformed("6LoWPAN: no IPv6 header behind the 6LoRH")
    tunnels, own = groups(headers)
    hops = _hops(own, root)
    final = packet[24:40]
    if hops and hops[-1] != final:
        hops += (final,)
    extensions, protocol = _extensions(own, hops, packet[6])
    dst = hops[0] if hops else final
    packet = _with_length(packet[:4], extensions + packet[40:], bytes((protocol, packet[7])) + packet[8:24] + dst)
    for before, tunnel in reversed(tunnels):
        src = root[: 16 - len(tunnel.encapsulator)] + tunnel.encapsulator
        hops = _hops(before, src)
        dst = hops[0] if hops else root if src != root else packet[24:40]
        extensions, protocol = _extensions(before, hops, ipv6.IPV6)
        packet = _with_length(_VERSION, extensions + packet, bytes((protocol, tunnel.hop_limit)) + src + dst)
    return packet


def _with_length(first: bytes, body: bytes, rest: bytes) -> bytes:
    if len(body) > 0xFFFF:
        raise Malformed("6LoWPAN: the packet behind the 6LoRH leaves no room for its headers")
    return first + len(body).to_bytes(2, "big") + rest + body


def _hops(headers: Iterable[Header], reference: bytes) -> tuple[bytes, ...]:
    return expand((header for header in headers if isinstance(header, sixlorh.SourceRoute)), reference)


def _extensions(headers: Iterable[Header], hops: tuple[bytes, ...], protocol: int) -> tuple[bytes, int]:
    """Octets of the extension headers before what has number ``protocol``, and the number of the first of them."""
    octets = b""
    if len(hops) > 1:
        route = source_route(hops)[1]
        if len(hops) * (16 - route.compressed_e) > _LONGEST or len(route.addresses) > 0xFF:
            raise Malformed(f"6LoRH: a source route over {len(hops)} hops, which no routing header holds")
        content = build_routing(route)
        octets = bytes((protocol, (len(content) + 2) // 8 - 1)) + content
        protocol = SourceRoute.PROTOCOL
    for header in headers:
        if isinstance(header, PacketInformation):
            content = build_options((Rpi(header.instance, header.sender_rank, header.flags),))
            return bytes((protocol, 0)) + content + octets, HopByHop.PROTOCOL
    return octets, protocol


def fold(packet: bytes, root: bytes) -> tuple[tuple[Header, ...], bytes]:
    """Headers and the packet behind them, that `restore` makes ``packet`` of; none where they cannot say it all."""
    try:
        headers, inner = _fold(ipv6.parse(packet), root)
        if headers and restore(headers, inner, root) == packet:
            return headers, inner
    except ValueError:
        pass
    return (), packet


def _fold(packet: ipv6.Packet, root: bytes) -> tuple[tuple[Header, ...], bytes]:
    if not isinstance(packet.upper, ipv6.Packet):
        route = packet.source_route
        hops = () if route is None else (packet.dst, *route.addresses[:-1])
        kept = tuple(header for header in packet.headers if header is not route and not _is_rpl(header))
        plain = attrs.evolve(packet, dst=packet.final_dst, headers=kept)
        return _headers(packet, hops, root), ipv6.build(plain)
    inner_headers, inner = _fold(packet.upper, root)
    route = packet.source_route
    first = root if packet.src != root else packet.upper.dst
    hops = (packet.dst, *route.addresses) if route else (packet.dst,) if packet.dst != first else ()
    tunnel = IpInIp(packet.hop_limit, cut(packet.src, root))
    return (*_headers(packet, hops, packet.src), tunnel, *inner_headers), inner


def _is_rpl(header: object) -> bool:
    """A hop-by-hop header with the RPL option alone."""
    options = header.options if isinstance(header, HopByHop) else ()
    return len(options) == 1 and isinstance(options[0], Rpi) and options[0].type == _RPL_OPTION


def _headers(packet: ipv6.Packet, hops: tuple[bytes, ...], reference: bytes) -> tuple[Header, ...]:
    """Source routes first, one for each run of hops that are cut alike, then the packet information (section 4)."""
    found: list[Header] = []
    for hop in hops:
        short = cut(hop, reference) or hop[15:]
        last = found[-1] if found else None
        if isinstance(last, sixlorh.SourceRoute) and len(last.hops[0]) == len(short) and len(last.hops) < 32:
            found[-1] = sixlorh.SourceRoute((*last.hops, short))
        else:
            found.append(sixlorh.SourceRoute((short,)))
        reference = hop
    rpi = packet.rpi
    if rpi is not None and any(map(_is_rpl, packet.headers)):
        found.append(PacketInformation(rpi.instance, rpi.sender_rank, rpi.flags))
    return tuple(found)


def cut(address: bytes, reference: bytes) -> bytes:
    """The last 1, 2, 4, 8 or 16 octets of an address that ``reference`` does not give; none where they are equal."""
    if address == reference:
        return b""
    octets = next(n for n in (1, 2, 4, 8, 16) if address[: 16 - n] == reference[: 16 - n])
    return address[16 - octets :]
