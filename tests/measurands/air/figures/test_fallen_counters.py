"""A frame counter that fell back is the cause of a join that never ends; what sniffers put out of order is none."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import icmpv6
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import decode_mac
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import WisunFrameType
from bench.cli.measure import as_table
from bench.measurands.air.figures.counters import Fall, FallBacks
from bench.measurands.air.figures.hops import AddressBook
from bench.measurands.air.figures.phases import Phase
from bench.measurands.air.figures.report import Measured, as_json, measure, measure_digest
from bench.measurands.air.sightings.bulk import collect
from bench.measurands.air.sightings.digest import Collector
from bench.measurands.air.sightings.reading import sightings
from tests.measurands.air.radio import SECOND, T0, Radio, eui


def counted_frames(counters: list[int]) -> list[Frame]:
    """A node's frames with these counters."""
    radio = Radio()
    for place in range(len(counters)):
        radio.pcs(place, 1)
    return [
        attrs.evolve(frame, mic="ok", secured=True, key_index=1, frame_counter=counter)
        for frame, counter in zip(radio.frames(), counters, strict=True)
    ]


def fall_of(counters: list[int]) -> Fall | None:
    falls = FallBacks()
    for sighting in sightings(counted_frames(counters)):
        falls.see(sighting)
    return falls.last().get(eui(1))


@pytest.mark.parametrize(
    ("counters", "before", "after", "frame"),
    [
        ([20, 21, 22, 23, 0, 1], 23, 0, 5),
        ([3, 4, 5, 0, 1, 2], 5, 0, 4),
        ([1000, 1001, 5, 5, 6], 1001, 5, 3),
        ([10, 2, 3], 10, 2, 2),
        ([10, 0, 10, 1], 10, 0, 2),
        ([10, 10, 0, 1], 10, 0, 3),
        ([90, 40, 41, 0, 1], 41, 0, 4),
    ],
)
def test_a_counter_that_begins_anew(counters: list[int], before: int, after: int, frame: int) -> None:
    fall = fall_of(counters)
    assert fall is not None
    assert (fall.before, fall.after, fall.frame) == (before, after, frame)


@pytest.mark.parametrize(
    "counters",
    [[1, 3, 2, 4], [10, 12, 11, 13, 12], [5, 5, 5], [20, 0], [1, 4, 2, 3, 5], [7, 8, 9], [10, 3, 4], [10, 0, 0]],
)
def test_disorder_is_no_fall(counters: list[int]) -> None:
    assert fall_of(counters) is None


def test_a_join_that_never_ended_names_it() -> None:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    radio.join(10, (1, 0))
    radio.pas(100, 1)
    for place in range(4):
        radio.pcs(101 + place, 1)
    frames = radio.frames()
    own = [frame for frame in frames if frame.src == eui(1)]
    late = [frame.number for frame in own][-4:]
    counters = {frame.number: 50 + place for place, frame in enumerate(own)} | {n: c for c, n in enumerate(late)}
    changed = [
        attrs.evolve(frame, mic="ok", secured=True, key_index=1, frame_counter=counters[frame.number])
        if frame.number in counters
        else frame
        for frame in frames
    ]
    measured = measure(changed)
    node = measured.nodes[eui(1)]
    before = 50 + len(own) - 5
    assert node.why is not None
    assert node.why.startswith(f"its frame counter fell back from {before} to 0 (frame {late[0]}): who heard it before")
    told = as_json(measured)["nodes"]["02:4b:42:ff:fe:00:00:01"]  # type: ignore[index,call-overload]
    assert told["frame_counter_fell"]["to"] == 0  # type: ignore[index,call-overload]
    assert measure(frames).nodes[eui(1)].fell is None


