"""Parts of captures with changes by chance, and those among them by which a mutant of the air's code is seen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import attrs

from bench.measurands.air.sightings.sighting import Datagram, Sighting
from tests.corpus.altered import Altered, Change, Path, get, stretch, whole
from tests.corpus.paper import PAPER
from tests.corpus.parts import Part
from tests.corpus.searched import first_telling
from tests.corpus.several import Several, Sniffer
from tests.measurands.air.real import records
from tests.mutation.mutants import Mutant

NAMES: Final = (
    *(4 * PAPER),
    *("line2", "star3", "mcast", "badauth", "contiki-rpl-lite-line4", "contiki-llsec-line3"),
    *("hiftrace", "rigline2", "twopan", "pomrpi", "mix-twk1", "fixedch"),
)
_SPANS_NS: Final = tuple(
    sign * seconds * 1_000_000_000 + near
    for seconds in (0, 1, 2, 10, 60, 300, 600, 3600)
    for sign in (1, -1)
    for near in (-1, 0, 1)
)
"""Windows that the measurands know, their edges, and just beside them."""
_NEAR_NS: Final = (1, -1, 2_000_000, -2_000_000, 10_000_000, 250_000_000, 123_456_789)
_NUMBERS: Final = (
    1,
    -1,
    1,
    -1,
    2,
    -2,
    3,
    7,
    8,
    9,
    -8,
    15,
    16,
    17,
    -16,
    -17,
    64,
    127,
    128,
    129,
    200,
    201,
    255,
    256,
    1000,
)
_WORDS: Final = {
    "kind": ("PAS", "PCS", "PA", "PC", "LPAS", "LPCS", "LPA", "LPC", "DATA", "ACK", "EAPOL", "?"),
    "mic": ("ok", "bad", "no key", "none"),
    "step": (
        *("request", "1/4", "2/4", "3/4", "4/4", "group 1/2", "group 2/2"),
        *("eap request", "eap response", "eap success", "eap failure", "other"),
    ),
}
_OTHERS: Final = {
    "rank": (0, 1, 128, 256, 384, 0xFFFF, 0xFFFE),
    "routing_cost": (0, 1, 128, None),
    "root": (True, False, None),
    "step": (128, 256, None),
    "air_ns": (None, 8_000_000, 12_345_678),
    "rssi_dbm": (None, -70.0, -71.5, -93.0),
    "rsl_dbm": (None, -70, -71, -93),
    "host_ns": (None,),
    "plan": (None, (2, 21), (2, 22), (1, 1)),
    "withdrawn": ((),),
    "ahead": ((),),
}
_LIKELY: Final = {"seq": 3, "counter": 3, "key_index": 2, "src": 2, "dst": 2, "body": 2, "message": 3, "content": 2}


_LENGTHS: Final = (4, 8, 12, 20, 40, 80, 150)
_SNIFFERS: Final[dict[str, tuple[float, tuple[Any, ...]]]] = {
    "offset_ns": (0.7, (1, 8_000_000, -777_000_000, 123_456_789, 299_000, 10**9 - 1, 10**9, -(10**16), 3 * 10**16)),
    "drift_ppm": (0.5, (20.0, -40.0, 5.0, 0.5, 900.0, 999.0, 1001.0, -1100.0)),
    "noise_ns": (0.5, (100.0, 1000.0, 20_000.0, 60_000.0, 400_000.0, 2e8)),
    "hears": (0.5, (0.9, 0.6, 0.3, 0.1, 0.05)),
    "resolution_ns": (0.3, (256, 1000, 1_000_000)),
    "stamps_end": (0.25, (True,)),
    "damaged": (0.3, (0.1, 0.4, 0.9)),
    "late": (0.3, (0.1, 0.3, 0.6)),
    "late_ns": (0.3, (8_000_000, 500_000_000, 2 * 10**9, 60 * 10**9)),
    "first": (0.3, (10, 25, 40)),
    "last": (0.3, (5, 12, 30, 60)),
    "again": (0.2, (0.1, 0.5)),
    "again_ns": (0.8, (1000, 299_999, 300_000, 300_001, 500_000, 10**9, 10**9 + 1, 2 * 10**9, 3 * 10**9)),
    "channel": (0.3, (1, 2, 11)),
    "tap": (0.3, (True,)),
    "far": (0.3, (True,)),
    "seed": (0.9, tuple(range(1, 100))),
}
"""How often a sniffer has which trait, and its values."""
_OF_SEVERAL: Final = ("clocks", "merge")
"""Modules that several captures alone ask."""
TRIES: Final = 1500
"""Parts that are made up for all mutants together."""


def sought(mutants: Iterable[Mutant], seed: int) -> Iterator[tuple[Mutant, Part | None]]:
    """Each with a part by which it is seen, or None; parts that saw an earlier one are asked first."""
    rng = random.Random(seed)
    made = {make: [part for part in (make(rng) for _ in range(TRIES)) if _holds(part)] for make in (drawn, heard)}
    answers = {part.id: part.figures() for parts in made.values() for part in parts}
    first: list[Part] = []
    for mutant in mutants:
        parts = [*first, *made[heard if mutant.path.stem in _OF_SEVERAL else drawn]]
        place = first_telling(mutant, [partial(_differs, part, answers[part.id]) for part in parts])
        found = None if place is None else parts[place]
        first += [] if found is None or found in first else [found]
        yield mutant, found


def _holds(part: Part) -> bool:
    """Whether the right code has an answer: changes may make what nobody sends."""
    try:
        part.figures()
    except Exception:
        return False
    return True


def _differs(part: Part, answer: Any) -> bool:
    try:
        return bool(part.figures() != answer)
    except Exception:
        return True


def heard(rng: random.Random) -> Several:
    """A stretch and two to four sniffers of it."""
    name = rng.choice(tuple(one for one in NAMES if one not in PAPER))
    length, all_of_it = rng.choice(_LENGTHS), len(records(name))
    since = rng.randrange(max(1, all_of_it - length))
    sniffers = [_sniffer(rng) for _ in range(rng.choice((2, 2, 2, 3, 3, 4)))]
    if rng.random() < 0.5:
        sniffers[0] = Sniffer()
    return Several(name, since, min(all_of_it, since + length), tuple(sniffers))


def _sniffer(rng: random.Random) -> Sniffer:
    return Sniffer(**{name: rng.choice(values) for name, (often, values) in _SNIFFERS.items() if rng.random() < often})


def drawn(rng: random.Random, names: Sequence[str] = NAMES) -> Altered:
    """A stretch and up to a dozen changes."""
    name = rng.choice(names)
    length, all_of_it = rng.choice((25, 50, 80, 120, 200)), len(whole(name))
    since = rng.randrange(max(1, all_of_it - length))
    until = min(all_of_it, since + length)
    changes: list[Change] = []
    for _ in range(rng.choice((1, 2, 4, 6, 9, 12))):
        found = stretch(name, since, until, tuple(changes))
        if len(found) > 2:
            changes += _change(found, rng)
    return Altered(name, since, until, tuple(changes))


def _change(found: Sequence[Sighting], rng: random.Random) -> Iterator[Change]:
    telling = [place for place, one in enumerate(found) if _tells(one)]
    at = rng.choice(telling) if telling and rng.random() < 0.6 else rng.randrange(len(found))
    word = rng.choices(
        ("without", "again", "moved", "later", "after", "swapped", "field", "every"), (3, 4, 2, 4, 4, 2, 14, 2)
    )[0]
    if word == "without":
        yield (word, at, rng.choice((1, 1, 1, 2, 3, 10)))
    elif word == "again":
        yield (word, at, rng.choice((*_SPANS_NS, *_NEAR_NS)), rng.choice((0, 0, 1, 2, 5)))
    elif word == "moved":
        yield (word, at, rng.choice(_NEAR_NS))
    elif word == "later":
        yield (word, at, rng.choice((*_SPANS_NS, *_NEAR_NS)))
    elif word in ("after", "swapped"):
        near = max(0, at - rng.choice((1, 1, 2, 3, 5, 9)))
        other = rng.choice(telling) if telling and rng.random() < 0.4 else near
        yield (word, at, other, rng.choice((*_SPANS_NS, *_NEAR_NS))) if word == "after" else (word, at, other)
    elif word == "field":
        yield from _field(found, at, rng)
    else:  # the same of several in a row, as counters that fell
        path = rng.choice((["counter"], ["seq"], ["key_index"], ["mic"], ["asks"]))
        value = rng.choice(_WORDS["mic"]) if path == ["mic"] else rng.choice((True, False))
        by = rng.choice(_NUMBERS)
        for place in range(at, min(len(found), at + rng.choice((2, 3, 6)))):
            if path in (["mic"], ["asks"]):
                yield ("says", place, path, value)
            elif get(found[place], path) is not None:
                yield ("adds", place, path, by)


def _field(found: Sequence[Sighting], at: int, rng: random.Random) -> Iterator[Change]:
    places = [(path, value) for path, value in _places(found[at], []) if path[-1] not in ("ordinal", "start_ns")]
    path, value = rng.choices(places, [_LIKELY.get(str(path[-1]), 1) for path, _ in places])[0]
    last = str(path[-1])
    ways = ["takes", "takes"]
    if last in _WORDS or last in _OTHERS or isinstance(value, bool) or value is None:
        ways += ["says"] * 3
    if isinstance(value, int) and not isinstance(value, bool):
        ways += ["adds"] * 3
    way = rng.choice(ways)
    if way == "adds":
        by = rng.choice((*_NUMBERS, *_SPANS_NS, *_NEAR_NS) if last.endswith("_ns") else _NUMBERS)
        yield ("adds", at, path, by)
    elif way == "says":
        words: tuple[Any, ...] = (None,)
        if isinstance(value, str) and last in _WORDS:
            words = _WORDS[last]
        elif last in _OTHERS:
            words = _OTHERS[last]
        elif isinstance(value, bool):
            words = (not value,)
        yield ("says", at, path, rng.choice(words))
    else:
        others = [place for place, one in enumerate(found) if place != at and _has(one, path)]
        if others:
            yield ("takes", at, path, rng.choice(others))


def _tells(one: Sighting) -> bool:
    """Whether it says what is not said in every second frame."""
    return one.content is not None and not (isinstance(one.content, Datagram) and one.content.message is None)


def _has(one: Any, path: Path) -> bool:
    try:
        return get(one, path) is not None
    except (LookupError, AttributeError, TypeError):
        return False


def _places(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Sighting):
        inner: Any = zip(value._fields, value, strict=True)
    elif attrs.has(type(value)):
        inner = ((field.name, getattr(value, field.name)) for field in attrs.fields(type(value)))
    elif isinstance(value, tuple):
        inner = enumerate(value)
    else:
        return
    for key, item in inner:
        yield [*path, key], item
        yield from _places(item, [*path, key])
