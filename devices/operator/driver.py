"""Driver of the operator port, and what it lends to terminals and meters (protocol: see the package).

**Whoever asks waits in rig time**, with every port read meanwhile: a person takes minutes, and the bench goes on
observing. Nobody waits for a lamp that is watched: `OperatorPanel.watch` asks, and the answer comes as ``panel.lamp``.

**A stamp is that of the tap, less what is known of the person.** Between an act and the tap lies a reaction of 0 to
``reaction_s``; of that nothing else is known (rectangular, GUM 4.3.7), so the act is placed in the middle, with the
standard uncertainty ``reaction_s / sqrt(12)``. A register is turned at some time between question and answer, and is
placed in the middle of that, likewise. How long desk or page held an answer back is taken off.

**A number that somebody typed is no fact yet.** A register that was set counts when what was entered is what was
asked, one that is read when it is what it showed last; any other number counts when three readings in succession give
it, two where nothing is known of it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attr
import attrs
from labgrid.factory import target_factory

from bench import kinds
from bench.drive.clock import Clock
from bench.errors import BenchError
from bench.records import JST_OFFSET_NS, NS_PER_HOUR, NS_PER_S, Json
from devices.operator.task import FED_WORDS, LAMPS, Do, NotAnswered, Task, object_of, request_words
from devices.wires.line_driver import LineDriver
from devices.wires.wire import Wire

ALIKE: Final = 2
AGAINST: Final = 3
"""Readings in succession that have to agree: of a register of which nothing is known, and where they say something else
than it was set to, or was last seen at. The same slip twice is not so rare among hundreds of readings."""
MOST_READINGS: Final = 7
"""Readings of one register until enough agree."""
LARGEST_PHOTO: Final = 2_000_000
"""Octets; the page sends a tenth of that."""
MESH: Final = "mesh"


@attrs.define(slots=True)
class _Open:
    """A task that was asked and is not answered yet."""

    task: Task
    asked_ns: int
    answer: Mapping[str, Any] | None = None
    t_ns: int = 0
    cannot: str = ""

    @property
    def over(self) -> bool:
        return self.answer is not None or bool(self.cannot)


@attrs.frozen(slots=True)
class _Told:
    """A number that is taken for a fact, and when it was asked for and told (rig time, ns)."""

    value: str
    since_ns: int
    until_ns: int


@attrs.define(slots=True)
class _Answered:
    """The condition that a task has an answer."""

    open: _Open
    ports: frozenset[str] = frozenset()

    @property
    def met(self) -> bool:
        return self.open.over

    def feed(self, _observation: Any) -> None:
        """The driver sees the answer itself."""


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not math.isfinite(seconds) or seconds <= 0:
        raise ValueError(f"{value} s; expected a number of seconds above 0")
    return seconds


@target_factory.reg_driver
@attr.s(eq=False)
class OperatorDriver(LineDriver):
    """``kenshin-operator/1``. Observations: ``operator.*``, and of what was done the kinds that a device would publish.

    ``reaction_s``: from an act to the tap, at most. ``patience_s``: rig time for which an answer is awaited.
    """

    reaction_s: float = attr.ib(default=0.7, converter=_seconds)
    patience_s: float = attr.ib(default=600.0, converter=_seconds)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._tasks: dict[int, _Open] = {}
        self._done: dict[int, _Open] = {}
        self._last = 0
        self._photos: Path | None = None
        self._pictures: list[tuple[Task, int]] = []
        self._cut: dict[str, bool] = {}
        """Breakers that people had to do with, by what they feed, and whether they may be open."""
        self._leaks: set[str] = set()
        """Meters whose test cock may be open."""

    def connect(self, clock: Clock, subject: str, photos: Path | None = None) -> None:
        """Open the wire to the desk; ``photos`` is where pictures are kept (None: they are not fetched)."""
        super().connect(clock, subject)
        self._photos = photos
        self.ask("CLEAR", lambda words: words == ["OK", "CLEAR"], harmless=True)

    # -- asking --------------------------------------------------------------------------------------------------

    def post(self, do: Do, on: str, what: str = "") -> int:
        """Put a task before the people and do not wait; its number."""
        self._collect()
        self._last += 1
        task = Task(self._last, do, on, what, self.patience_s)
        self._publish(kinds.OPERATOR_ASKED, task, {"ja": task.ja, "en": task.en})
        self._tasks[task.task] = _Open(task, self.clock.now_ns())
        self._send(task)
        return task.task

    def done(self, do: Do, on: str, what: str = "") -> tuple[str, int, int]:
        """Ask and wait: what was answered, when it was asked and when the act was placed (rig time, ns).

        ``NotAnswered`` when the patience is over, or the person cannot do it.
        """
        number = self.post(do, on, what)
        opened = self._tasks[number]
        self.clock.wait_for(_Answered(opened), opened.asked_ns + round(self.patience_s * NS_PER_S))
        if opened.answer is None:
            self.give_up(number)
            said = f"cannot: {opened.cannot}" if opened.cannot else "did not answer"
            raise NotAnswered(f"operator {said} ({opened.task.en})")
        del self._tasks[number]
        self._collect()
        return str(opened.answer.get("value") or ""), opened.asked_ns, opened.t_ns

    def doubt(self, meter: str, why: str, since_ns: int) -> None:
        """Record that nobody knows what a register shows, since it was asked for."""
        after_s = round((self.clock.now_ns() - since_ns) / NS_PER_S, 3)
        self._publish(kinds.OPERATOR_CANNOT, Task(self._last, Do.AGAIN, meter), {"why": why, "after_s": after_s})

    def give_up(self, number: int) -> None:
        """Ask no longer; recorded as a time-out where there was no answer."""
        opened = self._tasks.pop(number, None)
        if opened is None or opened.answer is not None:
            return
        if not opened.cannot:
            self._publish(kinds.OPERATOR_TIMEOUT, opened.task, {"after_s": self._since_s(opened)})
        with contextlib.suppress(BenchError):
            self.ask(f"CANCEL {number}", lambda words: words == ["OK", "CANCEL", str(number)], harmless=True)

    def _since_s(self, opened: _Open) -> float:
        return round((self.clock.now_ns() - opened.asked_ns) / NS_PER_S, 3)

    @property
    def reaction_ns(self) -> tuple[int, int]:
        """The mean of the reaction, and its standard uncertainty, ns."""
        return round(self.reaction_s / 2 * NS_PER_S), round(self.reaction_s / math.sqrt(12) * NS_PER_S)

    def record(self, subject: str, kind: kinds.Kind, data: dict[str, Json], t_ns: int, u_ns: int) -> None:
        """What a person did or saw, as a device would have told it."""
        u_all = round(math.hypot(u_ns, self.clock.u_ns))
        self.clock.pump.publish(self.port, subject, kind, data, t_ns=t_ns, u_ns=u_all)

    # -- what people do that hangs on no terminal ----------------------------------------------------------------

    outage = "smart-meter mains, by an operator"

    def cut_mesh(self, cut: bool) -> None:
        """Have the smart meters' breaker opened or closed (`devices.family.CutsMesh`)."""
        self.cut(MESH, cut)

    def cut(self, fed: str, cut: bool) -> None:
        """Have the breaker of the smart meters (``mesh``) or the ``concentrator`` opened or closed."""
        if self._cut.get(fed) is False and not cut:
            return
        if cut:
            self._cut[fed] = True  # from the question on it may be open
        self.done(Do.CUT if cut else Do.RESTORE, fed)
        self._cut[fed] = cut

    def leak(self, meter: str, leak: bool) -> int:
        """Have the test cock behind a meter's valve opened or closed; when that was (rig time, ns)."""
        if leak:
            self._leaks.add(meter)  # from the question on it may be open
        _value, _asked_ns, t_ns = self.done(Do.LEAK if leak else Do.UNLEAK, meter)
        if not leak:
            self._leaks.discard(meter)
        return t_ns

    def make_safe(self) -> None:
        """A breaker or test cock that was opened is to be closed; a way out waits for nobody, so the task stays at the
        desk."""
        left = [(Do.RESTORE, fed, f"the breaker of {FED_WORDS[fed][1]}") for fed, cut in self._cut.items() if cut]
        left += [(Do.UNLEAK, meter, f"the test cock of {meter}") for meter in sorted(self._leaks)]
        for do, on, _what in left:
            self.post(do, on)
        if left:
            what = " and ".join(what for *_task, what in left)
            raise BenchError(f"{what} was left open; a person was asked to close it")

    def staff_request(self, terminal: str, body: Mapping[str, Any]) -> str:
        """Have a server's staff make a request; its id, ``r17``, once the same number was told twice. Recorded as
        ``operator.request``, at some time between question and first answer. ``NotAnswered`` where nobody tells it."""
        number, since_ns, until_ns = self.done(Do.REQUEST, terminal, request_words(body))
        for _telling in range(MOST_READINGS):
            before, (number, _asked_ns, _t_ns) = number, self.done(Do.RECEIPT, terminal)
            if number == before:
                break
        else:
            raise NotAnswered(f"operator: the number of the request to {terminal} was told differently each time")
        half_ns = (until_ns - since_ns) // 2
        request = f"r{int(number)}"
        data: dict[str, Json] = {"request": request, "op": str(body.get("op")), "meter": str(body.get("meter"))}
        u_ns = math.hypot(half_ns / math.sqrt(3), self.reaction_ns[1])
        self.record(terminal, kinds.OPERATOR_REQUEST, data, since_ns + half_ns, round(u_ns))
        return request

    def move(self, terminal: str, where: str) -> None:
        """Have a terminal moved to another place."""
        self.done(Do.MOVE, terminal, where)

    # -- what the desk says --------------------------------------------------------------------------------------

    def on_line(self, text: str) -> None:
        said, _, rest = text.removeprefix("! ").partition(" ")
        if not text.startswith("! ") or said not in ("DONE", "UNDONE", "CANNOT"):
            super().on_line(text)
            return
        with contextlib.suppress(ValueError):  # noise is no answer
            body = object_of(rest)
            number = body.get("task")
            if isinstance(number, int):
                self._told(said, number, body)

    def _told(self, said: str, number: int, body: Mapping[str, Any]) -> None:
        opened = self._tasks.get(number)
        if said == "UNDONE":
            if opened is not None:
                opened.answer = None
            if done := self._done.pop(number, None):
                self._take_back(done)
        elif opened is None or opened.over:
            return  # nobody asks any more
        elif said == "CANNOT":
            opened.cannot = str(body.get("why", ""))[:200] or "no reason given"
            self._publish(kinds.OPERATOR_CANNOT, opened.task, {"why": opened.cannot, "after_s": self._since_s(opened)})
        elif opened.task.fits(body.get("value")):
            self._answered(opened, body)

    def _take_back(self, done: _Open) -> None:
        """What was confirmed was not done: nothing is known of a register since it was asked for; what else was judged
        from it is the bench's error, for the stimulus stands in the evidence."""
        task = done.task
        self._publish(kinds.OPERATOR_UNDONE, task, {"after_s": self._since_s(done)})
        if task.do not in (Do.READ, Do.AGAIN, Do.SET, Do.TURN):
            said: dict[str, Json] = {"what": f"operator took back: {task.en}", "touches": [task.on, f"meter.{task.on}"]}
            self.clock.pump.publish("bench", "bench", kinds.BENCH_ERROR, said)

    def _answered(self, opened: _Open, body: Mapping[str, Any]) -> None:
        held = body.get("held_s", 0)
        held_s = float(held) if isinstance(held, int | float) and 0 <= held < 86_400 else 0.0
        mean_ns, u_ns = self.reaction_ns
        tapped_ns = self.clock.now_ns() - round(held_s * NS_PER_S)
        opened.answer = body
        opened.t_ns = max(opened.asked_ns, tapped_ns - mean_ns)
        data: dict[str, Json] = {}
        if opened.task.wants != "done":
            data["value"] = str(body["value"])
        if isinstance(body.get("name"), str) and body["name"].strip():
            data["name"] = body["name"].strip()[:80]
        self._done[opened.task.task] = opened
        self._publish(kinds.OPERATOR_DONE, opened.task, data)
        octets = body.get("photo", 0)
        if isinstance(octets, int) and 0 < octets <= LARGEST_PHOTO:
            self._pictures.append((opened.task, octets))
        if opened.task.do in (Do.WATCH, Do.MOVES):  # nobody waits for it
            del self._tasks[opened.task.task]
            lamp = opened.task.do is Do.WATCH
            kind, state = (kinds.PANEL_LAMP, opened.task.what) if lamp else (kinds.METER_VALVE, str(body["value"]))
            self.record(opened.task.on, kind, {"state": state}, opened.t_ns, u_ns)

    def _collect(self) -> None:
        """Fetch the pictures that came with confirmations, and keep them in the run folder."""
        while self._pictures and self._photos is not None:
            task, octets = self._pictures.pop(0)
            picture = b""
            while len(picture) < octets and (piece := self._piece(task.task, len(picture))):
                picture += piece
            self._photos.mkdir(exist_ok=True)
            file = self._photos / f"task-{task.task}-{self.clock.now_ns()}.jpg"
            file.write_bytes(picture)
            sha256 = hashlib.sha256(picture).hexdigest()
            self._publish(kinds.OPERATOR_PHOTO, task, {"file": f"{file.parent.name}/{file.name}", "sha256": sha256})

    def _piece(self, number: int, offset: int) -> bytes:
        head = ["PHOTO", str(number), str(offset)]
        answer = self.ask(" ".join(head), lambda words: words[:3] == head and len(words) == 4, harmless=True)
        try:
            return b"" if answer[3] == "-" else base64.b64decode(answer[3], validate=True)
        except ValueError:
            return b""

    def _publish(self, kind: kinds.Kind, task: Task, data: dict[str, Json]) -> None:
        self.clock.pump.publish(self.port, task.on, kind, {"task": task.task, "do": str(task.do), **data})

    def _send(self, task: Task) -> None:
        # The same task again is no second task: asking twice is harmless.
        self.ask(f"ASK {task.line()}", lambda words: words == ["OK", "ASK", str(task.task)], harmless=True)

    def on_found(self, wire: Wire) -> None:
        """A desk that was started anew knows of nothing: it is told again."""
        for opened in self._tasks.values():
            if not opened.over:
                with contextlib.suppress(BenchError):
                    wire.write(f"ASK {opened.task.line()}\n".encode())


