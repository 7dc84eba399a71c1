"""ICMPv6 (RFC 4443): dispatch to neighbour discovery and RPL, and the echo that explains reachability.

``build`` leaves the checksum zero: it covers the IPv6 addresses, so :mod:`bench.air.ip.packet` fills it in.
"""

from __future__ import annotations

from typing import ClassVar, Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.ip import nd
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.octets import Reader
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.secured import Secured

PROTOCOL: Final = 58
"""IPv6 next-header value."""
HEADER_OCTETS: Final = 4
KIND_OCTETS: Final = 2
"""Type and code."""


@frozen
class EchoRequest:
    """RFC 4443, 4.1: ``identifier`` and ``sequence`` of 16 bits."""

    TYPE: ClassVar[int] = 128
    identifier: int
    sequence: int
    data: bytes = b""


@frozen
class EchoReply:
    """RFC 4443, 4.2: repeats the three fields of the request."""

    TYPE: ClassVar[int] = 129
    identifier: int
    sequence: int
    data: bytes = b""


@frozen
class RawMessage:
    """Any other message: errors (``body`` begins with 4 octets, then the invoking packet, cut), multicast listeners."""

    type: int
    code: int
    body: bytes


Message: TypeAlias = (
    EchoRequest
    | EchoReply
    | nd.Message
    | DuplicateAddress
    | rpl.Message
    | rpl_dco.Message
    | rpl_p2p.Message
    | Secured
    | RawMessage
)


def parse(data: bytes) -> Message:
    """The message in ``data``, which begins with type, code, checksum; raises :class:`bench.air.errors.Malformed`."""
    reader = Reader(data, "ICMPv6")
    kind, code, _checksum = reader.u8(), reader.u8(), reader.u16()
    body = reader.rest()
    if kind == rpl.ICMPV6_TYPE and code in rpl.MESSAGES:
        return rpl.MESSAGES[code](body)
    if kind == rpl.ICMPV6_TYPE and code in rpl_dco.MESSAGES:
        return rpl_dco.MESSAGES[code](body)
    if kind == rpl.ICMPV6_TYPE and code in rpl_p2p.MESSAGES:
        return rpl_p2p.MESSAGES[code](body)
    if kind == rpl.ICMPV6_TYPE and code in Secured.CODES:
        return Secured.decode(code, body)
    if code == 0 and kind in nd.MESSAGES:
        return nd.MESSAGES[kind](body)
    if kind in (DuplicateAddress.REQUEST, DuplicateAddress.CONFIRMATION):
        return DuplicateAddress.decode(kind, code, body)
    if code == 0 and kind in (EchoRequest.TYPE, EchoReply.TYPE):
        echo = Reader(body, "ICMPv6 echo")
        return (EchoRequest if kind == EchoRequest.TYPE else EchoReply)(echo.u16(), echo.u16(), echo.rest())
    return RawMessage(kind, code, body)


def build(message: Message) -> bytes:
    """Type, code, a zero checksum and the body of ``message``."""
    match message:
        case EchoRequest() | EchoReply():
            numbers = message.identifier.to_bytes(2, "big") + message.sequence.to_bytes(2, "big")
            return bytes((message.TYPE, 0, 0, 0)) + numbers + message.data
        case RawMessage():
            return bytes((message.type, message.code, 0, 0)) + message.body
        case rpl.Dis() | rpl.Dio() | rpl.Dao() | rpl.DaoAck():
            return bytes((rpl.ICMPV6_TYPE, message.CODE, 0, 0)) + message.encode()
        case rpl_dco.Dco() | rpl_dco.DcoAck() | rpl_p2p.Dro() | rpl_p2p.DroAck():
            return bytes((rpl.ICMPV6_TYPE, message.CODE, 0, 0)) + message.encode()
        case Secured():
            return bytes((rpl.ICMPV6_TYPE, message.code, 0, 0)) + message.encode()
        case DuplicateAddress():
            return bytes((message.type, message.code, 0, 0)) + message.encode()
        case _:
            return bytes((message.TYPE, 0, 0, 0)) + message.encode()
