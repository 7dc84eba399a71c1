"""PANA (RFC 5191): how a HAN terminal authenticates itself to its meter, on UDP port 716; both directions.

A message is a header and attribute-value pairs. An `Avp` keeps its value as octets, so that building what was parsed
gives the same octets (reserved fields and padding are sent as zero and not looked at, as section 6 asks); what the
known ones mean is read through `Message`. A relay between the two (RFC 6345, the
enhanced HAN's relaying terminals) carries a whole message in one AVP: :attr:`Message.relayed`.

HAN authenticates with EAP-PSK (type 47) and protects messages with HMAC-SHA2-256-128 (`authentication`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Final, TypeVar

import attrs

from bench.air.broken import Broken, first_trouble
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip.udp import PANA_PORT
from bench.air.keys.eapol import Eap, decode_eap
from bench.air.keys.words import eap as eap_words
from bench.air.octets import Reader, counted

PORT: Final = PANA_PORT
HEADER_OCTETS: Final = 16
AUTH_OCTETS: Final = 16
EAP_PSK: Final = 47

N = TypeVar("N", bound=IntEnum)
T = TypeVar("T")


class MessageType(IntEnum):
    """RFC 5191 section 7, RFC 6345 section 3; a request and its answer differ in the R flag only."""

    CLIENT_INITIATION = 1
    AUTH = 2
    TERMINATION = 3
    NOTIFICATION = 4
    RELAY = 5


class Flag(IntEnum):
    """Flags of the header, RFC 5191 section 6.2."""

    REQUEST = 0x8000
    START = 0x4000
    COMPLETE = 0x2000
    RE_AUTHENTICATION = 0x1000
    PING = 0x0800
    IP_RECONFIGURATION = 0x0400


class Code(IntEnum):
    """AVP codes of vendor 0: RFC 5191 section 8, RFC 6345 section 5, RFC 6786 section 4."""

    AUTH = 1
    EAP_PAYLOAD = 2
    INTEGRITY_ALGORITHM = 3
    KEY_ID = 4
    NONCE = 5
    PRF_ALGORITHM = 6
    RESULT_CODE = 7
    SESSION_LIFETIME = 8
    TERMINATION_CAUSE = 9
    PAC_INFORMATION = 10
    RELAYED_MESSAGE = 11
    ENCRYPTION_ENCAPSULATION = 12
    ENCRYPTION_ALGORITHM = 13


class Result(IntEnum):
    """Result-Code, RFC 5191 section 8.7."""

    SUCCESS = 0
    AUTHENTICATION_REJECTED = 1
    AUTHORIZATION_REJECTED = 2


class Cause(IntEnum):
    """Termination-Cause, RFC 5191 section 8.9."""

    LOGOUT = 1
    ADMINISTRATIVE = 4
    SESSION_TIMEOUT = 8


class Integrity(IntEnum):
    """Integrity-Algorithm: the authentication transforms of IKEv2 that PANA stacks name."""

    HMAC_SHA1_160 = 7
    HMAC_SHA2_256_128 = 12


class Prf(IntEnum):
    """PRF-Algorithm: the pseudo-random functions of IKEv2."""

    HMAC_SHA1 = 2
    AES128_XCBC = 4
    HMAC_SHA2_256 = 5


@frozen
class Avp:
    """One attribute-value pair, RFC 5191 section 6.3; ``vendor`` is None where the V flag is clear.

    ``value`` stands without the padding that fills it up to a multiple of 4 octets on the wire.
    """

    code: int
    value: bytes = b""
    vendor: int | None = None

    @property
    def name(self) -> str:
        """``Result-Code``, or ``AVP 200`` where unknown."""
        if self.vendor is not None:
            return f"AVP {self.code} of vendor {self.vendor}"
        return _name(Code, self.code, "AVP ")

    @property
    def number(self) -> int:
        """The value of an Unsigned32 or Enumerated AVP. Raises `Malformed`."""
        if len(self.value) != 4:
            raise Malformed(f"PANA {self.name}: 4 octets wanted, {len(self.value)} there")
        return int.from_bytes(self.value, "big")


@frozen
class PacInformation:
    """Whom a relay speaks for: the client's IPv6 address (16 octets) and UDP port (RFC 6345 section 5.1)."""

    address: bytes
    port: int


