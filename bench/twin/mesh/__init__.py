"""The simulated Wi-SUN FAN 1.1 mesh: real frame bytes from simulated nodes behind ``bench.twin.network``.

``build`` makes a mesh that is already up: border router and smart meters joined, routes in place; terminals dark until
``power_on``. Everything on the air is bytes that a sniffer could have caught: IEs, AES-CCM* under the GAK, EAPOL over
MPX, 6LoWPAN, RPL. Nodes learn nothing from one another except through those bytes.

    kernel      medium (air, links, loss, sniffers)
                   |  OnAir: octets
                mac_layer (CSMA, ACK, retries, CCM*, replay)      flash (keys, counters)
                   |  Heard: MacFrame in clear
                station -- ip_layer (6LoWPAN, fragments) -- border_router | member (Meter, Terminal)
                                                              authenticator    join, supplicant
                                                              advertiser, dodag (routers)

Deviations and choices, all of them the twin's own: one fixed channel instead of hopping; settled timers in long phases
(``timers.Settled``); EAP-TLS content is a stand-in (``tls_standin``); no LFN, no group key handshake (there is no
LGTK to give), no NA (the MAC acknowledgement confirms a registration, as the real stacks of the captures do); routers
send no JM-IE and no LBC-IE, which analysers do not know; terminals are always-listening leaves (FFN), their sleep is
modelled above the radio.
"""

from __future__ import annotations

from bench.twin.mesh.medium import CaptureSink
from bench.twin.mesh.mesh import Mesh, build
from bench.twin.mesh.plan import LinkPlan, MeshPlan, NodePlan, Role, SnifferPlan, plan_of

__all__ = ["CaptureSink", "LinkPlan", "Mesh", "MeshPlan", "NodePlan", "Role", "SnifferPlan", "build", "plan_of"]
