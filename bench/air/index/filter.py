"""Rows of an index that a filter's hint leaves: all frames that may match, none that cannot.

A relation is asked of each different value that a group's column has, by the filter's own predicate, so that all its
operators mean here what they mean on decoded frames. Where a column is not all that the field says of a frame (a
tunnel's outer addresses), the row stays in either way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.air.fields.base import Value
from bench.air.filter.hints import Both, Either, Hint, Leaf, Opposite, Unknown
from bench.air.frozen import frozen
from bench.air.index.columns import ABSENT, CUT, GROUP, KINDS, MICS, NESTED, PARTLY, ROUTED, ROW
from bench.air.index.index import Index, Rows
from bench.air.ip import icmpv6, udp
from bench.air.mac.frame import format_address
from bench.air.rpl import messages as rpl
from bench.air.rpl.secured import SECURED

_Mask: TypeAlias = "NDArray[np.bool_]"
_Numbers: TypeAlias = "NDArray[Any]"
_ORDERS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ICMPV6_INFORMATIONAL: Final = 128
"""RFC 4443, 2.1: messages below are errors, which quote the packet that they are about."""
_RPL_MESSAGES: Final = {"dis": 0, "dio": 1, "dao": 2, "daoack": 3}
"""RFC 6550, 6: codes of the messages, by the name of their layer."""
_LONGEST: Final = int(np.iinfo(ROW["length_octets"]).max)
_LATEST_NS: Final = int(np.iinfo(ROW["time_ns"]).max)


class _Answer(NamedTuple):
    """Of some rows: for which the filter holds for sure, and for which it may."""

    sure: _Mask
    possible: _Mask


@frozen
class _Group:
    """Some rows of a group."""

    index: Index
    number: int
    at: Rows
    """Places in the group."""

    def __call__(self, name: str) -> _Numbers:
        return self.index.values(self.number, name)[self.at]

    def part(self, which: _Mask) -> _Group:
        return _Group(self.index, self.number, self.at[which])


@frozen
class _Told:
    """A field's values in some rows: ``values[which[i]]`` are those of row i, and all of them where ``certain[i]``."""

    values: Sequence[tuple[Value, ...]]
    which: _Numbers
    certain: _Mask
    decides: bool = True
    """Whether a row may be ruled in, too: the field is there wherever the column says so."""


@frozen
class _Asked:
    """A stand-in for a frame's row, of which one field is known."""

    found: tuple[Value, ...]

    def values(self, name: str, /) -> Sequence[Value]:
        return self.found

    def has(self, name: str, /) -> bool:
        return bool(self.found)


def possible_rows(index: Index, hint: Hint) -> Rows:
    """Rows of the frames for which a filter with that hint may hold, rising."""
    found = []
    for number in index.groups:
        group = _Group(index, number, np.arange(len(index.values(number, "kind"))))
        found.append(np.flatnonzero(_answer(group, hint).possible) + number * GROUP)
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _answer(group: _Group, hint: Hint) -> _Answer:
    size = len(group.at)
    match hint:
        case Both(parts):
            sure, possible = np.ones(size, np.bool_), np.ones(size, np.bool_)
            for part in parts:  # each asks only what the ones before it left
                found = _answer(group.part(possible), part)
                left = possible.copy()
                possible[left], sure[left] = found.possible, sure[left] & found.sure
            return _Answer(sure & possible, possible)
        case Either(parts):
            answers = [_answer(group, part) for part in parts]
            return _Answer(
                np.logical_or.reduce([answer.sure for answer in answers]),
                np.logical_or.reduce([answer.possible for answer in answers]),
            )
        case Opposite(inner):
            found = _answer(group, inner)
            return _Answer(~found.possible, ~found.sure)
        case Leaf():
            return _asked(group, hint)
        case Unknown():
            return _Answer(np.zeros(size, np.bool_), np.ones(size, np.bool_))


def _asked(group: _Group, leaf: Leaf) -> _Answer:
    numbers = _NUMBERS.get(leaf.name)
    whole = (group("notes") & PARTLY) == 0
    if numbers is not None:
        held, present, certain = numbers(group)
        certain = certain & whole
        if leaf.order is not None:
            how, wanted = leaf.order
            truth = present & _compared(held, how, wanted)
            return _Answer(truth & certain, truth | ~certain)
        told = _of_numbers(held, present, certain)
    else:
        told = _RULES[leaf.name](group)
    truth = np.array([leaf.holds(_Asked(values)) for values in told.values], np.bool_)[told.which]
    certain = told.certain & whole
    sure = truth & certain if told.decides else np.zeros_like(truth)
    return _Answer(sure, truth | ~certain)


def _compared(numbers: _Numbers, how: str, wanted: int) -> _Mask:
    """The comparison of integers, whatever the size of the one wanted."""
    bounded = max(-_LATEST_NS - 1, min(wanted, _LATEST_NS))
    if bounded != wanted:
        return np.full(len(numbers), _ORDERS[how](0, wanted))
    found: _Mask = _ORDERS[how](numbers.astype(np.int64), np.int64(wanted))
    return found


