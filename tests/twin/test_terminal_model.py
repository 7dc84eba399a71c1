"""The terminal's application on the instant mesh: installation, hour marks, uploads, outage, alarms, requests."""

from __future__ import annotations

from typing import Any

import pytest

from bench.ports import RequestRefused
from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.topology import load
from tests.places import DEFAULT_TOPOLOGY
from tests.twin.twin_rigs import Bench, days, topology


def test_installation_ends_when_the_servers_confirmation_arrives() -> None:
    bench = Bench()
    bench.install()
    on_s = next(t for t, name, state in bench.lamps if name == "t1" and state == "on")
    reachable = bench.of("terminal.reachable")
    assert [state for _, name, state in bench.lamps if name == "t1"] == ["blinking", "on"]
    assert len(reachable) == 1
    reached_s = (reachable[0]["t_ns"] - bench.plan.epoch_ns) / NS_PER_S
    assert on_s == pytest.approx(reached_s + 0.55)  # head end queue and the mesh, down


def test_nothing_happens_without_key_or_without_supply() -> None:
    bench = Bench()
    bench.rig.panels["t1"].press_key(1.0)  # dark
    bench.run(60)
    assert bench.events == []
    bench.rig.supplies["dc"].channels[0].switch(True)
    bench.run(60)  # fed, not installed yet
    assert bench.events == []
    assert bench.lamps == []


def test_an_installed_terminal_joins_by_itself() -> None:
    """As a reference terminal does; the samples wait for feed and key."""
    bench = Bench(load(DEFAULT_TOPOLOGY))
    bench.run(60)
    assert [event["terminal"] for event in bench.events] == ["r1"]
    assert bench.rig.panels["r1"].indicator() == "on"


