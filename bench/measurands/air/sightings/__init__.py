"""A capture boiled down to what measurands ask of a frame, small enough for a week of it.

* `acks`: which acknowledgement answers what
* `bulk`: sightings of a file on all cores
* `digest`: sightings, and what became of each frame
* `expiry`: tables of what is open
* `heard`: sightings of several sniffers made one
* `passes`: how measurands go through a capture
* `samples`: all values of one quantity, kept small
* `sighting`: the record
* `spool`: sightings outside memory
* `stamps`: which stamp stands for a frame
"""

__all__ = ["acks", "bulk", "digest", "expiry", "heard", "passes", "samples", "sighting", "spool", "stamps"]
