"""The records that every room of the bench speaks: observation, measurement, verdict.

They are frozen and slotted, carry plain JSON values only, and know nothing of files, devices or pytest. Times are
integer nanoseconds in *rig time*: virtual on the virtual rig; in a lab the host's monotonic time, set to the Unix epoch
once, when the rig was opened (what UTC was at such a stamp: ``bench.evidence.clocks``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeAlias

import attrs

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

NS_PER_S: Final = 1_000_000_000
NS_PER_HOUR: Final = 3600 * NS_PER_S
NS_PER_DAY: Final = 24 * NS_PER_HOUR
JST_OFFSET_NS: Final = 9 * NS_PER_HOUR
"""Japan has one zone and no summer time, so an hour mark is a multiple of 3600 s in UTC as well."""


@attrs.frozen(slots=True)
class Observation:
    """What one source said of one subject at one instant.

    ``t_ns`` is rig time, ``u_ns`` the standard uncertainty of that stamp. Of what a device with a clock of its own
    says, ``t_ns`` is the arrival and ``data["stamp_ns"]`` the device's own stamp as it came. ``seq`` counts per source,
    so the reading order is ``(t_ns, source, seq)`` whatever the order of arrival was. ``data`` never holds a path, a
    port number, a process id or wall time: two runs with one seed must be equal byte for byte (design section 3).
    """

    t_ns: int
    source: str
    subject: str
    kind: str
    data: Mapping[str, Json] = attrs.field(factory=dict)
    u_ns: int = 0
    seq: int = 0
    episode: str = ""


class Obligation(StrEnum):
    """How binding the guideline makes a requirement."""

    MANDATORY = "mandatory"  # 必須事項
    TARGET = "target"  # 目標事項
    RECOMMENDED = "recommended"  # 推奨事項
    AGREEMENT = "agreement"  # 事業者間の協議


class Outcome(StrEnum):
    """A verdict's word, from best to worst; combining verdicts keeps the worst (design section 8)."""

    NOT_APPLICABLE = "NOT APPLICABLE"
    PASS = "PASS"
    CONDITIONAL_PASS = "CONDITIONAL PASS"
    NOT_FOLLOWED = "NOT FOLLOWED"  # a recommendation not followed
    TARGET_MISSED = "TARGET MISSED"
    PENDING_EVIDENCE = "PENDING EVIDENCE"
    INCONCLUSIVE = "INCONCLUSIVE"
    CONDITIONAL_FAIL = "CONDITIONAL FAIL"
    FAIL = "FAIL"
    ERROR = "ERROR"


class Distribution(StrEnum):
    """What is supposed of an input within its limits (JCGM 100:2008, 4.3)."""

    NORMAL = "normal"
    RECTANGULAR = "rectangular"
    TRIANGULAR = "triangular"


@attrs.frozen(slots=True)
class Contribution:
    """One line of an uncertainty budget (JCGM 100:2008, 4 and 5): an input, and what it adds to a figure's uncertainty.

    ``u`` is the input's standard uncertainty in ``unit``, ``sensitivity`` the derivative of the figure by it, ``dof``
    the degrees of freedom (None: infinite). Inputs of one ``group`` are taken for fully correlated, so that the worst
    case of their limits is covered: they add up linearly (5.2.2, note 1); "" stands alone.
    """

    source: str
    u: float
    unit: str = ""
    distribution: Distribution = Distribution.RECTANGULAR
    sensitivity: float = 1.0
    dof: float | None = None
    group: str = ""


@attrs.frozen(slots=True)
class Measurement:
    """One figure that a measurand took from evidence.

    ``value`` is None where nothing could be measured; ``gate`` then says why, and a measurement with a gate is never
    judged by value (INCONCLUSIVE, or ERROR where ``bench_error`` is set). ``u`` is the standard uncertainty in the
    same unit, None where it is not known, with its ``budget`` and effective degrees of freedom (None: infinite).
    ``bounds`` are limits between which the figure lies for sure as far as clocks are concerned, ``doubt`` names what
    they come from: a requirement's limit that lies between them is not decided by the value. ``cited`` points into the
    evidence: ``timeline#17`` or ``captures/s1.pcapng#1234``. ``detail`` is what readers want beyond the figure.
    """

    measurand: str
    subject: str
    value: float | None
    unit: str
    u: float | None = None
    conditions: Mapping[str, Json] = attrs.field(factory=dict)
    cited: tuple[str, ...] = ()
    gate: str = ""
    bench_error: bool = False
    detail: Mapping[str, Json] = attrs.field(factory=dict)
    budget: tuple[Contribution, ...] = ()
    dof: float | None = None
    bounds: tuple[float, float] | None = None
    doubt: str = ""


class Reading(StrEnum):
    """Whose reading of a requirement stands beside the one that decides."""

    GUIDELINE = "by the guideline's reading"
    AGREED = "as agreed"
    DECLARED = "as declared"
    PROFILE = "by the profile"


@attrs.frozen(slots=True)
class Deviation:
    """What agreement, profile or declaration made milder than the guideline's own reading asks, and what the other
    reading would have said.

    ``by``: who did, ``reading``: whose the other reading is (`Reading`). ``outcome`` None: it was not judged by that.
    """

    by: str
    what: str
    reading: Reading
    outcome: Outcome | None = None
    reason: str = ""

    def __str__(self) -> str:
        other = "" if self.outcome is None else f"; {self.reading} {self.outcome} ({self.reason})"
        return f"{self.by}: {self.what}{other}"


@attrs.frozen(slots=True)
class Verdict:
    """What a measurement means under a requirement and a decision rule, for one subject.

    ``expanded_u`` is the measurement's standard uncertainty times k: the decision rule's or, where few degrees of
    freedom need another one, ``coverage_factor``.
    """

    requirement: str
    subject: str
    outcome: Outcome
    reason: str
    measurement: Measurement | None = None
    limit: float | None = None
    unit: str = ""
    expanded_u: float | None = None
    decision_rule: str = ""
    claim: str = ""
    coverage_factor: float | None = None
    deviation: Deviation | None = None