@attrs.frozen
class OperatorPanel:
    """Key and lamp of a terminal by an operator: `PressesKey` and `SeesLamp` of ``fixtures.rig.abilities``."""

    operator: OperatorDriver
    terminal: str

    def press(self, duration_s: float) -> None:
        """Have the key pressed; recorded as ``panel.press``."""
        _value, _asked_ns, t_ns = self.operator.done(Do.PRESS, self.terminal, f"{duration_s:g}")
        data: dict[str, Json] = {"duration_s": duration_s}
        self.operator.record(self.terminal, kinds.PANEL_PRESS, data, t_ns, self.operator.reaction_ns[1])

    def erase(self, duration_s: float) -> None:
        """Have the key held and the cell taken out on its release: in one task, for a long press also begins a join,
        which must not come to its end before somebody is asked again. Recorded as ``panel.press``, some time since it
        was asked."""
        _value, since_ns, until_ns = self.operator.done(Do.ERASE, self.terminal, f"{duration_s:g}")
        half_ns = (until_ns - since_ns) // 2
        data: dict[str, Json] = {"duration_s": duration_s}
        u_ns = round(half_ns / math.sqrt(3))
        self.operator.record(self.terminal, kinds.PANEL_PRESS, data, since_ns + half_ns, u_ns)

    def lamp(self) -> str:
        """Have somebody look; recorded as ``panel.lamp``."""
        state, _asked_ns, t_ns = self.operator.done(Do.LAMP, self.terminal)
        assert state in LAMPS
        self.operator.record(self.terminal, kinds.PANEL_LAMP, {"state": state}, t_ns, self.operator.reaction_ns[1])
        return state

    def watch(self, state: str) -> int:
        """Have the lamp watched until it shows ``state``; number of the task, to be given up."""
        return self.operator.post(Do.WATCH, self.terminal, state)

    def give_up(self, number: int) -> None:
        """Nobody needs to watch any more."""
        self.operator.give_up(number)


