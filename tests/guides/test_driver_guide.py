"""docs/guides/driver.md works as it is written, and touches its own folder only."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guides.guide import blocks, register, run, write_files
from tests.places import ROOT

PAGE = "driver.md"


def rig_with_thermometer(folder: Path) -> None:
    """The virtual rig and its topology, with what the guide adds to them."""
    said = blocks(PAGE)
    topology = (ROOT / "fixtures" / "topologies" / "default.yaml").read_text(encoding="utf-8")
    (devices,) = (line for line in topology.splitlines(keepends=True) if line.startswith("devices:"))
    topology = topology.replace(devices, devices + said["add to topology.yaml under devices"])
    (folder / "topology.yaml").write_text(topology, encoding="utf-8")
    rig = (ROOT / "fixtures" / "rigs" / "virtual.yaml").read_text(encoding="utf-8")
    for where, line in (
        ("resources", "    resources:\n"),
        ("drivers", "    drivers:\n"),
        ("bench", "  bench:\n"),
    ):
        assert line in rig
        rig = rig.replace(line, line + said[f"add to rig.yaml under {where}"])
    rig = rig.replace("../topologies/default.yaml", "topology.yaml")
    (folder / "rig.yaml").write_text(rig, encoding="utf-8")


@pytest.mark.slow
def test_the_guides_family_works_from_its_own_folder(tmp_path: Path) -> None:
    made = write_files(PAGE, tmp_path)
    assert {path.parent.name for path in made} == {"thermometer"}
    assert len(made) == 4
    register(tmp_path, "thermometer", "kenshin.devices", thermometer="thermometer:FAMILY")
    rig_with_thermometer(tmp_path)
    done = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path / "thermometer")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_without_its_entry_point_the_key_is_unknown(tmp_path: Path) -> None:
    """The rig file's keys are those of the registered families and no others."""
    write_files(PAGE, tmp_path)
    rig_with_thermometer(tmp_path)
    done = run(tmp_path, "-m", "bench.cli", "run", "--rig", tmp_path / "rig.yaml")
    assert done.returncode == 2
    assert "rig.yaml:" in done.stderr
    assert "unknown key 'thermometers'" in done.stderr
