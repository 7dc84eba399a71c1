"""Events of a server that offers no stream, or whose stream does not stand: asked for, again and again.

The asking waits in a thread of its own, so a deaf server delays no other port; the pump reads what came like any port.
Events after the last one that was had are asked for, so a gap in the asking loses none. What is polled arrives late
by up to the pause: the server's own stamp says when it happened, as far as its clock is known.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final

import requests

from bench.drive.pump import Channel, PortLost
from devices.server.events import is_whole
from devices.server.line import Line
from devices.server.stream import CountedEvents

ANSWER_S: Final = 5.0
"""Real seconds that an answer may take."""
ACCEPTS: Final = {"Accept": "application/json"}


class PollChannel(CountedEvents):
    """Asks ``path`` of ``line`` for the events after the last one, every ``every_s`` real seconds."""

    def __init__(
        self,
        port: str,
        last_id: int,
        on_event: Callable[[Any], None],
        line: Line,
        path: str,
        every_s: float,
        answer_s: float | None = ANSWER_S,
    ) -> None:
        super().__init__(port, last_id, on_event)
        self._line, self._path, self._every_s, self._answer_s = line, path, every_s, answer_s
        self._came: SimpleQueue[list[Any] | str] = SimpleQueue()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._stop = threading.Event()
        threading.Thread(target=self._ask, name=f"{port} polled", args=(last_id,), daemon=True).start()

    def fileno(self) -> int:
        return self._bell

    def attached(self, epoch: int, n: int) -> None:
        """The count stays the last id seen: stored events after it are still to come, up to ``n``."""
        self.epoch = epoch

    def read(self, limit: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._bell)
        while True:
            try:
                came = self._came.get_nowait()
            except Empty:
                return
            if isinstance(came, str):
                raise PortLost(came)
            self.settled = True
            for event in came:
                self.take("", event)

    def close(self) -> None:
        self._stop.set()
        bell, self._bell = self._bell, -1
        if bell >= 0:
            os.close(bell)

    def reopened(self) -> Channel:
        """Asking again; the first answer proves that the server is there."""
        again = PollChannel(
            self.port, self.count, self._on_event, self._line, self._path, self._every_s, self._answer_s
        )
        again.settled = False
        return again

    def _ask(self, after: int) -> None:
        while not self._stop.is_set():
            try:
                with self._line.session() as session:
                    url = f"{self._line.base}{self._path}"
                    answer = session.get(url, params={"after": after}, headers=ACCEPTS, timeout=self._answer_s)
                    events = _events(answer)
            except (requests.RequestException, ValueError, RecursionError) as error:
                self._tell(str(error) if isinstance(error, _Refused) else "no answer to the question for events")
                return
            after = max([after, *(event["id"] for event in events if is_whole(_id(event)))])
            self._tell(events)
            self._stop.wait(self._every_s)

    def _tell(self, came: list[Any] | str) -> None:
        self._came.put(came)
        with contextlib.suppress(OSError, ValueError, OverflowError):  # closed meanwhile
            os.eventfd_write(self._bell, 1)


class _Refused(ValueError):
    """The server answers, and not with events."""


def _id(event: Any) -> Any:
    return event.get("id") if isinstance(event, dict) else None


def _events(answer: requests.Response) -> list[Any]:
    if answer.status_code != 200:
        raise _Refused(f"refuses to tell events (status {answer.status_code})")
    said = answer.json()
    events = said.get("events") if isinstance(said, dict) else None
    if not isinstance(events, list):
        raise _Refused("tells no events")
    return events
