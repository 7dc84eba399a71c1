"""labgrid's own relays and power back ends as feeds: whatever has its ``PowerProtocol`` or ``DigitalOutputProtocol``.

A `PowerSwitchDriver` stands between the two: it reads back what it switched, bounds what may hang (many of labgrid's
back ends have no time-out, labgrid.md 3), and tells a watchdog how to build the same driver without a rig. It sets no
voltage: what it switches is fed by somebody else.

* `held`: a relay that must not stay as it is: a key, an outage, a pulse
* `gpio`: a line of a GPIO chip as a labgrid output
* `impersonator`: a relay box, the device's side
* `waiting`: a wait that only its end ends
* `switch`: one labgrid driver switched and read back, without a rig
* `driver`: labgrid's driver over it, for the feeds of a rig file
"""

__all__ = ["driver", "gpio", "held", "impersonator", "switch", "waiting"]
