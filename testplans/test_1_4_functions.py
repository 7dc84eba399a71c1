"""Guideline 1-4, 共同検針システムで実現できること: reading, storing in the server, monitoring (alarms)."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("reading-function")
def test_reading_on_request(judge: Callable[[], None]) -> None:
    """1-4 検針機能: what the MDMS asks for is answered there with a fresh index."""
    judge()


@requirement("control-function")
def test_control(judge: Callable[[], None]) -> None:
    """1-4 制御機能: a command from the MDMS moves the meter's valve, and the meter's answer comes back."""
    judge()


@requirement("transparent-type")
def test_transparent_type(judge: Callable[[], None]) -> None:
    """1-4 透過型: what meters send by themselves and what the MDMS asks for passes whole and unaltered."""
    judge()


@requirement("store-type-server")
def test_readings_at_the_mdms(judge: Callable[[], None]) -> None:
    """1-4 蓄積型: what the server keeps comes to the MDMS, by push or on request."""
    judge()


@requirement("alarm-normal")
def test_alarm_in_normal_operation(judge: Callable[[], None]) -> None:
    """1-4: an alarm that a meter raises reaches the connection server as early as agreed."""
    judge()


@requirement("alarm-outage")
def test_alarm_across_an_outage(judge: Callable[[], None]) -> None:
    """1-4: an alarm raised while the mesh is down is kept and delivered, with its time of occurrence."""
    judge()


@requirement("alarm-mdms")
def test_alarm_at_the_mdms(judge: Callable[[], None]) -> None:
    """1-4 監視機能: what the server has of alarms comes to the MDMS, as it came and in time."""
    judge()
