"""A handy terminal (ハンディターミナル): whoever stands at a terminal reads its meters there, when the network cannot.

Guideline 1-5 leaves what could not be collected or sent to handy terminals and visits, and these to the utility. How a
handy terminal speaks to a terminal is not public: ``standin-handy/1`` is a stand-in for both, the device and its way to
the terminal. LF lines, to the device that the bench holds: ``READ <meter>`` -> ``OK READ <meter>``, ``ID`` ->
``ID standin-handy/1``; and unasked, when the terminal has answered or is given up: ``! READING <meter> <index>``,
``! NOTHING <meter>``.

* `driver`: labgrid's driver
* `impersonator`: the device's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "driver", "impersonator"]

FAMILY = Family("handy", driver="devices.handy.driver:HandyDriver", place=Place.RIG)
