"""Registration of device families: found by themselves, in the order of a rig, and refused by name where wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.errors import InputError
from devices.family import Family, Place, families
from tests.guides.guide import register


@pytest.fixture(autouse=True)
def _ask_anew() -> Iterator[None]:
    families.cache_clear()
    yield
    families.cache_clear()


def test_every_folder_of_devices_is_there_in_the_order_of_opening() -> None:
    found = families()
    assert list(found) == [
        "console",
        "key",
        "panel",
        "meter",
        "mdms",
        "sniffer",
        "cut",
        "gate",
        "handy",
        "operator",
        "server",
        "supply",
    ]
    assert [family.name for family in found.values() if not family.essential] == [
        "console",
        "mdms",
        "sniffer",
        "gate",
        "handy",
        "operator",
    ]


@pytest.mark.parametrize(
    "name", ["console", "gate", "handy", "mdms", "meter", "operator", "panel", "server", "sniffer", "supply"]
)
def test_each_family_has_a_driver_that_the_rig_can_open(name: str) -> None:
    for driver in families()[name].drivers():
        assert all(hasattr(driver, ability) for ability in ("port", "connect", "disconnect"))
        assert driver.__module__.startswith(f"devices.{name}.")


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("FAMILY = 7", "entry point kenshin.devices: extra:FAMILY is no device family"),
        ("", "entry point kenshin.devices: extra:FAMILY: .*expected package:FAMILY"),
        (
            "from devices.family import Family, Place\nFAMILY = Family('panel', driver='x:Y', place=Place.RIG)",
            "device family 'panel' is there twice",
        ),
        (
            "from devices.family import Family, Place\nFAMILY = Family('z', 'x:Y', Place.METER, key='panel')",
            "another has its key 'panel'",
        ),
    ],
)
def test_a_wrong_registration_is_one_line(
    module: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "extra.py").write_text(module)
    register(tmp_path, "extra", "kenshin.devices", extra="extra:FAMILY")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "extra", raising=False)
    with pytest.raises(InputError, match=says):
        families()


def test_a_driver_that_is_not_there_is_one_line() -> None:
    family = Family("chamber", driver="devices.chamber:Driver", place=Place.RIG)
    assert family.key == "chamber"
    with pytest.raises(InputError, match=r"'chamber': devices\.chamber:Driver: .*expected package\.module"):
        family.load()
