"""Stand-in for the TLS handshake inside EAP-TLS: messages of true form and size, without true authentication.

Each flight is well-formed TLS 1.2 (ECDHE-ECDSA, P-256) with real X.509 certificates made from fixed keys, so that
analysers read it and the air time is right. Nobody checks the signatures, the "Finished" records are filler, and the
PMK comes from the two public randoms alone: **this protects nothing** and must not be taken for EAP-TLS.
"""

from __future__ import annotations

import datetime
import hashlib
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

RANDOM_OCTETS: Final = 32
_HANDSHAKE, _ALERT, _CHANGE_CIPHER_SPEC = 22, 21, 20
_CLIENT_HELLO, _SERVER_HELLO, _CERTIFICATE = 1, 2, 11
_SERVER_KEY_EXCHANGE, _CERTIFICATE_REQUEST, _SERVER_HELLO_DONE = 12, 13, 14
_CERTIFICATE_VERIFY, _CLIENT_KEY_EXCHANGE = 15, 16
_SECP256R1: Final = b"\x00\x17"
_ECDSA_SHA256: Final = b"\x04\x03"
_ECDHE_ECDSA_AES128_CCM8: Final = b"\xc0\xae"
_GROUPS: Final = b"\x00\x0a\x00\x04\x00\x02" + _SECP256R1
_POINTS: Final = b"\x00\x0b\x00\x02\x01\x00"
_ALGORITHMS: Final = b"\x00\x0d\x00\x04\x00\x02" + _ECDSA_SHA256
_MASTER_SECRET: Final = b"\x00\x17\x00\x00"
_CA_NAME: Final = "kenshin stand-in root"


def client_hello(random: bytes) -> bytes:
    """Flight of the supplicant: ClientHello."""
    extensions = _GROUPS + _ALGORITHMS + _POINTS + b"\x00\x16\x00\x00" + _MASTER_SECRET + b"\x00\x23\x00\x00"
    body = b"\x03\x03" + random + b"\0" + b"\0\x04" + _ECDHE_ECDSA_AES128_CCM8 + b"\x00\xff" + b"\x01\0"
    return _record(_HANDSHAKE, _message(_CLIENT_HELLO, body + _sized(extensions, 2)))


def server_flight(random: bytes) -> bytes:
    """ServerHello, Certificate, ServerKeyExchange, CertificateRequest, ServerHelloDone, a record each."""
    extensions = b"\xff\x01\x00\x01\x00" + _MASTER_SECRET + _POINTS
    session = hashlib.sha256(b"session" + random).digest()
    hello = b"\x03\x03" + random + _sized(session, 1) + _ECDHE_ECDSA_AES128_CCM8 + b"\0" + _sized(extensions, 2)
    exchange = b"\x03" + _SECP256R1 + _sized(_point(random), 1)
    exchange += _ECDSA_SHA256 + _sized(_signature("server", exchange), 2)
    request = b"\x02\x01\x40" + _sized(_ECDSA_SHA256, 2) + _sized(_sized(_ca_name().public_bytes(), 2), 2)
    messages = (
        (_SERVER_HELLO, hello),
        (_CERTIFICATE, _certificate_list("kenshin stand-in border router")),
        (_SERVER_KEY_EXCHANGE, exchange),
        (_CERTIFICATE_REQUEST, request),
        (_SERVER_HELLO_DONE, b""),
    )
    return b"".join(_record(_HANDSHAKE, _message(kind, body)) for kind, body in messages)


def client_flight(random: bytes) -> bytes:
    """Certificate, ClientKeyExchange, CertificateVerify, ChangeCipherSpec, and a filler for Finished."""
    verify = _ECDSA_SHA256 + _sized(_signature("client", random), 2)
    messages = (
        (_CERTIFICATE, _certificate_list("kenshin stand-in device")),
        (_CLIENT_KEY_EXCHANGE, _sized(_point(random), 1)),
        (_CERTIFICATE_VERIFY, verify),
    )
    records = b"".join(_record(_HANDSHAKE, _message(kind, body)) for kind, body in messages)
    return records + _finish(b"client" + random)


def server_finish(random: bytes) -> bytes:
    """ChangeCipherSpec and a filler for Finished."""
    return _finish(b"server" + random)


def is_hello(flight: bytes) -> bool:
    """The flight begins with a hello, so it holds a random."""
    return len(flight) > 11 + RANDOM_OCTETS and flight[0] == _HANDSHAKE and flight[5] in (_CLIENT_HELLO, _SERVER_HELLO)


def is_alert(flight: bytes) -> bool:
    """The flight begins with an alert: the other side will not go on (RFC 5246, 7.2)."""
    return flight[:1] == bytes((_ALERT,))


def random_of(flight: bytes) -> bytes:
    """The random of the hello that begins a flight."""
    return flight[11 : 11 + RANDOM_OCTETS]


def pmk(client_random: bytes, server_random: bytes) -> bytes:
    """Stand-in PMK of 32 octets: anybody who hears the two hellos can compute it."""
    return hashlib.sha256(b"kenshin stand-in PMK" + client_random + server_random).digest()


def _finish(label: bytes) -> bytes:
    filler = hashlib.sha256(b"finished" + label).digest() + hashlib.sha256(label).digest()[:8]
    return _record(_CHANGE_CIPHER_SPEC, b"\x01") + _record(_HANDSHAKE, filler)


def _record(kind: int, body: bytes) -> bytes:
    return bytes((kind, 3, 3)) + _sized(body, 2)


def _message(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + _sized(body, 3)


def _sized(body: bytes, octets: int) -> bytes:
    return len(body).to_bytes(octets, "big") + body


@cache
def _key(label: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(label.encode()).digest()[:31], "big"), ec.SECP256R1())


def _point(random: bytes) -> bytes:
    """A point of the curve that depends on the session (chosen among a few: making one costs time)."""
    public = _key(f"ephemeral {random[0] % 4}").public_key()
    return public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _signature(label: str, data: bytes) -> bytes:
    return _key(label).sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def _ca_name() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _CA_NAME)])


@cache
def _certificate_list(name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(_ca_name())
    builder = builder.public_key(_key(name).public_key()).serial_number(int.from_bytes(name.encode()[:16], "big"))
    builder = builder.not_valid_before(datetime.datetime(2026, 1, 1)).not_valid_after(datetime.datetime(9999, 12, 31))
    usage = x509.KeyUsage(True, False, False, False, True, False, False, False, False)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(_key("root").public_key())
    builder = builder.add_extension(identifier, critical=False)
    certificate = builder.sign(_key("root"), hashes.SHA256(), ecdsa_deterministic=True)
    return _sized(_sized(certificate.public_bytes(serialization.Encoding.DER), 3), 3)
