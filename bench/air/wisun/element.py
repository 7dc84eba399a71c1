"""What every Wi-SUN information element is: a record with a name, a number, a place, and a codec of its content."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Final, Literal, Self

from bench.air.frozen import frozen
from bench.air.layout import Plain


class WisunFrameType(IntEnum):
    """Frame type in UTT-IE and LUTT-IE; the names are the ``kind`` of a decoded frame."""

    PA = 0
    PAS = 1
    PC = 2
    PCS = 3
    DATA = 4
    ACK = 5
    EAPOL = 6
    LPA = 9
    LPAS = 10
    LPC = 11
    LPCS = 12
    LTS = 13
    EXT = 15


FRAME_TYPES: Final = {kind.value: kind.name for kind in WisunFrameType}
FRAME_TYPES_THEIRS: Final = {
    0: "PAN Advertisement",
    1: "PAN Advertisement Solicit",
    2: "PAN Configuration",
    3: "PAN Configuration Solicit",
    5: "Acknowledgment",
    9: "LFN PAN Advertisement",
    10: "LFN PAN Advertisement Solicit",
    11: "LFN PAN Configuration",
    12: "LFN PAN Configuration Solicit",
    13: "LFN Time Synchronization",
    15: "Reserved (Extended Type)",
}
"""Wireshark's names of the frame types."""


Form = Literal["header", "short", "long"]
"""Where an element stands: Wi-SUN header IE, or short or long element nested in the Wi-SUN payload IE."""


@frozen
class Element:
    """Base of all Wi-SUN elements. ``NAME`` is what `Frame.ies` shows, ``SUB_ID`` its number within its ``FORM``."""

    NAME: ClassVar[str]
    SUB_ID: ClassVar[int]
    FORM: ClassVar[Form]

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """The element of its content (after the sub-ID). Raises `Malformed`."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Content octets, without the sub-ID."""
        raise NotImplementedError


@frozen
class PlainElement(Element, Plain):
    """An element of a layout; what stands behind that is of a later edition and left alone."""

    @classmethod
    def decode(cls, content: bytes) -> Self:
        return cls(*cls.LAYOUT.read(content, f"{cls.NAME}-IE", exact=False))

    def encode(self) -> bytes:
        return self.LAYOUT.write(self)
