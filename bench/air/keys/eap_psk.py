"""EAP-PSK (RFC 4764): how a HAN terminal and its meter prove to each other that they share a key; both directions.

The four messages as they stand behind the EAP type (47), and the cryptography of both sides: key set-up, session keys,
MACs, and the protected channel (EAX over AES-128). Nothing here keeps state; who speaks when is the caller's.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB
from cryptography.hazmat.primitives.cmac import CMAC

from bench.air.errors import Malformed
from bench.air.octets import Reader

RAND_OCTETS: Final = 16
MAC_OCTETS: Final = 16
DONE_SUCCESS: Final = 0x80
"""The protected channel's octet: result 2 in the two highest bits, no extension (section 5.3)."""
DONE_FAILURE: Final = 0xC0


@attrs.frozen(slots=True)
class First:
    """Server: its random number (16 octets) and its identity."""

    rand_s: bytes
    id_s: bytes


@attrs.frozen(slots=True)
class Second:
    """Peer: both random numbers, its MAC (16 octets) and its identity."""

    rand_s: bytes
    rand_p: bytes
    mac_p: bytes
    id_p: bytes


@attrs.frozen(slots=True)
class Third:
    """Server: its MAC, and the protected channel (nonce, tag, sealed result)."""

    rand_s: bytes
    mac_s: bytes
    channel: bytes


@attrs.frozen(slots=True)
class Fourth:
    """Peer: the protected channel back."""

    rand_s: bytes
    channel: bytes


Message: TypeAlias = First | Second | Third | Fourth


def parse(data: bytes) -> Message:
    """The message in the data of an EAP packet of type 47. Raises `Malformed`."""
    reader = Reader(data, "EAP-PSK")
    number, rand_s = reader.u8() >> 6, reader.take(RAND_OCTETS)
    match number:
        case 0:
            return First(rand_s, reader.rest())
        case 1:
            return Second(rand_s, reader.take(RAND_OCTETS), reader.take(MAC_OCTETS), reader.rest())
        case 2:
            return Third(rand_s, reader.take(MAC_OCTETS), reader.rest())
        case _:
            return Fourth(rand_s, reader.rest())


def build(message: Message) -> bytes:
    """The data of an EAP packet of type 47."""
    match message:
        case First():
            return b"\x00" + message.rand_s + message.id_s
        case Second():
            return b"\x40" + message.rand_s + message.rand_p + message.mac_p + message.id_p
        case Third():
            return b"\x80" + message.rand_s + message.mac_s + message.channel
        case Fourth():
            return b"\xc0" + message.rand_s + message.channel


@attrs.frozen(slots=True)
class SessionKeys:
    """What both sides have once RAND_P is known: TEK (16 octets), MSK and EMSK (64 each)."""

    tek: bytes
    msk: bytes
    emsk: bytes


def long_term(psk: bytes) -> tuple[bytes, bytes]:
    """AK and KDK, 16 octets each, of a PSK of 16 (section 3.1)."""
    first, second = _stretch(psk, bytes(16), 2)
    return first, second


def session(kdk: bytes, rand_p: bytes) -> SessionKeys:
    """The keys of a session (section 3.2)."""
    blocks = _stretch(kdk, rand_p, 9)
    return SessionKeys(blocks[0], b"".join(blocks[1:5]), b"".join(blocks[5:9]))


def mac_p(ak: bytes, id_p: bytes, id_s: bytes, rand_s: bytes, rand_p: bytes) -> bytes:
    """The peer's proof."""
    return _cmac(ak, id_p + id_s + rand_s + rand_p)


def mac_s(ak: bytes, id_s: bytes, rand_p: bytes) -> bytes:
    """The server's proof."""
    return _cmac(ak, id_s + rand_p)


def seal(tek: bytes, number: int, header: bytes, result: int) -> bytes:
    """The protected channel of a message: ``number`` counts its uses (0 from the server, 1 back), ``header`` is the EAP
    packet's first 22 octets (up to RAND_S)."""
    nonce = number.to_bytes(4, "big")
    sealed, tag = eax_encrypt(tek, nonce.rjust(16, b"\0"), header, bytes((result,)))
    return nonce + tag + sealed


def unseal(tek: bytes, channel: bytes, header: bytes) -> int:
    """The result in a protected channel. Raises ValueError where it does not verify, `Malformed` where it is cut."""
    reader = Reader(channel, "EAP-PSK protected channel")
    nonce, tag, sealed = reader.take(4), reader.take(16), reader.rest()
    if not sealed:
        raise Malformed("EAP-PSK: empty protected channel")
    return eax_decrypt(tek, nonce.rjust(16, b"\0"), header, sealed, tag)[0]


def eax_encrypt(key: bytes, nonce: bytes, header: bytes, clear: bytes) -> tuple[bytes, bytes]:
    """Ciphertext and tag (16 octets) of EAX over AES-128 (Bellare, Rogaway, Wagner 2004)."""
    start = _omac(key, 0, nonce)
    sealed = _counted(key, start, clear)
    return sealed, _xor(_xor(start, _omac(key, 1, header)), _omac(key, 2, sealed))


def eax_decrypt(key: bytes, nonce: bytes, header: bytes, sealed: bytes, tag: bytes) -> bytes:
    """Clear text. Raises ValueError where the tag does not verify."""
    start = _omac(key, 0, nonce)
    if _xor(_xor(start, _omac(key, 1, header)), _omac(key, 2, sealed)) != tag:
        raise ValueError("the tag does not verify")
    return _counted(key, start, sealed)


def _stretch(key: bytes, seed: bytes, count: int) -> list[bytes]:
    """Modified counter mode: the seed encrypted, then each counter XORed to it encrypted."""
    base = _block(key, seed)
    return [_block(key, _xor(base, number.to_bytes(16, "big"))) for number in range(1, count + 1)]


def _block(key: bytes, block: bytes) -> bytes:
    cipher = Cipher(AES(key), ECB()).encryptor()
    return cipher.update(block) + cipher.finalize()


def _counted(key: bytes, start: bytes, octets: bytes) -> bytes:
    cipher = Cipher(AES(key), CTR(start)).encryptor()
    return cipher.update(octets) + cipher.finalize()


def _omac(key: bytes, tweak: int, octets: bytes) -> bytes:
    return _cmac(key, tweak.to_bytes(16, "big") + octets)


def _cmac(key: bytes, octets: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(octets)
    return mac.finalize()


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
