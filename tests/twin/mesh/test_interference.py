"""Others on the air: how much of the time, what they spoil where, who waits for them, and a mesh that lives with it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import pytest

from bench.errors import InputError
from bench.twin.mesh.interference import Interferer, InterfererPlan
from bench.twin.mesh.medium import OnAir
from bench.twin.terminal.network import JoinState
from bench.twin.topology import load
from tests.skips import ONCE
from tests.twin.mesh.air import NODES, Air, plan
from tests.twin.twin_process import DEFAULT

pytestmark = ONCE

MS = 1_000_000


def other(share: float = 0.1, channel: int = 10, **hears: int) -> InterfererPlan:
    return InterfererPlan("x", channel, share, 20 * MS, hears)


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 1.0])
def test_it_sends_for_its_share_of_the_time(share: float) -> None:
    source = Interferer(other(share), 1)
    moments = [ms * MS for ms in range(200_000)]
    assert sum(source.sends(t, t + 1) for t in moments) / len(moments) == pytest.approx(share, rel=0.01)


def test_a_span_meets_the_bursts_of_each_of_its_moments() -> None:
    source = Interferer(other(0.3), 1)
    for begins in range(0, 5_000, 7):
        of_moments = any(source.sends(ms * MS, ms * MS + 1) for ms in range(begins, begins + 25))
        assert source.sends(begins * MS, (begins + 24) * MS + 1) or not of_moments


def test_seed_and_moment_decide_and_no_question_before() -> None:
    moments = [ms * MS for ms in range(5_000)]
    forwards, backwards = Interferer(other(), 1), Interferer(other(), 1)
    told = [forwards.sends(t, t + 1) for t in moments]
    assert told == [backwards.sends(t, t + 1) for t in reversed(moments)][::-1]
    assert told != [Interferer(other(), 2).sends(t, t + 1) for t in moments]


@pytest.mark.parametrize(("channel", "where", "level", "spoilt"), [
    (10, "near", -60, True),
    (10, "near", -40, False),  # 10 dB stronger
    (10, "far", -60, False),
    (11, "near", -60, False),
])  # fmt: skip
def test_it_spoils_what_is_not_much_stronger_on_its_channel_where_it_is_heard(
    channel: int, where: str, level: int, spoilt: bool
) -> None:
    source = Interferer(other(1.0, near=-50), 1)
    assert source.drowns(OnAir("a", b"x", 0, MS, channel), where, level) is spoilt


def test_a_mesh_in_interference_repeats_frames_and_joins_all_the_same() -> None:
    calm, loud = Air(plan()), Air(attrs.evolve(plan(), interferers=(other(0.2, **dict.fromkeys(NODES, -60)),)))
    for air in (calm, loud):
        air.mesh.terminals["t1"].power_on()
        air.mesh.terminals["t1"].start_join()
        air.run(300)
        assert air.state("t1") is JoinState.OPERATIONAL
    assert 3 * repeats(calm) < repeats(loud)


def repeats(air: Air) -> float:
    """Share of the unicast frames that were sent again, with the sequence number and addresses of another."""
    unicast = [c.psdu for c in air.frames() if c.psdu[0] & 0x20]  # acknowledgement request
    seen = Counter((psdu[2], psdu[3:19]) for psdu in unicast)
    return 1 - len(seen) / len(unicast)


def test_a_node_waits_for_it_and_a_sniffer_loses_frames_to_it() -> None:
    air = Air(attrs.evolve(plan(), interferers=(other(1.0, m1=-90, s1=-60),)))
    assert air.mesh.medium.busy("m1")
    assert not air.mesh.medium.busy("m2")
    air.mesh.medium.transmit("t1", b"weak")  # s1 hears it by -70 dBm
    air.mesh.medium.transmit("m2", b"elsewhere")
    air.run(1)
    assert [c.psdu for c in air.frames("s1")] == []


INTERFERENCE = "interference: [{id: x, channel: 10, share: 0.1, heard_at: {m1: -60, s1: -70}}]\nsniffers:"


def test_a_topology_names_it(tmp_path: Path) -> None:
    file = tmp_path / "rig.yaml"
    text = DEFAULT.read_text(encoding="utf-8").replace("\nsniffers:", "\n" + INTERFERENCE)
    file.write_text(text, encoding="utf-8")
    (source,) = load(file).interference
    assert (source.share, source.burst_ms, source.heard_at) == (0.1, 20, {"m1": -60, "s1": -70})
    file.write_text(text.replace("{m1: -60, s1", "{m1: -60, s9"), encoding="utf-8")
    with pytest.raises(InputError, match=r"'s9' is not there; expected one of br, m1, .*, s1, s2$"):
        load(file)
