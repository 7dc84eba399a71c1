"""Values in a filter expression: a word and the field's kind to something that values of frames are held against."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from ipaddress import IPv6Address, IPv6Network
from typing import Any, Final

from bench.air.fields.base import Kind, Value
from bench.air.fields.tables import FIELDS
from bench.air.filter.pattern import PatternError, compile_pattern
from bench.air.filter.words import Word, Words
from bench.air.frame.kinds import KINDS, MICS
from bench.air.frozen import frozen

PLAIN: Final = {int: Kind.NUMBER, str: Kind.TEXT, bool: Kind.FLAG, list: Kind.LIST, float: Kind.REAL}
"""Kinds of the jsonl fields by the types of their values."""

_PAIRS: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{2}(?:[:.-]?[0-9a-fA-F]{2})*|[0-9a-fA-F])")
_INTEGER: Final = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)")
_OCTAL: Final = re.compile(r"0[0-7]+")
_ADDRESSES: Final = frozenset({"src", "dst"})
_IPV6_TEXTS: Final = frozenset({"ipv6_src", "ipv6_dst"})
_WORDS: Final = {"kind": KINDS, "mic": MICS}


_LINK_ADDRESS: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){7}|0x[0-9a-f]{4}")


@frozen
class Literal:
    """A value to compare with; ``bits`` is the length of an IPv6 prefix."""

    value: Value
    bits: int | None = None

    def equals(self, have: Value) -> bool:
        """Whether a frame's value is this one, or lies in this prefix."""
        if self.bits is None or not isinstance(have, bytes) or not isinstance(self.value, bytes):
            return have == self.value
        one, other = self.sides(have)
        return bool(one == other)

    def sides(self, have: Value) -> tuple[Any, Any]:
        """A frame's value and this one, as they are put in order: of a prefix only its bits, the shorter octets first
        (addresses are of one length)."""
        if not isinstance(have, bytes) or not isinstance(self.value, bytes):
            return have, self.value
        if self.bits is None:
            return (len(have), have), (len(self.value), self.value)
        shift = 128 - self.bits
        return int.from_bytes(have, "big") >> shift, int.from_bytes(self.value, "big") >> shift


def literal(word: Word, name: str, kind: Kind) -> Literal | None:
    """The value of a word for a field of that kind, None where it is none."""
    text = word.text
    try:
        match kind:
            case Kind.NUMBER:
                return Literal(_number(text, name))
            case Kind.FLAG:
                words = {"true": True, "false": False}
                return Literal(words[text.lower()] if text.lower() in words else _integer(text) != 0)
            case Kind.REAL:
                return Literal(float(text))
            case Kind.SECONDS:
                return Literal(int(Decimal(text) * 1_000_000_000))
            case Kind.IPV6:
                return _ipv6(text)
            case Kind.EUI64 if not word.quoted and _INTEGER.fullmatch(text):
                return Literal(_integer(text).to_bytes(8, "big"))
            case Kind.EUI64 | Kind.OCTETS:
                octets = _octets(word, kind)
                return None if octets is None or (kind is Kind.EUI64 and len(octets) != 8) else Literal(octets)
    except (ValueError, KeyError, InvalidOperation, OverflowError):
        return None
    return Literal(_text(text, name))


def expected(found: Literal, name: str) -> str | None:
    """What a whole jsonl field of few words or one form should be held against, None where it is that.

    A value that no frame can have would find none without a word."""
    if name in _WORDS and found.value not in _WORDS[name]:
        return f"one of {', '.join(_WORDS[name])}"
    if name in _ADDRESSES and not _LINK_ADDRESS.fullmatch(str(found.value)):
        return "an address such as 00:0d:6f:ff:fe:03:00:01 or 0x0001"
    if name in _IPV6_TEXTS and not _is_ipv6(str(found.value)):
        return "an IPv6 address"
    return None


def _is_ipv6(text: str) -> bool:
    try:
        return bool(IPv6Address(text))
    except ValueError:
        return False


def _number(text: str, name: str) -> int:
    """Decimal, 0x or 0b; or a name that the field has for the number (``icmpv6.type == RPL``), ours or Wireshark's."""
    field = FIELDS.get(name)
    named = None if field is None else field.named(text)
    return _integer(text) if named is None else named


def _integer(text: str) -> int:
    """A number as C writes it: 0x, 0b, and octal behind a zero. Raises ValueError."""
    if _OCTAL.fullmatch(text):
        return int(text, 8)
    if not _INTEGER.fullmatch(text):
        raise ValueError(text)
    return int(text, 0)


def _ipv6(text: str) -> Literal:
    if "/" not in text:
        return Literal(IPv6Address(text).packed)
    network = IPv6Network(text, strict=False)
    return Literal(network.network_address.packed, network.prefixlen)


def _octets(word: Word, kind: Kind) -> bytes | None:
    """Octets of pairs of hex digits (or one digit), or a quoted text's own; None where it is neither.

    An address may be quoted, too."""
    pairs = _PAIRS.fullmatch(word.text)
    if pairs is None or (word.quoted and not (kind is Kind.EUI64 and re.search("[:.-]", word.text))):
        return word.text.encode("utf-8", "surrogateescape") if word.quoted else None
    return bytes.fromhex(re.sub("[:.-]", "", pairs[1]).rjust(2, "0"))


def _text(text: str, name: str) -> str:
    """The text as a jsonl line writes it: addresses in their one spelling."""
    if name in _ADDRESSES:
        return text.lower()
    if name in _IPV6_TEXTS:
        try:
            return str(IPv6Address(text))
        except ValueError:
            return text
    return text


def contains(word: Word, kind: Kind) -> Callable[[Value], bool] | None:
    """A test for values that hold the word: octets among octets, text in text, a name of a list."""
    if kind is Kind.LIST:
        return lambda value: value == word.text
    if kind is Kind.TEXT:
        return lambda value: isinstance(value, str) and word.text in value
    octets = _octets(word, kind)
    if octets is None:
        return None
    return lambda value: isinstance(value, bytes) and octets in value


def pattern(word: Word, words: Words) -> Callable[[Value], bool]:
    """A test for values that match the word as a regular expression. Raises `InputError`."""
    try:
        search = compile_pattern(word.text)
    except PatternError as error:
        raise words.error(str(error)) from None
    return lambda value: search(value.decode("latin-1") if isinstance(value, bytes) else str(value))
