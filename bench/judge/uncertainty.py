"""Uncertainty budgets by GUM (JCGM 100:2008): combined standard uncertainty, effective degrees of freedom, expanded.

A budget is data (`bench.records.Contribution`), so it is stored with the verdict and a stranger can add it up again.
The figures of this bench are differences of stamps and counts, so the law of propagation (5.1.2) is a root sum of
squares over known sensitivities; ``docs/decisions.md`` says why no calculator of others is taken for that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby

import attrs

from bench.records import Contribution, Distribution


@attrs.frozen(slots=True)
class Combined:
    """A budget added up. ``dof`` None: infinite."""

    u: float
    dof: float | None


def within(source: str, half_width: float, unit: str, *, sensitivity: float = 1.0, group: str = "") -> Contribution:
    """An input of which only limits are known, ± ``half_width``: a rectangle, so u is that over root three (4.3.7)."""
    return Contribution(source, half_width / math.sqrt(3), unit, Distribution.RECTANGULAR, sensitivity, None, group)


def combined(budget: Iterable[Contribution]) -> Combined:
    """Combined standard uncertainty (5.1.2; 5.2.2 within a group) and Welch and Satterthwaite's degrees of freedom.

    G.4. A group takes the fewest degrees of freedom of its inputs.
    """
    variance, spread = 0.0, 0.0
    for u, dof in _parts(budget):
        variance += u**2
        spread += 0.0 if dof is None else u**4 / dof
    u = math.sqrt(variance)
    return Combined(u, u**4 / spread if spread else None)


def coverage_factor(k: float, dof: float | None) -> float:
    """The factor that covers as much with ``dof`` degrees of freedom as ``k`` does of a normal distribution (G.3.4).

    Degrees of freedom are cut to a whole number (G.4.1). ValueError below one.
    """
    if dof is None or math.isinf(dof):
        return k
    if dof < 1:
        raise ValueError(f"degrees of freedom: {dof}; expected one at least")
    from scipy.special import ndtr, stdtrit  # lazily: judging a count needs no scipy

    return float(stdtrit(math.floor(dof), ndtr(k)))


def _parts(budget: Iterable[Contribution]) -> Iterable[tuple[float, float | None]]:
    rows = sorted(budget, key=lambda row: row.group)
    for group, members in groupby(rows, key=lambda row: row.group):
        inputs = [(abs(row.sensitivity) * row.u, row.dof) for row in members]
        if not group:
            yield from inputs
        else:
            known = [dof for _, dof in inputs if dof is not None]
            yield sum(u for u, _ in inputs), min(known, default=None)
