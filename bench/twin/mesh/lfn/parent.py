"""What a smart meter does for LFNs: it answers their solicits, tells them the time, and stands for them in RPL.

An LFN registers its address by NS(EARO); the smart meter sends the DAO, with the address as an external target, and
answers by NA(EARO) when the root has acknowledged it (RFC 9010; facts: domain.md 5.6). What is registered is kept
without power, when each LFN listens is not: a frame for it waits until it was heard again.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from bench.air.ip import nd
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.mac.frame import MacFrame
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.air.wisun import lfn_frames
from bench.air.wisun.frames import WisunFrameType
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.mesh.advertiser import LfnConfig, PanConfig, PanState
from bench.twin.mesh.dodag import INSTANCE
from bench.twin.mesh.join import Joiner
from bench.twin.mesh.lfn.children import Children
from bench.twin.mesh.lfn.listening import Windows
from bench.twin.mesh.lfn.timing import ANNOUNCEMENTS, GUARD_NS, WINDOW_NS
from bench.twin.mesh.mac_layer import Heard, Stamp, Template
from bench.twin.mesh.station import HOP_LIMIT, Station
from bench.twin.mesh.timers import MS, SETTLED
from bench.twin.mesh.voice import Done
from bench.twin.terminal.network import JoinState

_LONGEST_UNITS = 254
_TAG = 0
"""Of the only channel plan."""


@attrs.define(slots=True)
class _Registered:
    """An address of an LFN: who has it, from where it asks, and how it asked last."""

    eui64: bytes
    link_local: bytes
    earo: nd.AddressRegistration
    until_ns: int


class LfnParent:
    """``state()`` is what the node's PA says; ``children`` says who listens when."""

    def __init__(
        self, node: Station, joiner: Joiner, children: Children, state: Callable[[], PanState], broadcast: Windows
    ) -> None:
        self._node, self._joiner, self._children, self._state = node, joiner, children, state
        self._agenda, self._broadcast = node.agenda, broadcast
        self._registered: dict[bytes, _Registered] = {}
        self._pending: dict[int, bytes] = {}
        self._tick: Call | None = None
        self._announce = 0

    # -- the node's own life ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """RAM is gone."""
        self._children.forget()
        self._pending.clear()
        self._silence()

    def on_state(self, state: JoinState) -> None:
        """The node's own join state."""
        if state is JoinState.OPERATIONAL:
            self._announce = ANNOUNCEMENTS
            self._tell(1)
        else:
            self._silence()

    def on_config(self, before: PanConfig | None) -> None:
        """The PAN's configuration is another one than before."""
        was, now = before.lfn if before is not None else None, self._config
        if now is not None and (was is None or was.version != now.version):
            self._announce = ANNOUNCEMENTS
            self._silence()
            self._tell(1)

    @property
    def _config(self) -> LfnConfig | None:
        return self._joiner.config.lfn if self._joiner.config is not None else None

    def _silence(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None

    # -- LPA, LPC, LTS ------------------------------------------------------------------------------------------------

    def on_frame(self, heard: Heard) -> None:
        """A solicit of an LFN. Raises `Malformed`."""
        name, config = wisun.element(heard.frame, wisun.NetName), self._config
        if name is None or name.name != self._node.plan.network_name or config is None:
            return
        if self._node.flash.lfn.gak is None or heard.src not in self._children:
            return
        if heard.kind == WisunFrameType.LPAS:
            self._on_lpas(heard, config)
        elif heard.kind == WisunFrameType.LPCS:
            self._children.send(heard.src, self._lpc(config, heard.src), secured=True)

    def _on_lpas(self, heard: Heard, config: LfnConfig) -> None:
        """Answer in one of the slots that it offers."""
        lnd, own = wisun.element(heard.frame, wisun.Lnd), self._joiner.config
        if lnd is None or own is None or not lnd.slots:
            return
        slot_ns = lnd.slot_time * MS
        delay_ns = lnd.delay * MS + self._node.rng.randrange(lnd.slots) * slot_ns
        template = self._lpa(heard.src, config.lbc, own.bs)

        def answer() -> None:
            if self._joiner.state is JoinState.OPERATIONAL:
                self._node.mac.send(template, secured=False, until_ns=self._agenda.now_ns + slot_ns)

        self._agenda.after(delay_ns, answer)

    def _lpa(self, lfn: bytes, lbc: wisun.Lbc, bs: wisun.Bs) -> Template:
        def build(stamp: Stamp) -> MacFrame:
            node, state = self._node, self._state()
            return lfn_frames.lpa(
                node.eui64,
                lfn,
                node.flash.pan_id or 0,
                node.plan.network_name,
                state.pan,
                bt=stamp.bt,
                lbt=self._children.lbt(stamp.at_ns),
                nr=wisun.Nr(wisun.Nr.ROUTER),
                flus=wisun.Flus(node.us.dwell_ms, _TAG),
                lbs=wisun.Lbs(lbc.interval_ms, bs.bsi, _TAG, lbc.sync_period),
                lto=next(iter(self._children.lto(lfn)), None),
                bs=bs,
                lcp=wisun.Lcp(_TAG, node.us.schedule),
                jm=state.jm,
                ufsi=stamp.ufsi,
            )

        return build

    def _lpc(self, config: LfnConfig, lfn: bytes | None) -> Template:
        def build(stamp: Stamp) -> MacFrame:
            node, version = self._node, wisun.LfnVersion(config.version)
            lbt, pan_id = self._children.lbt(stamp.at_ns), node.flash.pan_id or 0
            return lfn_frames.lpc(node.eui64, lfn, pan_id, version, config.hashes, lbt=lbt, ufsi=stamp.ufsi)

        return build

    def _lts(self, stamp: Stamp) -> MacFrame:
        lbt = self._children.lbt(stamp.at_ns)
        return lfn_frames.lts(self._node.eui64, bt=stamp.bt, lbt=lbt, ufsi=stamp.ufsi)

    def _tell(self, intervals: int) -> None:
        """Say the time to all LFNs in the broadcast window so many intervals on, while there are any."""
        if self._tick is not None or not self._living():
            return
        after_ns = (intervals - 1) * self._broadcast.interval_ns
        opens_ns = self._broadcast.next_ns(self._agenda.now_ns + after_ns + 1) + GUARD_NS
        self._tick = self._agenda.after(opens_ns - self._agenda.now_ns, self._tell_now)

    def _tell_now(self) -> None:
        """LTS; for some times after a change LPC in its place."""
        self._tick, config = None, self._config
        if config is None:
            return
        template = self._lpc(config, None) if self._announce else self._lts
        until_ns = self._agenda.now_ns + WINDOW_NS - 2 * GUARD_NS
        self._node.mac.send(template, secured=True, done=self._told, to_lfn=True, until_ns=until_ns)

    def _told(self, sent: bool) -> None:
        config = self._config
        if sent and self._announce:
            self._announce -= 1
        if config is not None:
            self._tell(config.lbc.sync_period if sent else 1)

    # -- registration -------------------------------------------------------------------------------------------------

    def _living(self) -> bool:
        now_ns = self._agenda.now_ns
        self._registered = {address: one for address, one in self._registered.items() if one.until_ns > now_ns}
        return bool(self._registered)

    def owns(self, address: bytes) -> bool:
        """An LFN of this node has that address."""
        return address in self._registered

    def deliver(self, packet: Packet, done: Done | None) -> bool:
        """Send a packet to an LFN of this node; False where its destination is none's."""
        found = self._registered.get(packet.dst)
        if found is None:
            return False
        if found.eui64 in self._children:
            self._node.ip.send(packet, found.eui64, done)
        elif done is not None:
            done(False)
        return True

    def on_ip(self, packet: Packet, neighbour: bytes) -> bool:
        """Whether a packet was about an LFN: a registration, or the root's answer to one."""
        match packet.upper:
            case nd.NeighborSolicitation(options=options):
                earo = next((o for o in options if isinstance(o, nd.AddressRegistration)), None)
                if earo is None or not earo.flags & earo.ROUTE:
                    return False
                if self._joiner.state is JoinState.OPERATIONAL and earo.owner == neighbour:
                    self._register(packet, packet.upper.target, earo)
                return True
            case rpl.DaoAck(sequence=sequence) if sequence in self._pending:
                if packet.upper.status < 128:
                    self._confirm(self._pending.pop(sequence))
                return True
        return False

    def _register(self, packet: Packet, address: bytes, earo: nd.AddressRegistration) -> None:
        until_ns = self._agenda.now_ns + earo.lifetime_min * 60 * NS_PER_S
        self._registered[address] = _Registered(earo.owner, packet.src, earo, until_ns)
        self._advertise(address, earo, self._node.timers.dao_tries)

    def _advertise(self, address: bytes, earo: nd.AddressRegistration, tries: int) -> None:
        """The DAO of an LFN, again until it is acknowledged."""
        found, parent, own = self._registered.get(address), self._joiner.parent, self._node.address
        if found is None or found.earo is not earo or parent is None or own is None or not tries:
            return
        sequence = self._joiner.dao_sequence()
        self._pending[sequence] = address
        units = min(earo.lifetime_min * 60 // SETTLED.lifetime_unit_s, _LONGEST_UNITS)
        transit = rpl.Transit(own, earo.tid, units, flags=rpl.Transit.EXTERNAL)
        dao = rpl.Dao(INSTANCE, sequence, options=(rpl.Target(address), transit))
        self._node.route(Packet(own, parent.dodag_id, dao, HOP_LIMIT))

        def again() -> None:
            if self._pending.pop(sequence, None) is not None:
                self._advertise(address, earo, tries - 1)

        self._agenda.after(self._node.timers.dao_ns, again)

    def _confirm(self, address: bytes) -> None:
        """The root has the route: NA(EARO), and from now on the time."""
        found = self._registered.get(address)
        if found is None:
            return
        advertisement = nd.NeighborAdvertisement(address, nd.ROUTER | nd.SOLICITED, (found.earo,))
        source = ipv6.link_local(self._node.eui64)
        self._node.ip.send(Packet(source, found.link_local, advertisement, 255), found.eui64)
        self._tell(1)
