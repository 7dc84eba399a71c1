"""``air.rules`` at its edges: each limit to the nanosecond, what a breach says, and what a new world forgets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.judged import air_rules
from bench.measurands.judged.explain import AirView
from bench.measurands.judged.setup import Setup, TerminalSetup
from bench.records import NS_PER_S, Measurement
from tests.measurands.judged.test_air_rules import FAN, PARENT, TWIN, frame, gone_on, heard
from tests.measurands.judged.test_air_rules import run as run
from tests.measurands.synthetic import Run

SEAM_S: Final = 50.0
"""When `gone_on` goes on in a new world, seconds after midnight."""


def measured(run: Run, monkeypatch: pytest.MonkeyPatch, frames: Sequence[Sighting], setup: Setup = FAN) -> Measurement:
    heard(monkeypatch, frames)
    (found,) = air_rules.air_rules([run.evidence().episode("steady")], setup, "count")
    return found


def breaches(found: Measurement) -> list[tuple[str, str]]:
    told: Any = found.detail["breaches"]
    return [(one["rule"], one["said"]) for one in told]


def later(one: Sighting, ns: int) -> Sighting:
    return one._replace(start_ns=one.start_ns + ns)


ONCE: Final = frame(0, 1.0)
LONG: Final = frame(0, 1.0, air_ms=4000.0)


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        ([LONG], []),
        ([LONG._replace(air_ns=4 * NS_PER_S + 1)], [("too long on the air", "4 s in one sending")]),
        ([ONCE, later(ONCE, 60 * NS_PER_S)], []),
        ([ONCE, later(ONCE, 60 * NS_PER_S + 1)], [("replayed", "frame 1 again after 60 s")]),
        ([ONCE, later(ONCE, 7261 * NS_PER_S)], [("replayed", "frame 1 again after 7261 s")]),
        ([ONCE, frame(1, 2.0, counter=0)], [("counter used twice", "counter 0 as in frame 1")]),
        ([ONCE, frame(1, 1.01)], [("no pause", "0 ms after a sending of 10 ms")]),
        ([ONCE, later(frame(1, 1.01), -1)], []),
        ([ONCE, later(frame(1, 1.012), -1)], [("no pause", "2 ms after a sending of 10 ms")]),
        ([ONCE, frame(1, 1.012)], []),
        ([LONG, frame(1, 5.0 + 0.0499)], [("no pause", "49.9 ms after a sending of 4e+03 ms")]),
        ([frame(0, 1.0, counter=None)], [("clear text", "a data frame without security")]),
        ([frame(0, 1.0, counter=None, kind="EAPOL")], []),
    ],
)
def test_a_limit_is_kept_to_the_nanosecond(
    run: Run, monkeypatch: pytest.MonkeyPatch, frames: list[Sighting], found: list[tuple[str, str]]
) -> None:
    """Times after a sending of 10 ms that began a second after midnight, or of 4 s."""
    of = measured(run, monkeypatch, frames)
    assert breaches(of) == found
    assert (of.value, of.u, of.conditions["frames"]) == (float(len(found)), 0.0, len(frames))


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([frame(n, 18.0 * n, air_ms=3600.0) for n in range(100)], None),
        ([frame(n, 18.0 * n, air_ms=3600.000001) for n in range(100)], "360 s within an hour"),
        ([frame(n, 18.0 * n, air_ms=3605.0) for n in range(100)], "360.5 s within an hour"),
        ([*(frame(n, 18.0 * n, air_ms=3600.0) for n in range(100)), frame(100, 3600.0, air_ms=3600.0)], None),
        (
            [*(frame(n, 18.0 * n, air_ms=3600.0) for n in range(100)), frame(100, 3599.999, air_ms=3600.0)],
            "363.6 s within an hour",
        ),
    ],
)
def test_the_sum_of_an_hour(
    run: Run, monkeypatch: pytest.MonkeyPatch, frames: list[Sighting], said: str | None
) -> None:
    """A sending leaves the sum when it began an hour before."""
    assert breaches(measured(run, monkeypatch, frames)) == ([] if said is None else [("too long on the air", said)])


@pytest.mark.parametrize(
    ("methods", "rules", "found"),
    [
        (
            ("wi-sun-fan-1.1",),
            "ARIB STD-T108 and FAN security",
            ["counter fell back", "counter used twice", "clear text"],
        ),
        (("u-bus-air",), "ARIB STD-T108 and frame counters", ["counter fell back", "counter used twice"]),
        (("something else",), "ARIB STD-T108", []),
    ],
)
def test_which_rules_hold_is_the_methods(
    run: Run, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...], rules: str, found: list[str]
) -> None:
    """Breaches are told in order of time, whenever they were found out."""
    frames = [frame(n, 1.0 + n, counter=1000 + n) for n in range(10)]
    frames += [frame(n, 1.0 + n, counter=n) for n in range(10, 20)]
    frames += [frame(20, 25.0, counter=1005)]
    frames += [frame(21, 30.0, counter=None)]
    of = measured(run, monkeypatch, frames, attrs.evolve(FAN, radio_methods=methods))
    assert of.conditions["rules"] == rules
    assert [rule for rule, _ in breaches(of)] == found
    if found:
        assert dict(breaches(of))["counter fell back"] == "from 1009 to 10"


def test_other_senders_are_those_that_are_neither_samples_nor_references(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = bytes.fromhex("024b42fffe0001ff")
    setup = attrs.evolve(FAN, references=(TerminalSetup("ref", "02:4b:42:ff:fe:00:01:ff", ()),))
    frames = [ONCE, frame(1, 2.0, src=PARENT, counter=None), frame(2, 3.0, src=reference, counter=None)]
    of = measured(run, monkeypatch, frames, setup)
    assert (of.value, of.conditions["other_senders"]) == (0.0, 1)
    assert of.detail["other_senders"] == ["02:4b:42:ff:fe:00:01:01"]


def test_an_air_without_a_frame_tells_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    of = measured(run, monkeypatch, [])
    assert (of.gate, of.bench_error) == ("the sniffers heard no frame that could be read", False)
    monkeypatch.setattr(air_rules, "air_view", lambda evidence, until_ns: AirView())
    (of,) = air_rules.air_rules([run.evidence().episode("steady")], FAN, "count")
    assert (of.gate, of.bench_error) == ("no sniffer", False)
    of = measured(run, monkeypatch, [frame(0, 1.0, src=PARENT)])
    assert (of.gate, of.bench_error) == ("the sniffers heard nothing of it", False)


BEFORE: Final = [frame(n, float(n), air_ms=900.0) for n in range(50)]
"""45 s on the air, all before the seam."""


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        ([frame(n, 18.0 * n, air_ms=3600.0) for n in range(100, 200)], []),
        (
            [frame(n, 18.0 * n, air_ms=3600.0) for n in range(100, 201)],
            [("too long on the air", "363.6 s within an hour")],
        ),
        (
            [frame(n, 3500.0 + 18.0 * (n - 50), air_ms=3600.0) for n in range(50, 151)],
            [("too long on the air", "363.6 s within an hour")],
        ),
        (
            [frame(50, SEAM_S + 1.0, air_ms=361_000.0)],
            [("too long on the air", "361 s in one sending"), ("too long on the air", "361 s within an hour")],
        ),
        ([frame(0, SEAM_S + 1.0)], []),
        ([frame(0, SEAM_S + 1.0, counter=3, body=99)], []),
        (
            [frame(50, SEAM_S + 1.0, counter=3), frame(51, SEAM_S + 2.0, counter=3)],
            [("counter used twice", "counter 3 as in frame 51")],
        ),
    ],
)
def test_a_new_world_forgets_sums_and_counters_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frames: list[Sighting], found: list[tuple[str, str]]
) -> None:
    run = gone_on(tmp_path, TWIN)
    assert breaches(measured(run, monkeypatch, [*BEFORE, *frames])) == found


def test_no_pause_is_kept_over_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is another terminal that sends a millisecond later."""
    run = gone_on(tmp_path, TWIN)
    frames = [frame(0, SEAM_S - 0.0105), frame(1, SEAM_S + 0.0005)]
    assert breaches(measured(run, monkeypatch, frames)) == []


def test_a_counter_falls_within_each_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gone_on(tmp_path, TWIN)
    first = [frame(n, 1.0 + n, counter=1000 + n if n < 10 else n) for n in range(20)]
    second = [frame(20 + n, 100.0 + n, counter=3000 + n if n < 10 else 2000 + n) for n in range(20)]
    fell = [("counter fell back", "from 1009 to 10"), ("counter fell back", "from 3009 to 2010")]
    assert breaches(measured(run, monkeypatch, [*first, *second])) == fell
