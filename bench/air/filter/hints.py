"""What a filter can say of a frame from a capture's index alone, before any frame is decoded.

A hint is the filter's own tree, its relations kept only where the index has a column of what they ask (`COLUMNS`);
`index.filter` turns it into the rows that may match, which are then decoded and asked the filter itself. So a hint may
say too much, never too little. It holds no numbers of its own: a relation on a column is the filter's own predicate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from bench.air.fields.base import Value
from bench.air.frozen import frozen

COLUMNS: Final = frozenset(
    {
        *("kind", "mic", "secured", "src", "dst", "seq", "pan", "key_index", "frame_counter", "length_octets"),
        *("number", "time_ns", "ipv6_src", "ipv6_dst"),
        *("frame.number", "frame.time_epoch", "frame.time_relative"),
        *("wpan.seq_no", "wpan.src64", "wpan.dst64", "wpan.addr64", "wpan.src16", "wpan.dst16", "wpan.addr16"),
        *("wpan.aux_sec.frame_counter", "wpan.aux_sec.key_index", "wpan.aux_sec.sec_level"),
        *("ipv6", "ipv6.src", "ipv6.dst", "ipv6.addr", "udp", "udp.srcport", "udp.dstport", "udp.port"),
        *("icmpv6", "icmpv6.type", "icmpv6.code", "icmpv6.rpl"),
        *("icmpv6.rpl.dis", "icmpv6.rpl.dio", "icmpv6.rpl.dao", "icmpv6.rpl.daoack"),
    }
)
"""Fields and layers that an index has columns of."""


class Asked(Protocol):
    """What a filter asks: a frame's line (`rows.Row`), or what an index knows of it."""

    def values(self, name: str, /) -> Sequence[Value]: ...

    def has(self, name: str, /) -> bool: ...


Predicate: TypeAlias = Callable[[Asked], bool]


@frozen
class Leaf:
    """A relation on a field of `COLUMNS`. ``order`` repeats it where it compares with one number: how, and which."""

    name: str
    holds: Predicate
    order: tuple[str, int] | None = None


@frozen
class Unknown:
    """What the index cannot say anything of."""


@frozen
class Both:
    """All of these hold."""

    parts: tuple[Hint, ...]


@frozen
class Either:
    """One of these holds."""

    parts: tuple[Hint, ...]


@frozen
class Opposite:
    """This does not hold."""

    inner: Hint


Hint: TypeAlias = "Leaf | Unknown | Both | Either | Opposite"


def narrows(hint: Hint) -> bool:
    """Whether the index may rule frames out."""
    match hint:
        case Both(parts):
            return any(map(narrows, parts))
        case Either(parts):
            return all(map(narrows, parts))
        case Opposite(inner):
            return _decides(inner)
    return isinstance(hint, Leaf)


def _decides(hint: Hint) -> bool:
    """Whether the index may rule frames in."""
    match hint:
        case Both(parts):
            return all(map(_decides, parts))
        case Either(parts):
            return any(map(_decides, parts))
        case Opposite(inner):
            return narrows(inner)
    return isinstance(hint, Leaf)


@frozen
class Filter:
    """A compiled filter: whether a row holds, and what an index can say of it."""

    holds: Predicate
    hint: Hint

    def __call__(self, row: Asked) -> bool:
        return self.holds(row)
