"""A terminal's maintenance console: the Silicon Labs Wi-SUN node CLI (devices.md 2.6).

``devices.console.driver`` is the labgrid driver; the impersonator is re-exported here because topologies name it so.
"""

from devices.console.impersonator import ConsoleImpersonator

__all__ = ["ConsoleImpersonator"]
