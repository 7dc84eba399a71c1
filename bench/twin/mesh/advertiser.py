"""A router's PAN advertisements and configurations: trickle, and the answer to a solicitation.

A solicitation resets the trickle, as in FAN, so the answer comes within one minimum interval and not at once. An
advertisement of the same routing cost counts as consistent (suppression constant 1): a neighbour one ring closer must
not silence this router, or the terminals behind it would never hear of the PAN (the twin's reading of the rule).
"""

from __future__ import annotations

import random
from collections.abc import Callable

from bench.air import keys, wisun
from bench.air.mac import MacFrame
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.flash import Flash
from bench.twin.mesh.ip_layer import unicast_schedule
from bench.twin.mesh.mac_layer import MacLayer, Stamp
from bench.twin.mesh.plan import MeshPlan
from bench.twin.mesh.timers import SETTLED, JoinTimers
from bench.twin.mesh.trickle import Trickle

PAN_VERSION = 1


class Advertiser:
    """``pan()`` gives PAN size and routing cost of the moment; ``pan_in_pc``: the border router's PC repeats them."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        mac: MacLayer,
        flash: Flash,
        plan: MeshPlan,
        timers: JoinTimers,
        pan: Callable[[], wisun.Pan],
        *,
        pan_in_pc: bool = False,
    ) -> None:
        self._mac, self._flash, self._plan, self._pan = mac, flash, plan, pan
        self._pan_in_pc = pan_in_pc
        low, high = timers.discovery_min_ns, SETTLED.advert_max_ns
        self._pa = Trickle(agenda, rng, low, high, self._send_pa, k=1)
        self._pc = Trickle(agenda, rng, low, high, self._send_pc, k=1)
        self._us = unicast_schedule(plan)
        self._bs = wisun.Bs(bsi=plan.pan_id ^ 0x5A5A, schedule=self._us.schedule)

    def start(self, *, settled: bool) -> None:
        """Advertise from now: in the short phase, or (settled) as if it had been up for long."""
        for trickle in (self._pa, self._pc):
            if settled:
                trickle.start_settled()
            else:
                trickle.start()

    def stop(self) -> None:
        self._pa.stop()
        self._pc.stop()

    def solicited_pa(self, network_name: str) -> None:
        """A PAS was heard."""
        if network_name == self._plan.network_name:
            self._pa.reset()

    def solicited_pc(self, network_name: str, pan_id: int | None) -> None:
        """A PCS was heard."""
        if network_name == self._plan.network_name and pan_id == self._plan.pan_id:
            self._pc.reset()

    def heard_pa(self, pan_id: int | None, pan: wisun.Pan) -> None:
        """A neighbour's PA."""
        if pan_id == self._plan.pan_id and pan.routing_cost == self._pan().routing_cost:
            self._pa.hear_consistent()

    def _send_pa(self) -> None:
        def build(stamp: Stamp) -> MacFrame:
            plan = self._plan
            return wisun.pa(self._mac.eui64, plan.pan_id, plan.network_name, self._pan(), us=self._us, ufsi=stamp.ufsi)

        self._mac.send(build, secured=False)

    def _send_pc(self) -> None:
        if self._flash.gtk is None:
            return
        hashes = wisun.GtkHash((keys.gtk_hash(self._flash.gtk), bytes(8), bytes(8), bytes(8)))

        def build(stamp: Stamp) -> MacFrame:
            return wisun.pc(
                self._mac.eui64,
                self._plan.pan_id,
                PAN_VERSION,
                hashes,
                us=self._us,
                bs=self._bs,
                bt=stamp.bt,
                pan=self._pan() if self._pan_in_pc else None,
                ufsi=stamp.ufsi,
            )

        self._mac.send(build, secured=True)
