"""Figures as a reader wants them: rounded to their uncertainty, with unit; times in JST; durations in words.

Rounding follows GUM (JCGM 100:2008) 7.2.6: U to two significant digits, the value to the same decimal place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bench.plan.answered import MEASURAND
from bench.records import JST_OFFSET_NS, NS_PER_S, Json, Outcome, Verdict
from reports.glossary import glossary, term

NONE = "–"
"""What stands where there is no figure."""

TIMERS_SHOWN = 20
"""A timer profile longer than this many characters stands among the conditions only."""


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
    """``34.21 s``, rounded to U where that is known and not zero; a dash for no value; the unit 1 is not written."""
    if value is None:
        return NONE
    return number(value, _decimals(expanded_u)) + _tail(unit)


def _tail(unit: str) -> str:
    return f" {unit}" if unit not in ("", "1") else ""


def _decimals(expanded_u: float | None) -> int | None:
    return decimals_of(expanded_u) if expanded_u and math.isfinite(expanded_u) else None


def verdict_value(verdict: Verdict) -> str:
    """The figure that was judged, rounded to U, a count with what is counted; never rounded onto its own limit.

    ``never`` stands where what was measured did not happen, a dash where it could not be measured, ``by document``
    where a paper answers.
    """
    measurement = verdict.measurement
    if is_by_document(verdict):
        return NONE if verdict.outcome is Outcome.NOT_APPLICABLE else MEASURAND
    if measurement is None or measurement.value is None:
        return "never" if measurement and not measurement.gate else NONE
    text = quantity(measurement.value, measurement.unit, verdict.expanded_u)
    if measurement.value != verdict.limit and text == quantity(verdict.limit, measurement.unit, verdict.expanded_u):
        text = f"{measurement.value!r}{_tail(measurement.unit)}"
    return text + _counted(verdict, measurement.unit)


def is_by_document(verdict: Verdict) -> bool:
    """Whether a paper is asked for, and none of our figures."""
    return verdict.measurement is not None and verdict.measurement.measurand == MEASURAND


def counted(measurand: str) -> str:
    """What a figure of unit 1 counts, e.g. ``missed uploads``; nothing for a measurand that counts nothing known."""
    key = f"count.{measurand}"
    return term(key).en if key in glossary() else ""


def _counted(verdict: Verdict, unit: str) -> str:
    noun = counted(verdict.measurement.measurand) if verdict.measurement and unit == "1" else ""
    return f" {noun}" if noun else ""


def expanded_uncertainty(verdict: Verdict) -> str:
    """``± 0.58 s`` to two significant digits, ``± 0 s`` where the stamps are exact; nothing without a value.

    ``U not known`` where nobody evaluated it: that is not the same as zero.
    """
    measurement = verdict.measurement
    if measurement is None or measurement.value is None:
        return ""
    if verdict.expanded_u is None or not math.isfinite(verdict.expanded_u):
        return term("u_not_known").en
    return f"± {number(verdict.expanded_u, _decimals(verdict.expanded_u))}{_tail(measurement.unit)}"


def coverage(verdict: Verdict) -> str:
    """``k = 2``, the coverage factor of U; nothing where U is unknown or nobody named a factor.

    A verdict from before factors were stored names it in its decision rule only.
    """
    if not expanded_uncertainty(verdict).startswith("±"):
        return ""
    if verdict.coverage_factor is not None:
        return f"k = {verdict.coverage_factor:.3g}"
    found = re.search(r"\bk = [\d.]+", verdict.decision_rule)
    return found[0] if found else ""


def uncertainty(verdict: Verdict) -> str:
    """``± 0.58 s (k = 2)`` or ``U not known``, as it stands behind the value; nothing without a value."""
    k = coverage(verdict)
    return expanded_uncertainty(verdict) + (f" ({k})" if k else "")


_SIGNS = {"<=": "≤ ", ">=": "≥ ", "at most": "≤ ", "at least": "≥ "}


def verdict_limit(verdict: Verdict, comparison: str = "", *, beside_value: bool = False) -> str:
    """``≤ 90 s``, ``≤ 0 missed uploads``; a dash where no limit was agreed.

    ``beside_value``: the value, which names what is counted, stands right beside it, so that ``≤ 0`` says it all.
    """
    if verdict.limit is None:
        return NONE
    noun = "" if beside_value else _counted(verdict, verdict.unit)
    return _SIGNS.get(comparison, "") + quantity(verdict.limit, verdict.unit) + noun


def subject(verdict: Verdict) -> str:
    """Who was judged, with what must stand beside the figure: ``t3 (3 hops, cold, SMALL)`` (smart-meter hops)."""
    conditions = verdict.measurement.conditions if verdict.measurement else {}
    hops, start, timers = conditions.get("hops"), conditions.get("start"), str(conditions.get("timers") or "")
    beside = [] if hops is None else [f"{hops} hop" + "s" * (hops != 1)]
    beside += [str(start)] if start else []
    beside += [timers] if timers and len(timers) <= TIMERS_SHOWN else []
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
