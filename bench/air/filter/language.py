"""The display filter of `kenshin decode`: which frames to show, in Wireshark's language over Wireshark's names.

    icmpv6.rpl.dao && wpan.src64 == 00:0d:6f:ff:fe:03:00:01
    ipv6.dst == fd12:3456::/64 and not udp.port in {546, 547, 10000..10300}
    wisun.panie.cost > 256 or kind == PA and info contains "cost"

Fields are those of `bench.air.fields.tables` and those of a line of ``--format jsonl``; which of a field's several
values is meant follows Wireshark 4: ``==  <  <=  >  >=  contains matches in`` hold where any value does, ``===``
where all do, ``!=`` where all differ, ``!==`` and ``~=`` where any does; ``any`` or ``all`` before the field says
which; where the field is absent none holds. A name alone asks whether it is there (for a yes-or-no field of jsonl:
whether it is so). ``x == none`` holds where a jsonl field is absent. ``&`` masks numbers and octets, ``[0:3]`` cuts
octets and text, arithmetic and functions are those of `operands`, ``matches`` takes a bounded regular expression.
Nothing is evaluated as code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any, Final, TypeAlias

import attrs

from bench.air.fields.base import Kind, Value
from bench.air.fields.tables import FIELDS
from bench.air.filter.hints import COLUMNS, Asked, Both, Either, Filter, Hint, Leaf, Opposite, Predicate, Unknown
from bench.air.filter.operands import Operand, Operands, Side, Values, headed, nonzero
from bench.air.filter.values import PLAIN, Literal, contains, pattern
from bench.air.filter.words import Word, Words

__all__ = ["Filter", "Predicate", "compile_filter"]

_Holds: TypeAlias = Callable[[Literal, Value], bool]
_Part: TypeAlias = tuple[Side, _Holds]
"""What a value is held against, and how."""
_Quantifier: TypeAlias = Callable[[Iterable[object]], bool]
_QUANTIFIERS: Final[Mapping[str, _Quantifier]] = {"any": any, "all": all}
_DEEPEST: Final = 50
_AFTER: Final = "expected 'and', 'or' or the end"
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RELATIONS: Final = ("==", "!=", "===", "!==", *_ORDERS, "contains", "matches", "in", "not")
_ORDERED: Final = frozenset({Kind.NUMBER, Kind.REAL, Kind.SECONDS})
_EQUALITIES: Final[Mapping[str, tuple[_Quantifier, bool]]] = {
    "==": (any, True),
    "===": (all, True),
    "!=": (all, False),
    "!==": (any, False),
}
"""Which values, and whether they are equal."""


def compile_filter(expression: str, plain: Mapping[str, type]) -> Filter:
    """A predicate over rows (`bench.air.fields.rows.Row`), and what an index can say of it. ``plain`` are the jsonl
    fields and the types of their values.

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
        kinds = {name: PLAIN[kind] for name, kind in plain.items()} | {n: f.kind for n, f in FIELDS.items()}
        self.words = Words(expression, kinds)
        self._operands = Operands(self.words, kinds, plain)
        self._plain = plain
        self._depth = 0

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
        left = self._operands.left()
        relation = self.words.take(*_RELATIONS)
        if meant and (relation is None or left.kind is None):
            raise self.words.error(f"expected a comparison after {meant}")
        if relation is None:
            return _hinted(left if left.changed else attrs.evolve(left, column=True), self._alone(left))
        if left.kind is None:
            known = "expected octets of wpan (wpan contains 01:02)" if left.name == "frame" else _AFTER
            raise self.words.error(f"{left.name} has no value of its own here; {known}")
        every = _QUANTIFIERS.get(meant or "")
        if relation == "not":
            if not self.words.take("in"):
                raise self.words.error("expected 'in' after not")
            return _opposite(self._set(left, every or any))
        if relation == "in":
            return self._set(left, every or any)
        return self._compared(left, relation, every)

    def _alone(self, left: Operand) -> Predicate:
        if left.call:
            raise self.words.error("expected a comparison behind a function")
        values, name = left.of, left.name
        if left.changed or self._plain.get(name) is bool:
            return lambda row: any(map(nonzero, values(row)))
        return lambda row: row.has(name)

    def _set(self, left: Operand, how: _Quantifier) -> Filter:
        if not self.words.take("{"):
            raise self.words.error("expected '{'")
        members: list[tuple[_Part, ...]] = []
        while not members or not self.words.take("}"):
            if members and not self.words.take(","):
                raise self.words.error("expected ',' or '}'")
            members.append(self._member(left))
        holds = [_held(headed(left).of, member, how) for member in members]  # as in Wireshark, members joined by or
        return _hinted(left, lambda row: any(one(row) for one in holds), [part for some in members for part in some])

    def _member(self, left: Operand) -> tuple[_Part, ...]:
        low = self._operands.member(left)
        if not self.words.take(".."):
            return ((low, Literal.equals),)
        high = self._operands.member(left)
        if left.kind is Kind.LIST:
            raise self.words.error(f"{left.name} is no number; expected no range")
        return (low, _order(operator.ge)), (high, _order(operator.le))

    def _compared(self, left: Operand, relation: str, every: _Quantifier | None) -> Filter:
        word = self.words.here
        values = left.of
        if relation in ("==", "!=") and self._is_none(word, left):
            self.words.next()
            return _hinted(left, lambda row: bool(values(row)) == (relation == "!="))
        if relation in _ORDERS and left.kind is Kind.LIST:
            raise self.words.error(f"{left.name} has no order; expected ==, != or contains")
        if relation in ("contains", "matches"):
            return self._searched(left, relation, every or any)
        wanted = self._operands.right(left)
        values = headed(left).of
        if relation in _ORDERS:
            how, part = every or any, (wanted, _order(_ORDERS[relation]))
        else:
            default, equal = _EQUALITIES[relation]
            how, part = every or default, (wanted, Literal.equals if equal else _differs)
        holds = _held(values, (part,), how)
        if left.changed or how is all or relation not in (*_ORDERS, "==") or left.kind not in _ORDERED:
            return _hinted(left, holds, [part])
        order = (relation, wanted.value) if isinstance(wanted, Literal) and isinstance(wanted.value, int) else None
        return _hinted(left, holds, [part], order)

    def _is_none(self, word: Word | None, left: Operand) -> bool:
        """``none`` stands for an absent jsonl value; ``mic`` has it as a value."""
        bare = word is not None and not word.quoted and word.text == "none"
        return bare and left.name in self._plain and left.name != "mic"

    def _searched(self, left: Operand, relation: str, how: _Quantifier) -> Filter:
        if left.kind not in (Kind.TEXT, Kind.LIST, Kind.OCTETS, Kind.EUI64):
            raise self.words.error(f"{left.name} {relation} nothing; expected ==, != or an order")
        word = self.words.here
        if word is None or not word.is_value:
            raise self.words.error("expected a value")
        if relation == "contains" and self._operands.is_field(left):
            part = (self._operands.right(left), _holds_in)
            return _hinted(left, _held(left.of, (part,), how), [part])
        found = pattern(word, self.words) if relation == "matches" else contains(word, left.kind)
        if found is None:
            raise self.words.error(f"expected {left.kind.value} for {left.name}")
        self.words.next()
        values = left.of
        return _hinted(left, lambda row: bool(have := values(row)) and how(map(found, have)))


