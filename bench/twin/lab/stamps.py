"""The connection server as its own clock shows the world: stamps with an offset, a drift, a step, a resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bench.ports import ServerModel
from bench.twin.lab.habits import Habits
from bench.twin.lab.pace import Pace


class StampedServer:
    """A ``ServerModel`` in front of another one. An event keeps the stamp that it got when it happened."""

    def __init__(self, model: ServerModel, habits: Habits, pace: Pace) -> None:
        self._model, self._habits, self._pace = model, habits, pace
        self._events: list[dict[str, Any]] = []
        self._listeners: list[Callable[[dict[str, Any]], None]] = []
        self._true = 0
        model.subscribe(self._take)

    def now_ns(self) -> int:
        return self._shown(self._model.now_ns())

    @property
    def last_id(self) -> int:
        return len(self._events)

    def events_after(self, event_id: int) -> list[dict[str, Any]]:
        return self._events[event_id:]

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def status(self) -> dict[str, Any]:
        self._pace.catch_up()
        return {**self._model.status(), "now_ns": self.now_ns()}

    def request(self, terminal: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._pace.catch_up()
        answer = self._model.request(terminal, body)
        self._pace.catch_up()
        return {**answer, "accepted_ns": self._shown(answer["accepted_ns"])} if "accepted_ns" in answer else answer

    def deregister(self, terminal: str) -> None:
        self._pace.catch_up()
        self._model.deregister(terminal)

    def _shown(self, true_ns: int) -> int:
        return int(self._habits.of_port("server", self._pace.elapsed_s).stamp_ns(true_ns, self._pace.began_ns))

    def _take(self, event: dict[str, Any]) -> None:
        self._true += 1
        self._say({**event, "id": len(self._events) + 1, "t_ns": self._shown(event["t_ns"])})
        every = self._habits.of_port("server", self._pace.elapsed_s).odd_event_every
        if every and self._true % every == 0:
            self._say({"id": len(self._events) + 1, "kind": "heartbeat"})

    def _say(self, event: dict[str, Any]) -> None:
        self._pace.said()
        self._events.append(event)
        for listener in tuple(self._listeners):
            listener(event)
