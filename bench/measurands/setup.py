"""What a measurand may know beside the evidence: declaration, agreement and rig wiring, by value from ``run.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


@attrs.frozen(slots=True)
class TerminalSetup:
    """One terminal under test (供試端末) as declared and as placed in the rig.

    ``hops`` are smart-meter hops by the rig description (lab-practice "Hops"), None where nobody says.
    ``indicator``: the local indicator is observable, so that it ends a join on site; else the server does.
    """

    id: str
    eui64: str
    meters: tuple[str, ...]
    hops: int | None = None
    indicator: bool = True
    console: bool = False
    store_type: bool = True
    timers: str = ""
    sniffers: tuple[str, ...] = ()


@attrs.frozen(slots=True)
class Setup:
    """All of ``run.yaml`` that measurands ask for."""

    terminals: tuple[TerminalSetup, ...]
    agreement: Mapping[str, Any]
    declaration: Mapping[str, Any]

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> Setup:
        """Read ``declaration``, ``agreement`` and ``rig`` of ``run.yaml``; InputError names what is missing."""
        raise NotImplementedError
