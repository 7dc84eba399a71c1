"""Driver of a relay that makes an outage (`devices.family.CutsMesh`).

- HIDRelayDriver: {name: relay.rf, ...}
- CutDriver: {name: cut.rf, bindings: {output: relay.rf}, outage: RF shading, closed_cuts: true}
                                                      options: bench: cut: cut.rf     (and no mains)
"""

from __future__ import annotations

import attr
from labgrid.factory import target_factory

from devices.supply.supply import Safe
from devices.switch.held import HeldRelay


@target_factory.reg_driver
@attr.s(eq=False)
class CutDriver(HeldRelay):
    """Takes the mesh away and gives it back; each switching is read back, and every way out gives it back, that of the
    watchdog of a killed bench included.

    ``outage``: its kind, as a report names it (``RF shading``, ``server link``). ``closed_cuts``: a closed relay takes
    the mesh away (else an open one does, as of a relay that the link runs through). Opening the rig switches nothing.
    """

    outage: str = attr.ib(validator=attr.validators.instance_of(str))
    closed_cuts: bool = attr.ib(default=True, validator=attr.validators.instance_of(bool))

    @property
    def safe(self) -> Safe:
        return Safe.OFF if self.closed_cuts else Safe.HOLD

    def cut_mesh(self, cut: bool) -> None:
        """Take the mesh away, or give it back. ``BenchError`` where the relay does not obey."""
        self.clock.pump.exchange(self.port)
        self.bare().switch(1, cut is self.closed_cuts)
