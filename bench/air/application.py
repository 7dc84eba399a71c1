"""What a UDP datagram carries, by its ports: the application protocols of FAN and HAN in one table.

EAPOL relay (UDP 10253) is not here: it belongs to the join, and `frame` reads it with the other EAPOL.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from bench.air import udp as ports
from bench.air.udp import Udp

if TYPE_CHECKING:
    from bench.air import coap, dhcpv6, echonet, pana

Message: TypeAlias = "dhcpv6.Message | dhcpv6.Relay | pana.Message | echonet.Message | echonet.Arbitrary | coap.Message"


@attrs.frozen(slots=True)
class Protocol:
    """A protocol over UDP: its ``layer`` in `Frame.layers`, its ``name`` for people, and the ``module`` that reads it,
    loaded with the first message: few captures hold more than one of these, and a short one is shown sooner."""

    layer: str
    name: str
    module: str

    def parse(self, payload: bytes) -> Message:
        """The message in a datagram's payload. Raises `Malformed`."""
        return self._loaded().parse(payload)  # type: ignore[no-any-return]

    def describe(self, message: Message) -> str:
        """One line about a message of this protocol."""
        return self._loaded().describe(message)  # type: ignore[no-any-return]

    def _loaded(self) -> Any:
        return import_module(f"bench.air.{self.module}")


_DHCPV6: Final = Protocol("dhcpv6", "DHCPv6", "dhcpv6")
PROTOCOLS: Final[Mapping[int, Protocol]] = {
    ports.DHCPV6_CLIENT_PORT: _DHCPV6,
    ports.DHCPV6_SERVER_PORT: _DHCPV6,
    ports.PANA_PORT: Protocol("pana", "PANA", "pana"),
    ports.ECHONET_PORT: Protocol("echonet-lite", "ECHONET Lite", "echonet"),
    ports.COAP_PORT: Protocol("coap", "CoAP", "coap"),
}
"""Protocols by UDP port."""


def protocol_of(udp: Udp) -> Protocol | None:
    """The protocol that the datagram's destination or source port stands for; None where neither is known."""
    return PROTOCOLS.get(udp.dst_port) or PROTOCOLS.get(udp.src_port)


def of(udp: Udp) -> Message | None:
    """The message in the datagram, None where its ports stand for nothing here. Raises `Malformed`."""
    protocol = protocol_of(udp)
    return None if protocol is None else protocol.parse(udp.payload)
