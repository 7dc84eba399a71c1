"""Build hook: writes ``bench/built.json`` into the wheel, for a wheel knows no git (`bench.identity` reads it back).

Built from a source archive, which has the file already, it stays as it is.
"""

from __future__ import annotations

import json
import runpy
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BuiltFrom(BuildHookInterface[Any]):
    """Adds the commit that is built to the files of a wheel or source archive."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """``version`` is hatchling's kind of build: an editable install asks git each time and needs no file."""
        root = Path(self.root)
        if version == "editable" or (root / "bench" / "built.json").exists():
            return
        commit, dirty = runpy.run_path(str(root / "bench" / "identity.py"))["asked_git"](root)
        self._scratch = tempfile.TemporaryDirectory()
        written = Path(self._scratch.name) / "built.json"
        written.write_text(json.dumps({"commit": commit, "dirty": dirty}) + "\n", encoding="utf-8")
        build_data["force_include"][str(written)] = "bench/built.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The file is in the archive by now."""
        if hasattr(self, "_scratch"):
            self._scratch.cleanup()
