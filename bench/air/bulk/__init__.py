"""The bulk decoder: what a table, an index or a sighting needs of each frame, on all cores.

It is held to `bench.air.frame` value by value on every capture; what it cannot read fast it hands over.

* `decoder`: packets to rows
* `lines`: a row as a line of the table
* `link`: the link header of a packet
* `packet`: compressed IPv6 in a row
* `payloads`: what a table and an index show of payloads
* `pipeline`: a file span by span on all cores, in order
* `pool`: work over pieces of a file on all cores
* `rows`: the rows
* `spans`: a file cut into pieces
* `table`: the whole table of a capture
"""

__all__ = ["decoder", "lines", "link", "packet", "payloads", "pipeline", "pool", "rows", "spans", "table"]
