"""A router's PAN advertisements and configurations: trickle, and the answer to a solicitation.

A solicitation resets the trickle, as in FAN, so the answer comes within one minimum interval and not at once. An
advertisement of the same routing cost counts as consistent (suppression constant 1): a neighbour one ring closer must
not silence this router, or the terminals behind it would never hear of the PAN (the twin's reading of the rule).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import attrs

from bench.air.mac.frame import MacFrame
from bench.air.wisun import frames as wisun
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import Flash
from bench.twin.mesh.ip_layer import unicast_schedule
from bench.twin.mesh.mac_layer import MacLayer, Stamp
from bench.twin.mesh.plan import MeshPlan
from bench.twin.mesh.timers import SETTLED, JoinTimers
from bench.twin.mesh.trickle import Trickle


@attrs.frozen(slots=True)
class LfnConfig:
    """What a PC says in a PAN with LFNs: the LFN version, the LGTKs by their hashes, the LFN broadcast schedule."""

    version: int
    hashes: wisun.LgtkHash
    lbc: wisun.Lbc


@attrs.frozen(slots=True)
class PanConfig:
    """What a PC says: the PAN version, the GTKs by their hashes, the broadcast schedule. The border router makes it,
    all others pass it on."""

    version: int
    hashes: wisun.GtkHash
    bs: wisun.Bs
    lfn: LfnConfig | None = None

    def is_older_than(self, other: PanConfig) -> bool:
        """By PAN version, which wraps around at 16 bits."""
        return (self.version - other.version) & 0xFFFF >= 1 << 15


@attrs.frozen(slots=True)
class PanState:
    """What a PA says: size and routing cost, and the PAN's join metrics."""

    pan: wisun.Pan
    jm: wisun.Jm | None


class Advertiser:
    """``state()`` and ``config()`` give what PA and PC say at the moment; without a configuration no PC leaves."""

    def __init__(
        self,
        agenda: Agenda,
        rng: random.Random,
        mac: MacLayer,
        flash: Flash,
        plan: MeshPlan,
        timers: JoinTimers,
        state: Callable[[], PanState],
        config: Callable[[], PanConfig | None],
    ) -> None:
        self._mac, self._flash, self._plan = mac, flash, plan
        self._state, self._config = state, config
        low, high = timers.discovery_min_ns, SETTLED.advert_max_ns
        self._pa = Trickle(agenda, rng, low, high, self._send_pa, k=1)
        self._pc = Trickle(agenda, rng, low, high, self._send_pc, k=1)
        self._us = unicast_schedule(plan)

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
        if network_name == self._plan.network_name and pan_id == self._flash.pan_id:
            self._pc.reset()

    def new_config(self) -> None:
        """The configuration is another one than before."""
        self._pc.reset()

    def heard_pa(self, pan_id: int | None, pan: wisun.Pan) -> None:
        """A neighbour's PA."""
        if pan_id == self._flash.pan_id and pan.routing_cost == self._state().pan.routing_cost:
            self._pa.hear_consistent()

    def _send_pa(self) -> None:
        pan_id = self._flash.pan_id
        if pan_id is None:
            return

        def build(stamp: Stamp) -> MacFrame:
            state, name = self._state(), self._plan.network_name
            return wisun.pa(self._mac.eui64, pan_id, name, state.pan, us=self._us, jm=state.jm, ufsi=stamp.ufsi)

        self._mac.send(build, secured=False)

    def _send_pc(self) -> None:
        config, pan_id = self._config(), self._flash.pan_id
        if config is None or pan_id is None:
            return

        limited = config.lfn
        lfn = None if limited is None else (limited.lbc, wisun.LfnVersion(limited.version), limited.hashes)

        def build(stamp: Stamp) -> MacFrame:
            return wisun.pc(
                self._mac.eui64,
                pan_id,
                config.version,
                config.hashes,
                us=self._us,
                bs=config.bs,
                bt=stamp.bt,
                lfn=lfn,
                ufsi=stamp.ufsi,
            )

        self._mac.send(build, secured=True)
