"""What the air alone tells: joins, hop counts, round trips and air time, from decoded frames and nothing else.

Pure functions over an iterable of `bench.air.frame.decoder.Frame` (`merge`: of capture records); they never see a
file, a device or the twin, so the same code measures a bare capture of a foreign network and a run's captures.

A capture becomes a `digest` of sightings outside memory (`reading` makes them of decoded frames, `bulk` of a file on
all cores), and measurands go through it together, twice (`passes`), keeping what is open and a few octets a value.

* `join.joins`: per node the phases from the first solicitation to the DAO-ACK (`join.radio` of lab-practice.md 1)
* `hops.routes`, `hops.depth_at`: parents and DODAG depth over time
* `roundtrip.round_trips`: ICMPv6 echo series
* `airtime.phy`, `airtime.airtime`: bit rate as seen on the air, seconds on the air per transmitter
* `transfers.transfers`, `transfers.links`: retransmissions, acknowledgement ratio per link
* `mesh.mesh`: DODAGs, ranks, parents, hop counts, loops and orphans over time
* `latency.passages`: one datagram over its hops, how long each took and each node kept it
* `coverage.coverage`: what share of all transmissions the capture holds, with an exact interval
* `merge.Air`, `clocks.clocks`: several sniffers made one stream on one clock
* `report.measure`: all of them at once, as `kenshin measure` prints them

Rule of all of them: derive what can be derived, say null where it cannot. A sniffer that missed a frame must never turn
into a wrong figure.

* `figures`: joins, hops, round trips, the mesh over time
* `sightings`: a capture boiled down
* `sniffers`: clocks, merging, coverage, links, air time
"""

__all__ = ["figures", "sightings", "sniffers"]
