"""A transparent terminal (透過型): it passes calls, requests, answers and alarms, and keeps none of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bench.records import NS_PER_HOUR
from bench.twin.topology import StoreType
from tests.twin.twin_rigs import Bench, days, topology


@pytest.fixture
def bench() -> Bench:
    bench = Bench(topology(type=StoreType.TRANSPARENT))
    bench.install()
    bench.meters_on()
    return bench


def pushed(bench: Bench, utility: str) -> list[tuple[int, int]]:
    messages: list[dict[str, Any]] = list(bench.rig.backend.links[utility].messages_after(0))
    parts = [part for m in messages if m["kind"] == "readings" and m["terminal"] == "t1" for part in m["meters"]]
    return [(value["mark_ns"], value["index"]) for part in parts for value in part["values"]]


def test_each_meter_calls_once_a_day_with_the_hours_of_the_day_before(bench: Bench) -> None:
    bench.run(days(2.5))
    calls = bench.of("upload")
    assert [[part["meter"] for part in call["meters"]] for call in calls] == 3 * [["t1.gas"], ["t1.water"]]
    marks = [mark for mark, _ in bench.delivered("t1.gas")]
    assert marks == sorted(set(marks)), "each once"
    assert [b - a for a, b in pairwise(marks)] == [NS_PER_HOUR] * (len(marks) - 1)
    assert pushed(bench, "gas") == bench.delivered("t1.gas")


def test_nothing_is_stored_on_the_way(bench: Bench) -> None:
    bench.run(days(2.5))
    flash = bench.rig.terminals["t1"].flash
    assert [list(ring) for ring in flash.rings.values()] == [[], []]
    link = bench.rig.backend.links["gas"]
    assert link.readings("t1.gas", 0, bench.kernel.now_ns)["values"] == []
    bench.rig.server.request("t1", {"op": "history", "meter": "t1.gas", "from_ns": 0, "to_ns": bench.kernel.now_ns})
    bench.run(400)
    assert [e["op"] for e in bench.of("answer")] == [], "there is no history to ask for"


def test_a_call_that_falls_into_an_outage_is_lost(bench: Bench) -> None:
    bench.run(days(1.0))
    before = bench.delivered("t1.gas")
    for name in bench.mesh.terminals:
        bench.mesh.terminals[name].leave()
    bench.run(days(1.0))
    assert bench.delivered("t1.gas") == before
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(days(1.0))
    marks = [mark for mark, _ in bench.delivered("t1.gas")]
    gaps = [b - a for a, b in pairwise(marks) if b - a != NS_PER_HOUR]
    assert gaps == [25 * NS_PER_HOUR], "that day's hours are gone, the next day's are there"


def test_a_request_reaches_the_meter_and_its_answer_comes_back(bench: Bench) -> None:
    bench.run(100)
    bench.rig.meters["t1.gas"].set_index(424242)
    bench.rig.server.request("t1", {"op": "read", "meter": "t1.gas"})
    bench.run(30)
    assert [event["index"] for event in bench.of("answer")] == [424242]


def test_an_alarm_stays_with_its_meter_until_it_can_be_passed(bench: Bench) -> None:
    bench.mesh.terminals["t1"].leave()
    bench.run(60)
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    raised_ns = bench.kernel.now_ns
    bench.run(600)
    assert not bench.of("alarm")
    assert not bench.rig.terminals["t1"].flash.alarms
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(60)
    assert [event["occurred_ns"] for event in bench.of("alarm")] == [raised_ns]
