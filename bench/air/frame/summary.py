"""A few words for people about a frame: its layers, what its IEs say (IPv6: `describe`, EAPOL: `keys.words`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import (
    DestinationOptions,
    FragmentHeader,
    HopByHop,
    RoutingHeader,
    SourceRoute,
)
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.octets import printable
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.secured import Secured
from bench.air.wisun.frames import Element, Jm, LfnVersion, NetName, Opaque, Pan, PanVersion, Rsl

IPV6_FRAGMENT: Final = "ipv6-fragment"
"""The layer of a fragment, and of a packet that one completes."""
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
            told = (("size", element.size), ("cost", element.routing_cost))
            words.extend(f"{name} {value}" for name, value in told if value != Pan.UNKNOWN)
        elif isinstance(element, PanVersion):
            words.append(f"version {element.version}")
        elif isinstance(element, LfnVersion):
            words.append(f"LFN version {element.version}")
        elif isinstance(element, Jm):
            loads = (Jm.load_of(*metric) for metric in element.metrics)
            words.extend(f"load {load} %" for load in loads if load is not None)
        elif isinstance(element, Rsl):
            words.append("level not measured" if element.dbm is None else f"heard at {element.dbm} dBm")
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
