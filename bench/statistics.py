"""What a number of trials supports: exact binomial bounds, percentiles, and the sentence that the report prints.

Bounds are Clopper and Pearson's (Biometrika 26, 1934), exact for any n: coverage is never below the confidence named.
Trials must be independent clusters: seven daily uploads are seven trials however many hourly values they hold
(lab-practice, "Statistics and lab time").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

CONFIDENCE: Final = 0.95


def lower_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact lower bound of the success probability: 59 of 59 at 95 % gives 0.9505.

    Raises ValueError when ``successes`` does not lie in 0..trials or ``confidence`` not between 0 and 1.
    """
    _check(successes, trials, confidence)
    if successes == 0:
        return 0.0
    from scipy.special import betaincinv  # lazily: scipy takes a tenth of a second that `kenshin decode` never needs

    return float(betaincinv(successes, trials - successes + 1, 1.0 - confidence))


def upper_bound(successes: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided exact upper bound of the success probability; the mirror of ``lower_bound``."""
    _check(successes, trials, confidence)
    return 1.0 - lower_bound(trials - successes, trials, confidence)


def interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided exact interval (each side at (1 + confidence) / 2)."""
    side = (1.0 + confidence) / 2.0
    return lower_bound(successes, trials, side), upper_bound(successes, trials, side)


def trials_for(share: float, confidence: float = CONFIDENCE) -> int:
    """How many trials without a failure support ``share``: 59 for 95 % at 95 % confidence."""
    if not 0.0 < share < 1.0:
        raise ValueError(f"share {share} is not between 0 and 1")
    return math.ceil(math.log(1.0 - confidence) / math.log(share) - 1e-9)


def claim(successes: int, trials: int, what: str, condition: str, confidence: float = CONFIDENCE) -> str:
    """The sentence that n supports, e.g. "at least 95 % of joins within 90 s, 95 % confidence, n = 59".

    The share is rounded down to a tenth of a percent, so that the sentence never says more than the bound.
    """
    if trials == 0:
        return ""
    share = math.floor(lower_bound(successes, trials, confidence) * 1000.0) / 10.0
    failures = f", {trials - successes} not" if successes < trials else ""
    return f"at least {share:g} % of {what} {condition}, {confidence * 100:g} % confidence, n = {trials}{failures}"


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
