"""What sniffers heard and missed: clocks against each other, one air of several, coverage, links, air time.

* `airtime`: how long frames and senders are on the air
* `clocks`: offset and drift of one clock against another's
* `coverage`: the share of transmissions that a capture holds
* `merge`: several sniffers made one stream
* `transfers`: retransmissions and links
"""

__all__ = ["airtime", "clocks", "coverage", "merge", "transfers"]
