"""What the air adds, on a capture of a real network (fixed channel, border router and two routers in a line)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.air.capture.link import Record
from bench.air.frame.decoder import Decoder, Frame
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.measurands.air.figures.join import Join, Kind, joins
from bench.measurands.air.figures.phases import Phase
from bench.measurands.air.sightings.bulk import SightingVisitor
from bench.measurands.air.sightings.heard import OURS
from bench.measurands.air.sniffers.merge import Air
from bench.measurands.judged import explain
from bench.measurands.judged.explain import AirView, Place, air_view, phases, radio
from bench.records import NS_PER_HOUR
from tests.measurands.real_rig import RealRun
from tests.measurands.synthetic import MIDNIGHT_NS
from tests.places import CAPTURES

NEAR, FAR = "00:0d:6f:ff:fe:09:10:02", "00:0d:6f:ff:fe:09:20:03"
END_OF_TIME = 2**62
AT = MIDNIGHT_NS


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
    assert seen.seen is not None
    assert set(seen.seen.mics) == {"ok", "none"}
    assert seen.place(FAR, frozenset({FAR})) == Place(hops=1, terminal_hops=0, dodag_depth=2)
    keyless = view(run_with(tmp_path / "keyless", "s1", keys=False))
    assert keyless.seen is not None
    assert set(keyless.seen.mics) == {"no key", "none"}  # thinner, and all there is


@pytest.mark.parametrize("sniffers", [("s1",), ("s1", "s2")])
def test_it_says_what_the_frames_themselves_say(tmp_path: Path, sniffers: tuple[str, ...]) -> None:
    evidence = run_with(tmp_path, *sniffers)
    keys = evidence.keys()
    until_ns = list(evidence.records("s1"))[-9].time_ns
    air = Air.of({sniffer: list(evidence.records(sniffer, until_ns=until_ns)) for sniffer in sniffers})
    frames = [frame for frame in air.frames(keys) if frame.mic in OURS]
    seen = air_view(evidence, until_ns)
    assert seen.nodes == joins(frames)
    times = [frame.time_ns for frame in frames]
    windows = [(begin, end) for begin in times[:: len(times) // 6] for end in times[:: len(times) // 5] if begin < end]
    for since_ns, stop_ns in windows:
        expected = joins(frame for frame in frames if since_ns <= frame.time_ns <= stop_ns)
        for eui64 in (NEAR, FAR):
            node = expected.get(bytes.fromhex(eui64.replace(":", "")))
            last = node.joins[-1] if node is not None and node.joins else None
            assert seen.join_in(eui64, since_ns, stop_ns) == last
    assert any(seen.join_in(FAR, *window) for window in windows)


def test_captures_are_decoded_once_for_all_who_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evidence = run_with(tmp_path, "s1", "s2")
    frames = len({record.number for record in evidence.records("s1")})
    decoded: list[int] = []
    short, full = SightingVisitor.sighting, Decoder.decode

    def sighting(self: SightingVisitor, row: Any, *packet: Any) -> object:
        decoded.append(row[0])
        return short(self, row, *packet)

    def decode(self: Decoder, record: Record) -> Frame:
        fully.append(record.number)
        return full(self, record)

    fully: list[int] = []
    monkeypatch.setattr(SightingVisitor, "sighting", sighting)
    monkeypatch.setattr(Decoder, "decode", decode)
    first = view(evidence)
    for terminal in (NEAR, FAR):
        for _ in range(3):
            first.join_in(terminal, 0, END_OF_TIME)
    again = view(Evidence.open(evidence.folder.path))  # as the next requirement does
    assert again is first
    assert sorted(decoded) == list(range(1, frames + 1)), "each transmission once"
    assert len(set(fully)) == len(fully) < frames
    with (evidence.folder.captures / "s2.pcapng").open("ab") as file:
        file.write(bytes(1))
    assert view(evidence) is not first, "the capture has grown"


@pytest.mark.parametrize(("most", "readings"), [(50_000, 1), (3, 2)])
def test_short_captures_are_read_once_and_long_ones_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, readings: int
) -> None:
    monkeypatch.setattr(explain, "_KEPT_RECORDS", most)
    read: list[str] = []
    records = Evidence.records

    def counted(self: Evidence, name: str, **bounds: Any) -> Iterator[Record]:
        read.append(name)
        return records(self, name, **bounds)

    monkeypatch.setattr(Evidence, "records", counted)
    evidence = run_with(tmp_path, "s1", "s2", octets=100_000)
    seen = view(evidence)
    assert read.count("s1") == read.count("s2") == readings
    assert set(seen.nodes) == set(view(run_with(tmp_path / "alone", "s1", octets=100_000)).nodes)


def test_hops_are_smart_meters_in_between(tmp_path: Path) -> None:
    seen = view(run_with(tmp_path, "s1"))
    assert seen.place(FAR, frozenset({FAR})) == Place(hops=1, terminal_hops=0, dodag_depth=2)
    assert seen.place(FAR, frozenset({FAR, NEAR})) == Place(hops=0, terminal_hops=1, dodag_depth=2)
    assert seen.place("00:00:00:00:00:00:00:01", frozenset()) is None


def test_parents_that_lead_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    nodes = view(run_with(tmp_path, "s1")).nodes
    near, far = (bytes.fromhex(eui64.replace(":", "")) for eui64 in (NEAR, FAR))
    circle = {far: attrs.evolve(nodes[far], parent=near), near: attrs.evolve(nodes[near], parent=far)}
    seen = AirView(nodes={**nodes, **circle})
    assert seen.place(FAR, frozenset()) is None
    assert seen.place("00:00:00:00:00:00:00:01", frozenset(), parent=near) is None, "from outside the circle"
    lost = attrs.evolve(nodes[near], parent=None)
    assert AirView(nodes={**nodes, near: lost}).place(FAR, frozenset()) is None


def test_two_sniffers_that_hear_the_same_say_the_same(tmp_path: Path) -> None:
    alone = view(run_with(tmp_path / "a", "s1"))
    both = view(run_with(tmp_path / "b", "s1", "s2"))
    assert both.nodes == alone.nodes
    assert list(alone.nodes)


def test_two_sniffers_heard_each_transmission_once(tmp_path: Path) -> None:
    alone, both = view(run_with(tmp_path / "a", "s1")), view(run_with(tmp_path / "b", "s1", "s2"))
    assert alone.seen is not None
    assert both.seen is not None
    assert [frame.number for frame in both.seen.sightings] == [frame.number for frame in alone.seen.sightings]


def test_phases_fill_the_join_without_a_gap(tmp_path: Path) -> None:
    seen = view(run_with(tmp_path, "s1"))
    join = seen.join_in(FAR, 0, END_OF_TIME)
    assert join is not None
    start, stop = join.first_frame_ns - 5, (join.operational_ns or 0) + 7
    found = phases(join, start, stop, Clocks())
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


def test_phases_are_told_in_rig_time(tmp_path: Path) -> None:
    """UTC, by which sniffers stamp, is an hour ahead of it. A border that was not seen, or that lies at the one before
    or earlier, divides nothing."""
    run = RealRun(tmp_path, steps=((0, NS_PER_HOUR),), synchronised=True, told_by_status=False)
    run.watch_clocks(AT, AT)
    utc = AT + NS_PER_HOUR
    join = Join(None, utc, utc, None, utc - 1, utc + 7, None, Phase.ROUTING, 0, None, None, None)
    clocks = run.evidence().clocks
    assert phases(join, AT, AT + 7, clocks) == [{"phase": "routing", "from_ns": AT, "to_ns": AT + 7}]
    later = attrs.evolve(join, authenticated_ns=utc + 2)
    assert phases(later, AT, AT + 9, clocks) == [
        {"phase": "discovery and authentication", "from_ns": AT, "to_ns": AT + 2},
        {"phase": "routing", "from_ns": AT + 2, "to_ns": AT + 7},
        {"phase": "confirmation", "from_ns": AT + 7, "to_ns": AT + 9},
    ]


def test_the_radio_of_a_join_is_from_its_first_solicitation_to_its_route() -> None:
    seen = Join(Kind.COLD, AT, AT + 1, AT + 2, AT + 3, AT + NS_PER_HOUR + 1, None, Phase.ROUTING, 0, None, None, None)
    stamps = {"first_solicitation_ns": AT + 1, "authenticated_ns": AT + 2, "configured_ns": AT + 3}
    whole = {"kind": "cold", "join_s": 3600.0, **stamps, "operational_ns": AT + NS_PER_HOUR + 1, "reached": "routing"}
    assert radio(seen) == whole
    unseen = attrs.evolve(seen, kind=None, operational_ns=None)
    assert radio(unseen) == {**whole, "kind": None, "join_s": None, "operational_ns": None}


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
