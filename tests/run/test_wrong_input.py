"""Whatever a person gets wrong ends with one clear line, the right exit code, and no traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.run.bench_process import ROOT, TOPOLOGY, VIRTUAL_RIG, Ended, kenshin

CAPTURES = ROOT.parent / "shared" / "captures"
needs_captures = pytest.mark.skipif(not CAPTURES.is_dir(), reason="the shared captures are not on this machine")


def one_line(ended: Ended, code: int, *words: str) -> None:
    """Ended with this code, without a traceback, and one line says all of these words."""
    assert ended.code == code, ended.said
    assert "Traceback" not in ended.said
    assert "INTERNALERROR" not in ended.said
    assert any(all(word in line for word in words) for line in ended.said.splitlines()), ended.said


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    """A copy of a file with one piece of text replaced."""
    text = source.read_text(encoding="utf-8")
    assert old in text
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


@needs_captures
@pytest.mark.parametrize("command", ["decode", "measure"])
def test_truncated_capture(command: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes((CAPTURES / "line2.pcapng").read_bytes()[:-7])
    ended = kenshin(command, cut)
    one_line(ended, 2, "cut.pcapng", "truncated")
    assert len(ended.stdout.splitlines()) > 2, "what came before the cut is shown all the same"


@needs_captures
@pytest.mark.parametrize("command", ["decode", "measure"])
def test_keys_of_another_network(command: str) -> None:
    ended = kenshin(command, CAPTURES / "line2.pcapng", "--keys", CAPTURES / "star3.ieee802154_keys")
    one_line(ended, 2, "star3.ieee802154_keys", "none of")


@needs_captures
def test_key_file_that_is_none(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text('"00112233","1","No hash"\n')
    one_line(kenshin("decode", CAPTURES / "line2.pcapng", "--keys", keys), 2, "keys:1")


@needs_captures
def test_filter_on_an_unknown_field() -> None:
    one_line(kenshin("decode", CAPTURES / "line2.pcapng", "--filter", "colour == 1"), 2, "colour")


def test_capture_that_is_none(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no capture at all")
    one_line(kenshin("decode", text), 2, "notes.txt")
    one_line(kenshin("decode", tmp_path / "absent.pcapng"), 2, "absent.pcapng")


def test_unknown_key_in_the_declaration(tmp_path: Path) -> None:
    declaration = ROOT / "testplans" / "declarations" / "virtual-terminal.yaml"
    wrong = changed(declaration, tmp_path / "terminal.yaml", "type: store", "typ: store")
    one_line(kenshin("run", "--terminal", wrong, "--out", tmp_path / "run"), 2, "terminal.yaml:", "typ")
    assert not (tmp_path / "run").exists(), "a run whose inputs are wrong leaves no folder"


def test_limit_without_unit(tmp_path: Path) -> None:
    guideline = tmp_path / "guideline.yaml"
    text = (ROOT / "testplans" / "guideline-1.1.yaml").read_text(encoding="utf-8")
    head, measurand, tail = text.partition("      measurand: join.onsite\n")
    guideline.write_text(head + measurand + tail.replace("      unit: s\n", "", 1), encoding="utf-8")
    ended = kenshin("run", "--guideline", guideline, "--out", tmp_path / "run")
    one_line(ended, 2, "guideline.yaml:", "limit", "unit")


def test_unknown_key_in_the_topology(tmp_path: Path) -> None:
    wrong = changed(TOPOLOGY, tmp_path / "topology.yaml", "linger_s:", "lingers:")
    one_line(kenshin("run", "--topology", wrong, "--out", tmp_path / "run"), 2, "topology.yaml:", "lingers")
    one_line(kenshin("twin", "--topology", wrong), 2, "topology.yaml:", "lingers")


def test_unknown_fault(tmp_path: Path) -> None:
    one_line(kenshin("run", "--fault", "t1:sulk", "--out", tmp_path / "run"), 2, "sulk")


def test_rig_that_is_missing_or_wrong(tmp_path: Path) -> None:
    one_line(kenshin("run", "--rig", tmp_path / "absent.yaml", "--out", tmp_path / "run"), 2, "absent.yaml")
    wrong = changed(VIRTUAL_RIG, tmp_path / "rig.yaml", "hold_s:", "hold:")
    one_line(kenshin("run", "--rig", wrong, "--out", tmp_path / "run"), 2, "rig.yaml:", "hold")


def test_wrong_names_in_labgrids_part_of_the_rig(tmp_path: Path) -> None:
    rig = changed(
        VIRTUAL_RIG, tmp_path / "rig.yaml", "- MeterDriver: {name: meter.t1.gas", "- MetterDriver: {name: meter.t1.gas"
    )
    changed(rig, rig, "../topologies/default.yaml", str(TOPOLOGY))
    one_line(kenshin("run", "--rig", rig, "--out", tmp_path / "run"), 2, "rig.yaml:", "MetterDriver")
    assert not (tmp_path / "run").exists()


def test_an_endless_limit(tmp_path: Path) -> None:
    agreement = ROOT / "testplans" / "agreements" / "default.yaml"
    wrong = changed(agreement, tmp_path / "agreement.yaml", "alarm_delay_s: 90", "alarm_delay_s: .inf")
    one_line(kenshin("run", "--agreement", wrong, "--out", tmp_path / "run"), 2, "agreement.yaml:", "alarm_delay_s")


def test_supply_port_closed(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    rig = changed(VIRTUAL_RIG, tmp_path / "rig.yaml", '!template "$LG_TWIN_SUPPLY_AC_PORT"', str(port))
    changed(rig, rig, "../topologies/default.yaml", str(TOPOLOGY))
    one_line(kenshin("run", "--rig", rig, "--out", tmp_path / "run"), 3, "supply.ac", "refused")


def test_console_that_never_answers(tmp_path: Path) -> None:
    topology = changed(
        TOPOLOGY,
        tmp_path / "topology.yaml",
        "console: devices.console.impersonator:ConsoleImpersonator",
        "console: tests.run.mute:Mute",
    )
    one_line(kenshin("run", "--topology", topology, "--out", tmp_path / "run"), 3, "console.t1", "no")


def test_judging_what_is_no_run(tmp_path: Path) -> None:
    one_line(kenshin("judge", tmp_path), 2, str(tmp_path))
    one_line(kenshin("judge", tmp_path / "absent"), 2, "absent")


def test_a_plan_without_a_rig_is_no_green_run() -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "testplans", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "the plan needs a rig" in done.stderr
