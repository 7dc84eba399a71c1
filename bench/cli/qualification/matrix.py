"""What a qualification says: which requirement caught which fault, what was missed, what never fired.

Pure functions of verdicts and marks; `trials` runs the plan, `page` has the words. A fault is *caught* where a
requirement that it should turn (``turns``) is missed, and is not in the clean run of the same seed. One that the plan
never provoked is a hole in the plan and counts as missed, whatever turned red. What turned red besides is a stated
consequence (``also``) or an extra.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, TypeAlias

import attrs

from bench.records import Outcome

Verdicts: TypeAlias = Mapping[tuple[str, str], Outcome]
"""Outcomes by requirement and subject."""
RED: Final = frozenset({Outcome.FAIL, Outcome.CONDITIONAL_FAIL, Outcome.TARGET_MISSED, Outcome.NOT_FOLLOWED})
"""What a missed requirement is called, by its obligation."""
OPEN: Final = frozenset({Outcome.INCONCLUSIVE, Outcome.ERROR, Outcome.PENDING_EVIDENCE})
NOT_RUN: Final = -1


class Scope(StrEnum):
    """What was driven and judged for a figure."""

    WHOLE = "whole"
    EPISODES = "episodes"  # those that the requirements meant for a fault are judged from
    SHARED = "shared"  # the same, in one run with a fault of another terminal


class Status(StrEnum):
    """What became of a fault, from bad to good."""

    FAILED = "run failed"
    NOT_TRIED = "not tried"
    MISSED = "missed"
    NEVER_FIRED = "never fired"
    EXTRA = "caught, and more turned"
    CAUGHT = "caught"

    @property
    def good(self) -> bool:
        """Whether the plan caught it."""
        return self in (Status.CAUGHT, Status.EXTRA)


@attrs.frozen(slots=True)
class Case:
    """A fault to be tried: how it is named on the command line, where it sits, what it should turn red."""

    spec: str
    subject: str
    turns: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    says: str = ""
    """The first sentence of its class's docstring."""

    @property
    def option(self) -> str:
        return f"{self.subject}:{self.spec}"


@attrs.frozen(slots=True)
class Ran:
    """What a run with one fault (or none) gave. ``why``: why there are no verdicts."""

    code: int
    verdicts: Verdicts
    marks: Sequence[Mapping[str, Any]] = ()
    why: str = ""
    scope: Scope = Scope.WHOLE
    made_by: str = ""
    """The code that made the run, in words; empty where there was none."""
    processor_s: float = 0.0
    """What it took of the processors, with all that it started; 0 where nobody counted."""

    @property
    def ended(self) -> bool:
        return self.code in (0, 1, 4) and bool(self.verdicts)

    @classmethod
    def none(cls) -> Ran:
        """Of a case that was not reached."""
        return cls(NOT_RUN, {}, (), "the qualification was stopped")

    def apart(self, subject: str, others: Collection[str]) -> Ran:
        """What a run with faults at several terminals says of the one at ``subject``: without the verdicts of the
        ``others``."""
        verdicts = {key: word for key, word in self.verdicts.items() if key[1] not in others}
        return attrs.evolve(self, verdicts=verdicts, marks=[one for one in self.marks if one["subject"] == subject])

    @property
    def fired(self) -> int:
        return sum(int(one["fired"]) for one in self.marks)


