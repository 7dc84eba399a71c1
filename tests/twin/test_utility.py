"""Behind the connection server: its store, gap filling, the links to the utilities, the gate, and control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bench.ports import RequestRefused
from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin.faults import Fault
from bench.twin.terminal.standin import HistoryRequest, Message, ReadRequest
from bench.twin.terminal.terminal import PART_VALUES
from bench.twin.topology import StoredAt
from bench.twin.utility.link import UtilityLink
from tests.twin.twin_rigs import Bench, days, topology


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.install()
    bench.meters_on()
    return bench


def link(bench: Bench, utility: str = "gas") -> UtilityLink:
    return bench.rig.backend.links[utility]


def messages(bench: Bench, kind: str, utility: str = "gas", terminal: str = "t1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = list(link(bench, utility).messages_after(0))
    return [message for message in found if message["kind"] == kind and message["terminal"] == terminal]


def pulled(bench: Bench, meter: str) -> dict[int, int]:
    values: Any = link(bench, meter.partition(".")[2]).readings(meter, 0, bench.kernel.now_ns)["values"]
    return {value["mark_ns"]: value["index"] for value in values}


def asked(bench: Bench) -> list[dict[str, Any]]:
    """Requests that the server made by itself."""
    return [e for e in bench.events if e["kind"] == "request.sent" and e.get("by") == "gap filling"]


def test_each_utility_gets_its_own_meters_and_no_others(bench: Bench) -> None:
    bench.run(days(2))
    for utility in ("gas", "water"):
        parts = [part for message in messages(bench, "readings", utility) for part in message["meters"]]
        assert {part["meter"] for part in parts} == {f"t1.{utility}"}
        given = [(value["mark_ns"], value["index"]) for part in parts for value in part["values"]]
        assert given == bench.delivered(f"t1.{utility}")
        assert pulled(bench, f"t1.{utility}") == dict(given)
    with pytest.raises(RequestRefused, match=r"no meter 't1\.water'"):
        link(bench).readings("t1.water", 0, 1)


def test_values_are_kept_for_seven_days_after_they_came(bench: Bench) -> None:
    bench.run(days(10))
    kept = pulled(bench, "t1.gas")
    arrived = [e for e in bench.of("upload") if bench.kernel.now_ns - e["t_ns"] <= days(7) * NS_PER_S]
    marks = {v["mark_ns"] for e in arrived for part in e["meters"] if part["meter"] == "t1.gas" for v in part["values"]}
    assert set(kept) == marks
    assert len(marks) == 168


@pytest.mark.parametrize("place", list(StoredAt))
def test_the_answer_says_who_keeps_the_readings(place: StoredAt) -> None:
    plan = topology()
    bench = Bench(plan.model_copy(update={"server": plan.server.model_copy(update={"storage_at": place})}))
    bench.install()
    assert link(bench).readings("t1.gas", 0, 1)["stored_at"] == place


def test_what_is_missing_is_asked_for_at_five_and_comes_back(bench: Bench) -> None:
    bench.run(days(2))
    before = pulled(bench, "t1.gas")
    newest = sorted(before)[-5:]
    assert bench.rig.backend.gate.remove("t1.gas", newest[0], newest[-1])["removed"] == 5
    assert sorted(set(before) - set(pulled(bench, "t1.gas"))) == newest
    bench.run(days(1))
    assert [(e["op"], e["meter"]) for e in asked(bench)] == [("history", "t1.gas")]
    assert before.items() <= pulled(bench, "t1.gas").items()
    pushed = [[v["mark_ns"] for v in message["meters"][0]["values"]] for message in messages(bench, "readings")]
    assert newest in pushed, "what came back is pushed as well"


def test_nothing_is_asked_for_that_is_there_or_that_no_terminal_has(bench: Bench) -> None:
    bench.run(days(0.5))
    feed = bench.rig.supplies["dc"].channels[0]
    feed.switch(False)
    bench.run(3 * 3600)
    feed.switch(True)  # three hours of one day are lost for good
    bench.run(days(4))
    assert len([e for e in asked(bench) if e["meter"] == "t1.gas"]) == 1, "asked once, and not again"
    assert [e for e in asked(bench) if e["terminal"] == "t3"] == []


def test_an_outage_leaves_no_request_every_day(bench: Bench) -> None:
    bench.run(days(1))
    bench.mains(False)
    bench.run(days(5))
    assert len(asked(bench)) <= 4, "a terminal that is not reachable is not asked"


def test_messages_wait_for_a_link_and_are_numbered_without_gaps(bench: Bench) -> None:
    bench.run(days(3))
    numbers = [int(str(message["id"])) for message in link(bench).messages_after(0)]
    assert numbers == list(range(1, link(bench).last_id + 1))
    assert [message["id"] for message in link(bench).messages_after(numbers[-2])] == numbers[-1:]


def read(bench: Bench, meter: str) -> str:
    """``answered``, ``refused`` or ``silent``: a reading asked for by the meter's MDMS."""
    utility = meter.partition(".")[2]
    try:
        request = link(bench, utility).request({"op": "read", "meter": meter})["request"]
    except RequestRefused as refused:
        return "refused" if refused.status == 403 else refused.reason
    bench.run(20)
    answers = messages(bench, "answer", utility, meter.partition(".")[0])
    return "answered" if request in [answer["request"] for answer in answers] else "silent"


