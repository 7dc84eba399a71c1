"""Both sides of an EAP-PSK conversation (RFC 4764), as state machines: EAP packets in, EAP packets out."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Final

from bench.air.app.pana import EAP_PSK
from bench.air.errors import Malformed
from bench.air.keys import eap_psk
from bench.air.keys.eapol import Eap, EapCode, encode_eap

IDENTITY: Final = 1
_HEADER: Final = 22
_CHANNEL: Final = 21


class RefusedError(Exception):
    """The other side could not prove that it has the key."""


def psk_of(identity: bytes, password: str) -> bytes:
    """The pre-shared key of a terminal. Stand-in: how a HAN makes a key of ID and password is not public."""
    return hashlib.sha256(b"kenshin stand-in HAN credential" + identity + password.encode()).digest()[:16]


def identity_of(eui64: bytes) -> bytes:
    """How a node calls itself: its EUI-64 in hex. Stand-in."""
    return eui64.hex().encode()


def eui64_of(identity: bytes) -> bytes | None:
    """The node that an identity names, None where it names none."""
    try:
        found = bytes.fromhex(identity.decode())
    except ValueError:
        return None
    return found if len(found) == 8 else None


class Server:
    """The smart meter's side. ``msk`` is there once the peer has proved itself."""

    def __init__(self, rng: random.Random, eui64: bytes, password: str) -> None:
        self._rng, self._id, self._password = rng, identity_of(eui64), password
        self._rand_s = rng.randbytes(16)
        self._tek = b""
        self.peer: bytes | None = None
        self.msk: bytes | None = None
        self._waiting: eap_psk.SessionKeys | None = None

    def first(self, identifier: int) -> Eap:
        """Who are you?"""
        return Eap(EapCode.REQUEST, identifier, IDENTITY, b"")

    def answer(self, said: Eap) -> Eap | None:
        """The next request; None where the peer has proved itself. Raises `RefusedError`, `Malformed`."""
        number = (said.identifier + 1) & 0xFF
        if said.code == EapCode.RESPONSE and said.type == IDENTITY:
            return Eap(EapCode.REQUEST, number, EAP_PSK, eap_psk.build(eap_psk.First(self._rand_s, self._id)))
        if said.code != EapCode.RESPONSE or said.type != EAP_PSK:
            raise RefusedError(f"EAP type {said.type}")
        message = eap_psk.parse(said.data)
        if isinstance(message, eap_psk.Second):
            return self._prove(message, number)
        if isinstance(message, eap_psk.Fourth) and self._waiting is not None:
            result = _unsealed(self._waiting.tek, message.channel, said)
            if result != eap_psk.DONE_SUCCESS:
                raise RefusedError("the peer reports failure")
            self.msk = self._waiting.msk
            return None
        raise RefusedError("out of turn")

    def _prove(self, said: eap_psk.Second, number: int) -> Eap:
        ak, kdk = eap_psk.long_term(psk_of(said.id_p, self._password))
        if eap_psk.mac_p(ak, said.id_p, self._id, self._rand_s, said.rand_p) != said.mac_p:
            raise RefusedError("the peer does not know the key")
        self.peer = eui64_of(said.id_p)
        self._waiting = keys = eap_psk.session(kdk, said.rand_p)
        mac = eap_psk.mac_s(ak, self._id, said.rand_p)
        return _sealed(EapCode.REQUEST, number, keys.tek, 0, lambda channel: eap_psk.Third(self._rand_s, mac, channel))


class Peer:
    """The terminal's side. ``server`` names the smart meter, ``msk`` is there once it has proved itself."""

    def __init__(self, rng: random.Random, eui64: bytes, password: str) -> None:
        self._rng, self._id = rng, identity_of(eui64)
        self._ak, self._kdk = eap_psk.long_term(psk_of(self._id, password))
        self._rand_p = rng.randbytes(16)
        self._keys = eap_psk.session(self._kdk, self._rand_p)
        self._id_s = b""
        self.msk: bytes | None = None

    @property
    def server(self) -> bytes | None:
        """EUI-64 of the smart meter."""
        return eui64_of(self._id_s)

    def answer(self, asked: Eap) -> Eap:
        """The response to a request. Raises `RefusedError` where the server does not know the key, `Malformed`."""
        if asked.type == IDENTITY:
            return Eap(EapCode.RESPONSE, asked.identifier, IDENTITY, self._id)
        if asked.type != EAP_PSK:
            raise RefusedError(f"EAP type {asked.type}")
        message = eap_psk.parse(asked.data)
        if isinstance(message, eap_psk.First):
            self._id_s = message.id_s
            mac = eap_psk.mac_p(self._ak, self._id, self._id_s, message.rand_s, self._rand_p)
            said = eap_psk.Second(message.rand_s, self._rand_p, mac, self._id)
            return Eap(EapCode.RESPONSE, asked.identifier, EAP_PSK, eap_psk.build(said))
        if not isinstance(message, eap_psk.Third):
            raise RefusedError("out of turn")
        if message.mac_s != eap_psk.mac_s(self._ak, self._id_s, self._rand_p):
            raise RefusedError("the server does not know the key")
        if _unsealed(self._keys.tek, message.channel, asked) != eap_psk.DONE_SUCCESS:
            raise RefusedError("the server reports failure")
        self.msk = self._keys.msk
        rand_s = message.rand_s
        return _sealed(
            EapCode.RESPONSE, asked.identifier, self._keys.tek, 1, lambda channel: eap_psk.Fourth(rand_s, channel)
        )


def _sealed(code: int, identifier: int, tek: bytes, number: int, make: Callable[[bytes], eap_psk.Message]) -> Eap:
    draft = Eap(code, identifier, EAP_PSK, eap_psk.build(make(bytes(_CHANNEL))))
    channel = eap_psk.seal(tek, number, encode_eap(draft)[:_HEADER], eap_psk.DONE_SUCCESS)
    return Eap(code, identifier, EAP_PSK, eap_psk.build(make(channel)))


def _unsealed(tek: bytes, channel: bytes, packet: Eap) -> int:
    try:
        return eap_psk.unseal(tek, channel, encode_eap(packet)[:_HEADER])
    except Malformed:
        raise
    except ValueError as error:
        raise RefusedError(f"protected channel: {error}") from None
