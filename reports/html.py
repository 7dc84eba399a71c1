"""The top of ``report.html``: bottom line, clause table, each requirement with its plots, what was not judged, facts.

Pure functions from :class:`reports.model.RunReport` to HTML text. Everything goes through jinja2 with autoescape
(``summary.html.j2``); only the style sheet and the plots of ``reports.plots`` are marked as safe there.
``reports.plugin`` hands the result to pytest-html.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import attrs

from bench.air.octets import counted
from bench.judge.decide import combine
from bench.judge.findings import explained
from bench.records import Json, Outcome, Verdict
from reports import figures
from reports.glossary import glossary, obligation_term, outcome_term, term
from reports.model import CatalogueRow, RunFacts, RunReport
from reports.plots import caption, plot_for

if TYPE_CHECKING:
    from jinja2 import Template

Draw: TypeAlias = Callable[[Verdict], str | None]

SUBJECTS_SHOWN = 8
"""A row of the overview has a line for each of so many subjects; of more it says how far their figures reach."""
CITATIONS_SHOWN = 6
"""A storage verdict cites hundreds of rows; ``verdicts.json`` has them all."""


@attrs.frozen(slots=True)
class BudgetRow:
    """One line of an uncertainty budget as the template prints it."""

    source: str
    distribution: str
    u: str
    sensitivity: str
    part: str
    dof: str
    group: str


@attrs.frozen(slots=True)
class Budget:
    """An uncertainty budget: its lines, what they make together, and what clocks leave open (empty: nothing)."""

    rows: tuple[BudgetRow, ...]
    combined: str
    dof: str
    expanded: str
    bounds: str


@attrs.frozen(slots=True)
class VerdictRow:
    """One verdict as the template prints it."""

    subject: str
    beside: str
    value: str
    uncertainty: str
    u_known: bool
    limit: str
    outcome: Outcome
    deviation: str
    reason: str
    decision_rule: str
    claim: str
    budget: Budget | None
    conditions: tuple[tuple[str, str], ...]
    cited: str


@attrs.frozen(slots=True)
class OverviewLine:
    """One line of a requirement in the overview: a subject, or many that came to the same verdict."""

    beside: str
    value: str
    uncertainty: str
    u_known: bool


@attrs.frozen(slots=True)
class RequirementRow:
    """One judged requirement with its verdicts; ``row`` is None when the catalogue does not know it."""

    anchor: str
    clause: str
    title_ja: str
    title_en: str
    limit: str
    outcome: Outcome
    deviates: bool
    row: CatalogueRow | None
    interpretation: tuple[tuple[str, str], ...]
    note: str
    verdicts: tuple[VerdictRow, ...]
    overview: tuple[OverviewLine, ...]
    plots: tuple[tuple[str, str], ...]


@attrs.frozen(slots=True)
class NotJudgedRow:
    """One requirement without a verdict, and why."""

    clause: str
    title_ja: str
    title_en: str
    row: CatalogueRow | None
    why: str


def summary(report: RunReport, draw: Draw = plot_for) -> str:
    """The whole top of the report as HTML; ``draw`` gives the figure of a verdict (0.1 s each), or None."""
    outcomes = [verdict.outcome for verdict in report.verdicts]
    facts = report.facts
    return _template().render(
        css=_css(),
        report=report,
        facts=facts,
        bad=_is_bad(outcomes) or bool(report.left_out or report.altered),
        bottom_line=bottom_line(report),
        counts=[(outcome, n) for outcome in Outcome if (n := Counter(outcomes)[outcome])],
        requirements=[_requirement(report, requirement, draw) for requirement in _judged(report)],
        not_judged=[_not_judged(report, each.requirement, each.clause, each.why) for each in report.not_judged],
        fact_rows=list(_fact_rows(report)),
        rig_time=_rig_time(facts),
        wall_time=_wall_time(facts),
        glossary=glossary(),
        term=term,
        outcome_term=outcome_term,
        obligation_term=obligation_term,
    )


def bottom_line(report: RunReport) -> str:
    """The run in a few words: what failed, what could not be judged, which targets were missed, how much was judged."""
    if not report.verdicts:
        return "Nothing was judged."
    parts = []
    for outcome, words in _BOTTOM_LINE:
        if missed := sorted({v.requirement for v in report.verdicts if v.outcome is outcome}):
            parts.append(f"{words}: {', '.join(missed)}.")
    if deviating := sorted({v.requirement for v in report.verdicts if v.deviation is not None}):
        parts.append(f"Deviation from the guideline's reading: {', '.join(deviating)}.")
    if not any(v.outcome in _FAILED for v in report.verdicts):
        parts.insert(0, "No requirement failed.")
    if report.partial:
        parts.insert(0, f"{report.partial}.")
    judged = len({verdict.requirement for verdict in report.verdicts})
    return " ".join([*parts, f"Judged: {judged} of {counted(judged + len(report.not_judged), 'requirement')}."])


def verdict_cell(verdicts: Sequence[Verdict]) -> str:
    """The cell of pytest-html's result table: the worst verdict word of one test; empty cell without verdicts."""
    if not verdicts:
        return '<td class="col-verdict"></td>'
    word = combine(verdict.outcome for verdict in verdicts)
    mark = _MARK if any(verdict.deviation is not None for verdict in verdicts) else ""
    badge = f'<span class="kb-badge kb-{word.name.lower()}">{escape(word.value)}</span>'
    return f'<td class="col-verdict">{badge}{mark}</td>'


