"""The MLME payload IE (IEEE 802.15.4-2015 clause 7.4.4): names of what is nested, and the filter of an active scan.

HAN's enhanced beacons and enhanced beacon requests carry it. Its nested elements have the same framing as Wi-SUN's
(`ies.read_sub_ies`). What Wi-SUN HAN itself puts there (its pairing element) is not public and stays octets.
"""

from __future__ import annotations

from typing import ClassVar, Final

from bench.air.frozen import frozen
from bench.air.mac.ies import SubIe, read_sub_ies
from bench.air.octets import Reader

GROUP: Final = 0x1
"""Group id of the MLME payload IE."""

_LONG: Final = {0x9: "channel-hopping"}
_SHORT: Final = {
    0x1A: "TSCH-synchronization",
    0x1B: "TSCH-slotframe-link",
    0x1C: "TSCH-timeslot",
    0x1D: "hopping-timing",
    0x1E: "EB-filter",
    0x1F: "MAC-metrics",
    0x20: "all-MAC-metrics",
    0x21: "coexistence",
    0x22: "SUN-device-capabilities",
    0x23: "SUN-FSK-generic-PHY",
    0x24: "mode-switch-parameter",
    0x25: "PHY-parameter-change",
    0x26: "O-QPSK-PHY-mode",
    0x27: "PCA-allocation",
    0x28: "LECIM-DSSS-mode",
    0x29: "LECIM-FSK-mode",
    0x2B: "TVWS-PHY-mode",
    0x2C: "TVWS-device-capabilities",
    0x2D: "TVWS-device-category",
    0x2E: "TVWS-device-identification",
    0x2F: "TVWS-device-location",
    0x30: "TVWS-channel-query",
    0x31: "TVWS-channel-source",
    0x32: "CTM",
    0x33: "timestamp",
    0x34: "timestamp-difference",
    0x35: "TMCTP-specification",
    0x36: "RCC-PHY-mode",
}


@frozen
class EbFilter:
    """Who is to answer an enhanced beacon request (clause 7.4.4.6): None for a filter that is not set.

    ``permit_joining`` only those that let others join; ``min_lqi`` those that heard the request at least so well;
    ``percent`` each with that probability; ``attributes`` PIB attributes asked for, as a bit map.
    """

    ID: ClassVar[int] = 0x1E
    permit_joining: bool = False
    min_lqi: int | None = None
    percent: int | None = None
    attributes: bytes | None = None

    def sub_ie(self) -> SubIe:
        """The nested element. Raises ValueError for a bit map of more than 3 octets."""
        attributes = self.attributes or b""
        if len(attributes) > 3:
            raise ValueError(f"the bit map of attributes has at most 3 octets, not {len(attributes)}")
        bits = self.permit_joining | (self.min_lqi is not None) << 1 | (self.percent is not None) << 2
        values = bytes(value for value in (self.min_lqi, self.percent) if value is not None)
        return SubIe(self.ID, False, bytes((bits | len(attributes) << 3,)) + values + attributes)

    @classmethod
    def read(cls, content: bytes) -> EbFilter:
        """From the nested element's content; raises `Malformed`."""
        reader = Reader(content, "EB filter")
        bits = reader.u8()
        lqi = reader.u8() if bits & 2 else None
        percent = reader.u8() if bits & 4 else None
        count = bits >> 3 & 3
        found = cls(bool(bits & 1), lqi, percent, reader.take(count) if count else None)
        reader.done()
        return found


def name_of(element: SubIe) -> str:
    """The name of a nested element; ``MLME-68`` (its id in hex) where the standard has none."""
    return (_LONG if element.long else _SHORT).get(element.id, f"MLME-{element.id:02x}")


def names(content: bytes) -> tuple[str, ...]:
    """Names of all nested elements of an MLME IE. Raises `Malformed`."""
    return tuple(map(name_of, read_sub_ies(content)))
