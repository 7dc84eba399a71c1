"""Desk and person in one, for the twin: hears a task, walks there, does it, and taps (protocol: see the package).

Habits are classes, so that a topology names the person it wants; each draws from a generator of its own, so a seed
gives the same person again:

* `OperatorImpersonator`: prompt and careful
* `SlowOperator`: takes minutes
* `ForgetfulOperator`: now and then does not answer at all, having done it or not
* `MistakenOperator`: types digits that are not there, and takes back what was not done
"""

from __future__ import annotations

import base64
import json
import random
from functools import partial
from typing import Any, ClassVar, Final

from bench.ports import LabModel, PanelModel, Port
from devices.operator.task import Do, Task, Wants, request_of
from devices.wires.lines import LineSplitter

NS_PER_S: Final = 1_000_000_000
PIECE: Final = 2250
"""Octets of a picture a line."""
PICTURE: Final = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
"""The smallest thing that calls itself a JPEG: a header without a picture."""


class OperatorImpersonator:
    """A person who does what is asked. ``acts_s``: from question to act; ``reaction_s``: from act to tap, at most."""

    acts_s: ClassVar[tuple[float, float]] = (5.0, 30.0)
    reaction_s: ClassVar[float] = 0.7
    forgets: ClassVar[float] = 0.0
    mistypes: ClassVar[float] = 0.0
    takes_back: ClassVar[float] = 0.0
    name: ClassVar[str] = "impersonated operator"

    def __init__(self, port: Port, model: LabModel) -> None:
        self._port, self._model = port, model
        self._rng = random.Random(f"{model.seed}/{port.name}")
        self._lines = LineSplitter()
        self._open: dict[int, Task] = {}
        self._told: dict[str, str] = {}
        for terminal, panel in model.panels.items():
            panel.subscribe(partial(self._seen, Do.WATCH, terminal))
        for name, meter in model.meters.items():
            meter.on_valve(partial(self._seen, Do.MOVES, name))

    def on_connect(self) -> None:
        self._lines.clear()

    def on_bytes(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._say(self._answer(line))

    def _answer(self, line: str) -> str:
        command, _, rest = line.partition(" ")
        match [command, *rest.split()]:
            case ["ID"]:
                return "ID desk kenshin-operator/1"
            case ["CLEAR"]:
                self._open.clear()
                return "OK CLEAR"
            case ["CANCEL", number] if number.isdigit():
                self._open.pop(int(number), None)
                return f"OK CANCEL {number}"
            case ["PHOTO", number, offset] if number.isdigit() and offset.isdigit():
                piece = base64.b64encode(PICTURE[int(offset) : int(offset) + PIECE]).decode()
                return f"PHOTO {number} {offset} {piece or '-'}"
            case ["ASK", *_]:
                try:
                    task = Task.of(rest)
                except ValueError as error:
                    return f"ERR {error}"
                self._take(task)
                return f"OK ASK {task.task}"
        return "ERR unknown command"

    def _take(self, task: Task) -> None:
        if task.task in self._open:
            return
        self._open[task.task] = task
        if task.do is Do.WATCH:
            self._look(task, self._panel(task).indicator())
            return
        if task.do is Do.MOVES:
            self._look(task, self._model.meters[task.on].valve_state())
            return
        self._after(self._rng.uniform(*self.acts_s), lambda: self._act(task))

    def _act(self, task: Task) -> None:
        """At the thing itself. A person who forgets has done it or not; who asked cannot know."""
        if task.task not in self._open:
            return
        forgets = self._rng.random() < self.forgets
        if forgets and self._rng.random() < 0.5:
            return
        value = self._do(task)
        if forgets:
            return
        if task.do is Do.ERASE:
            return  # confirmed when the cell is out
        if task.wants is Wants.NUMBER:
            value = self._typed(value)
        self._after(self._rng.uniform(0, self.reaction_s), lambda: self._tap(task, value))

    def _do(self, task: Task) -> str:
        match task.do:
            case Do.PRESS:
                self._panel(task).press_key(float(task.what))
            case Do.ERASE:
                self._panel(task).press_key(float(task.what))
                self._after(float(task.what) + self._rng.uniform(1, 3), lambda: self._take_out(task))
            case Do.LAMP:
                return self._panel(task).indicator()
            case Do.SET | Do.TURN:
                self._model.meters[task.on].set_index(int(task.what))
            case Do.ALARM:
                self._model.meters[task.on].raise_alarm(task.what)
            case Do.CUT | Do.RESTORE:
                self._model.breaker(task.on, task.do is Do.RESTORE)
            case Do.REQUEST:
                self._told[task.on] = self._model.request(task.on, request_of(task.what)).removeprefix("r")
                return self._told[task.on]
            case Do.RECEIPT:
                return self._told.get(task.on, "0")
            case Do.VALVE:
                return self._model.meters[task.on].valve_state()
            case Do.LEAK | Do.UNLEAK:
                self._model.meters[task.on].set_leak(task.do is Do.LEAK)
            case Do.FEED | Do.UNFEED:
                self._model.switch(task.on, task.do is Do.FEED)
        return str(self._model.meters[task.on].index()) if task.wants is Wants.NUMBER else ""

    def _take_out(self, task: Task) -> None:
        self._model.switch(task.on, False)
        self._after(self._rng.uniform(0, self.reaction_s), lambda: self._tap(task, ""))

    def _typed(self, number: str) -> str:
        """What a person types who reads this number; one digit may be another one."""
        if self._rng.random() >= self.mistypes:
            return number
        at = self._rng.randrange(len(number))
        return number[:at] + self._rng.choice([d for d in "0123456789" if d != number[at]]) + number[at + 1 :]

    def _tap(self, task: Task, value: str) -> None:
        if self._open.pop(task.task, None) is None:
            return
        said: dict[str, Any] = {"task": task.task, "held_s": 0.0, "name": self.name}
        if task.wants is not Wants.DONE:
            said["value"] = value
        if task.do in (Do.READ, Do.SET):
            said["photo"] = len(PICTURE)
        self._say(f"! DONE {json.dumps(said)}")
        if self._rng.random() < self.takes_back:
            self._after(self._rng.uniform(1, 5), lambda: self._say(f'! UNDONE {{"task": {task.task}}}'))

    def _seen(self, do: Do, on: str, state: str) -> None:
        for task in [task for task in self._open.values() if task.do is do and task.on == on]:
            self._look(task, state)

    def _look(self, task: Task, state: str) -> None:
        """At a lamp until it is as was said, or at a valve until it is otherwise."""
        if (state == task.what) is (task.do is Do.WATCH) and self._rng.random() >= self.forgets:
            value = "" if task.do is Do.WATCH else state
            self._after(self._rng.uniform(0, self.reaction_s), lambda: self._tap(task, value))

    def _panel(self, task: Task) -> PanelModel:
        return self._model.panels[task.on]

    def _after(self, seconds: float, call: Any) -> None:
        self._model.after(round(seconds * NS_PER_S), call)

    def _say(self, line: str) -> None:
        self._port.say(line.encode() + b"\n")


class SlowOperator(OperatorImpersonator):
    """Takes minutes to get there."""

    acts_s = (60.0, 500.0)


class ForgetfulOperator(OperatorImpersonator):
    """Does not answer one task in twelve."""

    forgets = 1 / 12


class MistakenOperator(OperatorImpersonator):
    """Types every fifth number wrong, and takes back every hundredth confirmation."""

    mistypes = 0.2
    takes_back = 0.01
