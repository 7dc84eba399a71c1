"""A plot for each verdict, as deterministic SVG text.

matplotlib is imported inside the functions (0.5 s). What a plot needs beyond the figure it finds in
``Measurement.detail``; without it there is no plot and :func:`plot_for` returns None.
"""

from __future__ import annotations

from bench.records import Measurement, Verdict


def plot_for(verdict: Verdict) -> str | None:
    """The SVG that explains this verdict, chosen by its measurand; None where its detail does not suffice."""
    raise NotImplementedError


def join_timeline(measurement: Measurement, limit_s: float | None) -> str | None:
    """Join attempts as phase bars with on-site mark and limit."""
    raise NotImplementedError


def roundtrip_distribution(measurement: Measurement, limit_s: float | None) -> str | None:
    """Round trips as strip and box, by hop count."""
    raise NotImplementedError


def buffering_strip(measurement: Measurement) -> str | None:
    """Hour x day grid per meter: ok, missing, wrong, duplicated, excluded."""
    raise NotImplementedError


def alarm_timeline(measurement: Measurement) -> str | None:
    """Stimulus, outage span, usable again and arrival, one line an alarm."""
    raise NotImplementedError
