"""The operator port: its words, its stamps, and what a person may do wrong, at the desk and behind the driver."""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench import kinds
from bench.errors import BenchError
from bench.records import NS_PER_S
from devices.operator.desk import Desk
from devices.operator.driver import OperatorDriver, OperatorMeter, OperatorPanel
from devices.operator.prompt import Prompt
from devices.operator.task import Do, NotAnswered, Task, Wants
from tests.devices.device_bench import T0_NS, StillClock

TASK = Task(7, Do.READ, "t1.gas", "", 600.0)


class Person:
    """Behind the driver: answers each task by what the test says, through a desk's own words."""

    def __init__(self, answers: Callable[[Task], dict[str, Any] | None]) -> None:
        self.answers = answers
        self.asked: list[Task] = []


class PlayedDriver(OperatorDriver):
    """The driver without a wire: `ask` is answered at once, a task when time passes."""

    person: Person
    clock_: StillClock

    @property
    def port(self) -> str:
        return "operator.people"

    @property
    def clock(self) -> Any:
        return self.clock_

    def ask(self, text: str, *_fits: Any, **_how: Any) -> list[str]:
        command, _, rest = text.partition(" ")
        if command == "ASK":
            task = Task.of(rest)
            self.person.asked.append(task)
            answer = self.person.answers(task)
            if answer is not None:
                self.clock_.t_ns += 10 * NS_PER_S
                self.on_line(f"! DONE {json.dumps({'task': task.task, **answer})}")
        if command == "PHOTO":
            number, offset = rest.split()
            data = b"jpeg"[int(offset) :]
            return ["PHOTO", number, offset, base64.b64encode(data).decode() or "-"]
        return ["OK"]


def played(answers: Callable[[Task], dict[str, Any] | None], photos: Path | None = None) -> PlayedDriver:
    driver = PlayedDriver.__new__(PlayedDriver)
    driver.reaction_s, driver.patience_s = 0.6, 600.0
    driver.clock_, driver.person = StillClock(), Person(answers)
    driver._tasks, driver._done, driver._last, driver._pictures, driver._cut = {}, {}, 0, [], {}
    driver._leaks = set()
    driver._photos = photos
    driver._answers = []  # type: ignore[assignment]
    return driver


def told(driver: PlayedDriver, kind: kinds.Kind) -> list[Any]:
    for row in driver.clock_.seen:
        kinds.check(row)
    return [row for row in driver.clock_.seen if row.kind == kind]


def test_a_press_is_stamped_by_the_tap_less_the_reaction() -> None:
    driver = played(lambda _task: {"held_s": 3.0, "name": "山田"})
    OperatorPanel(driver, "t1").press(1.0)
    (press,) = told(driver, kinds.PANEL_PRESS)
    assert press.t_ns == T0_NS + round((10 - 3.0 - 0.3) * NS_PER_S)
    assert press.u_ns == pytest.approx(0.6 / math.sqrt(12) * NS_PER_S, rel=1e-6)
    assert (press.subject, press.data) == ("t1", {"duration_s": 1.0})
    (done,) = told(driver, kinds.OPERATOR_DONE)
    assert done.data["name"] == "山田"


def test_a_register_counts_when_it_is_what_was_asked_or_read_twice() -> None:
    typed = iter(["124508", "124507", "124509", "124509", "124509"])
    driver = played(lambda _task: {"value": next(typed)})
    meter = OperatorMeter(driver, "t1.gas")
    assert meter.set_index(124500) == 124509
    assert [task.do for task in driver.person.asked] == [Do.SET, *[Do.AGAIN] * 4]
    (index,) = told(driver, kinds.METER_INDEX)
    assert index.data == {"index": 124509}
    low, high = (index.t_ns + side * math.sqrt(3) * index.u_ns for side in (-1, 1))
    assert low <= T0_NS + 1
    assert high >= T0_NS + 49 * NS_PER_S, "some time between question and last answer"


