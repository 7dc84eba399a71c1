"""What the data of an ECHONET Lite property mean: one format per kind of value, read and written by one object.

A format's ``read`` gives a Python value and raises `Malformed` for octets that are no such value; ``write`` gives the
octets back. Numbers are exact (`Decimal`), and the codes that stand for "no data", overflow and underflow become a
`Special`, never a number. Formats: ECHONET Lite specification part 2 (property maps, instance lists) and its Appendix,
detailed requirements for device objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol, TypeAlias

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted


class Special(Enum):
    """A code in the place of a number."""

    NO_DATA = "no data"
    OVERFLOW = "overflow"
    UNDERFLOW = "underflow"


Quantity: TypeAlias = "Decimal | Special"


class Format(Protocol):
    """How the octets of one property are read and written."""

    def read(self, data: bytes) -> Any:
        """The value; raises `Malformed`."""

    def write(self, value: Any) -> bytes:
        """The octets of a value of the kind that ``read`` gives."""

    def text(self, value: Any) -> str:
        """The value for people."""


@frozen
class Number:
    """An integer of ``octets``, times ``step`` in ``unit``; ``no_data`` is the code of a value that is not there.

    The highest code of the range (and the lowest of a signed one) is overflow (underflow) where ``limits`` is set.
    """

    octets: int
    unit: str = ""
    step: Decimal = Decimal(1)
    signed: bool = False
    no_data: int | None = None
    limits: bool = False

    def _specials(self) -> dict[int, Special]:
        found: dict[int, Special] = {}
        if self.limits:
            top = (1 << 8 * self.octets - self.signed) - 1
            found[top] = Special.OVERFLOW
            if self.signed:
                found[-top - 1] = Special.UNDERFLOW
        if self.no_data is not None:
            found[self.no_data] = Special.NO_DATA
        return found

    def read(self, data: bytes) -> Quantity:
        if len(data) != self.octets:
            raise Malformed(f"ECHONET Lite: {counted(self.octets)} wanted, {len(data)} there")
        code = int.from_bytes(data, "big", signed=self.signed)
        return self._specials().get(code, code * self.step)

    def write(self, value: Quantity) -> bytes:
        codes = {special: code for code, special in self._specials().items()}
        code = codes[value] if isinstance(value, Special) else int(value / self.step)
        return code.to_bytes(self.octets, "big", signed=self.signed)

    def text(self, value: Quantity) -> str:
        return value.value if isinstance(value, Special) else f"{value:f} {self.unit}".rstrip()


@frozen
class Choice:
    """One octet that stands for a word, or for a number in another table (a unit's multiplier)."""

    words: Mapping[int, object]
    unit: str = ""

    def read(self, data: bytes) -> object:
        if len(data) != 1 or data[0] not in self.words:
            raise Malformed(f"ECHONET Lite: {data.hex() or 'nothing'} is none of {len(self.words)} known codes")
        return self.words[data[0]]

    def write(self, value: object) -> bytes:
        return bytes((next(code for code, word in self.words.items() if word == value),))

    def text(self, value: object) -> str:
        return f"{value:f} {self.unit}" if isinstance(value, Decimal) else str(value)


@frozen
class Octets:
    """Octets that stand for themselves: identifiers, codes of manufacturers; ``count`` of them, any number for None."""

    count: int | None = None

    def read(self, data: bytes) -> bytes:
        if self.count is not None and len(data) != self.count:
            raise Malformed(f"ECHONET Lite: {counted(self.count)} wanted, {len(data)} there")
        return data

    def write(self, value: bytes) -> bytes:
        return value

    def text(self, value: bytes) -> str:
        return value.hex()


@frozen
class Text:
    """ASCII in a field of fixed size; padding (NUL or blanks) is part of the value."""

    count: int

    def read(self, data: bytes) -> str:
        if len(data) != self.count or not data.isascii():
            raise Malformed(f"ECHONET Lite: {data.hex()} are not {self.count} ASCII characters")
        return data.decode("ascii")

    def write(self, value: str) -> bytes:
        return value.encode("ascii")

    def text(self, value: str) -> str:
        return repr(value.rstrip("\0 "))


@frozen
class Version:
    """Standard version information: release letter and revision in the last two of four octets."""

    def read(self, data: bytes) -> str:
        if len(data) != 4 or data[:2] != b"\0\0" or not 0x20 <= data[2] < 0x7F:
            raise Malformed(f"ECHONET Lite: {data.hex()} is no standard version")
        return f"{chr(data[2])}{data[3]}"

    def write(self, value: str) -> bytes:
        return bytes((0, 0, ord(value[0]), int(value[1:])))

    def text(self, value: str) -> str:
        return f"release {value}"


@frozen
class ProfileVersion:
    """The node profile's version information: major, minor, and which message formats it speaks (two octets)."""

    def read(self, data: bytes) -> tuple[int, int, int]:
        if len(data) != 4:
            raise Malformed(f"ECHONET Lite: 4 octets wanted, {len(data)} there")
        return data[0], data[1], int.from_bytes(data[2:], "little")

    def write(self, value: tuple[int, int, int]) -> bytes:
        return bytes(value[:2]) + value[2].to_bytes(2, "little")

    def text(self, value: tuple[int, int, int]) -> str:
        return f"{value[0]}.{value[1]}"


def _date(reader: Reader) -> date:
    year, month, day = reader.u16(), reader.u8(), reader.u8()
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Malformed(f"ECHONET Lite: {year}-{month}-{day}: {error}") from None


def _datetime(reader: Reader, *, seconds: bool) -> datetime:
    day, parts = _date(reader), (reader.u8(), reader.u8(), reader.u8() if seconds else 0)
    try:
        return datetime.combine(day, time(*parts))
    except ValueError as error:
        raise Malformed(f"ECHONET Lite: {parts[0]}:{parts[1]}:{parts[2]}: {error}") from None


def _write_date(day: date) -> bytes:
    return day.year.to_bytes(2, "big") + bytes((day.month, day.day))


def _write_datetime(at: datetime, *, seconds: bool) -> bytes:
    return _write_date(at) + bytes((at.hour, at.minute) + ((at.second,) if seconds else ()))


@frozen
class Date:
    """Year (2 octets), month, day."""

    def read(self, data: bytes) -> date:
        reader = Reader(data, "ECHONET Lite date")
        day = _date(reader)
        reader.done()
        return day

    def write(self, value: date) -> bytes:
        return _write_date(value)

    def text(self, value: date) -> str:
        return value.isoformat()


@frozen
class Clock:
    """Hour and minute."""

    def read(self, data: bytes) -> time:
        if len(data) != 2 or data[0] > 23 or data[1] > 59:
            raise Malformed(f"ECHONET Lite: {data.hex()} is no time of day")
        return time(data[0], data[1])

    def write(self, value: time) -> bytes:
        return bytes((value.hour, value.minute))

    def text(self, value: time) -> str:
        return value.isoformat("minutes")


@frozen
class PropertyMap:
    """Which properties there are: up to 15 listed, from 16 on a bit field, octet i bit n for EPC (8 + n) << 4 | i."""

    def read(self, data: bytes) -> tuple[int, ...]:
        reader = Reader(data, "ECHONET Lite property map")
        count = reader.u8()
        if count < 16:
            codes = reader.take(count)
            reader.done()
            return tuple(codes)
        field = reader.take(16)
        reader.done()
        found = tuple(sorted((8 + bit) << 4 | low for low in range(16) for bit in range(8) if field[low] >> bit & 1))
        if len(found) != count:
            raise Malformed(f"ECHONET Lite property map: properties announced: {count}, there: {len(found)}")
        return found

    def write(self, value: tuple[int, ...]) -> bytes:
        if len(value) < 16:
            return bytes((len(value), *value))
        field = bytearray(16)
        for code in value:
            field[code & 0x0F] |= 1 << (code >> 4) - 8
        return bytes((len(value),)) + bytes(field)

    def text(self, value: tuple[int, ...]) -> str:
        return " ".join(f"{code:02X}" for code in value)


@frozen
class CodeList:
    """A count and that many codes of ``octets``: objects (3) in instance lists, classes (2) in the class list."""

    octets: int

    def read(self, data: bytes) -> tuple[int, ...]:
        reader = Reader(data, "ECHONET Lite list")
        found = tuple(reader.uint(self.octets) for _ in range(reader.u8()))
        reader.done()
        return found

    def write(self, value: tuple[int, ...]) -> bytes:
        return bytes((len(value),)) + b"".join(code.to_bytes(self.octets, "big") for code in value)

    def text(self, value: tuple[int, ...]) -> str:
        return " ".join(f"{code:0{2 * self.octets}X}" for code in value) or "none"


_FEW: Final = 4
"""So many values are told in a line; a day's are counted there, and each stands by itself (`series`)."""


@frozen
class Values:
    """``count`` numbers of one kind, e.g. the 48 half hours of a day."""

    number: Number
    count: int

    def read(self, data: bytes) -> tuple[Quantity, ...]:
        reader = Reader(data, "ECHONET Lite values")
        found = tuple(self.number.read(reader.take(self.number.octets)) for _ in range(self.count))
        reader.done()
        return found

    def write(self, value: tuple[Quantity, ...]) -> bytes:
        return b"".join(map(self.number.write, value))

    def text(self, value: tuple[Quantity, ...]) -> str:
        if len(value) <= _FEW:
            return ", ".join(map(self.number.text, value))
        there = sum(not isinstance(each, Special) for each in value)
        return f"{there} of {counted(len(value), 'value')}"


@frozen
class Day:
    """A day's half hours: ``days_ago`` is None where no day was selected."""

    days_ago: int | None
    values: tuple[Quantity, ...]


_NO_DAY: Final = 0x00FF


@frozen
class DayHistory:
    """Which day (2 octets, 00FF none), then its 48 values."""

    number: Number
    count: int = 48

    def read(self, data: bytes) -> Day:
        reader = Reader(data, "ECHONET Lite day history")
        day = reader.u16()
        return Day(None if day == _NO_DAY else day, Values(self.number, self.count).read(reader.rest()))

    def write(self, value: Day) -> bytes:
        day = _NO_DAY if value.days_ago is None else value.days_ago
        return day.to_bytes(2, "big") + Values(self.number, self.count).write(value.values)

    def text(self, value: Day) -> str:
        day = "no day" if value.days_ago is None else f"{counted(value.days_ago, 'day')} ago"
        return f"{day}, {Values(self.number, self.count).text(value.values)}"


@frozen
class At:
    """Numbers that a meter took together at one time (its own clock, no zone on the wire)."""

    time: datetime
    values: tuple[Quantity, ...]


@frozen
class Dated:
    """Date and time to the second, then ``count`` numbers of one kind."""

    number: Number
    count: int = 1

    def read(self, data: bytes) -> At:
        reader = Reader(data, "ECHONET Lite dated values")
        at = _datetime(reader, seconds=True)
        return At(at, Values(self.number, self.count).read(reader.rest()))

    def write(self, value: At) -> bytes:
        return _write_datetime(value.time, seconds=True) + Values(self.number, self.count).write(value.values)

    def text(self, value: At) -> str:
        return f"{value.time} {' '.join(map(self.number.text, value.values))}"


@frozen
class Run:
    """Consecutive (forward, reverse) pairs, newest first, from ``time`` back; none in a selector's answer."""

    time: datetime
    segments: int
    pairs: tuple[tuple[Quantity, Quantity], ...] = ()


@frozen
class History:
    """Date and time to the minute, how many segments, and (``filled``) a forward and a reverse number for each."""

    number: Number
    filled: bool

    def read(self, data: bytes) -> Run:
        reader = Reader(data, "ECHONET Lite history")
        at, segments = _datetime(reader, seconds=False), reader.u8()
        one = self.number.octets
        pairs = tuple(
            (self.number.read(reader.take(one)), self.number.read(reader.take(one)))
            for _ in range(segments if self.filled else 0)
        )
        reader.done()
        return Run(at, segments, pairs)

    def write(self, value: Run) -> bytes:
        head = _write_datetime(value.time, seconds=False) + bytes((value.segments,))
        return head + b"".join(self.number.write(each) for pair in value.pairs for each in pair)

    def text(self, value: Run) -> str:
        return f"{value.time}, {counted(value.segments, 'segment')}"


@frozen
class Hours:
    """A smart gas meter's day: consumption of each hour (raw counts), the index they start from, minutes between."""

    time: datetime
    values: tuple[Quantity, ...]
    start: Quantity
    interval_min: int


@frozen
class GasHistory:
    """Class 0x0289's hourly history: date and time, 24 counts, index at the start, interval in minutes (109 octets)."""

    def read(self, data: bytes) -> Hours:
        reader = Reader(data, "ECHONET Lite hourly history")
        at = _datetime(reader, seconds=True)
        values = Values(Number(4), 24).read(reader.take(96))
        found = Hours(at, values, Number(4).read(reader.take(4)), reader.u16())
        reader.done()
        return found

    def write(self, value: Hours) -> bytes:
        head = _write_datetime(value.time, seconds=True) + Values(Number(4), 24).write(value.values)
        return head + Number(4).write(value.start) + value.interval_min.to_bytes(2, "big")

    def text(self, value: Hours) -> str:
        return f"{value.time}, {counted(len(value.values), 'value')} every {value.interval_min} min"


def series(kind: Format, value: Any) -> tuple[str, ...]:
    """Each of the many numbers in a property's value, for people, in the order of its octets; none where `Format.text`
    tells them all. ``value`` is what ``kind.read`` gave."""
    match kind, value:
        case Values(number=number), tuple():
            return tuple(map(number.text, value)) if len(value) > _FEW else ()
        case DayHistory(number=number), Day():
            return tuple(map(number.text, value.values))
        case History(number=number), Run():
            return tuple(
                f"{number.text(forward)} forward, {number.text(back)} reverse" for forward, back in value.pairs
            )
        case GasHistory(), Hours():
            return (*map(Number(4).text, value.values), f"{Number(4).text(value.start)} at the start")
    return ()
