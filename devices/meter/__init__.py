"""A meter's port in the emulator role, by a stand-in line protocol.

The telegrams between meter and terminal (U-bus) are not public, so the bench sets and reads the register through a
protocol of its own, named ``standin-meter/1``: LF lines, ``SET <int>`` -> ``OK <int>``, ``GET`` -> ``INDEX <int>``,
``ALARM <code>`` -> ``OK ALARM <code>``, ``ID`` -> ``ID <serial> standin-meter/1``, anything else -> ``ERR <reason>``.
A licence holder puts a real emulator behind the same driver protocol.
"""

from devices.meter.impersonator import MeterImpersonator

__all__ = ["MeterImpersonator"]
