"""A method per terminal: what a topology may say, methods side by side, and faults that know nothing of methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.air.app import u_bus_standin as standin
from bench.errors import InputError
from bench.twin.faults import Fault, SentFrame
from bench.twin.methods import RadioMethod
from bench.twin.terminal.network import JoinState
from bench.twin.topology import load
from tests.places import DEFAULT_TOPOLOGY
from tests.twin.radio.world import TOPOLOGIES, World, world

HAN = TOPOLOGIES / "enhanced-han.yaml"


def written(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The HAN's example with other words in it."""
    text = HAN.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / "topology.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([("han:  ", "# han:"), ("  channel: 6\n  pan_id", "#\n  pan_id")], "topology.yaml"),
        ([("parent: m2 ", "parent: t3 ")], r"'.*' leads round in a ring; expected a way to a smart meter"),
        (
            [("radio: wi-sun-enhanced-han\n    type", "radio: fan11\n    type")],
            "'r1' is not there; expected one of br, m1",
        ),
        ([("radio: wi-sun-enhanced-han", "radio: u-bus-air")], "without its network; expected a section u_bus_air:"),
        ([("radio: wi-sun-enhanced-han", "radio: lorawan")], "lorawan"),
        ([("parent: m1 ", "parent: br ")], "at the concentrator; expected a way to a smart meter"),
    ],
    ids=["broken section", "ring", "relay of another method", "no network", "no method", "concentrator"],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, changes: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        load(written(tmp_path, *changes))
    assert "\n" not in str(error.value).rstrip()


def test_methods_side_by_side() -> None:
    """t1 by U-bus Air, r1 by HAN and t3 by FAN, in one rig."""
    han, bus = load(HAN), load(TOPOLOGIES / "u-bus-air.yaml")
    fan = load(DEFAULT_TOPOLOGY).terminal("t3")
    topology = han.model_copy(
        update={"terminals": (bus.terminal("t1"), fan, han.terminal("r1")), "u_bus_air": bus.u_bus_air}
    )
    one = World(topology)
    methods = {t.id: t.radio for t in topology.terminals}
    assert set(methods.values()) == {RadioMethod.U_BUS_AIR, RadioMethod.ENHANCED_HAN, RadioMethod.FAN11}
    one.joined("t1", "t3", within_s=200)
    assert one.lit("r1")
    for name in methods:
        assert one.round_trip_s(name) < 100


class Silent(Fault):
    """Sends no data."""

    def frame_out(self, frame: SentFrame) -> SentFrame | None:
        return None if frame.kind == "DATA" else frame


class Slow(Fault):
    """Lingers before it chooses a network."""

    def join_delay_s(self, phase: str) -> float:
        return 30.0 if phase == "select-pan" else 0.0


@pytest.mark.parametrize("method", ["enhanced-han", "u-bus-air", "lfn"])
def test_faults_of_the_radio_work_in_every_method(method: str) -> None:
    right = world(method)
    right.until(lambda: right.lit("r1"), 120)
    took_s = right.joined("t1", within_s=200)
    slow = World(_with_fault(method, "Slow"))
    slow.until(lambda: slow.lit("r1"), 120)
    assert slow.joined("t1", within_s=300) > took_s + 15
    silent = World(_with_fault(method, "Silent"))
    silent.install("t1")
    silent.run(120)
    assert silent.rig.terminals["t1"].radio.join_state is not JoinState.OPERATIONAL
    own = bytes.fromhex("024b42fffe000201")
    assert not [f for f in silent.frames() if f.src == own and f.kind.lower() == "data"]


def _with_fault(method: str, name: str):  # type: ignore[no-untyped-def]
    topology = load(TOPOLOGIES / f"{method}.yaml")
    spec = f"{__name__}:{name}"
    terminals = tuple(t.model_copy(update={"faults": (spec,)}) if t.id == "t1" else t for t in topology.terminals)
    return topology.model_copy(update={"terminals": terminals})


def test_the_mark_of_the_stand_in_belongs_to_nobody() -> None:
    """RFC 4944 section 5.1: a dispatch that begins with 00 is not LoWPAN."""
    assert standin.MARK[0] >> 6 == 0
