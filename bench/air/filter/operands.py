"""One side of a relation in a display filter: a field, some of its octets or bits, a function of it, a sum.

    wpan.src64 == wpan.dst64      ipv6.src[8:2] & fe:ff == 02:00      udp.length - 8 == len(udp.payload)

As in Wireshark 4.0: both sides are of one kind; of several values each is joined with each; ``&`` binds weakest, then
``+ -``, then ``* / %``, and braces group; where a field is absent so is all that is made of it. What
overflows 32 bits (64 for wider fields), or is divided by nothing, is no value.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeAlias

import attrs

from bench.air.fields.base import Kind, Value, show
from bench.air.fields.tables import GROUPS, PROTOCOLS
from bench.air.filter.hints import Asked
from bench.air.filter.limits import greatest, is_unsigned, octets_wide, reckoned
from bench.air.filter.values import Literal, expected, literal
from bench.air.filter.words import Cut, Words, nearest
from bench.air.frozen import frozen
from bench.errors import echoed

Values: TypeAlias = Callable[[Asked], Sequence[Value]]

_INSTEAD: Final[Mapping[str, str]] = {
    "frame.cap_len": "frame.len, the packet's octets before the capture cut it",
    "frame.time": "frame.time_epoch, seconds since 1970",
    "frame.time_delta": "frame.time_relative, seconds since the first frame",
    "frame.time_delta_displayed": "frame.time_relative, seconds since the first frame",
    "frame.protocols": "a protocol's name alone, or layers contains NAME",
}
"""Fields of Wireshark's that are not had here, and what is asked in their place."""
_DEEPEST: Final = 50
_SLICED: Final = frozenset({Kind.OCTETS, Kind.EUI64, Kind.IPV6, Kind.TEXT})
_WIDEST_BITS: Final = 64
_EUI64_OCTETS: Final = 8


@frozen
class Operand:
    """Values of a frame: how they are had, and of which kind (None: only presence can be asked)."""

    name: str
    """The field, or how the expression is called in a mistake."""
    kind: Kind | None
    of: Values
    changed: bool = False
    """Whether the values are made of the field's, not its own."""
    column: bool = True
    """Whether the values are made of nothing but those of the field."""
    call: bool = False
    """Whether a function gives them."""

    def made(self, kind: Kind | None, of: Values) -> Operand:
        """What is made of this."""
        return attrs.evolve(self, kind=kind, of=of, changed=True)


Side: TypeAlias = "Operand | Literal"


