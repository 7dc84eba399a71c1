"""A few words for people about a frame: names of its layers, what its IEs and its EAPOL say (`describe`: IPv6)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bench.air import ipv6, rpl, rpl_dco, rpl_p2p
from bench.air.eapol import EAP_IDENTITY, EAP_TLS, Eap, EapCode, Eapol, decode_eap_tls, tls_records
from bench.air.errors import Malformed
from bench.air.extensions import (
    DestinationOptions,
    FragmentHeader,
    HopByHop,
    RoutingHeader,
    SourceRoute,
)
from bench.air.ipv6 import Packet
from bench.air.octets import printable
from bench.air.rpl_secured import Secured
from bench.air.udp import Udp
from bench.air.wisun import Element, Jm, LfnVersion, NetName, Opaque, Pan, PanVersion, Rsl

IPV6_FRAGMENT: Final = "ipv6-fragment"
"""The layer of a fragment, and of a packet that one completes."""
_EAP: Final = {2: "notification", 3: "nak", 4: "MD5", 47: "PSK"}
_HEADERS: Final = {
    HopByHop: "hop-by-hop",
    DestinationOptions: "destination-options",
    SourceRoute: "source-route",
    RoutingHeader: "routing",
    FragmentHeader: IPV6_FRAGMENT,
}


def element_name(element: Element | Opaque) -> str:
    """The name of an IE in `Frame.ies`."""
    return element.name if isinstance(element, Opaque) else element.NAME


def elements(found: Iterable[Element | Opaque]) -> str:
    """What the IEs of a frame without payload say: network name, PAN size, cost, load and versions; level of an ACK."""
    words: list[str] = []
    for element in found:
        if isinstance(element, NetName):
            words.append(f"name {printable(element.name)}")
        elif isinstance(element, Pan):
            words.append(f"size {element.size}, cost {element.routing_cost}")
        elif isinstance(element, PanVersion):
            words.append(f"version {element.version}")
        elif isinstance(element, LfnVersion):
            words.append(f"LFN version {element.version}")
        elif isinstance(element, Jm):
            words.extend(
                f"load {data[0]} %" for number, data in element.metrics if number == Jm.LOAD and len(data) == 1
            )
        elif isinstance(element, Rsl):
            words.append(f"heard at {element.dbm} dBm")
    return ", ".join(words)


def packet_layers(packet: Packet) -> tuple[str, ...]:
    """Names of an IPv6 packet's layers, from the outside in, tunnels followed."""
    names: list[str] = []
    for inner in ipv6.chain(packet):
        names.append("ipv6")
        names.extend(_HEADERS[type(header)] for header in inner.headers)
    upper = ipv6.innermost(packet).upper
    if isinstance(upper, Udp):
        names.append("udp")
    elif not isinstance(upper, (bytes, Packet)):
        names.append("icmpv6")
        if isinstance(upper, (rpl.Message, rpl_dco.Message, rpl_p2p.Message, Secured)):
            names.append("rpl")
    return tuple(names)


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
    return f"EAPOL type {pdu.type}" if pdu.eap is None else eap(pdu.eap)


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
