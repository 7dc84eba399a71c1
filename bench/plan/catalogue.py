"""A plan: guideline, declaration, agreement and profile together, and what they ask of a run.

``Plan`` applies the overrides (profile first, then the agreement, which is the contract), decides what applies to the
declared terminal, and judges evidence. It is made from files before a run and from ``run.yaml`` afterwards, so a fresh
run and a stored one take the same way (design section 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs
from pydantic import BaseModel

from bench import kinds
from bench.errors import InputError
from bench.evidence.added import shown
from bench.evidence.evidence import Episode, Evidence
from bench.judge.decide import DecisionRule, NotJudged, Requirement, judge
from bench.judge.statistics import CONFIDENCE
from bench.measurands.judged.registry import ADDED, REGISTRY
from bench.measurands.judged.setup import Setup
from bench.plan.answered import by_document
from bench.plan.awaited import not_added, still_to_come
from bench.plan.readings import Readings, Who, asks_less, readings
from bench.plan.schema import (
    COMPARISONS,
    Agreement,
    Guideline,
    Interpretation,
    Override,
    Profile,
    RequirementRow,
    TerminalDeclaration,
    load_guideline,
)
from bench.records import Measurement, Obligation, Verdict
from bench.yamlfile import Source, check

INPUT_MODELS: Final[dict[str, type[BaseModel]]] = {
    "guideline": Guideline,
    "declaration": TerminalDeclaration,
    "agreement": Agreement,
    "profile": Profile,
}
"""The keys of ``run.yaml`` that hold people's files by value, and their models."""