def test_a_register_that_is_turned_on_is_placed_as_well_as_a_tap() -> None:
    typed = iter(["100", "100", "101"])
    driver = played(lambda task: {} if task.do is Do.TURN else {"value": next(typed)})
    meter = OperatorMeter(driver, "t1.gas")
    assert meter.next_index() == 101
    meter.turn_on_to(101)
    turned = told(driver, kinds.METER_INDEX)[-1]
    assert turned.data == {"index": 101}
    assert turned.t_ns == driver.clock_.t_ns - round(0.3 * NS_PER_S)
    assert turned.u_ns == pytest.approx(0.6 / math.sqrt(12) * NS_PER_S, rel=1e-6)
    assert meter.shows(101)
    asked = len(driver.person.asked)
    assert meter.next_index() == 102
    assert len(driver.person.asked) == asked, "somebody has just looked"


def test_a_register_that_was_turned_to_something_else_is_not_known_since_then() -> None:
    typed = iter(["100", "100", "103", "103", "103"])
    driver = played(lambda task: {} if task.do is Do.TURN else {"value": next(typed)})
    meter = OperatorMeter(driver, "t1.gas")
    meter.turn_on_to(meter.next_index())
    turned = told(driver, kinds.METER_INDEX)[-1]
    assert not meter.shows(101)
    (doubt,) = told(driver, kinds.OPERATOR_CANNOT)
    assert (doubt.data["do"], doubt.data["why"]) == ("again", "it shows 103, not 101")
    assert doubt.t_ns - float(str(doubt.data["after_s"])) * NS_PER_S <= turned.t_ns


def test_a_turn_that_is_taken_back_leaves_the_register_unknown() -> None:
    driver = played(lambda task: {} if task.do is Do.TURN else {"value": "100"})
    meter = OperatorMeter(driver, "t1.gas")
    meter.turn_on_to(meter.next_index())
    driver.on_line(f'! UNDONE {{"task": {driver.person.asked[-1].task}}}')
    assert told(driver, kinds.OPERATOR_UNDONE)[0].data["do"] == "turn"
    assert not told(driver, kinds.BENCH_ERROR)


def test_a_valve_is_seen_by_what_its_meter_shows() -> None:
    shows = iter(["open", "shut"])
    driver = played(lambda task: {} if task.wants is Wants.DONE else {"value": next(shows)})
    meter = OperatorMeter(driver, "t1.gas")
    assert meter.read_valve() == "open"
    meter.watch_valve("open")
    meter.set_leak(True)
    assert [one.data["state"] for one in told(driver, kinds.METER_VALVE)] == ["open", "shut"]
    assert [one.data["leak"] for one in told(driver, kinds.METER_LEAK)] == [True]
    assert [task.do for task in driver.person.asked] == [Do.VALVE, Do.MOVES, Do.LEAK]


@pytest.mark.parametrize("value", ["ajar", "", None, "12", "blinking"])
def test_what_is_no_state_of_a_valve_answers_nothing(value: Any) -> None:
    driver = played(lambda _task: None)
    driver.post(Do.VALVE, "t1.gas")
    driver.on_line(f"! DONE {json.dumps({'task': 1, 'value': value})}")
    assert not told(driver, kinds.OPERATOR_DONE)


def test_the_same_slip_twice_is_not_believed_against_what_is_known() -> None:
    typed = iter(["118019", "128019", "128019", "118019"])
    driver = played(lambda _task: {"value": next(typed)})
    meter = OperatorMeter(driver, "t1.water")
    meter.set_index(118019)
    assert meter.read_index() == 118019
    assert [one.data["index"] for one in told(driver, kinds.METER_INDEX)] == [118019, 118019]


def test_who_never_reads_the_same_twice_is_not_believed() -> None:
    typed = iter(map(str, range(100, 200)))
    driver = played(lambda _task: {"value": next(typed)})
    with pytest.raises(NotAnswered, match="differently"):
        OperatorMeter(driver, "t1.gas").read_index()
    assert not told(driver, kinds.METER_INDEX)
    assert told(driver, kinds.OPERATOR_CANNOT)


