"""What the seal of a run costs, as a share of the run that it seals, and how it grows with frames.

    python -m benchmarks.sealing [rounds]

Drives the default plan once and seals it: as it is, and with its captures ten times as long. Prints medians.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.evidence.seal.compare import compare
from bench.evidence.seal.manifest import read_manifest
from bench.evidence.seal.sealing import seal_run
from bench.yamlfile import load_source

TIMES = 10


def main(rounds: int) -> None:
    """Drive, seal, compare; one line a figure."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "bench.cli", "run", "--out", str(run)]
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        driven_s = spent.ru_utime + spent.ru_stime
        once = _figures("the run", run, rounds)
        print(f"  {100 * once / driven_s:.1f} % of the {driven_s:.1f} s of processor time that the whole command took")
        for capture in (run / "captures").glob("*.pcapng"):
            capture.write_bytes(capture.read_bytes() * TIMES)
        shutil.rmtree(run / "seals", ignore_errors=True)
        more = _figures(f"{TIMES} times its captures", run, rounds)
        print(f"  {more / once:.1f} times the time for {TIMES} times the frames")


def _figures(name: str, run: Path, rounds: int) -> float:
    """Processor seconds of sealing; prints those of comparing, and the manifest's share of the folder, too."""
    inputs = load_source(run / "run.yaml").data
    sealing = _median(lambda: seal_run(run, None, "benchmark", inputs), rounds)
    sealed = read_manifest(run / "manifest.json").manifest
    frames = sum(len(f.parts.each()) - len(f.parts.others) for f in sealed.files if f.parts.of == "frame")
    comparing = _median(lambda: compare(run, sealed), rounds)
    share = (run / "manifest.json").stat().st_size / sum(file.octets for file in sealed.files)
    print(f"{name}: {frames} frames, sealed in {sealing:.2f} s, compared in {comparing:.2f} s, manifest {share:.0%}")
    return sealing


def _median(what: Callable[[], object], rounds: int) -> float:
    spent = []
    for _ in range(rounds):
        begun = time.process_time()
        what()
        spent.append(time.process_time() - begun)
    return statistics.median(spent)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
