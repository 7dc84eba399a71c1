"""Is what people wrote for a plan sound? Asked of files before a run, with the line of whatever is not.

A model (`bench.plan.schema`) says what a file may hold, also one that was stored years ago. What is refused here has no
place in a *new* run: two samples of one EUI-64, a limit in a unit that its measurand does not give, days that are too
few for what is judged from them. A stored run is judged as it is, so it is never asked; another guideline or agreement
that it is judged by is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

import attrs

from bench.errors import InputError
from bench.measurands.judged.registry import ADDED, FIGURES, REGISTRY
from bench.measurands.judged.storage_terminal import STORED_HOURS
from bench.measurands.judged.upload_daily import LEAST_DAYS
from bench.plan.schema import Agreement, Guideline, Interpretation, Override, Profile, TerminalDeclaration
from bench.plan.words import FUNCTIONS, METER_PORTS, RADIO_METHODS
from bench.yamlfile import Place, Source

LEAST: Final[Mapping[str, tuple[str, int]]] = {
    "upload.daily": ("steady_days", LEAST_DAYS),
    "storage.terminal": ("outage_days", STORED_HOURS // 24),
    "storage.terminal.2": ("outage_days", STORED_HOURS // 24),
    "storage.server": ("steady_days", STORED_HOURS // 24),
}
"""Measurands that prove nothing below so many days, and the profile's field that gives them."""

Named = tuple[Place, str]
"""A name and where it stands."""


def check_declaration(source: Source, told: TerminalDeclaration) -> None:
    """Raise InputError for an unknown word, or a name, serial, EUI-64 or meter that is there twice."""
    methods = [(("radio_methods", i), name) for i, name in enumerate(told.radio_methods)]
    _once(source, methods, "radio method")
    if not set(told.radio_methods) & set(RADIO_METHODS):
        what = f"radio_methods {', '.join(told.radio_methods)}: none of the guideline's five"
        raise source.error(("radio_methods",), what, f"at least one of {', '.join(RADIO_METHODS)} (4-1)")
    functions = [(("functions", i), name) for i, name in enumerate(told.functions)]
    _known(source, functions, FUNCTIONS, "function")
    _once(source, functions, "function")
    _known(source, [(("observable", "meter_port"), told.observable.meter_port)], METER_PORTS, "meter_port")
    for field in ("id", "serial", "eui64"):
        _once(source, [(("samples", i, field), getattr(one, field)) for i, one in enumerate(told.samples)], field)
    meters = [(("samples", i, "meters", j), m) for i, one in enumerate(told.samples) for j, m in enumerate(one.meters)]
    _once(source, meters, "meter")
    _once(source, [(("certificates", i, "number"), c.number) for i, c in enumerate(told.certificates)], "certificate")
    _check_valves(source, told)
    for place, name in [*meters, *((("samples", i, "id"), one.id) for i, one in enumerate(told.samples))]:
        if not name.strip():
            raise source.error(place, "an empty name", "the name that the rig file has for it")


LEAST_CYCLES: Final = 2
"""A shut-off with its reopening, and one that finds a leak."""


def _check_valves(source: Source, told: TerminalDeclaration) -> None:
    """Raise InputError for a valve at no meter of the sample, or control without cycles that a test may make."""
    for i, one in enumerate(told.samples):
        _known(source, [(("samples", i, "valves", j), name) for j, name in enumerate(one.valves)], one.meters, "valve")
    valves = "control" in told.functions and any(one.valves for one in told.samples)
    if valves and told.valve_cycles < LEAST_CYCLES:
        what = f"valve_cycles: {told.valve_cycles} with control"
        raise source.error(
            ("valve_cycles",), what, f"at least {LEAST_CYCLES}: how often each valve may be shut and reopened"
        )


