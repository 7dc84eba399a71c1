"""Each seeded fault does its one wrong thing, and only that; names, options and paths are checked."""

from __future__ import annotations

from collections import Counter

import pytest

from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin import faults
from tests.twin.twin_rigs import Bench, days, topology


class SilentAlarm(faults.Fault):
    """A fault of somebody else's."""

    def keep_alarm(self, alarm: object, operational: bool) -> bool:
        return False


def driven(*specs: object) -> Bench:
    """Four steady days, eight days of outage with an alarm in it, recovery, one more day."""
    bench = Bench(topology({"t1": specs} if specs else {}))
    for output in bench.rig.supplies["dc"].channels:
        output.switch(True)
    bench.rig.panels["t1"].press_key(1.0)
    bench.run(300)
    bench.meters_on()
    bench.run(days(4))
    bench.mains(False)
    bench.run(3600)
    bench.rig.meters["t1.gas"].raise_alarm("leak1")
    bench.run(days(8))
    bench.mains(True)
    bench.run(days(1))
    return bench


@pytest.fixture(scope="module")
def right() -> Bench:
    return driven()


def joined_s(bench: Bench) -> float:
    return float(bench.of("terminal.reachable")[0]["t_ns"] - bench.plan.epoch_ns) / NS_PER_S


def test_late_join_is_late_and_nothing_else(right: Bench) -> None:
    late = driven("late-join")
    assert joined_s(right) < 90
    assert joined_s(late) >= 110
    assert late.delivered("t1.gas") == right.delivered("t1.gas")
    assert len(late.of("alarm")) == len(right.of("alarm")) == 1


def test_lose_hour_loses_one_of_the_newest_168(right: Bench) -> None:
    lossy = driven("lose-hour")
    newest = [m for m, _ in right.delivered("t1.gas")][-168 - 24 :]
    missing = set(newest) - {m for m, _ in lossy.delivered("t1.gas")}
    assert len(missing) == 1
    assert joined_s(lossy) == joined_s(right)
    recovered = [m for e in right.of("upload") if e["delivery"] == "recovery" for m in e["meters"]]
    newest_recovered = [v["mark_ns"] for m in recovered if m["meter"] == "t1.gas" for v in m["values"]][-168:]
    assert missing <= set(newest_recovered)


def test_double_on_recovery_doubles_one_of_the_newest_168(right: Bench) -> None:
    double = driven("double-on-recovery")
    counts = Counter((meter, mark) for meter in double.rig.meters for mark, _ in double.delivered(meter))
    twice = [key for key, n in counts.items() if n == 2]
    assert len(twice) == 1
    recovered = [m for e in right.of("upload") if e["delivery"] == "recovery" for m in e["meters"]]
    marks = [v["mark_ns"] for m in recovered if m["meter"] == twice[0][0] for v in m["values"]]
    assert twice[0][1] in marks[-168:]
    assert set(double.delivered("t1.gas")) == set(right.delivered("t1.gas"))


def test_shift_hour_shifts_one_steady_value(right: Bench) -> None:
    shifted = driven("shift-hour")
    truth, seen = dict(right.delivered("t1.gas")), dict(shifted.delivered("t1.gas"))
    assert set(truth) == set(seen)
    wrong = [mark for mark in truth if truth[mark] != seen[mark]]
    assert len(wrong) == 1
    marks = sorted(truth)
    assert seen[wrong[0]] == truth[marks[marks.index(wrong[0]) - 1]]
    assert wrong[0] < bench_outage_ns(shifted)
    assert shifted.delivered("t1.water") == right.delivered("t1.water")


def bench_outage_ns(bench: Bench) -> int:
    return bench.plan.epoch_ns + round(days(4) * NS_PER_S)


def test_drop_outage_alarm_drops_it_and_keeps_others(right: Bench) -> None:
    dropping = driven("drop-outage-alarm")
    assert len(right.of("alarm")) == 1
    assert dropping.of("alarm") == []
    dropping.rig.meters["t1.gas"].raise_alarm("tamper")
    dropping.run(10)
    assert [e["code"] for e in dropping.of("alarm")] == ["tamper"]
    assert dropping.delivered("t1.gas") == right.delivered("t1.gas")


def test_the_other_terminal_is_not_touched() -> None:
    assert all(not t.faults for t in topology({"t1": ("late-join",)}).terminals if t.id != "t1")


def test_fault_by_dotted_path_and_with_options() -> None:
    assert isinstance(faults.make("tests.twin.test_faults:SilentAlarm"), faults.Fault)
    assert faults.make({"late-join": {"seconds": 30}}).registers_after_s() == 120
    assert set(faults.registry()) >= {
        "late-join",
        "lose-hour",
        "double-on-recovery",
        "shift-hour",
        "drop-outage-alarm",
    }


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("late-jion", "no fault 'late-jion'; expected"),
        ({"late-join": {"minutes": 3}}, "expected its options"),
        ("no.such.module:Fault", "cannot be loaded"),
        ("bench.twin.core.kernel:Kernel", "is no fault"),
    ],
)
def test_wrong_fault_is_one_line(spec: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        faults.make(spec)  # type: ignore[arg-type]


def test_split() -> None:
    assert faults.split("t1:pkg.mod:Class") == ("t1", "pkg.mod:Class")
    with pytest.raises(InputError, match="SUBJECT:NAME"):
        faults.split("late-join")
