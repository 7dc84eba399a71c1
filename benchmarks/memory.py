"""Time and memory of building an index, by the number of frames: python benchmarks/memory.py FILE...

Each capture is indexed by a process of its own; peak memory is that of its largest process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from timing import machine, run

from bench.air.index import SUFFIX

BUILD = """
import sys
from bench.air.index import Index
from bench.air.keys import KeyTable
print(len(Index.open(sys.argv[1], KeyTable.read(sys.argv[2]))))
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index building by size.")
    parser.add_argument("captures", type=Path, nargs="+", help="made by make_traffic.py, with their key files")
    options = parser.parse_args()
    print(machine())
    print(f"{'frames':>9} {'wall s':>8} {'cpu s':>8} {'us/frame':>9} {'peak MB':>8} {'octets/frame':>13}")
    with tempfile.TemporaryDirectory() as folder:
        for capture in options.captures:
            place = capture.with_name(capture.name + SUFFIX)
            place.unlink(missing_ok=True)
            keys = str(capture.with_suffix(".ieee802154_keys"))
            output = Path(folder) / "frames"
            spent = run([sys.executable, "-c", BUILD, str(capture), keys], output)
            frames = int(output.read_text())
            per_frame = (spent.cpu_s / frames * 1e6, spent.peak_mb, place.stat().st_size / frames)
            print(f"{frames:>9} {spent.wall_s:>8.2f} {spent.cpu_s:>8.2f} {per_frame[0]:>9.2f} ", end="")
            print(f"{per_frame[1]:>8.0f} {per_frame[2]:>13.0f}")


if __name__ == "__main__":
    main()
