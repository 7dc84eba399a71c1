"""Coverage-guided fuzzing of the decoder, by hand: ``python tests/fuzz/decode_fuzz.py CORPUS [libFuzzer options]``.

Needs atheris (not among the project's dependencies) in an environment that also sees this project. The first octet of
an input chooses what the rest is: a frame, a frame with TAP header, or a whole capture file. A finding is an exception
that leaves the reader other than ``InputError``, or one that the decoder caught at its last resort ("unforeseen").
Findings become tests in ``tests/air``. ``--seeds CAPTURES`` writes a corpus from a folder of captures instead.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

FRAME, TAP, CAPTURE = range(3)
LINK_FRAME, LINK_TAP = 230, 283


def write_seeds(captures: Path, corpus: Path) -> int:
    """A corpus of every 7th clear frame and of the beginning of each capture; the number of files written."""
    from bench.air.capture import read_capture
    from bench.errors import InputError

    corpus.mkdir(parents=True, exist_ok=True)
    seeds: list[bytes] = []
    for path in sorted([*captures.glob("*.pcapng"), *captures.glob("*.pcap")]):
        seeds.append(bytes([CAPTURE]) + path.read_bytes()[:3000])
        try:
            frames = [record.data for record in read_capture(path)]
        except InputError:
            continue
        seeds += [bytes([FRAME]) + frame for frame in frames[::7]]
    for number, seed in enumerate(seeds):
        (corpus / f"seed{number:05}").write_bytes(seed)
    return len(seeds)


def one_input(data: bytes) -> None:
    """Decode one input; raises for a finding."""
    from bench.air.capture import read_stream
    from bench.air.frame import Decoder
    from bench.air.link import make_record
    from bench.errors import InputError

    if len(data) < 2:
        return
    kind, rest = data[0] % 3, data[1:]
    decoder = Decoder()
    if kind == CAPTURE:
        try:
            records = list(read_stream(io.BytesIO(rest), "fuzz"))
        except InputError:
            return
    else:
        link = LINK_TAP if kind == TAP else LINK_FRAME
        records = [make_record(1, 0, link, rest, len(rest))]
    for record in records:
        info = decoder.decode(record).info
        if "unforeseen" in info:
            raise AssertionError(info)


def main(arguments: Sequence[str]) -> None:
    """Write seeds, or fuzz until a finding or the given limits."""
    if arguments[1] == "--seeds":
        print(write_seeds(Path(arguments[2]), Path(arguments[3])), "seeds")
        return
    import atheris

    with atheris.instrument_imports(include=["bench"]):
        import bench.air.capture
        import bench.air.frame  # noqa: F401 -- imported here to be instrumented
    atheris.Setup(list(arguments), one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
