"""A terminal's maintenance console: the Silicon Labs Wi-SUN node CLI (devices.md 2.6).

It explains what a terminal does and never judges it, so its loss ends no episode.

* `driver`: labgrid's driver
* `impersonator`: the device's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("console", driver="devices.console.driver:ConsoleDriver", place=Place.TERMINAL)
