"""The virtual rig: a process that offers what a laboratory offers, in virtual time of its own (design section 4).

Nothing that drives or judges imports it. Inside: `core` time and transports, `mesh` the radio network, `radio` the
other radio methods of the IoT route, `terminal` the terminals under test, `utility` supplies, head end and server.

* `faults`: how the rig's parts may go wrong on purpose; how to write one: `docs/guides/fault.md`
* `lab`: the same world on wall time, behind wires with bad habits
* `process`: the process behind ``kenshin twin``
* `topology`: the file that a rig is built from
"""

__all__ = ["faults", "lab", "process", "topology"]
