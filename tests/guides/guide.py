"""Guides are run: their code blocks become the files that they name, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT

BLOCK = re.compile(r"^```(?:python|yaml)\n# (?P<head>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> dict[str, str]:
    """The blocks of ``docs/guides/PAGE`` whose first line is a comment, by that comment."""
    text = (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")
    return {found["head"]: found["text"] for found in BLOCK.finditer(text)}


def write_files(page: str, folder: Path) -> list[Path]:
    """Write the blocks that are whole files (``# package/module.py``) below ``folder``."""
    made = []
    for head, text in blocks(page).items():
        if re.fullmatch(r"[\w/]+\.(py|yaml)", head):
            path = folder / head
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            made.append(path)
    return made


def register(folder: Path, package: str, group: str, **points: str) -> None:
    """What installing a package would leave behind of its entry points."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """``python COMMAND`` where the folder's packages and the bench's can be imported."""
    outer = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LG_"))}
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**outer, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )
