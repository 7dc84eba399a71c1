"""scapy layers of the MPX IE (IEEE 802.15.9) and of what it carries beside 6LoWPAN: KMP with EAPOL.

Where the MPX IE ends the frame, as Wi-SUN has it, it is the layer that follows the MAC's, and what it carries is its
payload. EAPOL, EAP and EAPOL-Key are scapy's own layers.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitEnumField,
    BitField,
    ByteEnumField,
    ByteField,
    ConditionalField,
    LEShortEnumField,
    LEShortField,
)
from scapy.layers.eap import EAPOL
from scapy.packet import Raw

from bench.air.mac.ies import MPX_GROUP
from bench.air.mac.mpx import KMP, LOWPAN, WISUN, KmpId, Transfer
from bench.air.scapy_layers.base import AirPacket, Layer, LinkAddress, fields
from bench.air.scapy_layers.ies import GROUP_LAYERS, Element, group_head
from bench.air.scapy_layers.wpan import NEXT

_IDS: Final = {KMP: "KMP", WISUN: "WISUN", LOWPAN: "6LoWPAN"}
_FRAGMENTS: Final = (Transfer.FRAGMENT, Transfer.LAST_FRAGMENT)


def _is_first(mpx: Any) -> bool:
    return bool(mpx.transfer == Transfer.FRAGMENT and mpx.fragment_number == 0)


class Kmp(AirPacket):
    """Id of a key management protocol; its EAPOL PDU follows."""

    name = "KMP"
    fields_desc = fields(ByteEnumField("kmp_id", int(KmpId.IEEE_802_1X), KmpId))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return EAPOL if self.kmp_id in set(KmpId) else Raw


class MpxIe(Element):
    """An MPX IE. ``total`` and ``multiplex_id`` stand in whole transfers' and first fragments' heads only."""

    name = "MPX IE"
    fields_desc = fields(
        *group_head(MPX_GROUP),
        BitField("transaction", 0, 5),
        BitEnumField("transfer", int(Transfer.FULL), 3, Transfer),
        ConditionalField(ByteField("fragment_number", 0), lambda mpx: mpx.transfer in _FRAGMENTS),
        ConditionalField(LEShortField("total", 0), _is_first),
        ConditionalField(
            LEShortEnumField("multiplex_id", LOWPAN, _IDS), lambda mpx: mpx.transfer == Transfer.FULL or _is_first(mpx)
        ),
    )

    def guess_payload_class(self, payload: bytes) -> Layer:
        if self.transfer not in (Transfer.FULL, Transfer.FULL_COMPRESSED):
            return Raw
        number = self.multiplex_id if self.transfer == Transfer.FULL else self.transaction
        return NEXT["6lowpan"] if number == LOWPAN else Kmp if number == KMP else Raw


class EapolRelay(AirPacket):
    """UDP payload between a parent and the border router: the supplicant's EUI-64, then KMP with its EAPOL PDU."""

    name = "EAPOL Relay"
    fields_desc = fields(LinkAddress("sup", lambda relay: 8, swapped=False))

    def guess_payload_class(self, payload: bytes) -> Layer:
        return Kmp


GROUP_LAYERS[MPX_GROUP] = MpxIe
NEXT["mpx"] = MpxIe
