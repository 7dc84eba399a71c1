"""What a server's clock reads, asked once a minute: the pairs from which its offset to rig time is known.

The server read its clock after the question had left and before the answer was there, whatever the line does in
between; no assumption about symmetry is made (unlike NTP, RFC 5905 8, which halves the round trip). The question waits
in a thread of its own, so that a deaf server delays no other port's stamp; it only waits and reads two stamps.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

import attrs
import requests

from devices.server.events import is_whole

ANSWER_S: Final = 5.0
"""Real seconds that an answer may take; a slower one says little of the clock."""


@attrs.frozen(slots=True)
class Exchange:
    """The server's clock read ``stamp_ns`` at some time between ``sent_ns`` and ``received_ns`` (rig time).

    None: it did not say; that something happened there between the two is known all the same. ``last_event``: id of the
    newest event that it has, where it says.
    """

    sent_ns: int
    stamp_ns: int | None
    received_ns: int
    last_event: int | None = None


class ClockQuestions:
    """Asks ``url`` what time it is, one question at a time. The driving thread asks and takes what came meanwhile."""

    def __init__(self, url: str, now_ns: Callable[[], int], session: Callable[[], requests.Session]) -> None:
        self._url, self._now_ns, self._session = url, now_ns, session
        self._answers: SimpleQueue[Exchange] = SimpleQueue()
        self._waiting: threading.Thread | None = None

    def ask(self) -> None:
        """Send a question unless one is under way."""
        if self._waiting is None or not self._waiting.is_alive():
            self._waiting = threading.Thread(target=self._wait, name="clock question", daemon=True)
            self._waiting.start()

    def taken(self) -> list[Exchange]:
        """The answers since the last time; none where the server gave none."""
        found = []
        while True:
            try:
                found.append(self._answers.get_nowait())
            except Empty:
                return found

    def _wait(self) -> None:
        try:
            with self._session() as session:
                sent_ns = self._now_ns()
                answer = session.get(self._url, timeout=ANSWER_S).json()
                received_ns = self._now_ns()
        except (requests.RequestException, ValueError, RecursionError):
            return  # the drivers' own commands find a dead server
        last = answer.get("last_event") if isinstance(answer, dict) else None
        told = Exchange(sent_ns, stamp_in(answer, "now_ns"), received_ns, last if is_whole(last) else None)
        if told.stamp_ns is not None or told.last_event is not None:
            self._answers.put(told)


def stamp_in(said: object, key: str) -> int | None:
    """A stamp of the server's in what it said; None where there is none, or what cannot be one (0 to the year 2262)."""
    value = said.get(key) if isinstance(said, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 1 << 63:
        return None
    return value
