"""Sightings of records that are no file of their own, as several captures made one stream: the bulk decoder, in order.

Such a stream cannot be cut and read on all cores (`bulk.collect`). But what a usual frame says stands in its octets
alone, so it takes the same short way through the headers here; stamps and level are those of the record. All other
frames take the full decoder. Both ways give the same sightings.

Where there are keys, frames that they do not open are left out: they are a neighbour's, and on a busy air there are
millions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from bench.air.fast import suits
from bench.air.fast_link import Unusual
from bench.air.fast_rows import Pending, Sender
from bench.air.fast_rows import Row as FastRow
from bench.air.frame import Decoder
from bench.air.keys import KeyTable
from bench.air.link import NO_FCS, Record
from bench.measurands.air.bulk import SightingDecoder
from bench.measurands.air.clocks import whole
from bench.measurands.air.reading import Reader, air_of
from bench.measurands.air.sighting import Sighting
from bench.measurands.air.spool import ROWS, Row, pack

OURS: Final = ("ok", "none")
"""``mic`` of frames that were opened, or not secured at all."""
_FIELDS: Final = Sighting._fields[1:]
"""Of a row, in order."""
_AIR, _OCTETS, _RSSI, _MIC = map(_FIELDS.index, ("air_ns", "octets", "rssi_dbm", "mic"))


class AskedInOrderError(Exception):
    """What was read is worth nothing: frames are read by others long before them, so only `decoded_rows` will do."""


def decoded_rows(records: Iterable[Record], keys: KeyTable | None) -> Iterator[Row]:
    """The packed sightings of records, by the full decoder."""
    decoder, reader = Decoder(keys), Reader()
    for record in records:
        frame = decoder.decode(record)
        if not keys or frame.mic in OURS:
            yield pack(reader.read(frame, 0))


def bulk_rows(records: Iterable[Record], keys: KeyTable | None) -> Iterator[Row]:
    """The same by the bulk decoder, of records whose ``time_ns`` is the start of the frame. Raises `AskedInOrderError`,
    at any time, where that cannot be done."""
    if not suits(keys):
        raise AskedInOrderError
    decoder, reader, short = Decoder(keys), Reader(), _Usual(NO_FCS, keys)
    for count, record in enumerate(records):
        if count % ROWS == 0:
            short.begin()
        row = short.row_of(record) if whole(record) else None
        if row is None and not short.shut:
            frame = decoder.decode(record)
            named = frame.src is not None and len(frame.src) == 8
            if frame.secured and not named and keys and keys.candidates(frame.key_index):
                raise AskedInOrderError
            row = pack(reader.read(frame, 0))
        short.shut = False
        if row is not None and (not keys or row[_MIC] in OURS):
            yield row


class _Usual(SightingDecoder):
    """Reads usual frames only. ``shut``: the last one is a whole secured frame that no key opens."""

    shut = False

    def row_of(self, record: Record) -> Row | None:
        """None where the record is to be decoded, or is ``shut``."""
        row = self.row((record.number, 0, record.time_ns, record.data, len(record.data)))
        if isinstance(row, Pending) or (record.fcs_octets and row[_OCTETS] != record.original_length):
            return None
        air_ns = air_of(record.start_ns, record.end_ns)
        return (*row[:_AIR], air_ns, *row[_AIR + 1 : _RSSI], record.rssi_dbm, *row[_RSSI + 1 :])

    def _fully(self, number: int, offset: int, time_ns: int, packet: bytes, original: int) -> FastRow | Pending:
        """Not here: a packet without its link header tells less than the record."""
        return Pending(number, offset, time_ns, NO_FCS, packet, original)

    def _find_key(self, sender: Sender, nonce: bytes, sealed: bytes, authenticated: bytes, tag: int) -> bytes:
        try:
            return super()._find_key(sender, nonce, sealed, authenticated, tag)
        except Unusual:
            self.shut = True
            raise
