"""CoAP (RFC 7252) over UDP port 5683, both directions: header, token, options in order, payload.

Options keep their value as octets (an integer may be sent with leading zeros), so building what was parsed gives the
same octets, as long as the sender wrote deltas and lengths in their shortest form, which RFC 7252 section 3.1 asks for.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip.udp import COAP_PORT
from bench.air.octets import Reader, counted, printable

PORT: Final = COAP_PORT
_PAYLOAD_MARKER: Final = 0xFF


class Type(IntEnum):
    """Message type, section 3."""

    CONFIRMABLE = 0
    NON_CONFIRMABLE = 1
    ACKNOWLEDGEMENT = 2
    RESET = 3


_TYPES: Final = {0: "CON", 1: "NON", 2: "ACK", 3: "RST"}


class OptionNumber(IntEnum):
    """Option numbers: RFC 7252 section 5.10; Observe RFC 7641, Block RFC 7959 and 9177, OSCORE RFC 8613, Hop-Limit
    RFC 8768, Echo and Request-Tag RFC 9175, No-Response RFC 7967."""

    IF_MATCH = 1
    URI_HOST = 3
    ETAG = 4
    IF_NONE_MATCH = 5
    OBSERVE = 6
    URI_PORT = 7
    LOCATION_PATH = 8
    OSCORE = 9
    URI_PATH = 11
    CONTENT_FORMAT = 12
    MAX_AGE = 14
    URI_QUERY = 15
    HOP_LIMIT = 16
    ACCEPT = 17
    Q_BLOCK1 = 19
    LOCATION_QUERY = 20
    BLOCK2 = 23
    BLOCK1 = 27
    SIZE2 = 28
    Q_BLOCK2 = 31
    PROXY_URI = 35
    PROXY_SCHEME = 39
    SIZE1 = 60
    ECHO = 252
    NO_RESPONSE = 258
    REQUEST_TAG = 292


_BLOCKS: Final = (OptionNumber.BLOCK1, OptionNumber.BLOCK2, OptionNumber.Q_BLOCK1, OptionNumber.Q_BLOCK2)
_METHODS: Final = {0: "empty", 1: "GET", 2: "POST", 3: "PUT", 4: "DELETE", 5: "FETCH", 6: "PATCH", 7: "iPATCH"}
_ANSWERS: Final = {
    0x41: "Created",
    0x42: "Deleted",
    0x43: "Valid",
    0x44: "Changed",
    0x45: "Content",
    0x5F: "Continue",
    0x80: "Bad Request",
    0x81: "Unauthorized",
    0x82: "Bad Option",
    0x83: "Forbidden",
    0x84: "Not Found",
    0x85: "Method Not Allowed",
    0x86: "Not Acceptable",
    0x88: "Request Entity Incomplete",
    0x89: "Conflict",
    0x8C: "Precondition Failed",
    0x8D: "Request Entity Too Large",
    0x8F: "Unsupported Content-Format",
    0x96: "Unprocessable Entity",
    0x9D: "Too Many Requests",
    0xA0: "Internal Server Error",
    0xA1: "Not Implemented",
    0xA2: "Bad Gateway",
    0xA3: "Service Unavailable",
    0xA4: "Gateway Timeout",
    0xA5: "Proxying Not Supported",
    0xA8: "Hop Limit Reached",
}


@frozen
class Block:
    """A block option's value (RFC 7959 section 2.2): which block of ``size`` octets, and whether more follow."""

    number: int
    more: bool
    size: int


@frozen
class Option:
    """One option: its absolute number and its value as sent."""

    number: int
    value: bytes = b""

    @property
    def name(self) -> str:
        """``Uri-Path``, ``Block2``; ``option 9999`` where unknown."""
        if self.number not in set(OptionNumber):
            return f"option {self.number}"
        return "-".join(word.capitalize() for word in OptionNumber(self.number).name.split("_"))

    @property
    def uint(self) -> int:
        """The value as an unsigned integer (section 3.2)."""
        return int.from_bytes(self.value, "big")

    @property
    def block(self) -> Block | None:
        """The value of a block option; None for another one, and where it is none: `trouble`."""
        if self.number not in _BLOCKS or self.trouble:
            return None
        return Block(self.uint >> 4, bool(self.uint & 8), 16 << (self.uint & 7))

    @property
    def trouble(self) -> str:
        """What is wrong with the value of a block option (at most 3 octets, size code not 7), "" where nothing is."""
        if self.number in _BLOCKS and (len(self.value) > 3 or self.uint & 7 == 7):
            return f"CoAP {self.name}: {self.value.hex()} is no block"
        return ""