def test_week_of_hourly_values_matches_the_registers() -> None:
    bench = Bench()
    bench.install()
    bench.meters_on()
    truth: dict[int, int] = {}

    def look() -> None:
        truth[bench.kernel.now_ns] = bench.rig.meters["t1.gas"].index()
        bench.kernel.after(NS_PER_HOUR, look)

    bench.kernel.at(bench.plan.epoch_ns + NS_PER_HOUR, look)
    bench.run(days(8))
    delivered = bench.delivered("t1.gas")
    assert len(delivered) == len(dict(delivered)) == 2 + 7 * 24
    assert all(truth[mark] == index for mark, index in delivered)
    uploads = bench.of("upload")
    assert {e["delivery"] for e in uploads} == {"scheduled"}
    assert {(e["t_ns"] + JST_OFFSET_NS) % NS_PER_DAY // (60 * NS_PER_S) for e in uploads} == {20}  # 00:20 JST


def test_day_has_the_marks_0100_to_2400() -> None:
    bench = Bench()
    bench.install()
    bench.run(days(3))
    marks = [v["mark_ns"] for v in bench.of("upload")[1]["meters"][0]["values"]]
    hours = [(m + JST_OFFSET_NS) % NS_PER_DAY // NS_PER_HOUR for m in marks]
    assert hours == [*range(1, 24), 0]


def test_dark_terminal_misses_hours_and_keeps_what_it_stored() -> None:
    bench = Bench()
    bench.install()
    bench.run(5 * 3600)
    feed = bench.rig.supplies["dc"].channels[0]
    feed.switch(False)
    assert bench.rig.panels["t1"].indicator() == "off"
    bench.run(4 * 3600)
    feed.switch(True)  # installed before: joins by itself
    bench.run(days(1.5))
    hours = [round((m - bench.plan.epoch_ns) / NS_PER_HOUR) for m, _ in bench.delivered("t1.gas")]
    assert hours == [1, 2, 3, 4, 5, *range(10, 27)]
    assert len(bench.of("terminal.reachable")) == 2


def test_outage_is_recovered_in_order_with_the_newest_marks() -> None:
    bench = Bench()
    bench.install()
    bench.run(days(1))
    bench.mains(False)
    bench.run(days(8))
    before = len(bench.delivered("t1.gas"))
    bench.mains(True)
    bench.run(1800)
    marks = [m for m, _ in bench.delivered("t1.gas")[before:]]
    assert marks == sorted(marks)
    assert len(marks) == len(set(marks)) == bench.plan.terminals[0].storage_marks
    newest = bench.kernel.now_ns // NS_PER_HOUR * NS_PER_HOUR
    assert marks[-1] == newest
    assert {e["delivery"] for e in bench.of("upload")[2:]} == {"recovery"}
    bench.run(days(2))
    marks = [m for m, _ in bench.delivered("t1.gas")]
    assert len(marks) == len(set(marks))  # the next scheduled upload does not repeat them


def test_repetition_of_an_upload_is_one_event() -> None:
    bench = Bench(topology(ack_timeout_s=1))  # shorter than the way up and down: every message is repeated
    bench.install()
    bench.run(days(2))
    carried = bench.mesh.carried
    assert len(bench.of("upload")) == 2
    assert len(bench.delivered("t1.gas")) == len(dict(bench.delivered("t1.gas")))
    assert carried > 20  # repetitions did happen


def test_alarm_in_operation_and_across_an_outage_keeps_its_time() -> None:
    bench = Bench()
    bench.install()
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    raised_ns = bench.kernel.now_ns
    bench.run(5)
    assert [(e["code"], e["occurred_ns"]) for e in bench.of("alarm")] == [("leak1", raised_ns)]
    bench.mains(False)
    bench.run(7200)
    bench.rig.meters["t1.water"].raise_alarm("tamper")
    raised_ns = bench.kernel.now_ns
    bench.run(days(1))
    assert len(bench.of("alarm")) == 1
    bench.mains(True)
    bench.run(300)
    assert [(e["meter"], e["code"], e["occurred_ns"]) for e in bench.of("alarm")[1:]] == [
        ("t1.water", "tamper", raised_ns)
    ]


def test_alarm_to_a_dark_terminal_is_held_by_the_meter() -> None:
    bench = Bench()
    bench.install()
    feed = bench.rig.supplies["dc"].channels[0]
    feed.switch(False)
    bench.rig.meters["t1.gas"].raise_alarm("reverse")
    raised_ns = bench.kernel.now_ns
    bench.run(600)
    feed.switch(True)
    bench.run(60)
    assert [e["occurred_ns"] for e in bench.of("alarm")] == [raised_ns]


def test_read_answers_with_the_register_of_now_after_the_listen_wait() -> None:
    bench = Bench()
    bench.install()
    bench.run(100)
    bench.rig.meters["t3.water"].set_index(424242)
    waits = []
    for _ in range(12):
        bench.run(7.3)
        accepted = bench.rig.server.request("t3", {"op": "read", "meter": "t3.water"})
        bench.run(20)
        answer = bench.of("answer", "t3")[-1]
        assert (answer["request"], answer["index"]) == (accepted["request"], 424242)
        waits.append((answer["t_ns"] - accepted["accepted_ns"]) / NS_PER_S)
    assert min(waits) > 1.0  # two queues and two mesh delays
    assert max(waits) < 1.1 + 5.0
    assert max(waits) - min(waits) > 1.0  # the phase to the listen interval differs


def test_history_comes_in_parts() -> None:
    bench = Bench()
    bench.install()
    bench.run(days(5))
    span = {"from_ns": 0, "to_ns": bench.kernel.now_ns}
    bench.rig.server.request("t1", {"op": "history", "meter": "t1.gas", **span})
    bench.run(30)
    parts = bench.of("answer")
    assert [(p["part"], p["parts"]) for p in parts] == [(1, 2), (2, 2)]
    assert sum(len(p["values"]) for p in parts) == 5 * 24


def test_request_into_an_outage_fails_after_its_time() -> None:
    bench = Bench()
    bench.install()
    bench.outage()
    accepted = bench.rig.server.request("t1", {"op": "read", "meter": "t1.gas"})
    bench.run(301)
    failed = bench.of("request.failed")
    assert [(e["request"], e["reason"]) for e in failed] == [(accepted["request"], "timeout")]
    status: Any = bench.rig.server.status()["terminals"]
    assert [s["reachable"] for s in status] == [False, True]


@pytest.mark.parametrize(
    ("terminal", "body", "status"),
    [
        ("t9", {"op": "read", "meter": "t9.gas"}, 404),
        ("t1", {"op": "read", "meter": "t3.gas"}, 422),
        ("t1", {"op": "open", "meter": "t1.gas"}, 422),
        ("t1", {"op": "history", "meter": "t1.gas", "from_ns": 5, "to_ns": 4}, 422),
        ("t1", {"op": "read", "meter": "t1.gas"}, 409),
    ],
)
def test_server_refuses_what_makes_no_sense(terminal: str, body: dict[str, str | int], status: int) -> None:
    with pytest.raises(RequestRefused) as refused:
        Bench().rig.server.request(terminal, body)
    assert refused.value.status == status


def test_long_press_erases_and_installs_anew() -> None:
    bench = Bench()
    bench.install()
    bench.rig.server.deregister("t1")
    bench.run(10)
    bench.rig.panels["t1"].press_key(12.0)
    bench.run(9.9)
    assert bench.rig.panels["t1"].indicator() == "on"
    bench.run(30)
    assert bench.rig.panels["t1"].indicator() == "on"
    assert len(bench.of("terminal.reachable")) == 2


def test_unregistered_terminal_gets_no_ack_and_no_event() -> None:
    bench = Bench()
    bench.install()
    bench.rig.server.deregister("t1")
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    bench.run(600)
    assert bench.of("alarm") == []
    feed = bench.rig.supplies["dc"].channels[0]
    feed.switch(False)
    feed.switch(True)
    bench.run(60)
    assert len(bench.of("alarm")) == 1  # it had kept it


def test_same_seed_same_events() -> None:
    def logged() -> list[dict[str, object]]:
        bench = Bench()
        bench.install()
        bench.meters_on()
        bench.run(days(1))
        bench.rig.server.request("t1", {"op": "read", "meter": "t1.gas"})
        bench.mains(False)
        bench.run(days(1))
        bench.mains(True)
        bench.run(days(1))
        return bench.events

    assert logged() == logged()
