"""Which attempts are one frame's, and which acknowledgement answers which: at the edges of time, without addresses."""

from __future__ import annotations

from typing import Any

import pytest

from bench.air.ip import packet as ipv6
from bench.measurands.air.sightings.acks import ACK_WINDOW_NS, RETRY_WINDOW_NS, Ledger
from bench.measurands.air.sightings.digest import digest, moved
from bench.measurands.air.sightings.sighting import Sighting
from tests.measurands.air.radio import Radio, address

A, B, C = (bytes(7) + bytes((n,)) for n in (1, 2, 3))


def ledger(*told: dict[str, Any]) -> Ledger:
    """Of sightings from A to B with number 5, but for what is told of each."""
    found = Ledger()
    plain = dict.fromkeys(Sighting._fields) | {"kind": "DATA", "octets": 60, "asks": True, "mic": "none"}
    for ordinal, one in enumerate(told):
        found.enter(Sighting(**(plain | {"ordinal": ordinal, "src": A, "dst": B, "seq": 5} | one)))  # type: ignore[arg-type]
    found.close()
    return found


def failed(found: Ledger, count: int) -> list[int]:
    return [ordinal for ordinal in range(count) if found.outcomes.failed(ordinal)]


def ack(start_ns: int, **more: Any) -> dict[str, Any]:
    return {"kind": "ACK", "start_ns": start_ns, "src": B, "dst": A, "asks": False} | more


@pytest.mark.parametrize(("later_ns", "repeated"), [(RETRY_WINDOW_NS - 1, [0]), (RETRY_WINDOW_NS, [])])
def test_an_equal_number_after_ten_seconds_is_another_frame(later_ns: int, repeated: list[int]) -> None:
    assert failed(ledger({"start_ns": 0}, {"start_ns": later_ns}), 2) == repeated
    assert RETRY_WINDOW_NS == 10_000_000_000


@pytest.mark.parametrize(
    ("later_ns", "answered"), [(-1, False), (0, True), (ACK_WINDOW_NS - 1, True), (ACK_WINDOW_NS, False)]
)
def test_an_acknowledgement_comes_within_a_second(later_ns: int, answered: bool) -> None:
    found = ledger({"start_ns": 100}, ack(100 + later_ns)).outcomes
    assert (found.acked(0), found.lone(1), found.lone_acks) == (answered, not answered, int(not answered))
    assert ACK_WINDOW_NS == 1_000_000_000


@pytest.mark.parametrize("ends", [{"src": None}, {"dst": None}])
def test_a_frame_without_an_end_is_no_attempt(ends: dict[str, None]) -> None:
    """An acknowledgement without addresses answers the last frame of its number that could be answered."""
    found = ledger({"start_ns": 0}, {"start_ns": 10, **ends}, ack(20, src=None, dst=None))
    assert (found.outcomes.acked(0), found.outcomes.acked(1), found.outcomes.sender(2)) == (True, False, B)
    assert list(found.delays.every(1)) == [(60, 20)]


def test_the_last_of_several_failed_where_the_receiver_is_heard_before_or_after() -> None:
    twice = ({"start_ns": 0}, {"start_ns": 1000})
    assert failed(ledger(*twice), 2) == [0]
    heard = {"start_ns": 2000, "src": C, "seq": 9}, ack(3000, dst=C, seq=9)
    assert failed(ledger(*twice, *heard), 4) == [0, 1]
    assert failed(ledger(*heard, *({**one, "start_ns": one["start_ns"] + 5000} for one in twice)), 4) == [2, 3]


def test_stamps_that_are_moved_leave_what_became_of_each_frame() -> None:
    """Also of the last one, which is given up when the capture ends."""
    radio = Radio()
    packet = ipv6.Packet(address(1), address(0), b"reading", next_header=253)
    radio.packet(0, packet, 1, 0)
    radio.packet(5, packet, 1, 0, acked=False, attempts=3)
    seen = digest(radio.frames())
    earlier = moved(seen, lambda octets: 1000 * octets)
    fates = [[(one.acked(each), one.gave_up(each)) for each in one.sightings] for one in (seen, earlier)]
    assert fates[0] == fates[1]
    assert fates[0][-1] == (False, True)
    assert [a.start_ns - b.start_ns for a, b in zip(seen.sightings, earlier.sightings, strict=True)] == [
        1000 * one.octets for one in seen.sightings
    ]


def test_what_is_said_of_a_frame_and_of_what_answers_it_is_apart() -> None:
    """Of a frame and its acknowledgement, one that failed before it, and an acknowledgement of what nobody heard."""
    told = ({"start_ns": 0}, {"start_ns": 50_000_000}, ack(60_000_000), ack(10**12, seq=9))
    found = ledger(*told).outcomes
    assert [found.acked(ordinal) for ordinal in range(4)] == [False, True, False, False]
    assert [found.failed(ordinal) for ordinal in range(4)] == [True, False, False, False]
    assert [found.lone(ordinal) for ordinal in range(4)] == [False, False, False, True]
