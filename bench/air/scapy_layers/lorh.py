"""scapy layers of the 6LoWPAN routing headers (RFC 8138) in page 1 of the paging dispatch (RFC 8025).

What `sixlorh` reads as records. The IPv6 packet behind them is shown as its IPHC has it: what these headers stand for
stays in their layers.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import BitField, ByteField, ConditionalField, XBitField, XByteField
from scapy.packet import Raw

from bench.air.lowpan import sixlorh
from bench.air.scapy_layers.base import AirPacket, Layer, Octets, fields
from bench.air.scapy_layers.lowpan import NEXT_LOWPAN, lowpan_layer

_CRITICAL, _ELECTIVE = 0b100, 0b101
_HOP_OCTETS: Final = (1, 2, 4, 8, 16)


def lorh_layer(payload: bytes) -> Layer:
    """The layer at the start of what stands in page 1."""
    if not sixlorh.is_header(payload[0]):
        return lowpan_layer(payload)
    kind = payload[1] if len(payload) > 1 else -1
    if payload[0] >> 5 == _ELECTIVE:
        return LorhIpInIp if kind == sixlorh.IpInIp.TYPE else LorhElective
    if 0 <= kind < len(_HOP_OCTETS):
        return LorhSourceRoute
    return LorhPacketInformation if kind == sixlorh.PacketInformation.TYPE else Raw


class _Lorh(AirPacket):
    """Base of the headers; another one may follow each."""

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lorh_layer(payload)


class LowpanPaging(_Lorh):
    """Paging dispatch: what follows is read by the rules of that page; those of page 1 are known."""

    name = "6LoWPAN Paging"
    fields_desc = fields(XBitField("dispatch", 0b1111, 4), BitField("page", 1, 4))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return lorh_layer(payload) if self.page == 1 else Raw


class LorhSourceRoute(_Lorh):
    """SRH-6LoRH: ``count`` + 1 addresses of the hops to come, cut to what ``type`` says."""

    name = "SRH-6LoRH"
    fields_desc = fields(
        BitField("dispatch", _CRITICAL, 3),
        BitField("count", 0, 5),
        ByteField("type", 0),
        Octets("hops", b"", length_from=lambda header: (header.count + 1) * _HOP_OCTETS[header.type]),
    )


class LorhPacketInformation(_Lorh):
    """RPI-6LoRH: ``i`` leaves the instance out, ``k`` the lower octet of the rank."""

    name = "RPI-6LoRH"
    fields_desc = fields(
        BitField("dispatch", _CRITICAL, 3),
        BitField("down", 0, 1),
        BitField("rank_error", 0, 1),
        BitField("forwarding_error", 0, 1),
        BitField("i", 0, 1),
        BitField("k", 0, 1),
        ByteField("type", sixlorh.PacketInformation.TYPE),
        ConditionalField(ByteField("instance_id", 0), lambda header: not header.i),
        Octets("rank", bytes(2), length_from=lambda header: 1 if header.k else 2),
    )

    @property
    def sender_rank(self) -> int:
        """The rank in full."""
        return int.from_bytes(self.rank.ljust(2, b"\0"), "big")


def _elective_head(kind: int) -> list[Any]:
    return fields(BitField("dispatch", _ELECTIVE, 3), BitField("length", 1, 5), XByteField("type", kind))


class LorhIpInIp(_Lorh):
    """IP-in-IP-6LoRH: a tunnel's hop limit, and the end of its source's address."""

    name = "IP-in-IP-6LoRH"
    fields_desc = fields(
        *_elective_head(sixlorh.IpInIp.TYPE),
        ByteField("hop_limit", 64),
        Octets("encapsulator", b"", length_from=lambda header: header.length - 1),
    )


class LorhElective(_Lorh):
    """Another elective header, which who does not know it skips."""

    name = "Elective 6LoRH"
    fields_desc = fields(*_elective_head(7), Octets("data", b"\0", length_from=lambda header: header.length))


NEXT_LOWPAN[0b1111] = LowpanPaging
