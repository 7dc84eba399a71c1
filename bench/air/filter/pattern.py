"""Regular expressions whose cost is bounded: pattern length times text length, whatever they say.

The filter's ``matches`` takes patterns from people and applies them to every frame; a backtracking engine can be kept
busy for ever by a pattern such as ``(a+)+$``. Here all ways through the pattern are walked side by side (Thompson).
As in Wireshark, a match may stand anywhere in the text and letters match in both cases.

Known: ``.``, ``[a-z]``, ``[^...]``, ``\\d \\w \\s`` and their opposites, ``^ $``, groups, ``|``, ``* + ?``, ``{m,n}``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from bench.errors import echoed

Test: TypeAlias = Callable[[str], bool]

LONGEST_PATTERN: Final = 200
LONGEST_TEXT: Final = 4096
"""Characters of a text that are looked at."""
_MOST_STATES: Final = 2000
_DEEPEST: Final = 20

_CLASSES: Final[dict[str, Test]] = {
    "d": str.isdigit,
    "w": lambda c: c.isalnum() or c == "_",
    "s": str.isspace,
    "D": lambda c: not c.isdigit(),
    "W": lambda c: not (c.isalnum() or c == "_"),
    "S": lambda c: not c.isspace(),
}
_CONTROLS: Final = {"n": "\n", "t": "\t", "r": "\r"}


class PatternError(ValueError):
    """The pattern cannot be read; the message says what was expected where."""


class _Program:
    """States of the automaton: each tests a character and goes on, or stands for places to go on at once."""

    def __init__(self) -> None:
        self.tests: list[Test | str | None] = []
        """A test of one character, "^" or "$", or None for a state that only branches."""
        self.nexts: list[list[int]] = []

    def add(self, test: Test | str | None, nexts: Iterable[int] = ()) -> int:
        if len(self.tests) >= _MOST_STATES:
            raise PatternError("the pattern's repetitions are too large")
        self.tests.append(test)
        self.nexts.append(list(nexts))
        return len(self.tests) - 1


_Build: TypeAlias = Callable[[_Program, int], int]
"""Adds a piece of the pattern before a state, and gives the state where the piece begins."""


class _Reader:
    """Recursive descent: alternatives of sequences of repeated atoms."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0

    def whole(self) -> _Build:
        built = self._alternatives()
        if self._at < len(self._pattern):
            raise self._error("expected no ')'")
        return built

    def _error(self, what: str) -> PatternError:
        return PatternError(f"pattern {echoed(self._pattern)!r}: {what} at character {self._at + 1}")

    def _here(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _next(self) -> str:
        char = self._here()
        if not char:
            raise self._error("expected more")
        self._at += 1
        return char

    def _alternatives(self) -> _Build:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("groups nest too deep")
        choices = [self._sequence()]
        while self._here() == "|":
            self._at += 1
            choices.append(self._sequence())
        self._depth -= 1
        if len(choices) == 1:
            return choices[0]
        return lambda program, after: program.add(None, [choice(program, after) for choice in choices])

    def _sequence(self) -> _Build:
        parts: list[_Build] = []
        while self._here() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return lambda program, after: _chain(parts, program, after)

    def _atom(self) -> _Build:
        char = self._next()
        if char == "(":
            if self._here() == "?":
                self._at += 1
                if self._next() != ":":
                    raise self._error("expected (?: or a plain group")
            inner = self._alternatives()
            if self._next() != ")":
                raise self._error("expected ')'")
            return inner
        if char in "*+?{":
            self._at -= 1
            raise self._error("expected something to repeat")
        if char in "^$":
            return lambda program, after: program.add(char, [after])
        test: Test = (lambda c: c != "\n") if char == "." else self._class() if char == "[" else self._single(char)
        return lambda program, after: program.add(test, [after])

    def _single(self, char: str) -> Test:
        if char != "\\":
            return _same(char)
        escaped = self._next()
        if escaped in _CLASSES:
            return _CLASSES[escaped]
        return _same(self._escaped(escaped))

    def _escaped(self, char: str) -> str:
        if char == "x":
            digits = self._pattern[self._at : self._at + 2]
            self._at += 2
            try:
                return chr(int(digits, 16))
            except ValueError:
                raise self._error("expected two hex digits") from None
        if char.isalnum() and char not in _CONTROLS:
            raise self._error(f"\\{char} is not known")
        return _CONTROLS.get(char, char)

    def _class(self) -> Test:
        negated = self._here() == "^"
        self._at += negated
        tests: list[Test] = []
        first = True
        while first or self._here() != "]":
            first = False
            tests.append(self._member())
        self._at += 1
        return lambda c: any(test(c) for test in tests) != negated

    def _member(self) -> Test:
        char = self._next()
        if char == "\\":
            escaped = self._next()
            if escaped in _CLASSES:
                return _CLASSES[escaped]
            char = self._escaped(escaped)
        if self._here() != "-" or self._pattern[self._at + 1 : self._at + 2] in ("]", ""):
            return _same(char)
        self._at += 1
        last = self._next()
        last = self._escaped(self._next()) if last == "\\" else last
        if last < char:
            raise self._error("expected a range in order")
        return lambda c: char <= c.lower() <= last or char <= c.upper() <= last

    def _repeated(self, atom: _Build) -> _Build:
        char = self._here()
        if not char or char not in "*+?{":
            return atom
        self._at += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(char) or self._counts()
        if self._here() == "?":  # a lazy repetition matches the same texts
            self._at += 1
        if self._here() and self._here() in "*+{":
            raise self._error("expected no second repetition")
        return lambda program, after: _repeat(atom, least, most, program, after)

    def _counts(self) -> tuple[int, int | None]:
        end = self._pattern.find("}", self._at)
        low, comma, high = self._pattern[self._at : max(end, self._at)].partition(",")
        if end < 0 or not low.isdecimal() or (high and not high.isdecimal()):
            raise self._error("expected {m}, {m,} or {m,n}")
        self._at = end + 1
        most = int(high) if high else None if comma else int(low)
        if most is not None and most < int(low):
            raise self._error("expected a repetition in order")
        return int(low), most


def _same(char: str) -> Test:
    both = {char, char.lower(), char.upper()}
    return lambda c: c in both


def _chain(parts: Iterable[_Build], program: _Program, after: int) -> int:
    for part in reversed(list(parts)):
        after = part(program, after)
    return after


def _repeat(atom: _Build, least: int, most: int | None, program: _Program, after: int) -> int:
    if most is None:
        loop = program.add(None, [after])
        program.nexts[loop].append(atom(program, loop))
        after = loop
    else:
        if most > _MOST_STATES:
            raise PatternError("the pattern's repetitions are too large")
        end = after
        for _ in range(most - least):
            after = program.add(None, [end, atom(program, after)])
    for _ in range(least):
        after = atom(program, after)
    return after


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a text holds the pattern. Raises `PatternError`.

    A text is looked at up to `LONGEST_TEXT` characters, a pattern may have `LONGEST_PATTERN`.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"a pattern of {len(pattern)} characters; expected at most {LONGEST_PATTERN}")
    program = _Program()
    found = program.add(None)
    start = _Reader(pattern).whole()(program, found)
    return lambda text: _search(program, start, found, text[:LONGEST_TEXT])


def _search(program: _Program, start: int, found: int, text: str) -> bool:
    live: set[int] = set()
    for at, char in enumerate((*text, "")):
        _enter(program, start, live, at, len(text))
        if found in live:
            return True
        after: set[int] = set()
        for state in live:
            test = program.tests[state]
            if callable(test) and char and test(char):
                for following in program.nexts[state]:
                    _enter(program, following, after, at + 1, len(text))
        live = after
    return found in live


def _enter(program: _Program, state: int, live: set[int], at: int, end: int) -> None:
    """Add a state, and all that it stands for at this place of the text."""
    waiting = [state]
    while waiting:
        state = waiting.pop()
        if state in live:
            continue
        live.add(state)
        test = program.tests[state]
        if test is None or (test == "^" and at == 0) or (test == "$" and at == end):
            waiting.extend(program.nexts[state])
