"""Impersonator of a relay that takes the mesh away (`devices.switch.impersonator` is the box).

The twin has no RF switch: the smart meters go dark while the relay is closed, which is what an RF switch, or a relay in
the server's link, comes to for the terminals. A stand-in.
"""

from __future__ import annotations

from bench.ports import LabModel, Port
from devices.switch.impersonator import RelayImpersonator

MESH = "mesh"


class CutRelayImpersonator(RelayImpersonator):
    """A closed relay takes the mesh away."""

    def __init__(self, port: Port, model: LabModel) -> None:
        super().__init__(port)
        self._model = model

    def on_switch(self, closed: bool) -> None:
        self._model.switch(MESH, not closed)
