"""A disk that turns read-only under files that are open: EROFS for every write, by a library that is preloaded.

A mount cannot be made read-only while files on it are open for writing, but a file system does it by itself on an
error. Where no C compiler is there, the matrix takes a limit of file sizes in its place, which says EFBIG.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("read_only.c")
FLAG: Final = ".read-only"
"""Beside a run folder that is named ``run``: what is in that takes no more."""


def library(folder: Path) -> Path | None:
    """The library, built in ``folder``; None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    built = folder / "read_only.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", built, SOURCE, "-ldl"], check=True)
    return built
