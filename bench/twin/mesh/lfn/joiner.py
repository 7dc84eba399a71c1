"""Joining as an LFN, and staying: LPAS and LPA, EAPOL, LPCS and LPC, then an address and its registration.

It solicits by trickle, listens in the discovery slots that it offered, and takes the best of who answered (domain.md
5.4 has the rule). With keys in flash it reconnects: LPAS at once, and no authentication. While it joins it listens each
second; its first word once it is in says how often it listens from then on.

An LFN cannot hear that its parent is gone. It expects the parent's time once a sync period, asks it by NS when that
does not come (the twin's own choice), and gives it up after some periods, or when nothing is acknowledged any more.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import Eapol
from bench.air.mac.frame import MacFrame
from bench.air.wisun import frames as wisun
from bench.air.wisun import lfn_frames
from bench.air.wisun.frames import WisunFrameType
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.mesh.eapol.supplicant import Supplicant
from bench.twin.mesh.lfn import timing
from bench.twin.mesh.lfn.listening import Listening, Windows
from bench.twin.mesh.mac_layer import Heard, Stamp
from bench.twin.mesh.neighbours import Advert, choose
from bench.twin.mesh.station import HOP_LIMIT, Station
from bench.twin.mesh.steps import JoinSteps
from bench.twin.mesh.timers import MINUTE, MS, SETTLED
from bench.twin.mesh.trickle import Trickle
from bench.twin.terminal.network import JoinState

EARO_FLAGS = nd.AddressRegistration.ROUTE | nd.AddressRegistration.COUNTED
TRIES = 5
"""LPCS, DHCPv6 solicits and registrations before discovery starts over."""
_PLAN_TAG = 0
"""Of the channel plan that LPAS tells."""


@attrs.frozen(slots=True)
class _Offer:
    """What an LPA says besides: when its sender tells the time, and how often at least."""

    broadcast: Windows
    sync_ns: int


class LfnJoiner(JoinSteps):
    """The joining machine of one LFN, which listens each ``interval_ns`` once it is in; ``on_state`` is called at each
    change of state."""

    def __init__(
        self, node: Station, listening: Listening, interval_ns: int, on_state: Callable[[JoinState], None]
    ) -> None:
        super().__init__(node, on_state)
        self._listening, self._interval_ns = listening, interval_ns
        self._supplicant = Supplicant(
            self._agenda,
            self._rng,
            node.eui64,
            self._timers,
            node.flash,
            self._send_eapol,
            self._keys_given,
            self._not_authenticated,
            limited=True,
        )
        low = self._timers.discovery_min_ns
        self._lpas = Trickle(self._agenda, self._rng, low, max(low, timing.ISOLATED_MAX_NS), self._discover)
        self._tid = 0
        self._clear()

    def _clear(self) -> None:
        super()._clear()
        self.parent: bytes | None = None
        """EUI-64; the one of choice from discovery on."""
        self._offers: dict[bytes, _Offer] = {}
        self._sync: Call | None = None
        self._window: Call | None = None
        self._missed = 0

    # -- control ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Discover: cold without keys, else by reconnection."""
        self._stop_timers()
        self._clear()
        self._node.address = None
        self._listening.restart()
        self._enter(JoinState.SELECT_PAN)
        self._linger(JoinState.SELECT_PAN, self._look_for_pan)

    @property
    def _chosen(self) -> bytes | None:
        return self.parent

    def _stop_timers(self) -> None:
        self._lpas.stop()
        self._supplicant.stop()
        for call in (self._step, self._sync, self._window):
            if call is not None:
                call.cancel()

    # -- JS1 select PAN -----------------------------------------------------------------------------------------------

    def _look_for_pan(self) -> None:
        self._lpas.start()
        if self._has_keys:
            self._next(self._rng.randrange(NS_PER_S // 2), self._discover)

    def _discover(self) -> None:
        """LPAS, and the slots for its answers."""
        node, heard = self._node, self._listening
        self._adverts.clear()
        self._offers.clear()

        def build(stamp: Stamp) -> MacFrame:
            return lfn_frames.lpas(
                node.eui64,
                node.plan.network_name,
                lutt=heard.lutt(WisunFrameType.LPAS, stamp.at_ns),
                lus=wisun.Lus(heard.lus.listen_interval_ms, _PLAN_TAG),
                nr=wisun.Nr(wisun.Nr.LFN, listen_min=timing.LEAST_MS, listen_max=self._most_ms),
                lnd=wisun.Lnd(timing.RESPONSE_THRESHOLD_DB, timing.RESPONSE_DELAY_MS, timing.SLOT_MS, timing.SLOTS, 0),
                lcp=wisun.Lcp(_PLAN_TAG, node.us.schedule),
            )

        node.mac.send(build, secured=False, done=self._solicited)

    @property
    def _most_ms(self) -> int:
        return max(timing.MOST_MS, self._interval_ns // MS)

    def _solicited(self, sent: bool) -> None:
        if not sent or self.state is not JoinState.SELECT_PAN:
            return
        now_ns = self._agenda.now_ns
        until_ns = now_ns + (timing.RESPONSE_DELAY_MS + (timing.SLOTS + 1) * timing.SLOT_MS) * MS
        self._listening.listen(now_ns, until_ns)
        if self._window is not None:
            self._window.cancel()
        self._window = self._agenda.after(until_ns - now_ns, self._choose)

    def on_lpa(self, heard: Heard) -> None:
        """An answer to our LPAS; with keys, those of their PAN alone count. Raises `Malformed`."""
        frame = heard.frame
        pan, pan_id = wisun.element(frame, wisun.Pan), wisun.element(frame, wisun.PanId)
        name, lbs = wisun.element(frame, wisun.NetName), wisun.element(frame, wisun.Lbs)
        lbt = wisun.element(frame, wisun.Lbt)
        if self.state is not JoinState.SELECT_PAN or pan is None or pan_id is None or lbs is None or lbt is None:
            return
        if name is None or name.name != self._node.plan.network_name or not lbs.interval_ms:
            return
        if self._has_keys and pan_id.pan_id != self._node.flash.pan_id:
            return
        jm = wisun.element(frame, wisun.Jm)
        self._adverts[heard.src] = Advert.of(pan_id.pan_id, pan, jm, heard.rssi_dbm)
        broadcast = Windows(heard.start_ns - lbt.offset * MS, lbs.interval_ms * MS)
        self._offers[heard.src] = _Offer(broadcast, lbs.interval_ms * MS * max(1, lbs.sync_period))

    def _choose(self) -> None:
        self._window = None
        if not self._adverts or self.state is not JoinState.SELECT_PAN:
            return
        self._lpas.stop()
        self._adverts, self.parent = choose(self._adverts)
        self._listening.broadcast = self._offers[self.parent].broadcast
        if self._has_keys:
            self._acquire()
        else:
            self._enter(JoinState.AUTHENTICATE)
            self._linger(JoinState.AUTHENTICATE, self._supplicant.start)

    # -- JS2 authenticate ---------------------------------------------------------------------------------------------

    def _send_eapol(self, kmp: int, pdu: bytes) -> None:
        if self.parent is not None:
            self._node.send_eapol(self.parent, kmp, pdu)

    def on_eapol(self, src: bytes, pdu: Eapol, authenticator: bytes | None) -> None:
        """EAPOL from the parent of choice."""
        if src == self.parent:
            self._supplicant.receive(pdu, authenticator)

    # -- JS3 acquire configuration ------------------------------------------------------------------------------------

    def _acquire(self) -> None:
        self._enter(JoinState.ACQUIRE_CONFIG)
        self._tries = TRIES
        self._linger(JoinState.ACQUIRE_CONFIG, self._ask_config)

    def _ask_config(self) -> None:
        self._stale = self._tries == 0  # the keys in flash opened no LPC: they are to be asked for again
        if self.parent is None or not self._try_again(timing.CONFIG_RETRY_NS, self._ask_config):
            return
        node, parent, listening = self._node, self.parent, self._listening

        def build(stamp: Stamp) -> MacFrame:
            lutt = listening.lutt(WisunFrameType.LPCS, stamp.at_ns)
            return lfn_frames.lpcs(node.eui64, parent, node.plan.network_name, lutt=lutt, lus=listening.lus)

        node.mac.send(build, secured=False)

    def on_lpc(self, heard: Heard) -> None:
        """The parent's LPC under one of our keys: a key that it does not list is withdrawn, one that we lack is asked
        for. Raises `Malformed`."""
        hashes, flash = wisun.element(heard.frame, wisun.LgtkHash), self._node.flash
        if hashes is None or heard.src != self.parent:
            return
        lacking = flash.follow(hashes.hashes)
        if not flash.gtks:
            flash.forget_keys()
            self.begin()
            return
        flash.use(hashes.active)
        if self.state is JoinState.ACQUIRE_CONFIG and self._tries < TRIES:
            self._configured()
        elif self.state is JoinState.OPERATIONAL:
            self.on_time(heard)
            if lacking and not self._supplicant.busy:
                self._supplicant.start(flash.held, SETTLED.gtk_request_max_ns)
            if heard.frame.dst is None:  # something is new: the parent may have forgotten when this node listens
                self._renew()

    # -- JS4 address and registration ---------------------------------------------------------------------------------

    def _configured(self) -> None:
        self._enter(JoinState.CONFIGURE_ROUTING)
        self._tries = TRIES
        wait_ns = self._rng.randrange(self._timers.solicit_max_ns + 1)
        self._linger(JoinState.CONFIGURE_ROUTING, lambda: self._next(wait_ns, self._solicit_address))

    def _solicit_address(self) -> None:
        if self.parent is None:
            return
        if not self._try_again(max(self._timers.solicit_max_ns, self._timers.dao_ns), self._solicit_address):
            return
        message = dhcpv6.solicit(self._rng.randrange(2**24), self._node.eui64)
        udp = Udp(dhcpv6.CLIENT_PORT, dhcpv6.SERVER_PORT, dhcpv6.build(message))
        self._to_parent(Packet(ipv6.link_local(self._node.eui64), ipv6.link_local(self.parent), udp, HOP_LIMIT))

    def on_dhcp(self, message: dhcpv6.Message | dhcpv6.Relay) -> None:
        """The answer to our solicit."""
        address = dhcpv6.leased(message)
        if self.state is JoinState.CONFIGURE_ROUTING and address is not None and self._node.address is None:
            self._node.address = address
            self._tries = TRIES
            self._ask_registration()

    def _ask_registration(self) -> None:
        if self._try_again(timing.REGISTER_RETRY_NS, self._ask_registration):
            self._register()

    def _register(self) -> None:
        """NS with EARO for the global address, from the link-local one (RFC 8505, 5.6)."""
        if self.parent is None or self._node.address is None:
            return
        own = self._node.eui64
        self._tid = self._tid + 1 & 0xFF
        earo = nd.AddressRegistration(own, timing.REGISTRATION_MIN, flags=EARO_FLAGS, tid=self._tid)
        options = (nd.LinkLayerAddress(nd.LinkLayerAddress.SOURCE, own), earo)
        asked = nd.NeighborSolicitation(self._node.address, options)
        self._to_parent(Packet(ipv6.link_local(own), ipv6.link_local(self.parent), asked, 255))

    def _to_parent(self, packet: Packet) -> None:
        self._node.ip.send(packet, self.parent, self.parent_result)

    def on_advertisement(self, advertisement: nd.NeighborAdvertisement) -> None:
        """The root knows the way to us."""
        taken = (o for o in advertisement.options if isinstance(o, nd.AddressRegistration))
        if not any(o.owner == self._node.eui64 and o.tid == self._tid and not o.status for o in taken):
            return
        if self.state is JoinState.CONFIGURE_ROUTING:
            self._linger(JoinState.OPERATIONAL, self._join_ended)
        elif self.state is JoinState.OPERATIONAL:
            self._renew_later()

    def _join_ended(self) -> None:
        self._listening.want(self._interval_ns)
        self._renew_later()
        self._expect_time()
        self._enter(JoinState.OPERATIONAL)

    # -- JS5 operational ----------------------------------------------------------------------------------------------

    def _renew_later(self) -> None:
        period_ns = timing.REGISTRATION_MIN * MINUTE * 9 // 10
        self._next(period_ns - self._rng.randrange(period_ns // 10), self._renew)

    def _renew(self) -> None:
        """Register again; what is not confirmed is asked for again."""
        self._register()
        self._next(MINUTE + 2 * self._interval_ns, self._renew)

    def on_time(self, heard: Heard) -> None:
        """The parent's time came."""
        if heard.src == self.parent and self.state is JoinState.OPERATIONAL:
            self._missed = 0
            self._expect_time()

    def _expect_time(self) -> None:
        if self._sync is not None:
            self._sync.cancel()
        offer = self._offers.get(self.parent or b"")
        if offer is not None:
            self._sync = self._agenda.after(offer.sync_ns + 2 * offer.broadcast.interval_ns, self._time_missed)

    def _time_missed(self) -> None:
        self._missed += 1
        if self._missed >= timing.PARENT_LOST_SYNCS:
            self.begin()
            return
        self._expect_time()
        self._register()

    def on_timing(self, heard: Heard) -> None:
        """A frame of the parent: its broadcast time, and the windows that it asks for. Raises `Malformed`."""
        if heard.src != self.parent or heard.frame.dst is None:
            return
        lbt, lto = wisun.element(heard.frame, wisun.Lbt), wisun.element(heard.frame, wisun.Lto)
        offer = self._offers.get(heard.src)
        if lbt is not None and offer is not None:
            self._listening.broadcast = Windows(heard.start_ns - lbt.offset * MS, offer.broadcast.interval_ns)
        if lto is None or self.state is not JoinState.OPERATIONAL:
            return
        if timing.LEAST_MS <= lto.listening_interval <= self._most_ms:
            self._listening.want(lto.listening_interval * MS, lto.offset * MS)

    def parent_result(self, success: bool) -> None:
        """What became of a unicast to the parent. A failure brings the next NS forward; a few of them: lost."""
        if success:
            self._failures = 0
            return
        if self.parent is None or self.state < JoinState.CONFIGURE_ROUTING:
            return
        self._failures += 1
        if self._failures >= SETTLED.lost_after:
            self.begin()
        elif self.state is JoinState.OPERATIONAL:
            self._next(SETTLED.probe_ns, self._renew)
