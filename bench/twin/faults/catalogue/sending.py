"""Faults of the radio: clear text, key, counter, replay (``radio-air-rules``), another way (``radio-method``)."""

from __future__ import annotations

from typing import Final

import attrs

from bench.twin.faults.fault import Answer, Fault, SentFrame
from bench.twin.terminal.standin import Alarm, Message, Upload


@attrs.define
class ClearCopy(Fault):
    """The ``nth`` data frame leaves in clear as well."""

    nth: int = 300
    name = "clear-copy"
    turns = ("radio-air-rules",)
    _frames: int = attrs.field(default=0, init=False)

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        if frame.kind != "DATA":
            return frame
        self._frames += 1
        return [frame, attrs.evolve(frame, secured=False)] if self._frames == self.nth else frame


@attrs.define
class UnknownKey(Fault):
    """The ``nth`` secured frame of a ``kind`` leaves under a key that nobody else has as well."""

    nth: int = 200
    kind: str = "DATA"
    name = "unknown-key"
    turns = ("radio-air-rules",)
    _frames: int = attrs.field(default=0, init=False)

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        if frame.kind != self.kind or not frame.secured:
            return frame
        self._frames += 1
        return [frame, attrs.evolve(frame, key=bytes(range(16)))] if self._frames == self.nth else frame


@attrs.define
class UnknownKeyInAck(UnknownKey):
    """One acknowledgement leaves under a key that nobody else has, and not under the right one."""

    nth: int = 100
    kind: str = "ACK"
    name = "unknown-key-in-ack"
    at = "t3"

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        sent = super().frame_out(frame)
        return sent[-1:] if isinstance(sent, list) else sent


@attrs.define
class CounterFallsBack(Fault):
    """After ``nth`` secured frames the counter falls back by ``by`` for a few frames."""

    nth: int = 250
    by: int = 40
    name = "counter-falls-back"
    at = "t3"
    turns = ("radio-air-rules",)
    _frames: int = attrs.field(default=0, init=False)

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        if frame.counter is None:
            return frame
        self._frames += 1
        back = self.nth <= self._frames < self.nth + 3
        return attrs.evolve(frame, counter=frame.counter - self.by) if back else frame


@attrs.define
class CounterReused(Fault):
    """One secured frame in ``every`` has the counter of the one before it."""

    every: int = 500
    name = "counter-reused"
    turns = ("radio-air-rules",)
    _frames: int = attrs.field(default=0, init=False)
    _last: int | None = attrs.field(default=None, init=False)

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        if frame.counter is None:
            return frame
        self._frames += 1
        last, self._last = self._last, frame.counter
        return attrs.evolve(frame, counter=last) if last is not None and self._frames % self.every == 0 else frame


@attrs.define
class ReplaysFrame(Fault):
    """One secured data frame is sent again, as it was, ``seconds`` later."""

    nth: int = 200
    seconds: float = 150.0
    name = "replays-frame"
    at = "t3"
    turns = ("radio-air-rules",)
    _frames: int = attrs.field(default=0, init=False)

    def frame_out(self, frame: SentFrame) -> Answer[SentFrame]:
        if frame.kind != "DATA" or not frame.secured:
            return frame
        self._frames += 1
        return [frame, (self.seconds, frame)] if self._frames == self.nth else frame


@attrs.define
class UploadByOtherRadio(Fault):
    """One day's upload reaches the server without the declared radio."""

    nth: int = 4
    name = "upload-by-other-radio"
    turns = ("radio-method",)
    _seen: list[int] = attrs.field(factory=list, init=False)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, Upload) or message.seq in self._seen:
            return message
        self._seen.append(message.seq)
        if len(self._seen) != self.nth:
            return message
        self.send_past_radio(message)
        return None


@attrs.define
class AlarmByOtherRadio(Fault):
    """One alarm reaches the server without the declared radio."""

    nth: int = 2
    name = "alarm-by-other-radio"
    at = "t3"
    turns = ("radio-method",)
    _seen: list[int] = attrs.field(factory=list, init=False)

    def message_out(self, message: Message, terminal: str) -> Answer[Message]:
        if not isinstance(message, Alarm) or message.seq in self._seen:
            return message
        self._seen.append(message.seq)
        if len(self._seen) != self.nth:
            return message
        self.send_past_radio(message)
        return None


FAULTS: Final[tuple[type[Fault], ...]] = (
    ClearCopy,
    UnknownKey,
    UnknownKeyInAck,
    CounterFallsBack,
    CounterReused,
    ReplaysFrame,
    UploadByOtherRadio,
    AlarmByOtherRadio,
)
