"""Guideline 2-2, 共同検針システムに求める機能: automatic gap filling, backup in a power outage."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("gap-filling")
def test_gap_filling(judge: Callable[[], None]) -> None:
    """2-2 自動欠測補完: hours that are missing at the server are filled in within the agreed time."""
    judge()


@requirement("outage-backup")
def test_backup_of_the_smart_meters(judge: Callable[[], None]) -> None:
    """2-2 停電補償: messages pass for the agreed time after the smart meters' mains are gone."""
    judge()


@requirement("outage-backup-concentrator")
def test_backup_of_the_concentrator(judge: Callable[[], None]) -> None:
    """2-2 停電補償: and after the concentrator's are gone."""
    judge()
