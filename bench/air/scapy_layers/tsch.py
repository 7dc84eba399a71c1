"""scapy layers of the information elements that are not Wi-SUN's: TSCH beacons, 6P (RFC 8480), listening times.

What `tsch`, `sixtop`, `mlme` and `header_ies` read as records. Numbers are little-endian.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitField,
    ByteField,
    ConditionalField,
    FieldLenField,
    LEShortField,
    PacketListField,
    XBitField,
    XLEShortField,
)

from bench.air.mac import header_ies, mlme, sixtop, tsch
from bench.air.scapy_layers.base import Layer, Octets, Part, Rest, fields
from bench.air.scapy_layers.ies import (
    GROUP_LAYERS,
    HEADER_MASK,
    PLAIN_LAYERS,
    SHORT_MASK,
    Element,
    group_head,
    head_word,
    header_head,
    short_head,
)
from bench.air.scapy_layers.plain import content


class CslIe(Element):
    """When a receiver of coordinated sampled listening listens, in units of 10 symbols."""

    name = "CSL IE"
    MASK = HEADER_MASK
    fields_desc = fields(
        *header_head(header_ies.Csl.ID), LEShortField("phase", 0), LEShortField("period", 0), Rest("rendezvous", b"")
    )


class RitIe(Element):
    """When a receiver of receiver-initiated transmission listens."""

    name = "RIT IE"
    MASK = HEADER_MASK
    fields_desc = fields(*header_head(header_ies.Rit.ID), *content(header_ies.Rit))


class RendezvousIe(Element):
    """Time to the frame that a wake-up sequence announces."""

    name = "Rendezvous Time IE"
    MASK = HEADER_MASK
    fields_desc = fields(
        *header_head(header_ies.Rendezvous.ID), LEShortField("rendezvous", 0), LEShortField("interval", 0)
    )


class TimeCorrectionIe(Element):
    """How late a frame came: 12 bits of two's complement in µs, and whether it was refused (0x8000)."""

    name = "Time Correction IE"
    MASK = HEADER_MASK
    fields_desc = fields(*header_head(header_ies.TimeCorrection.ID), XLEShortField("sync", 0))

    @property
    def late_us(self) -> int:
        """How late, negative for early."""
        return int((self.sync & 0x7FF) - (self.sync & 0x800))


class MlmeShortIe(Element):
    """A short element nested in the MLME IE that has no layer here."""

    name = "MLME Short IE"
    MASK = SHORT_MASK
    fields_desc = fields(*short_head(0), Rest("content", b""))


class MlmeLongIe(Element):
    """A long one."""

    name = "MLME Long IE"
    fields_desc = fields(*group_head(0), Rest("content", b""))


class TschSynchronization(Element):
    """Absolute slot number and join metric."""

    name = "TSCH Synchronization IE"
    MASK = SHORT_MASK
    fields_desc = fields(*short_head(tsch.Synchronization.ID), *content(tsch.Synchronization))


class TschLink(Part):
    """A cell of a slotframe."""

    name = "TSCH Link"
    fields_desc = fields(*content(tsch.Link))


class TschSlotframe(Part):
    """A slotframe and the links in it."""

    name = "TSCH Slotframe"
    fields_desc = fields(
        ByteField("handle", 0),
        LEShortField("size", 0),
        FieldLenField("count", None, count_of="links", fmt="B"),
        PacketListField("links", [], TschLink, count_from=lambda frame: frame.count),
    )


class TschSlotframes(Element):
    """Slotframes and links."""

    name = "TSCH Slotframe and Link IE"
    MASK = SHORT_MASK
    fields_desc = fields(
        *short_head(tsch.Slotframes.ID),
        FieldLenField("count", None, count_of="slotframes", fmt="B"),
        PacketListField("slotframes", [], TschSlotframe, count_from=lambda element: element.count),
    )


class TschTimeslot(Element):
    """Template number; ``times`` as `tsch.Times` has them, in octets, unless it is the default template."""

    name = "TSCH Timeslot IE"
    MASK = SHORT_MASK
    fields_desc = fields(*short_head(tsch.Timeslot.ID), ByteField("template", 0), Rest("times", b""))


class TschHopping(Element):
    """Number of a hopping sequence; ``sequence`` spells it out, in octets."""

    name = "Channel Hopping IE"
    fields_desc = fields(*group_head(tsch.Hopping.ID), ByteField("sequence_id", 0), Rest("sequence", b""))


class MlmeEbFilter(Element):
    """Who is to answer an enhanced beacon request."""

    name = "Enhanced Beacon Filter IE"
    MASK = SHORT_MASK
    fields_desc = fields(
        *short_head(mlme.EbFilter.ID),
        BitField("reserved", 0, 3),
        BitField("attribute_octets", 0, 2),
        BitField("by_percent", 0, 1),
        BitField("by_lqi", 0, 1),
        BitField("permit_joining", 0, 1),
        ConditionalField(ByteField("min_lqi", 0), lambda found: found.by_lqi),
        ConditionalField(ByteField("percent", 0), lambda found: found.by_percent),
        Octets("attributes", b"", length_from=lambda found: found.attribute_octets),
    )


_SHORT: Final[dict[int, Layer]] = {
    tsch.Synchronization.ID: TschSynchronization,
    tsch.Slotframes.ID: TschSlotframes,
    tsch.Timeslot.ID: TschTimeslot,
    mlme.EbFilter.ID: MlmeEbFilter,
}


def _nested(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    """The layer of the nested element at the start of ``octets``."""
    if not octets:
        return None
    word = head_word(octets)
    if word & 0x8000:
        return TschHopping if word >> 11 & 0xF == tsch.Hopping.ID else MlmeLongIe
    return _SHORT.get(word >> 8 & 0x7F, MlmeShortIe)


class MlmeIe(Element):
    """The MLME payload IE with its nested elements."""

    name = "MLME Payload IE"
    fields_desc = fields(*group_head(mlme.GROUP), PacketListField("elements", [], next_cls_cb=_nested))


class IetfIe(Element):
    """The IETF payload IE (RFC 8137); with 6P in it where ``sub_id`` says so, else ``body`` is all the rest."""

    name = "IETF Payload IE"
    fields_desc = fields(
        *group_head(sixtop.GROUP),
        ByteField("sub_id", sixtop.SUB_ID),
        *(
            ConditionalField(field, lambda element: element.sub_id in (sixtop.SUB_ID, sixtop.DRAFT_SUB_ID))
            for field in (
                BitField("reserved", 0, 2),
                BitField("kind", sixtop.REQUEST, 2),
                XBitField("version", 0, 4),
                ByteField("code", 1),
                ByteField("function", 0),
                ByteField("sequence", 0),
            )
        ),
        Rest("body", b""),
    )


GROUP_LAYERS[mlme.GROUP] = MlmeIe
GROUP_LAYERS[sixtop.GROUP] = IetfIe
PLAIN_LAYERS.update({layer.fields_desc[1].default: layer for layer in (CslIe, RitIe, RendezvousIe, TimeCorrectionIe)})
