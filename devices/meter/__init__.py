"""A meter's port, in one of several roles (`devices.meter.protocol`), each with a driver of its own.

The emulator role is played by a stand-in line protocol.

The telegrams between meter and terminal (U-bus) are not public, so the bench sets and reads the register through a
protocol of its own, named ``standin-meter/1``: LF lines, ``SET <int>`` -> ``OK <int>``, ``GET`` -> ``INDEX <int>``,
``ALARM <code>`` -> ``OK ALARM <code>``, ``VALVE`` -> ``VALVE open|shut|checking|none``, ``LEAK on|off`` -> ``OK LEAK
on|off`` (gas is lost behind the valve), ``ID`` -> ``ID <serial> standin-meter/1``, anything else -> ``ERR <reason>``;
unasked ``! VALVE <state>`` when the valve moves.
A licence holder puts a real emulator behind the same driver protocol.

* `protocol`: what a role can do
* `impersonator`: a meter that the bench plays (the emulator role), the device's side
* `pulse`: the pulse role, a contact for a terminal that counts
* `pulse_impersonator`: the pulse input of a terminal
* `tap`: the tap role, a listener on the line between meter and terminal
* `tap_impersonator`: such a tap, the device's side
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "impersonator", "protocol", "pulse", "pulse_impersonator", "tap", "tap_impersonator"]

FAMILY = Family(
    "meter",
    driver="devices.meter.protocol:MeterPort",
    place=Place.METER,
    key="meters",
    essential=True,
    makes=(
        "devices.meter.driver:MeterDriver",
        "devices.meter.pulse:PulseMeterDriver",
        "devices.meter.tap:TapMeterDriver",
    ),
)