def _of_numbers(numbers: _Numbers, present: _Mask, certain: _Mask) -> _Told:
    different, which = np.unique(numbers, return_inverse=True)
    values: list[tuple[Value, ...]] = [(number,) for number in different.tolist()]
    return _Told([*values, ()], np.where(present, which.reshape(-1), len(values)), certain)


def _optional(name: str) -> Callable[[_Group], tuple[_Numbers, _Mask, _Mask]]:
    """A column of numbers where `ABSENT` stands for none."""

    def numbers(group: _Group) -> tuple[_Numbers, _Mask, _Mask]:
        held = group(name)
        return held, held != ABSENT, np.ones(len(held), np.bool_)

    return numbers


def _times(from_first: bool) -> Callable[[_Group], tuple[_Numbers, _Mask, _Mask]]:
    def numbers(group: _Group) -> tuple[_Numbers, _Mask, _Mask]:
        held = group("time_ns")
        there = np.ones(len(held), np.bool_)
        certain = np.abs(held) < _LATEST_NS
        if not from_first:
            return held, there, certain
        first = int(group.index.values(0, "time_ns")[0])
        return held - first, there, certain & (abs(first) < _LATEST_NS // 2) & (np.abs(held) < _LATEST_NS // 2)

    return numbers


def _frame_numbers(group: _Group) -> tuple[_Numbers, _Mask, _Mask]:
    """Row and number agree in the captures whose offsets are known."""
    there = np.ones(len(group.at), np.bool_)
    return group.at + group.number * GROUP + 1, there, group("offset") != ABSENT


def _lengths(group: _Group) -> tuple[_Numbers, _Mask, _Mask]:
    held = group("length_octets")
    return held, np.ones(len(held), np.bool_), held < _LONGEST


def _levels(group: _Group) -> tuple[_Numbers, _Mask, _Mask]:
    """Level 0 may stand in a security header, or for none."""
    held = group("level")
    return held, held > 0, held > 0


def _named(name: str, names: Sequence[str]) -> Callable[[_Group], _Told]:
    """A column of numbers that stand for words."""

    def told(group: _Group) -> _Told:
        held = group(name)
        return _Told([(word,) for word in names], held, np.ones(len(held), np.bool_))

    return told


def _secured(group: _Group) -> _Told:
    held = group("level")
    return _Told([(False,), (True,)], (held > 0).astype(np.int64), np.ones(len(held), np.bool_))


def _combined(*columns: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Places of rows that differ in these columns, and which of them each row is like."""
    which = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        different, inverse = np.unique(column, return_inverse=True)
        which = which * len(different) + inverse.reshape(-1)
    _, places, which = np.unique(which, return_index=True, return_inverse=True)
    return places, which.reshape(-1)


def _addresses(ends: Sequence[str], tell: Callable[[bytes], Value | None]) -> Callable[[_Group], _Told]:
    """Link addresses of one or both ends, told in one way or left out."""

    def told(group: _Group) -> _Told:
        columns = [(group(end), group(f"{end}_octets")) for end in ends]
        places, which = _combined(*(column for pair in columns for column in pair))
        values = []
        for place in places.tolist():
            octets = [int(numbers[place]).to_bytes(8, "big")[8 - int(sizes[place]) :] for numbers, sizes in columns]
            said = [tell(address) for address in octets if address]
            values.append(tuple(value for value in said if value is not None))
        return _Told(values, which, np.ones(len(which), np.bool_))

    return told


def _packets(ends: Sequence[str], tell: Callable[[bytes], Value]) -> Callable[[_Group], _Told]:
    """Addresses of the innermost packet, its source route followed."""

    def told(group: _Group) -> _Told:
        there = group("protocol") != ABSENT
        places, which, octets = _ipv6(group, [f"ipv6_{end}" for end in ends], there)
        values = [tuple(map(tell, some)) if there[place] else () for place, some in zip(places, octets, strict=True)]
        return _Told(values, which, np.ones(len(which), np.bool_))

    return told


def _headers(ends: Sequence[str]) -> Callable[[_Group], _Told]:
    """Addresses in the headers of a packet: the innermost one's and the outermost one's."""
    names = [f"{which}_{end}" for end in ends for which in ("outer", "ipv6")]

    def told(group: _Group) -> _Told:
        there, routed = group("protocol") != ABSENT, (group("notes") & ROUTED) != 0
        places, which, octets = _ipv6(group, names, there, routed)
        values = []
        for place, some in zip(places, octets, strict=True):
            # What a source route leads to stands in no address field of the header.
            kept = [one for name, one in zip(names, some, strict=True) if not (routed[place] and name == "ipv6_dst")]
            values.append(tuple(dict.fromkeys(kept)) if there[place] else ())
        return _Told(values, which, ~_has_more(group, NESTED | CUT))

    return told


def _ipv6(group: _Group, names: Sequence[str], *more: _Numbers) -> tuple[list[int], _Numbers, list[list[bytes]]]:
    """Places of rows that differ in these addresses (and in ``more``), which of them each row is like, and theirs."""
    halves = [[group(f"{name}_{half}").astype("<u8") for half in ("prefix", "interface")] for name in names]
    places, which = _combined(*more, *(half for pair in halves for half in pair))
    octets = [
        [b"".join(int(half[place]).to_bytes(8, "big") for half in pair) for pair in halves] for place in places.tolist()
    ]
    return places.tolist(), which, octets


def _has_more(group: _Group, notes: int) -> _Mask:
    """Whether a packet's headers, or what it quotes, may say more than the columns."""
    quotes = (group("protocol") == icmpv6.PROTOCOL) & (group("first") < _ICMPV6_INFORMATIONAL)
    more: _Mask = ((group("notes") & notes) != 0) | quotes
    return more


def _upper(tell: Callable[[int, int, int], tuple[Value, ...]]) -> Callable[[_Group], _Told]:
    """What the innermost packet carries; a malformed one may have less than its protocol says."""

    def told(group: _Group) -> _Told:
        protocol, first, second = (group(name) for name in ("protocol", "first", "second"))
        places, which = _combined(protocol, first, second)
        values = [tell(int(protocol[place]), int(first[place]), int(second[place])) for place in places.tolist()]
        return _Told(values, which, ~_has_more(group, CUT), decides=False)

    return told


def _ports(*which: int) -> Callable[[_Group], _Told]:
    return _upper(lambda protocol, *ports: tuple(ports[i] for i in which) if protocol == udp.PROTOCOL else ())


def _rpl(code: int) -> Callable[[_Group], _Told]:
    """A message of RPL, secured or not."""
    head = (icmpv6.PROTOCOL, rpl.ICMPV6_TYPE)
    return _upper(lambda *upper: (True,) if upper[:2] == head and upper[2] & ~SECURED == code else ())


def _text(address: bytes) -> str | None:
    return format_address(address)


def _long(address: bytes) -> bytes | None:
    return address if len(address) == 8 else None


def _short(address: bytes) -> int | None:
    return int.from_bytes(address, "big") if len(address) == 2 else None


def _ipv6_text(address: bytes) -> str:
    return str(IPv6Address(address))


_NUMBERS: Final[Mapping[str, Callable[[_Group], tuple[_Numbers, _Mask, _Mask]]]] = {
    **{name: _optional(name) for name in ("seq", "pan", "key_index", "frame_counter")},
    "wpan.seq_no": _optional("seq"),
    "wpan.aux_sec.key_index": _optional("key_index"),
    "wpan.aux_sec.frame_counter": _optional("frame_counter"),
    "wpan.aux_sec.sec_level": _levels,
    "length_octets": _lengths,
    "number": _frame_numbers,
    "frame.number": _frame_numbers,
    "time_ns": _times(from_first=False),
    "frame.time_epoch": _times(from_first=False),
    "frame.time_relative": _times(from_first=True),
}
"""Columns of numbers: the numbers, where they are not absent, and where they are what the frame has."""

_RULES: Final[Mapping[str, Callable[[_Group], _Told]]] = {
    "kind": _named("kind", KINDS),
    "mic": _named("mic", MICS),
    "secured": _secured,
    **{end: _addresses((end,), _text) for end in ("src", "dst")},
    **{f"wpan.{end}64": _addresses((end,), _long) for end in ("src", "dst")},
    **{f"wpan.{end}16": _addresses((end,), _short) for end in ("src", "dst")},
    "wpan.addr64": _addresses(("src", "dst"), _long),
    "wpan.addr16": _addresses(("src", "dst"), _short),
    **{f"ipv6_{end}": _packets((end,), _ipv6_text) for end in ("src", "dst")},
    **{f"ipv6.{end}": _headers((end,)) for end in ("src", "dst")},
    "ipv6.addr": _headers(("src", "dst")),
    "ipv6": _upper(lambda protocol, *_: (True,) if protocol != ABSENT else ()),
    "udp": _upper(lambda protocol, *_: (True,) if protocol == udp.PROTOCOL else ()),
    "udp.srcport": _ports(0),
    "udp.dstport": _ports(1),
    "udp.port": _ports(0, 1),
    "icmpv6": _upper(lambda protocol, *_: (True,) if protocol == icmpv6.PROTOCOL else ()),
    "icmpv6.type": _upper(lambda protocol, kind, _: (kind,) if protocol == icmpv6.PROTOCOL else ()),
    "icmpv6.code": _upper(lambda protocol, _, code: (code,) if protocol == icmpv6.PROTOCOL else ()),
    "icmpv6.rpl": _upper(lambda *upper: (True,) if upper[:2] == (icmpv6.PROTOCOL, rpl.ICMPV6_TYPE) else ()),
    **{f"icmpv6.rpl.{name}": _rpl(code) for name, code in _RPL_MESSAGES.items()},
}
