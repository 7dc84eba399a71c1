"""The joining side of authentication: EAPOL key request, EAP-TLS (stand-in content), 4-way handshake, group keys.

A key request names what the node still holds (PMKID, PTKID, GTKL); the border router answers with as much as is needed:
EAP-TLS, the 4-way handshake, or a group key handshake under the PTK that both hold.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import attrs

from bench.air.errors import Malformed
from bench.air.keys import fourway
from bench.air.keys.eapol import (
    EAP_IDENTITY,
    EAP_TLS,
    GROUP_2,
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
from bench.air.keys.handshake import Kde
from bench.air.keys.table import GroupKey
from bench.air.mac.mpx import KmpId
from bench.air.wisun.frames import Nr
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol import tls_standin as tls
from bench.twin.mesh.eapol.flash import Flash, Pairwise
from bench.twin.mesh.timers import JoinTimers

EAPOL_VERSION = 3
IDENTITY = b"anonymous@kenshin.example"

Send = Callable[[int, bytes], None]


def eap_pdu(eap: Eap) -> bytes:
    """EAPOL octets of an EAP packet."""
    return encode_eapol(Eapol(EAPOL_VERSION, EapolType.EAP, eap=eap))


Given = Callable[[Sequence[GroupKey], int, bool], None]


class Supplicant:
    """Asks for group keys. ``given(keys, live, joined)`` gets the keys of a message and the bit mask of the PAN's live
    ones; ``joined`` is whether they answer a request. Asks again when the exchange stalls, ``failed()`` after three
    times. ``limited``: an LFN, which has LGTKs alone; ``given_lfn``: where a full-function node takes those, too."""

    TRIES = 3

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        eui64: bytes,
        timers: JoinTimers,
        flash: Flash,
        send: Send,
        given: Given,
        failed: Callable[[], None],
        *,
        limited: bool = False,
        given_lfn: Given | None = None,
    ) -> None:
        self._limited, self._given_lfn = limited, given_lfn
        self._agenda, self._rng, self._eui64, self._timers = agenda, rng, eui64, timers
        self._flash, self._send, self._given, self._failed = flash, send, given, failed
        self._pending: Call | None = None
        self.stop()

    @property
    def busy(self) -> bool:
        """A request is planned or under way."""
        return self._pending is not None

    def start(self, held: int = 0, delay_max_ns: int | None = None) -> None:
        """Send the first key request after a random delay, up to the profile's maximum unless said otherwise; ``held``
        is the bit mask of GTKs that it claims to hold."""
        self.stop()
        self._tries, self._held = self.TRIES, held
        longest = self._timers.first_key_max_ns if delay_max_ns is None else delay_max_ns
        self._later(self._rng.randrange(longest + 1), self._request)

    def stop(self) -> None:
        """Forget the exchange."""
        if self._pending is not None:
            self._pending.cancel()
        self._pending = None
        self._active = False
        self._tries = 0
        self._held = 0
        self._client_random = self._server_random = b""
        self._pmk = b""
        self._ptk: fourway.Ptk | None = None
        self._snonce = b""
        self._replay = -1

    def receive(self, pdu: Eapol, authenticator: bytes | None) -> None:
        """One EAPOL PDU from the network; ``authenticator`` is the EUI-64 of EA-IE."""
        try:
            if pdu.key is not None and not pdu.key.information & KeyInfo.PAIRWISE:
                self._on_group(pdu.version, pdu.key)
                return
            if not self._active:
                return
            self._later(self._timers.key_retry_ns, self._request)  # progress: the stall timer starts anew
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
        kdes = self._names() + self._holds() + fourway.node_role_kde(Nr.LFN if self._limited else Nr.ROUTER)
        self._send(KmpId.IEEE_802_1X, fourway.seal(EAPOL_VERSION, KeyFrame(REQUEST, key_data=kdes), None))
        self._later(self._timers.key_retry_ns, self._request)

    def _names(self) -> bytes:
        """KDEs that name the pairwise keys still held."""
        shared = self._flash.pairwise
        if shared is None:
            return b""
        pmkid = fourway.pmkid(shared.pmk, shared.authenticator, self._eui64)
        return fourway.pmkid_kde(pmkid) + fourway.ptkid_kde(
            fourway.ptkid(shared.ptk, shared.authenticator, self._eui64)
        )

    def _holds(self) -> bytes:
        """KDEs that name the group keys still held."""
        if self._limited:
            return fourway.lgtk_liveness_kde(self._held)
        holds = fourway.gtk_liveness_kde(self._held)
        return holds if self._given_lfn is None else holds + fourway.lgtk_liveness_kde(self._flash.lfn.held)

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
        if not key.information & KeyInfo.ACK or key.replay_counter < self._replay:
            return
        if not key.information & KeyInfo.MIC:
            self._on_message_1(key, authenticator)
        elif self._ptk is not None and fourway.mic_ok(version, key, self._ptk):
            self._replay = key.replay_counter
            kdes = _kdes(fourway.decrypt_key_data(self._ptk, key.key_data))
            found, live = _group_keys(kdes, "LGTK" if self._limited else "GTK")
            if found:
                self._flash.pairwise = Pairwise(authenticator, self._pmk, self._ptk, key.replay_counter)
                self._answer(KmpId.FOUR_WAY, KeyFrame(MESSAGE_4, replay_counter=key.replay_counter), self._ptk)
                self.stop()
                self._given(found, live, True)

    def _on_message_1(self, key: KeyFrame, authenticator: bytes) -> None:
        """The PMK is that of the EAP exchange before, or the one kept, whichever the message names."""
        kept = self._flash.pairwise
        fresh = tls.pmk(self._client_random, self._server_random) if self._server_random else b""
        named = [kde.data for kde in _kdes(key.key_data) if kde.name == "PMKID"]
        for pmk in filter(None, (fresh, kept.pmk if kept is not None else b"")):
            if not named or fourway.pmkid(pmk, authenticator, self._eui64) in named:
                self._replay, self._pmk = key.replay_counter, pmk
                self._snonce = self._snonce or self._rng.randbytes(32)
                self._ptk = fourway.derive_ptk(pmk, authenticator, self._eui64, key.nonce, self._snonce)
                message_2 = KeyFrame(MESSAGE_2, replay_counter=key.replay_counter, nonce=self._snonce)
                self._answer(KmpId.FOUR_WAY, message_2, self._ptk)
                return

    def _on_group(self, version: int, key: KeyFrame) -> None:
        """First message of a group key handshake (IEEE 802.11, 12.7.7); one repeated is answered again."""
        shared = self._flash.pairwise
        if shared is None or not key.information & KeyInfo.ACK or key.replay_counter < shared.replay:
            return
        if not fourway.mic_ok(version, key, shared.ptk):
            return
        kdes = _kdes(fourway.decrypt_key_data(shared.ptk, key.key_data))
        self._flash.pairwise = attrs.evolve(shared, replay=key.replay_counter)
        self._answer(KmpId.GROUP_KEY, KeyFrame(GROUP_2, replay_counter=key.replay_counter), shared.ptk)
        given = {"LGTK": self._given} if self._limited else {"GTK": self._given, "LGTK": self._given_lfn}
        for name, give in given.items():
            found, live = _group_keys(kdes, name)
            if found and give is not None:  # a message may bring an LGTK to a router that has no use for it
                asked = self._active
                if asked:
                    self.stop()
                give(found, live, asked)

    def _answer(self, kmp: int, key: KeyFrame, ptk: fourway.Ptk) -> None:
        self._send(kmp, fourway.seal(EAPOL_VERSION, key, ptk))


def _kdes(octets: bytes) -> list[Kde]:
    """Key data elements. Raises `Malformed`."""
    return [Kde(*each) for each in fourway.read_kdes(octets)]


def _group_keys(kdes: Sequence[Kde], name: str) -> tuple[list[GroupKey], int]:
    """GTKs or LGTKs among key data elements, and the bit mask of live ones (all, where the message does not say)."""
    live = next((kde.data[0] for kde in kdes if kde.name == f"{name}L" and kde.data), 0xFF)
    return [key for kde in kdes if kde.name == name and (key := kde.group_key) is not None], live
