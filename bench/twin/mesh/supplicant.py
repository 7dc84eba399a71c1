"""The joining side of authentication: EAPOL key request, EAP-TLS (stand-in content), 4-way handshake, GTK."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.air.eapol import EAP_IDENTITY, EAP_TLS, Eap, EapCode, Eapol, KeyFrame, encode_eapol
from bench.twin.kernel import Call
from bench.twin.mesh import handshake as hs
from bench.twin.mesh import tls_standin as tls
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.timers import JoinTimers

KMP_8021X, KMP_4WH = 1, 6
IDENTITY = b"anonymous@kenshin.example"
EAP_PACKET = 0
ROLE_ROUTER = b"\x01"

Send = Callable[[int, bytes], None]


class Supplicant:
    """Asks for the GTK and calls ``done(gtk)``; asks again when the exchange stalls, ``failed()`` after three times."""

    TRIES = 3

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        timers: JoinTimers,
        send: Send,
        done: Callable[[bytes], None],
        failed: Callable[[], None],
    ) -> None:
        self._agenda, self._rng, self._eui64, self._timers = agenda, rng, eui64, timers
        self._send, self._done, self._failed = send, done, failed
        self._pending: Call | None = None
        self.stop()

    def start(self) -> None:
        """Send the first key request after a random delay up to the profile's maximum."""
        self.stop()
        self._tries = self.TRIES
        self._later(self._rng.randrange(self._timers.first_key_max_ns + 1), self._request)

    def stop(self) -> None:
        """Forget the exchange."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = None
        self._active = False
        self._tries = 0
        self._client_random = self._server_random = b""
        self._ptk: hs.Ptk | None = None
        self._snonce = b""
        self._replay = -1

    def receive(self, pdu: Eapol, authenticator: bytes | None) -> None:
        """One EAPOL PDU from the network; ``authenticator`` is the EUI-64 of EA-IE."""
        if not self._active:
            return
        self._later(self._timers.key_retry_ns, self._request)  # progress: the stall timer starts anew
        if pdu.eap is not None:
            self._on_eap(pdu.eap)
        elif pdu.key is not None and authenticator is not None:
            self._on_key(pdu, pdu.key, authenticator)

    def _later(self, delay_ns: int, fn: Callable[[], None]) -> None:
        if self._pending is not None:
            self._pending.cancel()
        self._pending = self._agenda.after(delay_ns, fn)

    def _request(self) -> None:
        if self._tries == 0:
            self.stop()
            self._failed()
            return
        self._tries -= 1
        self._active = True
        kdes = hs.kde(hs.KDE_GTKL, b"\0") + hs.kde(hs.KDE_NODE_ROLE, ROLE_ROUTER)
        self._send(KMP_8021X, hs.key_pdu(KeyFrame(hs.REQUEST | hs.VERSION_SHA1_AES, key_data=kdes)))
        self._later(self._timers.key_retry_ns, self._request)

    def _on_eap(self, eap: Eap) -> None:
        if eap.code == EapCode.FAILURE:
            self._later(self._timers.key_retry_ns, self._request)
        if eap.code != EapCode.REQUEST:
            return
        if eap.type == EAP_IDENTITY:
            self._respond(eap, IDENTITY)
        elif eap.type == EAP_TLS:
            self._on_tls(eap)

    def _on_tls(self, eap: Eap) -> None:
        flags, flight = eap.data[:1], eap.data[1:]
        if flags == b"\x20":
            self._client_random = self._rng.randbytes(tls.RANDOM_OCTETS)
            self._respond(eap, b"\0" + tls.client_hello(self._client_random))
        elif len(flight) > 200:
            self._server_random = tls.random_of(flight)
            self._respond(eap, b"\0" + tls.client_flight(self._client_random))
        else:
            self._respond(eap, b"\0")

    def _respond(self, request: Eap, data: bytes) -> None:
        answer = Eap(EapCode.RESPONSE, request.identifier, request.type, data)
        self._send(KMP_8021X, encode_eapol(Eapol(hs.EAPOL_VERSION, EAP_PACKET, eap=answer)))

    def _on_key(self, pdu: Eapol, key: KeyFrame, authenticator: bytes) -> None:
        if not key.information & hs.ACK or not self._server_random or key.replay_counter < self._replay:
            return
        self._replay = key.replay_counter
        pmk = tls.pmk(self._client_random, self._server_random)
        if not key.information & hs.MIC:
            self._snonce = self._snonce or self._rng.randbytes(32)
            self._ptk = hs.ptk(pmk, authenticator, self._eui64, key.nonce, self._snonce)
            self._answer(key, hs.PAIRWISE | hs.MIC, self._snonce)
        elif self._ptk is not None and hs.mic_ok(pdu, self._ptk.kck):
            clear = hs.unwrap(self._ptk.kek, key.key_data)
            gtk = hs.gtk_of(clear) if clear is not None else None
            if gtk is not None:
                self._answer(key, hs.PAIRWISE | hs.MIC | hs.SECURE, bytes(32))
                self.stop()
                self._done(gtk)

    def _answer(self, key: KeyFrame, bits: int, nonce: bytes) -> None:
        assert self._ptk is not None
        answer = KeyFrame(hs.VERSION_SHA1_AES | bits, replay_counter=key.replay_counter, nonce=nonce)
        self._send(KMP_4WH, hs.key_pdu(answer, self._ptk.kck))
