"""All resources and drivers of the bench, for the one line ``imports: [devices.resources]`` of a rig file.

Importing loads the driver of every family, which registers it and its resource with labgrid (which is why impersonators
never import this module). Beside them stands the one resource that is no device: the twin's control channel.
"""

from __future__ import annotations

from typing import Final

import attr
from labgrid.factory import target_factory
from labgrid.resource import Resource

import devices.strategy
import devices.switch.driver
import devices.switch.gpio  # noqa: F401 -- no families: labgrid's strategy, a feed of the rig file, an output
from devices.family import families
from devices.remote.cures import cure

cure()
for family in families().values():
    family.load()


@target_factory.reg_resource
@attr.s(eq=False)
class TwinControl(Resource):  # type: ignore[misc]  # labgrid has no types
    """The twin's control channel, ``HOST:PORT``: who owns virtual time."""

    address: str = attr.ib(validator=attr.validators.instance_of(str))


RESOURCES: Final = [cls for cls in target_factory.resources.values() if not cls.__module__.startswith("labgrid.")]
"""The bench's own resource classes: what `devices.remote.exporter` knows."""
