"""What UDP carries in FAN and HAN: one module a protocol, and one table of ports.

* `coap`: CoAP (RFC 7252)
* `echonet`: ECHONET Lite frames
* `echonet_classes`: its objects and properties of a meter's world
* `echonet_values`: what a property's data mean
* `pana`: PANA (RFC 5191)
* `pana_keys`: the keys of its sessions
* `ports`: which protocol a port carries
* `u_bus_standin`: what the twin sends in place of U-bus Air's own layers
"""

__all__ = ["coap", "echonet", "echonet_classes", "echonet_values", "pana", "pana_keys", "ports", "u_bus_standin"]