class Operands:
    """Reads operands from the words. Raises `InputError` naming the place."""

    def __init__(self, words: Words, kinds: Mapping[str, Kind], plain: Mapping[str, type]) -> None:
        self._words = words
        self._kinds = kinds
        self._plain = plain
        self._depth = 0

    def left(self) -> Operand:
        """The left side, which a field or function begins."""
        found = self._bits(None)
        if isinstance(found, Literal):
            raise self._words.error("expected a field")
        return found

    def right(self, like: Operand) -> Side:
        """The right side: a value as ``like`` has them, or an operand of the same kind."""
        return self._checked(self._bits(like), like)

    def member(self, like: Operand) -> Side:
        """A member of a set: a value or a field."""
        return self._checked(self._atom(like), like)

    def _checked(self, found: Side, like: Operand) -> Side:
        if isinstance(found, Operand) and found.kind is not like.kind:
            raise self._words.error(f"{like.name} and {found.name} are not of one kind; expected 'and' or 'or' before")
        return headed(found) if isinstance(found, Operand) else found

    def _bits(self, like: Operand | None) -> Side:
        found = self._sum(like)
        while self._words.take("&"):
            found = self._joined("&", found, self._sum, like)
        return found

    def _sum(self, like: Operand | None) -> Side:
        found = self._product(like)
        while sign := self._words.take_sign("+", "-"):
            found = self._joined(sign, found, self._product, like)
        return found

    def _product(self, like: Operand | None) -> Side:
        found = self._atom(like)
        while sign := self._words.take_sign("*", "/", "%"):
            found = self._joined(sign, found, self._atom, like)
        return found

    def _joined(self, sign: str, one: Side, read: Callable[[Operand | None], Side], like: Operand | None) -> Operand:
        """One side, and what is read behind the sign, joined by it."""
        # On the right side a value may come first ("== 8 + udp.length"); it is read as the left side's kind has it.
        model = one if isinstance(one, Operand) else like
        if model is None or model.kind is None:
            raise self._words.error(f"expected a field with a value beside {sign}")
        # A protocol stands for its octets where it is compared or cut, but Wireshark does no arithmetic on all of it.
        whole = model.name in PROTOCOLS and not model.changed
        join = None if whole else _JOINS.get((sign, model.kind))
        if join is None:
            raise self._words.error(f"{model.name} is {model.kind.value} and has no {sign}; expected a comparison")
        other = read(model)
        if isinstance(other, Literal) and isinstance(other.value, int) and other.value < 0:
            raise self._words.error(f"expected a number without a sign behind {sign}")
        if sign in "/%" and isinstance(other, Literal) and not other.value:
            raise self._words.error("expected no division by 0")
        sides = [side for side in (one, other) if isinstance(side, Operand)]
        for side in sides:
            if side.kind is not model.kind:
                raise self._words.error(f"{model.name} and {side.name} are not of one kind")
        first, second, fits = _of(one), _of(other), reckoned(model.name)

        def of(row: Asked) -> list[Value]:
            # Each value with each. What overflows is no value, so that it cannot match by wrapping.
            joined = [join(a, b) for a in first(row) for b in second(row)]
            return [value for value in joined if value is not None and (not isinstance(value, int) or value in fits)]

        # Made of one field alone, it can be asked of that field's column of an index without decoding a frame.
        alone = all(side.column and side.name == model.name for side in sides)
        return Operand(model.name, model.kind, of, changed=True, column=alone)

    def _atom(self, like: Operand | None) -> Side:
        if self._words.take("{"):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._words.error(f"expected at most {_DEEPEST} braces in one another")
            found = self._bits(like)
            self._depth -= 1
            if not self._words.take("}"):
                raise self._words.error("expected '}'")
            return found
        if self._begins_with_sign():
            sign = self._words.take_sign("+", "-")
            inner = self._atom(like)
            return self._negative(inner) if sign == "-" else inner
        word = self._words.here
        if word is not None and word.is_name and self._words.then("("):
            return self._function()
        return self._field() if like is None or self.is_field(like) else self._literal(like)

    def _begins_with_sign(self) -> bool:
        """Whether a sign is here, and a field behind it."""
        # "-5" is one word, a value; "-udp.length" and "- {" are a sign and what it changes.
        word = self._words.here
        if word is None or word.quoted or word.text[:1] not in ("+", "-"):
            return False
        return word.text[1:] in self._kinds or (len(word.text) == 1 and self._words.then(*self._kinds, "{"))

    def _negative(self, inner: Side) -> Operand:
        if isinstance(inner, Literal) or inner.kind not in (Kind.NUMBER, Kind.SECONDS):
            raise self._words.error("expected a number behind -")
        of = inner.of
        return inner.made(inner.kind, lambda row: [-value for value in of(row) if isinstance(value, int)])

    def is_field(self, like: Operand) -> bool:
        """Whether a field's name is here. In jsonl's fields of text, a word that names no such field is text."""
        word = self._words.here
        if word is None or not word.is_name:
            return False
        name = word.text.partition("#")[0]  # "ip.src#1" is a field too, whose "#" `_field` refuses by name
        if self._words.then("("):
            return name in FUNCTIONS
        # A word with a dot names a field of whatever kind, so that a mistake of kinds is told as one. A plain word may
        # be a text (kind == DATA), so it is a field only where one of that name has the left side's kind.
        if "." in name:
            return name in self._kinds or name in GROUPS
        return (name in self._kinds and self._kinds[name] is like.kind) or (
            name in PROTOCOLS and like.kind is Kind.OCTETS
        )

    def _field(self) -> Operand:
        word = self._words.here
        if word is None or not word.is_name:
            raise self._words.error("expected a field")
        name = word.text
        if "#" in name:
            raise self._words.error("layers are not told apart here by '#'; expected the field alone")
        if name not in self._kinds and name not in GROUPS:
            if name in _INSTEAD:
                raise self._words.error(f"no field {echoed(name)!r} here; expected {_INSTEAD[name]}")
            otherwise = f"one of {', '.join(self._plain)}, or a field or protocol of Wireshark"
            raise self._words.error(f"unknown field {echoed(name)!r}; {nearest(name, self._kinds, otherwise)}")
        self._words.next()
        found = Operand(name, self._kinds.get(name), lambda row: row.values(name))
        if name in PROTOCOLS:
            found = attrs.evolve(found, kind=Kind.OCTETS, column=False)
        return self._slice(headed(found)) if found.kind is not None and self._words.take("[") else found

    def _slice(self, found: Operand) -> Operand:
        if found.kind not in _SLICED:
            raise self._words.error(f"{found.name} has no octets to cut; expected a comparison")
        cuts, of = self._words.cuts(), found.of
        kind = Kind.TEXT if found.kind is Kind.TEXT else Kind.OCTETS
        return found.made(kind, lambda row: [part for v in of(row) if (part := _pieces(v, cuts)) is not None])

    def _literal(self, like: Operand) -> Literal:
        word = self._words.here
        if word is None or not word.is_value:
            raise self._words.error("expected a value")
        kind = like.kind
        found = literal(word, like.name, kind) if kind is not None else None
        if word.text in GROUPS and not word.quoted and found is None:
            raise self._words.error(f"{word.text} has no value of its own here; expected a value")
        if found is None:
            raise self._words.error(f"expected {kind.value if kind else 'a field'} for {like.name}")
        # What was made of a field may take values that the field itself never has: "info[0:3] == DIO".
        wrong = None if like.changed and kind is not Kind.NUMBER else expected(found, like.name)
        if kind is Kind.NUMBER and like.name not in self._plain and isinstance(found.value, int):
            least = 0 if is_unsigned(like.name) and not like.changed else -(1 << _WIDEST_BITS)
            if not least <= found.value <= greatest(like.name):
                wrong = f"a number of at most {greatest(like.name)}" + (" and no sign" if least == 0 else "")
        if wrong is not None:
            raise self._words.error(f"expected {wrong} for {like.name}")
        self._words.next()
        return found

    def _function(self) -> Operand:
        word = self._words.here
        name = word.text if word else ""
        if name not in FUNCTIONS:
            raise self._words.error(f"unknown function; expected one of {', '.join(FUNCTIONS)}")
        self._words.next()
        self._words.take("(")
        args: list[Side] = [self._bits(None)]
        while name in ("min", "max") and self._words.take(","):
            args.append(self.right(args[0]) if isinstance(args[0], Operand) else self._bits(None))
        if not self._words.take(")"):
            raise self._words.error("expected ')'")
        first = args[0]
        if isinstance(first, Literal):
            raise self._words.error(f"expected a field in {name}()")
        found = attrs.evolve(self._applied(name, first, args), call=True)
        return self._slice(found) if self._words.take("[") else found

    def _applied(self, name: str, first: Operand, args: Sequence[Side]) -> Operand:
        kinds = FUNCTIONS[name]
        if first.kind not in kinds or (first.changed and name not in ("min", "max", "abs")):
            raise self._words.error(f"{name}() takes no {first.name} of this form; expected a field that has it")
        of = first.of
        if name in ("min", "max"):
            return self._picked(min if name == "min" else max, first, args)
        if name == "count":
            return _number(name, lambda row: [len(found)] if (found := of(row)) else [])
        if name == "len":
            octets, of = _octets_in(first), headed(first).of
            return _number(name, lambda row: [octets(value) for value in of(row)])
        if name == "string":
            tell = partial(show, first.kind)
            return first.made(Kind.TEXT, lambda row: list(map(tell, of(row))))
        if name == "abs":
            return first.made(first.kind, lambda row: [abs(v) for v in of(row) if isinstance(v, int)])
        change = str.upper if name == "upper" else str.lower
        return first.made(Kind.TEXT, lambda row: [change(v) for v in of(row) if isinstance(v, str)])

    def _picked(self, pick: Callable[[list[Any]], Any], first: Operand, args: Sequence[Side]) -> Operand:
        fields = [arg for arg in args if isinstance(arg, Operand)]
        # Wireshark has a type a width, and takes only one type in min() and max().
        if len({greatest(field.name) for field in fields}) > 1:
            raise self._words.error(f"expected fields as wide as {first.name}")
        alone = all(field.column and field.name == first.name for field in fields)
        return attrs.evolve(first.made(first.kind, _first(pick, [_of(side) for side in args])), column=alone)


