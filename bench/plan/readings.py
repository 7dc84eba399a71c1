"""Two readings of one requirement, the guideline's and the parties', and which of them decides.

Agreement and profile may read a requirement otherwise, and a declaration says which functions a terminal has. Where
that asks *less* than the guideline's own reading, nothing is hidden: the other reading stands beside the verdict as a
deviation. Of a mandatory requirement (必須事項) the guideline's reading decides, for the parties cannot waive it; of a
target or a recommendation the agreed one does, for that is what its words leave to them (``1分半程度``). What the
guideline leaves to the parties (協議) is read as they agreed; a profile, which is one laboratory's, cannot ask less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from bench.judge.decide import Comparison, Requirement
from bench.records import Deviation, Obligation, Reading, Verdict

STRICTEST_FIRST: Final = ("maximum", "p95", "median", "minimum")
"""Statistics of a figure that is to be at most so much; of one that is to be at least so much the other way round."""


@attrs.frozen(slots=True)
class Readings:
    """``decisive`` is judged by. ``beside`` is the other reading, None where it is the same or cannot be measured, and
    ``whose`` it is; ``by`` and ``what``: who asks less than the guideline, and how much less (empty: nobody)."""

    decisive: Requirement
    beside: Requirement | None = None
    whose: Reading = Reading.AGREED
    by: str = ""
    what: str = ""

    @property
    def deviates(self) -> bool:
        return bool(self.what)

    def deviation(self, other: Verdict | None) -> Deviation:
        """What stands beside a verdict; ``other`` is the verdict by the other reading, where there is one."""
        if other is None:
            return Deviation(self.by, self.what, self.whose)
        return Deviation(self.by, self.what, self.whose, other.outcome, other.reason)


@attrs.frozen(slots=True)
class Who:
    """Who reads a requirement otherwise, by name: profile and agreement are empty where they do not."""

    profile: str
    agreement: str
    declaration: str


def readings(official: Requirement, agreed: Requirement, who: Who) -> Readings:
    """Official and agreed reading compared; ``official`` knows no scope by functions."""
    waived = agreed.not_applicable if not official.not_applicable else ""
    milder = "; ".join(asks_less(official, agreed))
    if official.obligation is Obligation.AGREEMENT and (waived or who.agreement):
        return Readings(agreed)  # the parties' own
    if not waived and not milder:
        return Readings(agreed)
    overriding = [name for name in (who.profile, who.agreement) if name and milder]
    by = " and ".join([*overriding, *([who.declaration] if waived else [])])
    what = "; ".join(part for part in (waived, milder) if part)
    if official.obligation in (Obligation.MANDATORY, Obligation.AGREEMENT):
        whose = Reading.DECLARED if waived else Reading.AGREED if who.agreement else Reading.PROFILE
        return Readings(official, agreed, whose, by, what)
    return Readings(agreed, None if waived else official, Reading.GUIDELINE, by, what)


def asks_less(official: Requirement, agreed: Requirement) -> Iterator[str]:
    """In which ways one reading asks less than the guideline's, a phrase each."""
    at_most = official.comparison is Comparison.AT_MOST
    own, other = official.limit, agreed.limit
    if own is not None and other is not None and (own < other if at_most else own > other):
        yield f"limit {other:g} {agreed.unit} in place of {own:g} {official.unit}"
    order = STRICTEST_FIRST if at_most else STRICTEST_FIRST[::-1]
    known = {agreed.statistic, official.statistic} <= set(order)
    if known and order.index(agreed.statistic) > order.index(official.statistic):
        yield f"statistic {agreed.statistic} in place of {official.statistic}"
