"""Frames that repeat one thing as often as their octets allow: what an attacker sends to make a decoder slow.

Each family makes the PSDU of about ``octets`` octets; `HISTORIES` make frames that leave something behind, so that the
last one could cost more than the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import FragmentHeader
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.security import protect
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import recoverable
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.air.mac.ies import WISUN_GROUP, WISUN_HEADER_ID, Ie
from bench.air.mac.mpx import KMP, LOWPAN, Mpx, Transfer, encode_mpx
from bench.air.wisun import frames as wisun
from tests.fuzz.targets import DST, KEY, SRC, A, B

Family: TypeAlias = Callable[[int], bytes]


def _lowpan(payload: bytes) -> bytes:
    return encode_mac(wisun.data(A, B, payload, 7))


def _packet(upper: bytes | Udp | Packet, protocol: int = 59) -> bytes:
    """A packet as it is (dispatch 0x41), so that nothing of it is lost to compression."""
    made = Packet(SRC, DST, upper) if not isinstance(upper, bytes) else Packet(SRC, DST, upper, next_header=protocol)
    return b"\x41" + ipv6.build(made)


def _icmpv6(message: bytes) -> bytes:
    octets = message[:2] + b"\0\0" + message[2:]
    total = ipv6.checksum(SRC, DST, 58, octets)
    return _lowpan(_packet(octets[:2] + total.to_bytes(2, "big") + octets[4:], 58))


def _udp(port: int, payload: bytes) -> bytes:
    return _lowpan(_packet(Udp(port, port, payload)))


def _header(protocol: int, start: bytes, unit: bytes, octets: int) -> bytes:
    """An extension header whose content repeats ``unit``, filled up to whole units of 8 octets."""
    content = start + unit * ((octets - len(start)) // len(unit))
    content += bytes(-(len(content) + 2) % 8)
    return _lowpan(_packet(bytes((59, len(content) // 8)) + content, protocol))


def _elements(*ies: Ie) -> bytes:
    return encode_mac(attrs.evolve(wisun.data(A, B, b"", 7), payload_ies=ies))


def _eapol(kind: int, body: bytes) -> bytes:
    return encode_mac(wisun.eapol(A, B, 1, bytes((3, kind)) + len(body).to_bytes(2, "big") + body, 1))


def _tls(octets: bytes) -> bytes:
    return _eapol(0, b"\x01\x01" + (6 + len(octets)).to_bytes(2, "big") + b"\x0d\x00" + octets)


def _nested(inner: bytes, around: Callable[[bytes], bytes], octets: int) -> bytes:
    while len(inner) < octets:
        inner = around(inner)
    return inner


def _tunnel(inner: bytes) -> bytes:
    return ipv6.build(Packet(SRC, DST, inner, next_header=ipv6.IPV6))


def _relayed(inner: bytes) -> bytes:
    return b"\x0c\0" + bytes(32) + b"\0\x09" + len(inner).to_bytes(2, "big") + inner


def _pana(octets: int) -> bytes:
    avps = b"\0\x01\0\0\0\0\0\0" * (octets // 8)
    return b"\0\0" + (16 + len(avps)).to_bytes(2, "big") + b"\0\0\0\x01" + bytes(8) + avps


def _echonet(octets: int) -> bytes:
    count = min(255, octets // 2)
    return bytes.fromhex("1081000105ff01028801") + b"\x62" + bytes((count,)) + b"\x80\0" * count


def _key_data(octets: int) -> bytes:
    elements = b"\xdd\4\0\x0f\xac\1" * (octets // 6)
    return b"\x02\0\x88" + bytes(90) + len(elements).to_bytes(2, "big") + elements


FAMILIES: Final[Mapping[str, Family]] = {
    "a datagram": lambda n: _udp(1, bytes(n)),
    "Pad1 options": lambda n: _header(0, b"", b"\0", n),
    "empty options": lambda n: _header(0, b"", b"\5\0", n),
    "option headers": lambda n: _lowpan(_packet(bytes((60, 0, 1, 4, 0, 0, 0, 0)) * (n // 8), 60)),
    "compressed headers": lambda n: _lowpan(b"\x7e\x33" + b"\xe7\0" * (n // 2) + b"\xe6\x3b\0"),
    "compressed tunnels": lambda n: _lowpan(b"\x7e\x33" + b"\xee\x7e\x33" * (n // 3)),
    "tunnels": lambda n: _lowpan(b"\x41" + _nested(b"", _tunnel, n)),
    "a source route of one octet a hop": lambda n: _header(43, b"\3\0\xff\0\0\0", b"\1", n),
    "6LoRH": lambda n: _lowpan(b"\xf1" + b"\xa0\7" * (n // 2) + b"\x7b\x33\x3b"),
    "RPL Pad1": lambda n: _icmpv6(b"\x9b\0\0\0" + bytes(n)),
    "RPL targets": lambda n: _icmpv6(b"\x9b\2\0\0\0\0" + b"\5\2\0\0" * (n // 4)),
    "RPL metrics": lambda n: _icmpv6(b"\x9b\0\0\0" + (b"\2\x28" + b"\1\0\0\0" * 10) * (n // 42)),
    "ND options": lambda n: _icmpv6(b"\x87\0\0\0\0\0" + bytes(16) + b"\x63\1\0\0\0\0\0\0" * (n // 8)),
    "DHCPv6 options": lambda n: _udp(547, b"\1abc" + b"\0\xff\0\0" * (n // 4)),
    "DHCPv6 relays": lambda n: _udp(547, _nested(b"\1abc", _relayed, n)),
    "PANA AVPs": lambda n: _udp(716, _pana(n)),
    "CoAP options": lambda n: _udp(5683, b"\x40\1\0\1" + b"\x10" * n),
    "ECHONET properties": lambda n: _udp(3610, _echonet(n)),
    "nested elements": lambda n: _elements(Ie(WISUN_GROUP, b"\0\x20" * (n // 2))),
    "join metrics": lambda n: _elements(Ie(WISUN_GROUP, (b"\x29\x0a" + bytes(41)) * (n // 43))),
    "payload IEs": lambda n: _elements(*(Ie(1),) * (n // 2)),
    "MPX elements": lambda n: _elements(*(encode_mpx(Mpx(LOWPAN, b"\x41")),) * (n // 6)),
    "header IEs": lambda n: encode_mac(
        attrs.evolve(wisun.ack(wisun.data(A, B, b"", 7), A), header_ies=(Ie(WISUN_HEADER_ID, b"\x1f"),) * (n // 3))
    ),
    "TLS records": lambda n: _tls(b"\x17\3\1\0\0" * (n // 5)),
    "TLS handshakes": lambda n: _tls(b"\x16\3\1" + (n // 4 * 4).to_bytes(2, "big") + b"\1\0\0\0" * (n // 4)),
    "key data": lambda n: _eapol(3, _key_data(n)),
    "GHC zeros": lambda n: _lowpan(b"\x7e\x33\xdf" + b"\x8f" * n),
    "GHC copies": lambda n: _lowpan(b"\x7e\x33\xdf" + b"\xb0\xff" * (n // 2)),
    "a fragment": lambda n: _lowpan(b"\xe7\xff\0\1\0" + bytes(n // 8 * 8)),
}


def _ipv6_pieces(count: int) -> Sequence[bytes]:
    """Pieces with gaps between them, the newest first in every other place."""
    places = sorted(range(count), key=lambda place: (place % 2, place))
    headers = (FragmentHeader(7, 16 * place, True) for place in places)
    return [
        _lowpan(b"\x41" + ipv6.build(Packet(SRC, DST, b"12345678", headers=(header,), next_header=17)))
        for header in headers
    ]


def _mpx_pieces(count: int) -> Sequence[bytes]:
    first = Mpx(KMP, b"x", Transfer.FRAGMENT, 3, 0, 60000)
    rest = (Mpx(None, b"y", Transfer.FRAGMENT, 3, number) for number in range(1, min(count, 256)))
    return [_elements(encode_mpx(piece)) for piece in (first, *rest)]


def _flight(count: int) -> Sequence[bytes]:
    """Fragments of a TLS flight that never ends."""
    return [_eapol(0, b"\1" + bytes((number & 0xFF,)) + b"\0\x0a\x0d\x40abcd") for number in range(count)]


def _from_others(made: Callable[[bytes, int], bytes]) -> Callable[[int], Sequence[bytes]]:
    """The same frame from ever new senders."""
    return lambda count: [made(b"\x02" + number.to_bytes(7, "big"), number) for number in range(count)]


HISTORIES: Final[Mapping[str, Callable[[int], Sequence[bytes]]]] = {
    "pieces of an IPv6 packet": _ipv6_pieces,
    "pieces of an MPX transfer": _mpx_pieces,
    "recoverable fragments at ever other places": lambda count: [
        _lowpan(recoverable.build(recoverable.Fragment(7, 1 + place % 31, place, bytes(4)))) for place in range(count)
    ],
    "a TLS flight without end": _flight,
    "6LoWPAN fragments of many": _from_others(
        lambda src, n: encode_mac(wisun.data(src, B, b"\xe7\xff\0\1\0" + bytes(8), n & 0xFF))
    ),
    "recoverable fragments of many": _from_others(
        lambda src, n: encode_mac(
            wisun.data(src, B, recoverable.build(recoverable.Fragment(7, 1, 4, bytes(9))), n & 0xFF)
        )
    ),
    "MPX transfers of many": _from_others(
        lambda src, n: encode_mac(
            attrs.evolve(
                wisun.data(src, B, b"", 7),
                payload_ies=(encode_mpx(Mpx(KMP, b"x", Transfer.FRAGMENT, 3, 0, 60000)),),
            )
        )
    ),
    "secured frames of many": _from_others(lambda src, n: protect(wisun.data(src, B, b"\x41", 7), KEY, n, 1)),
    "TLS flights of many": _from_others(
        lambda src, n: encode_mac(wisun.eapol(src, B, 1, bytes.fromhex("0300000a0101000a0d4061626364"), 1))
    ),
    "pieces of many IPv6 packets": _from_others(
        lambda src, n: _lowpan(
            b"\x41" + ipv6.build(Packet(src + SRC[8:], DST, b"12345678", headers=(FragmentHeader(n, 0, True),)))
        )
    ),
    "associations of many": _from_others(
        lambda src, n: encode_mac(
            MacFrame(
                FrameType.COMMAND,
                1,
                n & 0xFF,
                0xABCD,
                src,
                src=B,
                pan_id_compression=True,
                payload=b"\2" + n.to_bytes(2, "little") + b"\0",
            )
        )
    ),
    "datagrams between many": _from_others(
        lambda src, n: encode_mac(wisun.data(A, B, lowpan.compress(ipv6.build(Packet(src * 2, DST)), A, B), 7))
    ),
    "links of many": _from_others(
        lambda src, n: encode_mac(wisun.data(src, B, lowpan.compress(ipv6.build(Packet(src * 2, DST)), src, B), 7))
    ),
    "datagrams of many on many links": _from_others(
        lambda src, n: encode_mac(
            wisun.data(bytes((2, n % 30)) + bytes(6), B, lowpan.compress(ipv6.build(Packet(src * 2, DST)), A, B), 7)
        )
    ),
    "network names of many": _from_others(lambda src, n: encode_mac(wisun.pas(src, f"name {n}"))),
    "handshakes of many": _from_others(
        lambda src, n: encode_mac(
            wisun.eapol(src, B, 1, b"\3\3" + b"\0\x5f\x02\1\x0a" + bytes(92), 1, authenticator=src)
        )
    ),
}
