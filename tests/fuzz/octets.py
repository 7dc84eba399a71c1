"""Millions of random and of mutated octets through the decoder, the same ones for a seed, by hand or a few in a test.

    python tests/fuzz/octets.py random 10000000 [--seed 1]
    python tests/fuzz/octets.py mutated 10000000 --captures FOLDER [--seed 1]

Counts octets, frames, what became of them, exceptions that the decoder had to catch at its last resort, and the frame
that took most steps for its octets (`steps`; a sample is counted, since counting is slow) and most processor time.
"""

from __future__ import annotations

import argparse
import gc
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from bench.air.bulk.payloads import line_decoder
from bench.air.capture.link import NO_FCS, TAP, Record, make_record
from bench.air.frame.decoder import Decoder
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import decode_mac
from tests.fuzz.steps import steps
from tests.fuzz.targets import CONTEXTS, KEY, A, B, told

_LONGEST: Final = 400
_TELL_EVERY: Final = 7
_COUNT_EVERY: Final = 199
_FEW_OCTETS: Final = 48
"""What a frame costs whatever its length; per-octet figures of shorter ones would say nothing."""


@attrs.define
class Tally:
    """What became of the frames. ``worst_steps`` is steps an octet; ``worst_ms`` processor milliseconds in the run, and
    at best when decoded again alone; each with the frame it is of."""

    octets: int = 0
    frames: int = 0
    outcomes: Counter[str] = attrs.Factory(Counter)
    exceptions: Counter[str] = attrs.Factory(Counter)
    worst_steps: tuple[float, str] = (0.0, "")
    worst_ms: tuple[float, float, str] = (0.0, 0.0, "")


def random_frames(rng: random.Random) -> Iterator[bytes]:
    """Octets of any kind: all of them drawn, or behind a frame control field that is read, so that more is reached."""
    heads = [bytes.fromhex(text) for text in ("41d8", "61dc", "01ee", "09ea", "2bdc", "0080", "03c8", "02a2", "41cc")]
    while True:
        octets = rng.randbytes(rng.randrange(_LONGEST))
        yield octets if rng.random() < 0.5 else rng.choice(heads) + octets


def mutated_frames(rng: random.Random, seeds: list[bytes]) -> Iterator[bytes]:
    """Frames with bits turned, octets exchanged, pieces left out, doubled or taken from others; sealed again under a
    key of the decoder's where that can be, so that the damage is behind a right MIC."""
    while True:
        octets = bytearray(rng.choice(seeds))
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            _mutate(octets, rng, seeds)
        yield _sealed(bytes(octets), rng) if rng.random() < 0.4 else bytes(octets)


def _mutate(octets: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = rng.randrange(len(octets) + 1)
    end = min(len(octets), at + rng.randrange(1, 12))
    match rng.randrange(6):
        case 0 if at < len(octets):
            octets[at] ^= 1 << rng.randrange(8)
        case 1 if at < len(octets):
            octets[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        case 2:
            del octets[at:end]
        case 3:
            octets[at:at] = octets[at:end] * rng.randrange(1, 9)
        case 4:
            other = rng.choice(seeds)
            start = rng.randrange(len(other) + 1)
            octets[at:end] = other[start : start + rng.randrange(40)]
        case _:
            octets[at:at] = rng.randbytes(rng.randrange(1, 9))


def _sealed(octets: bytes, rng: random.Random) -> bytes:
    try:
        clear = decode_mac(octets)
        if clear.security is not None or not clear.version:
            return octets
        return protect(clear, KEY, rng.randrange(1 << 32), 1, level=rng.randrange(1, 8), eui64=A)
    except ValueError:
        return octets


def seeds_of(captures: Path) -> list[bytes]:
    """Frames of a folder of captures, in clear where their keys are beside them."""
    from tests.fuzz.seeds import of_captures

    return [octets for target, octets in of_captures(captures) if target in ("frame", "layers") and octets]


def made_seeds() -> list[bytes]:
    """Frames of our own, for where there are no captures."""
    from tests.fuzz.families import FAMILIES

    return [family(size) for family in FAMILIES.values() for size in (16, 60)]


def run(frames: Iterator[bytes], octets: int, tally: Tally, *, timed: bool = True) -> Tally:
    """Decode frames until that many octets went through, with and without keys, fully and in bulk."""
    keys = KeyTable([(1, KEY), (2, bytes(16))], addresses={(0xABCD, b"\x12\x34"): B})
    plain, keyed, bulk = Decoder(None, CONTEXTS), Decoder(keys, CONTEXTS), line_decoder(NO_FCS, keys, CONTEXTS)
    for number, data in enumerate(frames, 1):
        if tally.octets >= octets:
            return tally
        tally.octets += len(data)
        tally.frames += 1
        link_type = TAP if number % 11 == 0 else NO_FCS
        record = make_record(number, number, link_type, data, len(data) + 3 * (number % 13 == 0))
        started = time.process_time_ns()
        _decode(record, keyed if number % 3 else plain, tally)
        spent_ms = (time.process_time_ns() - started) / 1e6
        if timed and spent_ms > tally.worst_ms[0]:
            tally.worst_ms = (spent_ms, min(_milliseconds(record) for _ in range(3)), data.hex())
        if number % _COUNT_EVERY == 0:
            cost = steps(Decoder(keys, CONTEXTS).decode, record) / max(len(data), _FEW_OCTETS)
            tally.worst_steps = max(tally.worst_steps, (cost, data.hex()))
        try:
            bulk.decode(number, 0, number, data, len(data))
        except Exception as error:
            tally.exceptions[f"bulk: {type(error).__name__}: {error}"] += 1
    return tally


def _decode(record: Record, decoder: Decoder, tally: Tally) -> None:
    try:
        frame = decoder.decode(record)
        if frame.bug:
            tally.exceptions[frame.info] += 1
        outcome = "malformed" if frame.info.startswith("malformed") else "read"
        tally.outcomes[f"{outcome}, MIC {frame.mic}"] += 1
        if record.number % _TELL_EVERY == 0:
            told(frame, record)
    except Exception as error:
        tally.exceptions[f"{type(error).__name__}: {error}"] += 1


def _milliseconds(record: Record) -> float:
    """Processor time of the record alone: without garbage collection, which falls on any frame."""
    gc.collect()
    gc.disable()
    started = time.process_time_ns()
    Decoder(None, CONTEXTS).decode(record)
    spent = time.process_time_ns() - started
    gc.enable()
    return spent / 1e6


def main() -> None:
    """As the module says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("random", "mutated"))
    parser.add_argument("octets", type=int)
    parser.add_argument("--captures", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    seeds = seeds_of(given.captures) if given.captures else made_seeds()
    frames = random_frames(rng) if given.kind == "random" else mutated_frames(rng, seeds)
    tally = run(frames, given.octets, Tally())
    print(f"{tally.octets} octets in {tally.frames} frames, {sum(tally.exceptions.values())} exceptions")
    for outcome, count in (*tally.outcomes.most_common(), *tally.exceptions.most_common(20)):
        print(f"{count:9} {outcome}")
    print(f"most steps an octet (1 in {_COUNT_EVERY} counted): {tally.worst_steps[0]:.0f} of {tally.worst_steps[1]}")
    in_the_run, alone, psdu = tally.worst_ms
    print(f"most processor time: {in_the_run:.2f} ms, alone and without garbage collection {alone:.2f} ms, of {psdu}")


if __name__ == "__main__":
    main()
