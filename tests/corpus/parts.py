"""Parts of captures and what is said of them, as ``tests/data/corpus/parts.json.xz`` keeps it."""

from __future__ import annotations

from typing import Any, Final

import attrs

from tests.corpus.altered import Altered
from tests.corpus.cases import CORPUS, pack, unpacked
from tests.corpus.several import Several, Sniffer
from tests.corpus.short import Short

PARTS: Final = CORPUS / "parts.json.xz"

Part = Altered | Several | Short

SHORT: Final = tuple(
    Short(name, 0, 400, known)
    for known in (True, False)
    for name in (
        *("line2", "star3", "mcast", "badauth", "hiftrace", "fixedch"),
        *("contiki-rpl-lite-line4", "contiki-llsec-line3"),
    )
)
"""Whole captures, or their beginnings: nothing in them was searched for."""


@attrs.frozen(slots=True)
class Kept:
    """A part and what was said of it."""

    part: Part
    figures: Any


def read_parts() -> list[Kept]:
    """What is stored, in order of ids; empty where nothing is."""
    return [Kept(_part(one), one["figures"]) for one in (unpacked(PARTS) if PARTS.exists() else [])]


def write_parts(parts: list[Part]) -> None:
    """Store these with what the code says of them today."""
    distinct = {part.id: part for part in (*parts, *SHORT)}
    pack(PARTS, [{**_plain(part), "figures": part.figures()} for _, part in sorted(distinct.items())])


def _part(told: dict[str, Any]) -> Part:
    place = told["name"], told["since"], told["until"]
    if "known" in told:
        return Short(*place, told["known"], told["again"])
    if "sniffers" in told:
        return Several(*place, tuple(Sniffer(**one) for one in told["sniffers"]))
    return Altered(*place, tuple(map(tuple, told["changes"])))


def _plain(part: Part) -> dict[str, Any]:
    plain = attrs.asdict(part, recurse=False)
    if isinstance(part, Several):
        plain["sniffers"] = [attrs.asdict(one, filter=_is_said) for one in part.sniffers]
    return plain


def _is_said(field: attrs.Attribute[Any], value: Any) -> bool:
    return bool(value != field.default)
