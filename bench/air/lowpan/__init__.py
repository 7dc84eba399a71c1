"""6LoWPAN, both directions: dispatches, header compression, fragments, routing headers.

* `contexts`: what both ends know and no frame holds
* `datagram`: MAC payload to IPv6, and back
* `fragment`: fragments (RFC 4944)
* `ghc`: generic header compression (RFC 7400)
* `hc1`: the first header compression
* `iphc`: IPHC and NHC (RFC 6282)
* `links`: what compression draws on, and what it leaves open
* `recoverable`: recoverable fragments (RFC 8931)
* `sixlorh`: routing headers (RFC 8138)
"""

__all__ = ["contexts", "datagram", "fragment", "ghc", "hc1", "iphc", "links", "recoverable", "sixlorh"]
