"""Gather one run into the record that every report is made of (``reports.model.RunReport``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol

from bench import kinds
from bench.air.octets import counted
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.watch_log import log_rows
from bench.identity import Identity, identity
from bench.judge.decide import NotJudged
from bench.plan.catalogue import Plan
from bench.plan.documents import PaperKind
from bench.plan.schema import RequirementRow
from bench.records import NS_PER_S, Json, Verdict
from reports.figures import jst
from reports.model import Blind, CatalogueRow, RunFacts, RunReport, Sample, VoidEpisode

WATCHDOG_ACTS = ("bench gone", "bench silent", "hold over", "bench ended", "taken over")
"""What a report tells of the watchdogs' log."""
STAND_INS = (
    "IoT-route application (UDP payloads of terminal and head end)",
    "connection server interface (HTTP, JSON)",
    "meter port and installation panel (line protocols)",
    "TLS inside EAP-TLS (true form and size, no authentication)",
)
"""What the virtual rig plays by a protocol of its own, because the official text is not public or not needed yet."""


class JudgedRun(Protocol):
    """What a report is told of: a run that was judged, freshly driven or stored."""

    @property
    def folder(self) -> RunFolder: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def verdicts(self) -> Sequence[Verdict]: ...
    @property
    def errors(self) -> Sequence[str]: ...
    @property
    def driven(self) -> bool: ...
    @property
    def altered(self) -> str: ...
    def not_judged(self) -> list[NotJudged]: ...
    def left_out(self) -> list[str]: ...
    def changes(self) -> list[str] | None: ...
    def wall_s(self) -> float: ...


def run_report(run: JudgedRun) -> RunReport:
    """Everything that reports show of a run."""
    rows = (catalogue_row(row, run) for row in run.plan.guideline.requirements)
    return RunReport(
        facts=_facts(run),
        requirements=tuple(rows),
        verdicts=tuple(run.verdicts),
        not_judged=tuple(run.not_judged()),
        errors=tuple(run.errors),
        left_out=tuple(run.left_out()),
        catalogue_deviations=tuple(run.plan.catalogue_deviations()),
        changes=None if (changes := run.changes()) is None else tuple(changes),
        altered=run.altered,
    )


def catalogue_row(row: RequirementRow, run: JudgedRun) -> CatalogueRow:
    """One requirement with its interpretation as this plan reads it."""
    interpretation: dict[str, Json] = {}
    if row.by_document is not None:
        asked_for = row.by_document
        interpretation = {
            "measurand": "by document",
            "document": f"{asked_for.asked.ja} {asked_for.asked.en}",
            "radio methods": list(asked_for.radio_methods),
            "layers": list(asked_for.layers),
            "owner": "declaration" if asked_for.kind is PaperKind.CERTIFICATE else "agreement",
        }
    elif row.interpretation is not None:
        read = run.plan.interpretation(row.id)
        asked = run.plan.requirement(row.id)
        interpretation = {
            "measurand": read.measurand,
            "limit": asked.limit,
            "unit": read.unit,
            "comparison": read.comparison,
            "statistic": asked.statistic,
            "rounding": read.rounding,
            "owner": read.owner,
            "note": read.note,
        }
    return CatalogueRow(
        id=row.id,
        clause=row.clause,
        title_ja=row.title.ja,
        title_en=row.title.en,
        obligation=row.obligation,
        official=row.official,
        remarks=row.remarks,
        interpretation=interpretation,
    )


def _facts(run: JudgedRun) -> RunFacts:
    with closing(Evidence.open(run.folder.path)) as evidence:
        return _facts_of(run, evidence)


def _facts_of(run: JudgedRun, evidence: Evidence) -> RunFacts:
    inputs = run.folder.inputs()
    events = evidence.events()
    options: Mapping[str, Any] = inputs["rig"].get("options", {}).get("bench", {})
    virtual = inputs.get("topology") is not None
    return RunFacts(
        run=run.folder.path.name,
        rig=inputs["rig_name"],
        rf_environment=str(options.get("rf_environment", "")),
        samples=tuple(
            Sample(
                s.id, s.serial, {"hardware": s.hardware, "firmware": s.firmware}, f"modifications: {s.modifications}"
            )
            for s in run.plan.declaration.samples
        ),
        agreement=run.plan.agreement.name,
        profile=run.plan.profile.name,
        guideline=f"{run.plan.guideline.name} {run.plan.guideline.edition}",
        seed=inputs["seed"],
        stand_ins=STAND_INS if virtual else (),
        deviations=("fixed channel instead of channel hopping, so that one-channel sniffers hear all",)
        if virtual
        else (),
        virtual_from_ns=events[0].t_ns if events else None,
        virtual_to_ns=events[-1].t_ns if events else None,
        wall_ns=round(run.wall_s() * NS_PER_S) if run.driven else None,
        resumed=bool(evidence.events(kinds.BENCH_RESUMED)),
        void_episodes=tuple(_voids(evidence)),
        blind=tuple(
            Blind(int(_number(e.data["from_ns"])), int(_number(e.data["to_ns"])), str(e.data.get("why", "")))
            for e in evidence.events(kinds.BENCH_BLIND)
        ),
        versions=inputs["versions"],
        extra=_extra(run, inputs) | {f"clock of {name}": words for name, words in _wrong_clocks(evidence)},
    )


def _extra(run: JudgedRun, inputs: Mapping[str, Any]) -> dict[str, str]:
    """Facts that only some runs have."""
    driven_by = Identity(**inputs["driven_by"])
    facts = {"decision rule": str(run.plan.rule), "driven by": str(driven_by), "judged by": str(identity())}
    if seeded := _seeded(run, inputs):
        facts["seeded faults"] = "; ".join(seeded)
    gone = [row for row in log_rows(run.folder.path) if row["event"] in WATCHDOG_ACTS]
    if gone:
        facts["watchdog"] = "; ".join(f"{row['event']} {row['wall'][:19]}Z" for row in gone)
    return facts


def _wrong_clocks(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Sniffers whose clocks were wrong, and how."""
    for sniffer in evidence.sniffers():
        if words := evidence.sniffer_clock(sniffer).words:
            yield sniffer, words


def _seeded(run: JudgedRun, inputs: Mapping[str, Any]) -> list[str]:
    """The faults of a virtual rig, and whether the plan provoked them; of older runs what the command line said."""
    did = {(one["subject"], one["name"], str(one["options"])): one for one in run.folder.marked()}
    said = []
    for one in inputs.get("seeded_faults", ()):
        options = ", ".join(f"{option} = {value}" for option, value in one["options"].items())
        source = f", source {one['sha256'][:12]}" if one["sha256"] else ""
        found = did.get((one["subject"], one["name"], str(one["options"])))
        said.append(f"{one['subject']}: {one['name']} ({options}{source}){_fired(found)}")
    return said or list(inputs["faults"])


def _fired(did: Mapping[str, Any] | None) -> str:
    if did is None:
        return ""
    if not did["fired"]:
        return ", never fired"
    return f", fired {counted(did['fired'], 'time')}, first {jst(did['first'][0]['t_ns'])}"


def _voids(evidence: Evidence) -> Iterator[VoidEpisode]:
    for event in evidence.events(kinds.EPISODE_VOID):
        yield VoidEpisode(str(event.data["name"]), str(event.data.get("reason", "")))


def _number(value: Json) -> float:
    assert isinstance(value, int | float)
    return value
