"""A few words for people about EAPOL and EAP: names of a PDU's layers and what it says, in one line."""

from __future__ import annotations

from typing import Final

from bench.air.errors import Malformed
from bench.air.keys.eapol import (
    EAP_IDENTITY,
    EAP_TLS,
    Eap,
    EapCode,
    Eapol,
    EapolType,
    KeyFrame,
    decode_eap_tls,
    tls_records,
)

_INFORMATION_ENDS: Final = 3
_EAP: Final = {2: "notification", 3: "nak", 4: "MD5", 47: "PSK"}


def eapol_layers(pdu: Eapol) -> tuple[str, ...]:
    """Names of an EAPOL PDU's layers."""
    if pdu.key is not None:
        return ("eapol", "eapol-key")
    if pdu.eap is None:
        return ("eapol",)
    return ("eapol", "eap", "eap-tls") if pdu.eap.type == EAP_TLS else ("eapol", "eap")


def eapol(pdu: Eapol) -> str:
    """ "Key 3/4", "EAP-TLS request, Server Hello", "EAP success" ..."""
    if pdu.key is not None:
        return f"Key {pdu.key.message}"
    if pdu.eap is not None:
        return eap(pdu.eap)
    return _cut(pdu) or f"EAPOL type {pdu.type}"


def _cut(pdu: Eapol) -> str:
    """What stands at the beginning of a PDU that is not read to its end, "" for none."""
    if pdu.length is None or not pdu.body:
        return ""
    if pdu.type == EapolType.EAP and pdu.body[0] in set(EapCode):
        return f"EAP {EapCode(pdu.body[0]).name.lower()}"
    if pdu.type == EapolType.KEY and len(pdu.body) >= _INFORMATION_ENDS:
        return f"Key {KeyFrame(int.from_bytes(pdu.body[1:_INFORMATION_ENDS], 'big')).message}"
    return ""


def eap(packet: Eap) -> str:
    """ "EAP request, identity", "EAP success" ..."""
    code = EapCode(packet.code).name.lower() if packet.code in set(EapCode) else f"code {packet.code}"
    if packet.type == EAP_IDENTITY:
        return f"EAP {code}, identity"
    if packet.type != EAP_TLS:
        return f"EAP {code}" if packet.type is None else f"EAP {code}, {_EAP.get(packet.type, f'type {packet.type}')}"
    try:
        tls = decode_eap_tls(packet)
    except Malformed as error:
        return f"malformed: {error}"
    names = "start" if tls.start else ", ".join(tls_records(tls.data)) or ("goes on" if tls.data else "acknowledges")
    return f"EAP-TLS {code}, {names}"