def _order(compare: Callable[[Any, Any], bool]) -> _Holds:
    return lambda one, have: compare(*one.sides(have))


def _differs(one: Literal, have: Value) -> bool:
    return not one.equals(have)


def _holds_in(one: Literal, have: Value) -> bool:
    return one.value in have  # type: ignore[operator]  # both are octets, or text


def _held(values: Values, parts: Sequence[_Part], how: _Quantifier) -> Predicate:
    """Whether all parts hold of any value, or of all values and there are some."""

    def holds(row: Asked) -> bool:
        found = values(row)
        wanted = list(product(*(_literals(side, row) for side, _ in parts))) if found else []
        return bool(wanted) and how(
            all(test(one, have) for one, (_, test) in zip(ones, parts, strict=True))
            for have in found
            for ones in wanted
        )

    one, test = parts[0]
    if len(parts) > 1 or not isinstance(one, Literal):
        return holds
    return lambda row: bool(found := values(row)) and how(test(one, have) for have in found)


def _literals(side: Side, row: Asked) -> Sequence[Literal]:
    return (side,) if isinstance(side, Literal) else [Literal(value) for value in side.of(row)]


def _hinted(
    left: Operand, holds: Predicate, parts: Sequence[_Part] = (), order: tuple[str, int] | None = None
) -> Filter:
    """What holds, and the column that it asks, where it asks one alone."""
    sides = [side for side, _ in parts if isinstance(side, Operand)]
    alone = left.column and all(side.column and side.name == left.name for side in sides)
    hint: Hint = Leaf(left.name, holds, order) if alone and left.name in COLUMNS else Unknown()
    return Filter(holds, hint)


def _opposite(inner: Filter) -> Filter:
    holds = inner.holds
    return Filter(lambda row: not holds(row), Opposite(inner.hint))
