"""What the bulk decoder gives: rows, the links and senders they are of, and the same rows made of decoded frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

import attrs

from bench.air.bulk import lines as columns
from bench.air.bulk.counters import History
from bench.air.bulk.packet import Ends, Upper, Walked
from bench.air.capture.link import Record, make_record
from bench.air.frame import summary
from bench.air.ip import packet as ipv6
from bench.air.ip.icmpv6 import PROTOCOL as ICMPV6
from bench.air.ip.udp import Udp
from bench.air.keys.counters import Freshness
from bench.air.mac.frame import format_address
from bench.air.mac.ies import MPX_GROUP
from bench.air.mac.mpx import Transfer
from bench.air.wisun.frames import Element, Opaque

if TYPE_CHECKING:
    from bench.air.frame.decoder import Decoder, Frame
    from bench.air.keys.table import KeyTable

WHOLE: Final = (Transfer.FULL, Transfer.FULL_COMPRESSED)
"""Transfer types of MPX elements that are no fragments."""

Elements: TypeAlias = "tuple[Element | Opaque, ...]"
T = TypeVar("T")


@attrs.define(slots=True, eq=False)
class Sender:
    """A source under a key index. ``opens``: by octets of the MIC, the key that verified its last frame, which is tried
    first, as the cipher's method, the counters that belong to it, and its place among the keys of that index."""

    src: bytes
    index: int | None
    opens: dict[int, tuple[Open, History, int]] = attrs.field(factory=dict)


Open: TypeAlias = Callable[[bytes, bytes, bytes], bytes]
"""`AESCCM.decrypt` of a key: nonce, sealed octets, authenticated octets to clear text. Raises InvalidTag."""


@attrs.define(slots=True, eq=False)
class Head(Generic[T]):
    """The header IEs behind the timing ones, read once: the Wi-SUN ones as records, what they say in words, how many
    octets they take, whether payload IEs follow (HT1).

    ``told`` is what a `Payloads` said of clear payloads behind them, by their octets: most of a quiet mesh's frames say
    what they said before. On a busy one every second frame is new data behind headers that were there before, octet
    for octet: ``met`` holds what these said (`Met`), and ``sizes`` how many octets they were in the last payload of so
    many."""

    elements: Elements
    words: str
    octets: int
    has_ies: bool
    told: dict[bytes, T] = attrs.field(factory=dict)
    sizes: dict[int, int] = attrs.field(factory=dict)
    met: dict[bytes, Met[T]] = attrs.field(factory=dict)


Met: TypeAlias = "tuple[int, T, int, Walked | None]"
"""Compressed headers that were met before: octets of the payload they stood in, whose lengths they tell; what was said
of it. Then, of a UDP datagram, what its checksum covers before the data, to be added to that taken as one number; of
ICMPv6 the headers, behind which each message is to be read."""


@attrs.define(slots=True, eq=False)
class Begin(Generic[T]):
    """What key index and first IE tell on a link: the frame's kind, its key index, the source as a sender of secured
    frames (None where the frame is not secured, or no key). ``heads`` are those met that a termination ended, by their
    octets, ``endings`` those that went on to the end of the frame; ``size`` octets had the last one, 0 where that was
    an ending."""

    kind: str
    index: int | None
    sender: Sender | None
    heads: dict[bytes, Head[T]] = attrs.field(factory=dict)
    endings: dict[bytes, Head[T]] = attrs.field(factory=dict)
    size: int = 0


@attrs.define(slots=True, eq=False)
class Link:
    """A MAC header and how it is secured, read once but for the numbers that count. Addresses as in `Frame`; ``ends``
    is for the table."""

    src: bytes | None
    dst: bytes | None
    pan: int | None
    ends: str
    kind: str = "damaged"
    is_data: bool = False
    asks: bool = False
    """For an acknowledgement."""
    nonce: bytes = b""
    """The source where it is an EUI-64, as the nonce needs it."""
    fcs_assumed: int = 4
    level: int = 0
    """Security level, 0 for none."""
    tag: int = 0
    """Octets of the MIC."""
    start: int = 0
    """Where the frame goes on behind the first IE."""
    indexed: bool = False
    """Whether the security header tells a key index."""
    begins: dict[bytes, Begin[Any]] = attrs.field(factory=dict)
    """What key index and first IE tell, by their octets."""
    ends_met: dict[bytes, Ends] = attrs.field(factory=dict)
    """What outermost compressed headers mean between these two."""
    packed: bytes = b""
    """For an index to keep what it makes of this."""


Row: TypeAlias = (
    "tuple["
    "int, int, int, int, Link, str, int | None, str, int, int | None, int | None, int | None, T, Freshness | None"
    "]"
)
"""What is said of a frame: number, offset of its record in the file, time (ns), length (octets), link, kind, sequence
number, mic, security level (0: none), frame counter, key index, key, what a `Payloads` tells, freshness. Values are
those of `Frame`. A plain tuple, because making a record for each frame would cost as much as reading its header."""

Line: TypeAlias = "tuple[str, Upper | None, list[str] | None]"
"""What a table and an index say of a payload: info and upper layer; and, where that is remembered for frames to come, a
place for who shows them to keep their text, which then need not be laid out again."""


