"""The topology file: the default one is right, and what is wrong in another is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import InputError
from bench.twin.process import run_twin
from bench.twin.topology import load, with_faults
from tests.twin.twin_process import DEFAULT


def test_default_topology_is_the_rig_of_the_names() -> None:
    plan = load(DEFAULT)
    assert plan.node_ids == ("br", "m1", "m2", "m3", "t1", "t3", "r1")
    assert plan.epoch_ns % 3_600_000_000_000 == 0
    assert set(plan.port_names) >= {"console.t1", "panel.t3", "meter.t3.water", "supply.ac", "sniffer.s2", "server"}
    assert [(link.between) for link in plan.links_of_all()][-3:] == [("m1", "t1"), ("m3", "t3"), ("m2", "r1")]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    parent: m1 ", "    parrent: m1 ", "unknown key 'parrent'; expected one of"),
        ("parent: m3", "parent: m4", "'m4' is not there; expected one of br, m1, m2, m3"),
        ("parent: m3", "parent: t1", "'t1' is not there; expected one of br, m1, m2, m3"),
        ("hears: {m2: -68", "hears: {m9: -68", "'m9' is not there"),
        ("feeds: [t3]", "feeds: [m3]", "'m3' is not there; expected one of t1, t3, r1"),
        ("- id: t3", "- id: t1", "id 't1' is taken in line"),
        ("rssi_dbm: -62", "rssi_dbm: high", '"high" is wrong; expected a valid integer'),
        ("timers: SMALL", "timers: SMAL", "'TEST', 'SMALL' or 'MEDIUM'"),
        ("fd00:4b42::/64", "fd00:4b42::/48", "no prefix; expected an IPv6 /64"),
        ("02:4b:42:ff:fe:00:00:01", "02:4b:42", "8-octet value; expected 16 hex digits"),
        ('"2026-03-25T22:00:00+09:00"', "yesterday", "no instant; expected ISO 8601"),
        ("2026-03-25T22", "9999-03-31T22", "is far away; expected an instant of the years 2000 to 2100"),
        ("2026-03-25T22", "1999-12-31T22", "is far away"),
        ("02:4b:42:ff:fe:00:02:03", "02:4b:42:ff:fe:00:02:01", "eui64 '02:4b:42:ff:fe:00:02:01' is taken in line"),
        ("02:4b:42:ff:fe:00:01:03", "02:4b:42:ff:fe:00:00:01", "eui64 '02:4b:42:ff:fe:00:00:01' is taken in line"),
        (
            "devices.supply.makes.rigol_dp832:RigolImpersonator",
            "rigol",
            "names no class; expected package.module:Class",
        ),
        ("faults: []\n  - id: r1", "faults: [late-jion]\n  - id: r1", "no fault 'late-jion'"),
    ],
)
def test_wrong_topology_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = DEFAULT.read_text(encoding="utf-8").replace("timers: TEST  ", "timers: SMALL", 1)
    assert text.count(old) >= 1
    line = text[: text.rindex(old)].count("\n") + 1
    path = tmp_path / "rig.yaml"
    path.write_text(new.join(text.rsplit(old, 1)), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_twin_of_a_wrong_topology_or_fault_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        run_twin(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="no subject 't9' for fault 'late-join'; expected one of t1, t3, r1"):
        run_twin(DEFAULT, faults=["t9:late-join"])
    with pytest.raises(InputError, match="no fault 'late'"):
        run_twin(DEFAULT, faults=["t1:late"])


def test_faults_of_the_command_line_come_on_top() -> None:
    plan = with_faults(load(DEFAULT), {"t1": ("late-join",)})
    assert [t.faults for t in plan.terminals] == [("late-join",), (), ()]
