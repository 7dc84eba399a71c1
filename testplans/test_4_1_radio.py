"""Guideline 4-1, IoTルート無線方式の選定の考え方: the method that carried the data, and its standards."""

from __future__ import annotations

from collections.abc import Callable

from testplans import requirement


@requirement("radio-method")
def test_radio_method(judge: Callable[[], None]) -> None:
    """4-1: each datum of the terminal came by the radio method that it declares."""
    judge()


@requirement("radio-air-rules")
def test_radio_rules_as_heard(judge: Callable[[], None]) -> None:
    """4-1: what sniffers hear of the terminal keeps to the public rules of its method."""
    judge()


@requirement("radio-standards")
def test_radio_standards(judge: Callable[[], None]) -> None:
    """4-1: each radio method of the terminal is certified for the sample's firmware."""
    judge()


@requirement("radio-ubus-air")
def test_u_bus_air(judge: Callable[[], None]) -> None:
    """4-1 Uバスエア: certified over layers 1 to 7."""
    judge()


@requirement("radio-wi-sun")
def test_wi_sun(judge: Callable[[], None]) -> None:
    """4-1 Wi-SUN: certified over layers 1 to 4, and for the IoT-route application above."""
    judge()