def alarm(bench: Bench, meter: str) -> bool:
    """Whether an alarm comes to the MDMS within a minute."""
    utility, terminal = meter.partition(".")[2], meter.partition(".")[0]
    before = len(messages(bench, "alarm", utility, terminal))
    bench.rig.meters[meter].raise_alarm("leak1")
    bench.run(60)
    return len(messages(bench, "alarm", utility, terminal)) > before


@pytest.mark.parametrize(
    ("what", "held", "passes"),
    [
        (
            {"utility": "gas"},
            {("alarm", "t1.gas"), ("read", "t1.gas"), ("alarm", "t3.gas")},
            {("alarm", "t1.water"), ("read", "t1.water")},
        ),
        (
            {"terminal": "t1"},
            {("alarm", "t1.gas"), ("read", "t1.water")},
            {("alarm", "t3.gas"), ("read", "t3.water")},
        ),
        (
            {"terminal": "t3", "message": "alarm"},
            {("alarm", "t3.gas"), ("alarm", "t3.water")},
            {("read", "t3.gas"), ("alarm", "t1.gas")},
        ),
        ({"message": "read"}, {("read", "t1.gas"), ("read", "t3.water")}, {("alarm", "t1.gas")}),
    ],
)
def test_a_cut_off_holds_what_it_names_and_nothing_else(
    bench: Bench, what: dict[str, str], held: set[tuple[str, str]], passes: set[tuple[str, str]]
) -> None:
    def got_through(probes: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return {
            (kind, meter)
            for kind, meter in sorted(probes)
            if (alarm(bench, meter) if kind == "alarm" else read(bench, meter) == "answered")
        }

    gate = bench.rig.backend.gate
    assert got_through(held | passes) == held | passes
    gate.cut_off(what)
    assert got_through(held | passes) == passes
    gate.reconnect(what)
    bench.run(1300)  # the terminals' next try
    assert got_through(held | passes) == held | passes


def test_what_a_terminal_says_while_it_is_cut_off_comes_afterwards(bench: Bench) -> None:
    gate = bench.rig.backend.gate
    gate.cut_off({"terminal": "t1"})
    bench.run(days(2))
    assert bench.of("upload") == []
    gate.reconnect({"terminal": "t1"})
    bench.run(days(1))
    marks = [mark for mark, _ in bench.delivered("t1.gas")]
    assert len(marks) == len(set(marks)) >= 48


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ({}, 422),
        ({"utility": "steam"}, 422),
        ({"terminal": "t9"}, 422),
        ({"message": "mail"}, 422),
        ({"meter": "x"}, 422),
    ],
)
def test_the_gate_refuses_what_it_does_not_know(bench: Bench, what: dict[str, str], status: int) -> None:
    with pytest.raises(RequestRefused) as refused:
        bench.rig.backend.gate.cut_off(what)
    assert refused.value.status == status


