"""Fields of an EAPOL-Key frame as opened: whether its MIC is right, and the key data elements in it.

Elements of 802.11 have Wireshark's names; it does not read Wi-SUN's own, nor opens any that is encrypted, so those
names (and the verdict) are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench.air.fields.base import Field, Table, Tables, eui64, flag, number, octets, u8, u16, u32, words
from bench.air.keys.fourway import RSN_OUI
from bench.air.keys.handshake import Kde, KeyMessage

_TITLES: Final = {
    "GTK": "group key",
    "PMKID": "name of the PMK",
    "lifetime": "of the key beside",
    "PTKID": "name of the PTK",
    "GTKL": "group keys that the sender holds",
    "NR": "node role",
    "LGTKL": "LFN group keys that the sender holds",
    "LGTK": "LFN group key",
}
_VERDICTS: Final = {"ok": "MIC ok", "bad": "MIC bad", "no key": "MIC not checked, no key", "none": "no MIC"}
_ROLES: Final = {0: "border router", 1: "router", 2: "LFN"}
_SLOT_BITS: Final = 0x03
_TX_BIT: Final = 0x04
_KEY_FROM: Final = 2
"""A group key stands behind the octet with its slot and a reserved one."""


def _content(*names: str, least: int = 1) -> Callable[[Kde], bytes | None]:
    """The data of an element of one of these names, where it has so many octets at least."""
    return lambda kde: kde.data if kde.name in names and len(kde.data) >= least else None


def _first(name: str, mask: int = 0xFF) -> Callable[[Kde], int | None]:
    """Bits of the first octet of an element of that name."""
    get = _content(name)
    return lambda kde: None if (data := get(kde)) is None else data[0] & mask


def _bit(name: str, mask: int) -> Callable[[Kde], bool | None]:
    get = _first(name, mask)
    return lambda kde: None if (found := get(kde)) is None else bool(found)


def _key(name: str) -> Callable[[Kde], bytes | None]:
    get = _content(name, least=_KEY_FROM + 1)
    return lambda kde: None if (data := get(kde)) is None else data[_KEY_FROM:]


def _holds(element: str, key: str, count: int) -> tuple[Field, ...]:
    """One flag a group key: whether the sender holds it."""
    name = f"wisun.kde.{element.lower()}"

    return (
        number(name, "Held", _first(element), digits=2),
        *(flag(f"{name}.{key.lower()}{place}", f"{key}{place}", _bit(element, 1 << place)) for place in range(count)),
    )


def _lifetime(kde: Kde) -> int | None:
    data = _content("lifetime", least=4)(kde)
    return None if data is None else int.from_bytes(data[:4], "big")


def _unnamed(kde: Kde) -> bytes | None:
    return None if kde.name in _TITLES else kde.data or None


TABLES: Final[Tables] = {
    KeyMessage: Table(
        "eapol.key_message",
        lambda message: f"Key message {message.message}: {_VERDICTS[message.mic]}",
        (
            words("eapol.key_message.mic", "MIC of the key frame", "mic"),
            eui64("eapol.key_message.supplicant", "Supplicant", "supplicant"),
            eui64("eapol.key_message.authenticator", "Authenticator", "authenticator"),
        ),
        lambda message: message.kdes,
    ),
    Kde: Table(
        "wisun.kde",
        lambda kde: f"{kde.name} element: {_TITLES[kde.name]}" if kde.name in _TITLES else f"Element {kde.name}",
        (
            u16("wlan.rsn.ie.kde.data_type", "Type", lambda kde: kde.type if kde.oui == RSN_OUI else None),
            number("wisun.kde.type", "Type", lambda kde: None if kde.oui == RSN_OUI else kde.type),
            octets("wlan.rsn.ie.pmkid", "PMKID", _content("PMKID")),
            octets("wisun.kde.ptkid", "PTKID", _content("PTKID")),
            u8("wlan.rsn.ie.gtk_kde.key_id", "Key id (slot)", _first("GTK", _SLOT_BITS)),
            flag("wlan.rsn.ie.gtk_kde.tx", "To send with", _bit("GTK", _TX_BIT)),
            octets("wlan.rsn.ie.gtk_kde.gtk", "GTK", _key("GTK")),
            number("wisun.kde.lgtk.key_id", "Key id (slot)", _first("LGTK", _SLOT_BITS)),
            octets("wisun.kde.lgtk.key", "LGTK", _key("LGTK")),
            u32("wlan.rsn.ie.key_lifetime_kde.lifetime", "Lifetime", _lifetime, unit="s"),
            *_holds("GTKL", "GTK", 4),
            *_holds("LGTKL", "LGTK", 3),
            number("wisun.kde.role", "Role", _first("NR"), names=_ROLES),
            octets("wisun.kde.data", "Data", _unnamed),
        ),
    ),
}
