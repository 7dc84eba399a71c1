"""Capture files and live streams to records of PSDU octets, and back.

* `capture`: pcap and pcapng, plain or gzip
* `fcs`: captures of which no FCS is right
* `follow`: captures that grow: file, pipe, TCP, ZEP
* `link`: what a link type means: `Record`
* `marked`: a capture written out again, with marks as comments
* `pcapng`: pcapng blocks, both ways
* `tap`: all that a TAP header can say
* `zep`: ZEP v1 and v2
"""

__all__ = ["capture", "fcs", "follow", "link", "marked", "pcapng", "tap", "zep"]
