"""The MAC of the IoT route: ARIB's send-time limits, acknowledgements, replays, and receivers that sleep."""

from __future__ import annotations

import random
from functools import partial

import attrs
import pytest

from bench.air.mac.frame import FrameType, MacFrame
from bench.records import NS_PER_HOUR, NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.plan import LinkPlan, SnifferPlan
from bench.twin.radio.air import Air
from bench.twin.radio.duty import SendTime
from bench.twin.radio.link import Link, Received
from bench.twin.radio.store import COUNTER_BLOCK, Store

MS = 1_000_000
A, B = (bytes.fromhex(f"024b42fffe00000{n}") for n in (1, 2))
CHANNEL = 6


def test_pauses_grow_with_what_was_sent() -> None:
    limits = SendTime()
    limits.sent(0, 400 * MS)
    assert limits.ready_ns(0, MS) == 402 * MS
    limits.sent(NS_PER_S, 401 * MS)
    assert limits.ready_ns(NS_PER_S, MS) == NS_PER_S + 451 * MS


def test_an_hour_holds_six_minutes_and_slides() -> None:
    limits = SendTime()
    for n in range(90):
        limits.sent(n * 5 * NS_PER_S, 4 * NS_PER_S)
    assert limits.ready_ns(1000 * NS_PER_S, MS) == NS_PER_HOUR  # when the first of them is an hour ago
    assert limits.ready_ns(NS_PER_HOUR, 4 * NS_PER_S) == NS_PER_HOUR
    assert limits.ready_ns(NS_PER_HOUR, 4 * NS_PER_S - 1) == NS_PER_HOUR


def test_no_sending_is_longer_than_four_seconds() -> None:
    with pytest.raises(ValueError, match="allows 4 s"):
        SendTime().ready_ns(0, 4 * NS_PER_S + 1)


def test_no_counter_comes_twice_over_a_power_cut() -> None:
    store = Store(bytes(16))
    first = [store.next_counter() for _ in range(3)]
    store.power_cut()
    assert store.next_counter() == COUNTER_BLOCK > max(first)


@attrs.define
class Pair:
    """Two radios that hear each other."""

    loss: float = 0.0
    kernel: Kernel = attrs.field(factory=lambda: Kernel(0))
    heard: list[tuple[bytes, Received]] = attrs.field(factory=list)
    aired: list[bytes] = attrs.field(factory=list)
    links: dict[bytes, Link] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        rng = random.Random(1)
        plan = [LinkPlan("a", "b", -60, self.loss)]
        sniffers = {CHANNEL: [SnifferPlan("s", {"a": -50, "b": -50})]}
        air = Air(self.kernel, rng, plan, sniffers, lambda _s, _a, _b, psdu, _r, _c: self.aired.append(psdu))
        for name, eui64 in (("a", A), ("b", B)):
            agenda, store = Agenda(self.kernel), Store(bytes(16))
            link = Link(agenda, air, name, eui64, random.Random(name), store, 8, partial(self._heard, eui64))
            link.power(True)
            link.tuner.tune(CHANNEL)
            link.tuner.listen("idle")
            self.links[eui64] = link

    def _heard(self, who: bytes, received: Received) -> None:
        self.heard.append((who, received))

    def send(self, **how: object) -> list[bool]:
        """From A to B; what became of it."""
        results: list[bool] = []
        frame = MacFrame(FrameType.DATA, 2, dst_pan=1, dst=B, src=A, ack_request=True, payload=b"\x01hello")
        self.links[A].send(frame, secured=True, done=lambda success, _pending: results.append(success), **how)  # type: ignore[arg-type]
        while self.kernel.peek_ns() is not None:
            self.kernel.step()
        return results


def test_a_frame_is_acknowledged_and_taken_once() -> None:
    pair = Pair()
    assert pair.send() == [True]
    assert [(who, one.frame.payload, one.secured) for who, one in pair.heard] == [(B, b"\x01hello", True)]
    assert len(pair.aired) == 2  # the frame and its acknowledgement


def test_a_receiver_that_sleeps_hears_nothing() -> None:
    pair = Pair()
    pair.links[B].tuner.rest("idle")
    assert pair.send(attempts=3) == [False]
    assert not pair.heard
    assert len(pair.aired) == 3


def test_losses_are_repeated_and_taken_once() -> None:
    pair = Pair(loss=0.5)
    assert pair.send() == [True]
    assert len(pair.heard) == 1
    assert len(pair.aired) > 2


def test_another_channel_is_another_air() -> None:
    pair = Pair()
    pair.links[B].tuner.tune(CHANNEL + 1)
    assert pair.send(attempts=2) == [False]


def test_what_was_heard_once_is_refused_when_it_is_replayed() -> None:
    pair = Pair()
    pair.send()
    replayed = pair.aired[0]
    pair.kernel.set_now(pair.kernel.now_ns + 60 * NS_PER_S)
    pair.links[A]._air.channel(CHANNEL).transmit("a", replayed)
    while pair.kernel.peek_ns() is not None:
        pair.kernel.step()
    assert len(pair.heard) == 1


def test_the_hour_holds_a_radio_back() -> None:
    pair = Pair()
    pair.links[A].send_time = SendTime(hour_ns=1 * MS)
    pair.links[A].send_time.sent(0, 1 * MS)
    began = pair.kernel.now_ns
    assert pair.send() == [True]
    assert pair.kernel.now_ns - began >= NS_PER_HOUR
