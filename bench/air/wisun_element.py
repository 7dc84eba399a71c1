"""What every Wi-SUN information element is: a record with a name, a number, a place, and a codec of its content."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar, Literal, Self

import attrs

from bench.air.octets import Reader


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


Form = Literal["header", "short", "long"]
"""Where an element stands: Wi-SUN header IE, or short or long element nested in the Wi-SUN payload IE."""


@attrs.frozen(slots=True)
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


@attrs.frozen(slots=True)
class Fixed(Element):
    """An element of little-endian unsigned fields; ``WIDTHS`` are their octets, in the order of the record."""

    WIDTHS: ClassVar[tuple[int, ...]]

    @classmethod
    def decode(cls, content: bytes) -> Self:
        reader = Reader(content, f"{cls.NAME}-IE")
        return cls(*(reader.le(width) for width in cls.WIDTHS))

    def encode(self) -> bytes:
        values: tuple[int, ...] = attrs.astuple(self)
        return b"".join(value.to_bytes(width, "little") for value, width in zip(values, self.WIDTHS, strict=True))
