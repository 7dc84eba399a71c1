"""The simulated Wi-SUN FAN 1.1 mesh: real frame bytes from simulated nodes behind ``bench.twin.terminal.network``.

``build`` makes a mesh that is already up: border router and smart meters joined, routes in place; terminals dark until
``power_on``. Everything on the air is bytes that a sniffer could have caught: IEs, AES-CCM* under the GAK, EAPOL over
MPX, 6LoWPAN, RPL. Nodes learn nothing from one another except through those bytes.

    kernel      medium (air, links, loss, sniffers)
                   |  OnAir: octets
                mac_layer (CSMA, ACK, retries, CCM*, replay)      tuning (one channel, or hopping)
                   |  Heard: MacFrame in clear
                station -- ip_layer (6LoWPAN, fragments) -- border_router | member (Meter, Terminal)
                   |                                          rotation         join, steps
                   |  eapol: keys, handshakes                 advertiser, dodag (routers)

Frames hold the elements of a real border router's and routers' without LFN support (capture ``rigline2``), or with it
(``line2``) where the plan has an LGTK; schedules by domain and class, which FAN 1.0 stacks read, too. Deviations and
choices, all of them the twin's own: settled timers in long phases (``timers.Settled``); EAP-TLS content is a stand-in
(``eapol.tls_standin``); a registration is confirmed by the MAC acknowledgement, as the real stacks of the captures do,
though an NA follows; terminals are leaves: FFNs that listen always, their sleep modelled above the radio, or LFNs
(`lfn`), which sleep.

What the other radio methods build on (`bench.twin.radio`):

* `agenda`: a node's own view of the kernel
* `border_router`: the concentrator's node
* `interference`: others on the air
* `medium`: the air of one channel
* `member`: smart meters, and FAN terminals
* `plan`: what the mesh needs of a topology
* `timers`: durations of the MAC and of joining
"""

from __future__ import annotations

from bench.twin.mesh.medium import CaptureSink
from bench.twin.mesh.mesh import Mesh, build
from bench.twin.mesh.plan import LinkPlan, MeshPlan, NodePlan, Role, SnifferPlan, plan_of

__all__ = [
    "CaptureSink",
    "LinkPlan",
    "Mesh",
    "MeshPlan",
    "NodePlan",
    "Role",
    "SnifferPlan",
    "agenda",
    "border_router",
    "build",
    "interference",
    "medium",
    "member",
    "plan",
    "plan_of",
    "timers",
]