def test_what_is_not_cut_off_cannot_be_reconnected(bench: Bench) -> None:
    with pytest.raises(RequestRefused) as refused:
        bench.rig.backend.gate.reconnect({"terminal": "t1"})
    assert refused.value.status == 409


# Control


class Valve:
    """What a meter's valve does, by rig time in seconds after the command."""

    def __init__(self, bench: Bench, meter: str = "t1.gas") -> None:
        self.bench, self.meter = bench, meter
        self.moved: list[tuple[float, str]] = []
        self.began_ns = bench.kernel.now_ns
        bench.rig.meters[meter].on_valve(self._moved)

    def _moved(self, state: str) -> None:
        self.moved.append(((self.bench.kernel.now_ns - self.began_ns) / NS_PER_S, state))

    def ask(self, command: str, seconds: float = 290) -> list[tuple[str, bool]]:
        """Have it shut or opened; what came to the MDMS."""
        self.moved, self.began_ns = [], self.bench.kernel.now_ns
        body = {"op": "control", "meter": self.meter, "command": command}
        request = link(self.bench).request(body)["request"]
        self.bench.run(seconds)
        answers = messages(self.bench, "answer", "gas", self.meter.partition(".")[0])
        return [(one["state"], one["final"]) for one in answers if one["request"] == request]


def test_a_valve_shuts_and_opens_only_after_the_leak_check(bench: Bench) -> None:
    valve = Valve(bench)
    assert valve.ask("shut") == [("shut", True)]
    assert [state for _, state in valve.moved] == ["shut"]
    assert bench.rig.meters["t1.gas"].valve_state() == "shut"
    assert valve.ask("open") == [("checking", False), ("open", True)]
    (began_s, began), (ended_s, ended) = valve.moved
    assert (began, ended) == ("checking", "open")
    assert ended_s - began_s == 180.0


def test_a_valve_does_not_open_onto_a_leak(bench: Bench) -> None:
    valve = Valve(bench)
    valve.ask("shut")
    bench.rig.meters["t1.gas"].set_leak(True)
    assert valve.ask("open") == [("checking", False), ("leak", True)]
    assert [state for _, state in valve.moved] == ["checking", "shut"]
    bench.rig.meters["t1.gas"].set_leak(False)
    assert valve.ask("open")[-1] == ("open", True)


def test_a_command_that_is_heard_twice_is_carried_out_once() -> None:
    """The server asks again after 30 s; the leak check takes three minutes and is not begun anew."""
    bench = Bench(topology(listen_interval_s=0.0))
    bench.install()
    valve = Valve(bench)
    valve.ask("shut")
    sent = bench.mesh.carried
    assert valve.ask("open") == [("checking", False), ("open", True)]
    assert bench.mesh.carried - sent > 3, "it was asked again"
    assert [state for _, state in valve.moved] == ["checking", "open"]


def test_a_meter_without_a_valve_refuses(bench: Bench) -> None:
    request = link(bench, "water").request({"op": "control", "meter": "t1.water", "command": "shut"})["request"]
    bench.run(60)
    (answer,) = messages(bench, "answer", "water")
    assert (answer["request"], answer["state"], answer["final"]) == (request, "refused", True)
    with pytest.raises(ValueError, match="no valve"):
        bench.rig.meters["t1.water"].set_leak(True)


def test_an_unknown_command_is_refused_at_the_server(bench: Bench) -> None:
    with pytest.raises(RequestRefused, match="unknown command 'burn'") as refused:
        link(bench).request({"op": "control", "meter": "t1.gas", "command": "burn"})
    assert refused.value.status == 422


