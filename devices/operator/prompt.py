"""The desk in a terminal: tasks as they come, and a line of text answers the oldest one.

Enter          done (or the number, or one of the words that are offered)
u              the last confirmation is taken back
n REASON       cannot be done
"""

from __future__ import annotations

from collections.abc import Callable

from devices.operator.desk import Desk
from devices.operator.task import CHOICES, Wants

HINTS = {
    Wants.DONE: "Enter",
    Wants.NUMBER: "数字 · number",
    **{wants: " | ".join(words) for wants, words in CHOICES.items()},
}


class Prompt:
    """Shows a desk's oldest task by ``say`` and takes the lines that a person types."""

    def __init__(self, desk: Desk, say: Callable[[str], None], name: str = "") -> None:
        self._desk, self._say, self._name = desk, say, name
        self._shown: int | None = None
        desk.watch(self.show)

    def show(self) -> None:
        """Say the oldest open task, once."""
        task = next(iter(self._desk.open.values()), None)
        number = None if task is None else task.task
        if number == self._shown:
            return
        self._shown = number
        if task is not None:
            self._say(f"\n[{task.task}] {task.ja}\n    {task.en}\n    {HINTS[task.wants]}, u = undo, n REASON = cannot")

    def line(self, text: str) -> None:
        """What a person typed; what is wrong with it is said."""
        text = text.strip()
        try:
            if text == "u":
                self._desk.undo(next(reversed(self._desk.confirmed), 0))
            elif (task := next(iter(self._desk.open.values()), None)) is None:
                self._say("今は作業がありません · nothing to do")
            elif text == "n" or text.startswith("n "):
                self._desk.cannot(task.task, text[2:])
            else:
                self._desk.confirm(task.task, text or None, self._name)
        except ValueError as error:
            self._say(f"    {error}")
