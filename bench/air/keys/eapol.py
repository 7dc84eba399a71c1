"""EAPOL, EAP and key frames as Wi-SUN carries them: octets to records and back.

IEEE 802.1X-2010 (PDU), RFC 3748 (EAP), RFC 5216 (EAP-TLS framing), IEEE 802.11 (EAPOL-Key, KDEs). Keys and MICs of
the 4-way handshake are in `fourway`.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

RELAY_PORT: Final = 10253
"""UDP port of the EAPOL relay, both ends."""


class EapolType(IntEnum):
    """802.1X packet type."""

    EAP = 0
    START = 1
    LOGOFF = 2
    KEY = 3


class EapCode(IntEnum):
    """RFC 3748 section 4."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


EAP_IDENTITY: Final = 1
EAP_NAK: Final = 3
EAP_TLS: Final = 13


class KeyInfo(IntFlag):
    """Key information field of EAPOL-Key; the low three bits are the descriptor version."""

    VERSION_2 = 0x0002
    PAIRWISE = 0x0008
    INSTALL = 0x0040
    ACK = 0x0080
    MIC = 0x0100
    SECURE = 0x0200
    ERROR = 0x0400
    REQUEST = 0x0800
    ENCRYPTED = 0x1000


# The six messages and the opening request, with the flags that the open stacks send.
REQUEST: Final = KeyInfo.VERSION_2 | KeyInfo.REQUEST
MESSAGE_1: Final = KeyInfo.VERSION_2 | KeyInfo.PAIRWISE | KeyInfo.ACK
MESSAGE_2: Final = KeyInfo.VERSION_2 | KeyInfo.PAIRWISE | KeyInfo.MIC
MESSAGE_3: Final = MESSAGE_1 | KeyInfo.INSTALL | KeyInfo.MIC | KeyInfo.SECURE | KeyInfo.ENCRYPTED
MESSAGE_4: Final = MESSAGE_2 | KeyInfo.SECURE
GROUP_1: Final = KeyInfo.VERSION_2 | KeyInfo.ACK | KeyInfo.MIC | KeyInfo.SECURE | KeyInfo.ENCRYPTED
GROUP_2: Final = KeyInfo.VERSION_2 | KeyInfo.MIC | KeyInfo.SECURE


_HEAD_OCTETS: Final = 4


@frozen
class Eap:
    """An EAP packet. ``type`` is None for Success and Failure; ``data`` is what follows the type octet."""

    code: int
    identifier: int
    type: int | None = None
    data: bytes = b""


@frozen
class EapTls:
    """Data of an EAP-TLS packet: total length (first fragment, flag L), flags M (more) and S (start), TLS octets; the
    flags' ``reserved`` bits as sent."""

    data: bytes = b""
    start: bool = False
    more: bool = False
    total: int | None = None
    reserved: int = 0

    @property
    def flags(self) -> int:
        """The flags octet (RFC 5216, 3.1)."""
        return (self.total is not None) << 7 | self.more << 6 | self.start << 5 | self.reserved


@frozen
class KeyFrame:
    """EAPOL-Key descriptor of type 2 (RSN). ``information`` holds `KeyInfo` bits, ``key_data`` the KDEs, encrypted
    where `KeyInfo.ENCRYPTED` is set. ``mic`` is 16 octets, zeros where there is none."""

    information: int
    key_length: int = 0
    replay_counter: int = 0
    nonce: bytes = bytes(32)
    iv: bytes = bytes(16)
    rsc: bytes = bytes(8)
    key_id: bytes = bytes(8)
    mic: bytes = bytes(16)
    key_data: bytes = b""

    @property
    def message(self) -> str:
        """ "request", "1/4", "2/4", "3/4", "4/4", "group 1/2" or "group 2/2"."""
        info = self.information
        if info & KeyInfo.REQUEST:
            return "request"
        if not info & KeyInfo.PAIRWISE:
            return "group 1/2" if info & KeyInfo.ACK else "group 2/2"
        if info & KeyInfo.ACK:
            return "3/4" if info & KeyInfo.MIC else "1/4"
        return "4/4" if info & KeyInfo.SECURE else "2/4"


