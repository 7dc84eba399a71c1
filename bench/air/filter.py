"""The display filter of `kenshin decode`: which frames to show, in Wireshark's language over Wireshark's names.

    icmpv6.rpl.dao && wpan.src64 == 00:0d:6f:ff:fe:03:00:01
    ipv6.dst == fd12:3456::/64 and not udp.port in {546, 547, 10000..10300}
    wisun.panie.cost > 256 or kind == PA and info contains "cost"

Fields are those of `bench.air.fields` and those of a line of ``--format jsonl``; which of a field's several values is
meant follows Wireshark 4: ``==  <  <=  >  >=  contains  matches  in`` hold where any value does, ``===`` where all do,
``!=`` where all differ, ``!==`` and ``~=`` where any does; ``any`` or ``all`` before the field says which; where the
field is absent none holds. A name alone asks whether it is there (for a yes-or-no field of jsonl: whether it is so).
``x == none`` holds where a jsonl field is absent. ``&`` masks numbers, ``[0:3]`` cuts octets and text, ``matches``
takes a bounded regular expression. Nothing is evaluated as code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from bench.air.fields import FIELDS, GROUPS
from bench.air.fields_base import Kind, Value
from bench.air.filter_hints import COLUMNS, Asked, Both, Either, Filter, Hint, Leaf, Opposite, Predicate, Unknown
from bench.air.filter_values import PLAIN, Literal, contains, expected, literal, pattern
from bench.air.filter_words import Cut, Word, Words, nearest

__all__ = ["Filter", "Predicate", "compile_filter"]

_Values: TypeAlias = Callable[[Asked], Sequence[Value]]

_Quantifier: TypeAlias = Callable[[Iterable[object]], bool]
_QUANTIFIERS: Final[Mapping[str, _Quantifier]] = {"any": any, "all": all}
_DEEPEST: Final = 50
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RELATIONS: Final = ("==", "!=", "===", "!==", *_ORDERS, "contains", "matches", "in", "not")
_ORDERED: Final = frozenset({Kind.NUMBER, Kind.REAL, Kind.SECONDS})
_SLICED: Final = frozenset({Kind.OCTETS, Kind.EUI64, Kind.IPV6, Kind.TEXT})


def compile_filter(expression: str, plain: Mapping[str, type]) -> Filter:
    """A predicate over rows (`bench.air.rows.Row`), and what an index can say of it. ``plain`` are the jsonl fields
    and the types of their values.

    Raises `InputError` naming the place in the expression and what was expected there.
    """
    parser = _Parser(expression, plain)
    predicate = parser.disjunction()
    if parser.words.here is not None:
        raise parser.words.error("expected 'and', 'or' or the end")
    return predicate


class _Parser:
    """Recursive descent over the words: or, and, not, relation."""

    def __init__(self, expression: str, plain: Mapping[str, type]) -> None:
        self.words = Words(expression)
        self._kinds = {name: PLAIN[kind] for name, kind in plain.items()} | {n: f.kind for n, f in FIELDS.items()}
        self._plain = plain
        self._depth = 0
        self._cut = False
        """Whether the relation is about a part of the field."""

    def disjunction(self) -> Filter:
        parts = [self._conjunction()]
        while self.words.take("or"):
            parts.append(self._conjunction())
        if len(parts) == 1:
            return parts[0]
        some = [part.holds for part in parts]
        return Filter(lambda row: any(holds(row) for holds in some), Either(tuple(part.hint for part in parts)))

    def _conjunction(self) -> Filter:
        parts = [self._negation()]
        while self.words.take("and"):
            parts.append(self._negation())
        if len(parts) == 1:
            return parts[0]
        every = [part.holds for part in parts]
        return Filter(lambda row: all(holds(row) for holds in every), Both(tuple(part.hint for part in parts)))

    def _negation(self) -> Filter:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self.words.error(f"expected at most {_DEEPEST} negations and parentheses in one another")
        found = self._deeper()
        self._depth -= 1
        return found

    def _deeper(self) -> Filter:
        if self.words.take("not"):
            return _opposite(self._negation())
        if self.words.take("("):
            inner = self.disjunction()
            if not self.words.take(")"):
                raise self.words.error("expected ')'")
            return inner
        return self._relation()

    def _relation(self) -> Filter:
        meant = self.words.take(*_QUANTIFIERS)
        name = self._name()
        kind = self._kinds.get(name)
        values: _Values = lambda row: row.values(name)  # noqa: E731 - it is replaced below
        changed = self._cut = False
        if kind is not None and self.words.take("["):
            values, kind = self._slice(values, name, kind), _sliced(kind)
            changed = self._cut = True
        if kind is not None and self.words.take("&"):
            values, changed = self._masked(values, name, kind), True
        relation = self.words.take(*_RELATIONS)
        if meant and (relation is None or kind is None):
            raise self.words.error(f"expected a comparison after {meant}")
        every = _QUANTIFIERS.get(meant or "")
        if relation is None:
            return _hinted(name, self._alone(name, values, masked=changed))
        if kind is None:
            raise self.words.error(f"{name} is a layer without a value of its own; expected 'and', 'or' or the end")
        if relation == "not":
            if not self.words.take("in"):
                raise self.words.error("expected 'in' after not")
            return _opposite(_hinted(name, self._set(name, kind, values, every or any)))
        if relation == "in":
            return _hinted(name, self._set(name, kind, values, every or any))
        if relation in (*_ORDERS, "==") and not changed and every is not all:
            return self._measured(name, kind, relation, values)
        return _hinted(name, self._compared(name, kind, relation, values, every))

    def _measured(self, name: str, kind: Kind, relation: str, values: _Values) -> Filter:
        """A comparison that a column of numbers can be asked at once."""
        word = self.words.here
        holds = self._compared(name, kind, relation, values)
        wanted = literal(word, name, kind) if word is not None and kind in _ORDERED else None
        order = (relation, wanted.value) if wanted is not None and isinstance(wanted.value, int) else None
        return _hinted(name, holds, order)

    def _name(self) -> str:
        word = self.words.here
        if word is None or not word.is_name:
            raise self.words.error("expected a field")
        if word.text not in self._kinds and word.text not in GROUPS:
            raise self.words.error(f"unknown field {word.text!r}; {self._near(word.text)}")
        self.words.next()
        return word.text

    def _near(self, name: str) -> str:
        return nearest(name, self._kinds, f"one of {', '.join(self._plain)}, or a field or protocol of Wireshark")

    def _alone(self, name: str, values: _Values, *, masked: bool) -> Predicate:
        if masked or self._plain.get(name) is bool:
            return lambda row: any(values(row))
        return lambda row: row.has(name)

    def _slice(self, values: _Values, name: str, kind: Kind) -> _Values:
        if kind not in _SLICED:
            raise self.words.error(f"{name} has no octets to cut; expected a comparison")
        cuts = self.words.cuts()
        return lambda row: [part for value in values(row) if (part := _pieces(value, cuts)) is not None]

    def _masked(self, values: _Values, name: str, kind: Kind) -> _Values:
        if kind is not Kind.NUMBER:
            raise self.words.error(f"{name} is no number and has no bits; expected a comparison")
        mask = self._literal(name, kind).value
        return lambda row: [value & mask for value in values(row) if isinstance(value, int) and isinstance(mask, int)]

    def _set(self, name: str, kind: Kind, values: _Values, how: _Quantifier) -> Predicate:
        if not self.words.take("{"):
            raise self.words.error("expected '{'")
        tests: list[Callable[[Value], bool]] = []
        while not tests or not self.words.take("}"):
            if tests and not self.words.take(","):
                raise self.words.error("expected ',' or '}'")
            tests.append(self._member(name, kind))
        if how is any:
            return lambda row: any(test(value) for value in values(row) for test in tests)

        def alike(row: Asked) -> bool:
            """As in Wireshark 4.0, where a set is its members joined by or."""
            found = values(row)
            return bool(found) and any(all(map(test, found)) for test in tests)

        return alike

    def _member(self, name: str, kind: Kind) -> Callable[[Value], bool]:
        low = self._literal(name, kind)
        if not self.words.take(".."):
            return low.equals
        high = self._literal(name, kind)
        if kind is Kind.LIST:
            raise self.words.error(f"{name} is no number; expected no range")
        return lambda value: operator.ge(*low.sides(value)) and operator.le(*high.sides(value))

    def _literal(self, name: str, kind: Kind) -> Literal:
        word = self.words.here
        if word is None or not word.is_value:
            raise self.words.error("expected a value")
        found = literal(word, name, kind)
        if found is None:
            raise self.words.error(f"expected {kind.value} for {name}")
        wrong = None if self._cut else expected(found, name)
        if wrong is not None:
            raise self.words.error(f"expected {wrong} for {name}")
        self.words.next()
        return found

    def _compared(
        self, name: str, kind: Kind, relation: str, values: _Values, every: _Quantifier | None = None
    ) -> Predicate:
        word = self.words.here
        if relation in ("==", "!=") and self._is_none(word, name):
            self.words.next()
            return lambda row: bool(values(row)) == (relation == "!=")
        if relation in _ORDERS and kind is Kind.LIST:
            raise self.words.error(f"{name} has no order; expected ==, != or contains")
        if relation in ("contains", "matches"):
            return _quantified(values, every or any, self._searched(name, kind, relation))
        wanted = self._literal(name, kind)
        if relation in _ORDERS:
            order = _ORDERS[relation]
            return _quantified(values, every or any, lambda value: order(*wanted.sides(value)))
        how, equal = {"==": (any, True), "===": (all, True), "!=": (all, False), "!==": (any, False)}[relation]
        return _quantified(values, every or how, lambda value: wanted.equals(value) == equal)

    def _is_none(self, word: Word | None, name: str) -> bool:
        """``none`` stands for an absent jsonl value; ``mic`` has it as a value."""
        bare = word is not None and not word.quoted and word.text == "none"
        return bare and name in self._plain and name != "mic"

    def _searched(self, name: str, kind: Kind, relation: str) -> Callable[[Value], bool]:
        if kind not in (Kind.TEXT, Kind.LIST, Kind.OCTETS, Kind.EUI64):
            raise self.words.error(f"{name} {relation} nothing; expected ==, != or an order")
        word = self.words.here
        if word is None or not word.is_value:
            raise self.words.error("expected a value")
        test = pattern(word, self.words) if relation == "matches" else contains(word, kind)
        if test is None:
            raise self.words.error(f"expected {kind.value} for {name}")
        self.words.next()
        return test


def _pieces(value: Value, cuts: Sequence[Cut]) -> Value | None:
    """The pieces of a value, joined; None where it is too short for one of them."""
    if not isinstance(value, (bytes, str)):
        return None
    places = [cut.of(len(value)) for cut in cuts]
    if None in places:
        return None
    pieces = [value[start:end] for start, end in filter(None, places)]
    return (
        b"".join(p for p in pieces if isinstance(p, bytes)) if isinstance(value, bytes) else "".join(map(str, pieces))
    )


def _quantified(values: _Values, how: _Quantifier, test: Callable[[Value], bool]) -> Predicate:
    """Whether a test holds of any value, or of all and there are some."""

    def holds(row: Asked) -> bool:
        found = values(row)
        return bool(found) and how(map(test, found))

    return holds


def _sliced(kind: Kind) -> Kind:
    return Kind.TEXT if kind is Kind.TEXT else Kind.OCTETS


def _hinted(name: str, holds: Predicate, order: tuple[str, int] | None = None) -> Filter:
    hint: Hint = Leaf(name, holds, order) if name in COLUMNS else Unknown()
    return Filter(holds, hint)


def _opposite(inner: Filter) -> Filter:
    holds = inner.holds
    return Filter(lambda row: not holds(row), Opposite(inner.hint))
