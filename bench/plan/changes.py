"""What another guideline, agreement or bench makes of a stored run: each verdict that changed, and which input did it.

A line a verdict, old word to new word, and why: the inputs that differ for that requirement, with both values; where
none does, the bench that judged; where that is the same, what came to the evidence since.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from bench.air.octets import counted
from bench.plan.catalogue import Plan
from bench.records import Verdict

_NAMES: Final = frozenset({"name", "note", "utility", "operator", "official", "interpretation", "documents"})
"""Of an agreement: what decides nothing, or is looked at by requirement."""
_TOLERANCE: Final = "alarm_time_tolerance_s"
_SHOWN: Final = 4
_EVIDENCE: Final = (
    "the same inputs and the same bench: the evidence is another one (late evidence, or altered), "
    "or the stored verdict is not what was judged (verdicts.json was edited)"
)

_UNSELECTED: Final = "the run was of a selection that had it not"


@attrs.frozen(slots=True)
class Judged:
    """A judgement: by which plan and which code (in words), with which verdicts."""

    plan: Plan
    code: str
    verdicts: Sequence[Verdict]


def changes(before: Judged, after: Judged) -> list[str]:
    """A line for each verdict of ``before`` that ``after`` sees otherwise, or no longer asks for; and for new ones.

    What ``after`` did not judge because it was not selected is left out.
    """
    old, new = _by_name(before.verdicts), _by_name(after.verdicts)
    asked, judged = set(after.plan.judged()), {requirement for requirement, _ in new}
    chosen = {requirement for requirement, _ in old}
    lines = []
    for requirement, subject in sorted({*old, *new}):
        was, now = old.get((requirement, subject)), new.get((requirement, subject))
        if was is not None and now is None and requirement in asked - judged:
            continue
        if _shown(was) != _shown(now):
            unselected = was is None and requirement in before.plan.judged() and requirement not in chosen
            why = "; ".join(_why(before, after, requirement)) or (_UNSELECTED if unselected else _EVIDENCE)
            lines.append(f"CHANGED: {requirement} {subject}: {_word(was)} -> {_word(now)}: {why}")
    return lines


def _why(before: Judged, after: Judged, requirement: str) -> Iterator[str]:
    others = _NAMES | (_limits_of_others(before.plan, requirement) & _limits_of_others(after.plan, requirement))
    was, now = _inputs(before.plan, requirement, others), _inputs(after.plan, requirement, others)
    differ = [key for key in dict.fromkeys((*was, *now)) if was.get(key) != now.get(key)]
    yield from (f"{key} {_text(was.get(key))} -> {_text(now.get(key))}" for key in differ[:_SHOWN])
    if len(differ) > _SHOWN:
        yield counted(len(differ) - _SHOWN, "more difference")
    if before.code != after.code:
        yield f"bench {before.code} -> {after.code}"


def _limits_of_others(plan: Plan, requirement: str) -> set[str]:
    """Fields of an agreement that can be limits, without that of the requirement."""
    limits = {name for name in type(plan.agreement).model_fields if name.endswith("_s") and name != _TOLERANCE}
    rows = [row for row in plan.guideline.requirements if row.id == requirement]
    return limits - {row.interpretation.limit_from for row in rows if row.interpretation is not None}


def _inputs(plan: Plan, requirement: str, leave_out: Collection[str]) -> dict[str, Any]:
    """What a requirement is judged by, flat: its row, its overrides, what was agreed."""
    row = next((row for row in plan.guideline.requirements if row.id == requirement), None)
    agreed = plan.agreement.model_dump(mode="json")
    told: dict[str, Any] = {"guideline row": "there" if row is not None else "none"}
    if row is not None:
        told |= _flat("guideline", row.model_dump(mode="json"))
    for where, file in (("profile", plan.profile), ("agreement", plan.agreement)):
        if requirement in file.interpretation:
            told |= _flat(where, file.interpretation[requirement].model_dump(mode="json", exclude={"unit", "note"}))
    told |= _flat("agreement", {key: value for key, value in agreed.items() if key not in leave_out})
    told["strict targets"] = plan.strict_targets
    if row is not None and row.by_document is not None:
        told["documents"] = sorted(one["id"] for one in agreed["documents"] if requirement in one["answers"])
    return told


def _flat(where: str, value: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            found |= _flat(f"{where} {key}", inner)
        elif inner not in (None, "", (), []):
            found[f"{where} {key}"] = inner
    return found


def _by_name(verdicts: Sequence[Verdict]) -> dict[tuple[str, str], Verdict]:
    return {(verdict.requirement, verdict.subject): verdict for verdict in verdicts}


def _shown(verdict: Verdict | None) -> object:
    """What people would call another verdict: its word, its limit, its figure."""
    if verdict is None:
        return None
    value = None if verdict.measurement is None else verdict.measurement.value
    return verdict.outcome, verdict.limit, value


def _word(verdict: Verdict | None) -> str:
    if verdict is None:
        return "not asked"
    limit = "" if verdict.limit is None else f" (limit {verdict.limit:g} {verdict.unit})"
    return f"{verdict.outcome}{limit}"


def _text(value: object) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
