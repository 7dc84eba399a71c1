"""Verdicts as canonical JSON: equal verdicts are equal octets, so a run judged again can be compared with ``cmp``.

No wall time, no path; keys sorted, verdicts in order of clause, requirement and subject; ends with a line feed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import attrs

from bench.errors import InputError
from bench.judge import NotJudged
from bench.records import Measurement, Outcome, Verdict

FORMAT: Final = 1


def verdicts_json(verdicts: Iterable[Verdict], not_judged: Iterable[NotJudged]) -> str:
    """Canonical JSON text of a run's verdicts and of the requirements that have none."""
    judged = sorted(verdicts, key=lambda verdict: (verdict.requirement, verdict.subject))
    others = sorted(not_judged, key=lambda row: row.requirement)
    document = {
        "format": FORMAT,
        "verdicts": [attrs.asdict(verdict) for verdict in judged],
        "not_judged": [attrs.asdict(row) for row in others],
    }
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def verdicts_from_json(text: str, source: str = "verdicts.json") -> tuple[list[Verdict], list[NotJudged]]:
    """Inverse of ``verdicts_json``; InputError naming ``source`` when ``text`` is none."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise InputError(f"{source}: verdicts of format {document['format']}; expected {FORMAT}")
        verdicts = [_verdict(item) for item in document["verdicts"]]
        return verdicts, [NotJudged(**item) for item in document["not_judged"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{source}: no verdicts in it ({error}); expected what a run wrote") from None


def _verdict(item: dict[str, Any]) -> Verdict:
    taken = item["measurement"]
    measurement = None if taken is None else Measurement(**{**taken, "cited": tuple(taken["cited"])})
    return Verdict(**{**item, "outcome": Outcome(item["outcome"]), "measurement": measurement})
