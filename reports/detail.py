"""What the plots read from ``Measurement.detail``: plain JSON in, small records out.

The keys are written by the measurands (``bench/measurands``). A key that is missing or odd makes its reader return an
empty tuple: a plot may be absent, a report may not break.

* ``attempts`` (``join.onsite``): ``[{start_ns, stop_ns, stop, phases: [{phase, from_ns, to_ns}], label}]``
* ``samples`` (``roundtrip.server``): ``[{rtt_s}]``, None where unanswered; the hop count stands in ``conditions.hops``
* ``marks`` (``values.hourly``, ``storage.terminal``, ``upload.daily``): ``[{meter, mark_ns, state}]``
* ``sides`` (``hourmark.error``): ``[{meter, mark_ns, delta_s, read, error_s}]``
* ``unpowered`` (``backup.*``): ``[{after_s, answered, why}]``, a request without mains each
* ``alarms`` (``alarm.*``): ``[{meter, code, stimulus_ns, arrival_ns, delay_s, outage: [from, to], usable_ns}]``
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from bench.records import Measurement


@attrs.frozen(slots=True)
class Phase:
    """One phase of a join on the air or on the console, in rig time."""

    name: str
    from_ns: int
    to_ns: int


@attrs.frozen(slots=True)
class Attempt:
    """One join: start edge, end on site (None: never) and what ended it; phases may be empty (a black box)."""

    start_ns: int
    stop_ns: int | None
    stop: str
    phases: tuple[Phase, ...]
    label: str = ""


@attrs.frozen(slots=True)
class Mark:
    """One hour mark of one meter: ``ok``, ``missing``, ``wrong``, ``duplicated`` or ``excluded``."""

    meter: str
    mark_ns: int
    state: str


@attrs.frozen(slots=True)
class Alarm:
    """One alarm; arrival None: it never came. ``outage_ns`` and ``usable_ns`` only for one raised in an outage.

    ``time_kept`` False: it came, but with another time of occurrence, so it has no delay.
    """

    label: str
    stimulus_ns: int
    arrival_ns: int | None
    outage_ns: tuple[int, int] | None = None
    usable_ns: int | None = None
    time_kept: bool = True


@attrs.frozen(slots=True)
class Side:
    """One swept step: its distance from the mark, and whether the value was read after it; ``beyond``: that proves an
    error."""

    meter: str
    delta_s: float
    after: bool
    beyond: bool


NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def text(value: object) -> str:
    """A label for a plot; characters that XML forbids, as a device may send them, become U+FFFD."""
    return NOT_XML.sub("\ufffd", str(value))


def attempts(measurement: Measurement) -> tuple[Attempt, ...]:
    """Join attempts in order of start."""
    return tuple(_attempt(item) for item in _items(measurement, "attempts") if _is_ns(item.get("start_ns")))


def _attempt(item: Mapping[str, Any]) -> Attempt:
    phases = (p for p in item.get("phases") or () if isinstance(p, Mapping))
    return Attempt(
        start_ns=item["start_ns"],
        stop_ns=_ns(item.get("stop_ns")),
        stop=text(item.get("stop", "")),
        phases=tuple(
            Phase(text(p.get("phase", "")), p["from_ns"], p["to_ns"])
            for p in phases
            if _is_ns(p.get("from_ns")) and _is_ns(p.get("to_ns"))
        ),
        label=text(item.get("label", "")),
    )


def round_trips(measurement: Measurement) -> tuple[float, ...]:
    """Round trips in seconds, unanswered ones left out."""
    found = measurement.detail.get("samples")
    if not isinstance(found, list | tuple):
        return ()
    values = (item.get("rtt_s") if isinstance(item, Mapping) else item for item in found)
    return tuple(float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool))


def marks(measurement: Measurement) -> tuple[Mark, ...]:
    """Hour marks of all meters."""
    return tuple(
        Mark(text(item.get("meter", measurement.subject)), item["mark_ns"], str(item.get("state", "")))
        for item in _items(measurement, "marks")
        if _is_ns(item.get("mark_ns"))
    )


def sides(measurement: Measurement) -> tuple[Side, ...]:
    """Swept steps of an hour-mark error."""
    return tuple(
        Side(text(item.get("meter", "")), float(delta), item.get("read") == "after the step", bool(item.get("error_s")))
        for item in _items(measurement, "sides")
        if isinstance(delta := item.get("delta_s"), int | float)
    )


def alarms(measurement: Measurement) -> tuple[Alarm, ...]:
    """Alarms in order of their stimulus."""
    return tuple(_alarm(item) for item in _items(measurement, "alarms") if _is_ns(item.get("stimulus_ns")))


def _alarm(item: Mapping[str, Any]) -> Alarm:
    span = item.get("outage")
    whole = isinstance(span, list | tuple) and len(span) == 2 and all(_is_ns(t) for t in span)
    return Alarm(
        label=" ".join(text(item[key]) for key in ("meter", "code") if item.get(key)),
        stimulus_ns=item["stimulus_ns"],
        arrival_ns=_ns(item.get("arrival_ns")),
        outage_ns=(span[0], span[1]) if span is not None and whole else None,
        usable_ns=_ns(item.get("usable_ns")),
        time_kept=_ns(item.get("arrival_ns")) is None or item.get("delay_s", 0.0) is not None,
    )


def items(measurement: Measurement, key: str) -> tuple[Mapping[str, Any], ...]:
    """The mappings of a list in the detail, as they stand."""
    return tuple(_items(measurement, key))


def _items(measurement: Measurement, key: str) -> Iterator[Mapping[str, Any]]:
    found = measurement.detail.get(key)
    if isinstance(found, list | tuple):
        yield from (item for item in found if isinstance(item, Mapping))


def _is_ns(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ns(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
