"""The plugin inside a real pytest session: one file, clause table on top, verdicts in both reports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CONFTEST = f"""
import sys
sys.path.insert(0, {str(HERE.parents[1])!r})
import pytest
from tests.reports import report_sample
from reports.plugin import ITEM_VERDICTS_KEY, VERDICTS_KEY

def pytest_configure(config):
    config.stash[VERDICTS_KEY] = report_sample.report()

@pytest.fixture
def judge(request):
    def judge(requirement):
        found = [v for v in report_sample.verdicts() if v.requirement == requirement]
        request.node.stash[ITEM_VERDICTS_KEY] = found
        assert not any(v.outcome == "FAIL" for v in found)
    return judge
"""
PLAN = """
def test_join(judge):
    judge("join-time")

def test_values(judge):
    judge("hourly-values")

def test_that_judges_nothing():
    pass
"""


def session(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_plan.py").write_text(PLAN)
    (folder / "pytest.ini").write_text("[pytest]\njunit_family = xunit2\n")
    command = [sys.executable, "-m", "pytest", "-p", "reports.plugin", "-p", "no:cacheprovider", "-q", *options]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=500, check=False,
                          env={"PYTHONPATH": str(HERE.parents[1]), "PATH": "/usr/bin:/bin"})  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("session")
    done = session(folder, "--html=report.html", "--self-contained-html", "--junitxml=junit.xml")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed, 2 passed" in done.stdout
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def rows(page: str) -> dict[str, Any]:
    blob = re.search(r'data-jsonblob="([^"]*)"', page)
    assert blob
    tests = json.loads(unescape(blob[1]))["tests"]
    return {name.partition("::")[2]: runs[0] for name, runs in tests.items()}


def test_one_file_that_loads_nothing(folder: Path, page: str) -> None:
    assert {path.name for path in folder.iterdir()} >= {"report.html", "junit.xml"}
    assert not (folder / "assets").exists()
    links = re.findall(r'<(?:link|script|img|iframe|source)[^>]+(?:src|href)="([^"]+)"', page)
    assert links == []


def test_title_and_clause_table(page: str) -> None:
    assert '<title id="head-title">共同検針 試験記録' in page
    assert page.count('<table class="kb-overview">') == 1
    assert page.index('<table class="kb-overview">') < page.index('<table id="results-table">')


def test_each_test_shows_its_worst_verdict(rows: dict[str, Any]) -> None:
    words = {name: re.sub(r"<[^>]+>", "", row["resultsTableRow"][1]) for name, row in rows.items()}
    assert words == {"test_join": "TARGET MISSED", "test_values": "FAIL", "test_that_judges_nothing": ""}


def test_header_and_rows_have_the_same_number_of_cells(page: str, rows: dict[str, Any]) -> None:
    head = re.search(r'<thead id="results-table-head">(.*?)</thead>', page, re.S)
    assert head
    assert {len(row["resultsTableRow"]) for row in rows.values()} == {head[1].count("<th")}


def test_each_verdict_brings_its_plot(rows: dict[str, Any]) -> None:
    plots = {name: [extra["content"] for extra in row["extras"]] for name, row in rows.items()}
    assert {name: len(found) for name, found in plots.items()} == {
        "test_join": 2, "test_values": 2, "test_that_judges_nothing": 0,
    }  # fmt: skip
    for content in (each for found in plots.values() for each in found):
        ET.fromstring(content)


def test_junit_carries_the_verdicts(folder: Path) -> None:
    cases = {case.get("name"): case for case in ET.parse(folder / "junit.xml").iter("testcase")}
    properties = {each.get("name"): each.get("value") for each in cases["test_join"].iter("property")}
    assert properties == {
        "verdict.join-time.t1": "PASS; 31.20 s ± 0.58 s (k = 2); limit 90 s",
        "verdict.join-time.t3": "TARGET MISSED; 110.40 s ± 0.58 s (k = 2); limit 90 s; 110.4 s is beyond 90 s",
    }


def test_without_html_it_only_fills_junit(tmp_path: Path) -> None:
    done = session(tmp_path, "--junitxml=junit.xml", "-p", "no:html")
    assert "1 failed, 2 passed" in done.stdout
    assert not (tmp_path / "report.html").exists()
    assert (tmp_path / "junit.xml").read_text("utf-8").count("<property ") == 4
