"""The simulated Wi-SUN FAN 1.1 mesh: real frame bytes from simulated nodes behind ``bench.twin.network``.

``build`` makes a mesh that is already up: border router and smart meters joined, routes in place; terminals dark until
``power_on``. Everything on the air is bytes that a sniffer could have caught: IEs, AES-CCM* under the GAK, EAPOL over
MPX, 6LoWPAN, RPL. Nodes learn nothing from one another except through those bytes.
"""

from __future__ import annotations

from bench.twin.mesh.medium import CaptureSink
from bench.twin.mesh.mesh import Mesh, build
from bench.twin.mesh.plan import LinkPlan, MeshPlan, NodePlan, Role, SnifferPlan, plan_of

__all__ = ["CaptureSink", "LinkPlan", "Mesh", "MeshPlan", "NodePlan", "Role", "SnifferPlan", "build", "plan_of"]
