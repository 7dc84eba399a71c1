"""What the node CLI of a terminal lets one set (devices.md 2.6): kept in RAM, and in flash after ``wisun save``.

The mesh comes from the topology, so a setting that would take the radio elsewhere (another network, plan or size) is
refused by name instead of being kept without effect; the value it has may be set again. Kept settings marked stand-in
change nothing on the air.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import attrs

from bench.twin.methods import NodeKind
from bench.twin.pan import Network
from bench.twin.topology import Terminal as TerminalPlan

_CHANNELS: Final = re.compile(r"\d{1,3}(-\d{1,3})?(,\d{1,3}(-\d{1,3})?)*", re.ASCII)


class SettingRefused(ValueError):
    """A setting that is not taken; its text is the CLI's ``[Failed: ...]``."""


@attrs.frozen(slots=True)
class Choice:
    """A whole number of ``low..high``, some with a name (``Small (1)``). ``fixed`` is the only one that is taken."""

    low: int
    high: int
    names: Mapping[int, str] = attrs.field(factory=dict)
    fixed: int | None = None

    def parse(self, name: str, text: str) -> str:
        """The value as the CLI prints it. Raises ``SettingRefused``."""
        number = next((n for n, word in self.names.items() if word.lower() == text.lower()), None)
        if number is None and re.fullmatch(r"-?\d{1,9}|0[xX][0-9a-fA-F]{1,4}", text, re.ASCII):
            number = int(text, 16) if text[:2].lower() == "0x" else int(text)
        if number is None or not self.low <= number <= self.high:
            raise SettingRefused(f"{name} {text}; expected {self.low} to {self.high}")
        if self.fixed not in (None, number):
            raise SettingRefused(f"{name} is fixed to {self.show(self.fixed)} by this stand-in's topology")
        return self.show(number)

    def show(self, number: int | None) -> str:
        name = self.names.get(number) if number is not None else None
        return f"{name} ({number})" if name else str(number)


@attrs.frozen(slots=True)
class Settings:
    """Names in ``section.setting`` form: ``choices`` and their first values; texts are checked by :meth:`parse`."""

    network: Network
    choices: Mapping[str, Choice]
    first: Mapping[str, str]

    def parse(self, name: str, text: str) -> str:
        """``text`` as it is kept and printed. Raises ``SettingRefused`` (unknown, read-only, out of range, fixed)."""
        if name in self.choices:
            choice = self.choices[name]
            value = choice.parse(name, text)
            return value if choice.fixed is None else self.first[name]
        if name == "wisun.network_name":
            if text.strip('"') != self.network.name:
                raise SettingRefused(f'{name} is fixed to "{self.network.name}" by this stand-in\'s topology')
            return self.first[name]
        if name == "wisun.allowed_channels":
            return self._channels(name, text)
        raise SettingRefused(f"{name} is unknown or cannot be set")

    def _channels(self, name: str, text: str) -> str:
        ranges = [[int(n) for n in part.split("-")] for part in text.split(",")] if _CHANNELS.fullmatch(text) else []
        if not ranges or any(r[0] > r[-1] or r[-1] > 255 for r in ranges):
            raise SettingRefused(f"{name} {text}; expected channels of 0 to 255, such as 0-10,12")
        if not any(r[0] <= self.network.channel <= r[-1] for r in ranges):
            raise SettingRefused(f"{name} {text}; this stand-in's radio keeps to channel {self.network.channel}")
        return text


def settings_of(plan: TerminalPlan, network: Network) -> Settings:
    """The settings of one terminal. ``tx_power`` and ``app`` figures are stand-ins: their ranges are not published."""
    size = 5 if plan.timers == "TEST" else 1
    binary = Choice(0, 1)
    choices = {
        "wisun.regulatory_domain": Choice(0, 255, {2: "JP"}, 2),
        "wisun.chan_plan_id": Choice(21, 24, fixed=22),
        "wisun.phy_mode_id": Choice(0, 255, fixed=5),
        "wisun.network_size": Choice(0, 5, {1: "Small", 5: "Test"}, size),
        "wisun.device_type": Choice(0, 1, {0: "FFN with no LFN support", 1: "LFN"}, int(plan.node is NodeKind.LFN)),
        "wisun.lfn_profile": Choice(0, 2, {0: "Test", 1: "Balanced", 2: "Eco"}),
        "wisun.tx_power": Choice(-128, 127),
        "wisun.regulation": Choice(0, 1, {0: "None", 1: "ARIB"}),
        "app.printable_data_length": Choice(0, 1024),
        "app.printable_data_as_hex": binary,
        "app.autoconnect": Choice(0, 1, fixed=int(plan.auto_start)),
        "app.pti_state": binary,
    }
    first = {
        "wisun.network_name": f'"{network.name}"',
        **{name: choice.show(choice.fixed or 0) for name, choice in choices.items()},
        "wisun.phy_mode_id": "0x05",
        "wisun.lfn_profile": "Balanced (1)",
        "wisun.tx_power": "20",
        "wisun.regulation": "ARIB (1)",
        "wisun.allowed_channels": str(network.channel),
        "app.printable_data_length": "64",
    }
    return Settings(network, choices, first)
