"""Words of a filter expression: names, values, operators, each with its place, so that an error can point at it."""

from __future__ import annotations

import re
from typing import Final

import attrs

from bench.errors import InputError

_LONGEST: Final = 10_000
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<operator>===|!==|==|!=|<=|>=|&&|\|\||<|>|\(|\)|\{|\}|\[|\]|,|&|!|~)"""
    r"""|(?P<raw>[rR]"[^"]*")|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'"""
    r"""|(?P<word>[^\s()<>=!"'{}\[\],&|~]+))"""
)
_RANGE: Final = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+)")
_SAME: Final = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "~": "matches",
    "eq": "==",
    "ne": "!=",
    "any_eq": "==",
    "all_ne": "!=",
    "all_eq": "===",
    "any_ne": "!==",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "bitand": "&",
}
"""Wireshark's other spellings."""
_RESERVED: Final = frozenset({"and", "or", "not", "contains", "matches", "in", "..", *_SAME})
_ESCAPES: Final = re.compile(r'\\([\\"])')
_NAME: Final = re.compile(r"[\w.-]+")


@attrs.frozen(slots=True)
class Word:
    """One word: its text, its place in the expression, and whether it stood in quotes (``operator``: a sign)."""

    text: str
    at: int
    quoted: bool = False
    operator: bool = False

    @property
    def is_name(self) -> bool:
        """Whether it can name a field."""
        return not self.quoted and not self.operator and self.text not in _RESERVED and bool(_NAME.fullmatch(self.text))

    @property
    def is_value(self) -> bool:
        """Whether it can be a value."""
        return self.quoted or (not self.operator and self.text not in _RESERVED)


class Words:
    """The words of an expression and a place among them. Raises `InputError` for what is no word."""

    def __init__(self, expression: str) -> None:
        self._expression = expression
        if len(expression) > _LONGEST:
            raise InputError(f"filter of {len(expression)} characters; expected at most {_LONGEST}")
        self._words = list(self._split())
        self._next = 0

    def _split(self) -> list[Word]:
        words: list[Word] = []
        at, inside_set = 0, False
        while self._expression[at:].strip():
            match = _TOKEN.match(self._expression, at)
            if match is None:
                rest = self._expression[at:]
                place = at + len(rest) - len(rest.lstrip()) + 1
                raise InputError(f"filter {self._expression!r}: cannot read {rest.strip()!r} (column {place})")
            kind = match.lastgroup or "word"
            text, where = match[kind], match.start(kind)
            if kind == "word":
                ranged = _RANGE.fullmatch(text) if inside_set else None
                words.extend(_range(ranged, where) if ranged else [Word(text, where)])
            elif kind == "operator":
                inside_set = text == "{" or (inside_set and text != "}")
                words.append(Word(text, where, operator=True))
            elif kind == "raw":
                words.append(Word(text[2:-1], where, quoted=True))
            else:
                words.append(Word(_ESCAPES.sub(r"\1", text) if kind == "double" else text, where, quoted=True))
            at = match.end()
        return words

    @property
    def here(self) -> Word | None:
        """The word at the place, None at the end."""
        return self._words[self._next] if self._next < len(self._words) else None

    def next(self) -> None:
        """Go one word on."""
        self._next += 1

    def error(self, expected: str) -> InputError:
        """The one line about a mistake at the place."""
        place = f"at {self.here.text!r} (column {self.here.at + 1})" if self.here else "at the end"
        return InputError(f"filter {self._expression!r}: {expected} {place}")

    def take(self, *wanted: str) -> str | None:
        """The word at the place where it is one of these (other spellings count), and go on; else None."""
        word = self.here
        if word is None or word.quoted:
            return None
        text = _SAME.get(word.text, word.text)
        if text not in wanted:
            return None
        self._next += 1
        return text

    def bounds(self) -> tuple[int | None, int | None]:
        """A slice after its '[': ``[i]``, ``[i:length]``, ``[i-j]``, ``[:j]`` or ``[i:]``, and its ']'."""
        word = self.here
        match = word and re.fullmatch(r"(?P<one>\d+)|(?P<a>\d*):(?P<length>\d*)|(?P<i>\d+)-(?P<j>\d+)", word.text)
        if not match:
            raise self.error("expected octets such as 0:3, 2-4 or 5")
        self._next += 1
        if not self.take("]"):
            raise self.error("expected ']'")
        if match["one"]:
            return int(match["one"]), int(match["one"]) + 1
        if match["i"]:
            return int(match["i"]), int(match["j"]) + 1
        start = int(match["a"] or 0)
        return start, start + int(match["length"]) if match["length"] else None


def _range(match: re.Match[str], at: int) -> list[Word]:
    low, high = match["low"], match["high"]
    return [Word(low, at), Word("..", at + len(low)), Word(high, at + len(low) + 2)]
