"""Wrong inputs are found before anything is driven: one line, with file and line and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.plan.inputs import load_plan, read_plan, stored_plan
from bench.plan.schema import AGREEMENT, DECLARATION, GUIDELINE, PROFILES
from tests.places import RUNS

SMOKE = PROFILES / "smoke.yaml"
OWN = "interpretation: {join-time: %s}\nname:"


def changed(folder: Path, source: Path, old: str, new: str) -> Path:
    text = source.read_text(encoding="utf-8")
    assert old in text, "the test changes what is there"
    target = folder / source.name
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def read(path: Path) -> None:
    """The plan of the defaults and this one file."""
    load_plan(
        path if path.name == DECLARATION.name else None,
        path if path.name == AGREEMENT.name else None,
        str(path) if path.name == SMOKE.name else None,
        path if path.name == GUIDELINE.name else None,
    )


@pytest.mark.parametrize(
    ("source", "old", "new", "words", "says"),
    [
        (
            DECLARATION,
            "[wi-sun-fan-1.1]",
            "[lorawan]",
            "lorawan",
            "none of the guideline's five; expected at least one",
        ),
        (DECLARATION, "[wi-sun-fan-1.1]", "[wi-sun-fan-1.1, wi-sun-fan-1.1]", "radio_methods", "is there twice"),
        (DECLARATION, "history, alarms]", "history, alarm]", "history", "function 'alarm' is unknown; expected one of"),
        (DECLARATION, "history, alarms]", "history, history]", "history", "function 'history' is there twice"),
        (DECLARATION, "meter_port: emulator", "meter_port: maybe", "maybe", "meter_port 'maybe' is unknown"),
        (DECLARATION, "- id: t3", "- id: t1", "serial: VT-0001", ""),
        (DECLARATION, "00:02:03", "00:02:01", "", "eui64 '02:4b:42:ff:fe:00:02:01' is there twice"),
        (DECLARATION, "serial: VT-0003", "serial: VT-0001", "", "serial 'VT-0001' is there twice"),
        (
            DECLARATION,
            "valves: [t3.gas]",
            "valves: [t1.gas]",
            "valves: [t1.gas]",
            "valve 't1.gas' is unknown; expected one",
        ),
        (
            DECLARATION,
            "valve_cycles: 100",
            "valve_cycles: 1",
            "valve_cycles",
            "valve_cycles: 1 with control; expected at",
        ),
        (DECLARATION, "[t3.gas,", "[t1.gas,", "t3.water", "meter 't1.gas' is there twice, first in line"),
        (AGREEMENT, "name:", OWN % "{unit: furlong}", "furlong", "unit 'furlong' is not what join.onsite.2 gives"),
        (AGREEMENT, "name:", OWN % "{unit: min, limit: 2}", "unit: min", "expected unit: s"),
        (AGREEMENT, "name:", OWN % "{unit: s, limit: -1}", "limit", "limit -1 is negative"),
        (AGREEMENT, "name:", OWN % "{unit: s, limit: .nan}", "limit", ".interpretation.join-time.limit"),
        (AGREEMENT, "name:", OWN % "{statistic: count}", "statistic", "statistic 'count' is none of join.onsite.2's"),
        (AGREEMENT, "name:", OWN % "{statistic: mean}", "statistic", "'mean' is unknown"),
        (AGREEMENT, "name:", "interpretation: {join-tme: {unit: s}}\nname:", "join-tme", "'join-tme' is unknown"),
        (
            AGREEMENT,
            "name:",
            "interpretation: {store-type-collection: {note: x}}\nname:",
            "store-type-c",
            "is not judged",
        ),
        (SMOKE, "name:", OWN % "{unit: furlong}", "furlong", "furlong"),
        (AGREEMENT, '"06:00"', '"24:00"', "24:00", "no time of day"),
        (AGREEMENT, "alarm_delay_s: 90", "alarm_delay_s: -90", "alarm_delay_s", "alarm_delay_s"),
        (GUIDELINE, "      unit: s\n", "      unit: furlong\n", "furlong", "furlong"),
        (GUIDELINE, "      limit: 90", "      limit: -90", "limit: -90", "negative"),
        (GUIDELINE, "measurand: join.onsite", "measurand: join.offsite", "join.offsite", "is unknown; expected one of"),
        (GUIDELINE, "functions: [alarms]", "functions: [alarm]", "[alarm]", "function 'alarm' is unknown"),
        (
            GUIDELINE,
            "statistic: count",
            "statistic: p95",
            "statistic: p95",
            "none of reading.mdms's; expected one of count",
        ),
    ],
)
def test_a_wrong_input_is_one_line(tmp_path: Path, source: Path, old: str, new: str, words: str, says: str) -> None:
    path = changed(tmp_path, source, old, new)
    with pytest.raises(InputError) as caught:
        read(path)
    message = str(caught.value)
    lines = path.read_text(encoding="utf-8").splitlines()
    named = int(message.removeprefix(f"{path}:").partition(":")[0])
    assert "\n" not in message
    assert says.removeprefix(".interpretation.join-time.") in message
    if words and says:
        assert words in lines[named - 1], message


def test_a_second_method_may_be_any_other(tmp_path: Path) -> None:
    told = read_plan(changed(tmp_path, DECLARATION, "[wi-sun-fan-1.1]", "[wi-sun-fan-1.1, lorawan]"))
    assert told.plan.declaration.radio_methods == ("wi-sun-fan-1.1", "lorawan")


@pytest.mark.parametrize(
    ("field", "requirement", "least", "enough"),
    [("steady_days", "upload-daily", 7, "join-time"), ("outage_days", "storage-terminal", 7, "values-hourly")],
)
def test_too_few_days_name_the_row_that_needs_more(
    tmp_path: Path, field: str, requirement: str, least: int, enough: str
) -> None:
    text = SMOKE.read_text(encoding="utf-8")
    days = next(line for line in text.splitlines() if line.startswith(field))
    path = changed(tmp_path, SMOKE, days, f"{field}: 1")
    written = read_plan(profile=str(path))
    with pytest.raises(InputError) as caught:
        written.check_days(written.plan.judged())
    line = path.read_text(encoding="utf-8").splitlines().index(f"{field}: 1") + 1
    assert str(caught.value).startswith(f"{path}:{line}: {field}: 1 are too few: {requirement} (")
    assert f"needs {least};" in str(caught.value)
    written.check_days([enough])


def test_days_of_what_does_not_apply_are_not_asked(tmp_path: Path) -> None:
    folder = tmp_path / "transparent"
    folder.mkdir()
    terminal = changed(folder, DECLARATION, "type: store", "type: transparent")
    written = read_plan(terminal, profile=str(changed(tmp_path, SMOKE, "outage_days: 8", "outage_days: 1")))
    written.check_days(written.plan.judged())


def test_a_stored_plan_is_judged_as_it_is(tmp_path: Path) -> None:
    """What a new run refuses was perhaps driven yesterday: the record keeps its verdicts."""
    written = read_plan()
    stored = written.plan.inputs()
    stored["declaration"] = {**stored["declaration"], "radio_methods": ["lorawan"]}
    assert type(written.plan).from_inputs(stored).declaration.radio_methods == ("lorawan",)


@pytest.mark.parametrize(
    ("source", "old", "new", "words", "says"),
    [
        (AGREEMENT, "id: EX-2", "id: EX-1", "id: EX-1\n    name: Example rules", "document 'EX-1' is there twice"),
        (AGREEMENT, "[service-level,", "[service-lefel,", "service-lefel", "requirement 'service-lefel' is unknown"),
        (AGREEMENT, "name:", OWN % "{unit: s, limit: -1}", "join-time", "limit -1 is negative; expected 0 or more"),
        (AGREEMENT, "name:", OWN % "{unit: min, limit: 2}", "join-time", "unit 'min' is not what join.onsite.2 gives"),
        (AGREEMENT, "name:", OWN.replace("time", "tiem") % "{unit: s}", "join-tiem", "'join-tiem' is unknown"),
        (GUIDELINE, "limit: 90", "limit: -90", "limit: -90", "limit -90 is negative; expected 0 or more"),
        (GUIDELINE, "measurand: join.onsite.2", "measurand: joyn.onsite.2", "joyn", "'joyn.onsite.2' is unknown"),
    ],
)
def test_what_a_stored_run_is_judged_by_is_held_to_the_same(
    tmp_path: Path, source: Path, old: str, new: str, words: str, says: str
) -> None:
    stored = read_plan().plan.inputs()
    path = changed(tmp_path, source, old, new)
    given = {"guideline": None, "agreement": None, "guideline" if source == GUIDELINE else "agreement": path}
    with pytest.raises(InputError) as caught:
        stored_plan(stored, given["guideline"], given["agreement"])
    line = path.read_text(encoding="utf-8").split(words)[0].count("\n") + 1
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


def test_a_run_of_before_is_judged_by_the_agreement_of_today() -> None:
    """Its guideline has fewer rows than the papers of today answer."""
    old = Evidence.open(RUNS / "1").folder.inputs()
    assert stored_plan(old, None, AGREEMENT).agreement.name == "example agreement"
