"""Where the tests find the repository and its data: once, whatever folder a test stands in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The repository."""

CAPTURES: Final = ROOT / "tests" / "data" / "captures"
"""Frames of real stacks (README.md beside them)."""

DEFAULT_TOPOLOGY: Final = ROOT / "fixtures" / "topologies" / "default.yaml"
"""The virtual rig of the default plan."""

RUNS: Final = ROOT / "tests" / "data" / "runs"
"""Golden runs, one a format of the run record (README.md beside them)."""
