"""DHCPv6 (RFC 8415), both directions: how a Wi-SUN node gets its global address, directly or over a relay.

Messages travel over UDP port 546 (client) and 547 (server, relay). Times in options are seconds unless named otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.ipv6 import text
from bench.air.octets import Reader
from bench.air.udp import DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT, Udp

CLIENT_PORT: Final = DHCPV6_CLIENT_PORT
SERVER_PORT: Final = DHCPV6_SERVER_PORT
_DEEPEST: Final = 8  # relays and identity associations nest; RFC 8415 7.6 limits relay hops to 8


class MessageType(IntEnum):
    """RFC 8415, 7.3."""

    SOLICIT = 1
    ADVERTISE = 2
    REQUEST = 3
    CONFIRM = 4
    RENEW = 5
    REBIND = 6
    REPLY = 7
    RELEASE = 8
    DECLINE = 9
    RECONFIGURE = 10
    INFORMATION_REQUEST = 11
    RELAY_FORWARD = 12
    RELAY_REPLY = 13


@attrs.frozen(slots=True)
class ClientId:
    """Option 1: the client's DUID."""

    CODE: ClassVar[int] = 1
    duid: bytes


@attrs.frozen(slots=True)
class ServerId:
    """Option 2: the server's DUID."""

    CODE: ClassVar[int] = 2
    duid: bytes


@attrs.frozen(slots=True)
class IaNa:
    """Option 3: identity association for non-temporary addresses; ``t1_s``, ``t2_s`` are renewal times."""

    CODE: ClassVar[int] = 3
    iaid: int
    t1_s: int = 0
    t2_s: int = 0
    options: tuple[Option, ...] = ()


@attrs.frozen(slots=True)
class IaAddress:
    """Option 5: an assigned 16-octet address with its lifetimes in seconds."""

    CODE: ClassVar[int] = 5
    address: bytes
    preferred_s: int = 0xFFFFFFFF
    valid_s: int = 0xFFFFFFFF
    options: tuple[Option, ...] = ()


@attrs.frozen(slots=True)
class ElapsedTime:
    """Option 8: since the client began, in hundredths of a second."""

    CODE: ClassVar[int] = 8
    centiseconds: int


@attrs.frozen(slots=True)
class RelayMessage:
    """Option 9: the message that a relay carries."""

    CODE: ClassVar[int] = 9
    message: Message | Relay


@attrs.frozen(slots=True)
class StatusCode:
    """Option 13: 0 success, 2 no addresses available, ...; with a text in UTF-8."""

    CODE: ClassVar[int] = 13
    status: int
    text: bytes = b""


@attrs.frozen(slots=True)
class RapidCommit:
    """Option 14: two messages instead of four."""

    CODE: ClassVar[int] = 14


@attrs.frozen(slots=True)
class VendorOptions:
    """Option 17: the vendor's enterprise number and its own option octets."""

    CODE: ClassVar[int] = 17
    enterprise: int
    data: bytes = b""


@attrs.frozen(slots=True)
class RawOption:
    """Any other option."""

    code: int
    data: bytes


Option: TypeAlias = (
    ClientId
    | ServerId
    | IaNa
    | IaAddress
    | ElapsedTime
    | RelayMessage
    | StatusCode
    | RapidCommit
    | VendorOptions
    | RawOption
)


@attrs.frozen(slots=True)
class Message:
    """A message between client and server (section 8); ``transaction`` has 24 bits."""

    type: int
    transaction: int
    options: tuple[Option, ...] = ()


@attrs.frozen(slots=True)
class Relay:
    """A relay-forward or relay-reply (section 9): 16-octet ``link`` and ``peer`` addresses."""

    type: int
    hops: int
    link: bytes
    peer: bytes
    options: tuple[Option, ...] = ()

    @property
    def message(self) -> Message | Relay | None:
        """What is relayed, None where the option is missing."""
        return next((o.message for o in self.options if isinstance(o, RelayMessage)), None)


def duid_of(eui64: bytes, hardware: int = 27) -> bytes:
    """A link-layer DUID (11.4); hardware type 27 is EUI-64 in the registry, and some stacks send 6 (IEEE 802)."""
    return b"\x00\x03" + hardware.to_bytes(2, "big") + eui64


def eui64_of(duid: bytes) -> bytes | None:
    """The EUI-64 in a link-layer DUID, None for another kind."""
    return duid[4:] if len(duid) == 12 and duid[:2] == b"\x00\x03" else None


def innermost(message: Message | Relay) -> Message | Relay:
    """The client's or server's message within any number of relays."""
    while isinstance(message, Relay) and message.message is not None:
        message = message.message
    return message


