"""Frames of the captures changed at random, and read by us and by tshark: where both read on, who says what?

By hand: ``python -m tests.fuzz.differ CAPTURE... [--seed N] [--copies N]`` (names of captures whose frames are
in clear, such as ``star3-clear``). Prints each field that differs, how often, and examples with their octets, those
first that tshark does not call malformed. What it finds is proved from the standard and becomes a frame of
``tests/air/fields/test_differences_tshark.py``, or an entry of `tests.air.fields.differences.hole`.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.air.capture.capture import read_capture
from tests.air.fields.differences import Difference, differences, write_capture
from tests.air.mac_captures import CONTIKI_CONTEXTS
from tests.places import CAPTURES

OPTIONS = ("-o", "6lowpan.context0:fd00::/64")
"""The contexts of `CONTIKI_CONTEXTS` for tshark."""
_TEMPTING = (0x00, 0x01, 0x7F, 0x80, 0xFF)
_EXAMPLES = 3


def mutate(octets: bytes, chance: random.Random) -> bytes:
    """The octets with one to three changes: a bit, an octet, a small step, a cut, a few octets more."""
    changed = bytearray(octets)
    for _ in range(1 if chance.random() < 0.7 else chance.randint(2, 3)):
        if not changed:
            break
        at = chance.randrange(len(changed))
        match chance.randrange(6):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at] = chance.randrange(256)
            case 2:
                changed[at] = changed[at] + chance.choice((-2, -1, 1, 2)) & 0xFF
            case 3:
                changed[at] = chance.choice(_TEMPTING)
            case 4:
                del changed[at:]
            case _:
                changed[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(changed)


def differ(capture: Path, out: Path, seed: int, copies: int = 1) -> Iterator[tuple[bytes, Difference]]:
    """Differences over a capture whose every frame was changed, ``copies`` times, with the changed frame's octets."""
    chance = random.Random(seed)
    records = list(read_capture(capture))
    packets = [(r.time_ns + n, mutate(r.data, chance)) for r in records for n in range(copies)]
    write_capture(out, packets)
    for found in differences(out, OPTIONS, contexts=CONTIKI_CONTEXTS):
        yield packets[found.frame.number - 1][1], found


def contradicts(found: Difference) -> bool:
    """Whether both say something, and neither only less than the other."""
    ours, theirs = found.ours, found.tsharks
    return bool(ours and theirs) and ours != theirs[: len(ours)] and theirs != ours[: len(theirs)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("capture", nargs="+")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--copies", type=int, default=1)
    given = parser.parse_args(arguments)
    by_field: dict[tuple[bool, str], list[tuple[bytes, Difference]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.capture:
            capture, out = CAPTURES / f"{name}.pcapng", Path(folder) / "changed.pcapng"
            for octets, found in differ(capture, out, given.seed, given.copies):
                by_field[found.malformed, found.name].append((octets, found))
    for (malformed, name), all_found in sorted(by_field.items(), key=lambda item: (item[0][0], -len(item[1]))):
        wrong = sum(contradicts(found) for _, found in all_found)
        print(f"{name}: {len(all_found)}, {wrong} of them contradict{' (malformed for tshark)' if malformed else ''}")
        for octets, found in sorted(all_found, key=lambda pair: not contradicts(pair[1]))[:_EXAMPLES]:
            print(f"    we {found.ours}, tshark {found.tsharks}; {found.frame.info or 'no remark'}")
            print(f"    {octets.hex()}")


if __name__ == "__main__":
    main()
