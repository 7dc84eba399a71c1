"""A mesh that hops by DH1CF: where its frames go is held to the same check as those of real hopping stacks
(`tests.air.wisun.test_channels`), and its joins and datagrams end as on one channel.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import attrs
import pytest

from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.table import KeyTable, gak
from bench.air.wisun import frames as wisun
from bench.air.wisun.channels import channel_of
from bench.twin.mesh import SnifferPlan
from bench.twin.terminal.network import JoinState
from tests.air.wisun.test_channels import Foretold
from tests.skips import ONCE
from tests.twin.mesh.air import EPOCH_NS, GTK, NAME, NODES, Air, Caught, plan
from tests.twin.mesh.test_join import COLD, join

pytestmark = ONCE

CHANNELS = set(range(4, 18))
ASYNCHRONOUS = ("PA", "PAS", "PC", "PCS")


def hopping(seed: int = 1, loss: float = 0.0) -> Air:
    base = plan(seed, loss=loss)
    one = SnifferPlan("ch7", dict.fromkeys(NODES, -60), channel=7)
    return Air(attrs.evolve(base, hopping=True, sniffers=(*base.sniffers, one)))


def decoded(caught: list[Caught]) -> list[Frame]:
    decoder = Decoder(KeyTable([(1, gak(NAME, GTK))]))
    return [decoder.decode(Record(n, c.end_ns, NO_FCS, c.psdu)) for n, c in enumerate(caught, 1)]


@pytest.fixture(scope="module")
def air() -> Air:
    """Both terminals joined, data both ways, four hours more."""
    air = hopping()
    log = join(air, "t1", "t3", within_s=200)
    assert [state for _, state in log["t1"]] == [state for _, state in log["t3"]] == COLD
    t3 = bytes.fromhex(NODES["t3"])
    for octets in (1, 80, 600, 1200):
        assert air.mesh.terminals["t3"].send(bytes(octets))
        assert air.mesh.head_end.send(t3, bytes(octets))
        air.run(5)
    air.run(4 * 3600)
    return air


def test_frames_go_where_their_addressee_listens(air: Air) -> None:
    """As the real stacks' do; a frame that leaves within 2 ms of the addressee's next slot may miss it, UFSI telling
    the time to a millisecond."""
    caught = air.frames()
    seen = Foretold()
    for frame, one in zip(decoded(caught), caught, strict=True):
        seen.take(frame, one.start_ns, one.channel)
    assert seen.right > 200
    assert len(seen.wrong) <= 0.03 * seen.right
    assert seen.used == CHANNELS
    (schedule,) = {us.schedule for us in seen.schedules.values()}
    assert (schedule.plan, schedule.function) == (0, wisun.ChannelFunction.DH1CF)


def test_asynchronous_frames_go_out_on_every_channel(air: Air) -> None:
    caught = air.frames()
    counts: dict[str, Counter[int]] = defaultdict(Counter)
    for frame, one in zip(decoded(caught), caught, strict=True):
        if frame.kind in ASYNCHRONOUS:
            counts[frame.kind][one.channel] += 1
    for kind in ASYNCHRONOUS:
        assert set(counts[kind]) == CHANNELS
        assert max(counts[kind].values()) - min(counts[kind].values()) <= 3, kind


def test_broadcasts_leave_in_the_broadcast_dwell_on_its_channel(air: Air) -> None:
    """By BS-IE and BT-IE alone: 255 ms of each 1,020 ms."""
    caught = air.frames()
    (bs,) = {found for frame in decoded(caught) if frame.kind == "PC" and (found := frame.ie(wisun.Bs)) is not None}
    told = 0
    for frame, one in zip(decoded(caught), caught, strict=True):
        bt = frame.ie(wisun.Bt)
        if frame.kind == "DATA" and frame.dst is None:
            assert bt is not None
            assert bt.offset_ms < bs.dwell_ms
            assert one.channel == channel_of(bs.schedule, bt.slot, bs.bsi)
            told += 1
    assert told >= 4
    assert len({channel_of(bs.schedule, slot, bs.bsi) for slot in range(200)}) == 14


def test_a_sniffer_of_one_channel_hears_that_one(air: Air) -> None:
    every, one = air.frames("all"), air.frames("ch7")
    assert {c.channel for c in one} == {7}
    assert [c.psdu for c in one] == [c.psdu for c in every if c.channel == 7]
    assert len(one) < len(every) / 7


@pytest.mark.parametrize("seed", range(4))
def test_joins_and_datagrams_end_in_spite_of_loss(seed: int) -> None:
    air = hopping(seed, loss=0.03)
    join(air, "t1", "t3", within_s=300)
    assert air.state("t1") is air.state("t3") is JoinState.OPERATIONAL
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    assert air.mesh.terminals["t3"].send(b"hello")
    air.run(5)
    assert got == [b"hello"]


def test_a_router_that_was_dark_is_found_again() -> None:
    """Its neighbours' schedules were in RAM: it learns them anew, as a node that was never there."""
    air = hopping()
    join(air, "t1", "t3", within_s=200)
    air.mesh.mains("m2", False)
    air.run(2 * 3600)
    air.mesh.mains("m2", True)
    air.run(2 * 3600)
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    assert air.mesh.terminals["t3"].send(b"back")
    air.run(5)
    assert got == [b"back"]


def test_the_same_seed_gives_the_same_hops() -> None:
    def caught() -> list[Caught]:
        air = hopping(3, loss=0.02)
        join(air, "t1", within_s=150)
        assert air.frames()[0].start_ns >= EPOCH_NS
        return air.caught

    assert caught() == caught()
