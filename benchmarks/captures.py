"""What is measured on, by name, made where it is not there yet: real air first.

Made captures stay in ``kenshin-benchmarks`` in the system's temporary folder (``TMPDIR``), with their key files.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

NAMES: Final = "real, real-many, twin"
MESHES: Final = 3
"""Of ``real-many``: 18 senders at a time."""
_FRAMES: Final = {"real": 165_000, "real-many": 165_000, "twin": 120_000}


def capture_of(name: str, frames: int | None = None) -> Path:
    """The capture with that name, of so many frames (default: as in the README's figures); or the file itself.

    ``real``: two captured days of real stacks' quiet air, continued; ``real-many``: several such meshes at a time;
    ``twin``: the twin's own busy mesh."""
    if name not in _FRAMES:
        return Path(name)
    folder = Path(tempfile.gettempdir()) / "kenshin-benchmarks"
    folder.mkdir(exist_ok=True)
    count = frames or _FRAMES[name]
    path = folder / f"{name}-{count}.pcapng"
    if not path.exists():
        unfinished = path.with_name(f"unfinished-{path.name}")
        keys = _make(name, unfinished, count)
        keys.rename(path.with_suffix(keys.suffix))
        unfinished.rename(path)
    return path


def _make(name: str, path: Path, frames: int) -> Path:
    """Loaded when needed: a child's peak of memory counts from its parent's size, and the twin is large."""
    if name == "twin":
        from benchmarks import make_traffic

        return make_traffic.make(path, frames, 1)
    from benchmarks import real_air

    return real_air.make(path, frames, MESHES if name == "real-many" else 1)
