"""The border router's side of authentication: one session a supplicant, direct or over an EAPOL relay."""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from bench.air.eapol import EAP_IDENTITY, EAP_TLS, Eap, EapCode, Eapol, KeyFrame, encode_eapol
from bench.twin.kernel import Call
from bench.twin.mesh import handshake as hs
from bench.twin.mesh import tls_standin as tls
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.supplicant import EAP_PACKET, KMP_4WH, KMP_8021X, Send
from bench.twin.mesh.timers import EAPOL_RETRANSMIT_NS, EAPOL_RETRANSMITS

CLIENT_HELLO_OCTETS_MAX = 200
"""A response with less TLS than this is a ClientHello, with more the client's certificate flight."""


@attrs.define(slots=True)
class _Session:
    send: Send
    identifier: int = 1
    client_random: bytes = b""
    server_random: bytes = b""
    anonce: bytes = b""
    ptk: hs.Ptk | None = None
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
        if key is not None and key.information & hs.REQUEST:
            self._drop(supplicant)
            session = self._sessions[supplicant] = _Session(send)
            self._eap(supplicant, session, EapCode.REQUEST, EAP_IDENTITY)
            return
        session_ = self._sessions.get(supplicant)
        if session_ is None:
            return
        session_.send = send
        if pdu.eap is not None and pdu.eap.code == EapCode.RESPONSE and pdu.eap.identifier == session_.identifier:
            self._on_response(supplicant, session_, pdu.eap)
        elif key is not None:
            self._on_key(supplicant, session_, pdu, key)

    def _on_response(self, supplicant: bytes, session: _Session, eap: Eap) -> None:
        session.identifier += 1
        if eap.type == EAP_IDENTITY:
            self._eap(supplicant, session, EapCode.REQUEST, EAP_TLS, b"\x20")
            return
        flight = eap.data[1:]
        if not flight:
            session.identifier -= 1
            session.anonce = self._rng.randbytes(32)
            self._eap(supplicant, session, EapCode.SUCCESS)
            self._message_1(supplicant, session)
        elif len(flight) < CLIENT_HELLO_OCTETS_MAX:
            session.client_random = tls.random_of(flight)
            session.server_random = self._rng.randbytes(tls.RANDOM_OCTETS)
            self._eap(supplicant, session, EapCode.REQUEST, EAP_TLS, b"\0" + tls.server_flight(session.server_random))
        else:
            self._eap(supplicant, session, EapCode.REQUEST, EAP_TLS, b"\0" + tls.server_finish(session.server_random))

    def _pmk(self, session: _Session) -> bytes:
        return tls.pmk(session.client_random, session.server_random)

    def _message_1(self, supplicant: bytes, session: _Session) -> None:
        data = hs.kde(hs.KDE_PMKID, hs.pmkid(self._pmk(session), self._eui64, supplicant))
        bits = hs.VERSION_SHA1_AES | hs.PAIRWISE | hs.ACK
        key = KeyFrame(bits, 16, session.replay, session.anonce, key_data=data)
        self._say(supplicant, session, KMP_4WH, hs.key_pdu(key))

    def _on_key(self, supplicant: bytes, session: _Session, pdu: Eapol, key: KeyFrame) -> None:
        if key.replay_counter != session.replay or not session.anonce:
            return
        if key.information & hs.SECURE:
            if session.ptk is not None and hs.mic_ok(pdu, session.ptk.kck):
                self._drop(supplicant)
            return
        ptk = hs.ptk(self._pmk(session), self._eui64, supplicant, session.anonce, key.nonce)
        if not hs.mic_ok(pdu, ptk.kck):
            return
        session.ptk, session.replay = ptk, session.replay + 1
        bits = hs.VERSION_SHA1_AES | hs.PAIRWISE | hs.INSTALL | hs.ACK | hs.MIC | hs.SECURE | hs.ENCRYPTED
        data = hs.wrap(ptk.kek, hs.gtk_kdes(self._gtk))
        message_3 = KeyFrame(bits, 16, session.replay, session.anonce, key_data=data)
        self._say(supplicant, session, KMP_4WH, hs.key_pdu(message_3, ptk.kck))

    def _eap(
        self, supplicant: bytes, session: _Session, code: EapCode, kind: int | None = None, data: bytes = b""
    ) -> None:
        eap = Eap(code, session.identifier, kind, data)
        self._say(supplicant, session, KMP_8021X, encode_eapol(Eapol(hs.EAPOL_VERSION, EAP_PACKET, eap=eap)))

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
