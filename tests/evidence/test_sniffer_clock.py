"""A sniffer's clock by when its frames came in, and its frames set right."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kinds
from bench.air.capture.pcapng import PcapngWriter
from bench.evidence.evidence import Evidence
from bench.records import NS_PER_S
from tests.measurands.real_rig import RealRun
from tests.measurands.synthetic import Run

T0_NS = 1_775_000_000 * NS_PER_S
ACK = bytes.fromhex("0210aa")
HOUR_S = 3600.0


def heard(run: Run, ahead_s: list[float], rows: list[tuple[int, float, float]], **declared: object) -> Evidence:
    """A run in which frame n came in at T0 + n s, stamped ``ahead_s[n - 1]`` later than that; ``rows``: (frame, stamp
    ahead of its arrival, arrival after T0), s."""
    path = run.folder.captures / "s1.pcapng"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("s1")
        for number, ahead in enumerate(ahead_s, start=1):
            writer.packet(ACK, T0_NS + round((number + ahead) * NS_PER_S), fcs=True)
    for frame, ahead, at_s in rows:
        at_ns = T0_NS + round(at_s * NS_PER_S)
        pair = {"frame": frame, "stamp_ns": at_ns + round(ahead * NS_PER_S), "received_ns": at_ns}
        run.see(at_ns, "clock", "sniffer.s1", kinds.CLOCK_SNIFFER, capture="s1", **pair)
    return run.evidence()


def places(evidence: Evidence, **bounds: int) -> list[float]:
    """Seconds after T0 at which the frames are placed."""
    return [(record.time_ns - T0_NS) / NS_PER_S for record in evidence.records("s1", **bounds)]


@pytest.mark.parametrize("ahead", [HOUR_S, 0.25, -HOUR_S, -T0_NS / NS_PER_S])
def test_a_wrong_clock_is_set_right(tmp_path: Path, ahead: float) -> None:
    """An hour ahead, by a time zone; a little; an hour behind; since 1970, for want of a battery."""
    evidence = heard(Run(tmp_path), [ahead] * 3, [(3, ahead, 3)])
    assert places(evidence) == [1, 2, 3]
    assert places(evidence, since_ns=T0_NS + 2 * NS_PER_S, until_ns=T0_NS + 2 * NS_PER_S) == [2]
    assert [frame.time_ns for frame in evidence.frames("s1", since_ns=T0_NS + 3 * NS_PER_S)] == [T0_NS + 3 * NS_PER_S]
    assert "its clock stood" in evidence.sniffer_clock("s1").words


def test_who_may_have_waited_in_a_buffer_keeps_its_stamps(tmp_path: Path) -> None:
    evidence = heard(Run(tmp_path), [-59.0] * 2, [(2, -59.0, 2)])
    assert places(evidence) == [-58, -57]
    assert evidence.sniffer_clock("s1").words == ""


def test_a_laboratory_may_know_its_bridges_delay(tmp_path: Path) -> None:
    options = {"clock": "wall", "clocks": {"sniffer.s1": {"late_s": 2.0}}}
    run = Run(tmp_path, rig={"options": {"bench": options}})
    assert places(heard(run, [-59.0] * 2, [(2, -59.0, 2)])) == [1, 2]


def test_a_clock_that_was_set_in_the_run(tmp_path: Path) -> None:
    """Each frame by the row that is about it, those after the last row by that one."""
    evidence = heard(Run(tmp_path), [-900.0, -900.0, 0.0, 0.0, 0.0], [(2, -900.0, 2), (4, 0.0, 4)])
    assert places(evidence) == [1, 2, 3, 4, 5]
    assert evidence.sniffer_clock("s1").words.startswith("its clock stood -900.0 s from the bench's")


def test_a_host_that_may_be_wrong_judges_no_sniffer(tmp_path: Path) -> None:
    """UTC was stepped: which side was right nobody knows, so neither is the sniffer known to be wrong."""
    run = RealRun(tmp_path, steps=((T0_NS + 60 * NS_PER_S, 20 * NS_PER_S),))
    run.watch_clocks(T0_NS, T0_NS + 120 * NS_PER_S)
    evidence = heard(run, [20.0] * 2, [(2, 20.0, 2)])
    assert places(evidence) == [21, 22]


def test_without_rows_a_sniffer_is_taken_to_stamp_utc(tmp_path: Path) -> None:
    evidence = heard(Run(tmp_path), [HOUR_S], [])
    assert places(evidence) == [1 + HOUR_S]
    assert evidence.sniffer_clock("s1").right