@frozen
class Message:
    """One PANA message; ``flags`` are those of `Flag` as a number, ``sequence`` and ``session`` 32 bits each.

    ``avps`` ends in a `Broken` where one cannot be read. ``length`` is the length field as sent where it does not count
    the message, else None. The properties give the value of the first AVP of their kind, None where there is none, or
    it does not have its format: :func:`trouble`.
    """

    type: int
    flags: int = 0
    session: int = 0
    sequence: int = 0
    avps: tuple[Avp | Broken, ...] = ()
    length: int | None = None

    @property
    def request(self) -> bool:
        """The R flag."""
        return bool(self.flags & Flag.REQUEST)

    @property
    def name(self) -> str:
        """``Auth-Request``, ``Termination-Answer``, ``Client-Initiation``, ``Relay``."""
        name = _name(MessageType, self.type, "type ")
        if self.type in (MessageType.CLIENT_INITIATION, MessageType.RELAY):
            return name
        return f"{name}-{'Request' if self.request else 'Answer'}"

    def avp(self, code: int, vendor: int | None = None) -> Avp | None:
        """The first AVP of that code, of the IETF's or of a vendor's."""
        read = (avp for avp in self.avps if isinstance(avp, Avp))
        return next((avp for avp in read if (avp.code, avp.vendor) == (code, vendor)), None)

    def _read(self, code: Code, read: Callable[[Avp], T]) -> T | None:
        """What the first AVP of that code says, None where it has not the format."""
        avp = self.avp(code)
        try:
            return None if avp is None else read(avp)
        except Malformed:
            return None

    def _number(self, code: Code) -> int | None:
        return self._read(code, lambda avp: avp.number)

    @property
    def result(self) -> int | None:
        """`Result` as a number."""
        return self._number(Code.RESULT_CODE)

    @property
    def session_lifetime_s(self) -> int | None:
        """Seconds for which the session is authorised."""
        return self._number(Code.SESSION_LIFETIME)

    @property
    def termination_cause(self) -> int | None:
        """`Cause` as a number."""
        return self._number(Code.TERMINATION_CAUSE)

    @property
    def key_id(self) -> int | None:
        """Which MSK the session's keys come from."""
        return self._number(Code.KEY_ID)

    @property
    def nonce(self) -> bytes | None:
        """PaC's or PAA's nonce, 8 to 256 octets."""
        avp = self.avp(Code.NONCE)
        return None if avp is None else avp.value

    @property
    def auth(self) -> bytes | None:
        """The message's keyed hash."""
        avp = self.avp(Code.AUTH)
        return None if avp is None else avp.value

    @property
    def eap(self) -> Eap | None:
        """The EAP packet carried."""
        return self._read(Code.EAP_PAYLOAD, _eap)

    @property
    def pac_information(self) -> PacInformation | None:
        """Whom a relay speaks for."""
        return self._read(Code.PAC_INFORMATION, _pac_information)

    @property
    def relayed(self) -> Message | None:
        """The message that a relay carries."""
        return self._read(Code.RELAYED_MESSAGE, _relayed) if self.type == MessageType.RELAY else None


_NUMBERS: Final = (
    Code.INTEGRITY_ALGORITHM,
    Code.KEY_ID,
    Code.PRF_ALGORITHM,
    Code.RESULT_CODE,
    Code.SESSION_LIFETIME,
    Code.TERMINATION_CAUSE,
    Code.ENCRYPTION_ALGORITHM,
)
_SPELLINGS: Final = {"Eap": "EAP", "Pac": "PaC", "Prf": "PRF", "Id": "ID", "Ip": "IP", "Re": "Re"}


def _name(names: type[IntEnum], number: int, otherwise: str) -> str:
    """A member's name as the RFC spells it; ``otherwise`` and the number where there is none."""
    if number not in set(names):
        return f"{otherwise}{number}"
    words = names(number).name.title().split("_")
    return "-".join(_SPELLINGS.get(word, word) for word in words)


def named(names: type[N], number: int) -> str:
    """``AUTHENTICATION_REJECTED`` for 1 of `Result`; the number itself where the RFCs name none."""
    return names(number).name if number in set(names) else str(number)


def parse(data: bytes) -> Message:
    """The message in ``data``, its AVPs as far as they go. Raises `Malformed` for the header."""
    return _parse(data, relayed=False)


def _parse(data: bytes, *, relayed: bool) -> Message:
    reader = Reader(data, "PANA")
    _reserved, length, flags, kind = reader.u16(), reader.u16(), reader.u16(), reader.u16()
    if relayed and kind == MessageType.RELAY:
        raise Malformed("PANA: a relay within a relay")
    session, sequence = reader.u32(), reader.u32()
    avps = _parse_avps(data[HEADER_OCTETS:])
    return Message(kind, flags, session, sequence, avps, None if length == len(data) else length)


def _parse_avps(data: bytes) -> tuple[Avp | Broken, ...]:
    reader = Reader(data, "PANA AVP")
    avps: list[Avp | Broken] = []
    while reader.left:
        start = reader.at
        try:
            avps.append(_parse_avp(reader))
        except Malformed as error:
            avps.append(Broken(data[start:], str(error)))
            break
    return tuple(avps)


def trouble(message: Message) -> str:
    """What is wrong in a message: its length, the first AVP that cannot be read or has not its format, in the order of
    the message and in the one it relays; "" where nothing is."""
    if message.length is not None:
        octets = attrs.evolve(message, length=None)
        return f"PANA: length {message.length} in {counted(len(build(octets)))}"
    for avp in message.avps:
        found = first_trouble((avp,)) if isinstance(avp, Broken) else _trouble_of(avp, message)
        if found:
            return found
    return ""


