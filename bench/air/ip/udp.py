"""UDP (RFC 768) as it stands in an IPv6 packet; the checksum is filled in by :mod:`bench.air.ip.packet`."""

from __future__ import annotations

from typing import Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

PROTOCOL: Final = 17
"""IPv6 next-header value."""
HEADER_OCTETS: Final = 8
PORTS_OCTETS: Final = 4
DHCPV6_CLIENT_PORT: Final = 546
DHCPV6_SERVER_PORT: Final = 547
"""RFC 8415, 7.2."""
PANA_PORT: Final = 716
"""RFC 5191, 10."""
ECHONET_PORT: Final = 3610
"""ECHONET Lite specification, part 2."""
COAP_PORT: Final = 5683
"""RFC 7252, 12.8."""


@frozen
class Udp:
    """One UDP datagram: two ports of 16 bits and the octets between them."""

    src_port: int
    dst_port: int
    payload: bytes = b""


def parse(data: bytes) -> Udp:
    """The datagram in ``data``; a length field that does not count exactly ``data`` is :class:`Malformed`."""
    reader = Reader(data, "UDP")
    source, destination, length, _checksum = reader.u16(), reader.u16(), reader.u16(), reader.u16()
    if length != len(data):
        raise Malformed(f"UDP: length {length} in {counted(len(data))}")
    return Udp(source, destination, reader.rest())


def build(udp: Udp) -> bytes:
    """Header with a zero checksum, and payload."""
    length = HEADER_OCTETS + len(udp.payload)
    numbers = (udp.src_port, udp.dst_port, length, 0)
    return b"".join(number.to_bytes(2, "big") for number in numbers) + udp.payload
