"""Guideline 1-5, 共同検針システム利用の前提となる考え方: collection, control; by document, what was agreed."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("service-level")
def test_service_level(judge: Callable[[], None]) -> None:
    """1-5: the parties have agreed on the service level."""
    judge()


@requirement("collection-rate")
def test_collection_rate(judge: Callable[[], None]) -> None:
    """1-5 収集率: no less is collected of the terminals than of the mesh's own meters, by more than was agreed."""
    judge()


@requirement("manual-collection")
def test_manual_collection(judge: Callable[[], None]) -> None:
    """1-5 ハンディターミナル: what the network cannot collect is read on site."""
    judge()


@requirement("responsibility-boundary")
def test_responsibility_boundary(judge: Callable[[], None]) -> None:
    """1-5 責任分界: the parties have agreed where responsibility ends, by ownership."""
    judge()


@requirement("control-success-rate")
def test_success_rate_of_control(judge: Callable[[], None]) -> None:
    """1-5 制御指令の成功率: no worse than in the operator's own mesh."""
    judge()
