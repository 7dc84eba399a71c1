"""What a measurand may know beside the evidence: declaration, agreement and rig wiring, by value from ``run.yaml``.

Read as plain values and not through the models of ``testplans``: a stored run must stay judgeable when those grow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from bench.errors import InputError


@attrs.frozen(slots=True)
class TerminalSetup:
    """One terminal under test (供試端末) as declared and as placed in the rig.

    ``hops`` are smart-meter hops by the rig description (lab-practice.md 1), None where nobody says.
    ``indicator``: the local indicator is observable, so that it ends a join on site; else the server does.
    ``timers``: the timer profile as declared.
    """

    id: str
    eui64: str
    meters: tuple[str, ...]
    hops: int | None = None
    indicator: bool = True
    timers: str = ""


@attrs.frozen(slots=True)
class Setup:
    """All of ``run.yaml`` that measurands ask for. Agreed times are seconds, None where not agreed."""

    terminals: tuple[TerminalSetup, ...]
    upload_deadline_s: float
    alarm_time_tolerance_s: float = 60.0
    alarm_delay_s: float | None = None
    """How soon an alarm must come, by the agreement."""
    storage_at: str = "server"
    references: tuple[TerminalSetup, ...] = ()
    """Reference terminals of the rig: installed units that are no samples, by which the network is judged usable."""
    planned: Mapping[str, int] = attrs.field(factory=dict)
    """Trials a terminal that the profile asks for, by its fields: ``joins``, ``round_trips``, ``alarms``."""
    radio_methods: tuple[str, ...] = ()
    """Radio methods that the terminals declare."""
    hour_mark_error_s: float | None = None
    """How far from the hour mark a register may be read, by the agreement."""
    gap_filling: bool = False
    """Automatic gap filling is agreed."""
    functions: tuple[str, ...] = ()
    """What the terminals declare that they do."""
    mdms_ways: tuple[str, ...] = ()
    """Ways by which each value must come to the MDMS; empty: by any."""

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Setup:
        """Read ``declaration``, ``agreement`` and, where it is there, the wiring in ``rig`` of ``run.yaml``.

        The wiring is the rig's ``options.bench.terminals``. InputError names what is missing.
        """
        try:
            declaration, agreement = inputs["declaration"], inputs["agreement"]
            seen = declaration["observable"]
            wiring = _wiring(inputs.get("rig"))
            built = _timers_built(inputs.get("topology"))
            terminals = tuple(
                TerminalSetup(
                    id=sample["id"],
                    eui64=sample["eui64"],
                    meters=tuple(sample["meters"]),
                    hops=wiring.get(sample["id"], {}).get("smart_meter_hops"),
                    indicator=seen["indicator"] != "no",
                    timers=built.get(sample["id"]) or sample.get("timers") or declaration["timers"],
                )
                for sample in declaration["samples"]
            )
            hours, minutes = agreement["upload_deadline"].split(":")
            return cls(
                terminals=terminals,
                upload_deadline_s=int(hours) * 3600.0 + int(minutes) * 60.0,
                alarm_time_tolerance_s=float(agreement["alarm_time_tolerance_s"]),
                alarm_delay_s=agreement.get("alarm_delay_s"),
                storage_at=agreement["storage_at"],
                references=_references(inputs.get("rig")),
                radio_methods=tuple(declaration["radio_methods"]),
                functions=tuple(declaration["functions"]),
                planned=_planned(inputs.get("profile")),
                hour_mark_error_s=agreement.get("hour_mark_error_s"),
                gap_filling=agreement.get("gap_filling_s") is not None,
                mdms_ways=tuple(agreement.get("mdms_ways", ())),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(f"run.yaml: inputs are not whole ({error!r}); expected what a run wrote") from None


def _wiring(rig: Any, what: str = "terminals") -> dict[str, dict[str, Any]]:
    """What hangs on what by the rig file; empty where the run says nothing of it."""
    for key in ("options", "bench", what):
        rig = rig.get(key) if isinstance(rig, dict) else None
    return {name: wired for name, wired in rig.items() if isinstance(wired, dict)} if isinstance(rig, dict) else {}


def _references(rig: Any) -> tuple[TerminalSetup, ...]:
    found = _wiring(rig, "references").items()
    return tuple(TerminalSetup(name, str(one.get("eui64", "")), (), one.get("smart_meter_hops")) for name, one in found)


def _planned(profile: Any) -> dict[str, int]:
    said = profile if isinstance(profile, dict) else {}
    return {key: value for key in ("joins", "round_trips", "alarms") if isinstance(value := said.get(key), int)}


def _timers_built(topology: Any) -> dict[str, str]:
    """Join timers of the virtual rig's terminals as they were built; what is declared could be a mistake."""
    terminals = topology.get("terminals") if isinstance(topology, dict) else None
    rows = [row for row in terminals if isinstance(row, dict)] if isinstance(terminals, list) else []
    return {str(row.get("id")): str(row["timers"]) for row in rows if "timers" in row}
