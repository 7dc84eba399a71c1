"""④ enhanced HAN: smart meter as PAN coordinator, terminals that scan, authenticate, relay and sleep.

Public and done so: active scan by enhanced beacon request and enhanced beacon, PANA (RFC 5191, relays RFC 6345) with
EAP-PSK (RFC 4764), 6LoWPAN, IPv6 with link-local addresses, UDP, ECHONET Lite frames on port 3610, sleeping devices
that fetch their frames by data request. Stand-ins, for enhanced HAN itself is not public (domain.md 0): the network key
and how it is handed out, forwarding by the mesh header of RFC 4944, who is a relay, the credential, what the ECHONET
Lite frame carries (arbitrary format with the stand-in application of `terminal.standin`).

* `coordinator`: the smart meter
* `terminal`: a terminal's radio
"""

__all__ = ["coordinator", "terminal"]