@attrs.frozen(slots=True)
class Plan:
    """What is asked of the terminals of one declaration."""

    guideline: Guideline
    declaration: TerminalDeclaration
    agreement: Agreement
    profile: Profile
    strict_targets: bool = False

    def __attrs_post_init__(self) -> None:
        for where, overrides in (("profile", self.profile), ("agreement", self.agreement)):
            unknown = sorted(set(overrides.interpretation) - {row.id for row in self.guideline.requirements})
            if unknown:
                raise InputError(f"{where} '{overrides.name}': overrides unknown requirement '{unknown[0]}'")
        for row in self.guideline.requirements:
            if row.interpretation is not None and row.interpretation.measurand not in {**REGISTRY, **ADDED}:
                known = ", ".join(sorted({**REGISTRY, **ADDED}))
                name = row.interpretation.measurand
                raise InputError(f"requirement '{row.id}': unknown measurand '{name}'; expected one of {known}")

    @classmethod
    def from_inputs(
        cls,
        inputs: Mapping[str, Any],
        *,
        guideline: Guideline | None = None,
        agreement: Agreement | None = None,
        strict_targets: bool = False,
        path: str = "run.yaml",
    ) -> Plan:
        """The plan of a stored run, under another guideline or agreement where one is given.

        ``inputs`` are ``RunFolder.inputs()``, whatever version wrote them. InputError where they leave something to
        today's defaults.
        """
        models: dict[str, Any] = {}
        for key, model in INPUT_MODELS.items():
            if key not in inputs:
                raise InputError(f"{path}: missing key '{key}'; expected the inputs of a run by value")
            models[key] = check(Source(f"{path}:{key}", inputs[key], None), model)
            _all_said(models[key], f"{path}:{key}")
        return cls(
            guideline=guideline if guideline is not None else models["guideline"],
            declaration=models["declaration"],
            agreement=agreement if agreement is not None else models["agreement"],
            profile=models["profile"],
            strict_targets=strict_targets or bool(inputs.get("strict_targets", False)),
        )

    def inputs(self) -> dict[str, Any]:
        """The plan by value, for ``RunFolder.create`` (to be joined by ``rig``, ``seed``, ``versions``)."""
        files = (self.guideline, self.declaration, self.agreement, self.profile)
        plain = {key: file.model_dump(mode="json") for key, file in zip(INPUT_MODELS, files, strict=True)}
        return {**plain, "strict_targets": self.strict_targets}

    @property
    def rule(self) -> DecisionRule:
        return self.agreement.rule(strict_targets=self.strict_targets, confidence=self.profile.confidence)

    def row(self, requirement: str) -> RequirementRow:
        """The catalogue row of a requirement; InputError when the guideline has none of that id."""
        for row in self.guideline.requirements:
            if row.id == requirement:
                return row
        raise InputError(f"{self.guideline.name}: no requirement '{requirement}'; expected an id of the guideline file")

    def judged(self) -> list[str]:
        """Ids of the requirements that get a verdict, by a measurand or by document, in the guideline's order."""
        return [row.id for row in self.guideline.requirements if not row.not_judged]

    def measured(self, requirements: Iterable[str]) -> list[str]:
        """Those of ``requirements`` that are measured; the others are answered by papers."""
        return [name for name in requirements if self.row(name).by_document is None]

    def judged_from(self, requirements: Iterable[str]) -> list[str]:
        """Names of the episodes that these requirements are judged from, each once; what does not apply needs none,
        and neither does what a paper answers."""
        asked = map(self.requirement, self.measured(requirements))
        return list(dict.fromkeys(name for one in asked if not one.not_applicable for name in one.episodes))

    def counted_from(self, requirements: Iterable[str]) -> list[str]:
        """Names of the episodes that count for these requirements besides, where somebody else has them driven."""
        asked = map(self.requirement, self.measured(requirements))
        return list(dict.fromkeys(name for one in asked if not one.not_applicable for name in one.also))

    def not_judged(self) -> list[NotJudged]:
        """The requirements without a test yet, and why."""
        rows = (row for row in self.guideline.requirements if row.not_judged)
        return [NotJudged(row.id, row.clause, row.not_judged) for row in rows]

    def interpretation(self, requirement: str) -> Interpretation:
        """How the requirement is read in this plan: overrides applied; InputError when it is not judged."""
        row = self.row(requirement)
        if row.interpretation is None:
            raise InputError(f"requirement '{requirement}' is not measured: {row.not_judged or 'by document'}")
        read = row.interpretation
        for overrides in (self.profile.interpretation, self.agreement.interpretation):
            if requirement in overrides:
                read = _overridden(read, overrides[requirement])
        return read

    def requirement(self, requirement: str) -> Requirement:
        """What is asked of a measurement, and decides: see `readings`."""
        return self.readings(requirement).decisive

    def readings(self, requirement: str) -> Readings:
        """How a requirement is read by the guideline and by the parties, and which of the two decides."""
        row = self.row(requirement)
        confidence, own = self._confidence(row), self._official(row)
        agreed = self._asked(row, self.interpretation(requirement), confidence)
        by_profile = requirement in self.profile.interpretation or confidence != own.confidence
        by_agreement = requirement in self.agreement.interpretation and row.obligation is not Obligation.AGREEMENT
        who = Who(
            f"profile '{self.profile.name}'" if by_profile else "",
            f"agreement '{self.agreement.name}'" if by_agreement else "",
            f"declaration '{self.declaration.name}'",
        )
        return readings(own, agreed, who)

    def catalogue_deviations(self) -> list[str]:
        """Where this catalogue asks less than that of the same name and edition that comes with the bench."""
        own = load_guideline()
        if (own.name, own.edition) != (self.guideline.name, self.guideline.edition):
            return []
        rows = {row.id: row for row in self.guideline.requirements}
        return [f"guideline file: {row.id}: {what}" for row in own.requirements for what in self._less(row, rows)]

    def _less(self, own: RequirementRow, rows: Mapping[str, RequirementRow]) -> Iterator[str]:
        other = rows.get(own.id)
        if other is None:
            if own.label:  # one of the guideline's own figures, which every catalogue of the edition has had
                yield "has no such row"
            return
        if own.interpretation is not None and other.by_document is not None:
            yield "answered by a paper in place of measured"
        if own.interpretation is not None and other.interpretation is not None:
            yield from self._reads_less(own, own.interpretation, other, other.interpretation)
        if own.obligation is not other.obligation and not other.not_judged:
            yield f"{other.obligation} in place of {own.obligation}"

    def _reads_less(
        self, own: RequirementRow, read: Interpretation, other: RequirementRow, other_read: Interpretation
    ) -> Iterator[str]:
        asked, theirs = self._asked(own, read), self._asked(other, other_read)
        yield from asks_less(asked, theirs)
        if _without_edition(asked.measurand) != _without_edition(theirs.measurand):
            yield f"measurand {theirs.measurand} in place of {asked.measurand}"
        if missing := [name for name in asked.episodes if name not in theirs.episodes]:
            yield f"judged without {', '.join(missing)}"
        if theirs.not_applicable and not asked.not_applicable:
            yield theirs.not_applicable

    def _official(self, row: RequirementRow) -> Requirement:
        """What the guideline's own reading asks, whatever profile, agreement and declared functions say; of what it
        leaves to the parties, what the agreement does."""
        assert row.interpretation is not None, "a row that is measured"
        read = row.interpretation
        if row.obligation is Obligation.AGREEMENT and row.id in self.agreement.interpretation:
            read = _overridden(read, self.agreement.interpretation[row.id])
        scope = read.applies_to.model_copy(update={"functions": ()})
        return self._asked(row, read.model_copy(update={"applies_to": scope}))

    def _confidence(self, row: RequirementRow) -> float:
        """Of the bounds that decide a row: the profile's, where it is judged from what was added to a run."""
        by_bounds = row.interpretation is not None and row.interpretation.measurand in ADDED
        return self.profile.confidence if by_bounds else CONFIDENCE

    def _asked(self, row: RequirementRow, read: Interpretation, confidence: float = CONFIDENCE) -> Requirement:
        limit = read.limit
        if limit is None and read.limit_from:
            limit = getattr(self.agreement, read.limit_from)
        return Requirement(
            id=row.id,
            clause=row.clause,
            obligation=row.obligation,
            measurand=read.measurand,
            episodes=read.episodes,
            limit=limit,
            unit=read.unit,
            comparison=COMPARISONS[read.comparison],
            statistic=read.statistic,
            not_applicable=self._out_of_scope(read),
            also=read.also,
            confidence=confidence,
        )

    def assess(self, requirement: str, evidence: Evidence, setup: Setup | None = None) -> list[Verdict]:
        """The verdicts of one requirement from a run's evidence alone: one a terminal, or by document."""
        if (row := self.row(requirement)).by_document is not None:
            return by_document(row, self.agreement, self.declaration, shown(evidence.folder.path))
        setup = setup if setup is not None else Setup.from_inputs(evidence.folder.inputs())
        read = self.readings(requirement)
        verdicts = self._judged(read.decisive, evidence, setup)
        if not read.deviates:
            return verdicts
        beside = {} if read.beside is None else {v.subject: v for v in self._judged(read.beside, evidence, setup)}
        return [attrs.evolve(one, deviation=read.deviation(beside.get(one.subject))) for one in verdicts]

    def _judged(self, asked: Requirement, evidence: Evidence, setup: Setup) -> list[Verdict]:
        if asked.measurand in ADDED:
            return [not_added(ADDED[asked.measurand](evidence, asked.confidence), asked, self.rule)]
        verdicts = [judge(measured, asked, self.rule) for measured in self._measure(asked, evidence, setup)]
        return still_to_come(verdicts, _counted(asked, evidence), evidence)

    def _measure(self, asked: Requirement, evidence: Evidence, setup: Setup) -> list[Measurement]:
        """The measurements; gated ones where the terminal is out of scope or an episode was never driven."""
        driven = evidence.episodes()
        missing = [name for name in asked.episodes if name not in driven]
        if not asked.not_applicable and not missing:
            episodes: list[Episode] = [evidence.episode(name) for name in _counted(asked, evidence)]
            return REGISTRY[asked.measurand](episodes, setup, asked.statistic)
        why = f"episode '{missing[0]}' was not driven" if missing else asked.not_applicable
        errors = evidence.events(kinds.BENCH_ERROR) + evidence.events(kinds.BENCH_LOST_PORT)
        return [
            Measurement(
                asked.measurand,
                terminal.id,
                None,
                asked.unit,
                gate=f"{why}: the bench failed" if errors and missing else why,
                bench_error=bool(errors and missing),
                cited=tuple(event.citation for event in errors),
            )
            for terminal in setup.terminals
        ]

    def _out_of_scope(self, read: Interpretation) -> str:
        scope = read.applies_to
        if scope.types and self.declaration.type not in scope.types:
            return f"not applicable to the {self.declaration.type} type: {read.applicability}"
        if any(getattr(self.agreement, name) is None for name in scope.agreed):
            return f"the parties have agreed on none ({', '.join(scope.agreed)} in the agreement)"
        absent = sorted(set(scope.functions) - set(self.declaration.functions))
        return f"the terminal does not declare {', '.join(absent)}" if absent else ""


