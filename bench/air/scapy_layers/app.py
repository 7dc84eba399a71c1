"""scapy layers of what HAN and FAN nodes say over UDP: PANA (RFC 5191), ECHONET Lite, CoAP (RFC 7252).

scapy's own CoAP layer (a contrib) is not taken: it does not build every message that it dissects. DHCPv6 is scapy's.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitEnumField,
    BitField,
    BitFieldLenField,
    ConditionalField,
    FieldLenField,
    IntField,
    PacketListField,
    ShortEnumField,
    ShortField,
    X3BytesField,
    XByteEnumField,
    XByteField,
    XIntField,
    XShortField,
)
from scapy.layers.inet import UDP
from scapy.packet import bind_layers

from bench.air.app import echonet, pana
from bench.air.ip.udp import COAP_PORT
from bench.air.scapy_layers.base import AirPacket, Layer, Octets, Part, Rest, fields

_VENDOR: Final = 0x8000
_SPECIFIED: Final = 0x81
_TWO_LISTS: Final = (echonet.Esv.SETGET, echonet.Esv.SETGET_RES, echonet.Esv.SETGET_SNA)
_MARKER: Final = 0xFF


class PanaAvp(Part):
    """An attribute-value pair; ``padding`` fills it up to four octets and follows from the value while it is None."""

    name = "PANA AVP"
    fields_desc = fields(
        ShortEnumField("code", pana.Code.EAP_PAYLOAD, {code.value: code.name for code in pana.Code}),
        XShortField("flags", 0),
        ShortField("length", None),
        XShortField("reserved", 0),
        ConditionalField(IntField("vendor", 0), lambda avp: avp.flags & _VENDOR),
        Octets("value", b"", length_from=lambda avp: avp.length),
        Octets("padding", None, length_from=lambda avp: -avp.length % 4),  # type: ignore[arg-type]
    )

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = pkt[:4] + len(self.value).to_bytes(2, "big") + pkt[6:]
        return pkt + (bytes(-len(self.value) % 4) if self.padding is None else b"") + pay


def _next_avp(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return PanaAvp if octets else None


class Pana(AirPacket):
    """A PANA message; ``flags`` as `pana.Flag` has them."""

    name = "PANA"
    fields_desc = fields(
        XShortField("reserved", 0),
        ShortField("length", None),
        XShortField("flags", 0),
        ShortEnumField("type", pana.MessageType.AUTH, {kind.value: kind.name for kind in pana.MessageType}),
        XIntField("session_id", 0),
        XIntField("sequence", 0),
        PacketListField("avps", [], next_cls_cb=_next_avp, length_from=lambda message: message.length - 16),
    )

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = pkt[:2] + len(pkt).to_bytes(2, "big") + pkt[4:]
        return pkt + pay


class EchonetProperty(Part):
    """A property: its code and data."""

    name = "ECHONET Property"
    fields_desc = fields(
        XByteField("epc", 0xD5),
        FieldLenField("pdc", None, length_of="edt", fmt="B"),
        Octets("edt", b"", length_from=lambda found: found.pdc),
    )


def _specified(message: Any) -> bool:
    return bool(message.ehd2 == _SPECIFIED)


def _two_lists(message: Any) -> bool:
    return _specified(message) and message.esv in _TWO_LISTS


class EchonetLite(AirPacket):
    """An ECHONET Lite frame; ``gets`` is the second list of SetGet services, ``data`` all of an arbitrary format."""

    name = "ECHONET Lite"
    fields_desc = fields(
        XByteField("ehd1", 0x10),
        XByteField("ehd2", _SPECIFIED),
        XShortField("tid", 0),
        ConditionalField(X3BytesField("seoj", 0x05FF01), _specified),
        ConditionalField(X3BytesField("deoj", 0x028801), _specified),
        ConditionalField(
            XByteEnumField("esv", echonet.Esv.GET, {esv.value: esv.name for esv in echonet.Esv}), _specified
        ),
        ConditionalField(FieldLenField("opc", None, count_of="properties", fmt="B"), _specified),
        ConditionalField(
            PacketListField("properties", [], EchonetProperty, count_from=lambda message: message.opc), _specified
        ),
        ConditionalField(FieldLenField("opc_get", None, count_of="gets", fmt="B"), _two_lists),
        ConditionalField(
            PacketListField("gets", [], EchonetProperty, count_from=lambda message: message.opc_get), _two_lists
        ),
        ConditionalField(Rest("data", b""), lambda message: not _specified(message)),
    )


def _extended(nibble: int) -> int:
    """Octets that a nibble of an option's head announces."""
    return {13: 1, 14: 2}.get(nibble, 0)


def _number(nibble: int, more: bytes) -> int:
    """The number that a nibble and its further octets stand for (RFC 7252, 3.1)."""
    return nibble if nibble < 13 else int.from_bytes(more, "big") + (13 if nibble == 13 else 269)


class CoapOption(Part):
    """An option as sent: ``delta`` counts from the option before it; `number` is what it comes to."""

    name = "CoAP Option"
    fields_desc = fields(
        BitField("delta", 0, 4),
        BitField("length", 0, 4),
        Octets("more_delta", b"", length_from=lambda option: _extended(option.delta)),
        Octets("more_length", b"", length_from=lambda option: _extended(option.length)),
        Octets("value", b"", length_from=lambda option: _number(option.length, option.more_length)),
    )

    @property
    def step(self) -> int:
        """What the option's number is above that of the one before."""
        return _number(self.delta, self.more_delta)

    @classmethod
    def make(cls, step: int, value: bytes) -> CoapOption:
        """The option ``step`` above the one before it, its lengths in the shortest form."""
        nibbles, more = zip(*map(_shortest, (step, len(value))), strict=True)
        return cls(delta=nibbles[0], length=nibbles[1], more_delta=more[0], more_length=more[1], value=value)


def _shortest(number: int) -> tuple[int, bytes]:
    if number < 13:
        return number, b""
    return (13, bytes((number - 13,))) if number < 269 else (14, (number - 269).to_bytes(2, "big"))


def _next_option(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    return CoapOption if octets and octets[0] != _MARKER else None


class Coap(AirPacket):
    """A CoAP message; ``content`` is the marker 0xff and the payload, where it has one."""

    name = "CoAP"
    fields_desc = fields(
        BitField("version", 1, 2),
        BitEnumField("type", 0, 2, {0: "CON", 1: "NON", 2: "ACK", 3: "RST"}),
        BitFieldLenField("token_length", None, 4, length_of="token"),
        XByteField("code", 1),
        XShortField("message_id", 0),
        Octets("token", b"", length_from=lambda message: message.token_length),
        PacketListField("options", [], next_cls_cb=_next_option),
        Rest("content", b""),
    )

    @property
    def numbers(self) -> list[int]:
        """The options' numbers, in order."""
        found, number = [], 0
        for option in self.options:
            number += getattr(option, "step", 0)
            found.append(number)
        return found


APPLICATIONS: Final[dict[int, Layer]] = {pana.PORT: Pana, echonet.PORT: EchonetLite, COAP_PORT: Coap}
"""Layers by UDP port."""

for _port, _layer in APPLICATIONS.items():
    bind_layers(UDP, _layer, dport=_port)
    bind_layers(UDP, _layer, sport=_port)