def figure(verdict: Verdict, svg: str) -> str:
    """A plot with its caption, for the row of one test."""
    words = escape(caption(verdict.measurement)) if verdict.measurement else ""
    return f'<figure class="kb-plot"><figcaption>{words}</figcaption>{svg}</figure>'


_MARK = ' <span class="kb-badge kb-deviation">DEVIATION</span>'
_FAILED = (Outcome.FAIL, Outcome.CONDITIONAL_FAIL)
_BOTTOM_LINE = (
    (Outcome.FAIL, "Failed"),
    (Outcome.CONDITIONAL_FAIL, "Conditionally failed"),
    (Outcome.ERROR, "Bench error"),
    (Outcome.INCONCLUSIVE, "Inconclusive"),
    (Outcome.PENDING_EVIDENCE, "Evidence still to come"),
    (Outcome.TARGET_MISSED, "Target missed"),
    (Outcome.NOT_FOLLOWED, "Recommendation not followed"),
)


def _is_bad(outcomes: Iterable[Outcome]) -> bool:
    return combine(outcomes) in (*_FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PENDING_EVIDENCE)


def _judged(report: RunReport) -> list[str]:
    """Requirement ids with verdicts: catalogue order first, then those that the catalogue does not know."""
    known = [row.id for row in report.requirements]
    given = dict.fromkeys(verdict.requirement for verdict in report.verdicts)
    return [each for each in known if each in given] + [each for each in given if each not in known]


def _requirement(report: RunReport, requirement: str, draw: Draw) -> RequirementRow:
    row = report.row(requirement)
    verdicts = report.verdicts_of(requirement)
    comparison = str(row.interpretation.get("comparison", "")) if row else ""
    shown = tuple(_verdict(verdict, comparison) for verdict in verdicts)
    return RequirementRow(
        anchor=re.sub(r"[^A-Za-z0-9_-]", "-", requirement),
        clause=row.clause if row else "",
        title_ja=row.title_ja if row else requirement,
        title_en=row.title_en if row else "not in the catalogue",
        limit=", ".join(dict.fromkeys(each.limit for each in shown)),
        outcome=combine(verdict.outcome for verdict in verdicts),
        deviates=any(verdict.deviation is not None for verdict in verdicts),
        row=row,
        interpretation=_pairs(_interpretation(row)) if row else (),
        note=figures.plain(row.interpretation.get("note", "")) if row else "",
        verdicts=shown,
        overview=tuple(_overview(verdicts, shown)),
        plots=tuple(_plots(verdicts, draw)),
    )


