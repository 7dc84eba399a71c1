"""What drivers and impersonators share below their protocols: byte wires, lines, SCPI.

* `address`: where a device is reached, and its one spelling
* `labgrid_console`: labgrid's ConsoleProtocol over a line driver
* `line_driver`: a labgrid driver whose wire the pump reads
* `lines`: the device side of a line protocol
* `rest`: JSON over HTTP, a connection a request
* `session`: SCPI lines with one instrument, over a raw socket (`scpi`) or VISA (`visa`)
* `wire`: byte wires for the pump
"""

__all__ = ["address", "labgrid_console", "line_driver", "lines", "rest", "session", "wire"]