@pytest.mark.parametrize(("falls_at", "named"), [(2, True), (1, False)])
def test_only_a_fall_since_the_last_join_began_stopped_it(falls_at: int, named: bool) -> None:
    """Three joins; the counter falls with the first frame of the third, or of the second."""
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    for at in (10, 100):
        radio.join(at, (1, 0))
    radio.pas(200, 1)
    for place in range(4):
        radio.pcs(201 + place, 1)
    began = [T0 + at * SECOND for at in (10, 100, 200)]
    numbers = iter(range(1000))
    changed = [
        attrs.evolve(
            frame,
            mic="ok",
            secured=True,
            key_index=1,
            frame_counter=next(numbers) + 5000 * (frame.time_ns < began[falls_at]),
        )
        if frame.src == eui(1)
        else frame
        for frame in radio.frames()
    ]
    node = measure(changed).nodes[eui(1)]
    assert len(node.joins) == 3
    assert node.fell is not None
    assert node.fell.at_ns == began[falls_at]
    assert ("fell back" in (node.why or "")) is named


@pytest.mark.parametrize(
    ("counters", "before", "after", "frame"),
    [([100, 99, 0, 1], 100, 0, 3), ([100, 95, 90, 91], 100, 90, 3), ([10, 9, 8, 5, 6, 7], 10, 5, 4)],
)
def test_a_frame_that_was_late_hides_no_fall(counters: list[int], before: int, after: int, frame: int) -> None:
    fall = fall_of(counters)
    assert fall is not None
    assert (fall.before, fall.after, fall.frame) == (before, after, frame)


def under_keys(counters: Sequence[tuple[int | None, int]]) -> Fall | None:
    """The fall of one node whose frames these keys opened (None: not opened)."""
    falls = FallBacks()
    changed = [
        attrs.evolve(frame, key=key, mic="no key" if key is None else "ok")
        for frame, (key, _) in zip(counted_frames([counter for _, counter in counters]), counters, strict=True)
    ]
    for sighting in sightings(changed):
        falls.see(sighting)
    return falls.last().get(eui(1))


def test_under_a_new_key_of_the_same_index_a_counter_begins_anew_by_right() -> None:
    renewed = [*((0, 20 + n) for n in range(5)), *((1, n) for n in range(5))]
    assert under_keys(renewed) is None
    fell = under_keys([*renewed, (1, 0), (1, 1), (1, 2)])
    assert fell is not None
    assert (fell.before, fell.after, fell.doubtful) == (4, 0, False)
    back = under_keys([*renewed, (0, 3), (0, 4)])
    assert back is not None
    assert (back.before, back.after) == (24, 3)


_FELL = [(at, counter) for at, counter in enumerate([20, 21, 22, 0, 1, 2])]
_RISES = [(at, 50 + at) for at in range(6)]


@pytest.mark.parametrize(
    ("others", "doubtful"),
    [
        ([], True),
        ([_RISES], False),
        ([_FELL], None),
        ([_FELL, _FELL], None),
        ([_FELL, _RISES], True),
        ([[(0, 20), (1, 21), (3000, 0), (3001, 1)]], None),
        ([[(0, 20), (1, 21), (5000, 0), (5001, 1)]], True),
        ([[(0, 20), (4, 21), (5000, 0), (5001, 1)]], False),
        ([[(4, 20), (5, 21)]], True),
    ],
    ids=[
        "nobody else",
        "another one goes on",
        "another one begins anew",
        "all others begin anew",
        "one of two others begins anew",
        "another one within the hour",
        "another one too late, not heard between",
        "another one too late, goes on before",
        "another one that was not heard before",
    ],
)
def test_without_the_key_the_others_tell(others: list[list[tuple[int, int]]], doubtful: bool | None) -> None:
    """``doubtful``: None where it is no fall."""
    radio = Radio()
    nodes = enumerate([_FELL, *others], 1)
    sent = sorted((at + node / 10, node, counter) for node, counters in nodes for at, counter in counters)
    for when, node, _ in sent:
        radio.pcs(when, node)
    frames = [
        attrs.evolve(frame, mic="no key", secured=True, key_index=1, frame_counter=counter)
        for frame, (_, _, counter) in zip(radio.frames(), sent, strict=True)
    ]
    falls = FallBacks()
    for sighting in sightings(frames):
        falls.see(sighting)
    fall = falls.last().get(eui(1))
    assert (None if fall is None else fall.doubtful) is doubtful
    if fall is not None:
        assert ("in doubt" in fall.words) is doubtful


