"""The fields of a scapy layer from a record's layout (`layout.Layout`): the same names, widths and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from scapy.fields import (
    BitField,
    ByteEnumField,
    ByteField,
    IntField,
    IP6Field,
    LEShortField,
    ShortField,
    XByteField,
    XIntField,
    XLEShortField,
    XShortField,
)

from bench.air.layout import Column, Endian, Kind, Plain
from bench.air.scapy_layers.base import Counted, LinkAddress, Octets, Rest

_NUMBERS: Final[Mapping[tuple[Endian, int], tuple[Any, Any]]] = {
    ("big", 8): (ByteField, XByteField),
    ("little", 8): (ByteField, XByteField),
    ("big", 16): (ShortField, XShortField),
    ("little", 16): (LEShortField, XLEShortField),
    ("big", 32): (IntField, XIntField),
}
"""scapy's fields of a number, shown decimal and hexadecimal."""


def content(record: type[Plain], **own: Any) -> list[Any]:
    """The fields of a record's layout in order; ``own`` are those, by attribute, that the layer has in their place."""
    layout = record.LAYOUT
    return [own.get(column.attribute) or _field(column, layout.endian) for column in layout.columns]


def _field(column: Column, endian: Endian) -> Any:
    name, default, octets = column.attribute, column.default, column.bits // 8
    if column.kind in (Kind.NUMBER, Kind.FLAG):
        return _number(column, int(default or 0), endian)
    if not column.bits:
        return Rest(name, default or b"")
    if column.kind is Kind.EUI64:
        return LinkAddress(name, lambda packet: octets, swapped=False)
    if column.kind is Kind.IPV6:
        return IP6Field(name, default or "::")
    return Octets(name, default or bytes(octets), length_from=lambda packet: octets)


def _number(column: Column, default: int, endian: Endian) -> Any:
    name = column.attribute
    if column.names and column.bits == 8:
        return ByteEnumField(name, default, dict(column.names))
    if (endian, column.bits) in _NUMBERS:
        decimal, hexadecimal = _NUMBERS[endian, column.bits]
        return (hexadecimal if column.digits else decimal)(name, default)
    if endian == "big" or column.bits % 8:
        return BitField(name, default, column.bits)
    return Counted(name, default, column.bits // 8)
