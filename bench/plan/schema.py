"""The files that people write for a plan: guideline, terminal declaration, agreement, profile (design section 6).

Each is a pydantic model loaded with ``bench.yamlfile.load_model``; whatever is wrong in a file ends as one line with
file, line and what was expected. The guideline's own words (``official``) and how they are read (``interpretation``)
stand apart; profile and agreement may override the reading, never the words.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bench.judge.decide import Comparison, DecisionRule, RuleKind
from bench.plan.documents import ByDocument, Certificate, Document
from bench.records import Obligation
from bench.rooms import PLAN
from bench.yamlfile import FileModel, load_model

GUIDELINE: Final = PLAN / "guideline-1.1.yaml"
DECLARATION: Final = PLAN / "declarations" / "virtual-terminal.yaml"
AGREEMENT: Final = PLAN / "agreements" / "default.yaml"
PROFILES: Final = PLAN / "profiles"

COMPARISONS: Final = {"at most": Comparison.AT_MOST, "at least": Comparison.AT_LEAST}
STATISTICS: Final = ("maximum", "retest", "median", "p95", "minimum", "count")


class Title(FileModel):
    """A heading in both languages."""

    ja: str
    en: str


class AppliesTo(FileModel):
    """Which declared terminals a requirement is about; an empty list sets no condition. ``agreed``: fields of the
    agreement without which there is no such requirement."""

    types: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    agreed: tuple[str, ...] = ()

    @field_validator("agreed")
    @classmethod
    def _known_fields(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_one_of(name, tuple(Agreement.model_fields)) for name in names)


class Override(FileModel):
    """What a profile or an agreement may change about the reading of a requirement."""

    unit: str = ""
    limit: float | None = None
    statistic: str = ""
    note: str = ""

    @field_validator("limit")
    @classmethod
    def _limit_has_unit(cls, limit: float | None, info: ValidationInfo) -> float | None:
        return _with_unit(limit, info)

    @field_validator("statistic")
    @classmethod
    def _known_statistic(cls, statistic: str) -> str:
        return _one_of(statistic, ("", *STATISTICS))


class Interpretation(FileModel):
    """How a requirement is read, so that it can be measured: apart from the official words, and open to change.

    ``unit`` stands before ``limit`` because a limit is checked for its unit. ``limit_from`` names a field of the
    agreement that gives the limit; where that is empty, the figure is reported and not judged. No ``episodes``: it is
    judged from what was added to the run. ``also`` are episodes that nobody drives for it and that count where the run
    holds them: what is wrong in one of them must not go unseen because another one suffices.
    """

    measurand: str
    episodes: tuple[str, ...]
    also: tuple[str, ...] = ()
    unit: str = ""
    limit: float | None = None
    limit_from: str = ""
    comparison: str = "at most"
    statistic: str = "maximum"
    rounding: str = "none"
    applicability: str = ""
    applies_to: AppliesTo = AppliesTo()
    owner: str = "profile"
    note: str = ""

    @field_validator("limit")
    @classmethod
    def _limit_has_unit(cls, limit: float | None, info: ValidationInfo) -> float | None:
        return _with_unit(limit, info)

    @field_validator("limit_from")
    @classmethod
    def _known_source(cls, name: str) -> str:
        return _one_of(name, ("", *(field for field in Agreement.model_fields if field.endswith(("_s", "_rate")))))

    @field_validator("comparison")
    @classmethod
    def _known_comparison(cls, comparison: str) -> str:
        return _one_of(comparison, tuple(COMPARISONS))

    @field_validator("statistic")
    @classmethod
    def _known_statistic(cls, statistic: str) -> str:
        return _one_of(statistic, STATISTICS)


class RequirementRow(FileModel):
    """One requirement of the guideline.

    ``official`` quotes the guideline word for word. ``label`` is the guideline's own mark (【目標事項】 …), empty where
    it has none; ``obligation`` is then this catalogue's reading. One of ``interpretation`` (it is measured),
    ``by_document`` (a paper answers it) and ``not_judged`` is given.
    """

    id: str
    clause: str
    title: Title
    obligation: Obligation
    label: str = ""
    official: str
    remarks: str = ""
    interpretation: Interpretation | None = None
    by_document: ByDocument | None = None
    not_judged: str = ""

    @field_validator("id")
    @classmethod
    def _plain_id(cls, name: str) -> str:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
            raise ValueError(f"id '{name}' is no plain name; expected lower-case words joined by hyphens")
        return name

    @model_validator(mode="after")
    def _judged_or_not(self) -> RequirementRow:
        if [self.interpretation is None, self.by_document is None, not self.not_judged].count(False) != 1:
            raise ValueError(
                f"requirement '{self.id}': expected one of 'interpretation', 'by_document' and 'not_judged'"
            )
        return self


class Guideline(FileModel):
    """Every requirement of one edition of the guideline."""

    name: str
    edition: str
    date: str
    source: str
    requirements: tuple[RequirementRow, ...]

    @field_validator("requirements")
    @classmethod
    def _ids_once(cls, rows: tuple[RequirementRow, ...]) -> tuple[RequirementRow, ...]:
        ids = [row.id for row in rows]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"requirement '{twice[0]}' is there twice; expected each id once")
        return rows


class Access(StrEnum):
    """Whether the bench can reach something on the terminal under test."""

    YES = "yes"
    NO = "no"
    MODIFIED_SAMPLE = "modified sample"


class Observable(FileModel):
    """What of the black box can be controlled and seen, item by item (lab-practice.md 2).

    ``console`` is ``none`` or the name of its command set; it never enters a verdict, it only explains. What is denied
    (``no``, ``none``) is not used: a rig file that wires something which acts on it there is refused
    (`fixtures.rig.fit`), what only listens (console, keys) stays closed.
    """

    console: str = "none"
    power: Access
    installation_key: Access
    indicator: Access
    meter_port: str
    air_keys: Access


class Sample(FileModel):
    """One unit of the terminal under test, with the meters that hang on it."""

    id: str
    serial: str
    eui64: str
    hardware: str
    firmware: str
    meters: tuple[str, ...] = Field(min_length=1)
    modifications: str = "none"
    timers: str = ""
    """Join timers of this unit, where they differ from the declaration's."""
    certificates: tuple[str, ...] = ()
    """Numbers of the certificates that it carries (認定番号)."""
    valves: tuple[str, ...] = ()
    """Those of its meters that can be shut off and reopened by command."""

    @field_validator("eui64")
    @classmethod
    def _eui64(cls, text: str) -> str:
        if not re.fullmatch(r"([0-9a-f]{2}:){7}[0-9a-f]{2}", text):
            raise ValueError(f"eui64 '{text}' is none; expected eight octets like 02:4b:42:ff:fe:00:02:01")
        return text


