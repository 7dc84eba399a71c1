"""A frame counter that fell back is the cause of a join that never ends; what sniffers put out of order is none."""

from __future__ import annotations

import attrs
import pytest

from bench.air.frame.decoder import Frame
from bench.measurands.air.figures.counters import Fall, FallBacks
from bench.measurands.air.figures.report import as_json, measure
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
    return falls.last.get(eui(1))


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
