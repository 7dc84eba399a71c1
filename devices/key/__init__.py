"""The installation key of a terminal by a relay: whatever has labgrid's ``DigitalOutputProtocol`` presses it.

Where a panel is wired it presses the key; a relay alone sees no indicator, so the server's word ends a join.

* `driver`: labgrid's driver
* `impersonator`: the relay's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("key", driver="devices.key.driver:KeyDriver", place=Place.TERMINAL, essential=True)
