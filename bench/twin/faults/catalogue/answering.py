"""Faults of answers to reading requests: late, stale, misdated, another meter's, none (``roundtrip-time``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from bench.records import NS_PER_S
from bench.twin.faults.fault import Answer, Fault
from bench.twin.terminal.standin import HistoryRequest, Message, ReadAnswer, ReadRequest

Answers = Sequence[Message | tuple[float, Message]]


@attrs.define
class SlowAnswer(Fault):
    """Every reading is answered ``seconds`` late."""

    seconds: float = 120.0
    name = "slow-answer"
    turns = ("roundtrip-time",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Answers:
        return [(self.seconds, one) for one in answers] if isinstance(request, ReadRequest) else answers


@attrs.define
class BarelySlowAnswer(SlowAnswer):
    """Late by so little that the round trip takes two seconds more than its target, or a little more."""

    seconds: float = 91.0
    name = "barely-slow-answer"
    at = "t3"


@attrs.define
class StaleAnswer(Fault):
    """Each ``every``-th reading is answered with the index that the reading before it gave: a cache.

    The MDMS asks for readings, too, and gets old ones.
    """

    every: int = 1
    name = "stale-answer"
    turns = ("roundtrip-time",)
    also = ("reading-function",)
    _last: dict[str, int] = attrs.field(factory=dict, init=False)
    _asked: set[int] = attrs.field(factory=set, init=False)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Answers:
        if not isinstance(request, ReadRequest):
            return answers
        self._asked.add(request.seq)
        right = answers[0]
        assert isinstance(right, ReadAnswer)
        before = self._last.get(right.meter)
        self._last[right.meter] = right.index
        if before is None or len(self._asked) % self.every:
            return answers
        return [attrs.evolve(right, index=before)]


@attrs.define
class SometimesStaleAnswer(StaleAnswer):
    """One answer in five is stale."""

    every: int = 5
    name = "sometimes-stale-answer"
    at = "t3"


@attrs.define
class MisdatedAnswer(Fault):
    """Every reading of meters named so is answered with the right index, and as read ``seconds`` later.

    The MDMS asks for readings, too, and gets the same.
    """

    seconds: float = -7200.0
    meters: str = ""
    name = "misdated-answer"
    turns = ("roundtrip-time",)
    also = ("reading-function",)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Answers:
        if not isinstance(request, ReadRequest) or not request.meter.endswith(self.meters):
            return answers
        right = answers[0]
        assert isinstance(right, ReadAnswer)
        return [attrs.evolve(right, read_ns=right.read_ns + round(self.seconds * NS_PER_S))]


@attrs.define
class BarelyPostdatedAnswer(MisdatedAnswer):
    """One meter's by two seconds more than is agreed."""

    seconds: float = 62.0
    meters: str = "water"
    name = "barely-postdated-answer"
    at = "t3"


@attrs.define
class CrossedAnswer(Fault):
    """A reading of one meter is answered with the index that the other one gave last."""

    name = "crossed-answer"
    turns = ("roundtrip-time",)
    _last: dict[str, int] = attrs.field(factory=dict, init=False)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Answers:
        if not isinstance(request, ReadRequest):
            return answers
        right = answers[0]
        assert isinstance(right, ReadAnswer)
        others = [index for meter, index in self._last.items() if meter != right.meter]
        self._last[right.meter] = right.index
        return [attrs.evolve(right, index=others[0])] if others else answers


@attrs.define
class SilentRequest(Fault):
    """Every ``nth`` request for a reading is never answered, however often it is repeated.

    The MDMS and the probes of a cut-off ask for readings, too, and a plan asks for them first.
    """

    nth: int = 4
    name = "silent-request"
    at = "t3"
    turns = ("roundtrip-time",)
    also = ("reading-function", "security-cut-off")
    _seen: list[int] = attrs.field(factory=list, init=False)

    def answers_to(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> Answers:
        if not isinstance(request, ReadRequest):
            return answers
        if request.seq not in self._seen:
            self._seen.append(request.seq)
        return () if (self._seen.index(request.seq) + 1) % self.nth == 0 else answers


@attrs.define
class ServerCache(Fault):
    """The server answers readings from what it was told last: no frame brought these, and the MDMS gets them, too."""

    name = "server-cache"
    at = "server"
    turns = ("roundtrip-time",)
    also = ("radio-method", "reading-function")
    _last: dict[str, ReadAnswer] = attrs.field(factory=dict, init=False)

    def message_in(self, message: Message, terminal: str) -> Answer[Message]:
        if isinstance(message, ReadAnswer):
            self._last[message.meter] = message
        return message

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, ReadRequest) or message.meter not in self._last:
            return message
        answer = attrs.evolve(self._last[message.meter], seq=message.seq)
        self.after(1.0, lambda: self.hear_message(answer, terminal))
        return None


FAULTS: Final[tuple[type[Fault], ...]] = (
    SlowAnswer,
    BarelySlowAnswer,
    StaleAnswer,
    SometimesStaleAnswer,
    MisdatedAnswer,
    BarelyPostdatedAnswer,
    CrossedAnswer,
    SilentRequest,
    ServerCache,
)
