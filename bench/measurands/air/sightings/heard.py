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

from bench.air.bulk.decoder import BulkDecoder, suits
from bench.air.bulk.rows import Pending
from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder
from bench.air.keys.table import KeyTable
from bench.measurands.air.sightings.bulk import SightingVisitor
from bench.measurands.air.sightings.reading import Reader, air_of
from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.air.sightings.spool import ROWS, Row, pack
from bench.measurands.air.sniffers.clocks import whole

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
    decoder, reader, visitor = Decoder(keys), Reader(), SightingVisitor(NO_FCS)
    bulk = BulkDecoder(NO_FCS, visitor.payloads, keys, leaves_shut=True)
    for count, record in enumerate(records):
        if count % ROWS == 0:
            bulk.begin()
        row: Row | None = None
        if whole(record):
            data = record.data
            found = bulk.decode(record.number, 0, record.time_ns, data, len(data))
            if not isinstance(found, Pending):
                row = _as_recorded(visitor.sighting(found, data, 0, len(data)), record)
            elif found.shut:
                continue
            if not bulk.named:
                raise AskedInOrderError
        if row is None:
            frame = decoder.decode(record)
            named = frame.src is not None and len(frame.src) == 8
            if frame.secured and not named and keys and keys.candidates(frame.key_index):
                raise AskedInOrderError
            row = pack(reader.read(frame, 0))
        if not keys or row[_MIC] in OURS:
            yield row


def _as_recorded(row: Row, record: Record) -> Row | None:
    """The row with what the record knows and its octets do not tell; None where that is of another length."""
    if record.fcs_octets and row[_OCTETS] != record.original_length:
        return None
    air_ns = air_of(record.start_ns, record.end_ns)
    return (*row[:_AIR], air_ns, *row[_AIR + 1 : _RSSI], record.rssi_dbm, *row[_RSSI + 1 :])
