"""DHCPv6 (RFC 8415), both directions: how a Wi-SUN node gets its global address, directly or over a relay.

Messages travel over UDP port 546 (client) and 547 (server, relay). Times in options are seconds unless named otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

from bench.air.broken import Broken, first_trouble
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip.packet import text
from bench.air.ip.udp import DHCPV6_CLIENT_PORT, DHCPV6_SERVER_PORT, Udp
from bench.air.layout import Kind, Plain, plain, rest, u16, u32
from bench.air.octets import Reader, counted

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


@plain("dhcpv6.duid", "Client")
class ClientId(Plain):
    """Option 1: the client's DUID."""

    CODE: ClassVar[int] = 1
    duid: bytes = rest()


@plain("dhcpv6.duid", "Server")
class ServerId(Plain):
    """Option 2: the server's DUID."""

    CODE: ClassVar[int] = 2
    duid: bytes = rest()


@frozen
class IaNa:
    """Option 3: identity association for non-temporary addresses; ``t1_s``, ``t2_s`` are renewal times."""

    CODE: ClassVar[int] = 3
    iaid: int
    t1_s: int = 0
    t2_s: int = 0
    options: tuple[Option, ...] = ()


@frozen
class IaAddress:
    """Option 5: an assigned 16-octet address with its lifetimes in seconds."""

    CODE: ClassVar[int] = 5
    address: bytes
    preferred_s: int = 0xFFFFFFFF
    valid_s: int = 0xFFFFFFFF
    options: tuple[Option, ...] = ()


@plain("dhcpv6.elapsed", "Elapsed")
class ElapsedTime(Plain):
    """Option 8: since the client began, in hundredths of a second."""

    CODE: ClassVar[int] = 8
    centiseconds: int = u16("dhcpv6.elapsed_time", "Elapsed", unit="ms", shown=lambda centiseconds: 10 * centiseconds)


@frozen
class RelayMessage:
    """Option 9: the message that a relay carries."""

    CODE: ClassVar[int] = 9
    message: Message | Relay


def _readable(octets: bytes) -> str | None:
    return octets.decode("utf-8", "backslashreplace") or None


@plain("dhcpv6.status", "Status")
class StatusCode(Plain):
    """Option 13: 0 success, 2 no addresses available, ...; with a text in UTF-8."""

    CODE: ClassVar[int] = 13
    status: int = u16("dhcpv6.status_code", "Status")
    text: bytes = rest("dhcpv6.status_msg", "Text", default=b"", kind=Kind.TEXT, shown=_readable)


@plain("dhcpv6.rapid_commit", "Rapid commit")
class RapidCommit(Plain):
    """Option 14: two messages instead of four."""

    CODE: ClassVar[int] = 14


@plain("dhcpv6.vendoropts", "Vendor")
class VendorOptions(Plain):
    """Option 17: the vendor's enterprise number and its own option octets."""

    CODE: ClassVar[int] = 17
    enterprise: int = u32("dhcpv6.vendoropts.enterprise", "Enterprise")
    data: bytes = rest("dhcpv6.vendoropts.data", "Data", default=b"")


@frozen
class RawOption:
    """Any other option."""

    code: int
    data: bytes


_Plain: TypeAlias = ClientId | ServerId | ElapsedTime | StatusCode | RapidCommit | VendorOptions
_PLAIN: Final[Mapping[int, type[_Plain]]] = {
    kind.CODE: kind for kind in (ClientId, ServerId, ElapsedTime, StatusCode, RapidCommit, VendorOptions)
}
Option: TypeAlias = _Plain | IaNa | IaAddress | RelayMessage | RawOption | Broken


@frozen
class Message:
    """A message between client and server (section 8); ``transaction`` has 24 bits."""

    type: int
    transaction: int
    options: tuple[Option, ...] = ()


@frozen
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


def solicit(transaction: int, eui64: bytes) -> Message:
    """What a FAN node asks for its address with, to be answered at once (RFC 8415, 18.2.1); ``transaction`` 24 bits."""
    return Message(MessageType.SOLICIT, transaction, (ElapsedTime(0), ClientId(duid_of(eui64)), RapidCommit(), IaNa(0)))


def leased(message: Message | Relay) -> bytes | None:
    """The address (16 octets) that a reply gives its client, None where it gives none."""
    if not isinstance(message, Message) or message.type != MessageType.REPLY:
        return None
    given = (a.address for o in message.options if isinstance(o, IaNa) for a in _addresses(o))
    return next(given, None)


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
    """One message; options that cannot be read, or nest deeper than 8, are `Broken`. Raises `Malformed` before them."""
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
    """Options in order. One that cannot be read is `Broken`; where its length leads astray, so is the rest."""
    if depth > _DEEPEST and data:
        return (Broken(data, "DHCPv6: options nest too deep"),)
    options: list[Option] = []
    at = 0
    while at < len(data):
        code, length = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        start, end = at + 4, at + 4 + length
        if end > len(data):
            wanted = counted(length) + " wanted" if start <= len(data) else "no length"
            options.append(Broken(data[at:], f"DHCPv6 option {code}: {wanted}, {max(len(data) - start, 0)} left"))
            break
        try:
            options.append(_parse_option(code, data[start:end], depth + 1))
        except Malformed as error:
            options.append(Broken(data[at:end], str(error)))
        at = end
    return tuple(options)


def trouble(message: Message | Relay) -> str:
    """What is wrong in the first of its options that breaks, however deep it is nested; "" where none does."""
    return _trouble(message.options)


def _trouble(options: Iterable[Option]) -> str:
    for option in options:
        nested = option.message.options if isinstance(option, RelayMessage) else getattr(option, "options", ())
        found = first_trouble((option,)) or _trouble(nested)
        if found:
            return found
    return ""


def _parse_option(code: int, data: bytes, depth: int) -> Option:
    if code in _PLAIN:
        return _PLAIN[code].decode(data)
    reader = Reader(data, f"DHCPv6 option {code}")
    match code:
        case IaNa.CODE:
            return IaNa(reader.u32(), reader.u32(), reader.u32(), _parse_options(reader.rest(), depth))
        case IaAddress.CODE:
            return IaAddress(reader.take(16), reader.u32(), reader.u32(), _parse_options(reader.rest(), depth))
        case RelayMessage.CODE:
            return RelayMessage(_parse(data, depth))
        case _:
            return RawOption(code, data)


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(_build_option, options))


def _build_option(option: Option) -> bytes:
    if isinstance(option, Broken):
        return option.octets
    content = _content(option)
    code = option.code if isinstance(option, RawOption) else option.CODE
    return code.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content


def _content(option: _Plain | IaNa | IaAddress | RelayMessage | RawOption) -> bytes:
    match option:
        case IaNa():
            numbers = (option.iaid, option.t1_s, option.t2_s)
            return b"".join(n.to_bytes(4, "big") for n in numbers) + build_options(option.options)
        case IaAddress():
            times = option.preferred_s.to_bytes(4, "big") + option.valid_s.to_bytes(4, "big")
            return option.address + times + build_options(option.options)
        case RelayMessage():
            return build(option.message)
        case RawOption():
            return option.data
        case _:
            return option.encode()


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
