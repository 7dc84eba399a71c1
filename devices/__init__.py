"""The devices of a bench: a folder a family, with labgrid resource, driver, and beside it the impersonator.

A driver speaks to a real device and to its impersonator alike; it never knows which. Impersonators import the ports
protocol of ``bench.ports`` and nothing of labgrid, so that the twin loads them by name at little cost; drivers never
import the twin. A family registers itself in its folder (``devices.family``), and ``devices.resources`` registers all
of them with labgrid for a rig file's ``imports:``. ``wires`` is what drivers share, and no family.

* `family`: families of devices, each registered once
* `resources`: all of them registered with labgrid
* `wires`: what drivers share
* `console`: the maintenance console
* `cut`: an outage by a relay
* `gate`: the operator's gate at the connection server
* `handy`: a handy terminal, read on site
* `key`: an installation key by a relay
* `mdms`: a utility's MDMS, which the bench plays
* `meter`: a meter's port
* `operator`: people, who are asked and confirm
* `panel`: installation key and indicator
* `remote`: labgrid's coordinator and exporter
* `server`: the connection server
* `sniffer`: sniffer streams
* `supply`: supplies and sources
"""

__all__ = [
    "console",
    "cut",
    "family",
    "gate",
    "handy",
    "key",
    "mdms",
    "meter",
    "operator",
    "panel",
    "remote",
    "resources",
    "server",
    "sniffer",
    "supply",
    "wires",
]
