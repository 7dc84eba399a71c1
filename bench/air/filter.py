"""The filter language of `kenshin decode`: which frames to show.

    kind == DATA and (src == 00:0d:6f:ff:fe:03:00:01 or not secured) and layers contains rpl

Fields are those of a line of ``--format jsonl``. Values are numbers (decimal or 0x...), quoted text, or bare words
(addresses too); ``none`` stands for an absent value. ``==`` and ``!=`` compare, ``<  <=  >  >=`` order numbers,
``contains`` looks for text in text or for a member of a list; ``and``, ``or``, ``not`` and parentheses combine. A
yes-or-no field stands alone: ``secured``. Nothing is evaluated as code.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import Final, TypeAlias

import attrs

from bench.errors import InputError

Row: TypeAlias = Mapping[str, object]
Predicate: TypeAlias = Callable[[Row], bool]

_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<operator>==|!=|<=|>=|<|>|\(|\))|"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<word>[^\s()<>=!"']+))"""
)
_ORDER: Final[Mapping[str, Callable[[int, int], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_COMPARISONS: Final = ("==", "!=", *_ORDER, "contains")


@attrs.frozen(slots=True)
class _Token:
    text: str
    at: int
    quoted: bool = False


def compile_filter(expression: str, fields: Mapping[str, type]) -> Predicate:
    """A predicate over rows with these fields (``int``, ``str``, ``bool`` or ``list``, None where absent).

    Raises `InputError` naming the place in the expression and what was expected there.
    """
    parser = _Parser(expression, fields)
    predicate = parser.disjunction()
    if parser.here is not None:
        raise parser.error("expected 'and', 'or' or the end")
    return predicate


class _Parser:
    """Recursive descent over the tokens: or, and, not, comparison."""

    def __init__(self, expression: str, fields: Mapping[str, type]) -> None:
        self._expression = expression
        self._fields = fields
        self._tokens = self._split(expression)
        self._next = 0

    def _split(self, expression: str) -> list[_Token]:
        tokens, at = [], 0
        while expression[at:].strip():
            match = _TOKEN.match(expression, at)
            if match is None:
                raise InputError(f"filter {expression!r}: cannot read {expression[at:].strip()!r}")
            kind = match.lastgroup or "word"
            tokens.append(_Token(match[kind], match.start(kind), kind in ("double", "single")))
            at = match.end()
        return tokens

    @property
    def here(self) -> _Token | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None

    def error(self, expected: str) -> InputError:
        place = f"at {self.here.text!r} (column {self.here.at + 1})" if self.here else "at the end"
        return InputError(f"filter {self._expression!r}: {expected} {place}")

    def _take(self, *texts: str) -> str | None:
        """The next token where it is one of these, unquoted."""
        token = self.here
        if token is None or token.quoted or token.text not in texts:
            return None
        self._next += 1
        return token.text

    def disjunction(self) -> Predicate:
        parts = [self._conjunction()]
        while self._take("or"):
            parts.append(self._conjunction())
        return parts[0] if len(parts) == 1 else lambda row: any(part(row) for part in parts)

    def _conjunction(self) -> Predicate:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _negation(self) -> Predicate:
        if self._take("not"):
            inner = self._negation()
            return lambda row: not inner(row)
        if self._take("("):
            inner = self.disjunction()
            if not self._take(")"):
                raise self.error("expected ')'")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        field = self._field()
        kind = self._fields[field]
        comparison = self._take(*_COMPARISONS)
        if comparison is None:
            if kind is bool:
                return lambda row: bool(row[field])
            raise self.error(f"expected {', '.join(_COMPARISONS)} after {field}")
        if comparison in _ORDER and kind is not int:
            raise InputError(f"filter {self._expression!r}: {field} is no number; expected ==, != or contains")
        if comparison == "contains" and kind not in (str, list):
            raise InputError(f"filter {self._expression!r}: {field} contains nothing; expected ==, != or an order")
        if comparison in ("==", "!=") and kind is list:
            raise InputError(f"filter {self._expression!r}: {field} is a list; expected contains")
        value = self._value(field, kind)
        return _predicate(field, comparison, value)

    def _field(self) -> str:
        token = self.here
        if token is None or token.quoted or not re.fullmatch(r"\w+", token.text):
            raise self.error("expected a field")
        if token.text not in self._fields:
            raise InputError(
                f"filter {self._expression!r}: unknown field {token.text!r}; expected one of {', '.join(self._fields)}"
            )
        self._next += 1
        return token.text

    def _value(self, field: str, kind: type) -> object:
        token = self.here
        if token is None or (not token.quoted and token.text in (*_COMPARISONS, "(", ")", "and", "or", "not")):
            raise self.error("expected a value")
        value = _convert(token, field, kind)
        if value is _BAD:
            wanted = {int: "a number", bool: "true or false"}[kind]
            raise self.error(f"expected {wanted} for {field}")
        self._next += 1
        return value


_BAD: Final = object()


def _convert(token: _Token, field: str, kind: type) -> object:
    """The value of a token for a field, `_BAD` where it is none."""
    text = token.text
    if not token.quoted and text == "none":
        return "none" if field == "mic" else None
    if kind is int:
        try:
            return int(text, 0)
        except ValueError:
            return _BAD
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), _BAD)
    if field in ("ipv6_src", "ipv6_dst"):
        try:
            return str(IPv6Address(text))
        except ValueError:
            return text
    return text.lower() if field in ("src", "dst") else text


def _predicate(field: str, comparison: str, value: object) -> Predicate:
    if comparison == "==":
        return lambda row: row[field] == value
    if comparison == "!=":
        return lambda row: row[field] != value
    if comparison == "contains":
        return lambda row: _contains(row[field], value)
    order = _ORDER[comparison]

    def ordered(row: Row) -> bool:
        have = row[field]
        return isinstance(have, int) and isinstance(value, int) and order(have, value)

    return ordered


def _contains(have: object, value: object) -> bool:
    if isinstance(have, str):
        return isinstance(value, str) and value in have
    return isinstance(have, Sequence) and value in have
