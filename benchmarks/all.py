"""Every figure of the README's first table, one after another: `python -m benchmarks.all`, best on an idle machine.

Captures are made first where they are not there yet, which is not measured: the twin's million frames take minutes.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Final

from benchmarks.captures import capture_of

_MILLION: Final = 1_000_000
_RUNS: Final = (
    "table real real-many twin --rounds 5",
    "table twin --frames 500000 --rounds 3",
    "measure real --rounds 3",
    f"query twin --frames {_MILLION} --rounds 2",
    "query real --frames 165000 --rounds 3",
)


def main() -> None:
    """The command line. Ends with the exit code of the first run that failed."""
    for name, frames in (("real", None), ("real-many", None), ("twin", None), ("twin", 500_000), ("twin", _MILLION)):
        capture_of(name, frames)
    begun = time.monotonic()
    for run in _RUNS:
        script, *arguments = run.split()
        print(f"$ python -m benchmarks.{run}", flush=True)
        code = subprocess.run([sys.executable, "-m", f"benchmarks.{script}", *arguments], check=False).returncode
        if code:
            raise SystemExit(code)
    print(f"measured in {(time.monotonic() - begun) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
