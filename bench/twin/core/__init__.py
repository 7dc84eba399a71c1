"""Virtual time and the wires to it: kernel, engine, control channel, ports.

* `control`: the control channel
* `engine`: who moves virtual time
* `http`: the connection server's HTTP side
* `instant`: a mesh without radio, for tests
* `kernel`: the discrete-event kernel
* `ports`: ptys, TCP lines, pcapng streams
"""

__all__ = ["control", "engine", "http", "instant", "kernel", "ports"]
