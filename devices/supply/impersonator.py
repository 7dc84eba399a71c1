"""The instrument side of SCPI: what every impersonator of a supply shares (devices.md 6.0).

A line is commands joined by ``;``; the header path is kept until a leading ``:``; keywords have a short and a long
form; errors go to a queue that ``SYSTem:ERRor?`` empties, oldest first. A model's table maps patterns in the manuals'
own notation (``[:SOURce#]:VOLTage[:LEVel]?``: capitals are the short form, brackets optional, ``#`` a numeric suffix)
to methods, which get the suffixes (0 where none is given) and the arguments. Imports nothing but the ports protocol,
so the twin may load it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from bench.ports import OutputModel, Port, SupplyModel

Handler: TypeAlias = "Callable[[Sequence[int], Sequence[str]], str | None]"

ERRORS: Final[Mapping[int, str]] = {
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -120: "Numeric data error",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
}
QUEUE_LENGTH: Final = 20
LONGEST_LINE: Final = 4096
LONGEST_SUFFIX: Final = 9
"""Digits of a numeric suffix that are read; no instrument has more channels."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NODE = re.compile(r"(\[?):?(\*?[A-Za-z]+)(#?)(\]?)")


class ScpiFault(Exception):
    """A command that the instrument refuses, by its SCPI error number."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code} {ERRORS[code]}")
        self.code = code


def compile_header(pattern: str) -> re.Pattern[str]:
    """A regular expression over an upper-case header with a leading ``:`` (``*IDN?`` keeps its star)."""
    if pattern.startswith("*"):
        return re.compile(re.escape(pattern))
    query = r"\?" if pattern.endswith("?") else ""
    parts: list[str] = []
    for optional, word, suffix, _close in _NODE.findall(pattern.rstrip("?")):
        short = "".join(c for c in word if c.isupper())
        node = f":(?:{short}|{word.upper()})" + (r"([0-9]*)" if suffix else "")
        parts.append(f"(?:{node})?" if optional else node)
    return re.compile("".join(parts) + query)


@attrs.frozen(slots=True)
class Entry:
    """One row of an instrument's command table."""

    header: re.Pattern[str]
    handler: Handler


def one(args: Sequence[str]) -> str:
    """The one argument."""
    if not args or not args[0]:
        raise ScpiFault(-109)
    if len(args) > 1:
        raise ScpiFault(-108)
    return args[0]


def bare(answer: Callable[[], str | None]) -> Handler:
    """A handler that takes no argument."""

    def handle(_n: Sequence[int], args: Sequence[str]) -> str | None:
        if args:
            raise ScpiFault(-108)
        return answer()

    return handle


def number(args: Sequence[str], low: float, high: float) -> float:
    """The one numeric argument, inside ``low..high``; out of range is an error, never a clipped value."""
    word = one(args)
    if not _NUMBER.fullmatch(word):
        raise ScpiFault(-120)
    value = float(word)
    if not low <= value <= high:
        raise ScpiFault(-222)
    return value


def boolean(word: str) -> bool:
    """``ON``/``1`` or ``OFF``/``0``."""
    try:
        return {"ON": True, "1": True, "OFF": False, "0": False}[word.upper()]
    except KeyError:
        raise ScpiFault(-224) from None


class ScpiImpersonator:
    """An instrument on a byte port: lines in, answers of one line joined by ``;`` out.

    Subclasses give ``identity()`` and ``commands()`` (pattern -> handler). A handler returns the answer of a query,
    None for a command, and raises ``ScpiFault`` for what it refuses.
    """

    def __init__(self, port: Port, model: SupplyModel) -> None:
        self.port = port
        self.model = model
        self._buffer = b""
        self._errors: deque[int] = deque()
        common: dict[str, Handler] = {
            "*IDN?": bare(self.identity),
            "*OPC?": bare(lambda: "1"),
            "*CLS": bare(self._errors.clear),
            "*RST": bare(self.reset),
            "*TST?": bare(lambda: "0"),
            "*ESR?": bare(lambda: "0"),
            ":SYSTem:ERRor[:NEXT]?": bare(self._next_error),
        }
        table = {**common, **self.commands()}
        self._table = [Entry(compile_header(p), h) for p, h in table.items()]

    def identity(self) -> str:
        """The answer to ``*IDN?``: maker, model, serial, version."""
        raise NotImplementedError

    def commands(self) -> Mapping[str, Handler]:
        """The instrument's own command table."""
        raise NotImplementedError

    def reset(self) -> None:
        """``*RST``: outputs off."""
        for output in self.model.channels:
            output.switch(False)

    def output(self, n: int) -> OutputModel:
        """Channel ``n``, counted from 1."""
        if not 1 <= n <= len(self.model.channels):
            raise ScpiFault(-224)
        return self.model.channels[n - 1]

    def on_connect(self) -> None:
        self._buffer = b""

    def on_bytes(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
            self._refuse(-350)
        for line in lines:
            if len(line) > LONGEST_LINE:
                self._refuse(-350)
                continue
            answers = self._run(line.decode("ascii", "replace").strip())
            if answers:
                self.port.say(";".join(answers).encode("ascii") + b"\n")

    def _run(self, line: str) -> list[str]:
        answers: list[str] = []
        path = ""
        for command in filter(None, (part.strip() for part in line.split(";"))):
            word, *rest = command.split(None, 1)
            header = word.upper()
            if not header.startswith(("*", ":")):
                header = f"{path}:{header}"
            if not header.startswith("*"):
                path = header.rstrip("?").rpartition(":")[0]
            args = [a.strip() for a in rest[0].split(",")] if rest else []
            try:
                answer = self._dispatch(header, args)
            except ScpiFault as fault:
                self._refuse(fault.code)
            else:
                if answer is not None:
                    answers.append(answer)
        return answers

    def _dispatch(self, header: str, args: Sequence[str]) -> str | None:
        for entry in self._table:
            if match := entry.header.fullmatch(header):
                suffixes = match.groups()
                if any(len(g or "") > LONGEST_SUFFIX for g in suffixes):
                    raise ScpiFault(-113)
                return entry.handler([int(g or 0) for g in suffixes], args)
        raise ScpiFault(-113)

    def _refuse(self, code: int) -> None:
        if len(self._errors) < QUEUE_LENGTH:
            self._errors.append(code)
        else:
            self._errors[-1] = -350

    def _next_error(self) -> str:
        if not self._errors:
            return '0,"No error"'
        code = self._errors.popleft()
        return f'{code},"{ERRORS[code]}"'
