"""IEEE 802.15.4 on the MAC: frames of versions 0 to 2, information elements, commands, beacons, both directions.

* `beacon`: what a beacon says before its payload
* `command`: MAC commands
* `frame`: octets to `MacFrame` and back
* `header_ies`: header elements of low-energy receivers
* `ies`: elements as they stand in a frame
* `mlme`: the MLME payload element
* `mpx`: MPX: what carries 6LoWPAN and EAPOL
* `sixtop`: 6P (RFC 8480)
* `tsch`: TSCH elements
"""

__all__ = ["beacon", "command", "frame", "header_ies", "ies", "mlme", "mpx", "sixtop", "tsch"]
