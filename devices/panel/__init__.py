"""A terminal's installation key and indicator: what a fitter presses and looks at, by a stand-in line protocol.

In a lab a relay presses the key and a photodiode watches the indicator through some I/O box; ``standin-panel/1``
stands for that box: LF lines, ``PRESS <seconds>`` -> ``OK PRESS <seconds>``, ``LAMP`` -> ``LAMP off|blinking|on``,
``ID`` -> ``ID standin-panel/1``, and unasked ``! LAMP <state>`` at each change. A short press (1 s) starts
installation; 10 s or more erases keys and registration first.

* `driver`: labgrid's driver
* `impersonator`: the device's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("panel", driver="devices.panel.driver:PanelDriver", place=Place.TERMINAL, essential=True)
