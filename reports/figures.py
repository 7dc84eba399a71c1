"""Figures as a reader wants them: rounded to their uncertainty, with unit; times in JST; durations in words.

Rounding follows GUM (JCGM 100:2008) 7.2.6: U to two significant digits, the value to the same decimal place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bench.records import JST_OFFSET_NS, NS_PER_S, Json, Verdict
from reports.glossary import glossary, term

NONE = "–"
"""What stands where there is no figure."""


def number(value: float, decimals: int | None = None) -> str:
    """A number without noise: given decimals (negative: tens, hundreds), else four significant digits."""
    if not math.isfinite(value):
        return str(value)
    if decimals is None:
        if value == int(value):
            return f"{int(value)}"
        decimals = max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return f"{round(value, decimals):.{max(0, decimals)}f}"


def decimals_of(expanded_u: float) -> int:
    """Decimal places that show U with two significant digits; negative for U of 100 and more."""
    return 1 - math.floor(math.log10(abs(expanded_u)))


def quantity(value: float | None, unit: str, expanded_u: float | None = None) -> str:
    """``34.21 ± 0.58 s``; a dash for no value. U of zero or None is left out, and so is the unit 1 of counts."""
    if value is None:
        return NONE
    tail = f" {unit}" if unit not in ("", "1") else ""
    if not expanded_u or not math.isfinite(expanded_u):
        return number(value) + tail
    decimals = decimals_of(expanded_u)
    return f"{number(value, decimals)} ± {number(expanded_u, decimals)}{tail}"


def verdict_value(verdict: Verdict) -> str:
    """The figure that was judged, with U where it is known; never rounded onto its own limit.

    ``never`` stands where what was measured did not happen, a dash where it could not be measured.
    """
    measurement = verdict.measurement
    if measurement is None or measurement.value is None:
        return "never" if measurement and not measurement.gate else NONE
    text = quantity(measurement.value, measurement.unit, verdict.expanded_u)
    if measurement.unit == "1" and f"count.{measurement.measurand}" in glossary():
        return f"{text} {term(f'count.{measurement.measurand}').en}"
    if measurement.value != verdict.limit and text == quantity(verdict.limit, measurement.unit, verdict.expanded_u):
        return f"{measurement.value!r} {measurement.unit}".removesuffix(" 1").rstrip()
    return text


_SIGNS = {"<=": "≤ ", ">=": "≥ ", "at most": "≤ ", "at least": "≥ "}


def verdict_limit(verdict: Verdict, comparison: str = "") -> str:
    """``≤ 90 s``; a dash where no limit was agreed."""
    if verdict.limit is None:
        return NONE
    return _SIGNS.get(comparison, "") + quantity(verdict.limit, verdict.unit)


def subject(verdict: Verdict) -> str:
    """Who was judged, with what must stand beside the figure: ``t3 (3 hops, cold)`` (smart-meter hops)."""
    conditions = verdict.measurement.conditions if verdict.measurement else {}
    hops, start = conditions.get("hops"), conditions.get("start")
    beside = [] if hops is None else [f"{hops} hop" + "s" * (hops != 1)]
    beside += [str(start)] if start else []
    return f"{verdict.subject} ({', '.join(beside)})" if beside else verdict.subject


def jst(t_ns: int) -> str:
    """``2026-04-01 00:20:03 JST`` of a stamp in ns since the Unix epoch."""
    seconds = (t_ns + JST_OFFSET_NS) // NS_PER_S
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S JST")


def duration(ns: int) -> str:
    """``8 d 03 h``, ``12 min 05 s`` or ``4.2 s``: the two largest units."""
    seconds = ns / NS_PER_S
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, hours, minutes = whole // 86400, whole // 3600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours:02d} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s"


def plain(value: Json) -> str:
    """A JSON value as words, without braces and quotes: ``hops 3``, ``yes``, ``a, b``."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {plain(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(item) for item in value) or NONE
    return str(value)