def test_a_command_into_an_outage_fails_and_the_mdms_is_told(bench: Bench) -> None:
    bench.outage()
    valve = Valve(bench)
    assert valve.ask("shut", 310) == []
    assert [message["op"] for message in messages(bench, "request.failed")] == ["control"]
    assert valve.moved == []


class LosesPart(Fault):
    """Of the answer to the first history request only the last part arrives, however often it is asked for."""

    def __init__(self) -> None:
        self.seq = 0

    def answers_to(
        self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]
    ) -> Sequence[Message | tuple[float, Message]]:
        self.seq = self.seq or request.seq
        return answers[-1:] if request.seq == self.seq else answers


def test_a_gap_whose_answer_was_lost_in_part_is_asked_for_again() -> None:
    bench = with_fault("t1", f"{__name__}:{LosesPart.__name__}")
    bench.run(days(6))
    marks = sorted(pulled(bench, "t1.gas"))[-100:]
    bench.rig.backend.gate.remove("t1.gas", marks[0], marks[-1])
    bench.run(days(1))
    assert set(marks[:PART_VALUES]).isdisjoint(pulled(bench, "t1.gas"))
    bench.run(days(1))
    assert len(asked(bench)) == 2
    assert set(marks[48:]) <= set(pulled(bench, "t1.gas"))  # what is older is no longer asked for


# What the seeded faults do, each its one wrong thing


def with_fault(subject: str, name: str) -> Bench:
    bench = Bench(topology({subject: (name,)}))
    bench.install()
    bench.meters_on()
    return bench


@pytest.mark.parametrize("name", ["no-gap-filling", "gap-but-one"])
def test_a_gap_stays_open(name: str) -> None:
    bench = with_fault("server", name)
    bench.run(days(2))
    before = pulled(bench, "t1.gas")
    newest = sorted(before)[-5:]
    bench.rig.backend.gate.remove("t1.gas", newest[0], newest[-1])
    bench.run(days(1))
    lacking = [mark for mark in newest if mark not in pulled(bench, "t1.gas")]
    assert lacking == (newest if name == "no-gap-filling" else newest[-1:])


def test_a_server_gives_six_days_only() -> None:
    bench = with_fault("server", "keeps-six-days")
    bench.run(days(10))
    marks = sorted(pulled(bench, "t1.gas"))
    assert marks == list(range(marks[-1] - 143 * NS_PER_HOUR, marks[-1] + 1, NS_PER_HOUR))


def test_a_leaky_cut_off_lets_alarms_through_and_holds_the_rest() -> None:
    bench = with_fault("server", "leaky-cut-off")
    bench.rig.backend.gate.cut_off({"terminal": "t1"})
    assert alarm(bench, "t1.gas")
    assert read(bench, "t1.gas") == "refused"


def test_a_cut_off_touches_its_neighbour() -> None:
    bench = with_fault("server", "cut-off-touches-neighbour")
    assert read(bench, "t1.water") == "answered"
    bench.rig.backend.gate.cut_off({"utility": "gas"})
    assert (read(bench, "t1.gas"), read(bench, "t1.water")) == ("refused", "refused")


@pytest.mark.parametrize(
    ("subject", "name", "opening"),
    [
        ("t1.gas", "short-leak-check", [("checking", False), ("open", True)]),
        ("t1", "answers-before-the-check", [("open", True)]),
    ],
)
def test_a_reopening_that_is_none(subject: str, name: str, opening: list[tuple[str, bool]]) -> None:
    bench = with_fault(subject, name)
    valve = Valve(bench)
    assert valve.ask("shut") == [("shut", True)]
    assert valve.ask("open") == opening
    if name == "short-leak-check":
        assert valve.moved[1][0] - valve.moved[0][0] == 10.0


def test_every_third_command_goes_nowhere() -> None:
    valve = Valve(with_fault("t1.gas", "deaf-valve"))
    assert [bool(valve.ask(command, 310)) for command in ("shut", "open", "shut", "open")] == [True, True, False, True]
