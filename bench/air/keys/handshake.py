"""Key handshakes followed and opened: with the PMKs known, who proved to hold which, and the group keys handed out.

The 4-way handshake (IEEE 802.11, 12.7.6) makes a PTK of a PMK, both EUI-64s and both nonces; the PTK's parts check and
open the messages after it, the group key handshake (12.7.7) too. The authenticator, the border router, is seldom the
frame's sender: its EUI-64 comes from EA-IE, a relay's datagram or a direct message, and PMKID tells which one it is.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from bench.air.frozen import frozen
from bench.air.keys import fourway
from bench.air.keys.eapol import KeyFrame, KeyInfo
from bench.air.keys.fourway import RSN_OUI, WISUN_OUI, Ptk
from bench.air.keys.table import GroupKey

_NAMES: Final = {
    (RSN_OUI, 1): "GTK",
    (RSN_OUI, 4): "PMKID",
    (RSN_OUI, 7): "lifetime",
    (WISUN_OUI, 1): "PTKID",
    (WISUN_OUI, 2): "GTKL",
    (WISUN_OUI, 3): "NR",
    (WISUN_OUI, 4): "LGTKL",
    (WISUN_OUI, 5): "LGTK",
}
_SUPPLICANTS: Final = 4096
_AUTHENTICATORS: Final = 16
"""Kept at most, the newest: a capture may hold anything, and each costs a trial."""
_FIRST_INDEX: Final = {"GTK": 1, "LGTK": 5}
_FROM_SUPPLICANT: Final = frozenset(("request", "2/4", "4/4", "group 2/2"))


@frozen
class Kde:
    """A key data element: ``name`` as "GTK", "PMKID" ..., or OUI and type in hex where it is not known."""

    oui: bytes
    type: int
    data: bytes

    @property
    def name(self) -> str:
        return _NAMES.get((self.oui, self.type), f"{self.oui.hex()}-{self.type:02x}")

    @property
    def group_key(self) -> GroupKey | None:
        """The key in a GTK or LGTK element (slot, a reserved octet, 16 octets); its network name is not in it."""
        first = _FIRST_INDEX.get(self.name)
        if first is None or len(self.data) != 18:
            return None
        return GroupKey(first + (self.data[0] & 3), self.data[2:])


@frozen
class KeyMessage:
    """What one EAPOL-Key frame says. ``mic``: "ok", "bad", "no key" (no PMK fits) or "none" (the frame has none);
    ``kdes`` are those in clear, and the encrypted ones where ``mic`` is "ok"."""

    message: str
    supplicant: bytes
    authenticator: bytes | None = None
    mic: str = "none"
    kdes: tuple[Kde, ...] = ()

    @property
    def group_keys(self) -> tuple[GroupKey, ...]:
        """The GTKs and LGTKs handed out."""
        return tuple(key for kde in self.kdes if (key := kde.group_key) is not None)


@attrs.define(slots=True)
class _State:
    """Where one supplicant's handshake is."""

    pmkid: bytes | None = None
    anonce: bytes | None = None
    snonce: bytes | None = None
    ptk: Ptk | None = None
    authenticator: bytes | None = None


def from_supplicant(key: KeyFrame) -> bool:
    """Whether the supplicant sends such a message (else the authenticator does)."""
    return key.message in _FROM_SUPPLICANT


class Handshakes:
    """Follows the handshakes of all supplicants of a capture, in its order."""

    def __init__(self, pmks: Iterable[bytes] = ()) -> None:
        self._pmks = tuple(pmks)
        self._states: OrderedDict[bytes, _State] = OrderedDict()
        self._authenticators: OrderedDict[bytes, None] = OrderedDict()

    def know(self, pmks: Iterable[bytes]) -> None:
        """More PMKs; a handshake that has begun is tried with them from its next message on."""
        self._pmks = tuple(dict.fromkeys((*self._pmks, *pmks)))

    def heard_authenticator(self, eui64: bytes) -> None:
        """A node that may be the authenticator."""
        self._authenticators[eui64] = None
        self._authenticators.move_to_end(eui64)
        if len(self._authenticators) > _AUTHENTICATORS:
            self._authenticators.popitem(last=False)

    def open(self, version: int, key: KeyFrame, supplicant: bytes) -> KeyMessage:
        """What a key frame of or to ``supplicant`` (EUI-64) says; ``version`` is its 802.1X version.

        Raises `Malformed` where its key data is no list of elements."""
        state = self._state(supplicant)
        self._nonces(state, key)
        mic = self._verify(state, version, key, supplicant)
        data = b""
        if not key.information & KeyInfo.ENCRYPTED:
            data = key.key_data
        elif mic == "ok" and state.ptk is not None and key.key_data:
            data = fourway.decrypt_key_data(state.ptk, key.key_data)
        kdes = tuple(Kde(*element) for element in fourway.read_kdes(data))
        if key.message == "1/4":
            state.pmkid = next((kde.data for kde in kdes if kde.name == "PMKID"), None)
        authenticator = state.authenticator if mic == "ok" else None
        return KeyMessage(key.message, supplicant, authenticator, mic, kdes)

    def _state(self, supplicant: bytes) -> _State:
        state = self._states.setdefault(supplicant, _State())
        self._states.move_to_end(supplicant)
        if len(self._states) > _SUPPLICANTS:
            self._states.popitem(last=False)
        return state

    @staticmethod
    def _nonces(state: _State, key: KeyFrame) -> None:
        if key.message in ("1/4", "3/4"):
            state.anonce = key.nonce
        elif key.message == "2/4":
            state.snonce = key.nonce

    def _verify(self, state: _State, version: int, key: KeyFrame, supplicant: bytes) -> str:
        if not key.information & KeyInfo.MIC:
            return "none"
        if state.ptk is not None and fourway.mic_ok(version, key, state.ptk):
            return "ok"
        if key.message not in ("2/4", "3/4", "4/4"):
            return "no key" if state.ptk is None else "bad"
        named = False
        for ptk, authenticator in self._trials(state, supplicant):
            named = state.pmkid is not None
            if fourway.mic_ok(version, key, ptk):
                state.ptk, state.authenticator = ptk, authenticator
                return "ok"
        return "bad" if named else "no key"

    def _trials(self, state: _State, supplicant: bytes) -> Iterator[tuple[Ptk, bytes]]:
        """PTKs that this handshake may have made: those of the PMK that its PMKID names, of every PMK without one."""
        if state.anonce is None or state.snonce is None:
            return
        for authenticator in reversed(self._authenticators):
            for pmk in self._pmks:
                name = fourway.pmkid(pmk, authenticator, supplicant)
                if state.pmkid is None or hmac.compare_digest(name, state.pmkid):
                    yield fourway.derive_ptk(pmk, authenticator, supplicant, state.anonce, state.snonce), authenticator