def test_nobody_answers() -> None:
    driver = played(lambda _task: None)
    driver.patience_s = 1.0
    with pytest.raises(NotAnswered, match="operator did not answer"):
        OperatorPanel(driver, "t1").press(1.0)
    assert not told(driver, kinds.PANEL_PRESS)
    (late,) = told(driver, kinds.OPERATOR_TIMEOUT)
    assert late.data["after_s"] == 1.0
    driver.on_line('! DONE {"task": 1}')
    assert not told(driver, kinds.OPERATOR_DONE), "nobody asks any more"


@pytest.mark.parametrize("value", ["12a", "", "-1", "1" * 21, 5, None])
def test_what_is_no_number_answers_nothing(value: Any) -> None:
    driver = played(lambda _task: None)
    driver.post(Do.READ, "t1.gas")
    driver.on_line(f"! DONE {json.dumps({'task': 1, 'value': value})}")
    assert not told(driver, kinds.OPERATOR_DONE)


def test_what_is_taken_back_is_an_error_of_the_bench_there() -> None:
    driver = played(lambda _task: {})
    OperatorPanel(driver, "t1").press(1.0)
    driver.on_line('! UNDONE {"task": 1}')
    assert told(driver, kinds.OPERATOR_UNDONE)
    (error,) = told(driver, kinds.BENCH_ERROR)
    assert "t1" in error.data["touches"]


def test_a_photo_is_kept_in_the_run(tmp_path: Path) -> None:
    driver = played(lambda _task: {"value": "5", "photo": 4}, tmp_path / "photos")
    OperatorMeter(driver, "t1.gas").set_index(5)
    (photo,) = told(driver, kinds.OPERATOR_PHOTO)
    assert (tmp_path / photo.data["file"]).read_bytes() == b"jpeg"


def test_a_breaker_that_was_opened_is_no_safe_state() -> None:
    driver = played(lambda _task: {})
    driver.make_safe()
    driver.cut_mesh(True)
    with pytest.raises(BenchError, match="left open"):
        driver.make_safe()
    assert driver.person.asked[-1].do is Do.RESTORE
    driver.cut_mesh(False)
    driver.make_safe()
    driver.cut("concentrator", True)
    with pytest.raises(BenchError, match="the breaker of the concentrator was left open"):
        driver.make_safe()
    assert driver.person.asked[-1].en == "Close the breaker of the concentrator. Tap when you do it."


def test_a_test_cock_that_was_opened_is_no_safe_state() -> None:
    driver = played(lambda _task: {})
    meter = OperatorMeter(driver, "t1.gas")
    meter.set_leak(True)
    with pytest.raises(BenchError, match=r"^the test cock of t1\.gas was left open; a person was asked to close it$"):
        driver.make_safe()
    assert driver.person.asked[-1].do is Do.UNLEAK
    meter.set_leak(False)
    driver.make_safe()


# -- the desk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    found = asyncio.new_event_loop()
    yield found
    found.close()


def at_desk(loop: asyncio.AbstractEventLoop, steps: Callable[[Desk, list[str]], Any], hold_s: float = 0.0) -> list[str]:
    """What a desk says to its bench in these steps."""
    said: list[str] = []

    async def play() -> None:
        desk = Desk(hold_s)
        await steps(desk, said)
        await asyncio.sleep(min(hold_s, 1.0) + 0.05)

    loop.run_until_complete(play())
    return said


