"""`kenshin show`: every citation of a run resolves; one that does not is a line that says what there is."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from bench.cli.cited import show_cited
from bench.errors import InputError
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.records import Observation
from tests.places import CAPTURES

T0_NS = 1_774_962_000_123_456_789
"""2026-03-31 22:00:00.123456789 JST."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with five observations and one capture of a real stack."""
    folder = RunFolder.create(tmp_path / "run", {"rig_name": "test"})
    with Recorder(folder.timeline) as recorder:
        for number in range(5):
            data = {"index": 100 + number}
            seen = Observation(
                T0_NS + number, "meter.t1.gas", "t1.gas", "meter.index", data, u_ns=5_000_000, episode="steady"
            )
            recorder.observe(seen)
    shutil.copy(CAPTURES / "fixedch.pcapng", folder.captures / "s1.pcapng")
    shutil.copy(CAPTURES / "fixedch.ieee802154_keys", folder.keys)
    return folder.path


def shown(run: Path, *citations: str, around: int = 0) -> str:
    out = io.StringIO()
    show_cited(run, citations, around, out)
    return out.getvalue()


def test_a_row_is_shown_whole(run: Path) -> None:
    text = shown(run, "timeline#3")
    assert text.startswith("timeline#3\n")
    for words in (
        "2026-03-31 22:00:00.123456791 JST (1774962000123456791 ns)",
        "u = 0.005 s",
        "meter.t1.gas (its observation 2)",
        "meter.index",
        "steady",
        "index      102",
    ):
        assert words in text, words


def test_its_neighbours_stand_beside_it(run: Path) -> None:
    text = shown(run, "timeline#2", around=2)
    assert [f"timeline#{row}" in text for row in range(1, 6)] == [True, True, True, True, False]


def test_a_frame_is_shown_whole_and_decrypted(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shown(run, "captures/s1.pcapng#100")
    text = capfd.readouterr().out
    assert "Frame 100:" in text
    assert "[wpan]" in text


@pytest.mark.parametrize(
    ("citation", "says"),
    [
        ("timeline#6", "no row 6; expected 1 to 5"),
        ("timeline#0", "no citation; expected timeline#ROW"),
        ("captures/s2.pcapng#1", "no such capture in the run; expected one of captures/s1.pcapng"),
        ("captures/../run.yaml#1", "no citation"),
        ("captures/s1.pcapng#216", "no frame 216; expected 1 to 215"),
        ("report.html", "no citation"),
    ],
)
def test_what_the_run_does_not_hold_is_one_line(run: Path, citation: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        shown(run, citation)


@pytest.mark.parametrize("row", ["6", "9" * 23])
def test_a_row_that_no_timeline_has_is_told(run: Path, row: str) -> None:
    with pytest.raises(InputError, match=f"no row {row}; expected 1 to 5"):
        shown(run, f"timeline#{row}")
    assert shown(run, "timeline#3", around=10**20).count("timeline#") == 5


def test_what_is_no_citation_is_repeated_by_its_beginning(run: Path) -> None:
    with pytest.raises(InputError) as caught:
        shown(run, "timeline#" + "9" * 20_000)
    assert len(str(caught.value)) < 300
    assert "... (length 20009): no citation" in str(caught.value)
