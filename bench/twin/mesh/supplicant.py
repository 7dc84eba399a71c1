"""The joining side of authentication: EAPOL key request, EAP-TLS (stand-in content), 4-way handshake, GTK."""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.air import fourway
from bench.air.eapol import (
    EAP_IDENTITY,
    EAP_TLS,
    MESSAGE_2,
    MESSAGE_4,
    REQUEST,
    Eap,
    EapCode,
    Eapol,
    EapolType,
    EapTls,
    KeyFrame,
    KeyInfo,
    decode_eap_tls,
    encode_eap_tls,
    encode_eapol,
)
from bench.air.errors import Malformed
from bench.air.mpx import KmpId
from bench.twin.kernel import Call
from bench.twin.mesh import tls_standin as tls
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.timers import JoinTimers

EAPOL_VERSION = 3
GTK_KDE = 1
ROLE_ROUTER = 1
IDENTITY = b"anonymous@kenshin.example"

Send = Callable[[int, bytes], None]


def eap_pdu(eap: Eap) -> bytes:
    """EAPOL octets of an EAP packet."""
    return encode_eapol(Eapol(EAPOL_VERSION, EapolType.EAP, eap=eap))


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
        self._ptk: fourway.Ptk | None = None
        self._snonce = b""
        self._replay = -1

    def receive(self, pdu: Eapol, authenticator: bytes | None) -> None:
        """One EAPOL PDU from the network; ``authenticator`` is the EUI-64 of EA-IE."""
        if not self._active:
            return
        self._later(self._timers.key_retry_ns, self._request)  # progress: the stall timer starts anew
        try:
            if pdu.eap is not None:
                self._on_eap(pdu.eap)
            elif pdu.key is not None and authenticator is not None:
                self._on_key(pdu.version, pdu.key, authenticator)
        except Malformed:
            return

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
        kdes = fourway.gtk_liveness_kde(0) + fourway.node_role_kde(ROLE_ROUTER)
        self._send(KmpId.IEEE_802_1X, fourway.seal(EAPOL_VERSION, KeyFrame(REQUEST, key_data=kdes), None))
        self._later(self._timers.key_retry_ns, self._request)

    def _on_eap(self, eap: Eap) -> None:
        if eap.code == EapCode.FAILURE:
            self._later(self._timers.key_retry_ns, self._request)
        if eap.code != EapCode.REQUEST:
            return
        if eap.type == EAP_IDENTITY:
            self._send(KmpId.IEEE_802_1X, eap_pdu(Eap(EapCode.RESPONSE, eap.identifier, EAP_IDENTITY, IDENTITY)))
        elif eap.type == EAP_TLS:
            self._on_tls(eap.identifier, decode_eap_tls(eap))

    def _on_tls(self, identifier: int, request: EapTls) -> None:
        flight = b""
        if request.start:
            self._client_random = self._rng.randbytes(tls.RANDOM_OCTETS)
            flight = tls.client_hello(self._client_random)
        elif tls.is_hello(request.data):
            self._server_random = tls.random_of(request.data)
            flight = tls.client_flight(self._client_random)
        self._send(KmpId.IEEE_802_1X, eap_pdu(encode_eap_tls(EapCode.RESPONSE, identifier, EapTls(flight))))

    def _on_key(self, version: int, key: KeyFrame, authenticator: bytes) -> None:
        if not key.information & KeyInfo.ACK or not self._server_random or key.replay_counter < self._replay:
            return
        self._replay = key.replay_counter
        if not key.information & KeyInfo.MIC:
            pmk = tls.pmk(self._client_random, self._server_random)
            self._snonce = self._snonce or self._rng.randbytes(32)
            self._ptk = fourway.derive_ptk(pmk, authenticator, self._eui64, key.nonce, self._snonce)
            self._answer(KeyFrame(MESSAGE_2, replay_counter=key.replay_counter, nonce=self._snonce))
        elif self._ptk is not None and fourway.mic_ok(version, key, self._ptk):
            kdes = fourway.read_kdes(fourway.decrypt_key_data(self._ptk, key.key_data))
            gtk = next((data[2:] for oui, kind, data in kdes if oui == fourway.RSN_OUI and kind == GTK_KDE), None)
            if gtk is not None:
                self._answer(KeyFrame(MESSAGE_4, replay_counter=key.replay_counter))
                self.stop()
                self._done(gtk)

    def _answer(self, key: KeyFrame) -> None:
        self._send(KmpId.FOUR_WAY, fourway.seal(EAPOL_VERSION, key, self._ptk))
