"""Which frames of a part of a capture the bulk decoder reads by itself, and which it leaves to the full one.

Both ways say the same (``tests/measurands/air/sightings``), so a short way that is not taken any more shows in time
alone; here it shows.
"""

from __future__ import annotations

import zlib
from typing import Any, Final

import attrs

from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.rows import Pending
from bench.air.capture.link import NO_FCS
from bench.measurands.air.sightings.bulk import SightingVisitor
from bench.measurands.air.sightings.spool import place_of
from tests.measurands.air.real import CONTEXT, keys, records

_KIND: Final = place_of("kind")


@attrs.frozen(slots=True)
class Short:
    """A part of a capture (from place ``since`` to before ``until``), ``again`` from its beginning with what was
    learnt; ``known``: with keys and contexts."""

    name: str
    since: int
    until: int
    known: bool = True
    again: bool = True

    @property
    def id(self) -> str:
        """For people and for pytest."""
        return f"{self.name}/{self.since}-to-{self.until}/short{'' if self.known else '-no-keys'}"

    def figures(self) -> Any:
        """By kind of frame: a letter a frame, (s)hort, (f)ull or (p)ending; what was learnt; and a sum of all that the
        short way says."""
        contexts = CONTEXT if self.known and self.name.startswith("contiki") else None
        visitor = SightingVisitor(NO_FCS, contexts)
        bulk = BulkDecoder(NO_FCS, visitor.payloads, keys(self.name) if self.known else None, contexts)
        bulk.begin()
        told: dict[str, str] = {}
        learnt, check = [], 0
        part = records(self.name)[self.since : self.until]
        for record in (*part, *part) if self.again else part:
            slow = bulk.slow
            row = bulk.decode(record.number, 0, record.time_ns, record.data, len(record.data))
            if isinstance(row, Pending):
                told["?"] = told.get("?", "") + "p"
                continue
            said = visitor.sighting(row, record.data, 0, len(record.data))
            check = zlib.crc32(repr(said).encode(), check)
            kind = said[_KIND]
            told[kind] = told.get(kind, "") + ("f" if bulk.slow > slow else "s")
            learnt.append(visitor.payloads.learnt)
        return {"ways": told, "learnt": learnt[:: max(1, len(learnt) // 8)], "rows": check}
