"""All fields of a frame under Wireshark's names: the one list that tree, display filter and oracle test stand on.

A name that Wireshark has means the same here, values included; where it has none (JM, LBATS and LBC elements, the sync
period of LBS) the name follows its style. Which record has which fields stands in the tables of the modules
`fields_mac`, `fields_tsch`, `fields_wisun`, `fields_lowpan`, `fields_ipv6`, `fields_nd`, `fields_rpl`,
`fields_rpl_more`, `fields_upper`, `fields_key` and `fields_app`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from bench.air import (
    fields_app,
    fields_ipv6,
    fields_key,
    fields_lowpan,
    fields_mac,
    fields_nd,
    fields_rpl,
    fields_rpl_more,
    fields_tsch,
    fields_upper,
    fields_wisun,
    ipv6,
    mpx,
    udp,
)
from bench.air.errors import Malformed
from bench.air.fields_base import Field, Kind, Node, Tables, Trouble, Value, node
from bench.air.frame import Frame
from bench.air.ies import HT2, MPX_GROUP, PAYLOAD_TERMINATION
from bench.air.link import TAP, Record
from bench.air.lowpan import Fragment
from bench.air.mac import FrameType, decode_header

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
    **fields_mac.TABLES,
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
    whole = (
        not mac.header_ies
        or mac.header_ies[-1].id == HT2
        or (mac.payload_ies and mac.payload_ies[-1].id == PAYLOAD_TERMINATION)
    )
    return mac.payload if whole and mac.payload and mac.payload[0] >> 6 else b""


def _told(payload: fields_lowpan.Lowpan) -> Iterator[object]:
    """A 6LoWPAN payload that cannot be read to its end; one whose first dispatch is unknown is octets."""
    try:
        known = next(fields_lowpan.headers(payload), None) is not None
    except Malformed:
        known = True
    yield payload if known else fields_ipv6.Payload(payload.octets)


def _opaque(frame: Frame) -> bytes:
    """A data frame's clear payload that is no 6LoWPAN (RFC 4944 leaves 00xxxxxx to others), empty for none."""
    if frame.mac is None or not _is_clear_data(frame):
        return b""
    return frame.mac.payload if frame.mac.payload and not frame.mac.payload[0] >> 6 else b""


def _is_clear_data(frame: Frame) -> bool:
    """Whether it is a data frame whose payload stands there in clear."""
    clear = not frame.secured or frame.mic == "ok" or frame.unauthenticated
    return frame.mac is not None and frame.mac.frame_type == FrameType.DATA and clear


def _head(record: Record) -> Iterator[object]:
    """What the MAC header of a frame says that is damaged."""
    try:
        yield fields_mac.Mac(decode_header(record.data), record, whole=False)
    except Malformed as error:
        yield Trouble(str(error))
        return
    if record.fcs_ok is False:
        yield Trouble("the FCS is wrong, so nothing behind the header is read")


def _layers(frame: Frame, record: Record | None, start_ns: int | None) -> Iterator[object]:
    yield fields_mac.Captured(frame, start_ns, record)
    if (record.link_type == TAP) if record else (frame.rssi_dbm is not None or frame.start_ns is not None):
        yield fields_mac.Tap(frame, record)
    if record is not None and record.zep is not None:
        yield record.zep
    if frame.mac is not None:
        yield fields_mac.Mac(frame.mac, record)
    elif record is not None:
        yield from _head(record)
    if frame.packet is None and frame.content is not None:
        yield frame.content
    if frame.piece is not None:
        yield fields_lowpan.of_piece(lowpan_octets(frame), frame.piece, frame.datagram)
        if isinstance(frame.piece, Fragment) and frame.datagram:
            yield fields_lowpan.Whole(len(frame.datagram))
    elif unread := _unread_lowpan(frame):
        yield from _told(fields_lowpan.Lowpan(unread))
    elif opaque := _opaque(frame):
        yield fields_ipv6.Payload(opaque)
    if frame.packet is not None:
        yield fields_ipv6.layer_of(frame.packet, frame.datagram)
    elif frame.datagram:
        yield fields_ipv6.as_far_as_read(frame.datagram)
    if frame.eapol is not None and frame.relay is None:
        yield frame.eapol
    if frame.key_message is not None:
        yield frame.key_message