def _number(name: str, of: Values) -> Operand:
    """A number that a function makes of a field."""
    return Operand(f"{name}()", Kind.NUMBER, of, changed=True, column=False)


def headed(operand: Operand) -> Operand:
    """A protocol's own octets, as Wireshark compares and cuts them: ``contains`` looks into all that it carries."""
    octets, of = PROTOCOLS.get(operand.name), operand.of
    # None: Wireshark counts all that is carried to the protocol, so there is nothing to cut off.
    if octets is None or operand.changed:
        return operand
    return attrs.evolve(operand, of=lambda row: [v[:octets] for v in of(row) if isinstance(v, bytes)])


def nonzero(value: Value) -> bool:
    """Whether a value made of a field's is something: no zero, not only zero octets."""
    return any(value) if isinstance(value, bytes) else bool(value)


def _of(side: Side) -> Values:
    if isinstance(side, Operand):
        return side.of
    values = (side.value,)
    return lambda row: values


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


def _first(pick: Callable[[list[Any]], Any], sides: Sequence[Values]) -> Values:
    """The least or greatest of the values that are there."""
    return lambda row: [pick(found)] if (found := [value for of in sides for value in of(row)]) else []


def _octets_in(field: Operand) -> Callable[[Value], int]:
    """How many octets a value takes: of text in UTF-8, of a number what its field is wide."""
    if field.kind is Kind.NUMBER:
        octets = octets_wide(field.name)
        return lambda value: octets
    return lambda value: len(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value))  # type: ignore[arg-type]