def of(udp: Udp) -> Message | Relay | None:
    """The message in a UDP datagram to or from a DHCPv6 port, else None; raises :class:`Malformed`."""
    if {udp.src_port, udp.dst_port} & {CLIENT_PORT, SERVER_PORT}:
        return parse(udp.payload)
    return None


def parse(data: bytes) -> Message | Relay:
    """One message; raises :class:`Malformed`, also where options nest deeper than 8."""
    return _parse(data, 0)


def build(message: Message | Relay) -> bytes:
    """The UDP payload."""
    if isinstance(message, Relay):
        return bytes((message.type, message.hops)) + message.link + message.peer + build_options(message.options)
    return bytes((message.type,)) + message.transaction.to_bytes(3, "big") + build_options(message.options)


def _parse(data: bytes, depth: int) -> Message | Relay:
    reader = Reader(data, "DHCPv6")
    kind = reader.u8()
    if kind in (MessageType.RELAY_FORWARD, MessageType.RELAY_REPLY):
        hops, link, peer = reader.u8(), reader.take(16), reader.take(16)
        return Relay(kind, hops, link, peer, _parse_options(reader.rest(), depth))
    return Message(kind, reader.uint(3), _parse_options(reader.rest(), depth))


def _parse_options(data: bytes, depth: int) -> tuple[Option, ...]:
    if depth > _DEEPEST:
        raise Malformed("DHCPv6: options nest too deep")
    reader = Reader(data, "DHCPv6 option")
    options = []
    while reader.left:
        code = reader.u16()
        options.append(_parse_option(code, reader.take(reader.u16()), depth + 1))
    return tuple(options)


def _parse_option(code: int, data: bytes, depth: int) -> Option:
    reader = Reader(data, f"DHCPv6 option {code}")
    option: Option
    match code:
        case ClientId.CODE:
            option = ClientId(reader.rest())
        case ServerId.CODE:
            option = ServerId(reader.rest())
        case IaNa.CODE:
            option = IaNa(reader.u32(), reader.u32(), reader.u32(), _parse_options(reader.rest(), depth))
        case IaAddress.CODE:
            option = IaAddress(reader.take(16), reader.u32(), reader.u32(), _parse_options(reader.rest(), depth))
        case ElapsedTime.CODE:
            option = ElapsedTime(reader.u16())
        case RelayMessage.CODE:
            option = RelayMessage(_parse(reader.rest(), depth))
        case StatusCode.CODE:
            option = StatusCode(reader.u16(), reader.rest())
        case RapidCommit.CODE:
            option = RapidCommit()
        case VendorOptions.CODE:
            option = VendorOptions(reader.u32(), reader.rest())
        case _:
            option = RawOption(code, reader.rest())
    reader.done()
    return option


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(_build_option, options))


def _build_option(option: Option) -> bytes:
    content = _content(option)
    code = option.code if isinstance(option, RawOption) else option.CODE
    return code.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def _content(option: Option) -> bytes:
    match option:
        case ClientId(duid=duid) | ServerId(duid=duid):
            return duid
        case IaNa():
            numbers = (option.iaid, option.t1_s, option.t2_s)
            return b"".join(n.to_bytes(4, "big") for n in numbers) + build_options(option.options)
        case IaAddress():
            times = option.preferred_s.to_bytes(4, "big") + option.valid_s.to_bytes(4, "big")
            return option.address + times + build_options(option.options)
        case ElapsedTime():
            return option.centiseconds.to_bytes(2, "big")
        case RelayMessage():
            return build(option.message)
        case StatusCode():
            return option.status.to_bytes(2, "big") + option.text
        case RapidCommit():
            return b""
        case VendorOptions():
            return option.enterprise.to_bytes(4, "big") + option.data
        case RawOption():
            return option.data


def describe(message: Message | Relay) -> str:
    """One line: ``DHCPv6 Relay-reply peer=fe80::1: DHCPv6 Reply xid=0x00000a address=fd00::2``."""
    name = _name(message.type)
    if isinstance(message, Relay):
        inside = f": {describe(message.message)}" if message.message is not None else ""
        return f"DHCPv6 {name} peer={text(message.peer)}{inside}"
    given = (a.address for o in message.options if isinstance(o, IaNa) for a in _addresses(o))
    return " ".join((f"DHCPv6 {name} xid={message.transaction:#08x}", *(f"address={text(a)}" for a in given)))


def _addresses(association: IaNa) -> list[IaAddress]:
    return [option for option in association.options if isinstance(option, IaAddress)]


def _name(number: int) -> str:
    try:
        return MessageType(number).name.replace("_", "-").capitalize()
    except ValueError:
        return f"type {number}"
