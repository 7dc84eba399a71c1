"""Every hook of a fault is asked where the guide says, and what it returns happens; a failing one is one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from bench.errors import InputError
from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin import faults
from bench.twin.faults import Alarm, Fault, FaultFailed, HistoryAnswer, Message, ReadAnswer, Upload, Value
from tests.twin.twin_rigs import Bench, days, topology

EPOCH_NS = Bench().plan.epoch_ns


def seeded(cls: type[Fault], monkeypatch: pytest.MonkeyPatch, subject: str = "t1") -> Bench:
    """A bench whose ``subject`` has this fault."""
    monkeypatch.setattr(faults.named, "_known", lambda _name: cls)
    return Bench(topology({subject: ("the-fault",)}))


def installed(cls: type[Fault], monkeypatch: pytest.MonkeyPatch, subject: str = "t1") -> Bench:
    bench = seeded(cls, monkeypatch, subject)
    bench.install()
    return bench


def fired(bench: Bench) -> int:
    return sum(one.fired for one in bench.rig.faults)


def test_a_message_can_be_dropped_repeated_late_and_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Uploads(Fault):
        said = 0

        def message_out(self, message: Message, terminal: str) -> Any:
            assert terminal == "t1"
            if not isinstance(message, Upload):
                return message
            self.said += 1
            if self.said == 1:
                return None
            other = attrs.evolve(message, seq=message.seq + 1000)
            return [(30.0, message), other]

    bench = installed(Uploads, monkeypatch)
    bench.run(days(0.3))
    uploads = bench.of("upload")
    assert [event["upload_seq"] for event in uploads] == [1001, 1]
    assert uploads[1]["t_ns"] - uploads[0]["t_ns"] == 30 * NS_PER_S
    assert fired(bench) == 3  # dropped, changed, and once more before the acknowledgement was there


def test_an_acknowledgement_that_is_not_heard_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Fault):
        heard: list[str] = []  # noqa: RUF012

        def message_in(self, message: Message, terminal: str) -> Any:
            self.heard.append(type(message).__name__)
            return None if self.heard.count("Ack") == 1 and isinstance(message, faults.Ack) else message

    bench = installed(Deaf, monkeypatch)
    bench.run(days(0.3))
    assert Deaf.heard == ["Confirm", "Ack", "Ack"]
    assert len(bench.of("upload")) == 1


def test_the_register_is_read_beside_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    class Beside(Fault):
        def read_offset_s(self, meter: str, mark_ns: int) -> float:
            return {"t1.gas": -40.0, "t1.water": 25.0}[meter]

    bench = installed(Beside, monkeypatch)

    def tick() -> None:
        for name in ("t1.gas", "t1.water"):
            bench.rig.meters[name].set_index((bench.kernel.now_ns - EPOCH_NS) // NS_PER_S)
        bench.kernel.after(NS_PER_S, tick)

    tick()
    bench.run(days(0.2))
    gas, water = bench.delivered("t1.gas"), bench.delivered("t1.water")
    assert [index for _, index in gas] == [3600 - 41, 7200 - 41]  # the tick of that second comes after
    assert [index for _, index in water] == [3600 + 24, 7200 + 24]
    assert [mark for mark, _ in gas] == [EPOCH_NS + NS_PER_HOUR, EPOCH_NS + 2 * NS_PER_HOUR]


def test_a_clock_that_is_ahead_moves_marks_uploads_and_alarms(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ahead(Fault):
        def clock_offset_s(self, true_ns: int) -> float:
            return 120.0

    bench = installed(Ahead, monkeypatch)
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    raised_ns = bench.kernel.now_ns
    bench.kernel.at(EPOCH_NS + NS_PER_HOUR - 60 * NS_PER_S, lambda: bench.rig.meters["t1.gas"].set_index(777_777))
    bench.run(days(0.2))
    assert bench.of("alarm")[0]["occurred_ns"] == raised_ns + 120 * NS_PER_S
    assert bench.delivered("t1.gas")[0] == (EPOCH_NS + NS_PER_HOUR, 123456)  # read two minutes before it is true
    assert round((bench.of("upload")[0]["t_ns"] - EPOCH_NS) / NS_PER_S) == 2 * 3600 + 1200 - 120 + 1


def test_a_clock_step_leaves_marks_out_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    class Steps(Fault):
        def clock_offset_s(self, true_ns: int) -> float:
            return 3.5 * 3600 if true_ns > EPOCH_NS + 10 * NS_PER_HOUR + 60 * NS_PER_S else 0.0

    bench = installed(Steps, monkeypatch)
    bench.run(days(1.5))
    marks = [round((mark - EPOCH_NS) / NS_PER_HOUR) for mark, _ in bench.delivered("t1.gas")]
    assert marks[:14] == [*range(1, 12), 15, 16, 17]  # 11 was planned when the step came


def test_store_lost_and_reordered(monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(Fault):
        def stored_values(self, meter: str, values: tuple[Value, ...]) -> Any:
            return values[-3:]

    bench = installed(Short, monkeypatch)
    bench.run(days(1.5))
    bench.rig.server.request("t1", {"op": "history", "meter": "t1.gas", "from_ns": 0, "to_ns": bench.kernel.now_ns})
    bench.run(20)
    assert len(bench.of("answer")[-1]["values"]) == 3


def test_lamp_lies_early_and_flashes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Liar(Fault):
        def lamp_shown(self, state: str) -> Any:
            return [state, (0.5, "on"), (0.7, "blinking")] if state == "blinking" else None

    bench = seeded(Liar, monkeypatch)
    bench.rig.supplies["dc"].channels[0].switch(True)
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(30)
    assert [(t, state) for t, name, state in bench.lamps] == [(1.0, "blinking"), (1.5, "on"), (1.7, "blinking")]
    assert bench.rig.panels["t1"].indicator() == "blinking"
    bench.rig.supplies["dc"].channels[0].switch(False)
    assert bench.rig.panels["t1"].indicator() == "off"


def test_key_ignored_once_and_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    class Key(Fault):
        presses = 0

        def key_pressed(self, duration_s: float) -> Any:
            self.presses += 1
            return None if self.presses == 1 else [duration_s, (5.0, 12.0)]

    bench = seeded(Key, monkeypatch)
    bench.rig.supplies["dc"].channels[0].switch(True)
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(30)
    assert bench.lamps == []
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(60)
    assert len(bench.of("terminal.reachable")) == 2  # the second press erased and joined anew


def test_supply_dip_is_survived_and_memory_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    class Holds(Fault):
        def supply_edge(self, on: bool) -> Any:
            return on if on else [(2.0, False)]

        def memory_lost(self, dark_s: float) -> Any:
            return ["values"] if dark_s > 10 else []

    bench = installed(Holds, monkeypatch)
    bench.run(2 * 3600)
    feed = bench.rig.supplies["dc"].channels[0]
    feed.switch(False)
    bench.run(1.0)
    feed.switch(True)
    bench.run(60)
    assert bench.rig.terminals["t1"].confirmed
    assert len(bench.of("terminal.reachable")) == 1
    feed.switch(False)
    bench.run(30)
    assert bench.rig.panels["t1"].indicator() == "off"
    feed.switch(True)
    bench.run(3600)
    assert [len(tuple(ring)) for ring in bench.rig.terminals["t1"].flash.rings.values()] == [1, 1]


def test_reboots_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reboots(Fault):
        def twin_started(self) -> None:
            self.after(3600, self.reset)

        def reset(self) -> None:
            self.fired("watchdog reset")
            self.reboot()

    bench = installed(Reboots, monkeypatch)
    bench.run(7200)
    assert len(bench.of("terminal.reachable")) == 2
    assert [one.first for one in bench.rig.faults] == [[(EPOCH_NS + NS_PER_HOUR, "watchdog reset")]]


def test_answers_stale_foreign_late_and_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Answers(Fault):
        asked = 0

        def answers_to(self, request: Message, answers: tuple[Message, ...]) -> Any:
            self.asked += 1
            (right,) = answers
            if isinstance(right, HistoryAnswer):
                return [attrs.evolve(right, values=right.values[:1])]
            assert isinstance(right, ReadAnswer)
            return [(), [attrs.evolve(right, index=1)], [(40.0, attrs.evolve(right, meter="t1.water"))]][self.asked - 1]

    bench = installed(Answers, monkeypatch)
    for _ in range(2):
        bench.rig.server.request("t1", {"op": "read", "meter": "t1.gas"})
        bench.run(20)
    assert [answer["index"] for answer in bench.of("answer")] == [1]
    bench.run(20)  # the first one is asked again
    bench.run(50)
    assert [(a["request"], a["meter"]) for a in bench.of("answer")] == [("r2", "t1.gas"), ("r1", "t1.water")]
    bench.run(3600)
    bench.rig.server.request("t1", {"op": "history", "meter": "t1.gas", "from_ns": 0, "to_ns": bench.kernel.now_ns})
    bench.run(20)
    assert len(bench.of("answer")[-1]["values"]) == 1


def test_alarms_doubled_changed_late_and_invented(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alarms(Fault):
        def alarm_taken(self, alarm: Alarm, operational: bool) -> Any:
            assert operational
            return [alarm, (10.0, attrs.evolve(alarm, code="tamper"))]

        def twin_started(self) -> None:
            self.after(100, lambda: self.raise_alarm("t1.water", "reverse", 5))

    bench = installed(Alarms, monkeypatch)
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    bench.run(200)
    assert [(a["meter"], a["code"]) for a in bench.of("alarm")] == [
        ("t1.gas", "leak1"),
        ("t1.gas", "tamper"),
        ("t1.water", "reverse"),
    ]
    assert bench.of("alarm")[2]["occurred_ns"] == 5


def test_a_meter_tells_another_index_and_another_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    class Meter(Fault):
        def meter_read(self, index: int) -> int:
            return index + 1000

        def meter_alarm(self, code: str) -> Any:
            return [(7.0, code)]

    bench = installed(Meter, monkeypatch, "t1.gas")
    bench.rig.server.request("t1", {"op": "read", "meter": "t1.gas"})
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    bench.run(20)
    assert bench.of("answer")[0]["index"] == 124456
    assert bench.rig.meters["t1.gas"].index() == 123456
    [alarm] = bench.of("alarm")
    assert alarm["t_ns"] - EPOCH_NS > 37 * NS_PER_S


def test_the_server_loses_doubles_and_invents_events(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server(Fault):
        def server_event(self, event: Any) -> Any:
            return [event, event] if event["kind"] == "upload" else event

        def twin_started(self) -> None:
            self.after(600, lambda: self.tell_event("alarm", "t3", meter="t3.gas", code="leak1", occurred_ns=1))

    bench = installed(Server, monkeypatch, "server")
    bench.run(days(0.2))
    assert len(bench.of("upload")) == 2
    assert [event["id"] for event in bench.events] == list(range(1, len(bench.events) + 1))
    assert [alarm["code"] for alarm in bench.of("alarm", "t3")] == ["leak1"]


def test_the_head_end_holds_and_loses_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    class HeadEnd(Fault):
        def message_in(self, message: Message, terminal: str) -> Any:
            return [(20.0, message)] if terminal == "t3" else message

    bench = seeded(HeadEnd, monkeypatch, "concentrator")
    for output in bench.rig.supplies["dc"].channels:
        output.switch(True)
    for panel in bench.rig.panels.values():
        panel.press_key(1.0)
    bench.run(60)
    reached = {event["terminal"]: event["t_ns"] for event in bench.events if event["kind"] == "terminal.reachable"}
    assert reached["t3"] - reached["t1"] == 20 * NS_PER_S


def test_joining_lingers_in_a_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Fault):
        def join_delay_s(self, phase: str) -> float:
            return 15.0 if phase == "authenticate" else 0.0

    bench = seeded(Slow, monkeypatch)
    for output in bench.rig.supplies["dc"].channels:
        output.switch(True)
    for panel in bench.rig.panels.values():
        panel.press_key(1.0)
    bench.run(60)
    reached = {event["terminal"]: event["t_ns"] for event in bench.events if event["kind"] == "terminal.reachable"}
    assert reached["t1"] - reached["t3"] == 15 * NS_PER_S


@pytest.mark.parametrize("values", [lambda v: (), lambda v: v[1:], lambda v: [attrs.evolve(x, meter="x.y") for x in v]])
def test_uploads_without_their_values_never_go_round_in_circles(
    values: Callable[[tuple[Value, ...]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Withholds(Fault):
        def values_to_upload(self, recovery: bool, offered: tuple[Value, ...]) -> Any:
            return values(offered)

    bench = installed(Withholds, monkeypatch)
    carried = bench.mesh.carried
    bench.run(days(3))
    assert bench.mesh.carried - carried < 200
    assert fired(bench) > 0


def test_right_behaviour_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Right(Fault):
        def message_out(self, message: Message, terminal: str) -> Any:
            return message

        def mark_value(self, value: Value, previous_index: int | None, operational: bool) -> Value:
            return value

    bench = installed(Right, monkeypatch)
    bench.run(days(2))
    assert fired(bench) == 0
    plain = Bench(topology())
    plain.install()
    plain.run(days(2))
    assert bench.events == plain.events


def _raises(*_: object) -> Any:
    raise ValueError("two\nlines")


@pytest.mark.parametrize(
    ("hook", "answer", "says"),
    [
        ("mark_value", _raises, "fault 'the-fault' at t1: mark_value raised ValueError: two lines"),
        ("mark_value", lambda *_: 5, "mark_value returned 5; expected Value"),
        ("keep_mark", lambda *_: None, "keep_mark returned None; expected bool"),
        ("message_out", lambda *_: "hello", "message_out returned 'hello'; expected a message"),
        ("message_out", lambda _s, m, _t: [(-1.0, m)], "message_out returned -1.0; expected seconds of 0 or more"),
        ("message_out", lambda *_: faults.Ack(-4), "what it gave cannot be sent"),
        ("lamp_shown", lambda *_: "green", "expected one of off, blinking, on"),
        ("registers_after_s", lambda *_: float("nan"), "expected a number"),
        ("registers_after_s", lambda *_: -3, "expected seconds of 0"),
    ],
)
def test_a_hook_that_fails_names_its_fault(
    hook: str, answer: Callable[..., Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = type("Failing", (Fault,), {hook: answer})
    bench = seeded(cls, monkeypatch)
    failed: list[FaultFailed] = []
    bench.rig.context.broken = failed.append
    bench.rig.supplies["dc"].channels[0].switch(True)
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(7200)
    assert says in str(failed[0])
    assert "\n" not in str(failed[0])


def test_time_cannot_be_made_to_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    class Loop(Fault):
        def twin_started(self) -> None:
            self.after(0, self.twin_started)

    bench = seeded(Loop, monkeypatch)
    with pytest.raises(FaultFailed, match="time would stand"):
        bench.run(1)


def test_a_fault_that_can_do_nothing_where_it_sits_is_refused() -> None:
    with pytest.raises(InputError, match="'late-join' does nothing at server, a server; expected a terminal"):
        topology({"server": ("late-join",)})
    with pytest.raises(InputError, match="no subject 't9'"):
        topology({"t9": ("late-join",)})


def test_a_fault_outside_of_a_twin_can_be_tried_by_itself() -> None:
    fault = Fault()
    fault.after(3, lambda: None)
    fault.fired("nothing")
    fault.reboot()
    assert (fault.subject, fault.now_ns, fault.rng.random()) == ("", 0, fault.__class__().rng.random())