def _overview(verdicts: Sequence[Verdict], shown: Sequence[VerdictRow]) -> Iterator[OverviewLine]:
    """A line for each subject, or, where they are many, for each outcome among them."""
    if len(verdicts) <= SUBJECTS_SHOWN:
        yield from (OverviewLine(row.beside, row.value, row.uncertainty, row.u_known) for row in shown)
        return
    for outcome in reversed(Outcome):
        alike = [(verdict, row) for verdict, row in zip(verdicts, shown, strict=True) if verdict.outcome is outcome]
        if alike:
            named = len(alike) <= SUBJECTS_SHOWN
            names = f" ({', '.join(verdict.subject for verdict, _ in alike)})" if named else ""
            us = {row.uncertainty for _, row in alike}
            yield OverviewLine(
                f"{len(alike)} × {outcome.value}{names}",
                _reach(alike),
                us.pop() if len(us) == 1 else "",
                all(row.u_known for _, row in alike),
            )


def _reach(alike: Sequence[tuple[Verdict, VerdictRow]]) -> str:
    """From the least figure to the greatest, with the words that stand where there is none."""
    figured = [
        (v.measurement.value, row.value) for v, row in alike if v.measurement and v.measurement.value is not None
    ]
    least, greatest = (pick(figured, key=lambda one: one[0], default=(0.0, ""))[1] for pick in (min, max))
    reach = least if least == greatest else f"{least} … {greatest}"
    words = dict.fromkeys(row.value for v, row in alike if v.measurement is None or v.measurement.value is None)
    return ", ".join(filter(None, (reach, *words)))


def _interpretation(row: CatalogueRow) -> Iterator[tuple[str, Json]]:
    """Without the note, which stands below; the unit 1 is what is counted, or nothing."""
    for key, value in row.interpretation.items():
        if (key, value) == ("unit", "1"):
            yield key, figures.counted(str(row.interpretation.get("measurand", "")))
        elif key != "note":
            yield key, value


def _plots(verdicts: Iterable[Verdict], draw: Draw) -> Iterator[tuple[str, str]]:
    for verdict in verdicts:
        if verdict.measurement is not None and (svg := draw(verdict)):
            yield caption(verdict.measurement), svg


def _verdict(verdict: Verdict, comparison: str) -> VerdictRow:
    measurement = verdict.measurement
    cited = measurement.cited if measurement else ()
    more = len(cited) - CITATIONS_SHOWN
    return VerdictRow(
        subject=verdict.subject,
        beside=figures.subject(verdict),
        value=figures.verdict_value(verdict),
        uncertainty=figures.uncertainty(verdict),
        u_known=figures.expanded_uncertainty(verdict) != term("u_not_known").en,
        limit=figures.verdict_limit(verdict, comparison),
        outcome=verdict.outcome,
        deviation="" if verdict.deviation is None else str(verdict.deviation),
        reason=explained(verdict),
        decision_rule=verdict.decision_rule,
        claim=verdict.claim,
        budget=_budget(verdict),
        conditions=_pairs(measurement.conditions.items()) if measurement else (),
        cited=" ".join(cited[:CITATIONS_SHOWN]) + (f" and {more} more" if more > 0 else ""),
    )


def _budget(verdict: Verdict) -> Budget | None:
    """None where there is none, or where nothing was measured that it could be of."""
    measurement = verdict.measurement
    if measurement is None or measurement.value is None or not measurement.budget:
        return None
    unit = measurement.unit
    rows = tuple(
        BudgetRow(
            row.source,
            row.distribution.value,
            _small(row.u, row.unit),
            figures.number(row.sensitivity),
            _small(abs(row.sensitivity) * row.u, unit),
            _dof(row.dof),
            row.group,
        )
        for row in measurement.budget
    )
    bounds = "" if measurement.bounds is None else " … ".join(figures.quantity(b, unit) for b in measurement.bounds)
    combined = _small(measurement.u or 0.0, unit)
    return Budget(rows, combined, _dof(measurement.dof), figures.uncertainty(verdict), bounds)


