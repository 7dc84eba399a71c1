"""One frame for people: every layer with its fields, and all octets, those that were not on the air included.

Each line names a field twice: in words, and as a filter calls it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bench.air.capture.link import Record
from bench.air.fields.base import Node, Value
from bench.air.fields.rows import Row
from bench.air.fields.tables import lowpan_octets
from bench.air.frame.decoder import Frame
from bench.air.lowpan.datagram import Fragment
from bench.air.mac.frame import format_address
from bench.air.mac.ies import write_payload_ies
from bench.air.octets import counted

_TITLE_WIDTH: Final = 40
_VALUE_WIDTH: Final = 42
_PER_LINE: Final = 16
_LONGEST: Final = 32
"""Octets of the longest value that is written out: a nonce."""
_BEGINNING: Final = 10


def frame_lines(row: Row, record: Record, more: Iterable[str] = ()) -> Iterator[str]:
    """The lines about a frame, without line ends: what it is, its layers, ``more``, its octets."""
    frame = row.frame
    yield _heading(frame)
    for layer in row.nodes:
        yield from _node_lines(layer, 0)
    yield from more
    for title, octets in _octets(frame, record):
        yield ""
        yield f"{title} ({counted(len(octets))})"
        yield from hex_lines(octets)


def _heading(frame: Frame) -> str:
    src, dst = format_address(frame.src) or "-", format_address(frame.dst) or "-"
    none = "no MIC checked" if frame.secured else "not secured"
    security = {"none": none, "ok": "MIC right", "bad": "MIC wrong"}.get(frame.mic, frame.mic)
    words = (f"{frame.kind} {src} > {dst}", security, frame.info)
    return " | ".join(word for word in words if word)


def _node_lines(node: Node, depth: int) -> Iterator[str]:
    """A layer's title, its fields, what is in it."""
    indent = "  " * depth
    name = f"  [{node.name}]" if node.name and not node.name.startswith("_") else ""
    yield f"{indent}{node.title}{name}"
    for field, value in node.values:
        if not field.hidden:
            title = f"{indent}  {field.title}:"
            shown = _short(field.show(value), value)
            yield f"{title:<{_TITLE_WIDTH}} {shown:<{_VALUE_WIDTH}} {field.name}"
    for field, text in node.notes:
        if not field.hidden:
            title = f"{indent}  {field.title}:"
            yield f"{title:<{_TITLE_WIDTH}} {text:<{_VALUE_WIDTH}} {field.name}"
    for inner in node.inside:
        yield from _node_lines(inner, depth + 1)


def _short(shown: str, value: Value) -> str:
    """Many octets by their beginning; all of them stand in the dumps below."""
    if not isinstance(value, bytes) or len(value) <= _LONGEST:
        return shown
    return f"{value[:_BEGINNING].hex(':')} ... ({len(value)})"


def _octets(frame: Frame, record: Record) -> Iterator[tuple[str, bytes]]:
    """What there is of a frame, from the air to the datagram."""
    yield "Captured, without FCS", record.data
    security = frame.mac.security if frame.mac else None
    opened = frame.mic == "ok" or frame.unauthenticated
    if frame.mac is not None and opened and security is not None and security.level & 4:
        title = "Decrypted, not authenticated" if frame.unauthenticated else "Decrypted"
        yield title, write_payload_ies(frame.mac.payload_ies) + frame.mac.payload
    if isinstance(frame.piece, Fragment):
        if frame.piece.offset == 0:
            yield "Decompressed, first of its fragments", frame.piece.data
        if frame.datagram:
            yield "Put together of its fragments", frame.datagram
    elif frame.datagram and frame.datagram != lowpan_octets(frame)[1:]:
        yield "Decompressed", frame.datagram


def hex_lines(octets: bytes) -> Iterator[str]:
    """Offset, hex and text of octets, sixteen a line."""
    for at in range(0, len(octets), _PER_LINE):
        some = octets[at : at + _PER_LINE]
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in some)
        yield f"{at:04x}  {some.hex(' '):<{3 * _PER_LINE - 1}}  {shown}"