@frozen
class Message:
    """One message; ``code`` as its octet (0x45 is 2.05), ``options`` in the order of their numbers.

    Where they cannot be read, what is left of the message is the last of them, `Broken`.

    ``payload`` is empty where there is none; an empty one cannot be sent (section 3: a marker must be followed).
    """

    type: int
    code: int
    message_id: int
    token: bytes = b""
    options: tuple[Option | Broken, ...] = ()
    payload: bytes = b""

    @property
    def code_name(self) -> str:
        """``GET``, ``2.05 Content``."""
        dotted = f"{self.code >> 5}.{self.code & 0x1F:02}"
        if self.code >> 5 == 0:
            return _METHODS.get(self.code, dotted)
        return f"{dotted} {_ANSWERS.get(self.code, '')}".rstrip()

    @property
    def path(self) -> str | None:
        """``/meter/index``, from the Uri-Path options; None where there are none."""
        parts = [option.value for option in self._read if option.number == OptionNumber.URI_PATH]
        return "".join(f"/{part.decode('utf-8', 'backslashreplace')}" for part in parts) if parts else None

    @property
    def blocks(self) -> tuple[tuple[str, Block], ...]:
        """The block options, by name."""
        return tuple((option.name, option.block) for option in self._read if option.block is not None)

    @property
    def _read(self) -> tuple[Option, ...]:
        return tuple(option for option in self.options if isinstance(option, Option))


def parse(data: bytes) -> Message:
    """The message in ``data``, its options as far as they go. Raises `Malformed` for header and token (RFC 7252
    section 3: format errors)."""
    reader = Reader(data, "CoAP")
    head, code, message_id = reader.u8(), reader.u8(), reader.u16()
    if head >> 6 != 1:
        raise Malformed(f"CoAP: version {head >> 6}")
    if head & 0x0F > 8:
        raise Malformed(f"CoAP: token of {counted(head & 0x0F)}")
    token = reader.take(head & 0x0F)
    if code == 0 and (token or reader.left):
        raise Malformed("CoAP: an empty message with content")
    options, payload = _parse_options(reader.rest())
    return Message(head >> 4 & 3, code, message_id, token, options, payload)


def _parse_options(data: bytes) -> tuple[tuple[Option | Broken, ...], bytes]:
    """Options, and the payload behind them. Each counts from the one before, so nothing behind a broken one is read."""
    reader = Reader(data, "CoAP option")
    options: list[Option | Broken] = []
    number = 0
    while reader.left:
        start = reader.at
        try:
            first = reader.u8()
            if first == _PAYLOAD_MARKER:
                if not reader.left:
                    raise Malformed("CoAP: a payload marker and no payload")
                return tuple(options), reader.rest()
            number += _extended(first >> 4, reader)
            if number > 0xFFFF:
                raise Malformed(f"CoAP: option number {number}")
            options.append(Option(number, reader.take(_extended(first & 0x0F, reader))))
        except Malformed as error:
            options.append(Broken(data[start:], str(error)))
            break
    return tuple(options), b""


def trouble(message: Message) -> str:
    """What is wrong with the first option that cannot be read, "" where all can."""
    return next((option.trouble for option in message.options if option.trouble), "")


def _extended(nibble: int, reader: Reader) -> int:
    """A delta or length of 4 bits, with 13 and 14 standing for one and two octets more (section 3.1)."""
    if nibble == 13:
        return 13 + reader.u8()
    if nibble == 14:
        return 269 + reader.u16()
    if nibble == 15:
        raise Malformed("CoAP: option delta or length 15 is reserved")
    return nibble


def build(message: Message) -> bytes:
    """The octets of a message. Raises ValueError for a token over 8 octets or options out of order."""
    if len(message.token) > 8:
        raise ValueError(f"a token has at most 8 octets, not {len(message.token)}")
    out = bytearray((0x40 | message.type << 4 | len(message.token), message.code))
    out += message.message_id.to_bytes(2, "big") + message.token
    last = 0
    for option in message.options:
        if isinstance(option, Broken):
            out += option.octets
            continue
        if option.number < last:
            raise ValueError(f"option {option.number} stands after {last}; options go by their numbers")
        delta, more_delta = _shortened(option.number - last)
        length, more_length = _shortened(len(option.value))
        out += bytes((delta << 4 | length,)) + more_delta + more_length + option.value
        last = option.number
    return bytes(out) + (bytes((_PAYLOAD_MARKER,)) + message.payload if message.payload else b"")


def _shortened(number: int) -> tuple[int, bytes]:
    """The nibble of a delta or length, and the octets that extend it."""
    if number < 13:
        return number, b""
    if number < 269:
        return 13, bytes((number - 13,))
    return 14, (number - 269).to_bytes(2, "big")


def block_option(number: OptionNumber, block: Block) -> Option:
    """The option that says ``block``; its size is a power of 2 from 16 to 1024. Raises ValueError."""
    if block.size not in (16, 32, 64, 128, 256, 512, 1024):
        raise ValueError(f"no block has {counted(block.size)}")
    value = block.number << 4 | block.more << 3 | (block.size.bit_length() - 5)
    return Option(number, value.to_bytes((value.bit_length() + 7) // 8, "big"))


def describe(message: Message) -> str:
    """One line: ``CoAP CON GET mid=0x7d34 token=20 /meter/index Block2=1/more/64``."""
    words = ["CoAP", _TYPES[message.type], message.code_name, f"mid={message.message_id:#06x}"]
    if message.token:
        words.append(f"token={message.token.hex()}")
    if message.path:
        words.append(printable(message.path))
    words += [f"{name}={b.number}/{'more' if b.more else 'last'}/{b.size}" for name, b in message.blocks]
    if message.payload:
        words.append(f"len={len(message.payload)}")
    return " ".join(words)
