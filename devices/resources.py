"""All resources and drivers of the bench, for the one line ``imports: [devices.resources]`` of a rig file.

Importing registers the classes with labgrid (which is why impersonators never import this module).
"""

from __future__ import annotations

import attr
from labgrid.factory import target_factory
from labgrid.resource import Resource

from devices.console.driver import ConsoleDriver
from devices.meter.driver import MeterDriver
from devices.panel.driver import PanelDriver
from devices.scpi.driver import ScpiSocket, ScpiSupplyDriver
from devices.server.driver import ConnectionServer, ConnectionServerDriver
from devices.sniffer.driver import PcapngStreamSniffer, SnifferDriver


@target_factory.reg_resource
@attr.s(eq=False)
class TwinControl(Resource):  # type: ignore[misc]  # labgrid has no types
    """The twin's control channel, ``HOST:PORT``: who owns virtual time."""

    address: str = attr.ib(validator=attr.validators.instance_of(str))


__all__ = [
    "ConnectionServer",
    "ConnectionServerDriver",
    "ConsoleDriver",
    "MeterDriver",
    "PanelDriver",
    "PcapngStreamSniffer",
    "ScpiSocket",
    "ScpiSupplyDriver",
    "SnifferDriver",
    "TwinControl",
]
