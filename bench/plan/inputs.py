"""All inputs of a run, named by options, loaded once, and stored by value in ``run.yaml``.

A stored run must be judged next year by someone who has none of the files (design section 9), so the run folder keeps
what the files said, not where they were. Judging may replace guideline and agreement by others.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import attrs

from bench.plan.catalogue import Plan
from bench.plan.schema import (
    AGREEMENT,
    DECLARATION,
    GUIDELINE,
    Agreement,
    Guideline,
    Profile,
    TerminalDeclaration,
    load_guideline,
    profile_path,
)
from bench.plan.sound import check_days, check_declaration, check_documents, check_guideline, check_overrides
from bench.plan.withheld import withheld
from bench.yamlfile import Source, check, load_source

VERSIONED: Final = ("kenshin-bench", "labgrid", "pytest", "pyvisa", "pyvisa-py", "cryptography", "simpy")


@attrs.frozen(slots=True)
class Written:
    """A plan and the files that say it, for checks that name their lines."""

    plan: Plan
    guideline: Source
    declaration: Source
    agreement: Source
    profile: Source

    def check_days(self, requirements: Iterable[str]) -> None:
        """InputError where the profile drives too few days for one of these requirements."""
        asked = [self.plan.requirement(name) for name in self.plan.measured(requirements)]
        needed = [(one.id, one.measurand) for one in asked if not one.not_applicable]
        check_days(self.profile, self.plan.profile, needed)


def read_plan(
    declaration: Path | None = None,
    agreement: Path | None = None,
    profile: str | None = None,
    guideline: Path | None = None,
    strict_targets: bool = False,
) -> Written:
    """Load and check the files that a plan is made of; InputError names file and line."""
    rows = load_source(guideline or GUIDELINE)
    told = load_source(declaration or DECLARATION)
    agreed = load_source(agreement or AGREEMENT)
    amount = load_source(profile_path(profile or "smoke"))
    plan_rows, terminal = check(rows, Guideline), check(told, TerminalDeclaration)
    agreement_of, profile_of = check(agreed, Agreement), check(amount, Profile)
    check_guideline(rows, plan_rows)
    check_declaration(told, terminal)
    check_overrides(amount, profile_of, plan_rows)
    check_overrides(agreed, agreement_of, plan_rows)
    check_documents(agreed, agreement_of, _ids(plan_rows))
    plan = Plan(plan_rows, terminal, agreement_of, profile_of, strict_targets)
    return Written(plan, rows, told, agreed, amount)


def load_plan(
    declaration: Path | None = None,
    agreement: Path | None = None,
    profile: str | None = None,
    guideline: Path | None = None,
    strict_targets: bool = False,
) -> Plan:
    """The plan alone, for who needs no lines."""
    return read_plan(declaration, agreement, profile, guideline, strict_targets).plan


def stored_plan(
    stored: Mapping[str, Any], guideline: Path | None, agreement: Path | None, strict_targets: bool = False
) -> Plan:
    """The plan of a stored run, with another guideline or agreement where one is named.

    What the run was asked is taken as it is. The files that are named now are held to what a new run would hold them
    to: InputError with file and line. A paper may answer a row that only today's guideline has.
    """
    plan_rows, agreement_of = None, None
    if guideline is not None:
        rows = load_source(guideline)
        plan_rows = check(rows, Guideline)
        check_guideline(rows, plan_rows)
    if agreement is not None:
        agreed = load_source(agreement)
        agreement_of = check(agreed, Agreement)
        judged_by = plan_rows if plan_rows is not None else Plan.from_inputs(stored).guideline
        check_overrides(agreed, agreement_of, judged_by)
        check_documents(agreed, agreement_of, [*_ids(judged_by), *_ids(load_guideline())])
    return Plan.from_inputs(stored, guideline=plan_rows, agreement=agreement_of, strict_targets=strict_targets)


def _ids(guideline: Guideline) -> list[str]:
    return [row.id for row in guideline.requirements]


def rig_by_value(source: Source) -> dict[str, Any]:
    """What the labgrid environment says, as plain values without secrets; InputError when it is no mapping."""
    if not isinstance(source.data, dict):
        raise source.error((), "no mapping at the top", "a labgrid environment with targets and options")
    plain = withheld(_plain(source.data))
    assert isinstance(plain, dict)
    return plain


def versions() -> dict[str, str]:
    """Versions of what made the run."""
    return {name: version(name) for name in VERSIONED} | {"python": platform.python_version()}


def _plain(value: Any) -> Any:
    """JSON values only: labgrid's YAML tags (``!template``) become their text."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
