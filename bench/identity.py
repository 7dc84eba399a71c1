"""Which code this is: version, commit, and whether it was changed since. Runs and verdicts carry it.

A checkout asks git. A wheel holds what git said when it was built (``bench/built.json``, written by `hatch_build.py`,
which runs this file by itself: so it needs nothing but Python). Where neither is there, the commit is not known.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

DISTRIBUTION: Final = "kenshin-bench"
_HERE: Final = Path(__file__).parent
_CODE: Final = ("bench", "devices", "fixtures", "reports", "testplans")
"""What counts as code: a note or a test that changed does not make the bench another one."""
_GIT_S: Final = 10.0


class Identity(NamedTuple):
    """``commit``: 40 hex digits, None where nobody knows. ``dirty``: code differs from it; None where nobody knows."""

    version: str
    commit: str | None = None
    dirty: bool | None = None

    def plain(self) -> dict[str, str | bool | None]:
        """For files: JSON values."""
        return {"version": self.version, "commit": self.commit, "dirty": self.dirty}

    def __str__(self) -> str:
        """``0.1.0 (commit 91a58e0c12f3, changed)``."""
        if self.commit is None:
            return f"{self.version} (commit not known)"
        return f"{self.version} (commit {self.commit[:12]}{', changed' if self.dirty else ''})"


@cache
def identity() -> Identity:
    """The code of this process; asked once, so that a run is of one code from its beginning to its end."""
    built = _HERE / "built.json"
    if built.is_file():
        said = json.loads(built.read_text(encoding="utf-8"))
        return Identity(version(DISTRIBUTION), said["commit"], said["dirty"])
    return Identity(version(DISTRIBUTION), *asked_git(_HERE.parent))


def asked_git(root: Path) -> tuple[str | None, bool | None]:
    """Commit and dirty mark of the checkout at ``root``; ``(None, None)`` where it is none or git does not answer."""
    if not (root / ".git").exists():
        return None, None
    commit = _git(root, "rev-parse", "--verify", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", *_CODE)
    if commit is None or changes is None:
        return None, None
    return commit.strip(), bool(changes.strip())


def _git(root: Path, *words: str) -> str | None:
    command = ["git", "-C", str(root), *words]
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("GIT_")
    }  # a hook's say another tree
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=False, env=own)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
