"""``kenshin qualify`` as its users start it: a file of somebody's faults, wrong names, and going on in a folder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.cli.qualification import command
from bench.cli.qualification.command import Asked, qualify
from bench.errors import InputError
from bench.twin import topology
from tests.fixtures.run.bench_process import kenshin
from tests.places import ROOT

OWN = '''
import attrs
from bench.twin.faults import Fault

@attrs.define
class Sleepy(Fault):
    """It registers far too late."""
    seconds: float = 200
    turns = ("join-time",)
    def registers_after_s(self):
        return self.seconds

class Idle(Fault):
    """What it waits for never comes."""
    turns = ("join-time",)
    def memory_lost(self, dark_s):
        return ["values"] if dark_s > 1e9 else []
'''


@pytest.mark.slow
def test_somebodys_file_is_tried_fault_by_fault(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN, encoding="utf-8")
    out = tmp_path / "out"
    arguments = ("qualify", "--requirement", "join-time", "--clean", "1", "--fault", file, "--out", out, "--jobs", "2")
    first = kenshin(*arguments, timeout_s=380)
    assert first.code == 1, first.said
    found = json.loads((out / "qualification.json").read_text(encoding="utf-8"))
    assert {one["spec"].rpartition(":")[2]: one["status"] for one in found["faults"]} == {
        "Sleepy": "caught",
        "Idle": "never fired",
    }
    assert "What it waits for never comes." in (out / "qualification.md").read_text(encoding="utf-8")
    made = {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/verdicts.json")}
    again = kenshin(*arguments)
    assert again.code == 1, again.said
    assert {path: path.stat().st_mtime_ns for path in (out / "runs").glob("*/verdicts.json")} == made


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("late-jion", "no fault 'late-jion'"),
        ("t3:late-join,minutes=3", "has no option 'minutes'"),
        ("server:late-join", "does nothing at server"),
        ("none.py", "no file none.py"),
        ("none.py:Fault", "no file none.py"),
    ],
)
def test_a_wrong_fault_is_found_before_anything_runs(fault: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=says):
        qualify(Asked((fault,), out=tmp_path / "out"), print)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("attribute", "says"),
    [
        ('turns = ("hourly-values",)', "turns names 'hourly-values', no requirement; expected one of "),
        ('turns = ("join-time",); also = "joint-time"', "also names 'joint-time', no requirement; expected join-time"),
        ('at = "t9"', "at names 't9', which is not there; expected one of t1, "),
    ],
)
def test_a_fault_that_names_what_is_not_there_is_refused(attribute: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    body = "    def memory_lost(self, dark_s):\n        return []\n"
    file.write_text(f"from bench.twin.faults import Fault\n\nclass Own(Fault):\n    {attribute}\n{body}", "utf-8")
    with pytest.raises(InputError, match=re.escape(says)):
        qualify(Asked((str(file),), out=tmp_path / "out"), print)


@pytest.mark.parametrize(
    ("rig", "topology_name", "terminal"),
    [
        ("transparent", "", "virtual-transparent"),
        ("virtual-one", "", "virtual-one"),
        ("virtual-thirty", "", "virtual-thirty"),
        ("virtual-methods", "", "enhanced-han"),
        ("virtual-methods", "u-bus-air", "u-bus-air"),
        ("virtual", "lfn", "virtual-lfn"),
    ],
)
def test_the_catalogue_sits_somewhere_on_every_virtual_rig(rig: str, topology_name: str, terminal: str) -> None:
    """Faults name subjects of the default rig; elsewhere they sit at the first one of their kind."""
    fixtures, plans = ROOT / "fixtures", ROOT / "testplans"
    asked = Asked(
        rig=fixtures / "rigs" / f"{rig}.yaml",
        topology=fixtures / "topologies" / f"{topology_name}.yaml" if topology_name else None,
        terminal=plans / "declarations" / f"{terminal}.yaml",
    )
    there = topology.load(asked.topology_file)
    cases = command._catalogue(asked, there)
    assert len(cases) > 75
    for case in cases:
        topology.check_fault(there, case.subject, case.spec)
    said = command._command(asked, 7)
    behind = f"--topology {asked.topology} " if asked.topology else ""
    assert f"--rig {asked.rig} {behind}--terminal {asked.terminal}" in said, "a page says on which rig it was made"


def test_the_page_names_every_fault_of_the_catalogue() -> None:
    from bench.twin.faults import BUILT_IN

    page = (ROOT / "docs" / "qualification.md").read_text(encoding="utf-8")
    lacks = [fault.name for fault in BUILT_IN if f":{fault.name}" not in page]
    assert not lacks, f"make qualification: docs/qualification.md knows nothing of {', '.join(lacks)}"


def test_every_fault_of_the_catalogue_says_what_it_should_turn() -> None:
    from bench.plan.schema import GUIDELINE, load_guideline
    from bench.twin.faults import BUILT_IN, make

    known = {row.id for row in load_guideline(GUIDELINE).requirements}
    faults = [make(cls.name) for cls in BUILT_IN]
    assert len({fault.name for fault in faults}) == len(BUILT_IN)
    for fault in faults:
        assert fault.turns, fault.name
        assert {*fault.turns, *fault.also} <= known, fault.name
        assert type(fault).__doc__, fault.name
