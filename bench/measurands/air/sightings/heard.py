"""Sightings of records that are no file of their own, as several captures made one stream: the bulk decoder, in order.

Such a stream cannot be cut and read on all cores (`bulk.collect`). But what a usual frame says stands in its octets
alone, so it takes the same short way through the headers here; stamps and level are those of the record. All other
frames take the full decoder. Both ways give the same sightings.

Where there are keys, frames that they do not open are left out: they are a neighbour's, and on a busy air there are
millions. Those of a node whose frames they opened before are told apart (`Shut`), where an FCS of four octets says that
each is as it was sent: one of two octets lets a damaged frame of 65,536 pass.
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
from bench.measurands.air.sightings.spool import ROWS, Row, pack, place_of
from bench.measurands.air.sniffers.clocks import whole

OURS: Final = ("ok", "none")
"""``mic`` of frames that were opened, or not secured at all."""
_AIR, _SRC, _OCTETS, _RSSI, _MIC = map(place_of, ("air_ns", "src", "octets", "rssi_dbm", "mic"))
HEAD_OCTETS: Final = 24
"""A MAC header's first octets, in which its addresses stand (IEEE 802.15.4-2015, 7.2: control, sequence number, two PAN
IDs, two addresses)."""
SURE_FCS_OCTETS: Final = 4


class AskedInOrderError(Exception):
    """What was read is worth nothing: frames are read by others long before them, so only `decoded_rows` will do."""


class Shut:
    """Whole frames that no key opens, of nodes whose frames are opened: whoever sent them used another key."""

    def __init__(self, keys: KeyTable | None = None) -> None:
        self.sightings: list[Sighting] = []
        self._senders: dict[bytes, None] = {}
        self._decoder, self._reader = Decoder(keys), Reader()

    def opened(self, row: Row) -> None:
        """The next frame that was opened."""
        if row[_MIC] == "ok" and row[_SRC] is not None:
            self._senders.setdefault(row[_SRC][::-1])  # as it stands on the air

    def take(self, record: Record) -> None:
        """The next frame that was not."""
        head = record.data[:HEAD_OCTETS]
        sure = record.fcs_ok and record.fcs_octets == SURE_FCS_OCTETS and whole(record)
        if sure and any(sender in head for sender in self._senders):
            sighting = self._reader.read(self._decoder.decode(record), len(self.sightings))
            if sighting.mic == "bad" and sighting.src is not None and sighting.src[::-1] in self._senders:
                self.sightings.append(sighting)


def decoded_rows(records: Iterable[Record], keys: KeyTable | None, shut: Shut | None = None) -> Iterator[Row]:
    """The packed sightings of records, by the full decoder."""
    decoder, reader, shut = Decoder(keys), Reader(), shut or Shut(keys)
    for record in records:
        frame = decoder.decode(record)
        if not keys or frame.mic in OURS:
            row = pack(reader.read(frame))
            shut.opened(row)
            yield row
        else:
            shut.take(record)


def bulk_rows(records: Iterable[Record], keys: KeyTable | None, shut: Shut | None = None) -> Iterator[Row]:
    """The same by the bulk decoder, of records whose ``time_ns`` is the start of the frame. Raises `AskedInOrderError`,
    at any time, where that cannot be done."""
    if not suits(keys):
        raise AskedInOrderError
    shut = shut or Shut(keys)
    decoder, reader, visitor = Decoder(keys), Reader(), SightingVisitor(NO_FCS)
    bulk = BulkDecoder(NO_FCS, visitor.payloads, keys, leaves_shut=True)
    for count, record in enumerate(records):
        if not count % ROWS:
            bulk.begin()
        row: Row | None = None
        if whole(record):
            data = record.data
            found = bulk.decode(record.number, 0, record.time_ns, data, len(data))
            if not isinstance(found, Pending):
                row = _as_recorded(visitor.sighting(found, data, 0, len(data)), record)
            elif found.shut:
                shut.take(record)
                continue
            if not bulk.named:
                raise AskedInOrderError
        if row is None:
            frame = decoder.decode(record)
            named = frame.src is not None and len(frame.src) == 8
            if frame.secured and not named and keys and keys.candidates(frame.key_index):
                raise AskedInOrderError
            row = pack(reader.read(frame))
        if not keys or row[_MIC] in OURS:
            shut.opened(row)
            yield row
        else:
            shut.take(record)


def _as_recorded(row: Row, record: Record) -> Row | None:
    """The row with what the record knows and its octets do not tell; None where that is of another length."""
    if record.fcs_counted and row[_OCTETS] != record.original_length:
        return None
    air_ns = air_of(record.start_ns, record.end_ns)
    return (*row[:_AIR], air_ns, *row[_AIR + 1 : _RSSI], record.rssi_dbm, *row[_RSSI + 1 :])
