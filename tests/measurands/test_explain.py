"""What the air adds, on a capture of a real network (fixed channel, border router and two routers in a line)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.evidence import Evidence, Recorder, RunFolder
from bench.measurands.explain import AirView, Place, air_view, phases

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
NEAR, FAR = "00:0d:6f:ff:fe:09:10:02", "00:0d:6f:ff:fe:09:20:03"
END_OF_TIME = 2**62

pytestmark = pytest.mark.skipif(not (CAPTURES / "fixedch.pcapng").exists(), reason="the shared captures are not there")


def run_with(tmp_path: Path, *sniffers: str, keys: bool = True, octets: int | None = None) -> Evidence:
    folder = RunFolder.create(tmp_path / "run", {})
    Recorder(folder.timeline).close()
    for sniffer in sniffers:
        target = folder.captures / f"{sniffer}.pcapng"
        target.write_bytes((CAPTURES / "fixedch.pcapng").read_bytes()[:octets])
    if keys:
        shutil.copyfile(CAPTURES / "fixedch.ieee802154_keys", folder.keys)
    return Evidence.open(folder.path)


def view(evidence: Evidence) -> AirView:
    return air_view(evidence, END_OF_TIME)


def test_what_the_keys_do_not_open_is_a_neighbours_and_not_kept(tmp_path: Path) -> None:
    evidence = run_with(tmp_path, "s1")
    (evidence.folder.captures / "s2.pcapng").write_bytes((CAPTURES / "line2.pcapng").read_bytes())
    seen = view(evidence)
    assert {frame.mic for frame in seen.frames} == {"ok", "none"}
    assert seen.place(FAR, frozenset({FAR})) == Place(hops=1, terminal_hops=0, dodag_depth=2)
    keyless = view(run_with(tmp_path / "keyless", "s1", keys=False))
    assert {frame.mic for frame in keyless.frames} == {"no key", "none"}  # thinner, and all there is


def test_hops_are_smart_meters_in_between(tmp_path: Path) -> None:
    seen = view(run_with(tmp_path, "s1"))
    assert seen.place(FAR, frozenset({FAR})) == Place(hops=1, terminal_hops=0, dodag_depth=2)
    assert seen.place(FAR, frozenset({FAR, NEAR})) == Place(hops=0, terminal_hops=1, dodag_depth=2)
    assert seen.place("00:00:00:00:00:00:00:01", frozenset()) is None


def test_two_sniffers_that_hear_the_same_say_the_same(tmp_path: Path) -> None:
    alone = view(run_with(tmp_path / "a", "s1"))
    both = view(run_with(tmp_path / "b", "s1", "s2"))
    assert both.nodes == alone.nodes
    assert list(alone.nodes)


def test_two_sniffers_heard_each_transmission_once(tmp_path: Path) -> None:
    alone, both = view(run_with(tmp_path / "a", "s1")), view(run_with(tmp_path / "b", "s1", "s2"))
    assert [frame.number for frame in both.frames] == [frame.number for frame in alone.frames]


def test_phases_fill_the_join_without_a_gap(tmp_path: Path) -> None:
    seen = view(run_with(tmp_path, "s1"))
    join = seen.join_in(FAR, 0, END_OF_TIME)
    assert join is not None
    start, stop = join.first_frame_ns - 5, (join.operational_ns or 0) + 7
    found = phases(join, start, stop)
    borders = [(phase["from_ns"], phase["to_ns"]) for phase in found]  # type: ignore[index, call-overload]
    assert [phase["phase"] for phase in found] == [  # type: ignore[index, call-overload]
        "start to first solicitation",
        "discovery and authentication",
        "configuration",
        "routing",
        "confirmation",
    ]
    assert (borders[0][0], borders[-1][1]) == (start, stop)
    assert [end for _, end in borders[:-1]] == [begin for begin, _ in borders[1:]]
    assert seen.join_in(FAR, 0, join.first_frame_ns - 1) is None
    assert join.first_solicitation_ns is not None
    later = seen.join_in(FAR, join.first_solicitation_ns + 1, END_OF_TIME)
    assert later is not None, "what was sent before the start is not looked at"
    assert later.operational_ns == join.operational_ns
    assert later.first_solicitation_ns != join.first_solicitation_ns


def test_a_killed_sniffers_file_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    size = (CAPTURES / "fixedch.pcapng").stat().st_size
    seen = view(run_with(tmp_path, "s1", octets=size * 3 // 4 + 1))
    assert seen.nodes


def test_without_keys_or_captures_there_is_less_to_say_and_no_failure(tmp_path: Path) -> None:
    assert view(run_with(tmp_path / "a", "s1", keys=False)).place(FAR, frozenset()) is None
    assert view(run_with(tmp_path / "b")).nodes == {}


def test_frames_of_a_window_are_only_those(tmp_path: Path) -> None:
    evidence = run_with(tmp_path, "s1", "s2")
    times = [frame.time_ns for frame in evidence.frames("s1")]
    window = [frame.time_ns for frame in evidence.frames("s1", since_ns=times[10], until_ns=times[20])]
    assert window == times[10:21]
    assert [frame.time_ns for frame in evidence.frames()] == sorted(times + times)
