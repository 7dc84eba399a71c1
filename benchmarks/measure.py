"""`kenshin measure` on one capture, whole processes: python -m benchmarks.measure real | real-many | twin | FILE..."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from benchmarks.captures import NAMES, capture_of
from benchmarks.timing import KENSHIN, machine, run


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What measuring a capture costs.")
    parser.add_argument("captures", nargs="+", help=f"{NAMES}, or files with their key files beside them")
    parser.add_argument("--frames", type=int, help="of a capture that is made")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for name in options.captures:
            capture = capture_of(name, options.frames)
            command = [*KENSHIN, "measure", str(capture), "--keys", str(capture.with_suffix(".ieee802154_keys"))]
            spent = [run([*command, "--format", "json"], Path(folder) / "measured") for _ in range(options.rounds)]
            wall, cpu, peak = (
                statistics.median(getattr(one, n) for one in spent) for n in ("wall_s", "cpu_s", "peak_mb")
            )
            print(f"measure of {capture.name} ({options.rounds} rounds, medians)")
            print(f"  wall {wall:7.2f} s   processor {cpu:7.2f} s   largest process {peak:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
