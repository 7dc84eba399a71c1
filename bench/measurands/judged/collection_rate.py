"""``collection.rate``: how much less of the terminals was collected than of the mesh's own meters, in percent.

The guideline asks for a rate as the operator's own mesh has it (1-5: 同等), under the same circumstances, so only days
on which both were tried count. The figure is the meters' rate less the terminals'; its bounds are those of a given
confidence (``bench.judge.statistics.difference``), units as clusters: days of one unit are not independent. Judged is
non-inferiority against a margin that the parties agree: PASS where even the upper bound keeps it, FAIL where even the
lower one does not, INCONCLUSIVE where the margin lies between. In a laboratory a number would be invented: it comes
from the operator's log (``kenshin add-evidence --collection-log``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bench.errors import InputError
from bench.evidence.added import Added, AddedAs, register
from bench.evidence.collection import Collected, Of, read_collection
from bench.evidence.evidence import Evidence
from bench.judge.statistics import difference, normal_quantile
from bench.records import Contribution, Distribution, Measurement

NAME: Final = "collection.rate"
SUBJECT: Final = "system"
NO_LOG: Final = "the operator's log of collection is still to come"
LEAST_UNITS: Final = 5
"""Of either kind: fewer do not show how much they differ from each other."""


def collection_rate(evidence: Evidence, confidence: float) -> Measurement:
    """The figure by the logs that were added to the run; a gate where there is none, or too few units."""
    logs = [entry for entry in register(evidence.folder.path) if entry.added_as is AddedAs.COLLECTION_LOG]
    if not logs:
        return _gated(NO_LOG, ())
    cited = tuple(entry.citation for entry in logs)
    try:
        rows = _read(evidence, logs)
    except InputError as error:
        return _gated(str(error).replace(f"{evidence.folder.path}/", ""), cited)
    both = {row.day for row in rows if row.of is Of.TERMINAL} & {row.day for row in rows if row.of is Of.METER}
    ours, own = (_units(row for row in rows if row.of is of and row.day in both) for of in (Of.TERMINAL, Of.METER))
    few = [f"{len(units)} {of}s" for of, units in ((Of.TERMINAL, ours), (Of.METER, own)) if len(units) < LEAST_UNITS]
    if few:
        return _gated(
            f"{' and '.join(few)} on {len(both)} common days, at least {LEAST_UNITS} of each are needed", cited
        )
    found = difference(list(own.values()), list(ours.values()), confidence)
    u = max(found.value - found.low, found.high - found.value) / normal_quantile(confidence)
    counts = {f"{of}s": f"{sum(x for x, _ in units.values())} of {sum(n for _, n in units.values())}"
              for of, units in ((Of.TERMINAL, ours), (Of.METER, own))}  # fmt: skip
    return Measurement(
        NAME,
        SUBJECT,
        100 * found.value,
        "%",
        u=100 * u,
        conditions={
            "days": len(both),
            "days left out": len({row.day for row in rows} - both),
            **counts,
            "design effect": [round(effect, 2) for effect in found.effects],
        },
        cited=cited,
        budget=(Contribution("sample of units and attempts", 100 * u, "%", Distribution.NORMAL),),
        bounds=(100 * found.low, 100 * found.high),
        doubt=f"{100 * confidence:g} % confidence, {len(ours)} terminals and {len(own)} meters as clusters",
    )


def _read(evidence: Evidence, logs: Iterable[Added]) -> list[Collected]:
    """All logs together; a later one of a unit and day counts in the place of an earlier one."""
    found: dict[tuple[str, str, Of], Collected] = {}
    for entry in logs:
        if not entry.is_intact(evidence.folder.path):
            raise InputError(f"{entry.citation}: its copy in the run was changed")
        found |= {(row.day, row.unit, row.of): row for row in read_collection(evidence.folder.path / entry.file)}
    return list(found.values())


def _units(rows: Iterable[Collected]) -> dict[str, tuple[int, int]]:
    """Collected and attempts a unit, over all days; a unit that was never tried says nothing."""
    found: dict[str, tuple[int, int]] = {}
    for row in rows:
        collected, attempts = found.get(row.unit, (0, 0))
        found[row.unit] = (collected + row.collected, attempts + row.attempts)
    return {unit: counts for unit, counts in found.items() if counts[1]}


def _gated(why: str, cited: tuple[str, ...]) -> Measurement:
    return Measurement(NAME, SUBJECT, None, "%", gate=why, cited=cited)
