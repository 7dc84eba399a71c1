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
from enum import IntEnum
from typing import Final, TypeVar

import attrs

from bench.air import summary
from bench.air.eapol import Eap, decode_eap
from bench.air.errors import Malformed
from bench.air.octets import Reader
from bench.air.udp import PANA_PORT

PORT: Final = PANA_PORT
HEADER_OCTETS: Final = 16
AUTH_OCTETS: Final = 16
EAP_PSK: Final = 47

N = TypeVar("N", bound=IntEnum)


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


@attrs.frozen(slots=True)
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


@attrs.frozen(slots=True)
class PacInformation:
    """Whom a relay speaks for: the client's IPv6 address (16 octets) and UDP port (RFC 6345 section 5.1)."""

    address: bytes
    port: int


@attrs.frozen(slots=True)
class Message:
    """One PANA message; ``flags`` are those of `Flag` as a number, ``sequence`` and ``session`` 32 bits each.

    The properties give the value of the first AVP of their kind, None where there is none, and raise `Malformed` where
    it does not have its format (`parse` has looked at them all, so a parsed message raises no more).
    """

    type: int
    flags: int = 0
    session: int = 0
    sequence: int = 0
    avps: tuple[Avp, ...] = ()

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

    def avp(self, code: int) -> Avp | None:
        """The first AVP of that code (vendor 0)."""
        return next((avp for avp in self.avps if avp.code == code and avp.vendor is None), None)

    def _number(self, code: Code) -> int | None:
        avp = self.avp(code)
        return None if avp is None else avp.number

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
        avp = self.avp(Code.EAP_PAYLOAD)
        return None if avp is None else decode_eap(avp.value)

    @property
    def pac_information(self) -> PacInformation | None:
        """Whom a relay speaks for."""
        avp = self.avp(Code.PAC_INFORMATION)
        if avp is None:
            return None
        reader = Reader(avp.value, "PANA PaC-Information")
        found = PacInformation(reader.take(16), reader.u16())
        reader.done()
        return found

    @property
    def relayed(self) -> Message | None:
        """The message that a relay carries."""
        avp = self.avp(Code.RELAYED_MESSAGE)
        if avp is None:
            return None
        if self.type != MessageType.RELAY:
            raise Malformed(f"PANA: a relayed message in {self.name}")
        return _parse(avp.value, relayed=True)


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
    """The message in ``data``, whose length field counts it exactly; known AVPs are looked at. Raises `Malformed`."""
    return _parse(data, relayed=False)


def _parse(data: bytes, *, relayed: bool) -> Message:
    reader = Reader(data, "PANA")
    _reserved, length, flags, kind = reader.u16(), reader.u16(), reader.u16(), reader.u16()
    if length != len(data):
        raise Malformed(f"PANA: length {length} in {len(data)} octets")
    if relayed and kind == MessageType.RELAY:
        raise Malformed("PANA: a relay within a relay")
    session, sequence = reader.u32(), reader.u32()
    avps = []
    while reader.left:
        avps.append(_parse_avp(reader))
    message = Message(kind, flags, session, sequence, tuple(avps))
    _look(message)
    return message


def _look(message: Message) -> None:
    """Reads the known AVPs once, so that one without its format raises here and not at whoever asks for it."""
    for code in _NUMBERS:
        message._number(code)
    _ = message.eap, message.pac_information, message.relayed


def _parse_avp(reader: Reader) -> Avp:
    code, flags, length, _reserved = reader.u16(), reader.u16(), reader.u16(), reader.u16()
    vendor = reader.u32() if flags & 0x8000 else None
    value = reader.take(length)
    reader.take(-length % 4)
    return Avp(code, value, vendor)


def build(message: Message) -> bytes:
    """The octets of a message."""
    body = b"".join(map(_build_avp, message.avps))
    numbers = (0, HEADER_OCTETS + len(body), message.flags, message.type)
    head = b"".join(number.to_bytes(2, "big") for number in numbers)
    return head + message.session.to_bytes(4, "big") + message.sequence.to_bytes(4, "big") + body


def _build_avp(avp: Avp) -> bytes:
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
        raise ValueError(f"{message.name} has no AUTH AVP of {AUTH_OCTETS} octets")
    blank = tuple(Avp(Code.AUTH, bytes(AUTH_OCTETS)) if _is_auth(avp) else avp for avp in message.avps)
    return hmac.digest(key, build(attrs.evolve(message, avps=blank)), hashlib.sha256)[:AUTH_OCTETS]


def _is_auth(avp: Avp) -> bool:
    return avp.code == Code.AUTH and avp.vendor is None


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
    return line if message.eap is None else f"{line}, {summary.eap(message.eap)}"