class Payloads(Protocol[T]):
    """What is made of payloads: the one thing in which a table, an index and measurands differ while reading."""

    @property
    def learnt(self) -> int:
        """Entries in memories that hang on links."""
        ...

    def begin_anew(self) -> None:
        """The memories of all links were emptied."""
        ...

    def unopened(self, head: Head[T]) -> T:
        """Of a frame that no key is there for: its elements are in clear. May raise `Unusual`."""
        ...

    def read(self, link: Link, head: Head[T], clear: bytes) -> tuple[T, bool]:
        """Of a clear payload, b"" where the frame has none; and whether the same octets are likely to come again (they
        then mean the same). Raises `InOrder` where it must be read behind others; `Unusual`, `Malformed` or IndexError
        for what the full decoder is to read."""
        ...

    def judged(self, told: T, freshness: Freshness) -> T:
        """The same of a frame whose counter does not rise."""
        ...

    def of(self, frame: Frame) -> T:
        """Of a fully decoded frame."""
        ...

    def again(self, frame: Frame) -> T | None:
        """What `read` could have said of the payload of such a frame; None where the same octets in another frame may
        mean something else, or will not come again."""
        ...


class Pending(NamedTuple):
    """A captured packet to be decoded in capture order (`record_of`): a fragment (`in_parts`), or one in which the
    decoder failed. ``freshness`` is its counter's. ``shut``: it is a whole secured frame that no key opens."""

    number: int
    offset: int
    time_ns: int
    link_type: int
    packet: bytes
    original: int
    freshness: Freshness | None = None
    shut: bool = False


class Given:
    """Judges no counters: says what was said before (`keys.counters.Judge`)."""

    freshness = Freshness.FRESH

    def check(self, sender: bytes, key: bytes, counter: int, psdu: bytes) -> Freshness:
        """Always `freshness`."""
        return self.freshness


class InTurn:
    """The full decoder of what had to wait for its turn; loaded where there is any."""

    def __init__(self, keys: KeyTable | None, contexts: Mapping[int, bytes] | None) -> None:
        self._keys, self._contexts = keys, contexts
        self._given = Given()

    @cached_property
    def _decoder(self) -> Decoder:
        from bench.air.frame.decoder import Decoder

        return Decoder(self._keys, self._contexts, self._given)

    def decode(self, pending: Pending) -> Frame:
        """The frame; its counter was judged where it was met."""
        self._given.freshness = pending.freshness or Freshness.FRESH
        return self._decoder.decode(record_of(pending))


def in_parts(frame: Frame) -> bool:
    """Whether a frame holds, or completes, a part of something longer, and so is read by the frames before it."""
    from bench.air.lowpan import recoverable
    from bench.air.lowpan.datagram import Fragment

    if summary.IPV6_FRAGMENT in frame.layers or isinstance(frame.piece, Fragment | recoverable.Fragment):
        return True
    elements = frame.mac.payload_ies if frame.mac and frame.mic not in ("bad", "no key") else ()
    return any(ie.id == MPX_GROUP and ie.content[:1] and ie.content[0] & 7 not in WHOLE for ie in elements)


def ends_text(src: bytes | None, dst: bytes | None) -> str:
    """Source and destination as the table shows them."""
    return columns.ends(format_address(src), format_address(dst))


def record_of(pending: Pending) -> Record:
    """The record that the full decoder takes."""
    return make_record(pending.number, pending.time_ns, pending.link_type, pending.packet, pending.original)


def row_of(frame: Frame, offset: int, told: T) -> Row[T]:
    """The row of a fully decoded frame."""
    head = frame.mac or frame.header
    security = head.security if head else None
    link = Link(frame.src, frame.dst, frame.pan, ends_text(frame.src, frame.dst))
    return (
        frame.number,
        offset,
        frame.time_ns,
        frame.length_octets,
        link,
        frame.kind,
        frame.seq,
        frame.mic,
        security.level if security else 0,
        frame.frame_counter,
        frame.key_index,
        frame.key,
        told,
        frame.freshness,
    )


def line_of(frame: Frame) -> Line:
    """Info and upper layer of a fully decoded frame."""
    return frame.info, _upper(frame), None


def line_row(frame: Frame, offset: int) -> Row[Line]:
    """The row of lines of a fully decoded frame."""
    return row_of(frame, offset, line_of(frame))


def _upper(frame: Frame) -> Upper | None:
    if frame.packet is None:
        return None
    inner = ipv6.innermost(frame.packet)
    if not all((frame.packet.src, frame.packet.dst, inner.src, inner.dst)):
        return None  # an address that nobody knows
    a = b = 0
    if isinstance(inner.upper, Udp):
        a, b = inner.upper.src_port, inner.upper.dst_port
    elif inner.next_header == ICMPV6 and len(inner.payload) > 1:
        a, b = inner.payload[0], inner.payload[1]
    outer = frame.packet.src + frame.packet.dst
    if inner is not frame.packet and (inner is not frame.packet.upper or inner.final_dst != inner.dst):
        outer = b""
    return inner.src, inner.final_dst, inner.next_header, a, b, outer, inner is not frame.packet
