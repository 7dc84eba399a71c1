"""What a report is made of: the requirement rows, the verdicts, and the facts of the run.

Reports read no run folder and know no rig. Whoever loads a run (the plan's fixtures, ``kenshin judge``) fills one
:class:`RunReport`; HTML, terminal and JUnit are pure functions of it, so the same run always reads the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from bench.air.octets import counted
from bench.judge.decide import NotJudged
from bench.records import NS_PER_S, Json, Obligation, Verdict


@attrs.frozen(slots=True)
class CatalogueRow:
    """One requirement as the report shows it: the guideline's words, and apart from them how they are read.

    ``interpretation`` is plain data (``limit``, ``unit``, ``statistic``, ``rounding``, ``owner`` ...), shown in the
    order given, its ``note`` below. ``official`` and the guideline's ``remarks`` are quoted and never changed.
    """

    id: str
    clause: str
    title_ja: str
    title_en: str
    obligation: Obligation
    official: str = ""
    interpretation: Mapping[str, Json] = attrs.field(factory=dict)
    remarks: str = ""


@attrs.frozen(slots=True)
class Sample:
    """One unit under test as its declaration gives it; ``versions`` e.g. ``{"hardware": "A1", "firmware": "1.2"}``."""

    id: str
    serial: str = ""
    versions: Mapping[str, str] = attrs.field(factory=dict)
    note: str = ""


@attrs.frozen(slots=True)
class VoidEpisode:
    """An episode that was driven and does not count (retest rule, lab-practice.md 8: it stays in the report)."""

    name: str
    why: str
    replaced_by: str = ""


@attrs.frozen(slots=True)
class Blind:
    """An interval in which the bench saw nothing, in rig time."""

    from_ns: int
    to_ns: int
    why: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return (self.to_ns - self.from_ns) / NS_PER_S


@attrs.frozen(slots=True)
class RunFacts:
    """Under which conditions the run took place. Durations in integer nanoseconds; wall duration None when unknown.

    ``wall_ns`` is shown in the report only and never enters evidence; of a ``resumed`` run it is the last session's.
    ``extra`` holds further named facts.
    """

    run: str
    rig: str
    rf_environment: str = ""
    samples: tuple[Sample, ...] = ()
    agreement: str = ""
    profile: str = ""
    guideline: str = ""
    seed: int | None = None
    stand_ins: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()
    virtual_from_ns: int | None = None
    virtual_to_ns: int | None = None
    wall_ns: int | None = None
    resumed: bool = False
    void_episodes: tuple[VoidEpisode, ...] = ()
    blind: tuple[Blind, ...] = ()
    versions: Mapping[str, str] = attrs.field(factory=dict)
    extra: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(slots=True)
class RunReport:
    """Everything that a report of one run shows. ``errors`` are bench errors of the run, one line each.

    ``left_out`` are the requirements that the plan asks and this run did not judge: with any of them it is PARTIAL.
    """

    facts: RunFacts
    requirements: tuple[CatalogueRow, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    errors: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    catalogue_deviations: tuple[str, ...] = ()
    """Where the guideline file asks less than the one of this name that comes with the bench."""
    changes: tuple[str, ...] | None = None
    """What a later judgement sees otherwise than the run's own verdicts; None of the run itself."""
    altered: str = ""
    """What the run's seal has against what was judged, in one line; empty where nothing, or where it has none."""

    def row(self, requirement: str) -> CatalogueRow | None:
        """The catalogue row of a requirement id, None when the catalogue does not know it."""
        return next((row for row in self.requirements if row.id == requirement), None)

    @property
    def partial(self) -> str:
        """``PARTIAL`` and what is missing, for people; empty for a run that judged all that its plan asks."""
        if not self.left_out:
            return ""
        judged = len({verdict.requirement for verdict in self.verdicts})
        missing = ", ".join(self.left_out)
        return f"PARTIAL: {judged} of {counted(judged + len(self.left_out), 'requirement')} judged; left out: {missing}"

    @property
    def deviations(self) -> tuple[str, ...]:
        """A line for each verdict beside which another reading stands, alike ones of several subjects as one; and where
        the catalogue itself asks less."""
        subjects: dict[tuple[str, str], list[str]] = {}
        for verdict in self.verdicts:
            if verdict.deviation is not None:
                subjects.setdefault((verdict.requirement, str(verdict.deviation)), []).append(verdict.subject)
        told = [f"{name} {', '.join(of)}: {said}" for (name, said), of in subjects.items()]
        return tuple(f"DEVIATION: {one}" for one in (*told, *self.catalogue_deviations))

    def verdicts_of(self, requirement: str) -> tuple[Verdict, ...]:
        """Verdicts of one requirement in the order they were given."""
        return tuple(v for v in self.verdicts if v.requirement == requirement)
