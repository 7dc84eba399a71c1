"""The operator's desk: which tasks are open, what was answered, and the bench's end of the wire (see the package).

The desk knows no bench but what speaks to it, and no screen but what watches it: page and prompt show the same tasks,
and an answer given at one of them is gone from the other. A confirmation is held back for ``hold_s`` so that a slip of
the thumb costs nothing; how long it was held goes along with it, so the stamp loses nothing. What is answered while no
bench listens (it is being restarted) is told when one comes.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

import attrs

from devices.operator.task import CHOICES, Do, Task, Wants
from devices.wires.lines import LineSplitter

HOLD_S: Final = 3.0
PIECE: Final = 2250
"""Octets of a picture a line: the bench takes no line of more than 4,096."""
AT_ONCE: Final = (Do.TURN, Do.MOVES)
"""Told without being held back: the bench goes on from the very moment, and a slip is taken back all the same."""
LARGEST_PHOTO: Final = 2_000_000
LONGEST_TEXT: Final = 200


@attrs.define
class Confirmed:
    """A task that somebody confirmed. ``tapped_s`` by the loop's clock; ``sent`` when the bench was told."""

    task: Task
    tapped_s: float
    said: dict[str, Any]
    photo: bytes = b""
    sent: bool = False


class Desk:
    """Open and confirmed tasks. Lives in one event loop."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self.hold_s = hold_s
        self.open: dict[int, Task] = {}
        self.confirmed: dict[int, Confirmed] = {}
        self.bench = False
        """Whether a bench is connected."""
        self._say: Callable[[str], None] | None = None
        self._unsaid: list[str] = []
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` whenever what is to be seen changes; returns the end of it."""
        self._watchers.append(changed)
        return lambda: self._watchers.remove(changed)

    def state(self) -> dict[str, Any]:
        """What a screen shows: open tasks, oldest first, and the last confirmation that can be taken back."""
        last = next(reversed(self.confirmed.values()), None)
        return {
            "bench": self.bench,
            "tasks": [_shown(task) for task in self.open.values()],
            "last": None if last is None else {**_shown(last.task), "value": last.said.get("value", "")},
        }

    # -- people --------------------------------------------------------------------------------------------------

    def confirm(
        self, number: int, value: str | None = None, name: str = "", photo: bytes = b"", held_s: float = 0.0
    ) -> None:
        """A person did it. ``held_s``: for how long the page could not tell. ``ValueError`` where it is no answer."""
        task = self.open.get(number)
        if task is None:
            raise ValueError(f"task {number} is not open")
        if not task.fits(value):
            raise ValueError(f"{value!r} is no answer; expected {_expected(task)}")
        if len(photo) > LARGEST_PHOTO:
            raise ValueError(f"a photo of {len(photo)} octets; expected {LARGEST_PHOTO} at most")
        said: dict[str, Any] = {"task": number}
        said |= {"value": value} if value else {}
        said |= {"name": name[:LONGEST_TEXT]} if name else {}
        said |= {"photo": len(photo)} if photo else {}
        loop = asyncio.get_running_loop()
        del self.open[number]
        found = self.confirmed[number] = Confirmed(task, loop.time() - max(0.0, held_s), said, photo)
        loop.call_later(0.0 if task.do in AT_ONCE else self.hold_s, self._send, found)
        self._changed()

    def undo(self, number: int) -> None:
        """I did not do that: the task is open again; a bench that was told is told that, too."""
        found = self.confirmed.pop(number, None)
        if found is None:
            raise ValueError(f"task {number} was not confirmed")
        self.open = {number: found.task, **self.open}
        if found.sent:
            self._tell(f'! UNDONE {{"task": {number}}}')
        self._changed()

    def cannot(self, number: int, why: str) -> None:
        """A person cannot do it; the bench goes on without."""
        if self.open.pop(number, None) is None:
            raise ValueError(f"task {number} is not open")
        self._tell(f"! CANNOT {json.dumps({'task': number, 'why': why[:LONGEST_TEXT]})}")
        self._changed()

    def _send(self, found: Confirmed) -> None:
        """Tell the bench, when the time in which it costs nothing to take it back is over."""
        number = found.task.task
        if self.confirmed.get(number) is found and not found.sent:
            if self._say is None:  # told when a bench comes, with the time that it waited
                asyncio.get_running_loop().call_later(1.0, self._send, found)
                return
            found.sent = True
            held_s = round(asyncio.get_running_loop().time() - found.tapped_s, 3)
            self._tell(f"! DONE {json.dumps({**found.said, 'held_s': held_s})}")

    def _tell(self, line: str) -> None:
        if self._say is not None:
            self._say(line)
        else:
            self._unsaid.append(line)

    def _changed(self) -> None:
        for changed in tuple(self._watchers):
            changed()

    # -- the bench -----------------------------------------------------------------------------------------------

    def connected(self, say: Callable[[str], None]) -> None:
        """A bench is there; it replaces the one before it."""
        self._say, self.bench = say, True
        for line in self._unsaid:
            say(line)
        self._unsaid.clear()
        self._changed()

    def disconnected(self, say: Callable[[str], None]) -> None:
        """The bench is gone; tasks stay, for it may come back."""
        if self._say == say:
            self._say, self.bench = None, False
            self._changed()

    def answer(self, line: str) -> str:
        """The answer to a line of the bench."""
        command, _, rest = line.partition(" ")
        match [command, *rest.split()]:
            case ["ID"]:
                return "ID desk kenshin-operator/1"
            case ["CLEAR"]:
                self.open.clear()
                self.confirmed.clear()
                self._unsaid.clear()
                self._changed()
                return "OK CLEAR"
            case ["CANCEL", number] if number.isdigit():
                self.open.pop(int(number), None)
                self._changed()
                return f"OK CANCEL {number}"
            case ["PHOTO", number, offset] if number.isdigit() and offset.isdigit():
                found = self.confirmed.get(int(number))
                piece = found.photo[int(offset) : int(offset) + PIECE] if found is not None else b""
                return f"PHOTO {number} {offset} {base64.b64encode(piece).decode() or '-'}"
            case ["ASK", *_]:
                try:
                    task = Task.of(rest)
                except ValueError as error:
                    return f"ERR {error}"
                if task.task not in self.confirmed:  # a bench that asks again has not heard the answer yet
                    self.open[task.task] = task
                    self._changed()
                return f"OK ASK {task.task}"
        return "ERR unknown command"


async def serve_bench(desk: Desk, host: str, port: int) -> asyncio.Server:
    """Listen for the bench. ``OSError`` where the address is taken."""

    async def bench(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = LineSplitter()

        def say(line: str) -> None:
            writer.write(line.encode() + b"\n")

        desk.connected(say)
        try:
            while data := await reader.read(65536):
                for line in lines.feed(data):
                    say(desk.answer(line))
                await writer.drain()
        except OSError:
            pass
        finally:
            desk.disconnected(say)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    return await asyncio.start_server(bench, host, port)


def _shown(task: Task) -> dict[str, Any]:
    what = {"do": str(task.do), "on": task.on, "what": task.what, "wants": str(task.wants)}
    choices = [{"value": value, "ja": ja} for value, ja in CHOICES.get(task.wants, {}).items()]
    return {"task": task.task, **what, "choices": choices, "ja": task.ja, "en": task.en, "within_s": task.within_s}


def _expected(task: Task) -> str:
    if task.wants in CHOICES:
        return ", ".join(CHOICES[task.wants])
    return "a whole number" if task.wants is Wants.NUMBER else "nothing beside the confirmation"
