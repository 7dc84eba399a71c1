"""Where nothing was driven nothing is judged: each measurand says why, and never that the bench failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
import pytest

from bench.measurands.judged.registry import REGISTRY
from bench.measurands.judged.setup import Setup
from bench.records import Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, Run

OTHERS: Final = {
    "gap.filling": attrs.evolve(SETUP, gap_filling=True),
    "transparent.mdms": attrs.evolve(SETUP, functions=("periodic-reading", "on-demand-reading")),
}
"""Setups of measurands that are asked for nothing where nothing is agreed or declared."""
PULLED = "t1.gas was not pulled while the terminals were isolated"
OPEN = "less than a day of t1.gas came to the server while the MDMS link was open"
DAYS = "0 whole days seen, at least 7 are needed"
NO_ALARM = "no alarm came to the server while the MDMS link of its meter was open"
SWEPT = "no value of a swept mark was delivered"
NO_END = "episode '{}' did not end"

NOTHING: Final[Sequence[tuple[str, str, str, str, Sequence[str]]]] = (
    ("join.onsite.2", "join", "no attempt was driven", NO_END, ["attempt"]),
    ("roundtrip.server.2", "roundtrip", "no request left the server", NO_END, ["request"]),
    ("upload.daily", "steady", DAYS, DAYS, []),
    ("values.hourly.2", "steady", "no value was delivered", "no value was delivered", ["step"]),
    ("hourmark.error", "steady", SWEPT, SWEPT, ["step", "sweep"]),
    ("storage.terminal.2", "outage", "no cut and restore were driven", NO_END, ["cut"]),
    ("alarm.normal.2", "alarm", "no alarm was raised", NO_END, ["raise"]),
    ("alarm.outage.2", "outage", "no cut and restore were driven", NO_END, ["cut"]),
    ("alarm.mdms", "outage", NO_ALARM, NO_END, ["link", "cut", "raise"]),
    ("reading.mdms", "mdms", "nothing was asked for at the MDMS", NO_END, []),
    ("delivery.mdms", "mdms", OPEN, NO_END, ["link"]),
    ("gap.filling", "mdms", "no hour was removed at the server", NO_END, ["gap"]),
    ("storage.server", "steady outage", PULLED, NO_END, ["cut", "link"]),
    ("cutoff.holds", "cut-off", "nothing of it was probed", NO_END, []),
    ("control.function", "control", "no command was given", NO_END, []),
    ("control.success", "control", "no command was given", NO_END, []),
    ("backup.meters", "backup", "no backup is agreed: nothing was cut", NO_END, []),
    ("backup.concentrator", "backup", "no backup is agreed: nothing was cut", NO_END, []),
    ("transparent.mdms", "mdms", "no whole day was seen at the MDMS", NO_END, ["link"]),
    ("site.reading", "outage", "nothing was read on site", "nothing was read on site", ["site"]),
    ("air.rules", "steady", "no sniffer", "no sniffer", []),
    ("join.onsite", "join", "no attempt was driven", NO_END, ["attempt"]),
    ("roundtrip.server", "roundtrip", "no request left the server", NO_END, ["request"]),
    ("values.hourly", "steady", "no value was delivered", "no value was delivered", ["step"]),
    ("storage.terminal", "outage", "no cut and restore were driven", NO_END, ["cut"]),
    ("alarm.normal", "alarm", "no alarm was raised", NO_END, ["raise"]),
    ("alarm.outage", "outage", "no cut and restore were driven", NO_END, ["cut"]),
)
"""Measurand, episodes, why an episode that ended without anything is not judged, and one that did not end; and the
steps whose leaving out is told in their place."""


def setup_of(name: str) -> Setup:
    return OTHERS.get(name, SETUP)


def asked(path: Path, name: str, episodes: str, *, end: bool = True, left_out: str = "") -> Measurement:
    run = Run(path)
    names = episodes.split()
    for one in names:
        run.begin(MIDNIGHT_NS, one)
        if left_out:
            run.bench(MIDNIGHT_NS, "episode.left_out", "t1", name=one, what=left_out, why="no hands")
    for one in names if end else ():
        run.end(MIDNIGHT_NS + MINUTE_NS, one)
    (measured,) = REGISTRY[name]([run.evidence().episode(one) for one in names], setup_of(name), "maximum")
    return measured


@pytest.mark.parametrize("row", NOTHING, ids=lambda row: row[0])
def test_what_was_not_driven_is_said(tmp_path: Path, row: tuple[str, str, str, str, Sequence[str]]) -> None:
    name, episodes, why, broken_off, _ = row
    for number, (end, gate) in enumerate([(True, why), (False, broken_off.format(episodes.split()[-1]))]):
        measured = asked(tmp_path / str(number), name, episodes, end=end)
        assert (measured.gate, measured.value, measured.bench_error) == (gate, None, False)
        assert measured.cited == ()


@pytest.mark.parametrize(("row", "step"), [(row, step) for row in NOTHING for step in row[4]], ids=str)
def test_what_was_left_out_for_want_of_means_is_said(
    tmp_path: Path, row: tuple[str, str, str, str, Sequence[str]], step: str
) -> None:
    measured = asked(tmp_path, row[0], row[1], left_out=step)
    assert measured.gate == "not driven for want of means: no hands"
    assert not measured.bench_error
    assert len(measured.cited) == 1


def test_a_terminal_that_declares_neither_call_nor_reading_on_request_passes_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.begin(MIDNIGHT_NS, "mdms")
    run.end(MIDNIGHT_NS + MINUTE_NS, "mdms")
    (measured,) = REGISTRY["transparent.mdms"]([run.evidence().episode("mdms")], SETUP, "maximum")
    assert measured.gate == "neither calls nor readings on request are declared"
    assert measured.value is None


def test_each_measurand_of_an_episode_is_asked() -> None:
    assert {name for name, *_ in NOTHING} | {"radio.method"} == set(REGISTRY), "radio.method: its frames come first"