class TerminalDeclaration(FileModel):
    """What its maker declares of a terminal: the basis of what applies to it and of how it is observed."""

    name: str
    maker: str
    type: str
    radio_methods: tuple[str, ...] = Field(min_length=1)
    functions: tuple[str, ...]
    timers: str
    observable: Observable
    samples: tuple[Sample, ...] = Field(min_length=1)
    certificates: tuple[Certificate, ...] = ()
    valve_cycles: int = Field(default=0, ge=0)
    """Shut-offs and reopenings of each valve that a test may make, at most: valves wear."""
    note: str = ""

    @field_validator("type")
    @classmethod
    def _known_type(cls, kind: str) -> str:
        return _one_of(kind, ("store", "transparent"))


class Decision(FileModel):
    """The decision rule that both parties agreed on before the work (ILAC-G8)."""

    rule: RuleKind = RuleKind.SIMPLE
    k: float = Field(default=2.0, gt=0)
    strict_targets: bool = False


class Agreement(FileModel):
    """What the guideline leaves to the parties (事業者間の協議). Times with ``_s`` are seconds.

    ``upload_deadline``: JST time of day on D+1 by which the hours of day D must be at the server. A delay that is
    left out is reported, not judged. ``hour_mark_error_s``: how far from the hour mark a terminal may read its meter.
    """

    name: str
    official: bool
    utility: str
    operator: str
    terminal_owner: str
    storage_at: str
    upload_deadline: str
    alarm_delay_s: float | None = Field(default=None, gt=0)
    alarm_outage_delay_s: float | None = Field(default=None, gt=0)
    alarm_time_tolerance_s: float = Field(default=60.0, gt=0)
    hour_mark_error_s: float | None = Field(default=None, gt=0)
    documents: tuple[Document, ...] = ()
    gap_filling_s: float | None = Field(default=None, gt=0)
    """Within which hours that are missing at the server are filled in; None: no gap filling is agreed (2-2)."""
    mdms_ways: tuple[str, ...] = ()
    """``push``, ``pull``: each of these must bring every value to the MDMS; none: any way will do (1-4)."""
    control_success_rate: float | None = Field(default=None, gt=0, le=1)
    """Success rate of control commands in the operator's own mesh, the baseline (1-5); None: none is agreed."""
    backup_meter_s: float | None = Field(default=None, gt=0)
    """For how long the smart meters go on carrying messages without their mains (2-2); None: no backup is agreed."""
    backup_concentrator_s: float | None = Field(default=None, gt=0)
    """The same of the concentrator."""
    decision: Decision = Decision()
    interpretation: dict[str, Override] = Field(default_factory=dict)
    note: str = ""

    @field_validator("terminal_owner")
    @classmethod
    def _known_owner(cls, owner: str) -> str:
        return _one_of(owner, ("utility", "operator"))

    @field_validator("storage_at")
    @classmethod
    def _known_place(cls, place: str) -> str:
        return _one_of(place, ("server", "mdms"))

    @field_validator("mdms_ways")
    @classmethod
    def _known_ways(cls, ways: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_one_of(way, ("push", "pull")) for way in ways)

    @field_validator("upload_deadline")
    @classmethod
    def _time_of_day(cls, text: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
            raise ValueError(f"upload_deadline '{text}' is no time of day; expected JST hh:mm of the next day")
        return text

    @property
    def upload_deadline_s(self) -> float:
        """Seconds after midnight of D+1."""
        return deadline_s(self.upload_deadline)

    def rule(self, *, strict_targets: bool = False, confidence: float = 0.95) -> DecisionRule:
        """The decision rule, made strict also from the command line."""
        decision = self.decision
        return DecisionRule(decision.rule, decision.k, decision.strict_targets or strict_targets, confidence)


class Profile(FileModel):
    """How much is driven, and so what can be claimed. Counts are per terminal."""

    name: str
    purpose: str
    joins: int = Field(ge=1)
    round_trips: int = Field(ge=1)
    alarms: int = Field(ge=1)
    steady_days: int = Field(ge=1)
    outage_days: int = Field(ge=1)
    controls: int = Field(default=2, ge=1)
    """Shut-offs and reopenings of each valve."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    interpretation: dict[str, Override] = Field(default_factory=dict)
    note: str = ""


def deadline_s(text: str) -> float:
    """``hh:mm`` as seconds after midnight."""
    hours, minutes = text.split(":")
    return int(hours) * 3600.0 + int(minutes) * 60.0


def load_guideline(path: Path = GUIDELINE) -> Guideline:
    """The guideline at ``path``; InputError with file and line."""
    return load_model(path, Guideline)


def load_declaration(path: Path = DECLARATION) -> TerminalDeclaration:
    """The terminal declaration at ``path``; InputError with file and line."""
    return load_model(path, TerminalDeclaration)


def load_agreement(path: Path = AGREEMENT) -> Agreement:
    """The agreement at ``path``; InputError with file and line."""
    return load_model(path, Agreement)


def load_profile(name: str | Path = "smoke") -> Profile:
    """A profile by path, or by the name of one that comes with the bench; InputError with file and line."""
    return load_model(profile_path(name), Profile)


def profile_path(name: str | Path) -> Path:
    """Where a profile stands that is named by a path, or by the name of one that comes with the bench."""
    named = PROFILES / f"{name}.yaml"
    return named if named.is_file() else Path(name)


def _with_unit(limit: float | None, info: ValidationInfo) -> float | None:
    if limit is not None and not info.data.get("unit"):
        raise ValueError(f"limit {limit:g} without unit; expected 'unit' beside it")
    return limit


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f"'{value}' is unknown; expected one of {', '.join(name for name in allowed if name)}")
    return value
