"""The bench as its users start it: ``kenshin`` as a process, with its exit code, its words and its run folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
VIRTUAL_RIG = ROOT / "fixtures" / "rigs" / "virtual.yaml"
TOPOLOGY = ROOT / "fixtures" / "topologies" / "default.yaml"


@attrs.frozen
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        return self.stdout + self.stderr


def kenshin(*arguments: str | Path, timeout_s: float = 300) -> Ended:
    """Run ``kenshin`` to its end."""
    done = subprocess.run(
        _command(arguments),
        cwd=ROOT,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def start_kenshin(*arguments: str | Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``kenshin``; what it says goes to ``log``."""
    with log.open("wb") as out:
        return subprocess.Popen(_command(arguments), cwd=ROOT, env=_environment(), stdout=out, stderr=subprocess.STDOUT)


def _command(arguments: Sequence[str | Path]) -> list[str]:
    return [sys.executable, "-m", "bench.cli", *map(str, arguments)]


def _environment() -> dict[str, str]:
    """No pytest of an outer session (xdist, options) may leak into the inner one."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LG_"))}