def _trouble_of(avp: Avp, message: Message) -> str:
    """What is wrong with the value of an AVP that is known here."""
    if avp.code == Code.RELAYED_MESSAGE and avp.vendor is None and message.type != MessageType.RELAY:
        return f"PANA: a relayed message in {message.name}"
    try:
        found = read(avp)
    except Malformed as error:
        return str(error)
    return trouble(found) if isinstance(found, Message) else ""


def read(avp: Avp) -> object:
    """What the value of an AVP known here says: a number, `Eap`, `PacInformation` or the relayed `Message`; None of
    another one. Raises `Malformed` where it has not the format."""
    reading = _FORMATS.get(avp.code) if avp.vendor is None else None
    return None if reading is None else reading(avp)


def _eap(avp: Avp) -> Eap:
    return decode_eap(avp.value)


def _pac_information(avp: Avp) -> PacInformation:
    reader = Reader(avp.value, "PANA PaC-Information")
    found = PacInformation(reader.take(16), reader.u16())
    reader.done()
    return found


def _relayed(avp: Avp) -> Message:
    return _parse(avp.value, relayed=True)


_FORMATS: Final[Mapping[int, Callable[[Avp], object]]] = {
    **{code: lambda avp: avp.number for code in _NUMBERS},
    Code.EAP_PAYLOAD: _eap,
    Code.PAC_INFORMATION: _pac_information,
    Code.RELAYED_MESSAGE: _relayed,
}
"""What reads the values of known AVPs, by code. Each raises `Malformed`."""


def _parse_avp(reader: Reader) -> Avp:
    code, flags, length, _reserved = reader.u16(), reader.u16(), reader.u16(), reader.u16()
    vendor = reader.u32() if flags & 0x8000 else None
    value = reader.take(length)
    reader.take(-length % 4)
    return Avp(code, value, vendor)


def build(message: Message) -> bytes:
    """The octets of a message."""
    body = b"".join(map(_build_avp, message.avps))
    length = HEADER_OCTETS + len(body) if message.length is None else message.length
    numbers = (0, length, message.flags, message.type)
    head = b"".join(number.to_bytes(2, "big") for number in numbers)
    return head + message.session.to_bytes(4, "big") + message.sequence.to_bytes(4, "big") + body


def _build_avp(avp: Avp | Broken) -> bytes:
    if isinstance(avp, Broken):
        return avp.octets
    numbers = (avp.code, 0 if avp.vendor is None else 0x8000, len(avp.value), 0)
    head = b"".join(number.to_bytes(2, "big") for number in numbers)
    vendor = b"" if avp.vendor is None else avp.vendor.to_bytes(4, "big")
    return head + vendor + avp.value + bytes(-len(avp.value) % 4)


def number_avp(code: Code, number: int) -> Avp:
    """An Unsigned32 or Enumerated AVP."""
    return Avp(code, number.to_bytes(4, "big"))


def relay(client: PacInformation, message: Message) -> Message:
    """The Relay message in which a relay hands ``message`` on, in either direction (RFC 6345 section 3)."""
    pac = Avp(Code.PAC_INFORMATION, client.address + client.port.to_bytes(2, "big"))
    return Message(MessageType.RELAY, avps=(pac, Avp(Code.RELAYED_MESSAGE, build(message))))


def authentication(message: Message, key: bytes) -> bytes:
    """The value of AUTH for ``message`` under PANA_AUTH_KEY: HMAC-SHA2-256 cut to 16 octets (RFC 5191 section 8.1).

    The hash covers the whole message with AUTH's value zeroed. Raises ValueError where the message has no AUTH of
    16 octets.
    """
    if message.auth is None or len(message.auth) != AUTH_OCTETS:
        raise ValueError(f"{message.name} has no AUTH AVP of {counted(AUTH_OCTETS)}")
    blank = tuple(Avp(Code.AUTH, bytes(AUTH_OCTETS)) if _is_auth(avp) else avp for avp in message.avps)
    return hmac.digest(key, build(attrs.evolve(message, avps=blank)), hashlib.sha256)[:AUTH_OCTETS]


def _is_auth(avp: Avp | Broken) -> bool:
    return isinstance(avp, Avp) and avp.code == Code.AUTH and avp.vendor is None


def describe(message: Message) -> str:
    """One line: ``PANA Auth-Request [start complete] seq=2 result=SUCCESS lifetime=86400s, EAP success``."""
    carried = message.relayed
    if carried is not None:
        return f"PANA Relay: {describe(carried)}"
    flags = [flag.name.lower().replace("_", "-") for flag in Flag if flag != Flag.REQUEST and message.flags & flag]
    words = [f"PANA {message.name}", *([f"[{' '.join(flags)}]"] if flags else []), f"seq={message.sequence}"]
    if message.result is not None:
        words.append(f"result={named(Result, message.result)}")
    if message.session_lifetime_s is not None:
        words.append(f"lifetime={message.session_lifetime_s}s")
    if message.termination_cause is not None:
        words.append(f"cause={named(Cause, message.termination_cause)}")
    line = " ".join(words)
    return line if message.eap is None else f"{line}, {eap_words(message.eap)}"
