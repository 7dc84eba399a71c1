"""Guideline 2-1, 共同検針システムに求める基本的な性能: join, round trip, upload, hourly values, storage."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("join-time")
def test_join_time(judge: Callable[[], None]) -> None:
    """2-1 ネットワーク参入時間: the terminal joins the meter mesh and is judged reachable on site."""
    judge()


@requirement("roundtrip-time")
def test_round_trip_time(judge: Callable[[], None]) -> None:
    """2-1 伝送遅延時間: a request from the server is answered with a value read after it."""
    judge()


@requirement("upload-daily")
def test_daily_upload(judge: Callable[[], None]) -> None:
    """2-1 検針頻度: each day's hours are delivered by the agreed time."""
    judge()


@requirement("values-hourly")
def test_hourly_values(judge: Callable[[], None]) -> None:
    """2-1 検針粒度: every hourly value is the meter's index at its hour mark, delivered once."""
    judge()


@requirement("hour-mark-error")
def test_hour_mark_error(judge: Callable[[], None]) -> None:
    """2-1 検針粒度: the register is read as close to the hour mark as agreed."""
    judge()


@requirement("storage-terminal")
def test_storage_in_the_terminal(judge: Callable[[], None]) -> None:
    """2-1 蓄積: after more than seven days without the mesh the newest 168 hours can be read."""
    judge()


@requirement("storage-server")
def test_storage_in_the_connection_server(judge: Callable[[], None]) -> None:
    """2-1 蓄積: after a week without its MDMS the server still gives the last 168 hours, and fetches nothing for it."""
    judge()
