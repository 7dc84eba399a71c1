"""What measurands take from a run's inputs, and what they leave."""

from __future__ import annotations

from typing import Any

import pytest

from bench.errors import InputError
from bench.measurands.judged.setup import Setup, TerminalSetup

SAMPLE = {"id": "t1", "eui64": "02:4b:42:ff:fe:00:02:01", "meters": ["t1.gas"]}
INPUTS: dict[str, Any] = {
    "declaration": {
        "observable": {"indicator": "yes"},
        "samples": [SAMPLE],
        "timers": "long",
        "radio_methods": ["wi-sun-fan-1.1"],
        "functions": ["alarms"],
    },
    "agreement": {"upload_deadline": "06:30", "alarm_time_tolerance_s": 60, "storage_at": "server"},
}


def read(**changed: Any) -> Setup:
    return Setup.from_inputs({**INPUTS, **changed})


def test_what_is_declared_and_agreed() -> None:
    found = read()
    assert found.terminals == (TerminalSetup("t1", SAMPLE["eui64"], ("t1.gas",), None, True, "long"),)  # type: ignore[arg-type]
    assert found.upload_deadline_s == 6 * 3600 + 30 * 60
    assert not found.gap_filling
    assert read(agreement={**INPUTS["agreement"], "gap_filling_s": 86400}).gap_filling


@pytest.mark.parametrize(("said", "seen"), [("yes", True), ("no", False), ("photo sensor", True)])
def test_an_indicator_is_seen_unless_it_is_denied(said: str, seen: bool) -> None:
    (terminal,) = read(declaration={**INPUTS["declaration"], "observable": {"indicator": said}}).terminals
    assert terminal.indicator is seen


@pytest.mark.parametrize(
    ("topology", "sample", "timers"),
    [
        (None, {}, "long"),
        (None, {"timers": "short"}, "short"),
        ({"terminals": [{"id": "t1", "timers": "built"}, {"id": "t3"}, "?"]}, {"timers": "short"}, "built"),
        ({"terminals": "?"}, {}, "long"),
    ],
)
def test_timers_are_those_that_were_built_before_those_that_are_declared(
    topology: object, sample: dict[str, str], timers: str
) -> None:
    declaration = {**INPUTS["declaration"], "samples": [{**SAMPLE, **sample}]}
    (terminal,) = read(declaration=declaration, topology=topology).terminals
    assert terminal.timers == timers


def test_wiring_and_references_are_the_rigs() -> None:
    bench = {
        "terminals": {"t1": {"smart_meter_hops": 2}, "t3": None},
        "references": {"r1": {"eui64": "02:00:00:00:00:00:00:01", "smart_meter_hops": 1}, "r2": "?"},
    }
    found = read(rig={"options": {"bench": bench}})
    assert found.terminals[0].hops == 2
    assert found.references == (TerminalSetup("r1", "02:00:00:00:00:00:00:01", (), 1),)
    assert read(rig={"options": {"bench": {"terminals": []}}}).terminals[0].hops is None


def test_trials_that_a_profile_plans_are_whole_numbers() -> None:
    assert read(profile={"joins": 5, "round_trips": None, "alarms": 4, "steady_days": 7}).planned == {
        "joins": 5,
        "alarms": 4,
    }
    assert read(profile="?").planned == {}


@pytest.mark.parametrize("key", ["declaration", "agreement"])
def test_what_is_missing_is_wrong_input(key: str) -> None:
    with pytest.raises(InputError, match="inputs are not whole"):
        Setup.from_inputs({name: value for name, value in INPUTS.items() if name != key})
