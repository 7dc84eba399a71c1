"""What importing costs: the twin must not load labgrid for its impersonators, nor drivers the web framework."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        (
            "devices.console.impersonator, devices.meter.impersonator, devices.panel.impersonator, "
            "devices.supply.makes.rigol_dp832, "
            "devices.supply.makes.gwinstek_asr2000",
            ("labgrid", "serial", "pyvisa", "starlette", "requests", "bench.drive.clock"),
        ),
        ("devices.family; devices.family.families()", ("labgrid", "serial", "pyvisa", "starlette", "requests")),
        ("devices.server.impersonator", ("labgrid", "serial", "pyvisa", "requests")),
        ("devices.resources", ("starlette", "uvicorn", "pyvisa", "simpy", "scapy", "bench.twin")),
        ("fixtures.rig.guard", ("labgrid", "starlette", "pyvisa", "numpy")),
    ],
)
def test_imports_stay_apart(modules: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {modules}; print(*(m for m in {heavy!r} if m in sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
