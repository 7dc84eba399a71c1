"""Sniffers that send pcapng over TCP: what a capture bridge or an extcap program offers on a port.

The octets go to the run folder as they come, raw stamps and all; nothing is decoded while the bench drives.

* `driver`: labgrid's resource and driver
* `stamps`: how its stamps stand to their arrival, which tells its clock on a real rig
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver"]

FAMILY = Family(
    "sniffer", driver="devices.sniffer.driver:SnifferDriver", place=Place.NAMED, key="sniffers", shared=True
)
