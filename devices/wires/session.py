"""A session of SCPI lines with one instrument, whatever it runs over: what a raw socket and VISA have in common.

* A session counts as open once the instrument has answered ``*IDN?``: a connection may stand with nobody there.
* An exchange that does not come to its end ends the session, whatever cut it off (silence, a damaged answer, Ctrl-C):
  the answer that is still to come must not meet the next query.
* An answer that cannot be one to the question belongs to an earlier one (late, or said twice) and is passed over.
* One lock an instrument; both directions go to ``transcript``.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, TypeAlias

from bench.errors import BenchError

ANSWER_S: Final = 5.0
"""Real seconds before an instrument counts as dead, where its rig file says nothing; an answer takes milliseconds."""

Fits: TypeAlias = Callable[[str], bool]
"""Whether an answer can be one to the question."""
Transcript: TypeAlias = Callable[[str, str], None]
"""Gets each line with its direction, ``>`` to the instrument and ``<`` from it."""


class SessionLost(BenchError):
    """The session with the instrument cannot be relied on: refused, closed, silent, or out of step. It is closed.

    Worth another connection, where repeating the command is harmless.
    """


def anything(_answer: str) -> bool:
    """Any answer fits."""
    return True


def is_identity(answer: str) -> bool:
    """Maker, model, serial number and firmware (IEEE 488.2, 10.14): no greeting, and no other answer."""
    return answer.count(",") >= 3


def unheard(_direction: str, _line: str) -> None:
    """No transcript is kept."""


class ScpiSession(ABC):
    """A line to one instrument; ``name`` is the port's name in messages (``supply.dc``), ``answer_s`` how many real
    seconds an answer may take.

    Every failure is a :class:`SessionLost` of one line that names the port, and ends the session. Kinds of wire say how
    a session begins (``_begin``) and ends, how a command is sent, and how its answer is read.
    """

    def __init__(self, name: str, answer_s: float = ANSWER_S, transcript: Transcript = unheard) -> None:
        self.name = name
        self.identity = ""
        """The last ``*IDN?`` answer of ``open``."""
        self._answer_s, self._transcript = answer_s, transcript
        self._lock = threading.RLock()

    def open(self) -> str:
        """Begin anew and ask who is there; returns the ``*IDN?`` answer."""
        with self._lock:
            self.close()
            self.connect()
            try:
                self.identity = self._who()
            except BaseException:
                self.close()
                raise
            return self.identity

    def connect(self) -> None:
        """Begin a session without a word, where there is none."""
        with self._lock:
            if not self.is_open:
                self._begin()

    def close(self) -> None:
        """End the session; nothing happens when there is none."""
        with self._lock:
            self._end()

    def write(self, command: str) -> None:
        """Send one line without waiting. Follow it by a query, so that it is done before time moves."""
        with self._lock:
            if not self.is_open:
                self.open()
            try:
                self._send(command)
            except BaseException:
                self.close()
                raise
            self._transcript(">", command)

    def query(self, command: str, fits: Fits = anything) -> str:
        """Send one line and return the line that answers it, without its end.

        An answer that does not fit is passed over, and returned where nothing better comes in time.
        """
        with self._lock:
            try:
                self._drop_unasked()
                self.write(command)
                return self._answer(command, fits)
            except BaseException:
                self.close()
                raise

    def _who(self) -> str:
        return self.query("*IDN?", is_identity)

    def _lost(self, what: str) -> SessionLost:
        self.close()
        return SessionLost(f"{self.name}: {what}")

    # -- what a kind of wire does --------------------------------------------------------------------------------

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether there is a session; that it lives shows only in use."""

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _end(self) -> None: ...

    @abstractmethod
    def _send(self, command: str) -> None: ...

    @abstractmethod
    def _answer(self, command: str, fits: Fits) -> str: ...

    def _drop_unasked(self) -> None:  # noqa: B027 -- where a line that nobody asked for cannot be told apart
        """Drop what was said without a question."""