def _quotient(a: int, b: int) -> int | None:
    """As C divides: towards zero."""
    if not b:
        return None
    found = abs(a) // abs(b)
    return found if (a < 0) == (b < 0) else -found


def _remainder(a: int, b: int) -> int | None:
    found = _quotient(a, b)
    return None if found is None else a - b * found


def _octets_and(a: bytes, b: bytes) -> bytes:
    return bytes(map(operator.and_, a, b))


def _of_eui64(join: Callable[[int, int], int | None]) -> Callable[[bytes, bytes], bytes | None]:
    """EUI-64 are reckoned with as numbers of 64 bits; what does not fit them is no value."""

    def joined(a: bytes, b: bytes) -> bytes | None:
        found = join(int.from_bytes(a, "big"), int.from_bytes(b, "big"))
        fits = found is not None and 0 <= found < 1 << _WIDEST_BITS
        return found.to_bytes(_EUI64_OCTETS, "big") if found is not None and fits else None

    return joined


_ARITHMETIC: Final[Mapping[str, Callable[[int, int], int | None]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _quotient,
    "%": _remainder,
}
_JOINS: Final[Mapping[tuple[str, Kind], Callable[[Any, Any], Any]]] = {
    ("&", Kind.NUMBER): operator.and_,
    **{("&", kind): _octets_and for kind in (Kind.OCTETS, Kind.EUI64, Kind.IPV6)},
    **{(sign, Kind.NUMBER): join for sign, join in _ARITHMETIC.items()},
    **{(sign, Kind.EUI64): _of_eui64(join) for sign, join in _ARITHMETIC.items()},
    ("+", Kind.SECONDS): operator.add,
    ("-", Kind.SECONDS): operator.sub,
}
_ORDERED: Final = frozenset({Kind.NUMBER, Kind.SECONDS, Kind.EUI64, Kind.IPV6, Kind.TEXT, Kind.FLAG})
FUNCTIONS: Final[Mapping[str, frozenset[Kind]]] = {
    "len": frozenset({Kind.OCTETS, Kind.TEXT, Kind.EUI64, Kind.IPV6, Kind.NUMBER}),
    "count": frozenset(Kind),
    "string": frozenset({Kind.NUMBER, Kind.EUI64, Kind.IPV6}),
    "upper": frozenset({Kind.TEXT}),
    "lower": frozenset({Kind.TEXT}),
    "min": _ORDERED,
    "max": _ORDERED,
    "abs": frozenset({Kind.NUMBER, Kind.SECONDS}),
}
"""The functions of Wireshark 4.0, and the kinds of fields that they take."""
