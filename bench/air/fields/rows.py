"""One frame as lines, filters and columns see it: the fields of the jsonl contract, and Wireshark's where asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from ipaddress import IPv6Address
from typing import Final

from bench.air.capture.link import Record
from bench.air.fields.base import Node, Value, show
from bench.air.fields.tables import FIELDS, GROUPS, PROTOCOLS, tree
from bench.air.frame.decoder import Frame
from bench.air.mac.frame import format_address
from bench.formats import FRAMES, KEY

JSONL_FIELDS: Final[Mapping[str, type]] = {
    "number": int,
    "time_ns": int,
    "src": str,
    "dst": str,
    "seq": int,
    "pan": int,
    "secured": bool,
    "key_index": int,
    "frame_counter": int,
    "mic": str,
    "kind": str,
    "ies": list,
    "layers": list,
    "ipv6_src": str,
    "ipv6_dst": str,
    "info": str,
    "channel": int,
    "length_octets": int,
    KEY: int,
}
"""Fields of a jsonl line and of the filter, with the types of their values (any may be null)."""


def jsonl(frame: Frame) -> dict[str, object]:
    """The jsonl line of a frame: JSON values only, addresses as people write them."""
    return {
        "number": frame.number,
        "time_ns": frame.time_ns,
        "src": format_address(frame.src),
        "dst": format_address(frame.dst),
        "seq": frame.seq,
        "pan": frame.pan,
        "secured": frame.secured,
        "key_index": frame.key_index,
        "frame_counter": frame.frame_counter,
        "mic": frame.mic,
        "kind": frame.kind,
        "ies": list(frame.ies),
        "layers": list(frame.layers),
        "ipv6_src": _ipv6(frame.ipv6_src),
        "ipv6_dst": _ipv6(frame.ipv6_dst),
        "info": frame.info,
        "channel": frame.channel,
        "length_octets": frame.length_octets,
        KEY: FRAMES.version,  # in each line, for lines are cut, sorted and joined by other tools
    }


class Row:
    """A frame's values by name. Wireshark's fields are taken apart only when one is asked for."""

    def __init__(self, frame: Frame, record: Record | None = None, start_ns: int | None = None) -> None:
        self.frame = frame
        self._record = record
        self._start_ns = start_ns

    @property
    def elapsed_ns(self) -> int:
        """Since the first record of the capture, also where that is not shown, as Wireshark counts."""
        return 0 if self._start_ns is None else self.frame.time_ns - self._start_ns

    @cached_property
    def line(self) -> dict[str, object]:
        """The jsonl fields."""
        return jsonl(self.frame)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The frame's layers."""
        return tree(self.frame, self._record, self._start_ns)

    @cached_property
    def _named(self) -> dict[str, list[Value]]:
        named: dict[str, list[Value]] = {}
        for layer in self.nodes:
            for inner in layer.walk():
                for field, value in inner.values:
                    named.setdefault(field.name, []).append(value)
        return named

    @property
    def names(self) -> Sequence[str]:
        """Wireshark's fields that the frame has, in the order of its octets."""
        return list(self._named)

    @cached_property
    def _groups(self) -> frozenset[str]:
        names = {inner.name for layer in self.nodes for inner in layer.walk() if inner.name} | self._named.keys()
        parts = [name.split(".") for name in names]
        found = {".".join(some[:count]) for some in parts for count in range(1, len(some) + 1)}
        return frozenset(found)

    def values(self, name: str) -> Sequence[Value]:
        """All values of a field, none where it is absent. Of `PROTOCOLS` octets."""
        if name in FIELDS:
            return self._named.get(name, ())
        if name in PROTOCOLS:
            found = (inner for layer in self.nodes for inner in layer.walk() if inner.name == name)
            return [inner.octets for inner in found if inner.octets]
        value = self.line.get(name)
        if value is None:
            return ()
        return value if isinstance(value, list) else (value,)  # type: ignore[return-value]

    def has(self, name: str) -> bool:
        """Whether a field, layer, header, element or option is there."""
        return name in self._groups if name in GROUPS else bool(self.values(name))

    def text(self, name: str) -> str:
        """A field's values as people read them, several joined by commas; empty where it is absent."""
        if name not in FIELDS:
            return ",".join(str(value) for value in self.values(name))
        field = FIELDS[name]
        return ",".join(show(field.kind, value, field.digits) for value in self.values(name))


def _ipv6(address: bytes | None) -> str | None:
    return str(IPv6Address(address)) if address else None
