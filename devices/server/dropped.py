"""A server that hands out its log as files (`devices.server.log`): a day's file appears when the day is over.

A file appears whole and under its name at once, as over SFTP with a rename; ``server-2026-04-01.csv``.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.ports import ServerModel
from devices.server.log import day_of, log_text


class LogDrop:
    """Writes the days of ``model`` into ``folder``; ``finish`` writes the day that was not over."""

    def __init__(self, model: ServerModel, folder: Path) -> None:
        self._model, self._folder = model, folder
        self._day = day_of(model.now_ns())
        self._events: list[dict[str, Any]] = []
        folder.mkdir(parents=True, exist_ok=True)
        model.subscribe(self._heard)

    def finish(self) -> None:
        """The last day, as it will be handed out the next one."""
        self._turn(day_of(self._model.now_ns()))
        self._write(self._day)

    def _heard(self, event: dict[str, Any]) -> None:
        self._turn(day_of(event["t_ns"]))
        self._events.append(event)

    def _turn(self, day: str) -> None:
        """Days that are over are written, those without an event as well."""
        while self._day < day:
            self._write(self._day)
            self._day = _next(self._day)
            self._events = []

    def _write(self, day: str) -> None:
        target = self._folder / f"server-{day}.csv"
        draft = target.with_suffix(".part")
        draft.write_text(log_text(day, self._events), "utf-8")
        draft.replace(target)


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
