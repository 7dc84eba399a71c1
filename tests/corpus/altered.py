"""Part of a capture with some things changed: what one night in a thousand has, and no capture of ours.

A case is a stretch of the sightings of a capture and a list of changes, each at a sighting by its place in the stretch:

* ``("without", at, many)``: as many are missing from there on
* ``("again", at, by_ns, later)``: it comes once more, so many places later, so much after
* ``("moved", at, by_ns)``: it comes so much later, at the same place; ``("later", at, by_ns)``: and all after it
* ``("after", at, other, by_ns)``: it starts so much after another one does
* ``("swapped", at, other)``: each stands at the other's place, with its own stamp
* ``("says", at, [field, ...], value)``: a number, a word or nothing stands in a field of it
* ``("adds", at, [field, ...], number)``: so much more stands there
* ``("takes", at, [field, ...], other)``: there stands what another sighting has there

Later changes see what earlier ones left. A change whose place is not there changes nothing.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final

import attrs

from bench.measurands.air.figures.hops import AddressBook
from bench.measurands.air.figures.report import as_json, measure_digest
from bench.measurands.air.sightings.acks import RETRY_WINDOW_NS
from bench.measurands.air.sightings.digest import settle
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.sighting import Datagram, Sighting
from tests.corpus.paper import PAPER, paper
from tests.measurands.air.real import frames

Change = tuple[Any, ...]
Path = Sequence[str | int]


@attrs.frozen(slots=True)
class Altered:
    """The stretch of a capture (from place ``since`` to before ``until``) with its changes."""

    name: str
    since: int
    until: int
    changes: tuple[Change, ...]

    @property
    def id(self) -> str:
        """For people and for pytest."""
        told = zlib.crc32(json.dumps(self.changes).encode())
        return f"{self.name}/{self.since}-to-{self.until}/{len(self.changes)}-changes-{told:08x}"

    @property
    def in_order(self) -> bool:
        """Whether its frames come in order of time but for some seconds."""
        return all(one.start_ns - other.start_ns <= RETRY_WINDOW_NS for one, other in pairwise(self._stretch()))

    def _stretch(self) -> list[Sighting]:
        return stretch(self.name, self.since, self.until, self.changes)

    def figures(self) -> Any:
        """What `kenshin measure` says of it; plain JSON."""
        book = AddressBook()
        seen = settle(self._stretch(), book.learn)
        return json.loads(json.dumps(as_json(measure_digest(seen, book))))


@cache
def whole(name: str) -> tuple[Sighting, ...]:
    """All sightings of a capture, or of a network on paper."""
    return tuple(sightings(paper(name) if name in PAPER else frames(name)))


def stretch(name: str, since: int, until: int, changes: tuple[Change, ...]) -> list[Sighting]:
    """The sightings of a capture from place ``since`` to before ``until``, as the changes leave them."""
    found = list(whole(name)[since:until])
    for word, at, *more in changes:
        if at < len(found):
            _CHANGES[word](found, at, *more)
    return [one._replace(ordinal=ordinal) for ordinal, one in enumerate(found)]


_Found = list[Sighting]


def _without(found: _Found, at: int, many: int) -> None:
    del found[at : at + many]


def _again(found: _Found, at: int, by_ns: int, later: int) -> None:
    found.insert(at + 1 + later, _moved_by(found[at], by_ns))


def _moved(found: _Found, at: int, by_ns: int) -> None:
    found[at] = _moved_by(found[at], by_ns)


def _later(found: _Found, at: int, by_ns: int) -> None:
    found[at:] = [_moved_by(one, by_ns) for one in found[at:]]


def _after(found: _Found, at: int, other: int, by_ns: int) -> None:
    if other < len(found):
        _moved(found, at, found[other].start_ns + by_ns - found[at].start_ns)


def _swapped(found: _Found, at: int, other: int) -> None:
    if other < len(found):
        one, two = found[at], found[other]
        found[at] = _moved_by(two, one.start_ns - two.start_ns)
        found[other] = _moved_by(one, two.start_ns - one.start_ns)


def _says(found: _Found, at: int, path: Path, value: Any) -> None:
    found[at] = put(found[at], path, lambda _: tuple(value) if isinstance(value, list) else value)


def _adds(found: _Found, at: int, path: Path, number: int) -> None:
    found[at] = put(found[at], path, lambda value: value + number)


def _takes(found: _Found, at: int, path: Path, other: int) -> None:
    if other < len(found):
        value = get(found[other], path)
        found[at] = put(found[at], path, lambda _: value)


_CHANGES: Final[Mapping[str, Callable[..., None]]] = {
    "without": _without,
    "again": _again,
    "moved": _moved,
    "later": _later,
    "after": _after,
    "swapped": _swapped,
    "says": _says,
    "adds": _adds,
    "takes": _takes,
}


def _moved_by(one: Sighting, by_ns: int) -> Sighting:
    content = one.content
    if isinstance(content, Datagram):
        content = attrs.evolve(content, first_ns=content.first_ns + by_ns)
    return one._replace(start_ns=one.start_ns + by_ns, content=content)


def get(value: Any, path: Path) -> Any:
    """What stands in a field of a record of records; LookupError or AttributeError where there is none."""
    for key in path:
        value = value[key] if isinstance(key, int) else getattr(value, key)
    return value


def put(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    """The same record with that field changed."""
    if not path:
        return change(value)
    key, *rest = path
    if isinstance(key, int):
        return (*value[:key], put(value[key], rest, change), *value[key + 1 :])
    inner = put(getattr(value, key), rest, change)
    return value._replace(**{key: inner}) if isinstance(value, Sighting) else attrs.evolve(value, **{key: inner})
