"""ECHONET Lite objects of a meter's world: names of classes and properties, and the format of each property's data.

Super class and node profile: ECHONET Lite specification part 2 and Appendix. Device classes: the public appendix and
its machine-readable form (MRA 1.3.1): 0x0281 water flow meter, 0x0282 gas meter, 0x0288 low-voltage smart electric
energy meter, 0x0289 smart gas meter. What the public sources give no format for stays octets (the bits of the smart gas
meter's security data, for one); what they do not list is shown by its code, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bench.air.app.echonet_values import (
    Choice,
    Clock,
    CodeList,
    Date,
    Dated,
    DayHistory,
    Format,
    GasHistory,
    History,
    Number,
    Octets,
    ProfileVersion,
    PropertyMap,
    Text,
    Values,
    Version,
)
from bench.air.frozen import frozen

NODE_PROFILE: Final = 0x0EF0
CONTROLLER: Final = 0x05FF
WATER_METER: Final = 0x0281
GAS_METER: Final = 0x0282
SMART_METER: Final = 0x0288
SMART_GAS_METER: Final = 0x0289

CLASSES: Final[Mapping[int, str]] = {
    NODE_PROFILE: "node profile",
    CONTROLLER: "controller",
    0x0270: "gas valve",
    0x0280: "watt-hour meter",
    WATER_METER: "water flow meter",
    GAS_METER: "gas meter",
    0x0283: "LP gas meter",
    0x0287: "power distribution board",
    SMART_METER: "low-voltage smart meter",
    SMART_GAS_METER: "smart gas meter",
    0x028A: "high-voltage smart meter",
    0x028D: "smart electric sub-meter",
}
"""Names of the classes (group and class code) that meet a meter."""


@frozen
class Kind:
    """What a property is: its name, and the format of its data."""

    name: str
    format: Format


def _yes_no(yes: str, no: str) -> Choice:
    return Choice({0x41: yes, 0x42: no})


def _steps(unit: str, codes: Mapping[int, int]) -> Choice:
    return Choice({code: Decimal(1).scaleb(exponent) for code, exponent in codes.items()}, unit)


_NO_DATA_32: Final = 0xFFFFFFFE
_CUBIC: Final = Number(4, "m³", Decimal("0.001"), no_data=_NO_DATA_32, limits=True)
_COUNT: Final = Number(4, no_data=_NO_DATA_32, limits=True)
_UNIT_M3: Final = _steps("m³", {code: -code for code in range(7)})
_UNIT_KWH: Final = _steps("kWh", {0: 0, 1: -1, 2: -2, 3: -3, 4: -4, 0x0A: 1, 0x0B: 2, 0x0C: 3, 0x0D: 4})
_ABNORMAL: Final = Kind("abnormal value", _yes_no("detected", "not detected"))
_STATUS: Final = Kind("operation status", Choice({0x30: "on", 0x31: "off"}))
_AMPERE: Final = Number(2, "A", Decimal("0.1"), signed=True, no_data=0x7FFE, limits=True)
_WATT: Final = Number(4, "W", signed=True, no_data=0x7FFFFFFE, limits=True)

SUPER_CLASS: Final[Mapping[int, Kind]] = {
    0x80: _STATUS,
    0x81: Kind("installation location", Octets()),
    0x82: Kind("standard version", Version()),
    0x83: Kind("identification number", Octets()),
    0x84: Kind("instantaneous power consumption", Number(2, "W")),
    0x85: Kind("cumulative power consumption", Number(4, "kWh", Decimal("0.001"))),
    0x86: Kind("manufacturer's fault code", Octets()),
    0x87: Kind("current limit", Number(1, "%")),
    0x88: Kind("fault status", _yes_no("fault", "no fault")),
    0x89: Kind("fault content", Number(2)),
    0x8A: Kind("manufacturer code", Octets(3)),
    0x8B: Kind("business facility code", Octets(3)),
    0x8C: Kind("product code", Text(12)),
    0x8D: Kind("serial number", Text(12)),
    0x8E: Kind("production date", Date()),
    0x8F: Kind("power saving", _yes_no("saving", "normal")),
    0x93: Kind("remote control", _yes_no("not through a public network", "through a public network")),
    0x97: Kind("current time", Clock()),
    0x98: Kind("current date", Date()),
    0x9D: Kind("announcement property map", PropertyMap()),
    0x9E: Kind("set property map", PropertyMap()),
    0x9F: Kind("get property map", PropertyMap()),
}
"""What every device object has."""

_NODE_PROFILE: Final[Mapping[int, Kind]] = {
    0x80: _STATUS,
    0x82: Kind("version", ProfileVersion()),
    0xD3: Kind("number of instances", Number(3)),
    0xD4: Kind("number of classes", Number(2)),
    0xD5: Kind("instance list notification", CodeList(3)),
    0xD6: Kind("instance list S", CodeList(3)),
    0xD7: Kind("class list S", CodeList(2)),
}

_WATER_METER: Final[Mapping[int, Kind]] = {
    0xD0: Kind("water type", Choice({0x30: "water", 0x31: "recycled water", 0x32: "sewage", 0x33: "other"})),
    0xD1: Kind("owner", Choice({0x30: "not specified", 0x31: "public", 0x32: "private company", 0x33: "individual"})),
    0xE0: Kind("cumulative water", _COUNT),
    0xE1: Kind("unit", _UNIT_M3),
    0xE2: Kind("history of 48 half hours", Values(_CUBIC, 48)),
    0xE3: _ABNORMAL,
    0xE4: Kind("security data", Octets(4)),
    0xE5: Kind("meter id", Text(6)),
    0xE6: Kind("verification expiry", Text(6)),
    0xE7: Kind("history of 48 half hours in the unit", Values(_COUNT, 48)),
}

_GAS_METER: Final[Mapping[int, Kind]] = {
    0xE0: Kind("cumulative gas", _CUBIC),
    0xE2: Kind("history of 48 half hours", Values(_CUBIC, 48)),
}

_SMART_METER: Final[Mapping[int, Kind]] = {
    0xC0: Kind("B-route identification number", Octets(16)),
    0xD0: Kind("one-minute cumulative energy", Dated(_COUNT, 2)),
    0xD3: Kind("coefficient", Number(4)),
    0xD7: Kind("effective digits", Number(1)),
    0xE0: Kind("cumulative energy, forward", _COUNT),
    0xE1: Kind("unit", _UNIT_KWH),
    0xE2: Kind("day history, forward", DayHistory(_COUNT)),
    0xE3: Kind("cumulative energy, reverse", _COUNT),
    0xE4: Kind("day history, reverse", DayHistory(_COUNT)),
    0xE5: Kind("history day", Number(1, no_data=0xFF)),
    0xE7: Kind("instantaneous power", _WATT),
    0xE8: Kind("instantaneous current, R and T", Values(_AMPERE, 2)),
    0xEA: Kind("half-hour cumulative energy, forward", Dated(_COUNT)),
    0xEB: Kind("half-hour cumulative energy, reverse", Dated(_COUNT)),
    0xEC: Kind("history 2", History(_COUNT, filled=True)),
    0xED: Kind("history 2 selector", History(_COUNT, filled=False)),
    0xEE: Kind("history 3", History(_COUNT, filled=True)),
    0xEF: Kind("history 3 selector", History(_COUNT, filled=False)),
}

_SMART_GAS_METER: Final[Mapping[int, Kind]] = {
    0xD0: Kind("cumulative gas with time", Dated(_CUBIC)),
    0xD1: Kind("hourly history", GasHistory()),
    0xE0: Kind("gas type", Choice({0x30: "city gas", 0x31: "LP gas", 0x32: "natural gas", 0x33: "other"})),
    0xE1: Kind(
        "owner",
        Choice(
            {0x30: "not specified", 0x31: "city gas", 0x32: "LP gas", 0x33: "private company", 0x34: "individual"},
        ),
    ),
    0xE2: Kind("cumulative gas", _CUBIC),
    0xE3: Kind("unit", _UNIT_M3),
    0xE4: Kind("day history", DayHistory(_CUBIC)),
    0xE5: Kind("history day", Number(1)),
    0xE6: _ABNORMAL,
    0xE7: Kind("security data", Octets(10)),
    0xE8: Kind("closed by centre", _yes_no("closed", "not closed")),
    0xE9: Kind("centre's permission to reopen", _yes_no("given", "not given")),
    0xEA: Kind("emergency closure", _yes_no("closed", "not closed")),
    0xEB: Kind("valve", _yes_no("open", "closed")),
    0xEC: Kind("last three shut-off reasons", Octets(3)),
    0xED: Kind("meter id", Octets(6)),
    0xEE: Kind("verification expiry", Text(6)),
}

PROPERTIES: Final[Mapping[int, Mapping[int, Kind]]] = {
    NODE_PROFILE: {**SUPER_CLASS, **_NODE_PROFILE},
    WATER_METER: {**SUPER_CLASS, **_WATER_METER},
    GAS_METER: {**SUPER_CLASS, **_GAS_METER},
    SMART_METER: {**SUPER_CLASS, **_SMART_METER},
    SMART_GAS_METER: {**SUPER_CLASS, **_SMART_GAS_METER},
}
"""Properties by class and EPC, the super class's included."""


def kind_of(class_code: int, epc: int) -> Kind | None:
    """What property ``epc`` of a class is; None where not listed (another class still has the super class's)."""
    return PROPERTIES.get(class_code, SUPER_CLASS).get(epc)
