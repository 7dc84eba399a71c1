"""What the default plan costs: wall seconds, and peak memory of bench and twin together (Linux, /proc).

    python -m benchmarks.whole_plan [runs]

Prints one line a run and the medians. Rig seconds over wall seconds is the figure to compare between machines.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.evidence.evidence import Evidence
from bench.records import NS_PER_S
from benchmarks.tree import running

SAMPLE_S = 0.05


def main(runs: int) -> None:
    """Run the plan ``runs`` times in folders of their own."""
    figures = [_one_run() for _ in range(runs)]
    wall_s, rss_mib, rig_s = (statistics.median(column) for column in zip(*figures, strict=True))
    print(f"median: {wall_s:.1f} s wall, {rss_mib:.0f} MiB, {rig_s / wall_s:,.0f} rig seconds a wall second")


def _one_run() -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, "-m", "bench.cli", "run", "--out", str(run)]
        begun = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        peak_kib = 0.0
        while process.poll() is None:
            peak_kib = max(peak_kib, sum(one.kib for one in running(process.pid).values()))
            time.sleep(SAMPLE_S)
        wall_s = time.monotonic() - begun
        if process.returncode != 0:
            raise SystemExit(f"the plan ended with {process.returncode}")
        events = Evidence.open(run).events()
        rig_s = (events[-1].t_ns - events[0].t_ns) / NS_PER_S
    print(f"{wall_s:6.1f} s wall {peak_kib / 1024:7.0f} MiB {rig_s:12,.0f} s rig time")
    return wall_s, peak_kib / 1024, rig_s


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
