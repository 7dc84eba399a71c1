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
    endian, unnamed, found = record.LAYOUT.endian, 0, []
    for column in record.LAYOUT.columns:
        if column.attribute in own:
            found.append(own[column.attribute])
            continue
        name = column.attribute
        if not name:
            unnamed += 1
            name = "reserved" if unnamed == 1 else f"reserved{unnamed}"
        found.append(_field(column, name, endian))
    return found


def _field(column: Column, name: str, endian: Endian) -> Any:
    default, octets = column.default, column.bits // 8
    if column.kind in (Kind.NUMBER, Kind.FLAG):
        return _number(column, name, int(default or 0), endian)
    if not column.bits:
        return Rest(name, default or b"")
    if column.kind is Kind.EUI64:
        return LinkAddress(name, lambda packet: octets, swapped=False)
    if column.kind is Kind.IPV6:
        return IP6Field(name, default or "::")
    return Octets(name, default or bytes(octets), length_from=lambda packet: octets)


def _number(column: Column, name: str, default: int, endian: Endian) -> Any:
    if column.names and column.bits == 8:
        return ByteEnumField(name, default, dict(column.names))
    if (endian, column.bits) in _NUMBERS:
        decimal, hexadecimal = _NUMBERS[endian, column.bits]
        hexadecimal_shown = column.digits or not column.attribute
        return (hexadecimal if hexadecimal_shown else decimal)(name, default)
    if endian == "big" or column.bits % 8:
        return BitField(name, default, column.bits)
    return Counted(name, default, column.bits // 8)
