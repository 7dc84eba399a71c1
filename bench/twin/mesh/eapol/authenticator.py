"""The border router's side of authentication: one session a supplicant, direct or over an EAPOL relay.

What a key request names decides how much is done: with a PTK that both hold, a group key handshake for each GTK that
the supplicant lacks; with a PMK, the 4-way handshake; else EAP-TLS before it (seen in the capture ``mix-twk1``).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.keys import fourway
from bench.air.keys.eapol import (
    EAP_IDENTITY,
    GROUP_1,
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
from bench.air.keys.handshake import Kde
from bench.air.mac.mpx import KmpId
from bench.air.wisun.frames import Nr
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol import tls_standin as tls
from bench.twin.mesh.eapol.flash import Flash, KeyRing, Pairwise
from bench.twin.mesh.eapol.supplicant import EAPOL_VERSION, Send, eap_pdu
from bench.twin.mesh.timers import EAPOL_RETRANSMIT_NS, EAPOL_RETRANSMITS

_KDES: Final = (
    (fourway.gtk_liveness_kde, fourway.gtk_kde),
    (fourway.lgtk_liveness_kde, fourway.lgtk_kde),
)
"""Which keys are live, and a key, by ring."""


@attrs.define(slots=True)
class _Session:
    send: Send
    held: dict[int, int]
    """Bit mask of the slots held, by ring: GTKs (0), LGTKs (1)."""
    rings: tuple[int, ...] = (0,)
    identifier: int = 1
    client_random: bytes = b""
    server_random: bytes = b""
    pmk: bytes = b""
    anonce: bytes = b""
    ptk: fourway.Ptk | None = None
    replay: int = 0
    slot: tuple[int, int] = (0, 0)
    """Ring and slot of the key given last."""
    last: tuple[int, bytes] | None = None
    repeats: int = 0
    timer: Call | None = None


class Authenticator:
    """Gives the GTKs in ``flash`` to every supplicant that completes the (stand-in) handshake, and LGTKs where there
    are any: to an LFN those alone. ``eui64`` is the border router's; ``lifetime_s`` and ``lfn_lifetime_s`` say how long
    the key of a slot lives. Pairwise keys are kept over a power cut."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        flash: Flash,
        lifetime_s: Callable[[int], int],
        lfn_lifetime_s: Callable[[int], int] | None = None,
    ) -> None:
        self._agenda, self._rng, self._eui64 = agenda, rng, eui64
        self._rings: tuple[KeyRing, KeyRing] = (flash, flash.lfn)
        self._lifetimes_s = (lifetime_s, lfn_lifetime_s or lifetime_s)
        self._sessions: dict[bytes, _Session] = {}
        self._shared: dict[bytes, Pairwise] = {}

    def assume(self, supplicant: bytes, rng: random.Random) -> Pairwise:
        """Pairwise keys of a node that was authenticated long ago; the node keeps the same."""
        pmk, *nonces = (rng.randbytes(32) for _ in range(3))
        ptk = fourway.derive_ptk(pmk, self._eui64, supplicant, *nonces)
        self._shared[supplicant] = shared = Pairwise(self._eui64, pmk, ptk, 0)
        return shared

    def receive(self, supplicant: bytes, pdu: Eapol, send: Send) -> None:
        """One PDU of a supplicant; ``send(kmp_id, pdu)`` is the way back to it."""
        key = pdu.key
        try:
            if key is not None and key.information & KeyInfo.REQUEST:
                self._on_request(supplicant, key, send)
                return
            known = self._sessions.get(supplicant)
            if known is None:
                return
            known.send = send
            if pdu.eap is not None and pdu.eap.code == EapCode.RESPONSE and pdu.eap.identifier == known.identifier:
                self._on_response(supplicant, known, pdu.eap)
            elif key is not None:
                self._on_key(supplicant, known, pdu.version, key)
        except Malformed:
            return

    def _on_request(self, supplicant: bytes, request: KeyFrame, send: Send) -> None:
        said = {kde.name: kde.data for kde in (Kde(*each) for each in fourway.read_kdes(request.key_data))}
        self._drop(supplicant)
        held = {ring: (said.get(name) or b"\0")[0] for ring, name in enumerate(("GTKL", "LGTKL"))}
        limited = said.get("NR") == bytes((Nr.LFN,))
        if limited and not self._rings[1].gtks:
            return
        session = self._sessions[supplicant] = _Session(send, held, (1,) if limited else (0, 1))
        shared = self._shared.get(supplicant)
        if shared is not None and said.get("PTKID") == fourway.ptkid(shared.ptk, self._eui64, supplicant):
            session.ptk, session.replay = shared.ptk, shared.replay
            self._next_group_key(supplicant, session)
        elif shared is not None and said.get("PMKID") == fourway.pmkid(shared.pmk, self._eui64, supplicant):
            session.pmk = shared.pmk
            self._message_1(supplicant, session)
        else:
            self._eap(supplicant, session, Eap(EapCode.REQUEST, session.identifier, EAP_IDENTITY))

    def _on_response(self, supplicant: bytes, session: _Session, eap: Eap) -> None:
        if eap.type == EAP_IDENTITY:
            self._tls(supplicant, session, EapTls(start=True))
            return
        flight = decode_eap_tls(eap).data
        if tls.is_alert(flight):
            self._eap(supplicant, session, Eap(EapCode.FAILURE, session.identifier))
            self._drop(supplicant)
        elif not flight:
            self._eap(supplicant, session, Eap(EapCode.SUCCESS, session.identifier))
            session.pmk = tls.pmk(session.client_random, session.server_random)
            self._message_1(supplicant, session)
        elif tls.is_hello(flight):
            session.client_random = tls.random_of(flight)
            session.server_random = self._rng.randbytes(tls.RANDOM_OCTETS)
            self._tls(supplicant, session, EapTls(tls.server_flight(session.server_random)))
        else:
            self._tls(supplicant, session, EapTls(tls.server_finish(session.server_random)))

    def _message_1(self, supplicant: bytes, session: _Session) -> None:
        session.anonce = self._rng.randbytes(32)
        data = fourway.pmkid_kde(fourway.pmkid(session.pmk, self._eui64, supplicant))
        key = KeyFrame(MESSAGE_1, 16, session.replay, session.anonce, key_data=data)
        self._say(supplicant, session, KmpId.FOUR_WAY, fourway.seal(EAPOL_VERSION, key, None))

    def _on_key(self, supplicant: bytes, session: _Session, version: int, key: KeyFrame) -> None:
        """Message 2 proves that the supplicant holds the PMK and earns a GTK; message 4, and the second message of a
        group key handshake, that it has it."""
        if key.replay_counter != session.replay:
            return
        if key.information & KeyInfo.SECURE:
            if session.ptk is not None and fourway.mic_ok(version, key, session.ptk):
                self._has_key(supplicant, session, session.ptk)
            return
        if not session.anonce:
            return
        ptk = fourway.derive_ptk(session.pmk, self._eui64, supplicant, session.anonce, key.nonce)
        if not fourway.mic_ok(version, key, ptk):
            return
        session.ptk, session.held = ptk, {0: 0, 1: 0}
        self._give(supplicant, session, MESSAGE_3, KmpId.FOUR_WAY)

    def _has_key(self, supplicant: bytes, session: _Session, ptk: fourway.Ptk) -> None:
        pmk = session.pmk or self._shared[supplicant].pmk
        self._shared[supplicant] = Pairwise(self._eui64, pmk, ptk, session.replay)
        ring, slot = session.slot
        session.held[ring] |= 1 << slot
        self._next_group_key(supplicant, session)

    def _lacking(self, session: _Session) -> tuple[int, int] | None:
        """Ring and slot of the next key to give: of a ring the one in use, or else the first that is lacking."""
        for ring in session.rings:
            lacking = [slot for slot in self._rings[ring].gtks if not session.held[ring] >> slot & 1]
            if lacking:
                active = self._rings[ring].active
                return ring, active if active is not None and active in lacking else min(lacking)
        return None

    def _next_group_key(self, supplicant: bytes, session: _Session) -> None:
        """A group key handshake for a key that the supplicant lacks; the session ends where it lacks none."""
        if self._lacking(session) is not None:
            self._give(supplicant, session, GROUP_1, KmpId.GROUP_KEY)
        else:
            self._drop(supplicant)

    def _give(self, supplicant: bytes, session: _Session, information: int, kmp: int) -> None:
        """GTKL, GTK, lifetime, as real stacks do, or the same of an LGTK."""
        lacking = self._lacking(session)
        assert session.ptk is not None
        assert lacking is not None
        session.slot = number, slot = lacking
        ring = self._rings[number]
        session.replay += 1
        live, key = _KDES[number]
        kdes = live(ring.held) + key(slot, ring.gtks[slot]) + fourway.lifetime_kde(self._lifetimes_s[number](slot))
        data = fourway.encrypt_key_data(session.ptk, kdes)
        key_octets, nonce = (16, session.anonce) if kmp == KmpId.FOUR_WAY else (0, bytes(32))
        message = KeyFrame(information, key_octets, session.replay, nonce, key_data=data)
        self._say(supplicant, session, kmp, fourway.seal(EAPOL_VERSION, message, session.ptk))

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
