"""The border router's side of authentication: one session a supplicant, direct or over an EAPOL relay."""

from __future__ import annotations

import random

import attrs

from bench.air import fourway
from bench.air.eapol import (
    EAP_IDENTITY,
    MESSAGE_1,
    MESSAGE_3,
    Eap,
    EapCode,
    Eapol,
    EapTls,
    KeyFrame,
    KeyInfo,
    decode_eap_tls,
    encode_eap_tls,
)
from bench.air.errors import Malformed
from bench.air.mpx import KmpId
from bench.twin.kernel import Call
from bench.twin.mesh import tls_standin as tls
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.supplicant import EAPOL_VERSION, Send, eap_pdu
from bench.twin.mesh.timers import EAPOL_RETRANSMIT_NS, EAPOL_RETRANSMITS

GTK_LIFETIME_S = 30 * 86400


@attrs.define(slots=True)
class _Session:
    send: Send
    identifier: int = 1
    client_random: bytes = b""
    server_random: bytes = b""
    anonce: bytes = b""
    ptk: fourway.Ptk | None = None
    replay: int = 0
    last: tuple[int, bytes] | None = None
    repeats: int = 0
    timer: Call | None = None


class Authenticator:
    """Gives the GTK to every supplicant that completes the (stand-in) handshake. ``eui64`` is the border router's."""

    def __init__(self, agenda: Agenda, rng: random.Random, eui64: bytes, gtk: bytes) -> None:
        self._agenda, self._rng, self._eui64, self._gtk = agenda, rng, eui64, gtk
        self._sessions: dict[bytes, _Session] = {}

    def receive(self, supplicant: bytes, pdu: Eapol, send: Send) -> None:
        """One PDU of a supplicant; ``send(kmp_id, pdu)`` is the way back to it."""
        key = pdu.key
        if key is not None and key.information & KeyInfo.REQUEST:
            self._drop(supplicant)
            session = self._sessions[supplicant] = _Session(send)
            self._eap(supplicant, session, Eap(EapCode.REQUEST, session.identifier, EAP_IDENTITY))
            return
        known = self._sessions.get(supplicant)
        if known is None:
            return
        known.send = send
        try:
            if pdu.eap is not None and pdu.eap.code == EapCode.RESPONSE and pdu.eap.identifier == known.identifier:
                self._on_response(supplicant, known, pdu.eap)
            elif key is not None:
                self._on_key(supplicant, known, pdu.version, key)
        except Malformed:
            return

    def _on_response(self, supplicant: bytes, session: _Session, eap: Eap) -> None:
        if eap.type == EAP_IDENTITY:
            self._tls(supplicant, session, EapTls(start=True))
            return
        flight = decode_eap_tls(eap).data
        if not flight:
            self._eap(supplicant, session, Eap(EapCode.SUCCESS, session.identifier))
            self._message_1(supplicant, session)
        elif tls.is_hello(flight):
            session.client_random = tls.random_of(flight)
            session.server_random = self._rng.randbytes(tls.RANDOM_OCTETS)
            self._tls(supplicant, session, EapTls(tls.server_flight(session.server_random)))
        else:
            self._tls(supplicant, session, EapTls(tls.server_finish(session.server_random)))

    def _message_1(self, supplicant: bytes, session: _Session) -> None:
        session.anonce = self._rng.randbytes(32)
        data = fourway.pmkid_kde(fourway.pmkid(self._pmk(session), self._eui64, supplicant))
        key = KeyFrame(MESSAGE_1, 16, session.replay, session.anonce, key_data=data)
        self._say(supplicant, session, KmpId.FOUR_WAY, fourway.seal(EAPOL_VERSION, key, None))

    def _on_key(self, supplicant: bytes, session: _Session, version: int, key: KeyFrame) -> None:
        """Message 2 proves that the supplicant holds the PMK and earns the GTK; message 4 ends the session."""
        if key.replay_counter != session.replay or not session.anonce:
            return
        if key.information & KeyInfo.SECURE:
            if session.ptk is not None and fourway.mic_ok(version, key, session.ptk):
                self._drop(supplicant)
            return
        ptk = fourway.derive_ptk(self._pmk(session), self._eui64, supplicant, session.anonce, key.nonce)
        if not fourway.mic_ok(version, key, ptk):
            return
        session.ptk, session.replay = ptk, session.replay + 1
        kdes = fourway.gtk_kde(0, self._gtk) + fourway.lifetime_kde(GTK_LIFETIME_S) + fourway.gtk_liveness_kde(1)
        data = fourway.encrypt_key_data(ptk, kdes)
        message_3 = KeyFrame(MESSAGE_3, 16, session.replay, session.anonce, key_data=data)
        self._say(supplicant, session, KmpId.FOUR_WAY, fourway.seal(EAPOL_VERSION, message_3, ptk))

    @staticmethod
    def _pmk(session: _Session) -> bytes:
        return tls.pmk(session.client_random, session.server_random)

    def _tls(self, supplicant: bytes, session: _Session, content: EapTls) -> None:
        session.identifier += 1
        self._eap(supplicant, session, encode_eap_tls(EapCode.REQUEST, session.identifier, content))

    def _eap(self, supplicant: bytes, session: _Session, eap: Eap) -> None:
        self._say(supplicant, session, KmpId.IEEE_802_1X, eap_pdu(eap))

    def _say(self, supplicant: bytes, session: _Session, kmp: int, pdu: bytes) -> None:
        session.last, session.repeats = (kmp, pdu), EAPOL_RETRANSMITS
        session.send(kmp, pdu)
        self._arm(supplicant, session)

    def _arm(self, supplicant: bytes, session: _Session) -> None:
        if session.timer is not None:
            session.timer.cancel()
        session.timer = self._agenda.after(EAPOL_RETRANSMIT_NS, lambda: self._repeat(supplicant, session))

    def _repeat(self, supplicant: bytes, session: _Session) -> None:
        if session.repeats == 0 or session.last is None:
            self._drop(supplicant)
            return
        session.repeats -= 1
        session.send(*session.last)
        self._arm(supplicant, session)

    def _drop(self, supplicant: bytes) -> None:
        session = self._sessions.pop(supplicant, None)
        if session is not None and session.timer is not None:
            session.timer.cancel()

    def forget(self) -> None:
        """RAM is gone."""
        for supplicant in tuple(self._sessions):
            self._drop(supplicant)