KEYS = bytes(range(16)), bytes(range(16, 32))


def sealed(radio: Radio, path: Path, changes: Callable[[bytes, float], tuple[int, int]]) -> Path:
    """A capture of the radio's data and PC frames, secured under index 1. ``changes``: which key a sender uses at a
    time (s), and how often its counter began anew by then."""
    counters: Counter[tuple[bytes, int, int]] = Counter()
    octets = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, NO_FCS)
    for record in radio.records():
        mac, psdu = decode_mac(record.data), record.data
        if mac.src is not None and wisun.frame_type(mac) in (WisunFrameType.DATA, WisunFrameType.PC):
            key, epoch = changes(mac.src, (record.time_ns - T0) / SECOND)
            psdu = protect(mac, KEYS[key], counters[mac.src, key, epoch], 1)
            counters[mac.src, key, epoch] += 1
        octets += struct.pack("<IIII", *divmod(record.time_ns, SECOND), len(psdu), len(psdu)) + psdu
    path.write_bytes(octets)
    return path


def measured(path: Path) -> Measured:
    """All of it, and the same by the bulk decoder."""
    table = KeyTable([(1, key) for key in KEYS])
    found = measure(decode_frames(read_capture(path), table))
    collector = Collector((book := AddressBook()).learn)
    assert collect(str(path), read_capture(path), table, collector, 1)
    assert as_json(measure_digest(collector.done(), book)) == as_json(found)
    return found


def joined() -> Radio:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    radio.join(10, (1, 0))
    for number in range(20):
        radio.echo(30 + number, (1, 0), icmpv6.EchoRequest(1, number, b""))
    return radio


@pytest.mark.parametrize("renewed", [True, False])
def test_after_a_restart_of_the_border_router_no_counter_is_blamed(renewed: bool, tmp_path: Path) -> None:
    radio = joined()
    radio.pas(100, 1)
    radio.pa(100.5, 0, 0)
    radio.authenticate(101, 1, 0)
    radio.pcs(103, 1)
    radio.pc(103.5, 0)
    radio.lease(105, 1, 0)
    for number in range(3):
        radio.dao(108 + 4 * number, (1, 0), 240 + number)
    found = measured(
        sealed(radio, tmp_path / "a.pcap", lambda src, at: (int(renewed and at >= 100), int(at >= 100)))
    ).nodes[eui(1)]
    assert found.why is not None
    assert ("fell back" in found.why) is not renewed
    assert (found.fell is None) is renewed


@pytest.mark.parametrize(
    ("daos", "answered", "named"),
    [((108, 112, 116), False, True), ((108, 112, 116), True, False), ((108, 108.1), False, False)],
    ids=["unanswered", "the last one answered", "the MAC repeats it"],
)
@pytest.mark.parametrize("asks", ["nothing", "its parent", "for routes"])
def test_a_node_that_is_cut_off_by_its_counter_is_named(
    daos: Sequence[float], answered: bool, named: bool, asks: str, tmp_path: Path
) -> None:
    """It comes back warm, without a solicitation: nothing begins a new join."""
    radio = joined()
    if asks == "its parent":
        radio.register(104, 1, 0)
    elif asks == "for routes":
        radio.solicit_route(104, 1)
    for number, at in enumerate(daos):
        radio.dao(at, (1, 0), 240 + number)
    if answered:
        radio.dao_ack(daos[-1] + 1, (1, 0), 240 + len(daos) - 1)
    found = measured(sealed(radio, tmp_path / "a.pcap", lambda src, at: (0, int(at >= 100 and src == eui(1)))))
    node = found.nodes[eui(1)]
    assert node.fell is not None
    assert node.reached is Phase.OPERATIONAL
    assert (node.why is not None) is named
    assert ("no DAO-ACK reached it since" in as_table(found)) is named
