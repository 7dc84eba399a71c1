"""All fields of a frame under Wireshark's names: the one list that tree, display filter and oracle test stand on.

A name that Wireshark has means the same here, values included; where it has none (JM, LBATS and LBC elements, the sync
period of LBS) the name follows its style. Which record has which fields stands in the tables of the modules
`captured`, `mac`, `ies`, `tsch`, `wisun`, `lowpan`, `ip`, `nd`, `rpl`, `rpl_more`, `upper`, `key` and `app` beside this
one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bench.air.capture.link import TAP, Record
from bench.air.errors import Malformed
from bench.air.fields import app as fields_app
from bench.air.fields import captured as fields_captured
from bench.air.fields import ies as fields_ies
from bench.air.fields import ip as fields_ipv6
from bench.air.fields import key as fields_key
from bench.air.fields import lowpan as fields_lowpan
from bench.air.fields import lowpan_headers
from bench.air.fields import mac as fields_mac
from bench.air.fields import nd as fields_nd
from bench.air.fields import rpl as fields_rpl
from bench.air.fields import rpl_more as fields_rpl_more
from bench.air.fields import tsch as fields_tsch
from bench.air.fields import upper as fields_upper
from bench.air.fields import wisun as fields_wisun
from bench.air.fields.base import Field, Kind, Node, Tables, Trouble, Value, node
from bench.air.frame.decoder import Frame
from bench.air.frame.partly import MALFORMED
from bench.air.ip import packet as ipv6
from bench.air.ip import udp
from bench.air.lowpan.datagram import Fragment
from bench.air.mac import mpx
from bench.air.mac.frame import FrameType
from bench.air.mac.ies import HT2, MPX_GROUP, PAYLOAD_TERMINATION

__all__ = [
    "FIELDS",
    "GROUPS",
    "PROTOCOLS",
    "TABLES",
    "Field",
    "Kind",
    "Node",
    "Value",
    "fields",
    "lowpan_octets",
    "tree",
]

TABLES: Final[Tables] = {
    **fields_captured.TABLES,
    **fields_mac.TABLES,
    **fields_ies.TABLES,
    **fields_tsch.TABLES,
    **fields_wisun.TABLES,
    **fields_lowpan.TABLES,
    **fields_ipv6.TABLES,
    **fields_nd.TABLES,
    **fields_rpl.TABLES,
    **fields_rpl_more.TABLES,
    **fields_upper.TABLES,
    **fields_key.TABLES,
    **fields_app.TABLES,
}

FIELDS: Final[Mapping[str, Field]] = {field.name: field for table in TABLES.values() for field in table.fields}
"""Every field by its name."""

_NAMES: Final = frozenset((*FIELDS, *(table.name for table in TABLES.values() if table.name)))

GROUPS: Final[frozenset[str]] = frozenset(
    ".".join(parts[:count]) for parts in (name.split(".") for name in _NAMES) for count in range(1, len(parts) + 1)
) | {"wisun"}
"""What a filter may ask presence for beside fields: protocols, headers, elements, options (``icmpv6.rpl.dao``)."""


PROTOCOLS: Final[Mapping[str, int | None]] = {
    "wpan": None,
    "ipv6": ipv6.HEADER_OCTETS,
    "udp": udp.HEADER_OCTETS,
    "icmpv6": None,
}
"""Protocols whose octets a filter may ask for (a frame without its FCS), and how many are the header, where Wireshark
counts no more to them."""


def tree(frame: Frame, record: Record | None = None, start_ns: int | None = None) -> tuple[Node, ...]:
    """The layers of a frame, outside in.

    ``record`` adds what only the capture knows (TAP, FCS, the octets' count), ``start_ns`` the time of its first frame.
    """
    return tuple(node(layer, TABLES) for layer in _layers(frame, record, start_ns))


def fields(frame: Frame, record: Record | None = None, start_ns: int | None = None) -> list[tuple[str, Value]]:
    """Name and value of every field of a frame, in the order of its octets; a name may come several times.

    Values: integers, flags as bool, addresses and octets as bytes, text, times in integer nanoseconds. ``record`` and
    ``start_ns`` as in `tree`.
    """
    layers = tree(frame, record, start_ns)
    return [(field.name, value) for layer in layers for inner in layer.walk() for field, value in inner.values]


def lowpan_octets(frame: Frame) -> bytes:
    """The 6LoWPAN payload of a clear frame as sent, empty where it has none."""
    if frame.mac is None or frame.piece is None:
        return b""
    for ie in frame.mac.payload_ies:
        if ie.id == MPX_GROUP:
            return mpx.decode_mpx(ie.content).body
    return frame.mac.payload


def _unread_lowpan(frame: Frame) -> bytes:
    """A 6LoWPAN payload that the decoder could not read to its end, or that the capture cut; empty for none."""
    mac = frame.mac
    if mac is None or not _is_clear_data(frame):
        return b""
    for ie in mac.payload_ies:
        if ie.id == MPX_GROUP:
            try:
                found = mpx.decode_mpx(ie.content)
            except Malformed:
                return b""
            return found.body if found.multiplex_id == mpx.LOWPAN and found.fragment is None else b""
    # What stands behind an information element that is cut is its rest.
    whole = not mac.broken and (
        not mac.header_ies
        or mac.header_ies[-1].id == HT2
        or (mac.payload_ies and mac.payload_ies[-1].id == PAYLOAD_TERMINATION)
    )
    return mac.payload if whole and mac.payload and mac.payload[0] >> 6 else b""


def _told(payload: lowpan_headers.Lowpan) -> Iterator[object]:
    """A 6LoWPAN payload that cannot be read to its end; one whose first dispatch is unknown is octets."""
    try:
        known = next(lowpan_headers.headers(payload), None) is not None
    except Malformed:
        known = True
    yield payload if known else fields_ipv6.Payload(payload.octets)


def _opaque(frame: Frame) -> bytes:
    """A clear payload that is no 6LoWPAN (RFC 4944 leaves 00xxxxxx to others) of a data frame, any of a multipurpose
    frame; empty for none."""
    if frame.mac is None or frame.mac.broken:
        return b""
    if frame.mac.frame_type == FrameType.MULTIPURPOSE and _is_clear(frame):
        return frame.mac.payload
    if not _is_clear_data(frame):
        return b""
    return frame.mac.payload if frame.mac.payload and not frame.mac.payload[0] >> 6 else b""


def _is_clear_data(frame: Frame) -> bool:
    """Whether it is a data frame whose payload stands there in clear."""
    return frame.mac is not None and frame.mac.frame_type == FrameType.DATA and _is_clear(frame)


def _is_clear(frame: Frame) -> bool:
    return not frame.secured or frame.mic == "ok" or frame.unauthenticated


def _head(frame: Frame, record: Record | None) -> Iterator[object]:
    """What the MAC header of a frame says that cannot be read further."""
    if frame.header is not None:
        yield fields_mac.Mac(frame.header, record, whole=False)
    if record is not None and frame.info.startswith(MALFORMED):
        yield Trouble(frame.info.removeprefix(MALFORMED))


def _layers(frame: Frame, record: Record | None, start_ns: int | None) -> Iterator[object]:
    yield fields_captured.Captured(frame, start_ns, record)
    if (record.link_type == TAP) if record else (frame.rssi_dbm is not None or frame.start_ns is not None):
        yield fields_captured.Tap(frame, record)
    if record is not None and record.zep is not None:
        yield record.zep
    if frame.mac is not None:
        yield fields_mac.Mac(frame.mac, record)
    else:
        yield from _head(frame, record)
    if frame.packet is None and frame.content is not None:
        yield frame.content
    if frame.piece is not None:
        yield lowpan_headers.of_piece(lowpan_octets(frame), frame.piece, frame.datagram)
        if isinstance(frame.piece, Fragment) and frame.datagram:
            yield lowpan_headers.Whole(len(frame.datagram))
    elif unread := _unread_lowpan(frame):
        yield from _told(lowpan_headers.Lowpan(unread))
    elif opaque := _opaque(frame):
        yield fields_ipv6.Payload(opaque)
    if frame.packet is not None:
        sized = frame.piece is None or not frame.piece.trouble
        yield fields_ipv6.layer_of(frame.packet, frame.datagram, sized)
    elif frame.datagram:
        yield fields_ipv6.as_far_as_read(frame.datagram)
    if frame.eapol is not None and frame.relay is None:
        yield frame.eapol
    if frame.key_message is not None:
        yield frame.key_message
