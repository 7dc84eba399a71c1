"""Layouts against octets written down by hand: order of octets and bits, widths, tails, damage, what does not fit."""

from __future__ import annotations

from typing import Any

import pytest

from bench.air.errors import Malformed
from bench.air.fields.base import Kind, node, table
from bench.air.layout import Plain, eui64, flag, ipv6, number, part, plain, prefix, rest, u8, u16, u24, unused
from bench.air.octets import Reader
from bench.air.scapy_layers.base import Part
from bench.air.scapy_layers.plain import content


@plain("t.big", "Big", air=("head", "reserved", "yes", "low", "reserved2", "host", "wide", "tail"))
class Big(Plain):
    """Every kind of column, in another order than the record's."""

    wide: int = u24("t.wide", "Wide")
    host: bytes = ipv6("t.host", "Host")
    tail: bytes = prefix("t.tail", "Tail")
    head: int = u8(inner={0x80: ("t.top", "Top"), 0x0E: ("t.middle", "Middle")})
    yes: bool = flag("t.yes", "Yes", default=True)
    low: int = number(4, "t.low", "Low", default=9)
    reserved: int = unused(3)
    reserved2: int = unused(16)


@plain("t.little", "Little", endian="little")
class Little(Plain):
    """As IEEE 802.15.4 sends: lowest octet first, but highest bit first within one."""

    two: int = u16("t.two", "Two", digits=4)
    bits: int = number(3, "t.bits", "Bits")
    rest_of_bits: int = number(5, "t.rest", "Rest")
    three: int = u24("t.three", "Three")
    who: bytes = eui64("t.who", "Who")


def _pairs(reader: Reader) -> tuple[int, ...]:
    return tuple(reader.u16() for _ in range(reader.left // 2))


@plain("t.nested", "Nested")
class Nested(Plain):
    """A tail with a codec of its own."""

    kind: int = u8()
    pairs: tuple[int, ...] = part(_pairs, lambda pairs: b"".join(pair.to_bytes(2, "big") for pair in pairs))


HOST = bytes(range(16))
BIG = bytes.fromhex("8a 19 0000") + HOST + bytes.fromhex("010203 fd00")
LITTLE = bytes.fromhex("3412 a1 030201 0011223344556677")
VECTORS: list[tuple[Plain, bytes]] = [
    (Big(0x010203, HOST, b"\xfd\x00", 0x8A), BIG),
    (Little(0x1234, 5, 1, 0x010203, bytes.fromhex("0011223344556677")), LITTLE),
    (Nested(7, (1, 0x203)), bytes.fromhex("07 0001 0203")),
]


@pytest.mark.parametrize(("record", "octets"), VECTORS)
def test_a_record_is_its_octets(record: Plain, octets: bytes) -> None:
    assert record.encode() == octets
    assert type(record).decode(octets) == record


def test_a_flag_is_a_truth_value() -> None:
    assert Big.decode(BIG).yes is True
    assert Big.decode(BIG[:1] + b"\x09" + BIG[2:]).yes is False


@pytest.mark.parametrize("octets", range(len(LITTLE)))
def test_what_is_cut_is_malformed(octets: int) -> None:
    with pytest.raises(Malformed, match=rf"^t\.little: 14 octets wanted, {octets} there$"):
        Little.decode(LITTLE[:octets])


def test_what_is_left_over_is_malformed_unless_a_later_edition_may_have_written_it() -> None:
    with pytest.raises(Malformed, match=r"^t\.little: 2 octets too many$"):
        Little.decode(LITTLE + b"xx")
    assert Little(*Little.LAYOUT.read(LITTLE + b"xx", "it", exact=False)) == Little.decode(LITTLE)


@pytest.mark.parametrize(
    "record",
    [
        Big(1 << 24, HOST, b"", 0),
        Big(0, HOST, b"", -1),
        Big(0, HOST, b"", 0, True, 16),
        Big(0, HOST[1:], b"", 0),
        Little(0, 0, 0, 0, b"\0" * 9),
    ],
)
def test_what_does_not_fit_is_refused(record: Plain) -> None:
    with pytest.raises(ValueError, match=r"none of 0 to|octets, not"):
        record.encode()


@plain("t.wrong", "Wrong")
class Wrong(Plain):
    seven: int = number(7)


@plain("t.early", "Early")
class Early(Plain):
    tail: bytes = rest()
    one: int = u8()


@pytest.mark.parametrize("record", [Wrong, Early])
def test_columns_fill_octets(record: type[Plain]) -> None:
    """Told when the layout is first asked for; `test_plain_records` asks every record of the project."""
    with pytest.raises(ValueError, match=rf"^t\.{record.__name__.lower()}: the columns do not fill octets$"):
        _ = record.LAYOUT


def test_equal_are_records_of_one_kind_with_the_same_values() -> None:
    one = Big.decode(BIG)
    assert one == Big.decode(BIG)
    assert hash(one) == hash(Big.decode(BIG))
    assert one != Big.decode(BIG[:-1])
    another: object = Little.decode(LITTLE)
    assert one != another
    assert {one: 1}[Big.decode(BIG)] == 1


def test_a_record_tells_its_values() -> None:
    assert repr(Early(b"\x01", 2)) == r"Early(tail=b'\x01', one=2)"


def test_rows_are_those_of_the_columns_and_of_bits_in_them() -> None:
    found = node(Big.decode(BIG), {Big: table(Big)})
    assert (found.name, found.title) == ("t.big", "Big")
    assert [(field.name, field.kind, value) for field, value in found.values] == [
        ("t.top", Kind.FLAG, True),
        ("t.middle", Kind.NUMBER, 5),
        ("t.yes", Kind.FLAG, True),
        ("t.low", Kind.NUMBER, 9),
        ("t.host", Kind.IPV6, HOST),
        ("t.wide", Kind.NUMBER, 0x010203),
        ("t.tail", Kind.IPV6, b"\xfd" + bytes(15)),
    ]
    assert {field.name: field.greatest for field, _ in found.values if field.kind is Kind.NUMBER} == {
        "t.middle": 0xFF,
        "t.low": 0xFF,
        "t.wide": 0xFFFFFF,
    }


def test_a_prefix_of_no_octets_has_no_row() -> None:
    found = node(Big.decode(BIG[:-2]), {Big: table(Big)})
    assert "t.tail" not in {field.name for field, _ in found.values}


@pytest.mark.parametrize(("record", "octets"), VECTORS[:2])
def test_the_scapy_layer_has_the_same_fields(record: Any, octets: bytes) -> None:
    layer = type("Of", (Part,), {"name": "Of", "fields_desc": content(type(record))})
    packet = layer(octets)
    assert bytes(layer(**packet.fields)) == octets
    numbers = {name: value for name, value in packet.fields.items() if isinstance(value, int) and hasattr(record, name)}
    assert numbers == {name: getattr(record, name) for name in numbers}
    assert len(numbers) == (6 if isinstance(record, Big) else 4)


def test_bits_without_a_meaning_are_kept() -> None:
    octets = BIG[:1] + bytes.fromhex("f9 dead") + BIG[4:]
    found = Big.decode(octets)
    assert (found.reserved, found.reserved2) == (7, 0xDEAD)
    assert found.encode() == octets
