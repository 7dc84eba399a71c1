"""Figures are rounded to their uncertainty and never onto their limit."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.records import NS_PER_S, Json, Measurement, Outcome, Verdict
from reports import figures


@pytest.mark.parametrize(
    ("value", "unit", "expanded_u", "text"),
    [
        (34.214, "s", 0.578, "34.21 s"),
        (34.2, "s", 0.578, "34.20 s"),
        (1234.5, "s", 120.0, "1230 s"),
        (34.2, "s", float("nan"), "34.2 s"),
        (168.0, "values", None, "168 values"),
        (0.00123456, "s", None, "0.001235 s"),
        (0.0, "", 0.0, "0"),
        (3.0, "1", 0.0, "3"),
        (None, "s", 0.5, "–"),
    ],
)
def test_quantity(value: float | None, unit: str, expanded_u: float | None, text: str) -> None:
    assert figures.quantity(value, unit, expanded_u) == text


def verdict(value: float | None, limit: float | None, gate: str = "") -> Verdict:
    return Verdict("r", "t1", Outcome.PASS, "", Measurement("m", "t1", value, "s", gate=gate), limit, "s")


def test_a_value_beyond_its_limit_never_reads_like_the_limit() -> None:
    assert figures.verdict_value(verdict(90.0004, 90.0)) == "90.0004 s"
    assert figures.verdict_value(verdict(90.0, 90.0)) == "90 s"


@given(st.floats(min_value=1e-3, max_value=1e6), st.integers(min_value=1, max_value=1000))
def test_shown_value_and_limit_differ_when_they_differ(value: float, limit: int) -> None:
    shown = figures.verdict_value(verdict(value, float(limit))) == figures.quantity(float(limit), "s")
    assert shown == (value == float(limit))


def test_never_is_not_the_same_as_not_measured() -> None:
    assert figures.verdict_value(verdict(None, 90.0)) == "never"
    assert figures.verdict_value(verdict(None, 90.0, gate="no server")) == "–"


def test_a_count_says_what_is_counted_in_value_and_limit() -> None:
    counted = Verdict("r", "t1", Outcome.PASS, "", Measurement("values.hourly", "t1", 3.0, "1"), 0.0, "1")
    assert figures.verdict_value(counted) == "3 wrong or doubled"
    assert figures.verdict_limit(counted, "<=") == "≤ 0 wrong or doubled"
    assert figures.verdict_limit(counted, "<=", beside_value=True) == "≤ 0"
    daily = attrs.evolve(counted, measurement=Measurement("upload.daily", "t1", 1.0, "1"))
    assert figures.verdict_limit(daily, "<=") == "≤ 0 missed uploads"
    unknown = attrs.evolve(counted, measurement=Measurement("m", "t1", 1.0, "1"))
    assert (figures.verdict_value(unknown), figures.verdict_limit(unknown, "<=")) == ("1", "≤ 0")


@pytest.mark.parametrize(
    ("unit", "expanded_u", "rule", "text"),
    [
        ("s", 0.578, "simple acceptance, k = 2", "± 0.58 s (k = 2)"),
        ("s", 120.0, "guard band w = U, k = 2.5, targets strict", "± 120 s (k = 2.5)"),
        ("s", 0.0, "simple acceptance, k = 2", "± 0 s (k = 2)"),
        ("1", 0.0, "simple acceptance, k = 2", "± 0 (k = 2)"),
        ("s", 0.578, "", "± 0.58 s"),
        ("s", None, "simple acceptance, k = 2", "U not known"),
        ("s", float("inf"), "simple acceptance, k = 2", "U not known"),
    ],
)
def test_uncertainty_is_zero_some_or_unknown(unit: str, expanded_u: float | None, rule: str, text: str) -> None:
    measurement = Measurement("m", "t1", 34.214, unit)
    judged = Verdict("r", "t1", Outcome.PASS, "", measurement, 90.0, unit, expanded_u, rule)
    assert figures.uncertainty(judged) == text


def test_no_uncertainty_without_a_value() -> None:
    judged = Verdict("r", "t1", Outcome.FAIL, "", Measurement("m", "t1", None, "s"), 90.0, "s", 0.0, "k = 2")
    assert figures.uncertainty(judged) == ""
    assert figures.uncertainty(attrs.evolve(judged, measurement=None)) == ""


def test_what_stands_beside_a_figure() -> None:
    def beside(**conditions: Json) -> str:
        measurement = Measurement("join.onsite", "t3", 50.3, "s", conditions=conditions)
        return figures.subject(Verdict("join-time", "t3", Outcome.PASS, "", measurement))

    assert beside(hops=3, start="cold", timers="SMALL") == "t3 (3 hops, cold, SMALL)"
    assert beside(hops=1, start="warm", timers="x" * 20) == f"t3 (1 hop, warm, {'x' * 20})"
    assert beside(hops=3, start="cold", timers="x" * 21) == "t3 (3 hops, cold)"
    assert beside(timers="") == "t3"


def test_limit_carries_its_side() -> None:
    assert figures.verdict_limit(verdict(1.0, 90.0), "<=") == "≤ 90 s"
    assert figures.verdict_limit(verdict(1.0, 90.0), "at least") == "≥ 90 s"
    assert figures.verdict_limit(verdict(1.0, None), "<=") == "–"


def test_jst_and_durations() -> None:
    assert figures.jst(1_774_969_200 * NS_PER_S) == "2026-04-01 00:00:00 JST"
    assert figures.jst(1_774_969_200 * NS_PER_S - 1) == "2026-03-31 23:59:59 JST"
    texts = [figures.duration(s * NS_PER_S) for s in (4, 725, 3 * 3600 + 240, 8 * 86400 + 3 * 3600)]
    assert texts == ["4.0 s", "12 min 05 s", "3 h 04 min", "8 d 03 h"]


def test_plain_words() -> None:
    assert figures.plain({"hops": 3, "cold": True, "note": None}) == "hops 3, cold yes, note –"
    assert figures.plain(["a", 1.5]) == "a, 1.5"
