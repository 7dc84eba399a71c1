"""Time and memory of `Index.open` and of `kenshin measure`, by the number of frames: python benchmarks/memory.py FILE

Each size is a prefix of the capture, in a process of its own. ``largest``: peak memory of the largest process, as the
kernel counts it; ``together``: peak of all processes at one time, pages that they share counted once (proportional set
size, looked at five times a second, so a shorter peak is missed; Linux only).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.air.bulk.spans import form_of, places, read, spans
from bench.air.index.index import SUFFIX
from benchmarks.timing import KENSHIN, Spent, machine, run

BUILD: Final = """
import sys
from bench.air.index.index import Index
from bench.air.keys.table import KeyTable
print(len(Index.open(sys.argv[1], KeyTable.read(sys.argv[2]))))
"""
SIZES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
LOOK_S: Final = 0.2
COPY_OCTETS: Final = 1 << 24


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index building and measuring by size.")
    parser.add_argument("capture", type=Path, help="made by make_traffic.py, with its key file")
    parser.add_argument("--frames", type=int, nargs="+", default=SIZES, help="sizes, the last perhaps larger than it")
    parser.add_argument("--folder", type=Path, help="for prefixes and indexes")
    options = parser.parse_args()
    print(machine(), flush=True)
    print(
        f"{'what':<8}{'frames':>10}{'wall s':>9}{'cpu s':>9}{'us/frame':>10}"
        f"{'largest MB':>12}{'together MB':>13}{'octets/frame':>14}"
    )
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for frames in options.frames:
            capture = prefix(options.capture, folder / f"{frames}.pcapng", frames)
            keys = str(options.capture.with_suffix(".ieee802154_keys"))
            _index(capture, keys, folder)
            _measure(capture, keys, folder)
            capture.unlink()


def _index(capture: Path, keys: str, folder: Path) -> None:
    place = capture.with_name(capture.name + SUFFIX)
    output = folder / "frames"
    spent, together = watched([sys.executable, "-c", BUILD, str(capture), keys], output)
    frames = int(output.read_text())
    _print("index", frames, spent, together, f"{place.stat().st_size / frames:.0f}")
    place.unlink()


def _measure(capture: Path, keys: str, folder: Path) -> None:
    output = folder / "measured"
    spent, together = watched([*KENSHIN, "measure", str(capture), "--keys", keys, "--format", "json"], output)
    with output.open(encoding="utf-8") as file:
        frames = json.load(file)["frames"]
    _print("measure", frames, spent, together, f"{output.stat().st_size / frames:.1f}")


def _print(what: str, frames: int, spent: Spent, together: float | None, octets: str) -> None:
    summed = "-" if together is None else f"{together:.0f}"
    print(
        f"{what:<8}{frames:>10}{spent.wall_s:>9.1f}{spent.cpu_s:>9.1f}{spent.cpu_s / frames * 1e6:>10.1f}"
        f"{spent.peak_mb:>12.0f}{summed:>13}{octets:>14}",
        flush=True,
    )


def prefix(source: Path, target: Path, frames: int) -> Path:
    """The first ``frames`` frames of a capture, octet for octet; all of it (a link) where it has no more."""
    form = form_of(source)
    if form is None:
        raise SystemExit(f"{source}: not a capture that is cut here; expected one of make_traffic.py")
    for span in spans(form):
        if span.number + span.packets > frames + 1:
            with source.open("rb") as file:
                found = places(form, span, read(form, span, file))
            end = next(offset for number, offset, *_ in found if number == frames + 1)
            break
    else:
        target.symlink_to(source.resolve())
        return target
    with source.open("rb") as file, target.open("wb") as copy:
        while end > 0:
            copy.write(octets := file.read(min(end, COPY_OCTETS)))
            end -= len(octets)
    return target


def watched(command: list[str], output: Path) -> tuple[Spent, float | None]:
    """A command run, and the peak of what it and its children had together (MB), where the system tells."""
    peak: list[float] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(LOOK_S):
            peak.append(sum(_own_mb(process) for process in _below(os.getpid())))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        spent = run(command, output)
    finally:
        done.set()
        watcher.join()
    return spent, max(peak, default=0.0) or None


def _below(process: int) -> Iterator[int]:
    """The processes that one has started, and theirs."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in map(int, children):
            yield child
            yield from _below(child)


def _own_mb(process: int) -> float:
    """Its share of memory; 0 where that is not told."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


if __name__ == "__main__":
    main()
