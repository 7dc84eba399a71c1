"""Guideline 2-1, 共同検針システムに求める基本的な性能: join, round trip, upload, hourly values, storage."""

from __future__ import annotations

from collections.abc import Callable

from bench.evidence import Episode
from testplans import requirement


@requirement("join-time")
def test_join_time(cold_join: Episode, judge: Callable[..., None]) -> None:
    """2-1 ネットワーク参入時間: the terminal joins the meter mesh and is judged reachable on site."""
    judge(cold_join)


@requirement("roundtrip-time")
def test_round_trip_time(round_trips: Episode, judge: Callable[..., None]) -> None:
    """2-1 伝送遅延時間: a request from the server is answered with a value read after it."""
    judge(round_trips)


@requirement("upload-daily")
def test_daily_upload(steady_week: Episode, judge: Callable[..., None]) -> None:
    """2-1 検針頻度: each day's hours are delivered by the agreed time."""
    judge(steady_week)


@requirement("values-hourly")
def test_hourly_values(steady_week: Episode, mesh_outage: Episode, judge: Callable[..., None]) -> None:
    """2-1 検針粒度: every hourly value is the meter's index at its hour mark, delivered once."""
    judge(steady_week, mesh_outage)


@requirement("storage-terminal")
def test_storage_in_the_terminal(mesh_outage: Episode, judge: Callable[..., None]) -> None:
    """2-1 蓄積: after more than seven days without the mesh the newest 168 hours can be read."""
    judge(mesh_outage)
