"""Verdicts as canonical JSON: equal verdicts are equal octets, so a run judged again can be compared with ``cmp``.

No wall time, no path; keys sorted, verdicts in order of clause, requirement and subject; ends with a line feed.
``judged_by`` says which code judged. It stands apart, at the top, so that verdicts of two versions can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import attrs

from bench.errors import InputError
from bench.formats import KEY, VERDICTS
from bench.identity import Identity, identity
from bench.judge.decide import NotJudged
from bench.records import Contribution, Deviation, Distribution, Measurement, Outcome, Reading, Verdict

OPTIONAL: Final = frozenset({"coverage_factor", "deviation", "budget", "dof", "bounds", "doubt"})
"""Fields of a verdict and its measurement that are written where they say something (since format 3)."""


def verdicts_json(
    verdicts: Iterable[Verdict], not_judged: Iterable[NotJudged], left_out: Iterable[str] = (), altered: str = ""
) -> str:
    """Canonical JSON text of a run's verdicts, of the requirements that have none, and of the code that judged.

    ``left_out``: requirements that the plan asks and the run did not judge. Where there are any, the document says
    ``partial`` with their names. ``altered``: what the run's seal has against the evidence, where it has anything.
    """
    judged = sorted(verdicts, key=lambda verdict: (verdict.requirement, verdict.subject))
    others = sorted(not_judged, key=lambda row: row.requirement)
    document = {
        KEY: VERDICTS.version,
        "judged_by": identity().plain(),
        "verdicts": [_plain(verdict) for verdict in judged],
        "not_judged": [attrs.asdict(row) for row in others],
        **({"partial": partial} if (partial := sorted(left_out)) else {}),
        **({"altered": altered} if altered else {}),
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON. What clocks and budgets add is written where there is any."""
    return attrs.asdict(verdict, filter=lambda field, value: field.name not in OPTIONAL or value not in (None, (), ""))


def verdicts_from_json(text: str | bytes, source: str = "verdicts.json") -> tuple[list[Verdict], list[NotJudged]]:
    """Inverse of ``verdicts_json``; InputError naming ``source`` when ``text`` is none."""
    try:
        document = json.loads(text)
        VERDICTS.check(document[KEY], source)
        verdicts = [_verdict(item) for item in document["verdicts"]]
        if "judged_by" in document:
            Identity(**document["judged_by"])
        return verdicts, [NotJudged(**item) for item in document["not_judged"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{source}: no verdicts in it ({error}); expected what a run wrote") from None


def _verdict(item: dict[str, Any]) -> Verdict:
    taken = item["measurement"]
    measurement = None if taken is None else _measurement(taken)
    figures = (item["limit"], None if measurement is None else measurement.value)
    if not all(isinstance(one, int | float | None) for one in figures):
        raise TypeError(f"{item['requirement']}: limit and value are {figures}, no numbers")
    told = {**item, "outcome": Outcome(item["outcome"]), "measurement": measurement}
    if (other := item.get("deviation")) is not None:
        outcome = None if other["outcome"] is None else Outcome(other["outcome"])
        told["deviation"] = Deviation(**{**other, "outcome": outcome, "reading": Reading(other["reading"])})
    return Verdict(**told)


def _measurement(item: dict[str, Any]) -> Measurement:
    rows = item.get("budget", ())
    bounds = item.get("bounds")
    return Measurement(
        **{
            **item,
            "cited": tuple(item["cited"]),
            "budget": tuple(Contribution(**{**row, "distribution": Distribution(row["distribution"])}) for row in rows),
            "bounds": None if bounds is None else tuple(bounds),
        }
    )
