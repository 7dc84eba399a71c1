"""The default plan on the virtual rig, from the command line: verdicts, evidence, the same again, and seeded faults."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.run.bench_process import ROOT, TOPOLOGY, Ended, kenshin
from tests.run.test_interrupted import timeline, verdicts
from tests.run.test_wrong_input import changed

JUDGED = {
    "join-time",
    "roundtrip-time",
    "upload-daily",
    "values-hourly",
    "storage-terminal",
    "alarm-normal",
    "alarm-outage",
}
SEED = "7"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """One run of the default plan."""
    run = tmp_path_factory.mktemp("whole") / "run"
    return run, kenshin("run", "--out", run, "--seed", SEED)


def test_every_requirement_passes_and_the_exit_code_says_so(whole: tuple[Path, Ended]) -> None:
    run, ended = whole
    assert ended.code == 0, ended.said
    outcome = verdicts(run)
    assert {requirement for requirement, _ in outcome} == JUDGED
    assert {subject for _, subject in outcome} == {"t1", "t3"}
    assert set(outcome.values()) == {"PASS"}
    assert f"report: {run / 'report.html'}" in ended.stdout


def test_what_is_not_judged_is_listed(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    document = json.loads((run / "verdicts.json").read_text(encoding="utf-8"))
    catalogue = (ROOT / "testplans" / "guideline-1.1.yaml").read_text(encoding="utf-8")
    listed = {row["requirement"] for row in document["not_judged"]}
    assert "storage-server" in listed
    assert len(listed) + len(JUDGED) == catalogue.count("  - id: ")


def test_the_run_folder_holds_the_evidence(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    for name in ("run.yaml", "timeline.sqlite", "verdicts.json", "junit.xml", "report.html", "console/console.t1.log"):
        assert (run / name).stat().st_size > 0, name
    assert not (run / ".twin").exists(), "no trace of the twin is left"
    safe = [row for row in timeline(run) if row["kind"] == "bench.safe"]
    assert [row["data"] for row in safe] == [{"failed": [], "reason": "the run ended"}]


def test_the_report_is_self_contained_and_shows_every_clause(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "1分半程度" in page
    assert page.count("<svg") >= 2 * len(JUDGED), "a plot for each verdict"
    assert 'src="http' not in page
    assert 'rel="stylesheet"' not in page


def test_judging_again_gives_the_same_octets(whole: tuple[Path, Ended], tmp_path: Path) -> None:
    run, _ = whole
    copy = shutil.copytree(run, tmp_path / "moved")
    again = kenshin("judge", copy, "--out", tmp_path / "again")
    assert again.code == 0, again.said
    assert (tmp_path / "again" / "verdicts.json").read_bytes() == (run / "verdicts.json").read_bytes()


def test_another_agreement_judges_the_same_evidence_otherwise(whole: tuple[Path, Ended], tmp_path: Path) -> None:
    run, _ = whole
    strict = changed(
        ROOT / "testplans" / "agreements" / "default.yaml",
        tmp_path / "strict.yaml",
        "alarm_delay_s: 90",
        "alarm_delay_s: 0.1",
    )
    assert kenshin("judge", run, "--agreement", strict, "--out", tmp_path / "again").code == 1
    outcome = verdicts(tmp_path / "again")
    failed = {requirement for (requirement, _), word in outcome.items() if word == "FAIL"}
    assert failed == {"alarm-normal"}


def test_the_same_seed_gives_the_same_timeline_and_air(whole: tuple[Path, Ended], tmp_path: Path) -> None:
    run, _ = whole
    assert kenshin("run", "--out", tmp_path / "run", "--seed", SEED).code == 0
    assert kenshin("timeline", tmp_path / "run").stdout == kenshin("timeline", run).stdout
    for name in ("s1.pcapng", "s2.pcapng"):
        assert (tmp_path / "run" / "captures" / name).read_bytes() == (run / "captures" / name).read_bytes()


def test_a_terminal_without_console_gets_the_same_verdicts(whole: tuple[Path, Ended], tmp_path: Path) -> None:
    run, _ = whole
    declaration = ROOT / "testplans" / "declarations" / "virtual-terminal-no-console.yaml"
    ended = kenshin("run", "--out", tmp_path / "run", "--seed", SEED, "--terminal", declaration)
    assert ended.code == 0, ended.said
    assert verdicts(tmp_path / "run") == verdicts(run)
    assert not [row for row in timeline(tmp_path / "run") if row["source"].startswith("console.")]


def test_small_timers_miss_the_join_target_without_failing(tmp_path: Path) -> None:
    text = TOPOLOGY.read_text(encoding="utf-8")
    topology = tmp_path / "small.yaml"
    topology.write_text(text.replace("timers: TEST     ", "timers: SMALL    "), encoding="utf-8")
    assert topology.read_text(encoding="utf-8") != text
    ended = kenshin("run", "--out", tmp_path / "run", "--topology", topology)
    assert ended.code == 0, ended.said
    outcome = verdicts(tmp_path / "run")
    assert outcome.pop(("join-time", "t1")) == "TARGET MISSED"
    outcome.pop(("join-time", "t3"))
    assert set(outcome.values()) == {"PASS"}
    assert ended.stdout.rstrip().splitlines()[-2].startswith("TARGET MISSED")
    assert kenshin("judge", tmp_path / "run", "--strict-targets", "--out", tmp_path / "strict").code == 1


@pytest.mark.parametrize(
    ("faults", "turned"),
    [
        (
            ("t1:late-join", "t3:lose-hour"),
            {("join-time", "t1"): "TARGET MISSED", ("storage-terminal", "t3"): "NOT FOLLOWED"},
        ),
        (
            ("t1:double-on-recovery", "t3:drop-outage-alarm"),
            {("values-hourly", "t1"): "FAIL", ("alarm-outage", "t3"): "FAIL"},
        ),
        (("t3:shift-hour",), {("values-hourly", "t3"): "FAIL"}),
    ],
)
def test_a_seeded_fault_turns_its_requirement_and_no_other(
    faults: tuple[str, ...], turned: dict[tuple[str, str], str], tmp_path: Path
) -> None:
    ended = kenshin("run", "--out", tmp_path / "run", *(f"--fault={fault}" for fault in faults))
    found = {key: word for key, word in verdicts(tmp_path / "run").items() if word != "PASS"}
    assert found == turned
    assert ended.code == (1 if "FAIL" in turned.values() else 0)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_every_frame_of_the_run(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    key = (run / "keys" / "ieee802154_keys").read_text().splitlines()[0]
    for name in ("s1.pcapng", "s2.pcapng"):
        command = ["tshark", "-r", str(run / "captures" / name), "-o", f"uat:ieee802154_keys:{key}", "-Y"]
        wrong = "_ws.malformed || _ws.expert.severity >= 6291456 || wpan.decrypt_error || wpan.fcs_ok == 0"
        done = subprocess.run([*command, wrong], capture_output=True, text=True, check=True)
        assert done.stdout == ""


def test_pytest_alone_drives_the_plan(tmp_path: Path) -> None:
    """``pytest testplans --lg-env RIG`` works by itself; here with the episodes of one test only."""
    import sys

    command = [sys.executable, "-m", "pytest", "testplans", "-q", "--lg-env", "fixtures/rigs/virtual.yaml"]
    done = subprocess.run(
        [*command, "-k", "join_time", "--out", str(tmp_path / "run")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert verdicts(tmp_path / "run") == {("join-time", "t1"): "PASS", ("join-time", "t3"): "PASS"}


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_the_report(whole: tuple[Path, Ended], tmp_path: Path) -> None:
    """pytest-html builds its table in the page: only a browser can say whether a reader sees it."""
    run, _ = whole
    quiet = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    more = "--disable-component-update --disable-sync --virtual-time-budget=5000 --dump-dom"
    command = ["chromium", *quiet.split(), *more.split(), f"--user-data-dir={tmp_path}", f"file://{run}/report.html"]
    page = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    assert page.count('class="results-table-row passed"') == len(JUDGED), "a row a test, made by the page's script"
    assert "ネットワーク参入時間" in page
