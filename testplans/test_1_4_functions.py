"""Guideline 1-4, 共同検針システムで実現できること: monitoring (alarms)."""

from __future__ import annotations

from collections.abc import Callable

from bench.evidence import Episode
from testplans import requirement


@requirement("alarm-normal")
def test_alarm_in_normal_operation(alarm_burst: Episode, judge: Callable[..., None]) -> None:
    """1-4: an alarm that a meter raises reaches the connection server as early as agreed."""
    judge(alarm_burst)


@requirement("alarm-outage")
def test_alarm_across_an_outage(mesh_outage: Episode, judge: Callable[..., None]) -> None:
    """1-4: an alarm raised while the mesh is down is kept and delivered, with its time of occurrence."""
    judge(mesh_outage)