@attrs.define
class OperatorMeter:
    """A meter's register, alarms and valve by an operator: `SetsIndex`, `RaisesAlarm` and `HasValve` of
    ``fixtures.rig.abilities``."""

    operator: OperatorDriver
    meter: str
    turns_at_h: tuple[int, ...] = ()
    """JST hours of the day within which people turn it."""
    _shows: int | None = attrs.field(default=None, init=False)
    """What it showed when somebody read it last, and since then nobody turned it."""
    _turned_ns: int = attrs.field(default=0, init=False)
    """Rig time from which on it may have been turned last."""

    @property
    def port(self) -> str:
        """Of whom the register is known."""
        return self.operator.port

    def turned_at(self, utc_ns: int) -> bool:
        """Whether people turn the register in the hour of this instant."""
        return (utc_ns + JST_OFFSET_NS) // NS_PER_HOUR % 24 in self.turns_at_h

    def read_index(self) -> int:
        """Two readings in succession that agree; recorded as ``meter.index``."""
        return self._read(Do.READ, "")

    def set_index(self, index: int) -> int:
        """Have the register set; what it shows then, which is another index where a person says so twice."""
        return self._read(Do.SET, str(index))

    def next_index(self) -> int:
        """One more than it shows: what a register is turned on to in one movement."""
        return (self.read_index() if self._shows is None else self._shows) + 1

    def turn_on_to(self, index: int) -> None:
        """Have the register turned on by a movement of the hand; recorded as ``meter.index``, placed as well as a tap.

        That it shows just this is for `shows` to tell, once there is time for it."""
        self._shows = None
        _value, asked_ns, t_ns = self.operator.done(Do.TURN, self.meter, str(index))
        mean_ns, u_ns = self.operator.reaction_ns
        self._turned_ns = max(asked_ns, t_ns - mean_ns)
        self.operator.record(self.meter, kinds.METER_INDEX, {"index": index}, t_ns, u_ns)

    def shows(self, index: int) -> bool:
        """Whether it shows what it was turned on to; else nothing is known of it since then, which is recorded."""
        found = self._told(Do.AGAIN, "", str(index))
        if found.value != str(index):
            self.operator.doubt(self.meter, f"it shows {found.value}, not {index}", self._turned_ns)
            return False
        self._shows = index
        return True

    def raise_alarm(self, code: str) -> None:
        """Have an alarm raised; recorded as ``meter.alarm``."""
        _value, _asked_ns, t_ns = self.operator.done(Do.ALARM, self.meter, code)
        self.operator.record(self.meter, kinds.METER_ALARM, {"code": code}, t_ns, self.operator.reaction_ns[1])

    # -- the valve, by what the meter shows of it ----------------------------------------------------------------

    def read_valve(self) -> str:
        """Have somebody look; recorded as ``meter.valve`` that was looked at."""
        state, _asked_ns, t_ns = self.operator.done(Do.VALVE, self.meter)
        data: dict[str, Json] = {"state": state, "looked": True}
        self.operator.record(self.meter, kinds.METER_VALVE, data, t_ns, self.operator.reaction_ns[1])
        return state

    def watch_valve(self, state: str) -> int:
        """Have it watched until it shows something else than ``state``, which is recorded as ``meter.valve``; number of
        the task, to be given up."""
        return self.operator.post(Do.MOVES, self.meter, state)

    def give_up(self, number: int) -> None:
        """Nobody needs to watch any more."""
        self.operator.give_up(number)

    def set_leak(self, leak: bool) -> None:
        """Have the test cock behind the valve opened or closed; recorded as ``meter.leak``."""
        t_ns = self.operator.leak(self.meter, leak)
        self.operator.record(self.meter, kinds.METER_LEAK, {"leak": leak}, t_ns, self.operator.reaction_ns[1])

    def _read(self, do: Do, what: str) -> int:
        expected = what or ("" if self._shows is None else str(self._shows))
        self._shows = None
        found = self._told(do, what, expected)
        half_ns = (found.until_ns - found.since_ns) // 2
        u_ns = math.hypot(half_ns / math.sqrt(3), self.operator.reaction_ns[1])
        data: dict[str, Json] = {"index": int(found.value)}
        self.operator.record(self.meter, kinds.METER_INDEX, data, found.since_ns + half_ns, round(u_ns))
        self._shows = int(found.value)
        return self._shows

    def _told(self, do: Do, what: str, expected: str) -> _Told:
        """A number: the one that is expected, or another one that is given often enough in succession."""
        value, since_ns, until_ns = self.operator.done(do, self.meter, what)
        alike, needed = 1, AGAINST if expected else ALIKE
        for _reading in range(MOST_READINGS):
            if value == expected or alike == needed:
                return _Told(value, since_ns, until_ns)
            before, (value, _asked_ns, until_ns) = value, self.operator.done(Do.AGAIN, self.meter)
            alike = alike + 1 if value == before else 1
        why = f"read differently {MOST_READINGS} times"
        self.operator.doubt(self.meter, why, since_ns)
        raise NotAnswered(f"operator: {self.meter} was {why}")


@attrs.define
class OperatorFeed:
    """A built-in cell that somebody takes out and puts in: `FeedsTerminal` of ``fixtures.rig.abilities``."""

    operator: OperatorDriver
    terminal: str
    _on: bool | None = None

    def switch(self, on: bool) -> None:
        """Have the cell connected or taken out; ``operator.done`` records it."""
        self.operator.done(Do.FEED if on else Do.UNFEED, self.terminal)
        self._on = on

    def was_taken_out(self) -> None:
        """The cell was taken out as a part of another task."""
        self._on = False

    def is_on(self) -> bool:
        """What the last answer said; before the first one nothing is known, which is not on."""
        return self._on is True
