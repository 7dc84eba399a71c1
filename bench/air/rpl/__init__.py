"""RPL control messages and their options, both directions.

* `dco`: destination cleanup (RFC 9009)
* `discovery`: the route discovery option (RFC 6997)
* `messages`: DIS, DIO, DAO and options (RFC 6550)
* `p2p`: discovery reply (RFC 6997)
* `secured`: secured messages
"""

__all__ = ["dco", "discovery", "messages", "p2p", "secured"]
