"""The operator's side: head end, connection server, supplies.

* `backend`: what the server keeps, fills in, hands to the utilities, and cuts off
* `headend`: messages between server and mesh
* `power`: what an output feeds and measures
* `server_model`: the connection server, a stand-in
"""

__all__ = ["backend", "headend", "power", "server_model"]