@attrs.frozen(slots=True)
class Judged:
    """A case with what its run gave, beside the clean run of the same seed."""

    case: Case
    ran: Ran
    clean: Verdicts

    @property
    def turned(self) -> list[tuple[str, str]]:
        """Requirements and subjects that are red and were not in the clean run."""
        return [key for key, word in self.ran.verdicts.items() if word in RED and self.clean.get(key) not in RED]

    @property
    def undecided(self) -> list[tuple[str, str]]:
        """Requirements and subjects that the fault left open."""
        return [key for key, word in self.ran.verdicts.items() if word in OPEN and self.clean.get(key) not in OPEN]

    @property
    def extras(self) -> list[tuple[str, str]]:
        """What turned red and should not have: another requirement, or another subject."""
        if not self.case.turns:
            return []
        stated = {*self.case.turns, *self.case.also}
        return [key for key in self.turned if key[0] not in stated or not self._its_own(key[1])]

    @property
    def status(self) -> Status:
        if not self.ran.ended:
            return Status.NOT_TRIED if self.ran.code == NOT_RUN else Status.FAILED
        if not self.ran.fired:
            return Status.NEVER_FIRED
        wanted = [key for key in self.turned if not self.case.turns or key[0] in self.case.turns]
        if not [key for key in wanted if self._its_own(key[1])]:
            return Status.MISSED
        return Status.EXTRA if self.extras else Status.CAUGHT

    def _its_own(self, subject: str) -> bool:
        """Whether a verdict is about what the fault sits at; a fault of the system may turn anybody's."""
        terminal = self.case.subject.partition(".")[0]
        subjects = {name for _, name in self.clean}
        return subject == terminal or terminal not in subjects

    def cell(self, requirement: str) -> str:
        """One sign a requirement: see ``LEGEND``."""
        if requirement not in {key[0] for key in self.ran.verdicts}:
            return " "
        red = any(key[0] == requirement for key in self.turned)
        if any(key[0] == requirement for key in self.extras):
            return "!"
        if red:
            return "●" if requirement in self.case.turns or not self.case.turns else "+"
        if any(key[0] == requirement for key in self.undecided):
            return "?"
        return "○" if requirement in self.case.turns else "·"


@attrs.frozen(slots=True)
class Clean:
    """A run without a fault. ``plan``: the profile that it followed, and the part of the plan; ``terminals``: how many,
    0 as the rig has them; ``may_stay_open``: requirements that nobody can decide on that rig."""

    seed: int
    ran: Ran
    plan: str = "smoke"
    terminals: int = 0
    may_stay_open: frozenset[str] = frozenset()

    @property
    def alarms(self) -> list[tuple[str, str]]:
        """Every verdict that is red, or undecided where it could have been decided: requirement and subject."""
        words = self.ran.verdicts.items()
        return [key for key, word in words if word in RED or (word in OPEN and key[0] not in self.may_stay_open)]

    @property
    def left_open(self) -> list[tuple[str, str]]:
        """What nobody can decide on that rig and stayed undecided."""
        return [key for key, word in self.ran.verdicts.items() if word in OPEN and key[0] in self.may_stay_open]


@attrs.frozen(slots=True)
class Qualification:
    """All of it: the runs without a fault, the first of them the one that faults are compared with."""

    command: str
    clean: Sequence[Clean]
    judged: Sequence[Judged]

    @property
    def false_alarms(self) -> list[tuple[Clean, tuple[str, str]]]:
        """Every alarm of a run without a fault: its run, requirement and subject."""
        return [(clean, key) for clean in self.clean for key in clean.alarms]

    @property
    def processor_s(self) -> float:
        """What all runs took of the processors."""
        ran = [one.ran for one in self.clean] + [one.ran for one in self.judged]
        return sum(one.processor_s for one in ran)

    @property
    def requirements(self) -> list[str]:
        """The requirements that a fault was tried on or that one turned, in the order of the verdicts."""
        shown = {name for one in self.judged for name in one.case.turns}
        shown |= {key[0] for one in self.judged for key in (*one.turned, *one.undecided)}
        ordered = dict.fromkeys(key[0] for one in self.clean for key in one.ran.verdicts)
        return [name for name in ordered if name in shown] + sorted(shown - set(ordered))

    @property
    def caught(self) -> int:
        return sum(one.status.good for one in self.judged)

    @property
    def tried(self) -> int:
        return sum(one.status is not Status.NOT_TRIED for one in self.judged)

    @property
    def code(self) -> int:
        """3 where a run failed or was not made; 1 where a fault was missed or turned more than it states, or a clean
        run was red."""
        broken = (Status.FAILED, Status.NOT_TRIED)
        if any(one.status in broken for one in self.judged) or not all(clean.ran.ended for clean in self.clean):
            return 3
        whole = all(one.status is Status.CAUGHT for one in self.judged)
        return 0 if whole and not self.false_alarms else 1
