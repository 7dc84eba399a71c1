"""Rig time and the one thread that drives (design section 3).

* `clock`: one clock for real and virtual rigs
* `host`: what the host tells of time
* `pump`: every open port, and the bus of what they said
* `scheduler`: episodes that wait, interleaved
"""

__all__ = ["clock", "host", "pump", "scheduler"]
