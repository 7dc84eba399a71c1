"""Two readings of one requirement, the guideline's and the parties', and which of them decides.

Agreement and profile may read a requirement otherwise, and a declaration says which functions a terminal has. Where
that asks *less* than the guideline's own reading, nothing is hidden: the other reading stands beside the verdict as a
deviation. Of a mandatory requirement (必須事項) the guideline's reading decides, for the parties cannot waive it; of a
target or a recommendation the agreed one does, for that is what its words leave to them (``1分半程度``). What the
guideline leaves to the parties (協議) is read as they agreed; a profile, which is one laboratory's, cannot ask less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from bench.judge.decide import Comparison, Requirement
from bench.records import Deviation, Obligation, Reading, Verdict

NEVER_BELOW: Final[Mapping[str, frozenset[str]]] = {
    "maximum": frozenset({"retest", "p95", "median", "minimum"}),
    "retest": frozenset({"minimum"}),
    "p95": frozenset({"median", "minimum"}),
    "median": frozenset({"minimum"}),
}
"""Which statistics of the same attempts a statistic is never below, however many there are. ``retest`` is the slowest,
or the slowest but one of two series: below twenty attempts the 95th percentile is above that, beyond forty below it, so
neither of the two is stricter."""


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
    """Who reads a requirement otherwise, by name: profile and agreement are empty where they do not, the agreement too
    where the guideline leaves it to the parties."""

    profile: str
    agreement: str
    declaration: str


def readings(official: Requirement, agreed: Requirement, who: Who) -> Readings:
    """Official and agreed reading compared; ``official`` knows no scope by functions, and where the guideline leaves it
    to the parties it is the agreement's own."""
    waived = agreed.not_applicable if not official.not_applicable else ""
    milder = "; ".join(asks_less(official, agreed))
    if official.obligation is Obligation.AGREEMENT and waived:
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
    """In which ways one reading asks less than the guideline's, a phrase each.

    What cannot be shown to ask as much counts as less: two statistics of which neither is always the stricter, two
    units, two ways to compare.
    """
    at_most = official.comparison is Comparison.AT_MOST
    own, other = official.limit, agreed.limit
    if own is not None and other is None:
        yield f"no limit in place of {own:g} {official.unit}"
    elif own is not None and other is not None and (official.unit != agreed.unit or _wider(own, other, at_most)):
        yield f"limit {other:g} {agreed.unit} in place of {own:g} {official.unit}"
    if agreed.comparison is not official.comparison:
        yield f"{agreed.comparison} in place of {official.comparison}"
    if not _as_strict(agreed.statistic, official.statistic, at_most):
        yield f"statistic {agreed.statistic} in place of {official.statistic}"
    if agreed.confidence != official.confidence and own is not None:
        yield f"confidence {agreed.confidence:g} in place of {official.confidence:g}"


def _wider(own: float, other: float, at_most: bool) -> bool:
    return own < other if at_most else own > other


def _as_strict(one: str, other: str, at_most: bool) -> bool:
    """Whether a figure by ``one`` statistic never conforms where that by the ``other`` does not."""
    higher, lower = (one, other) if at_most else (other, one)
    return one == other or lower in NEVER_BELOW.get(higher, ())
