"""Memory stays bounded whatever is sent: every table that the air can fill has a cap, and keeps it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType

import pytest

from bench.air.bulk import decoder as fast
from bench.air.bulk import packet as fast_packet
from bench.air.bulk.payloads import line_decoder
from bench.air.capture.link import NO_FCS
from bench.air.frame.decoder import Decoder
from bench.air.keys import counters, handshake, kmp, opening
from bench.air.keys import table as keys
from tests.fuzz.families import HISTORIES
from tests.fuzz.targets import CONTEXTS, KEYS, LEARNING, psdu_record

CAP = 32
CAPS = (
    *((counters, "SENDERS"), (counters, "REMEMBERED"), (opening, "SENDERS"), (handshake, "_SUPPLICANTS")),
    *(
        (kmp, "_FLIGHTS"),
        (keys, "_NAMES_KEPT"),
        (keys, "_ADDRESSES_KEPT"),
        (fast, "MOST"),
        (fast_packet, "MOST"),
        (fast_packet, "_RECENT"),
    ),
)
"""Caps whose true sizes (up to 65,536) would take minutes to reach. Those of reassembly (64) stand as they are."""
FEW, MANY = 150, 600


def held_octets(root: object) -> int:
    """Octets of all objects that ``root`` holds, in whatever depth; classes, functions and modules left out."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (type, FunctionType, ModuleType)):
            continue
        seen[id(one)] = one
        waiting += gc.get_referents(one)
    return sum(map(sys.getsizeof, seen.values()))


@pytest.fixture(autouse=True)
def small_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in CAPS:
        assert getattr(module, name) > CAP
        monkeypatch.setattr(module, name, CAP)


def grown(name: str, decode: Callable[[int, bytes], object], decoder: object) -> tuple[int, int]:
    """The most that is held about the frame `FEW` and about the frame `MANY`; between them memories fill and empty."""
    held = {FEW: 0, MANY: 0}
    for number, psdu in enumerate(HISTORIES[name](MANY), 1):
        decode(number, psdu)
        about = next((mark for mark in held if mark - CAP <= number <= mark), None)
        if about is not None:
            held[about] = max(held[about], held_octets(decoder))
    assert held[MANY]
    return held[FEW], held[MANY]


ENDLESS = sorted(set(HISTORIES) - {"pieces of an IPv6 packet", "pieces of an MPX transfer"})
"""Those that could go on for ever: a packet or a transfer has 65,535 octets, and 64 of them are kept."""


@pytest.mark.parametrize("name", ENDLESS)
def test_what_a_decoder_keeps_stays_bounded(name: str) -> None:
    decoder = Decoder(LEARNING, CONTEXTS)
    few, many = grown(name, lambda number, psdu: decoder.decode(psdu_record(psdu, number)), decoder)
    assert many <= 1.1 * few + 2048


@pytest.mark.parametrize("name", ENDLESS)
def test_what_a_bulk_decoder_keeps_stays_bounded(name: str) -> None:
    decoder = line_decoder(NO_FCS, KEYS, CONTEXTS)

    def decode(number: int, psdu: bytes) -> None:
        if number % CAP == 0:
            decoder.begin()
        decoder.decode(number, 0, number, psdu, len(psdu))

    few, many = grown(name, decode, decoder)
    assert many <= 1.1 * few + 2048
