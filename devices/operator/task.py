"""What people are asked: one task, one sentence in each language, one kind of answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, Final

import attrs

from bench.errors import BenchError
from bench.records import NS_PER_S, Json

JST: Final = timezone(timedelta(hours=9))


class Do(StrEnum):
    """What is to be done."""

    PRESS = "press"
    LAMP = "lamp"
    WATCH = "watch"
    READ = "read"
    AGAIN = "again"
    SET = "set"
    TURN = "turn"
    ALARM = "alarm"
    CUT = "cut"
    RESTORE = "restore"
    ERASE = "erase"
    FEED = "feed"
    UNFEED = "unfeed"
    MOVE = "move"
    REQUEST = "request"
    RECEIPT = "receipt"
    VALVE = "valve"
    MOVES = "moves"
    LEAK = "leak"
    UNLEAK = "unleak"


class Wants(StrEnum):
    """What answers a task: the button, the button with a number, or one of three lamps or valves (`CHOICES`)."""

    DONE = "done"
    NUMBER = "number"
    LAMP = "lamp"
    VALVE = "valve"


LAMPS: Final = ("off", "blinking", "on")
FED_WORDS: Final = {
    "mesh": ("スマートメーター", "the smart meters"),
    "concentrator": ("コンセントレーター", "the concentrator"),
}
"""What a breaker feeds, in both languages."""
LAMP_WORDS: Final = {"off": "消灯", "blinking": "点滅", "on": "点灯"}
VALVE_WORDS: Final = {"open": "開", "shut": "遮断", "checking": "復帰確認中"}
CHOICES: Final[dict[Wants, dict[str, str]]] = {Wants.LAMP: LAMP_WORDS, Wants.VALVE: VALVE_WORDS}
"""What there is to choose from, with the word in Japanese."""
MOST_DIGITS: Final = 20

_WORDS: Final[dict[Do, tuple[str, str]]] = {
    Do.PRESS: (
        "{on} の設置キーを {what} 秒間押してください。押し始めると同時にボタンを押してください。",
        "Press the installation key of {on} for {what} s. Tap when you begin to press.",
    ),
    Do.LAMP: ("{on} のランプは今どの状態ですか。", "What does the lamp of {on} show now?"),
    Do.WATCH: (
        "{on} のランプを見て、{what_ja}になったらすぐにボタンを押してください。",
        "Watch the lamp of {on}. Tap as soon as it shows '{what}'.",
    ),
    Do.READ: ("{on} の指針値を読み取り、入力してください。", "Read the register of {on} and enter it."),
    Do.AGAIN: (
        "{on} の指針値をもう一度メーターから読み取り、入力してください。",
        "Look at the register of {on} once more and enter it again.",
    ),
    Do.SET: (
        "{on} の指針値を {what} に合わせ、表示された値を入力してください。",
        "Set the register of {on} to {what}, then enter what it shows.",
    ),
    Do.TURN: (
        "{on} の指針値を {what} まで進めてください。{what} になった瞬間にボタンを押してください。",
        "Turn the register of {on} on to {what}. Tap at the moment at which it shows {what}.",
    ),
    Do.ALARM: (
        "{on} のテストモードで警報 {what} を発生させ、同時にボタンを押してください。",
        "Raise the alarm {what} at {on} (meter test mode). Tap when you do it.",
    ),
    Do.CUT: (
        "{on_ja}の電源ブレーカーを切り、同時にボタンを押してください。",
        "Open the breaker of {on_en}. Tap when you do it.",
    ),
    Do.RESTORE: (
        "{on_ja}の電源ブレーカーを入れ、同時にボタンを押してください。",
        "Close the breaker of {on_en}. Tap when you do it.",
    ),
    Do.ERASE: (
        "{on} の設置キーを {what} 秒間押し続け、離したらすぐに電池を外してください。外したらボタンを押してください。",
        "Hold the key of {on} for {what} s; on release take its cell out at once. Tap when it is out.",
    ),
    Do.FEED: (
        "{on} の電池を接続し、同時にボタンを押してください。",
        "Connect the cell of {on}. Tap when you do it.",
    ),
    Do.UNFEED: (
        "{on} の電池を外し、同時にボタンを押してください。",
        "Disconnect the cell of {on}. Tap when you do it.",
    ),
    Do.MOVE: (
        "{on} を {what} へ移動し、終わったらボタンを押してください。",
        "Move {on} to {what}. Tap when it is there.",
    ),
    Do.VALVE: ("{on} の弁は今どの状態ですか。", "What does {on} show of its valve now?"),
    Do.MOVES: (
        "{on} の弁の表示（今は{what_ja}）を見て、変わったらすぐに新しい表示を選んでください。",
        "Watch what {on} shows of its valve, now '{what}'. As soon as that changes, choose what it shows then.",
    ),
    Do.LEAK: (
        "{on} の弁の下流の試験用コックを開け（漏れの模擬）、同時にボタンを押してください。",
        "Open the test cock behind the valve of {on}, so that gas is lost. Tap when you do it.",
    ),
    Do.UNLEAK: (
        "{on} の弁の下流の試験用コックを閉め、同時にボタンを押してください。",
        "Close the test cock behind the valve of {on}. Tap when you do it.",
    ),
    Do.REQUEST: (
        "接続サーバの担当者に {on} への要求（{what}）を依頼し、告げられた受付番号を入力してください。",
        "Ask the server's staff to send this request to {on}: {what}. Enter the number that they tell you.",
    ),
    Do.RECEIPT: (
        "{on} への要求の受付番号をもう一度確かめ、入力してください。",
        "Ask once more for the number of the request to {on}, and enter it again.",
    ),
}
_NUMBERS: Final = (Do.READ, Do.AGAIN, Do.SET, Do.REQUEST, Do.RECEIPT)
_WANTS: Final = {
    **dict.fromkeys(_NUMBERS, Wants.NUMBER),
    Do.LAMP: Wants.LAMP,
    **dict.fromkeys((Do.VALVE, Do.MOVES), Wants.VALVE),
}


@attrs.frozen(slots=True)
class Task:
    """One thing that a person is asked to do at ``on`` (a terminal, a meter, ``mesh``); ``what`` says more.

    ``within_s``: how long the bench waits for the answer, in seconds of rig time; shown to the person.
    """

    task: int
    do: Do
    on: str
    what: str = ""
    within_s: float = 0.0

    @property
    def wants(self) -> Wants:
        return _WANTS.get(self.do, Wants.DONE)

    @property
    def ja(self) -> str:
        what_ja = (LAMP_WORDS | VALVE_WORDS).get(self.what, self.what)
        on_ja = FED_WORDS.get(self.on, (self.on, ""))[0]
        return _WORDS[self.do][0].format(on=self.on, what=self.what, what_ja=what_ja, on_ja=on_ja)

    @property
    def en(self) -> str:
        return _WORDS[self.do][1].format(on=self.on, what=self.what, on_en=FED_WORDS.get(self.on, ("", self.on))[1])

    def line(self) -> str:
        """As it goes to the desk."""
        return json.dumps(attrs.asdict(self), ensure_ascii=True)

    @classmethod
    def of(cls, text: str) -> Task:
        """From a line of the bench; ValueError where it is none."""
        said = object_of(text)
        try:
            return cls(int(said["task"]), Do(said["do"]), str(said["on"]), str(said["what"]), float(said["within_s"]))
        except (KeyError, TypeError, ValueError):
            raise ValueError("not a task") from None

    def fits(self, value: Any) -> bool:
        """Whether a value answers the task."""
        if self.wants is Wants.NUMBER:
            return isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS
        if self.wants in CHOICES:
            return value in CHOICES[self.wants]
        return value is None or value == ""


def object_of(text: str) -> dict[str, Any]:
    """A line's JSON object; ValueError where it is none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    return said


class NotAnswered(BenchError):
    """A person did not answer in time, or cannot: whether the thing was done is not known."""


def request_words(body: Mapping[str, Any]) -> str:
    """A request to a server as people say it: ``read t1.gas``, ``history t1.gas 2026-04-01T01:00+09:00/...``."""
    span = [_minute(body[key]) for key in ("from_ns", "to_ns") if key in body]
    return " ".join([str(body.get("op")), str(body.get("meter")), *(["/".join(span)] if span else [])])


def request_of(text: str) -> dict[str, Json]:
    """Inverse of ``request_words``, for who plays the staff. ValueError where it is none."""
    op, meter, *span = text.split()
    body: dict[str, Json] = {"op": op, "meter": meter}
    if span:
        since, until = span[0].split("/")
        body |= {"from_ns": _of_minute(since), "to_ns": _of_minute(until)}
    return body


def _minute(t_ns: int) -> str:
    return datetime.fromtimestamp(t_ns // NS_PER_S, JST).isoformat(timespec="minutes")


def _of_minute(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * NS_PER_S
