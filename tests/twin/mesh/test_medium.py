"""The air: durations, who hears what, collisions, capture effect, darkness."""

from __future__ import annotations

import random

import pytest

from bench.twin.core.kernel import Kernel
from bench.twin.mesh import LinkPlan, SnifferPlan
from bench.twin.mesh.medium import Medium, OnAir, air_time_ns


class Ear:
    """A receiver that remembers."""

    def __init__(self, since_ns: int | None = 0) -> None:
        self.since_ns = since_ns
        self.heard: list[tuple[str, bytes, int]] = []

    def listening_since_ns(self) -> int | None:
        return self.since_ns

    def on_air(self, frame: OnAir, rssi_dbm: int) -> None:
        self.heard.append((frame.sender, frame.psdu, rssi_dbm))


class Sky:
    """a -- b -- c, and a weak link d -- b; a sniffer near a."""

    def __init__(self, loss: float = 0.0) -> None:
        self.kernel = Kernel(1_000)
        self.sniffed: list[tuple[int, int, bytes, int]] = []
        links = (LinkPlan("a", "b", -60, loss), LinkPlan("b", "c", -65), LinkPlan("d", "b", -80))
        sniffers = (SnifferPlan("s", {"a": -50, "b": -70}),)
        self.medium = Medium(self.kernel, random.Random(1), links, sniffers, self._sink, 10)
        self.ears = {name: Ear() for name in "abcd"}
        for name, ear in self.ears.items():
            self.medium.attach(name, ear)

    def _sink(self, name: str, start_ns: int, end_ns: int, psdu: bytes, rssi_dbm: int, channel: int) -> None:
        assert (name, channel) == ("s", 10)
        self.sniffed.append((start_ns, end_ns, psdu, rssi_dbm))

    def run(self) -> None:
        while self.kernel.peek_ns() is not None:
            self.kernel.step()


@pytest.mark.parametrize(
    ("octets", "ms"), [(20, 2.88), (100, 9.28), (255, 21.68), (500, 41.28), (1280, 103.68), (1576, 127.36)]
)
def test_air_time_at_100_kbit(octets: int, ms: float) -> None:
    """Check values of domain.md 5.1."""
    assert air_time_ns(octets) == round(ms * 1e6)


def test_a_frame_arrives_at_its_end_at_those_who_hear_its_sender() -> None:
    sky = Sky()
    end = sky.medium.transmit("a", bytes(20))
    assert sky.medium.busy("b")
    assert not sky.medium.busy("c")
    sky.run()
    assert sky.kernel.now_ns == end == 1_000 + 2_880_000
    assert sky.ears["b"].heard == [("a", bytes(20), -60)]
    assert not sky.ears["c"].heard
    assert sky.sniffed == [(1_000, end, bytes(20), -50)]


def test_hidden_senders_collide_at_the_node_between_them() -> None:
    sky = Sky()
    sky.medium.transmit("a", b"one")
    assert not sky.medium.busy("c"), "c cannot hear a"
    sky.medium.transmit("c", b"two")
    sky.run()
    assert not sky.ears["b"].heard


def test_the_stronger_by_10_db_survives() -> None:
    sky = Sky()
    sky.medium.transmit("d", b"weak")
    sky.medium.transmit("a", b"strong")
    sky.run()
    assert [psdu for _, psdu, _ in sky.ears["b"].heard] == [b"strong"]


def test_a_sender_does_not_hear_while_it_sends() -> None:
    sky = Sky()
    sky.medium.transmit("a", bytes(50))
    sky.medium.transmit("b", bytes(5))
    sky.run()
    assert not sky.ears["a"].heard
    assert not sky.ears["b"].heard
    assert sky.ears["c"].heard == [("b", bytes(5), -65)], "c hears b alone"


def test_who_switched_on_in_mid_frame_does_not_get_it() -> None:
    sky = Sky()
    sky.ears["b"].since_ns = 2_000
    sky.medium.transmit("a", b"x")
    sky.run()
    assert not sky.ears["b"].heard


def test_a_sender_going_dark_spoils_its_frame_everywhere() -> None:
    sky = Sky()
    sky.medium.transmit("a", b"x")
    sky.medium.abort("a")
    sky.run()
    assert not sky.ears["b"].heard
    assert not sky.sniffed


def test_loss_takes_its_share_of_the_link_not_of_the_sniffer() -> None:
    sky = Sky(loss=0.3)
    for _ in range(1000):
        sky.medium.transmit("a", b"x")
        sky.run()
    assert 250 < 1000 - len(sky.ears["b"].heard) < 350
    assert len(sky.sniffed) == 1000
