"""Captures of a network on which sniffers send frames in UDP datagrams: the way from Ethernet or raw IP to the payload.

Read are Ethernet (1, VLAN tags too), raw IP (101, 228, 229), loopback of BSD and macOS (0, 108) and Linux cooked
captures (113, 276); IPv4 and IPv6. A fragment of an IP packet carries no whole datagram and is passed over, as is all
that is not UDP.
"""

from __future__ import annotations

from typing import Final

from bench.air.errors import Malformed
from bench.air.octets import Reader

LOOPBACK, OPENBSD_LOOPBACK = 0, 108
ETHERNET, RAW_IP, LINUX_COOKED, RAW_IPV4, RAW_IPV6, LINUX_COOKED_2 = 1, 101, 113, 228, 229, 276
LINK_TYPES: Final = frozenset(
    {LOOPBACK, ETHERNET, RAW_IP, OPENBSD_LOOPBACK, LINUX_COOKED, RAW_IPV4, RAW_IPV6, LINUX_COOKED_2}
)

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLANS: Final = frozenset({0x8100, 0x88A8})
_UDP: Final = 17
_SKIPPED: Final = frozenset({0, 43, 60})
"""IPv6 extension headers that say nothing about the payload: hop-by-hop, routing, destination options."""


def udp_payload(link_type: int, packet: bytes, port: int) -> bytes | None:
    """Payload of a whole UDP datagram from or to ``port`` in a packet of a link type of `LINK_TYPES`, else None.

    What the capture cut off is missing at its end."""
    try:
        reader = Reader(packet, "packet")
        kind = _ether_type(link_type, reader)
        octets = reader.rest()
        if kind == _IPV6 or (kind is None and octets[:1] and octets[0] >> 4 == 6):
            datagram = _ipv6(octets)
        elif kind in (_IPV4, None):
            datagram = _ipv4(octets)
        else:
            return None
        if datagram is None:
            return None
        udp = Reader(datagram, "UDP")
        ports, length = (udp.u16(), udp.u16()), udp.u16()
        udp.u16()
        return udp.take(min(udp.left, length - 8)) if port in ports else None
    except Malformed:
        return None


def _ether_type(link_type: int, reader: Reader) -> int | None:
    """The packet's EtherType; None where its first octet tells the IP version."""
    if link_type == ETHERNET:
        reader.take(12)
    elif link_type == LINUX_COOKED:
        reader.take(14)
    elif link_type == LINUX_COOKED_2:
        kind = reader.u16()
        reader.take(18)
        return kind
    elif link_type in (LOOPBACK, OPENBSD_LOOPBACK):
        reader.take(4)  # the address family by the numbers of the host that captured
        return None
    else:
        return None
    kind = reader.u16()
    while kind in _VLANS:
        reader.u16()
        kind = reader.u16()
    return kind


def _ipv4(octets: bytes) -> bytes | None:
    reader = Reader(octets, "IPv4")
    first, _, length = reader.u8(), reader.u8(), reader.u16()
    reader.u16()
    fragment = reader.u16()
    reader.u8()
    protocol = reader.u8()
    if first >> 4 != 4 or fragment & 0x3FFF or protocol != _UDP:
        return None
    reader.take(10 + 4 * (first & 0xF) - 20)
    # Ethernet fills short packets up, so the header's length counts; 0 is left by hardware that fills it in later.
    return reader.take(min(reader.left, length - reader.at)) if length else reader.rest()


def _ipv6(octets: bytes) -> bytes | None:
    reader = Reader(octets, "IPv6")
    reader.u32()
    length, protocol = reader.u16(), reader.u8()
    reader.take(33)
    body = Reader(reader.take(min(reader.left, length)), "IPv6 payload")
    while protocol in _SKIPPED:
        protocol, more = body.u8(), body.u8()
        body.take(6 + 8 * more)
    return body.rest() if protocol == _UDP else None
