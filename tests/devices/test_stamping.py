"""The knobs of a server's clock, each alone: what a stamp reads, and what is left alone."""

from __future__ import annotations

import pytest

from bench.records import NS_PER_S, Json
from devices.server.stamping import TRUE_TIME, Stamping

T0 = 1_775_000_000 * NS_PER_S


@pytest.mark.parametrize(
    ("clock", "true_ns", "reads_ns"),
    [
        (TRUE_TIME, T0 + 7, T0 + 7),
        (Stamping(offset_ns=-500_000_000), T0, T0 - 500_000_000),
        (Stamping(resolution_ns=NS_PER_S), T0 + 999_999_999, T0),
        (Stamping(drift_ppm=50.0, since_ns=T0), T0 + 3600 * NS_PER_S, T0 + 3600 * NS_PER_S + 180_000_000),
        (Stamping(step_ns=-2 * NS_PER_S, step_at_ns=T0), T0 - 1, T0 - 1),
        (Stamping(step_ns=-2 * NS_PER_S, step_at_ns=T0), T0, T0 - 2 * NS_PER_S),
        (Stamping(offset_ns=NS_PER_S // 2, resolution_ns=NS_PER_S), T0 + NS_PER_S // 2, T0 + NS_PER_S),
    ],
)
def test_a_stamp_reads(clock: Stamping, true_ns: int, reads_ns: int) -> None:
    assert clock.stamp(true_ns) == reads_ns


def test_only_the_servers_own_stamps_are_its_clocks() -> None:
    event: dict[str, Json] = {"id": 3, "t_ns": T0, "occurred_ns": T0, "read_ns": T0, "kind": "alarm"}
    assert Stamping(offset_ns=5).applied(event) == {**event, "t_ns": T0 + 5}
    assert Stamping(leave_out=True).applied(event) == {k: v for k, v in event.items() if k != "t_ns"}
    assert Stamping(offset_ns=5).applied({"now_ns": T0, "accepted_ns": T0}) == {"now_ns": T0 + 5, "accepted_ns": T0 + 5}
