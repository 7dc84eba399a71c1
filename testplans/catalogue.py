"""A plan: guideline, declaration, agreement and profile together, and what they ask of a run.

``Plan`` applies the overrides (profile first, then the agreement, which is the contract), decides what applies to the
declared terminal, and judges evidence. It is made from files before a run and from ``run.yaml`` afterwards, so a fresh
run and a stored one take the same way (design section 7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
from pydantic import BaseModel

from bench.errors import InputError
from bench.evidence import Episode, Evidence
from bench.judge import DecisionRule, NotJudged, Requirement, judge
from bench.measurands import REGISTRY
from bench.measurands.setup import Setup
from bench.records import Measurement, Verdict
from bench.yamlfile import Source, check
from testplans.schema import (
    COMPARISONS,
    Agreement,
    Guideline,
    Interpretation,
    Override,
    Profile,
    RequirementRow,
    TerminalDeclaration,
)

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
            if row.interpretation is not None and row.interpretation.measurand not in REGISTRY:
                known = ", ".join(sorted(REGISTRY))
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
        """The plan of a stored run, under another guideline or agreement where one is given."""
        models: dict[str, Any] = {}
        for key, model in INPUT_MODELS.items():
            if key not in inputs:
                raise InputError(f"{path}: missing key '{key}'; expected the inputs of a run by value")
            models[key] = check(Source(f"{path}:{key}", inputs[key], None), model)
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
        """Ids of the requirements that have a measurand, in the guideline's order."""
        return [row.id for row in self.guideline.requirements if row.interpretation is not None]

    def not_judged(self) -> list[NotJudged]:
        """The requirements without a test yet, and why."""
        rows = (row for row in self.guideline.requirements if row.interpretation is None)
        return [NotJudged(row.id, row.clause, row.not_judged) for row in rows]

    def interpretation(self, requirement: str) -> Interpretation:
        """How the requirement is read in this plan: overrides applied; InputError when it is not judged."""
        row = self.row(requirement)
        if row.interpretation is None:
            raise InputError(f"requirement '{requirement}' is not judged: {row.not_judged}")
        read = row.interpretation
        for overrides in (self.profile.interpretation, self.agreement.interpretation):
            if requirement in overrides:
                read = _overridden(read, overrides[requirement])
        return read

    def requirement(self, requirement: str) -> Requirement:
        """What is asked of a measurement."""
        row, read = self.row(requirement), self.interpretation(requirement)
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
        )

    def assess(self, requirement: str, evidence: Evidence, setup: Setup | None = None) -> list[Verdict]:
        """The verdicts of one requirement, one a terminal, from a run's evidence alone."""
        asked = self.requirement(requirement)
        setup = setup if setup is not None else Setup.from_inputs(evidence.folder.inputs())
        return [judge(measured, asked, self.rule) for measured in self._measure(asked, evidence, setup)]

    def assess_all(self, evidence: Evidence) -> list[Verdict]:
        """The verdicts of every requirement that has a measurand."""
        setup = Setup.from_inputs(evidence.folder.inputs())
        return [verdict for name in self.judged() for verdict in self.assess(name, evidence, setup)]

    def _measure(self, asked: Requirement, evidence: Evidence, setup: Setup) -> list[Measurement]:
        """The measurements; gated ones where the terminal is out of scope or an episode was never driven."""
        driven = evidence.episodes()
        missing = [name for name in asked.episodes if name not in driven]
        if not asked.not_applicable and not missing:
            episodes: list[Episode] = [evidence.episode(name) for name in asked.episodes]
            return REGISTRY[asked.measurand](episodes, setup, asked.statistic)
        why = f"episode '{missing[0]}' was not driven" if missing else asked.not_applicable
        errors = [event for event in evidence.events("bench.error") + evidence.events("bench.lost_port")]
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
        absent = sorted(set(scope.functions) - set(self.declaration.functions))
        return f"the terminal does not declare {', '.join(absent)}" if absent else ""


def catalogue(guideline: Guideline, ids: Iterable[str]) -> list[RequirementRow]:
    """Rows of the given ids in the guideline's order."""
    wanted = set(ids)
    return [row for row in guideline.requirements if row.id in wanted]


def _overridden(read: Interpretation, override: Override) -> Interpretation:
    changes = {key: value for key, value in override.model_dump().items() if value not in (None, "")}
    return read.model_copy(update=changes)
