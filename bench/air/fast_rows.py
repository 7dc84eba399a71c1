"""What the bulk decoder gives: rows, the links and senders they are of, and the same rows made of decoded frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import attrs
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from bench.air import columns, ipv6, summary
from bench.air.fast_packet import Hop, Upper
from bench.air.icmpv6 import PROTOCOL as ICMPV6
from bench.air.ies import MPX_GROUP
from bench.air.link import Record, make_record
from bench.air.mac import format_address
from bench.air.mpx import Transfer
from bench.air.udp import Udp

if TYPE_CHECKING:
    from bench.air.frame import Frame

WHOLE: Final = (Transfer.FULL, Transfer.FULL_COMPRESSED)
"""Transfer types of MPX elements that are no fragments."""

Verified: TypeAlias = "dict[tuple[bytes, int | None], tuple[int, bytes]]"
"""Frame counter and octets of a verified frame, by its sender and key index."""


@attrs.define(slots=True, eq=False)
class Sender:
    """A source under a key index: the newest verified frame of the span, and the key that verified it, by MIC octets,
    which is tried first, as a cipher and as it is."""

    src: bytes
    index: int | None
    counter: int = -1
    octets: bytes = b""
    ciphers: dict[int, AESCCM] = attrs.field(factory=dict)
    keys: dict[int, bytes] = attrs.field(factory=dict)


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
    begins: dict[bytes, Begin] = attrs.field(factory=dict)
    """What key index and first IE tell, by their octets."""
    hop: Hop = attrs.field(factory=Hop)
    packed: bytes = b""
    """For an index to keep what it makes of this."""


Begin: TypeAlias = "tuple[str, int | None, Sender | None]"
"""Kind, key index, and the source as a sender of secured frames (None where the frame is not secured, or no key)."""

Row: TypeAlias = "tuple[int, int, int, int, Link, str, int | None, str, int, int | None, int | None, str, Upper | None]"
"""What a table or an index says of a frame: number, offset of its record in the capture, time (ns), length (octets),
link, kind, sequence number, mic, security level (0: none), frame counter, key index, info, upper layer. The values are
those of `Frame`. A plain tuple, because making a record for each frame would cost as much as reading its header."""


class Pending(NamedTuple):
    """A captured packet to be decoded in capture order (`record_of`): a fragment (`in_parts`)."""

    number: int
    offset: int
    time_ns: int
    link_type: int
    packet: bytes
    original: int


def follows(one: Verified, other: Verified) -> bool:
    """Whether the counters of ``other`` (`BulkDecoder.first` of a span) rise above those before (``newest``)."""
    return all(frame[0] > one[sender][0] or frame == one[sender] for sender, frame in other.items() if sender in one)


def in_parts(frame: Frame) -> bool:
    """Whether a frame holds, or completes, a part of something longer, and so is read by the frames before it."""
    from bench.air import recoverable
    from bench.air.lowpan import Fragment

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


def row_of(frame: Frame, offset: int) -> Row:
    """The row of a fully decoded frame."""
    security = frame.mac.security if frame.mac else None
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
        frame.info,
        _upper(frame),
    )


def _upper(frame: Frame) -> Upper | None:
    if frame.packet is None:
        return None
    inner = ipv6.innermost(frame.packet)
    a = b = 0
    if isinstance(inner.upper, Udp):
        a, b = inner.upper.src_port, inner.upper.dst_port
    elif inner.next_header == ICMPV6:
        a, b = inner.payload[0], inner.payload[1]
    outer = frame.packet.src + frame.packet.dst
    if inner is not frame.packet and (inner is not frame.packet.upper or inner.final_dst != inner.dst):
        outer = b""
    return inner.src, inner.final_dst, inner.next_header, a, b, outer, inner is not frame.packet
