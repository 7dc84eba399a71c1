"""What a UDP datagram carries, by its ports: the application protocols of FAN and HAN in one table.

EAPOL relay (UDP 10253) is not here: it belongs to the join, and `frame` reads it with the other EAPOL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs

from bench.air import coap, dhcpv6, echonet, pana
from bench.air.udp import Udp

Message: TypeAlias = "dhcpv6.Message | dhcpv6.Relay | pana.Message | echonet.Message | echonet.Arbitrary | coap.Message"


@attrs.frozen(slots=True)
class Protocol:
    """A protocol over UDP: its ``layer`` in `Frame.layers`, its ``name`` for people, how it is read."""

    layer: str
    name: str
    parse: Callable[[bytes], Message]


_DHCPV6: Final = Protocol("dhcpv6", "DHCPv6", dhcpv6.parse)
PROTOCOLS: Final[Mapping[int, Protocol]] = {
    dhcpv6.CLIENT_PORT: _DHCPV6,
    dhcpv6.SERVER_PORT: _DHCPV6,
    pana.PORT: Protocol("pana", "PANA", pana.parse),
    echonet.PORT: Protocol("echonet-lite", "ECHONET Lite", echonet.parse),
    coap.PORT: Protocol("coap", "CoAP", coap.parse),
}
"""Protocols by UDP port."""


def protocol_of(udp: Udp) -> Protocol | None:
    """The protocol that the datagram's destination or source port stands for; None where neither is known."""
    return PROTOCOLS.get(udp.dst_port) or PROTOCOLS.get(udp.src_port)


def of(udp: Udp) -> Message | None:
    """The message in the datagram, None where its ports stand for nothing here. Raises `Malformed`."""
    protocol = protocol_of(udp)
    return None if protocol is None else protocol.parse(udp.payload)
