"""What a field of a frame is: its Wireshark name, its kind, where its value stands in a record, how people read it.

One `Table` a record class says which fields the record has and what is nested in it; `node` applies it. Tree, display
filter and oracle test all stand on these tables, so a field is told once: its name, its width, the names of its values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from ipaddress import IPv6Address
from typing import Any, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.layout import Column, Plain
from bench.air.layout import Kind as Kind  # named here for the tables
from bench.air.octets import printable

Value: TypeAlias = int | float | str | bytes

_ONE: Final[Mapping[str, str]] = {
    "octets": "octet",
    "nodes": "node",
    "intervals": "interval",
    "units of 10 symbols": "unit of 10 symbols",
}
"""How a unit is called of which there is one."""
_NO_NAMES: Final[Mapping[int, str]] = {}


def _getter(get: str | Callable[[Any], object]) -> Callable[[Any], object]:
    return operator.attrgetter(get) if isinstance(get, str) else get


@frozen
class Field:
    """One field: ``get`` takes its value out of the record (None: absent, a tuple: several).

    ``digits`` is the width of a hexadecimal number, 0 for a decimal one; ``names`` explains values, ``theirs`` are
    Wireshark's names where they differ (a filter takes both, a test holds them to the installed Wireshark). A
    ``hidden`` field is for filters and stands not in the tree (it repeats another). ``bits`` is the storage that
    Wireshark gives a number, so a field of three bits may have 8; 0 where it has none or we know none. ``codes`` are
    numbers that stand for no value ("not measured") and what they mean: for filters and columns the field is then
    absent, the tree says why.
    """

    name: str
    title: str
    get: Callable[[Any], object] = attrs.field(converter=_getter)
    kind: Kind = Kind.NUMBER
    digits: int = 0
    unit: str = ""
    names: Mapping[int, str] = _NO_NAMES
    hidden: bool = False
    theirs: Mapping[int, str] = _NO_NAMES
    bits: int = 0
    signed: bool = False
    codes: Mapping[int, str] = _NO_NAMES

    @property
    def greatest(self) -> int | None:
        """The greatest number that the field may have, None where no width is known."""
        return (1 << self.bits - self.signed) - 1 if self.bits else None

    def named(self, text: str) -> int | None:
        """The number that has this name, ours or Wireshark's, in whatever case; None for none."""
        wanted = text.casefold()
        known = (*self.names.items(), *self.theirs.items())
        return next((value for value, name in known if name.casefold() == wanted), None)

    def values(self, record: object) -> tuple[Value, ...]:
        """The field's values in a record, none where it is absent."""
        if self.codes:
            return tuple(value for value in self._got(record) if value not in self.codes)
        return self._got(record)

    def notes(self, record: object) -> tuple[str, ...]:
        """What the codes among its values mean."""
        if not self.codes:
            return ()
        return tuple(self.codes[value] for value in self._got(record) if isinstance(value, int) and value in self.codes)

    def _got(self, record: object) -> tuple[Value, ...]:
        got = self.get(record)
        if got is None:
            return ()
        return got if isinstance(got, tuple) else (got,)

    def show(self, value: Value) -> str:
        """A value as people read it."""
        text = show(self.kind, value, self.digits)
        if isinstance(value, int) and value in self.names:
            return f"{text} ({self.names[value]})"
        unit = _ONE.get(self.unit, self.unit) if value == 1 else self.unit
        return f"{text} {unit}" if unit else text


def show(kind: Kind, value: Value, digits: int = 0) -> str:
    """A value in the way a filter takes it back."""
    if isinstance(value, bytes):
        if kind is Kind.IPV6:
            return str(IPv6Address(value)) if len(value) == 16 else value.hex(":")
        return value.hex(":")
    if kind is Kind.FLAG:
        return "true" if value else "false"
    if kind is Kind.SECONDS and isinstance(value, int):
        sign, size = "-" if value < 0 else "", abs(value)
        return f"{sign}{size // 1_000_000_000}.{size % 1_000_000_000:09d}"
    if digits and isinstance(value, int):
        return f"0x{value:0{digits}x}"
    return printable(value) if isinstance(value, str) else str(value)


def number(
    name: str,
    title: str,
    get: str | Callable[[Any], object],
    *,
    digits: int = 0,
    unit: str = "",
    names: Mapping[int, str] = _NO_NAMES,
    hidden: bool = False,
    theirs: Mapping[int, str] = _NO_NAMES,
    bits: int = 0,
    signed: bool = False,
    codes: Mapping[int, str] = _NO_NAMES,
) -> Field:
    """A number field; `u8` to `i32` are those whose width Wireshark says."""
    return Field(name, title, get, Kind.NUMBER, digits, unit, names, hidden, theirs, bits, signed, codes)


u8: Final = partial(number, bits=8)
u16: Final = partial(number, bits=16)
u24: Final = partial(number, bits=24)
u32: Final = partial(number, bits=32)
i16: Final = partial(number, bits=16, signed=True)
i32: Final = partial(number, bits=32, signed=True)


