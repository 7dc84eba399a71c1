"""Plots are valid, the same every time, and absent rather than broken."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.records import NS_PER_HOUR, Measurement, Outcome, Verdict
from reports import plots
from tests.reports.report_sample import EPOCH, alarm, join, round_trip, strip

SIDES = Measurement(
    "hourmark.error", "t1", 2.0, "s",
    detail={"sides": [
        {"meter": "t1.gas", "mark_ns": 0, "delta_s": 2.0, "read": "after the step", "error_s": 2.0},
        {"meter": "t1.gas", "mark_ns": 0, "delta_s": -10.0, "read": "after the step", "error_s": 0.0},
        {"meter": "t1.water", "mark_ns": 0, "delta_s": 10.0, "read": "before the step", "error_s": 0.0},
    ]},
)  # fmt: skip
BACKUP = Measurement(
    "backup.meters", "t1", 1900.0, "s", bounds=(1900.0, 2700.0),
    detail={"unpowered": [
        {"after_s": 900.0, "answered": True, "why": ""}, {"after_s": 1890.0, "answered": True, "why": ""},
        {"after_s": 2610.0, "answered": False, "why": ""},
    ]},
)  # fmt: skip
SAMPLES: list[tuple[Callable[..., str | None], Measurement]] = [
    (plots.join_timeline, join("t1", 31.2, 1)),
    (plots.join_timeline, join("t3", None, 3)),
    (plots.roundtrip_distribution, round_trip("t3", 3)),
    (plots.buffering_strip, strip("t1")),
    (plots.alarm_timeline, alarm("t1")),
    (plots.alarm_timeline, alarm("t3", arrives=False)),
    (plots.hour_mark_sides, SIDES),
    (plots.backup_bracket, BACKUP),
]
IDS = ["join", "never joined", "round trip", "strip", "alarm", "lost alarm", "hour mark", "backup"]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize(("draw", "measurement"), SAMPLES, ids=IDS)
def test_plot_is_valid_repeatable_and_self_contained(draw: Callable[..., str | None], measurement: Measurement) -> None:
    svg = draw(measurement, 90.0)
    assert svg is not None
    root = ET.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "width" not in root.attrib, "the browser scales it to the full width"
    links = [value for each in root.iter() for name, value in each.attrib.items() if name.endswith("href")]
    assert all(link.startswith("#") for link in links)
    assert "DejaVu" not in svg
    assert "metadata" not in svg
    assert draw(measurement, 90.0) == svg
    assert len(svg) < 60_000


def test_join_shows_phases_mark_and_limit() -> None:
    shown = texts(plots.join_timeline(join("t1", 31.2, 1), 90.0) or "")
    joined = " ".join(shown)
    for word in (
        "discovery and authentication",
        "configuration",
        "routing",
        "confirmation",
        "31.2 s",
        "90 s",
        "通信可能と現地で判断",
    ):
        assert word in joined
    assert "never 未参入" in " ".join(texts(plots.join_timeline(join("t3", None, 3), 90.0) or ""))


def test_join_of_a_black_box_has_no_phases_but_its_mark() -> None:
    attempt: dict[str, Any] = {"start_ns": EPOCH, "stop_ns": EPOCH + 31 * 10**9, "stop": "server", "phases": []}
    shown = texts(
        plots.join_timeline(Measurement("join.onsite", "t1", 31.0, "s", detail={"attempts": [attempt]})) or ""
    )
    assert "31.0 s" in shown
    assert not any("discovery" in text for text in shown)


def test_strip_counts_states_and_puts_midnight_on_the_day_before() -> None:
    shown = texts(plots.buffering_strip(strip("t1", {23: "missing"}, days=1)) or "")
    assert "t1.gas: 23 as at the meter, 1 missing" in shown
    assert [text for text in shown if text.startswith("2026-")] == ["2026-04-01", "2026-04-01"]
    assert plots._day_hour(EPOCH) == (plots._day_hour(EPOCH + NS_PER_HOUR)[0] - 1, 24)


@pytest.mark.parametrize("state", ["missing", "wrong", "duplicated"])
def test_strip_marks_an_odd_cell_with_a_sign(state: str) -> None:
    odd, clean = (texts(plots.buffering_strip(strip("t1", cells)) or "") for cells in ({5: state}, {}))
    sign = plots.STATES[state][1]
    assert (odd.count(sign), clean.count(sign)) == (1, 0)


def test_lost_alarm_is_said_in_words() -> None:
    assert "never arrived 未到着" in texts(plots.alarm_timeline(alarm("t1", arrives=False)) or "")
    assert "41.0 s" in texts(plots.alarm_timeline(alarm("t1")) or "")


def test_alarm_with_another_time_of_occurrence_has_no_delay() -> None:
    measurement = alarm("t1")
    detail: Any = measurement.detail
    changed = {**detail["alarms"][0], "delay_s": None}
    shown = texts(plots.alarm_timeline(attrs.evolve(measurement, detail={"alarms": [changed]})) or "")
    assert any("time of occurrence changed" in text for text in shown)
    assert "41.0 s" not in shown


def test_unanswered_requests_are_named() -> None:
    measurement = attrs.evolve(round_trip("t1", 1, n=5), conditions={"hops": 1, "unanswered": 2})
    assert any("n = 5, 2 unanswered" in text for text in texts(plots.roundtrip_distribution(measurement, 90.0) or ""))


ODD_DETAIL: list[dict[str, Any]] = [
    {},
    {"attempts": None, "samples": "x", "marks": 3, "alarms": {}},
    {"attempts": [1, {}, {"start_ns": "soon"}], "samples": [None, {}], "marks": [{"meter": "m"}], "alarms": [None]},
]


@pytest.mark.parametrize("detail", ODD_DETAIL)
def test_odd_detail_gives_no_plot(detail: dict[str, Any]) -> None:
    verdict = Verdict("r", "t1", Outcome.PASS, "", Measurement("m", "t1", 1.0, "s", detail=detail))
    assert plots.plot_for(verdict) is None


def test_verdict_without_measurement_has_no_plot() -> None:
    assert plots.plot_for(Verdict("r", "t1", Outcome.NOT_APPLICABLE, "")) is None


@pytest.mark.parametrize("label", ["\x08", "$x_1$", "<b>&", "\ud800"])
def test_odd_labels_stay_text(label: str) -> None:
    attempt: dict[str, Any] = {"start_ns": EPOCH, "stop_ns": EPOCH + 31 * 10**9, "label": label}
    svg = plots.join_timeline(Measurement("join.onsite", "t1", 31.0, "s", detail={"attempts": [attempt]})) or ""
    assert ("\ufffd" if label in ("\x08", "\ud800") else label) in texts(svg)


STAMP = st.one_of(st.none(), st.integers(min_value=0, max_value=4 * 10**18), st.text(max_size=3))
DETAIL = st.fixed_dictionaries(
    {},
    optional={
        "attempts": st.lists(
            st.fixed_dictionaries(
                {"start_ns": STAMP, "stop_ns": STAMP},
                optional={
                    "label": st.text(max_size=5),
                    "phases": st.lists(
                        st.fixed_dictionaries({"phase": st.text(max_size=5), "from_ns": STAMP, "to_ns": STAMP}),
                        max_size=2,
                    ),
                },
            ),
            max_size=3,
        ),
        "samples": st.lists(st.one_of(st.none(), st.floats(min_value=0, max_value=1e9)), max_size=4),
        "marks": st.lists(
            st.fixed_dictionaries({"mark_ns": STAMP, "state": st.sampled_from([*plots.STATES, "odd"])}), max_size=4
        ),
        "alarms": st.lists(
            st.fixed_dictionaries({"stimulus_ns": STAMP, "arrival_ns": STAMP, "usable_ns": STAMP}), max_size=3
        ),
    },
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(DETAIL)
def test_whatever_detail_says_a_plot_is_valid_or_absent(detail: dict[str, Any]) -> None:
    verdict = Verdict("r", "t1", Outcome.PASS, "", Measurement("m", "t1", 1.0, "s", detail=detail), 90.0, "s")
    svg = plots.plot_for(verdict)
    if svg is not None:
        ET.fromstring(svg)


def test_a_count_of_misses_has_no_limit_on_a_scale_of_seconds() -> None:
    """The plot of round trips also explains rows that count: 'Limit 0 s' would be about nothing."""
    trips = round_trip("t3", 3)
    in_seconds = plots.plot_for(Verdict("r", "t3", Outcome.PASS, "", trips, limit=90.0))
    counted = plots.plot_for(Verdict("r", "t3", Outcome.PASS, "", attrs.evolve(trips, unit="1"), limit=0.0))
    assert in_seconds is not None
    assert counted is not None
    assert any("Limit" in text for text in texts(in_seconds))
    assert not any("Limit" in text for text in texts(counted))
