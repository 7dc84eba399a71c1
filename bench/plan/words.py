"""The words that a terminal declaration may use. An unknown word is an error with this list, never a shrug.

A word that nobody reads would be a promise of the bench: each one here changes what is driven, what is judged, or what
the declaration is compared with (`fixtures.rig.fit`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

RADIO_METHODS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "u-bus-air": "① Uバスエア標準",
        "u-bus-air-star": "② Uバスエアスター型",
        "u-bus-air-base": "③ Uバスエアベース案",
        "wi-sun-enhanced-han": "④ Wi-SUN Enhanced HAN",
        "wi-sun-fan-1.1": "⑤ Wi-SUN FAN1.1",
    }
)
"""The guideline's five methods (4-1). A terminal has at least one; a further one may be any other (2種類目)."""

FUNCTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "periodic-reading": "sends its meters' hourly values by itself (検針機能)",
        "on-demand-reading": "answers read requests",
        "history": "answers requests for stored hours",
        "alarms": "passes on its meters' alarms (監視機能)",
        "control": "passes on control commands (制御機能)",
        "on-site-reading": "is read by a handy terminal, network or not (ハンディターミナル)",
    }
)
"""What a terminal can be declared to do (1-4); a requirement about what is not declared is NOT APPLICABLE."""

METER_PORTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "nothing reaches the wire between meter and terminal",
        "emulator": "the bench plays the meter",
        "pulse": "the bench gives pulses to the terminal's pulse input",
        "tap": "the bench listens between a real meter and the terminal",
        "register": "a person or a camera reads the meter's register",
    }
)
"""Roles of the bench at the meter (lab-practice.md 3)."""
