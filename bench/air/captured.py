"""A frame out of a capture that a person holds: it knows its record, answers by field names, and becomes scapy's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from bench.air.capture.link import Record
from bench.air.fields.base import Value
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tables import FIELDS
from bench.air.frame.decoder import Frame
from bench.air.frozen import frozen
from bench.air.keys.table import KeyTable

if TYPE_CHECKING:
    from scapy.packet import Packet


@frozen
class Captured(Frame):
    """A `Frame` that knows its record, and what was needed to read it."""

    record: Record | None = attrs.field(default=None, repr=False)
    keys: KeyTable | None = attrs.field(default=None, repr=False, eq=False)
    contexts: Mapping[int, bytes] | None = attrs.field(default=None, repr=False, eq=False)

    def scapy(self, decrypted: bool = True) -> Packet:
        """The frame as scapy's packet, from the MAC header on: opened where it can be, or as it was on the air.

        It is made anew each time, so it may be changed. An opened one is built sealed again with the key that opened
        it; an acknowledgement without source address, which only its capture can open, is built in clear text.
        """
        from bench.air.scapy_layers.packets import to_scapy

        if self.record is None:
            return to_scapy(self, decrypted, contexts=self.contexts)
        packet = to_scapy(self.record, decrypted, keys=self.keys, contexts=self.contexts)
        sealed = self.mic == "ok" and decrypted and not packet.fields.get("clear")
        return to_scapy(self, contexts=self.contexts) if sealed else packet

    def __getitem__(self, name: str) -> Value | list[Value] | None:
        """A field by its filter name (`fields.tables.FIELDS`, `fields.rows.JSONL_FIELDS`): its value, a list of
        several, None where it is absent. Times are integer nanoseconds, addresses and octets bytes. Raises
        KeyError for no field."""
        if name not in FIELDS and name not in JSONL_FIELDS:
            raise KeyError(name)
        found = list(Row(self, self.record).values(name))
        return found[0] if len(found) == 1 else found or None

    def ipv6(self) -> Packet | None:
        """The IPv6 datagram that this frame completes as scapy's packet, None where it completes none."""
        from bench.air.scapy_layers import Ip6

        return Ip6(self.datagram) if self.datagram else None
