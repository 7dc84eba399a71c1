"""What a UDP datagram carries, by its ports: the application protocols of FAN and HAN in one table.

EAPOL relay (UDP 10253) is not here: it belongs to the join, and `frame.decoder` reads it with the other EAPOL.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.ip import udp as ports
from bench.air.ip.udp import Udp

if TYPE_CHECKING:
    from bench.air.app import coap, echonet, pana
    from bench.air.ip import dhcpv6

Message: TypeAlias = "dhcpv6.Message | dhcpv6.Relay | pana.Message | echonet.Message | echonet.Arbitrary | coap.Message"


@frozen
class Protocol:
    """A protocol over UDP: its ``layer`` in `Frame.layers`, its ``name`` for people, and the ``module`` that reads it,
    loaded with the first message: few captures hold more than one of these, and a short one is shown sooner."""

    layer: str
    name: str
    module: str

    def parse(self, payload: bytes) -> Message:
        """The message in a datagram's payload, up to an option that breaks. Raises `Malformed` for what is before."""
        return self._loaded().parse(payload)  # type: ignore[no-any-return]

    def describe(self, message: Message) -> str:
        """One line about a message of this protocol, and what of it cannot be read."""
        module = self._loaded()
        wrong = module.trouble(message)
        return f"{module.describe(message)} [malformed: {wrong}]" if wrong else str(module.describe(message))

    def _loaded(self) -> Any:
        return import_module(self.module)


_DHCPV6: Final = Protocol("dhcpv6", "DHCPv6", "bench.air.ip.dhcpv6")
PROTOCOLS: Final[Mapping[int, Protocol]] = {
    ports.DHCPV6_CLIENT_PORT: _DHCPV6,
    ports.DHCPV6_SERVER_PORT: _DHCPV6,
    ports.PANA_PORT: Protocol("pana", "PANA", "bench.air.app.pana"),
    ports.ECHONET_PORT: Protocol("echonet-lite", "ECHONET Lite", "bench.air.app.echonet"),
    ports.COAP_PORT: Protocol("coap", "CoAP", "bench.air.app.coap"),
}
"""Protocols by UDP port."""


def protocol_of(udp: Udp) -> Protocol | None:
    """The protocol that the datagram's destination or source port stands for; None where neither is known."""
    return PROTOCOLS.get(udp.dst_port) or PROTOCOLS.get(udp.src_port)


def of(udp: Udp) -> Message | None:
    """The message in the datagram, None where its ports stand for nothing here. Raises `Malformed`."""
    protocol = protocol_of(udp)
    return None if protocol is None else protocol.parse(udp.payload)
