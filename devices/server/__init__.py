"""The connection server (接続サーバ) as the bench sees it, in the role of the MDMS.

Every adapter is a `protocol.ServerDriver`; ``driver`` speaks to it over HTTP or HTTPS, by event stream or by asking,
``impersonator`` is the same interface served over a model; ``drop`` is a server that is known by its log alone, a file
a day, and ``dropped`` its side. The interface is a stand-in: no public document defines the one between connection
server and MDMS. docs/guides/server.md makes an adapter of an operator's own.

* `events`: what may stand in an event, and what is odd
* `impersonator`: the server's side
* `line`: where a server is, and by which papers it and the bench know each other
* `log`: a server's log as files
* `protocol`: what every adapter does
* `stream`: a server's event stream as a channel of the pump
"""

from devices.family import Family, Place

__all__ = ["FAMILY", "events", "impersonator", "line", "log", "protocol", "stream"]

FAMILY = Family(
    "server",
    driver="devices.server.protocol:ServerDriver",
    makes=("devices.server.driver:ConnectionServerDriver", "devices.server.drop:FileDropDriver"),
    place=Place.RIG,
    required=True,
    essential=True,
    shared=True,
)
