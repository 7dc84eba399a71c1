"""IPv6 and what it carries in the mesh, both directions.

* `dhcpv6`: DHCPv6 (RFC 8415)
* `duplicate_address`: duplicate address messages
* `extensions`: extension headers: RPI, MPL, source route
* `icmpv6`: ICMPv6, by type
* `nd`: neighbour discovery with 6LoWPAN's options
* `packet`: header, extension headers, upper layer, checksums
* `reassembly`: fragments of IPv6
* `udp`: UDP
"""

__all__ = ["dhcpv6", "duplicate_address", "extensions", "icmpv6", "nd", "packet", "reassembly", "udp"]
