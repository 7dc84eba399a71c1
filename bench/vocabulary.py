"""What a kind of observation is, and what is refused of one; the kinds themselves are in `bench.kinds`.

A kind is a name (a ``str``, so it stands wherever a kind's name does) that also says what an observation of it holds.
`check` is what the recorder asks before a row is on disk: an unknown kind, a field too many or too few, or a value of
another type is a bug of the bench and is raised, never written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import attrs

from bench.records import Json, Observation


class Type(StrEnum):
    """What a field's value may be; a whole number is a number, a truth value is neither."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "true or false"
    TEXTS = "list of texts"
    OBJECTS = "list of objects"


_FITS: Final[Mapping[Type, Callable[[Any], bool]]] = {
    Type.TEXT: lambda value: isinstance(value, str),
    Type.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    Type.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    Type.TRUTH: lambda value: isinstance(value, bool),
    Type.TEXTS: lambda value: isinstance(value, list | tuple) and all(isinstance(item, str) for item in value),
    Type.OBJECTS: lambda value: isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value),
}


@attrs.frozen(slots=True)
class Field:
    """One value in an observation's ``data``. ``unit`` is empty for what has none; ``says`` stands in the docs."""

    name: str
    type: Type
    says: str = ""
    unit: str = ""
    optional: bool = False


class Kind(str):
    """A kind's name, and what is known of its observations.

    ``source`` and ``subject`` say who tells it of whom (for people: a laboratory names its ports as it likes).
    ``more`` names what further fields may stand in its data; empty: none may.
    """

    source: str
    subject: str
    fields: tuple[Field, ...]
    says: str
    more: str

    def __new__(cls, name: str, source: str, subject: str, *fields: Field, says: str = "", more: str = "") -> Kind:
        kind = super().__new__(cls, name)
        kind.source, kind.subject, kind.fields, kind.says, kind.more = source, subject, fields, says, more
        return kind

    def lacks(self, data: Mapping[str, Json]) -> str:
        """Which field of this kind ``data`` has not, or of another type, for a message; empty when none."""
        for field in self.fields:
            if field.name not in data:
                if not field.optional:
                    return f"no field '{field.name}'"
            elif not _FITS[field.type](data[field.name]):
                return f"field '{field.name}' is {data[field.name]!r}, not {field.type}"
        return ""

    def wrong(self, data: Mapping[str, Json]) -> str:
        """What is wrong with ``data`` as an observation of this kind, for a message; empty when nothing is."""
        if why := self.lacks(data):
            return why
        extra = sorted(set(data) - {field.name for field in self.fields})
        return f"a field '{extra[0]}' that it has not" if extra and not self.more else ""


class WrongObservation(ValueError):
    """An observation that its vocabulary does not know: a bug of whoever made it."""


KINDS: Final[dict[str, Kind]] = {}
"""Every kind by its name, in the order of the docs."""


def register(kind: Kind) -> Kind:
    """Make a kind known; the same one again is no news. ValueError when another one has its name."""
    known = KINDS.setdefault(kind, kind)
    if known is not kind and (known.fields, known.more) != (kind.fields, kind.more):
        raise ValueError(f"kind '{kind}' is declared twice, and not alike")
    return known


def check(observation: Observation) -> None:
    """Raise `WrongObservation` where the vocabulary does not know what ``observation`` says."""
    kind = KINDS.get(observation.kind)
    if kind is None:
        raise WrongObservation(f"unknown kind of observation '{observation.kind}' from {observation.source}")
    if why := kind.wrong(observation.data):
        raise WrongObservation(f"{observation.kind} from {observation.source}: {why}")
