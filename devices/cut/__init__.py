"""An outage without the smart meters' mains: a relay of labgrid's that takes the mesh, or the server, away.

An RF switch or a switched attenuator in the terminals' radio path, a relay in the server's link: whatever has labgrid's
``DigitalOutputProtocol``. Which kind of outage it makes is said by the rig file, and stands beside every figure of it.

* `impersonator`: the relay's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "impersonator"]

FAMILY = Family("cut", driver="devices.cut.driver:CutDriver", place=Place.RIG, essential=True)
