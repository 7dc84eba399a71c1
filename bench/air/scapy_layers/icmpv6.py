"""Which scapy layer an ICMPv6 message has: those of `nd` and `rpl` beside this, and scapy's own for echo and errors."""

from __future__ import annotations

from typing import Final

from scapy.fields import ByteField, XShortField
from scapy.packet import Raw

from bench.air.ip import icmpv6
from bench.air.rpl import messages as rpl
from bench.air.scapy_layers.base import Layer, Rest, fields
from bench.air.scapy_layers.ipv6 import CHOOSERS, Icmp6, lossless
from bench.air.scapy_layers.nd import ND_MESSAGES
from bench.air.scapy_layers.rpl import RPL_MESSAGES

_SCAPYS: Final = frozenset({1, 2, 3, 4, icmpv6.EchoRequest.TYPE, icmpv6.EchoReply.TYPE})


class Icmp6Other(Icmp6):
    """A message that is kept as octets."""

    name = "ICMPv6"
    fields_desc = fields(ByteField("type", 0), ByteField("code", 0), XShortField("cksum", None), Rest("body", b""))


def icmp6_layer(payload: bytes, other: Layer) -> Layer:
    """The layer of an ICMPv6 message; ``other`` is what scapy would take for it."""
    kind, code = payload[0], payload[1] if len(payload) > 1 else -1
    if kind == rpl.ICMPV6_TYPE:
        return RPL_MESSAGES.get(code, Icmp6Other)
    if kind in ND_MESSAGES and (code == 0 or kind > rpl.ICMPV6_TYPE):
        return ND_MESSAGES[kind]
    return Icmp6Other if kind not in _SCAPYS or lossless(other, payload) is Raw else other


CHOOSERS[icmpv6.PROTOCOL] = icmp6_layer
