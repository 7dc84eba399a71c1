"""Hourly values as they reached the connection server: one record a value, from uploads and history answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.evidence.timeline import CitedObservation
from bench.records import Json


@attrs.frozen(slots=True)
class Delivery:
    """One hourly value at the server. ``by``: ``upload`` (the terminal's own accord) or ``history`` (asked for)."""

    meter: str
    mark_ns: int
    index: Json
    by: str
    event: CitedObservation


def uploads(evidence: Evidence, terminal: str, since_ns: int, until_ns: int) -> list[Delivery]:
    """Values of scheduled and recovery uploads that the server received in the interval, in order of arrival."""
    found = []
    for event in evidence.events(kinds.SERVER_UPLOAD, subject=terminal, since_ns=since_ns, until_ns=until_ns):
        for part in _mappings(event.data.get("meters")):
            found += values_in(str(part.get("meter", "")), part.get("values"), "upload", event)
    return found


def histories(evidence: Evidence, terminal: str, since_ns: int, until_ns: int) -> list[Delivery]:
    """Values of answers to history requests in the interval, in order of arrival."""
    found = []
    for event in evidence.events(kinds.SERVER_ANSWER, subject=terminal, since_ns=since_ns, until_ns=until_ns):
        if event.data.get("op") == "history":
            found += values_in(str(event.data.get("meter", "")), event.data.get("values"), "history", event)
    return found


def values_in(meter: str, values: Json, by: str, event: CitedObservation) -> list[Delivery]:
    """A list of ``{mark_ns, index}`` as deliveries; what is none of that is passed over."""
    return [
        Delivery(meter, mark_ns, item.get("index"), by, event)
        for item in _mappings(values)
        if isinstance(mark_ns := item.get("mark_ns"), int)
    ]


def _mappings(value: Json) -> list[Mapping[str, Json]]:
    """Those among the items of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, Sequence) else []