def test_exchange(loop: asyncio.AbstractEventLoop) -> None:
    async def steps(desk: Desk, said: list[str]) -> None:
        desk.connected(said.append)
        assert desk.answer("ID") == "ID desk kenshin-operator/1"
        assert desk.answer(f"ASK {TASK.line()}") == "OK ASK 7"
        assert desk.answer("ASK {}") == "ERR not a task"
        assert desk.answer("HEAT 90") == "ERR unknown command"
        with pytest.raises(ValueError, match="expected a whole number"):
            desk.confirm(7, "12,5")
        desk.confirm(7, "125", photo=b"x" * 3000)
        assert len(desk.answer("PHOTO 7 2250").split()[3]) == 1000
        assert desk.answer("PHOTO 7 3000") == "PHOTO 7 3000 -"
        assert desk.answer("CANCEL 9") == "OK CANCEL 9"

    (line,) = at_desk(loop, steps)
    told = json.loads(line.removeprefix("! DONE "))
    assert (told["task"], told["value"], told["photo"]) == (7, "125", 3000)


def test_an_undo_in_time_costs_nothing(loop: asyncio.AbstractEventLoop) -> None:
    async def steps(desk: Desk, said: list[str]) -> None:
        desk.connected(said.append)
        desk.answer(f"ASK {TASK.line()}")
        desk.confirm(7, "124")
        desk.undo(7)
        assert list(desk.open) == [7]
        desk.confirm(7, "125")

    (line,) = at_desk(loop, steps, hold_s=0.2)
    told = json.loads(line.removeprefix("! DONE "))
    assert told["value"] == "125"
    assert told["held_s"] >= 0.2


def test_what_the_bench_goes_on_from_is_told_at_once(loop: asyncio.AbstractEventLoop) -> None:
    async def steps(desk: Desk, said: list[str]) -> None:
        desk.connected(said.append)
        desk.answer(f"ASK {Task(8, Do.TURN, 't1.gas', '125').line()}")
        desk.confirm(8)
        await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert len(said) == 1, "no time to take it back, but afterwards"
        desk.undo(8)

    done, undone = at_desk(loop, steps, hold_s=5.0)
    assert json.loads(done.removeprefix("! DONE "))["held_s"] < 1
    assert undone == '! UNDONE {"task": 8}'


def test_what_was_answered_while_the_bench_was_gone(loop: asyncio.AbstractEventLoop) -> None:
    async def steps(desk: Desk, said: list[str]) -> None:
        desk.connected(said.append)
        desk.answer(f"ASK {TASK.line()}")
        desk.disconnected(said.append)
        desk.confirm(7, "125")
        await asyncio.sleep(0.1)
        again: list[str] = said
        desk.connected(again.append)
        assert desk.answer(f"ASK {TASK.line()}") == "OK ASK 7"
        assert not desk.open, "asked again, and answered already"
        await asyncio.sleep(1.2)

    (line,) = at_desk(loop, steps)
    assert json.loads(line.removeprefix("! DONE "))["held_s"] >= 0.9


def test_the_prompt_of_a_terminal(loop: asyncio.AbstractEventLoop) -> None:
    shown: list[str] = []

    async def steps(desk: Desk, said: list[str]) -> None:
        desk.connected(said.append)
        prompt = Prompt(desk, shown.append, "山田")
        desk.answer(f"ASK {TASK.line()}")
        assert TASK.ja in shown[-1]
        assert TASK.en in shown[-1]
        prompt.line("12x\n")
        assert "expected a whole number" in shown[-1]
        prompt.line("125\n")
        prompt.line("u\n")
        prompt.line("n the lid is sealed\n")
        prompt.line("\n")
        assert "nothing to do" in shown[-1]

    (line,) = at_desk(loop, steps, hold_s=0.1)
    assert json.loads(line.removeprefix("! CANNOT ")) == {"task": 7, "why": "the lid is sealed"}


def test_a_task_is_asked_in_both_languages() -> None:
    for do in Do:
        task = Task(1, do, "t1", "on" if do is Do.WATCH else "5")
        assert Task.of(task.line()) == task
        assert task.ja != task.en
        assert "{" not in task.ja + task.en
    assert "点灯" in Task(1, Do.WATCH, "t1", "on").ja