@frozen
class Eapol:
    """An EAPOL PDU: ``eap`` or ``key`` is set by ``type``, else ``body`` keeps the octets. ``length`` as sent is given
    of one that cannot be read to its end, and ``body`` is then what there is (`eapol_head`)."""

    version: int
    type: int
    eap: Eap | None = None
    key: KeyFrame | None = None
    body: bytes = b""
    length: int | None = None


@frozen
class EapolRelay:
    """UDP payload between a parent and the border router: supplicant's EUI-64, KMP id, EAPOL PDU."""

    supplicant: bytes
    kmp_id: int
    pdu: bytes


def decode_eapol(octets: bytes) -> Eapol:
    """The PDU in ``octets``; what follows its length is not looked at. Raises `Malformed`."""
    reader = Reader(octets, "EAPOL")
    version, kind, length = reader.u8(), reader.u8(), reader.u16()
    body = reader.take(length)
    if kind == EapolType.EAP:
        return Eapol(version, kind, eap=decode_eap(body))
    if kind == EapolType.KEY and body[:1] == b"\x02":
        return Eapol(version, kind, key=_decode_key(body))
    return Eapol(version, kind, body=body)


def eapol_head(octets: bytes) -> Eapol | None:
    """What a PDU that `decode_eapol` refuses says in its header; None where that is not there."""
    if len(octets) < _HEAD_OCTETS:
        return None
    return Eapol(octets[0], octets[1], body=octets[_HEAD_OCTETS:], length=int.from_bytes(octets[2:4], "big"))


def encode_eapol(pdu: Eapol) -> bytes:
    """The PDU's octets. Raises ValueError where it is longer than 65535."""
    body = pdu.body
    if pdu.eap is not None:
        body = encode_eap(pdu.eap)
    elif pdu.key is not None:
        body = _encode_key(pdu.key)
    if len(body) > 0xFFFF:
        raise ValueError(f"an EAPOL body has at most 65535 octets, not {len(body)}")
    return bytes((pdu.version, pdu.type)) + len(body).to_bytes(2, "big") + body


def decode_eap(body: bytes) -> Eap:
    """The EAP packet in ``body`` (RFC 3748 section 4); what follows its length is not looked at. Raises `Malformed`."""
    reader = Reader(body, "EAP")
    code, identifier, length = reader.u8(), reader.u8(), reader.u16()
    if length < 4 or length > len(body):
        raise Malformed(f"EAP: length {length} in {counted(len(body))}")
    rest = reader.take(length - 4)
    if code in (EapCode.REQUEST, EapCode.RESPONSE):
        if not rest:
            raise Malformed("EAP: request or response without type")
        return Eap(code, identifier, rest[0], rest[1:])
    return Eap(code, identifier, None, rest)


def encode_eap(eap: Eap) -> bytes:
    """The octets of an EAP packet."""
    rest = (b"" if eap.type is None else bytes((eap.type,))) + eap.data
    return bytes((eap.code, eap.identifier)) + (4 + len(rest)).to_bytes(2, "big") + rest


def decode_eap_tls(eap: Eap) -> EapTls:
    """EAP-TLS framing of an EAP packet of type 13, RFC 5216 section 3. Raises `Malformed`."""
    reader = Reader(eap.data, "EAP-TLS")
    flags = reader.u8()
    total = reader.u32() if flags & 0x80 else None
    return EapTls(reader.rest(), bool(flags & 0x20), bool(flags & 0x40), total, flags & 0x1F)


def encode_eap_tls(code: int, identifier: int, tls: EapTls) -> Eap:
    """The EAP packet of one EAP-TLS fragment."""
    total = b"" if tls.total is None else tls.total.to_bytes(4, "big")
    return Eap(code, identifier, EAP_TLS, bytes((tls.flags,)) + total + tls.data)


