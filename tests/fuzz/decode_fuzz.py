"""Coverage-guided fuzzing of everything in ``bench.air`` that reads octets, by hand (README.md beside this file).

    python tests/fuzz/decode_fuzz.py --seeds CAPTURES CORPORA [TRAFFIC.pcapng]
    python tests/fuzz/decode_fuzz.py TARGET CORPUS [libFuzzer options]

Needs atheris (not among the project's dependencies) in an environment that also sees this project. Targets are those
of `targets`. A finding is an exception that leaves one; it becomes a test in ``tests/fuzz/test_fuzz_findings.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> None:
    """Write seeds, or fuzz one target until a finding or the given limits."""
    if arguments[1] == "--seeds":
        from tests.fuzz.seeds import write

        captures, corpora, *traffic = map(Path, arguments[2:])
        print(write(corpora, captures, *traffic), "seeds")
        return
    import atheris

    with atheris.instrument_imports(include=["bench"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([arguments[0], *arguments[2:]], TARGETS[arguments[1]])
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
