"""The run folder and the episodes that are loaded from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kinds
from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.identity import identity
from bench.records import Json, Observation

SEEN = kinds.METER_INDEX
INPUTS = {"seed": 7, "declaration": {"name": "端末", "console": "none", "deadline": "06:00", "safe": "off"}}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", INPUTS)


def test_inputs_come_back_by_value(folder: RunFolder) -> None:
    inputs = RunFolder.open(folder.path).inputs()
    assert INPUTS.items() <= inputs.items()
    assert set(inputs) == {*INPUTS, "format", "driven_by"}
    assert inputs["driven_by"] == identity().plain()
    assert folder.captures.is_dir()
    assert folder.console.is_dir()


def test_inputs_are_those_of_the_file_as_it_is_now(folder: RunFolder) -> None:
    first = folder.inputs()
    first["declaration"]["name"] = "changed by who asked"
    assert folder.inputs()["declaration"]["name"] == "端末"
    folder.inputs_path.write_text(
        folder.inputs_path.read_text(encoding="utf-8").replace("端末", "機器"), encoding="utf-8"
    )
    assert folder.inputs()["declaration"]["name"] == "機器"


def test_a_run_is_never_written_over(folder: RunFolder) -> None:
    with pytest.raises(InputError, match="holds a run already"):
        RunFolder.create(folder.path, INPUTS)


def test_what_is_no_run_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder; expected a run folder"):
        Evidence.open(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"no run\.yaml in it"):
        Evidence.open(tmp_path)
    RunFolder.create(tmp_path / "empty", INPUTS)
    with pytest.raises(InputError, match=r"timeline\.sqlite: no timeline there"):
        Evidence.open(tmp_path / "empty")


def write(folder: RunFolder, *rows: tuple[int, str, dict[str, Json]], of: str = "join") -> Evidence:
    with Recorder(folder.timeline) as recorder:
        for t_ns, kind, data in rows:
            subject = of if kind == kinds.EPISODE_MILESTONE else str(data.get("name", "bench"))
            recorder.observe(Observation(t_ns, "bench", subject, kind, data))
    return Evidence.open(folder.path)


def test_an_episode_is_a_window_with_milestones(folder: RunFolder) -> None:
    evidence = write(
        folder,
        (5, SEEN, {"index": 0}),
        (10, "episode.begin", {"name": "join", "profile": "smoke"}),
        (11, "episode.milestone", {"name": "attempt", "terminal": "t1", "n": 1}),
        (12, SEEN, {"index": 1}),
        (13, "episode.milestone", {"name": "attempt", "terminal": "t3", "n": 1}),
        (14, "episode.end", {"name": "join"}),
        (14, SEEN, {"index": 2}),
        (15, SEEN, {"index": 3}),
    )
    episode = evidence.episode("join")
    assert (episode.t0_ns, episode.t1_ns, episode.complete, episode.attempt) == (10, 14, True, 1)
    assert episode.params == {"profile": "smoke"}
    assert [mark.t_ns for mark in episode.marks("attempt", terminal="t3")] == [13]
    assert [event.data["index"] for event in episode.events(SEEN)] == [1, 2]
    assert [event.data["index"] for event in episode.events(SEEN, since_ns=13, until_ns=99)] == [2]


def test_the_last_attempt_that_was_not_voided_counts(folder: RunFolder) -> None:
    evidence = write(
        folder,
        (10, "episode.begin", {"name": "join"}),
        (11, SEEN, {"index": 1}),
        (12, SEEN, {"index": 9}),
        (12, "episode.void", {"name": "join", "reason": "supply was cut"}),
        (12, "episode.begin", {"name": "join"}),
        (12, SEEN, {"index": 2}),
        (13, "episode.end", {"name": "join"}),
        (14, "episode.begin", {"name": "join"}),
        (15, "episode.void", {"name": "join", "reason": "again"}),
    )
    episode = evidence.episode("join")
    assert (episode.attempt, episode.t0_ns, episode.t1_ns) == (2, 12, 13)
    assert [event.data["index"] for event in episode.events(SEEN)] == [2]
    assert [void.data["reason"] for void in episode.voids] == ["supply was cut", "again"]


def test_a_voided_episode_was_not_driven(folder: RunFolder) -> None:
    evidence = write(folder, (10, "episode.begin", {"name": "join"}), (11, "episode.void", {"name": "join"}))
    assert evidence.episodes() == []
    with pytest.raises(InputError, match="episode 'join' was not driven"):
        evidence.episode("join")


def test_a_killed_episode_is_not_complete(folder: RunFolder) -> None:
    evidence = write(folder, (10, "episode.begin", {"name": "join"}), (19, SEEN, {"index": 1}))
    episode = evidence.episode("join")
    assert (episode.complete, episode.t1_ns) == (False, 19)


def test_a_resumed_episode_goes_on_in_the_same_attempt(folder: RunFolder) -> None:
    write(folder, (10, "episode.begin", {"name": "join"}), (11, "episode.milestone", {"name": "cut"}))
    evidence = write(
        folder,
        (20, "bench.blind", {"from_ns": 11, "to_ns": 20}),
        (21, "episode.milestone", {"name": "restore"}),
        (22, "episode.end", {"name": "join"}),
    )
    episode = evidence.episode("join")
    assert [mark.data["name"] for mark in episode.milestones] == ["cut", "restore"]
    assert (episode.t0_ns, episode.t1_ns, episode.complete) == (10, 22, True)


def test_episodes_that_overlap_do_not_disturb_each_other(folder: RunFolder) -> None:
    evidence = write(
        folder,
        (10, "episode.begin", {"name": "outage"}),
        (11, "episode.begin", {"name": "join"}),
        (12, "episode.void", {"name": "join"}),
        (13, SEEN, {"index": 1}),
        (14, "episode.end", {"name": "outage"}),
    )
    assert evidence.episodes() == ["outage"]
    assert len(evidence.episode("outage").events(SEEN)) == 1