def _small(value: float, unit: str) -> str:
    """An uncertainty: two significant digits (JCGM 100, 7.2.6)."""
    return f"{float(f'{value:.2g}'):g}" + (f" {unit}" if unit not in ("", "1") else "")


def _dof(dof: float | None) -> str:
    return "∞" if dof is None else f"{dof:.0f}"


def _pairs(items: Iterable[tuple[str, Json]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key.replace("_", " "), figures.plain(value)) for key, value in items if value not in (None, "", (), [], {})
    )


def _not_judged(report: RunReport, requirement: str, clause: str, why: str) -> NotJudgedRow:
    row = report.row(requirement)
    if row is None:
        return NotJudgedRow(clause, requirement, "", None, why)
    return NotJudgedRow(row.clause, row.title_ja, row.title_en, row, why)


def _rig_time(facts: RunFacts) -> str:
    if facts.virtual_from_ns is None or facts.virtual_to_ns is None:
        return ""
    return figures.duration(facts.virtual_to_ns - facts.virtual_from_ns)


def _wall_time(facts: RunFacts) -> str:
    """How long people waited; of an interrupted run only the last session is known, and that is said."""
    if facts.wall_ns is None:
        return ""
    partly = facts.resumed or facts.void_episodes or facts.blind
    return figures.duration(facts.wall_ns) + (f" ({term('last_session')})" if partly else "")


def _fact_rows(report: RunReport) -> Iterable[tuple[str, list[str]]]:
    """(glossary id or label, lines) of each fact that is known. Stand-ins and deviations are never left out."""
    facts = report.facts
    yield "run", [facts.run]
    yield "rig", [facts.rig]
    single = (("rf_environment", facts.rf_environment), ("guideline", facts.guideline), ("profile", facts.profile))
    yield from ((label, [text]) for label, text in (*single, ("agreement_file", facts.agreement)) if text)
    if facts.samples:
        yield "sample", [_sample(s.id, s.serial, s.versions.items(), s.note) for s in facts.samples]
    if facts.seed is not None:
        yield "seed", [str(facts.seed)]
    if facts.virtual_from_ns is not None and facts.virtual_to_ns is not None:
        span = f"{figures.jst(facts.virtual_from_ns)} to {figures.jst(facts.virtual_to_ns)} ({_rig_time(facts)})"
        yield "rig_time", [span]
    if facts.wall_ns is not None:
        yield "wall_time", [_wall_time(facts)]
    yield "stand_in", list(facts.stand_ins) or ["none"]
    yield "deviation", [*facts.deviations, *report.catalogue_deviations] or ["none"]
    yield "void_episode", [_void(v.name, v.why, v.replaced_by) for v in facts.void_episodes] or ["none"]
    yield "blind", [f"{figures.jst(b.from_ns)}, {b.seconds:.1f} s {b.why}".rstrip() for b in facts.blind] or ["none"]
    if facts.versions:
        yield "versions", [f"{name} {version}" for name, version in facts.versions.items()]
    yield from ((label, [text]) for label, text in facts.extra.items())
    if report.changes is not None:
        yield "changes", list(report.changes) or ["none"]


def _sample(name: str, serial: str, versions: Iterable[tuple[str, str]], note: str) -> str:
    parts = [f"serial {serial}" if serial else "", *(f"{k} {v}" for k, v in versions), note]
    return f"{name}: " + ", ".join(part for part in parts if part)


def _void(name: str, why: str, replaced_by: str) -> str:
    return f"{name}: {why}" + (f"; driven again as {replaced_by}" if replaced_by else "")


@cache
def _css() -> str:
    return Path(__file__).with_name("report.css").read_text("utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.get_template("summary.html.j2")
