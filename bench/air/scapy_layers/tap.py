"""scapy layer of link type 283: the 802.15.4 TAP header and its TLVs (jkcko/ieee802.15.4-tap 1.2), before a frame.

All little-endian. The kinds are those of `link.Tlv`; each TLV is filled up to 4 octets, and what stands behind the
value is kept in ``fill``.
"""

from __future__ import annotations

from typing import Any

from scapy.fields import ByteEnumField, ByteField, Field, LEShortEnumField, LEShortField, PacketListField, XStrField

from bench.air.capture.link import FcsType, Tlv
from bench.air.scapy_layers.base import AirPacket, Counted, Layer, Octets, Option, fields


class Fill(XStrField):
    """What follows the value: by default the zeros that a TLV needs to end on a multiple of 4."""

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + (bytes(-len(s) % 4) if val is None else val)


class TapTlv(Option):
    """A TLV; the layers of the known kinds are made from the table below."""

    name = "TAP TLV"
    fields_desc = fields(LEShortEnumField("type", 0, Tlv), LEShortField("length", 0))

    @classmethod
    def octets(cls, data: bytes) -> int:
        end = 4 + int.from_bytes(data[2:4], "little")
        return max(end, min(end + 3 & ~3, len(data)))

    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **kargs: Any) -> Layer:
        return TAP_TLVS.get(int.from_bytes(_pkt[:2], "little"), TapOpaque) if _pkt else cls


class TapOpaque(TapTlv):
    """A TLV whose value stays octets: PHY_HEADER, and kinds without a name here."""

    fields_desc = fields(
        LEShortEnumField("type", int(Tlv.PHY_HEADER), Tlv),
        LEShortField("length", None),
        Octets("value", b"", length_from=lambda tlv: tlv.length),
        Fill("fill", None),
    )

    def with_length(self, pkt: bytes, octets: int) -> bytes:
        return pkt[:2] + len(self.value).to_bytes(2, "little") + pkt[4:]


def _float(name: str) -> Field[Any, Any]:
    return Field(name, 0.0, "<f")


def _layer(kind: Tlv, octets: int, *fields: Any) -> tuple[int, Layer]:
    head = [LEShortEnumField("type", int(kind), Tlv), LEShortField("length", octets)]
    body = {"name": f"TAP {kind.name}", "fields_desc": [*head, *fields, Fill("fill", None)]}
    return int(kind), type("Tap" + kind.name.title().replace("_", ""), (TapTlv,), body)


TAP_TLVS: dict[int, Layer] = dict(
    (
        _layer(Tlv.FCS_TYPE, 1, ByteEnumField("fcs_type", 2, FcsType)),
        _layer(Tlv.RSS, 4, _float("rss")),
        _layer(Tlv.BIT_RATE, 4, Counted("bit_rate", 0, 4)),
        _layer(Tlv.CHANNEL, 3, LEShortField("channel", 0), ByteField("page", 9)),
        _layer(Tlv.SUN_PHY, 3, ByteField("band", 0), ByteField("phy_type", 0), ByteField("mode", 0)),
        _layer(Tlv.START_OF_FRAME, 8, Counted("start_ns", 0, 8)),
        _layer(Tlv.END_OF_FRAME, 8, Counted("end_ns", 0, 8)),
        _layer(Tlv.ASN, 8, Counted("asn", 0, 8)),
        _layer(Tlv.SLOT_START, 8, Counted("slot_start_ns", 0, 8)),
        _layer(Tlv.SLOT_LENGTH, 4, Counted("slot_us", 0, 4)),
        _layer(Tlv.LQI, 1, ByteField("lqi", 0)),
        _layer(Tlv.FREQUENCY, 4, _float("khz")),
        _layer(Tlv.CHANNEL_PLAN, 10, _float("ch0_khz"), _float("spacing_khz"), LEShortField("channels", 0)),
    )
)
"""Layers by kind."""


class WpanTap(AirPacket):
    """TAP header; the frame is its payload, whose FCS length the FCS type TLV says."""

    name = "802.15.4 TAP"
    fields_desc = fields(
        ByteField("version", 0),
        ByteField("reserved", 0),
        LEShortField("length", None),
        PacketListField("tlvs", [], TapTlv, length_from=lambda tap: tap.length - 4),
    )

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = pkt[:2] + len(pkt).to_bytes(2, "little") + pkt[4:]
        return pkt + pay

    @property
    def fcs_octets(self) -> int:
        """Octets of the frame's FCS: 0 where no TLV says so, as TAP defines it."""
        kind = next((tlv.fcs_type for tlv in self.tlvs if tlv.getfieldval("type") == Tlv.FCS_TYPE), 0)
        return FcsType(kind).octets if kind in set(FcsType) else 0

    def value(self, name: str) -> Any:
        """The value of the first TLV with a field of that name (``rss``, ``channel``, ``start_ns`` ...), or None."""
        return next((tlv.getfieldval(name) for tlv in self.tlvs if name in tlv.fields), None)
