"""What a number of trials supports: exact binomial bounds, percentiles, and the sentence that the report prints.

Bounds are Clopper and Pearson's (Biometrika 26, 1934), exact for any n: coverage is never below the confidence named.
Trials must be independent clusters: seven daily uploads are seven trials however many hourly values they hold
(lab-practice.md 8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs

from bench.air.octets import counted

CONFIDENCE: Final = 0.95


def lower_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact lower bound of the success probability: 59 of 59 at 95 % gives 0.9505.

    Raises ValueError when ``successes`` does not lie in 0..trials or ``confidence`` not between 0 and 1.
    """
    _check(successes, trials, confidence)
    if successes == 0:
        return 0.0
    if successes == trials:  # what a good terminal gives: the bound's closed form, to the last bit
        return float((1.0 - confidence) ** (1.0 / trials))
    from scipy.special import betaincinv  # lazily: scipy takes a fifth of a second

    return float(betaincinv(successes, trials - successes + 1, 1.0 - confidence))


def upper_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact upper bound of the success probability; the mirror of ``lower_bound``."""
    _check(successes, trials, confidence)
    return 1.0 - lower_bound(trials - successes, trials, confidence)


def interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided exact interval (each side at (1 + confidence) / 2)."""
    side = (1.0 + confidence) / 2.0
    return lower_bound(successes, trials, side), upper_bound(successes, trials, side)


def claim(successes: int, trials: int, what: str, condition: str, confidence: float = CONFIDENCE) -> str:
    """The sentence that n supports, e.g. "at least 95 % of joins within 90 s, 95 % confidence, n = 59".

    The share is rounded down to a tenth of a percent, so that the sentence never says more than the bound.
    """
    if trials == 0:
        return ""
    share = math.floor(lower_bound(successes, trials, confidence) * 1000.0) / 10.0
    failures = f", {trials - successes} not" if successes < trials else ""
    return f"at least {share:g} % of {what} {condition}, {confidence * 100:g} % confidence, n = {trials}{failures}"


@attrs.frozen(slots=True)
class Difference:
    """A difference of two shares, with one-sided bounds at either side, and the design effect of each share."""

    value: float
    low: float
    high: float
    effects: tuple[float, float]


def difference(
    first: Sequence[tuple[int, int]], second: Sequence[tuple[int, int]], confidence: float = CONFIDENCE
) -> Difference:
    """The share of ``first`` less that of ``second``, each by its clusters' (successes, trials).

    Bounds by the method of variance estimates recovery (Donner and Zou, Stat. Methods Med. Res. 21, 2012) over exact
    bounds of each share, whose counts are cut by the design effect of its clusters (Rao and Scott, Biometrics 48,
    1992). ValueError where a side has fewer than two clusters or no trial.
    """
    (p, low_p, high_p, effect_p), (q, low_q, high_q, effect_q) = (_share(side, confidence) for side in (first, second))
    value = p - q
    low = value - math.hypot(p - low_p, high_q - q)
    high = value + math.hypot(high_p - p, q - low_q)
    return Difference(value, max(-1.0, low), min(1.0, high), (effect_p, effect_q))


def design_effect(clusters: Sequence[tuple[int, int]]) -> float:
    """How much more a share over these clusters scatters than one over as many independent trials; 1 at least."""
    trials, share = sum(n for _, n in clusters), sum(x for x, _ in clusters) / sum(n for _, n in clusters)
    if not 0.0 < share < 1.0:
        return 1.0
    spread = sum((x - share * n) ** 2 for x, n in clusters) * len(clusters) / (len(clusters) - 1) / trials**2
    return max(1.0, spread * trials / (share * (1.0 - share)))


def normal_quantile(probability: float) -> float:
    """Of the standard normal distribution: 1.645 for 0.95."""
    from scipy.special import ndtri  # lazily, as above

    return float(ndtri(probability))


def _share(clusters: Sequence[tuple[int, int]], confidence: float) -> tuple[float, float, float, float]:
    """Share, its lower and upper bound, and the design effect."""
    trials = sum(n for _, n in clusters)
    if len(clusters) < 2 or trials == 0:
        raise ValueError(f"{counted(len(clusters), 'cluster')} with {counted(trials, 'trial')}; expected two at least")
    from scipy.special import betaincinv  # lazily, as above

    effect = design_effect(clusters)
    x, n = sum(x for x, _ in clusters) / effect, trials / effect
    low = float(betaincinv(x, n - x + 1.0, 1.0 - confidence)) if x > 0 else 0.0
    high = float(betaincinv(x + 1.0, n - x, confidence)) if x < n else 1.0
    return x / n, low, high, effect


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest-rank percentile: always a value that was measured, never one between two. ValueError when empty."""
    if not values:
        raise ValueError("no values")
    if not 0.0 < percent <= 100.0:
        raise ValueError(f"percentile {percent} is not in (0, 100]")
    return sorted(values)[max(1, math.ceil(percent / 100.0 * len(values) - 1e-9)) - 1]


def _check(successes: int, trials: int, confidence: float) -> None:
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"{successes} of {trials} is no count of successes")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence {confidence} is not between 0 and 1")
