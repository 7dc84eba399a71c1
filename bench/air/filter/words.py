"""Words of a filter expression: names, values, operators, each with its place, so that an error can point at it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from typing import Final

from bench.air.frozen import frozen
from bench.errors import InputError, echoed

_LONGEST: Final = 10_000
_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<operator>===|!==|==|!=|~=|<=|>=|&&|\|\||<|>|\(|\)|\{|\}|\[|\]|,|&|!|~)"""
    r"""|(?P<raw>[rR]"[^"]*")|"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'"""
    r"""|(?P<word>[^\s()<>=!"'{}\[\],&|~]+))"""
)
_RANGE: Final = re.compile(r"(?P<low>.+?)\.\.(?P<high>.+)")
_SAME: Final = {
    "&&": "and",
    "||": "or",
    "!": "not",
    "~": "matches",
    "~=": "!==",
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
    "bitwise_and": "&",
}
"""Wireshark's other spellings."""
_RESERVED: Final = frozenset({"and", "or", "not", "contains", "matches", "in", "..", *_SAME})
_ESCAPES: Final = re.compile(r"\\(?:x(?P<hex>[0-9a-fA-F]{1,2})|(?P<octal>[0-7]{1,3})|(?P<one>[\\\"'abfnrtv]))")
_ESCAPED: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_CUT: Final = re.compile(r"(?P<one>-?\d+)|(?P<a>(?:-?\d+)?):(?P<length>\d*)|(?P<i>-?\d+)-(?P<j>-?\d+)")
_NAME: Final = re.compile(r"[\w.-]+(?:#.*)?")
_SUM: Final = re.compile(r"(?P<name>[\w-]+\.[\w.-]+)(?P<sign>[+*/%])(?P<rest>.*)")


def _escaped(match: re.Match[str]) -> str:
    """What an escape stands for, as in C; an octet beyond 0x7f is that octet."""
    if match["one"]:
        return _ESCAPED.get(match["one"], match["one"])
    octet = int(match["hex"], 16) if match["hex"] else int(match["octal"], 8) & 0xFF
    return bytes((octet,)).decode("utf-8", "surrogateescape")


@frozen
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


@frozen
class Cut:
    """Some octets of a value: ``length`` of them from ``start`` on, or up to ``last``, or to the end."""

    start: int
    length: int | None
    last: int | None = None

    def of(self, size: int) -> tuple[int, int] | None:
        """Where they begin and end in a value of that size; None where they are not all there."""
        start = self.start + size if self.start < 0 else self.start
        end = size if self.length is None else start + self.length
        if self.last is not None:
            end = 1 + (self.last + size if self.last < 0 else self.last)
        return (start, end) if 0 <= start < end <= size else None


def nearest(name: str, known: Iterable[str], otherwise: str) -> str:
    """What may have been meant by a name that is not known: names spelt alike, or begun alike, else what is said."""
    from difflib import get_close_matches  # only for a mistake

    names = sorted(known)
    longest = max(map(len, names), default=0)
    close = get_close_matches(name, names, 3, 0.85) if len(name) <= 2 * longest else []  # of a longer one none is
    for length in range(min(len(name), longest), 3, -1):
        close = close or [one for one in names if one.startswith(name[:length])][:5]
    return f"expected one like {', '.join(close)}" if close else f"expected {otherwise}"


class Words:
    """The words of an expression and a place among them. Raises `InputError` for what is no word.

    ``fields`` are names that a sign of arithmetic may follow without a space."""

    def __init__(self, expression: str, fields: Container[str] = ()) -> None:
        self._expression = expression
        self._fields = fields
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
                what = (
                    "expected == in place of =" if rest.lstrip()[0] == "=" else f"cannot read {echoed(rest.strip())!r}"
                )
                raise InputError(f"filter {echoed(self._expression)!r}: {what} (column {place})")
            kind = match.lastgroup or "word"
            text, where = match[kind], match.start(kind)
            if kind == "word":
                ranged = _RANGE.fullmatch(text) if inside_set else None
                words.extend(_range(ranged, where) if ranged else self._signs(text, where))
            elif kind == "operator":
                inside_set = text == "{" or (inside_set and text != "}")
                words.append(Word(text, where, operator=True))
            elif kind == "raw":
                words.append(Word(text[2:-1], where, quoted=True))
            else:
                words.append(Word(_ESCAPES.sub(_escaped, text) if kind == "double" else text, where, quoted=True))
            at = match.end()
        return words

    def _signs(self, text: str, at: int) -> Iterator[Word]:
        """A word, or a field, the sign that follows it at once, and what is behind it."""
        match = _SUM.fullmatch(text)
        while match and match["name"] in self._fields:
            yield Word(match["name"], at)
            yield Word(match["sign"], at + match.start("sign"))
            text, at = match["rest"], at + match.start("rest")
            match = _SUM.fullmatch(text)
        if text:
            yield Word(text, at)

    @property
    def here(self) -> Word | None:
        """The word at the place, None at the end."""
        return self._words[self._next] if self._next < len(self._words) else None

    def next(self) -> None:
        """Go one word on."""
        self._next += 1

    def error(self, expected: str) -> InputError:
        """The one line about a mistake at the place."""
        place = f"at {echoed(self.here.text)!r} (column {self.here.at + 1})" if self.here else "at the end"
        return InputError(f"filter {echoed(self._expression)!r}: {expected} {place}")

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

    def take_sign(self, *signs: str) -> str | None:
        """The sign of arithmetic at the place, also where a number follows without a space; and go on to that."""
        word = self.here
        if word is None or word.quoted or word.operator or word.text[0] not in signs:
            return None
        if len(word.text) == 1:
            self._next += 1
        else:
            self._words[self._next] = Word(word.text[1:], word.at + 1)
        return word.text[0]

    def then(self, *wanted: str) -> bool:
        """Whether the word behind the place is one of these."""
        behind = self._words[self._next + 1 : self._next + 2]
        return bool(behind) and not behind[0].quoted and behind[0].text in wanted

    def cuts(self) -> list[Cut]:
        """Slices after their '[', one or several with commas: ``i``, ``i:length``, ``i-j``, ``:j`` or ``i:``, and the
        ']'. Places are counted from the end where they are negative."""
        found: list[Cut] = []
        while not found or not self.take("]"):
            if found and not self.take(","):
                raise self.error("expected ',' or ']'")
            word = self.here
            match = word and _CUT.fullmatch(word.text)
            if not match:
                raise self.error("expected octets such as 0:3, 2-4, -2: or 5")
            self._next += 1
            if match["one"]:
                found.append(Cut(int(match["one"]), 1))
            elif match["i"]:
                found.append(Cut(int(match["i"]), None, int(match["j"])))
            else:
                found.append(Cut(int(match["a"] or 0), int(match["length"]) if match["length"] else None))
        return found


def _range(match: re.Match[str], at: int) -> list[Word]:
    low, high = match["low"], match["high"]
    return [Word(low, at), Word("..", at + len(low)), Word(high, at + len(low) + 2)]
