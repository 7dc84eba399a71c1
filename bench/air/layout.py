"""Plain records told once: the order of their fields in the octets, their widths, and what Wireshark calls them.

    @plain("icmpv6.opt.mtu", "MTU", air=("reserved", "mtu"))
    class Mtu(Plain):
        mtu: int = u32("icmpv6.opt.mtu", "MTU", unit="octets")
        reserved: int = unused(16)

A record of an option or element is plain where its fields simply follow one another. One statement a field says so,
and from it come the codec (`Plain.decode`, `Plain.encode`), the row in the field tables (`fields.base.table`) and the
field of the scapy layer (`scapy_layers.plain`). What depends on something else -- a field that another one announces,
a list that is counted, a number in parts -- is written by hand, which is shorter than a language for it.

All fields before the last are one integer: each is some bits of it, so that reading is shifts and masks that are
known at import, whatever the order of the octets. Every bit has an attribute, the reserved ones too: a record that
dropped what a node sent there would say that it sent zeros. Since codec, rows and layer share one source they do not
check each other: tests hold them against tshark and against octets written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any, ClassVar, Final, Literal, Self, TypeVar, dataclass_transform

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

Endian = Literal["big", "little"]
_NO_NAMES: Final[Mapping[int, str]] = {}


class Kind(Enum):
    """What the values of a field are, and so which comparisons a filter may ask for."""

    NUMBER = "a number"
    FLAG = "true or false"
    REAL = "a decimal number"
    SECONDS = "seconds"
    """Values are integer nanoseconds; filters and people write seconds."""
    EUI64 = "an EUI-64 such as 00:0d:6f:ff:fe:03:00:01"
    IPV6 = "an IPv6 address or prefix"
    OCTETS = "octets such as 01:02:ff"
    TEXT = "text"
    LIST = "a name"
    """Names that a jsonl line holds as a list; only the filter knows this kind."""


@frozen
class Column:
    """One field on the air: ``bits`` is its width, 0 for all octets that are left.

    ``name``, ``title``, ``digits``, ``unit``, ``names``, ``theirs`` and ``codes`` as in `fields.base.Field`; without
    a ``name`` it has no row there. ``stored`` is Wireshark's width of a number. ``inner`` are bits of a number by
    their mask, with a name and a title each: one bit is a flag, several are a number. ``shown`` makes Wireshark's
    value of the record's. ``read`` and ``write`` are the codec of a tail that is more than octets, such as options.
    ``attribute`` is the record's; ``default`` its default there, None for none.
    """

    bits: int
    kind: Kind
    name: str = ""
    title: str = ""
    digits: int = 0
    unit: str = ""
    names: Mapping[int, str] = _NO_NAMES
    theirs: Mapping[int, str] = _NO_NAMES
    stored: int = 0
    inner: Mapping[int, tuple[str, str]] = attrs.field(factory=dict)
    shown: Callable[[Any], object] | None = None
    read: Callable[[Reader], object] | None = None
    write: Callable[[Any], bytes] | None = None
    attribute: str = ""
    default: Any = None
    codes: Mapping[int, str] = _NO_NAMES


def _attribute(column: Column, default: Any = attrs.NOTHING) -> Any:
    return attrs.field(default=default, metadata={Column: column})


def number(
    bits: int,
    name: str = "",
    title: str = "",
    *,
    default: Any = attrs.NOTHING,
    digits: int = 0,
    unit: str = "",
    names: Mapping[int, str] = _NO_NAMES,
    theirs: Mapping[int, str] = _NO_NAMES,
    codes: Mapping[int, str] = _NO_NAMES,
    stored: int | None = None,
    inner: Mapping[int, tuple[str, str]] | None = None,
    shown: Callable[[Any], object] | None = None,
) -> Any:
    """An unsigned number; Wireshark stores it in whole octets unless ``stored`` says otherwise (0: it has no limit)."""
    stored = bits + 7 & ~7 if stored is None else stored
    column = Column(
        bits, Kind.NUMBER, name, title, digits, unit, names, theirs, stored, inner or {}, shown, codes=codes
    )
    return _attribute(column, default)


u8: Final = partial(number, 8)
u16: Final = partial(number, 16)
u24: Final = partial(number, 24)
u32: Final = partial(number, 32)


def unused(bits: int) -> Any:
    """Bits without a meaning: zeros in what we send, as they came in what we read."""
    return number(bits, default=0, digits=(bits + 3) // 4)


def flag(name: str = "", title: str = "", *, default: Any = attrs.NOTHING) -> Any:
    """One bit that is a truth value."""
    return _attribute(Column(1, Kind.FLAG, name, title), default)


def ipv6(name: str = "", title: str = "", *, default: Any = attrs.NOTHING) -> Any:
    """An IPv6 address of 16 octets."""
    return _attribute(Column(128, Kind.IPV6, name, title), default)


def eui64(name: str = "", title: str = "") -> Any:
    """An EUI-64 in display order."""
    return _attribute(Column(64, Kind.EUI64, name, title))


def rest(
    name: str = "",
    title: str = "",
    *,
    default: Any = attrs.NOTHING,
    kind: Kind = Kind.OCTETS,
    shown: Callable[[Any], object] | None = None,
) -> Any:
    """All octets that are left, possibly none."""
    return _attribute(Column(0, kind, name, title, shown=shown), default)


def prefix(name: str = "", title: str = "") -> Any:
    """The octets of a prefix that were sent, shown as an address; not shown where none was (``::/0``)."""
    return rest(name, title, kind=Kind.IPV6, shown=lambda octets: bytes(octets).ljust(16, b"\0") if octets else None)


def part(read: Callable[[Reader], object], write: Callable[[Any], bytes], *, default: Any = attrs.NOTHING) -> Any:
    """What is left, read and written by a codec of its own."""
    return _attribute(Column(0, Kind.OCTETS, read=read, write=write), default)


class Layout:
    """The columns of a record in the order of the air; within an octet the highest bit first, as documents draw them.

    ``name`` and ``title`` are those of the record's field table, ``attributes`` the record's, in its order. Only the
    last column may be without a width. Raises ValueError where the columns do not fill octets.
    """

    __slots__ = (
        "_flags",
        "_numbers",
        "_octets",
        "_places",
        "_tail_at",
        "columns",
        "endian",
        "name",
        "octets",
        "tail",
        "title",
    )

    def __init__(
        self, name: str, title: str, columns: tuple[Column, ...], endian: Endian, attributes: tuple[str, ...]
    ) -> None:
        self.name, self.title, self.columns, self.endian = name, title, columns, endian
        self.tail = columns[-1] if columns and not columns[-1].bits else None
        fixed = columns[:-1] if self.tail else columns
        total = sum(column.bits for column in fixed)
        if total % 8 or not all(column.bits for column in fixed):
            raise ValueError(f"{name}: the columns do not fill octets")
        self.octets = total // 8
        """Octets before the tail."""
        placed = {column.attribute: (column, at) for column, at in zip(fixed, _starts(fixed), strict=True)}
        self._numbers = {
            attribute: (_shift(endian, total, at, column.bits), (1 << column.bits) - 1)
            for attribute, (column, at) in placed.items()
            if column.kind in (Kind.NUMBER, Kind.FLAG)
        }
        self._octets = {
            attribute: (at // 8, (at + column.bits) // 8)
            for attribute, (column, at) in placed.items()
            if attribute not in self._numbers
        }
        slices = {**self._octets, **({self.tail.attribute: (self.octets, None)} if self.tail else {})}
        self._places = [(*self._numbers.get(each, (0, 0)), *slices.get(each, (0, 0))) for each in attributes]
        self._tail_at = attributes.index(self.tail.attribute) if self.tail else -1
        self._flags = [at for at, each in enumerate(attributes) if each in placed and placed[each][0].kind is Kind.FLAG]

    def read(self, data: bytes, what: str, *, exact: bool = True) -> list[Any]:
        """The record's attributes in its order; ``exact``: nothing may be left behind them.

        Raises `Malformed` naming ``what``."""
        octets = self.octets
        if len(data) < octets:
            raise Malformed(f"{what}: {counted(octets)} wanted, {len(data)} there")
        head = int.from_bytes(data[:octets], self.endian)
        found: list[Any] = [head >> shift & mask if mask else data[at:end] for shift, mask, at, end in self._places]
        for at in self._flags:
            found[at] = found[at] == 1
        if self.tail is None:
            if exact and len(data) > octets:
                raise Malformed(f"{what}: {counted(len(data) - octets)} too many")
        elif self.tail.read is not None:
            found[self._tail_at] = self.tail.read(Reader(data[octets:], what))
        return found

    def write(self, record: object) -> bytes:
        """The octets of a record. Raises ValueError where a value does not fit its column."""
        head = 0
        for name, (shift, mask) in self._numbers.items():
            value = getattr(record, name)
            if not 0 <= value <= mask:
                raise ValueError(f"{name}: {value} is none of 0 to {mask}")
            head |= value << shift
        octets = head.to_bytes(self.octets, self.endian)
        for name, (start, end) in self._octets.items():
            value = getattr(record, name)
            if len(value) != end - start:
                raise ValueError(f"{name}: {counted(len(value))}, not {end - start}")
            octets = octets[:start] + value + octets[end:]
        if self.tail is None:
            return octets
        value = getattr(record, self.tail.attribute)
        return octets + (value if self.tail.write is None else self.tail.write(value))


def _starts(columns: tuple[Column, ...]) -> Iterator[int]:
    """The first bit of each column, counted as documents draw them."""
    at = 0
    for column in columns:
        yield at
        at += column.bits


def _shift(endian: Endian, total: int, start: int, bits: int) -> int:
    """How far a column stands above the lowest bit of all octets taken as one number."""
    if endian == "big":
        return total - start - bits
    # Little-endian octets come lowest first, but the bits of an octet are still drawn highest first.
    octet, inside = divmod(start, 8)
    return 8 * octet + (8 - inside - bits if bits < 8 else 0)


class Plain:
    """Base of records that a layout reads and writes."""

    __slots__ = ()
    LAYOUT: ClassVar[Layout]
    __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """From the octets of its content, all of which it takes. Raises `Malformed`."""
        return cls(*cls.LAYOUT.read(data, cls.LAYOUT.name))

    def encode(self) -> bytes:
        """The octets of its content. Raises ValueError where a value does not fit."""
        return self.LAYOUT.write(self)


class _Late:
    """A record's layout, made when it is first asked for: a quick command loads many records and reads few."""

    def __init__(self, name: str, title: str, endian: Endian, air: tuple[str, ...]) -> None:
        self._name, self._title, self._endian, self._air = name, title, endian, air

    def __get__(self, record: Plain | None, kind: type[Plain]) -> Layout:
        columns = {field.name: _column(field) for field in attrs.fields(kind)}
        placed = (columns[name] for name in self._air or columns)
        kind.LAYOUT = made = Layout(self._name, self._title, tuple(placed), self._endian, tuple(columns))
        return made


P = TypeVar("P", bound=Plain)


@dataclass_transform(
    frozen_default=True, field_specifiers=(number, u8, u16, u24, u32, flag, ipv6, eui64, rest, prefix, part)
)
def plain(name: str, title: str, *, endian: Endian = "big", air: tuple[str, ...] = ()) -> Callable[[type[P]], type[P]]:
    """Makes a frozen record with slots of a class, and its layout; ``name`` and ``title`` are its field table's.

    ``air`` is the order on the air where that is not the record's.
    """

    def make(kind: type[P]) -> type[P]:
        made = frozen(kind)
        made.LAYOUT = _Late(name, title, endian, air)  # type: ignore[assignment]
        return made

    return make


def _column(field: attrs.Attribute[Any]) -> Column:
    """The column of a record's attribute, which it names."""
    column: Column = field.metadata[Column]
    return attrs.evolve(column, attribute=field.name, default=None if field.default is attrs.NOTHING else field.default)