def flag(name: str, title: str, get: str | Callable[[Any], object]) -> Field:
    """A yes-or-no field."""
    return Field(name, title, get, Kind.FLAG)


def eui64(name: str, title: str, get: str | Callable[[Any], object], *, hidden: bool = False) -> Field:
    """An EUI-64 field."""
    return Field(name, title, get, Kind.EUI64, hidden=hidden)


def ipv6(name: str, title: str, get: str | Callable[[Any], object], *, hidden: bool = False) -> Field:
    """An IPv6 address field."""
    return Field(name, title, get, Kind.IPV6, hidden=hidden)


def octets(name: str, title: str, get: str | Callable[[Any], object]) -> Field:
    """A field of plain octets."""
    return Field(name, title, get, Kind.OCTETS)


def words(name: str, title: str, get: str | Callable[[Any], object]) -> Field:
    """A text field."""
    return Field(name, title, get, Kind.TEXT)


def bit(mask: int, get: str) -> Callable[[Any], bool]:
    """Whether a bit of a record's number is set."""
    value = operator.attrgetter(get)
    return lambda record: bool(value(record) & mask)


def bits(shift: int, mask: int, get: str) -> Callable[[Any], int]:
    """Some bits of a record's number."""
    value = operator.attrgetter(get)
    return lambda record: int(value(record)) >> shift & mask


def _nothing(record: object) -> Iterable[object]:
    return ()


def _no_octets(record: object) -> bytes:
    return b""


@frozen
class Table:
    """How a record class reads: ``name`` is what a filter asks presence for, ``inside`` gives the records nested in it.

    ``title`` may depend on the record. ``octets`` are those of a protocol that filters look into, all that it carries
    included.
    """

    name: str
    title: str | Callable[[Any], str]
    fields: tuple[Field, ...] = ()
    inside: Callable[[Any], Iterable[object]] = _nothing
    octets: Callable[[Any], bytes] = _no_octets


def tables(*records: type[Plain]) -> dict[type, Table]:
    """The tables of records that have a layout."""
    return {record: table(record) for record in records}


def table(record: type[Plain], inside: Callable[[Any], Iterable[object]] = _nothing) -> Table:
    """The table of a record, of its layout: a row a named column."""
    layout = record.LAYOUT
    return Table(layout.name, layout.title, tuple(row for column in layout.columns for row in _rows(column)), inside)


def _rows(column: Column) -> Iterator[Field]:
    """The rows of a column: its own, and those of bits in it."""
    if column.name:
        yield Field(
            column.name,
            column.title,
            _shown(column),
            column.kind,
            column.digits,
            column.unit,
            column.names,
            theirs=column.theirs,
            bits=column.stored,
            codes=column.codes,
        )
    for mask, (name, title) in column.inner.items():
        low = mask & -mask
        if mask == low:
            yield flag(name, title, bit(mask, column.attribute))
        else:
            yield number(name, title, bits(low.bit_length() - 1, mask // low, column.attribute), bits=column.stored)


def _shown(column: Column) -> Callable[[Any], object]:
    get, shown = operator.attrgetter(column.attribute), column.shown
    return get if shown is None else lambda record: shown(get(record))


@frozen
class Trouble:
    """Stands in the tree where octets could not be read."""

    what: str


@frozen
class Node:
    """A layer, header, element or option of one frame, with its values and what is nested in it. ``notes`` are of
    fields without a value, in words."""

    name: str
    title: str
    values: tuple[tuple[Field, Value], ...] = ()
    inside: tuple[Node, ...] = ()
    notes: tuple[tuple[Field, str], ...] = ()
    octets: bytes = attrs.field(default=b"", eq=False, repr=False)

    def walk(self) -> Iterator[Node]:
        """This node and all in it, outside in, in the order of the octets."""
        yield self
        for inner in self.inside:
            yield from inner.walk()


Tables: TypeAlias = Mapping[type, Table]


def node(record: object, tables: Tables) -> Node:
    """The node of a record by its table."""
    if isinstance(record, Trouble):
        return Node("_malformed", f"[malformed: {record.what}]")
    table = tables.get(type(record))
    if table is None:
        return _untold(record)
    title = table.title if isinstance(table.title, str) else table.title(record)
    values = tuple((field, value) for field in table.fields for value in field.values(record))
    notes = tuple((field, text) for field in table.fields if field.codes for text in field.notes(record))
    inside = tuple(node(inner, tables) for inner in _inside(table, record))
    return Node(table.name, title, values, inside, notes, table.octets(record))


def _untold(record: object) -> Node:
    """A record without a table: what it is, nothing of it, for how Python prints it is for no reader. None should come
    here (tests/air/fields/test_every_record_told.py)."""
    return Node("", type(record).__name__)


def _inside(table: Table, record: object) -> Iterator[object]:
    """What is nested, up to where it cannot be read."""
    try:
        yield from table.inside(record)
    except Malformed as error:
        yield Trouble(str(error))