def check_guideline(source: Source, told: Guideline) -> None:
    """Raise InputError for a reading that no measurand can be judged by."""
    for number, row in enumerate(told.requirements):
        if row.interpretation is not None:
            place = ("requirements", number, "interpretation")
            read = row.interpretation
            _known(source, [((*place, "measurand"), read.measurand)], {**REGISTRY, **ADDED}, "measurand")
            scope = [((*place, "applies_to", "functions", i), name) for i, name in enumerate(read.applies_to.functions)]
            _known(source, scope, FUNCTIONS, "function")
            _check_figure(source, place, read.measurand, read)


def check_overrides(source: Source, told: Agreement | Profile, guideline: Guideline) -> None:
    """Raise InputError where a reading of a requirement is changed that is not there, or to what cannot be."""
    rows = {row.id: row.interpretation for row in guideline.requirements}
    judged = [name for name, read in rows.items() if read is not None]
    for name, override in told.interpretation.items():
        read = rows.get(name)
        if read is None:
            what = f"requirement '{name}' is {'not judged' if name in rows else 'unknown'}"
            raise source.error(("interpretation", name), what, f"one of {', '.join(judged)}", key=True)
        _check_figure(source, ("interpretation", name), read.measurand, override)


def check_documents(source: Source, told: Agreement, known: Collection[str]) -> None:
    """Raise InputError for a document that is named twice, or answers a requirement of no ``known`` id."""
    _once(source, [(("documents", i, "id"), one.id) for i, one in enumerate(told.documents)], "document")
    answers = [
        (("documents", i, "answers", j), a) for i, one in enumerate(told.documents) for j, a in enumerate(one.answers)
    ]
    _known(source, answers, dict.fromkeys(known), "requirement")


@attrs.frozen(slots=True)
class Need:
    """A requirement that needs more days than the profile drives."""

    requirement: str
    measurand: str
    field: str
    least: int


def check_days(source: Source, profile: Profile, asked: Iterable[tuple[str, str]]) -> None:
    """Raise InputError where the profile's days are too few for what is judged from them.

    ``asked``: ids and measurands of the requirements that the run is to judge.
    """
    for need in needs(asked):
        days = getattr(profile, need.field)
        if days < need.least:
            what = f"{need.field}: {days} are too few: {need.requirement} ({need.measurand}) needs {need.least}"
            expected = f"at least {need.least}, or a selection without {need.requirement}"
            raise source.error((need.field,), what, expected)


def needs(asked: Iterable[tuple[str, str]]) -> Iterator[Need]:
    """What these requirements need of the profile's days."""
    for requirement, measurand in asked:
        if measurand in LEAST:
            yield Need(requirement, measurand, *LEAST[measurand])


def _check_figure(source: Source, place: Place, measurand: str, read: Interpretation | Override) -> None:
    figure = FIGURES.get(measurand)
    if read.limit is not None and read.limit < 0:
        raise source.error((*place, "limit"), f"limit {read.limit:g} is negative", "0 or more")
    if figure is None:
        return
    if read.unit and read.unit != figure.unit:
        what = f"unit '{read.unit}' is not what {measurand} gives"
        raise source.error((*place, "unit"), what, f"unit: {_quoted(figure.unit)}")
    if read.statistic and read.statistic not in figure.statistics:
        what = f"statistic '{read.statistic}' is none of {measurand}'s"
        raise source.error((*place, "statistic"), what, f"one of {', '.join(figure.statistics)}")


def _quoted(unit: str) -> str:
    return f'"{unit}"' if unit.isdigit() else unit


def _known(source: Source, names: Iterable[Named], known: Collection[str], what: str) -> None:
    for place, name in names:
        if name not in known:
            raise source.error(place, f"{what} '{name}' is unknown", f"one of {', '.join(known)}")


def _once(source: Source, names: Iterable[Named], what: str) -> None:
    seen: dict[str, Place] = {}
    for place, name in names:
        if name in seen:
            raise twice(source, f"{what} '{name}'", seen[name], place)
        seen[name] = place


def twice(source: Source, what: str, first: Place, second: Place) -> InputError:
    """The error of something that may be there once only, naming both places."""
    return source.error(second, f"{what} is there twice, first in line {source.line(first)}", "each once")
