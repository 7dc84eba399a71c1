"""Supplies and sources that speak SCPI over a raw TCP socket (devices.md 6.0).

``dialect`` knows what each make calls things, ``supply`` sets and reads back over `devices.wires`, ``driver`` is
labgrid's; ``impersonator`` with a file a make under ``makes`` is the instrument's side. None of them is imported here:
the driver side must not drag in the impersonators, nor they labgrid.

* `dialect`: what each make is told
* `driver`: labgrid's resource and driver
* `safety`: outputs made safe whatever the instrument does, without labgrid
* `source`: what every driver of an output has
* `supply`: set, read back, say what was read back
* `makes`: the instruments' side, a file a make
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "dialect", "driver", "makes", "safety", "source", "supply"]

FAMILY = Family("supply", driver="devices.supply.driver:ScpiSupplyDriver", place=Place.FEED, essential=True)