def _all_said(told: object, place: str) -> None:
    """Refuse a stored value that a model filled in: what an old run was asked is not for today's defaults to say."""
    if isinstance(told, BaseModel):
        for name in type(told).model_fields:
            if name not in told.model_fields_set:
                raise InputError(f"{place}: no '{name}'; expected the inputs of a run to say everything")
            _all_said(getattr(told, name), f"{place}.{name}")
    elif isinstance(told, tuple):
        for number, item in enumerate(told):
            _all_said(item, f"{place}[{number}]")
    elif isinstance(told, dict):
        for name, item in told.items():
            _all_said(item, f"{place}.{name}")


def _without_edition(measurand: str) -> str:
    """A catalogue of before asks for a measurand's first edition, and is none that asks for another one."""
    return measurand.removesuffix(".2")


def _counted(asked: Requirement, evidence: Evidence) -> tuple[str, ...]:
    """The episodes that a requirement is judged from in this run: those that it needs, then what else was driven to its
    end and counts."""
    driven = {name for name in evidence.episodes() if evidence.episode(name).complete}
    return (*asked.episodes, *(name for name in asked.also if name in driven and name not in asked.episodes))


def _overridden(read: Interpretation, override: Override) -> Interpretation:
    changes = {key: value for key, value in override.model_dump().items() if value not in (None, "")}
    return read.model_copy(update=changes)
