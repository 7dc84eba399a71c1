"""Trickle (RFC 6206): second half of doubling intervals, reset, suppression."""

from __future__ import annotations

import random

from bench.twin.core.kernel import Kernel
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.trickle import Trickle

S = 1_000_000_000


class Bell:
    def __init__(self, k: int = 0) -> None:
        self.kernel = Kernel(0)
        self.agenda = Agenda(self.kernel)
        self.rings: list[float] = []
        self.trickle = Trickle(self.agenda, random.Random(7), 8 * S, 32 * S, self._ring, k)

    def _ring(self) -> None:
        self.rings.append(self.kernel.now_ns / S)

    def run(self, until_s: float) -> None:
        while (t := self.kernel.peek_ns()) is not None and t <= until_s * S:
            self.kernel.step()
        self.kernel.set_now(int(until_s * S))


def test_rings_once_in_the_second_half_of_each_doubling_interval() -> None:
    bell = Bell()
    bell.trickle.start()
    bell.run(8 + 16 + 32 + 32)
    windows = [(4, 8), (8 + 8, 24), (24 + 16, 56), (56 + 16, 88)]
    assert len(bell.rings) == len(windows)
    assert all(low <= ring <= high for ring, (low, high) in zip(bell.rings, windows, strict=True))


def test_reset_returns_to_the_shortest_interval_unless_there_already() -> None:
    bell = Bell()
    bell.trickle.start()
    bell.run(30)
    bell.trickle.reset()
    assert bell.trickle.interval_end_ns == 38 * S
    bell.run(32)
    bell.trickle.reset()
    assert bell.trickle.interval_end_ns == 38 * S


def test_a_consistent_message_silences_its_interval_only() -> None:
    bell = Bell(k=1)
    bell.trickle.start()
    bell.trickle.hear_consistent()
    bell.run(24)
    assert len(bell.rings) == 1
    assert bell.rings[0] >= 16


def test_stop_and_power_cut_silence() -> None:
    bell = Bell()
    bell.trickle.start()
    bell.agenda.clear()
    bell.run(60)
    assert not bell.rings


def test_settled_start_rings_within_the_next_two_long_intervals() -> None:
    bell = Bell()
    bell.trickle.start_settled()
    bell.run(64)
    assert len(bell.rings) in (1, 2)
