"""scapy layers of 802.15.4 information elements: the framing, generic ones, and how their layers are found.

Framing after IEEE 802.15.4-2015 clauses 7.4.2 and 7.4.3 and the nested layout of 7.4.4.1: a little-endian word of
length, number and kind before the content. The layers of Wi-SUN's elements are in `wisun`, those of TSCH in
`tsch`, MPX in `mpx`.
"""

from __future__ import annotations

from typing import Any

from scapy.fields import BitField, PacketListField, XBitField, XByteField

from bench.air.errors import Malformed
from bench.air.mac.ies import HT1, HT2, MPX_GROUP, PAYLOAD_TERMINATION, WISUN_GROUP, WISUN_HEADER_ID
from bench.air.mac.mpx import decode_mpx
from bench.air.scapy_layers.base import Layer, Option, Rest, fields

HEADER_MASK, _GROUP_MASK, SHORT_MASK = 0x7F, 0x7FF, 0xFF


def head_word(octets: bytes) -> int:
    """The word that an element begins with; 0 where it is cut."""
    return int.from_bytes(octets[:2], "little") if len(octets) >= 2 else 0


class Element(Option):
    """Base of all elements: ``MASK`` are the bits of the length in the head word."""

    MASK = _GROUP_MASK

    @classmethod
    def octets(cls, data: bytes) -> int:
        return 2 + (head_word(data) & cls.MASK) if len(data) >= 2 else 2

    def with_length(self, pkt: bytes, octets: int) -> bytes:
        word = head_word(pkt) & ~self.MASK | octets - 2
        return word.to_bytes(2, "little") + pkt[2:]


def header_head(number: int) -> list[Any]:
    """Head of a header IE."""
    return [
        BitField("type", 0, 1, tot_size=-2),
        XBitField("id", number, 8),
        BitField("length", None, 7, end_tot_size=-2),
    ]


def group_head(number: int) -> list[Any]:
    """Head of a payload IE, and of a long nested element: kind 1, 4 bits of number, 11 of length."""
    return [
        BitField("type", 1, 1, tot_size=-2),
        XBitField("id", number, 4),
        BitField("length", None, 11, end_tot_size=-2),
    ]


def short_head(number: int) -> list[Any]:
    """Head of a short nested element."""
    return [
        BitField("type", 0, 1, tot_size=-2),
        XBitField("id", number, 7),
        BitField("length", None, 8, end_tot_size=-2),
    ]


class HeaderIe(Element):
    """A header IE whose content stays octets; also the terminations HT1 and HT2."""

    name = "Header IE"
    MASK = HEADER_MASK
    fields_desc = fields(*header_head(0), Rest("content", b""))


class WisunHeaderIe(Element):
    """Base of Wi-SUN header IEs; itself one with a sub-ID that has no layer here."""

    name = "Wi-SUN Header IE"
    MASK = HEADER_MASK
    fields_desc = fields(*header_head(WISUN_HEADER_ID), XByteField("sub_id", 0), Rest("content", b""))


class PayloadIe(Element):
    """A payload IE whose content stays octets; also the termination."""

    name = "Payload IE"
    fields_desc = fields(*group_head(PAYLOAD_TERMINATION), Rest("content", b""))


class WisunShortIe(Element):
    """Base of the short nested Wi-SUN elements; itself one that has no layer here."""

    name = "Wi-SUN Short IE"
    MASK = SHORT_MASK
    fields_desc = fields(*short_head(0), Rest("content", b""))


class WisunLongIe(Element):
    """Base of the long nested Wi-SUN elements; itself one that has no layer here."""

    name = "Wi-SUN Long IE"
    fields_desc = fields(*group_head(0), Rest("content", b""))


HEADER_LAYERS: dict[int, Layer] = {}
"""Layers of Wi-SUN header IEs by sub-ID."""
PLAIN_LAYERS: dict[int, Layer] = {}
"""Layers of header IEs that are not Wi-SUN's, by id."""
SHORT_LAYERS: dict[int, Layer] = {}
"""Layers of short nested elements by number."""
LONG_LAYERS: dict[int, Layer] = {}
"""Layers of long nested elements by number."""
GROUP_LAYERS: dict[int, Layer] = {}
"""Layers of payload IEs by group."""


def _nested(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    """The layer of the nested element at the start of ``octets``."""
    if not octets:
        return None
    word = head_word(octets)
    if word & 0x8000:
        return LONG_LAYERS.get(word >> 11 & 0xF, WisunLongIe)
    return SHORT_LAYERS.get(word >> 8 & 0x7F, WisunShortIe)


class WisunPayloadIe(Element):
    """The Wi-SUN payload IE with its nested elements."""

    name = "Wi-SUN Payload IE"
    fields_desc = fields(*group_head(WISUN_GROUP), PacketListField("elements", [], next_cls_cb=_nested))


GROUP_LAYERS[WISUN_GROUP] = WisunPayloadIe


def next_header_ie(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    """The layer of the header IE at the start of ``octets``; None after a termination and at the end."""
    if not octets or getattr(last, "id", None) in (HT1, HT2):
        return None
    word = head_word(octets)
    if word >> 7 & 0xFF != WISUN_HEADER_ID:
        return PLAIN_LAYERS.get(word >> 7 & 0xFF, HeaderIe)
    return HEADER_LAYERS.get(octets[2] if word & HEADER_MASK and len(octets) > 2 else -1, _wisun_header(word))


def _wisun_header(word: int) -> Layer:
    return WisunHeaderIe if word & HEADER_MASK else HeaderIe


def next_payload_ie(packet: Any, before: list[Any], last: Any, octets: bytes) -> Layer | None:
    """The layer of the payload IE at the start of ``octets``; None after the termination and at the end.

    None too for an MPX IE that ends the frame, since that carries the frame's payload and becomes its layer. One that
    `decode_mpx` does not read (of zero octets, say) stays octets.
    """
    if not octets or getattr(last, "id", None) == PAYLOAD_TERMINATION or ends_in_mpx(octets):
        return None
    group = head_word(octets) >> 11 & 0xF
    return GROUP_LAYERS.get(group, PayloadIe) if group != MPX_GROUP or _is_mpx(octets) else PayloadIe


def ends_in_mpx(octets: bytes) -> bool:
    """Whether ``octets`` are one MPX IE that can be read, and nothing else."""
    word = head_word(octets)
    return word >> 11 == 0x10 | MPX_GROUP and 2 + (word & _GROUP_MASK) == len(octets) and _is_mpx(octets)


def _is_mpx(octets: bytes) -> bool:
    """Whether the MPX IE at the start of ``octets`` has the head that its first octet asks for."""
    try:
        decode_mpx(octets[2 : Element.octets(octets)])
    except Malformed:
        return False
    return True