def _decode_key(body: bytes) -> KeyFrame:
    reader = Reader(body, "EAPOL-Key")
    reader.u8()
    information, key_length, replay = reader.u16(), reader.u16(), reader.uint(8)
    nonce, iv, rsc, key_id, mic = (reader.take(count) for count in (32, 16, 8, 8, 16))
    return KeyFrame(information, key_length, replay, nonce, iv, rsc, key_id, mic, reader.take(reader.u16()))


def _encode_key(key: KeyFrame) -> bytes:
    return b"".join(
        (
            b"\x02",
            key.information.to_bytes(2, "big"),
            key.key_length.to_bytes(2, "big"),
            key.replay_counter.to_bytes(8, "big"),
            *(key.nonce, key.iv, key.rsc, key.key_id, key.mic),
            len(key.key_data).to_bytes(2, "big"),
            key.key_data,
        )
    )


def decode_relay(octets: bytes) -> EapolRelay:
    """Payload of a datagram to or from `RELAY_PORT`. Raises `Malformed`."""
    reader = Reader(octets, "EAPOL relay")
    return EapolRelay(reader.take(8), reader.u8(), reader.rest())


def encode_relay(relay: EapolRelay) -> bytes:
    """UDP payload octets."""
    return relay.supplicant + bytes((relay.kmp_id,)) + relay.pdu


_CONTENT: Final = {20: "Change Cipher Spec", 21: "Alert", 22: "Handshake", 23: "Application Data"}
HANDSHAKE_NAMES: Final = {
    1: "Client Hello",
    2: "Server Hello",
    11: "Certificate",
    12: "Server Key Exchange",
    13: "Certificate Request",
    14: "Server Hello Done",
    15: "Certificate Verify",
    16: "Client Key Exchange",
}


_ALERT_LEVELS: Final = {1: "warning", 2: "fatal"}
_ALERTS: Final = {
    0: "close notify",
    10: "unexpected message",
    20: "bad record MAC",
    22: "record overflow",
    40: "handshake failure",
    42: "bad certificate",
    43: "unsupported certificate",
    44: "certificate revoked",
    45: "certificate expired",
    46: "certificate unknown",
    47: "illegal parameter",
    48: "unknown CA",
    49: "access denied",
    50: "decode error",
    51: "decrypt error",
    70: "protocol version",
    71: "insufficient security",
    80: "internal error",
    90: "user canceled",
    100: "no renegotiation",
    110: "unsupported extension",
}
"""Alerts of TLS 1.2 (RFC 5246, 7.2): what a node or the server holds against the other's certificate."""


def tls_records(octets: bytes) -> tuple[str, ...]:
    """Names of the TLS records at the start of ``octets``; a fragment's continuation, which starts in the middle of
    a record, gives none. Handshake messages are told apart while they are in clear text (RFC 5246 6.2, 7.4)."""
    names: list[str] = []
    at, encrypted = 0, False
    while at + 5 <= len(octets) and octets[at] in _CONTENT and octets[at + 1] == 3:
        length = int.from_bytes(octets[at + 3 : at + 5], "big")
        content = octets[at + 5 : at + 5 + length]
        if octets[at] == 22 and not encrypted:
            names += _handshakes(content)
        elif octets[at] == 21 and not encrypted and length == len(content) == 2:
            names.append(f"Alert {_ALERT_LEVELS.get(content[0], content[0])} {_ALERTS.get(content[1], content[1])}")
        else:
            names.append(_CONTENT[octets[at]])
        encrypted = encrypted or octets[at] == 20
        at += 5 + length
    return tuple(names)


def _handshakes(record: bytes) -> list[str]:
    names, at = [], 0
    while at + 4 <= len(record):
        names.append(HANDSHAKE_NAMES.get(record[at], "Handshake"))
        at += 4 + int.from_bytes(record[at + 1 : at + 4], "big")
    return names
