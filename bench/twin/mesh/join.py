"""Joining a PAN, state by state, and staying in it (domain.md 5.4).

JS1 select PAN (PAS by trickle, PA) -> JS2 authenticate (EAPOL) -> JS3 acquire configuration (PCS by trickle, PC) ->
JS4 configure routing (DIS, DIO, DHCPv6, NS with EARO, DAO) -> JS5 operational (the DAO-ACK). With keys in flash a node
reconnects: PAS and PCS leave at once and JS2 is skipped. A node that lost its parent does the same, in intervals that
double up to 30 minutes, and moves on as soon as it hears its PAN again; so it comes back soon after its parent does.

As on the air of real stacks, a registration is confirmed by the acknowledgement of the NS; that the twin's routers
answer it by an NA, too, is for stacks that wait for one.

A node that its keys open nothing with any more (the GTK was exchanged while it was away) authenticates anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import Eapol
from bench.air.keys.table import GroupKey
from bench.air.mac.frame import MacFrame
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.twin.core.kernel import Call
from bench.twin.mesh.advertiser import PanConfig, PanState
from bench.twin.mesh.dodag import INFINITE_RANK, INSTANCE, MIN_HOP_RANK_INCREASE
from bench.twin.mesh.eapol.supplicant import Supplicant
from bench.twin.mesh.mac_layer import Heard, Stamp
from bench.twin.mesh.neighbours import Advert, Candidates, Parent, choose
from bench.twin.mesh.station import HOP_LIMIT, Station
from bench.twin.mesh.steps import JoinSteps
from bench.twin.mesh.timers import MINUTE, SETTLED
from bench.twin.mesh.trickle import Trickle
from bench.twin.terminal.network import JoinState

CONFIG_FRESH_NS = MINUTE
SOLICIT_TRIES = 5
"""PCS, DIS and DHCPv6 solicits before discovery starts over (PCS_MAX 5)."""


class Joiner(JoinSteps):
    """The joining machine of one node.

    ``on_state`` is called at each change of state, ``on_lost`` when the parent is lost, before discovery begins,
    ``on_moved`` when another one took its place.
    """

    def __init__(
        self,
        station: Station,
        on_state: Callable[[JoinState], None],
        on_lost: Callable[[], None],
        on_moved: Callable[[], None],
    ) -> None:
        super().__init__(station, on_state)
        self._on_lost, self._on_moved = on_lost, on_moved
        self._takes_lgtks = station.plan.lfn is not None and station.routes_for_others
        self._supplicant = Supplicant(
            self._agenda,
            self._rng,
            station.eui64,
            self._timers,
            station.flash,
            self._send_eapol,
            self._keys_given,
            self._not_authenticated,
            given_lfn=self._lgtks_given if self._takes_lgtks else None,
        )
        low = self._timers.discovery_min_ns
        self._pas = Trickle(self._agenda, self._rng, low, SETTLED.isolated_max_ns, self._discover, k=1)
        self._pcs = Trickle(self._agenda, self._rng, low, self._timers.discovery_max_ns, self._ask_config)
        self._sequence = self._rng.randrange(128, 256)  # lollipop counter: the values after a reboot (RFC 6550 7.2)
        self._clear()

    def _clear(self) -> None:
        super()._clear()
        self.parent: Parent | None = None
        self.config: PanConfig | None = None
        """What the last PC said."""
        self._configured_ns: int | None = None
        self._target: bytes | None = None
        self.candidates = Candidates()
        self._refresh: Call | None = None
        self._pending_dao: int | None = None

    # -- control ------------------------------------------------------------------------------------------------------

    @property
    def _chosen(self) -> bytes | None:
        return self._target

    @property
    def rank(self) -> int | None:
        """This node's rank; one expected transmission a hop."""
        return self.parent.rank + MIN_HOP_RANK_INCREASE if self.parent is not None else None

    def begin(self) -> None:
        """Discover: cold without keys, else by reconnection."""
        self._stop_timers()
        self._clear()
        self._node.address = None
        self._enter(JoinState.SELECT_PAN)
        self._linger(JoinState.SELECT_PAN, self._look_for_pan)

    def _look_for_pan(self) -> None:
        self._pas.start()
        if self._has_keys:
            self._agenda.after(self._rng.randrange(500_000_000), self._reconnect)

    def assume(self, parent: Parent, address: bytes, config: PanConfig) -> None:
        """Start as a node that joined long ago, its refresh timers at random phases."""
        self._clear()
        self.parent, self._node.address, self.config = parent, address, config
        self.state = JoinState.OPERATIONAL
        self._step = self._agenda.after(self._rng.randrange(SETTLED.registration_ns), self._register)
        self._refresh = self._agenda.after(self._rng.randrange(SETTLED.dao_ns), self._refresh_dao)

    def _stop_timers(self) -> None:
        self._pas.stop()
        self._pcs.stop()
        self._supplicant.stop()
        for call in (self._step, self._refresh):
            if call is not None:
                call.cancel()

    def _spread(self, period_ns: int) -> int:
        """A refresh period, up to a tenth shorter, so that nodes do not fall into step."""
        return period_ns - self._rng.randrange(period_ns // 10)

    # -- JS1 select PAN -----------------------------------------------------------------------------------------------

    def _discover(self) -> None:
        self._send_pas()
        if self._has_keys:
            self._send_pcs()

    def _reconnect(self) -> None:
        if self.state is JoinState.SELECT_PAN:
            self._discover()

    def _send_pas(self) -> None:
        node = self._node

        def build(stamp: Stamp) -> MacFrame:
            return wisun.pas(node.eui64, node.plan.network_name, us=node.us, ufsi=stamp.ufsi)

        node.mac.send(build, secured=False)

    def _send_pcs(self) -> None:
        node, pan_id = self._node, self._node.flash.pan_id
        if pan_id is None:
            return

        def build(stamp: Stamp) -> MacFrame:
            return wisun.pcs(node.eui64, pan_id, node.plan.network_name, us=node.us, ufsi=stamp.ufsi)

        node.mac.send(build, secured=False)

    def heard_pas(self) -> None:
        """Somebody else asks for the same network."""
        self._pas.hear_consistent()

    def on_pa(self, heard: Heard, state: PanState) -> None:
        """A PA of our network: choose when the PAS interval ends, or the profile's wait has passed. With keys, those of
        their PAN alone count."""
        pan_id = heard.frame.src_pan
        if pan_id is None or (self._has_keys and pan_id != self._node.flash.pan_id):
            return
        self._adverts[heard.src] = Advert.of(pan_id, state.pan, state.jm, heard.rssi_dbm)
        if self.state is not JoinState.SELECT_PAN or self._target is not None or self._lingering:
            return
        self._target = heard.src
        if self._has_keys:
            self._choose_pan()
            return
        wait = min(self._pas.interval_end_ns - self._agenda.now_ns, self._timers.choose_pan_ns)
        self._next(max(0, wait), self._choose_pan)

    def _choose_pan(self) -> None:
        self._adverts, self._target = choose(self._adverts)
        self._pas.stop()
        if not self._has_keys:
            self._enter(JoinState.AUTHENTICATE)
            self._linger(JoinState.AUTHENTICATE, self._supplicant.start)
        else:
            self._acquire()

    # -- JS2 authenticate ---------------------------------------------------------------------------------------------

    def _send_eapol(self, kmp: int, pdu: bytes) -> None:
        way = self._target if self.parent is None else self.parent.eui64
        if way is not None:
            self._node.send_eapol(way, kmp, pdu)

    def on_eapol(self, src: bytes, pdu: Eapol, authenticator: bytes | None) -> None:
        """EAPOL from the node chosen as relay, or from the parent."""
        if src in (self._target, self.parent.eui64 if self.parent is not None else None):
            self._supplicant.receive(pdu, authenticator)

    def _lgtks_given(self, given: Sequence[GroupKey], live: int, asked: bool) -> None:
        """LGTKs, under which a smart meter speaks to its LFNs."""
        self._node.flash.lfn.take(given, live)

    # -- JS3 acquire configuration ------------------------------------------------------------------------------------

    def _acquire(self) -> None:
        self._enter(JoinState.ACQUIRE_CONFIG)
        if self._configured_ns is not None and self._agenda.now_ns - self._configured_ns < CONFIG_FRESH_NS:
            self._configured()
            return
        self._tries = SOLICIT_TRIES
        self._linger(JoinState.ACQUIRE_CONFIG, self._pcs.start)

    def _ask_config(self) -> None:
        if self._tries == 0:
            self._stale = True
            self.begin()
            return
        self._tries -= 1
        self._send_pcs()

    def on_pc(self, heard: Heard, config: PanConfig) -> None:
        """A PC under one of our keys, not older than what we know: its key is the one to send under; a GTK that it does
        not list is withdrawn, and one that we lack is asked for."""
        flash, security = self._node.flash, heard.frame.security
        if heard.frame.src_pan != flash.pan_id or security is None or security.key_index is None:
            return
        if self.config is not None and config.is_older_than(self.config):
            return
        self.config = config
        lacking = flash.follow(config.hashes.hashes)
        if not flash.gtks:
            flash.forget_keys()
            self.begin()
            return
        flash.use(flash.slot_of(security.key_index))
        if config.lfn is not None and self._takes_lgtks:
            lacking |= flash.lfn.follow(config.lfn.hashes.hashes)
            flash.lfn.use(config.lfn.hashes.active)
        if lacking and self.state is JoinState.OPERATIONAL and not self._supplicant.busy:
            self._supplicant.start(flash.held, SETTLED.gtk_request_max_ns)
        self._configured_ns = self._agenda.now_ns
        if self.state is JoinState.ACQUIRE_CONFIG and not self._lingering:
            self._configured()

    # -- JS4 configure routing ----------------------------------------------------------------------------------------

    def _configured(self) -> None:
        self._pcs.stop()
        self._enter(JoinState.CONFIGURE_ROUTING)
        self._tries = SOLICIT_TRIES
        self._linger(JoinState.CONFIGURE_ROUTING, self._seek_parent)

    def _seek_parent(self) -> None:
        """Ask for DIOs, unless some were heard before the node came so far: then they are the choice."""
        if self.candidates:
            self._next(self._timers.choose_parent_ns, self._choose_parent)
        else:
            self._next(self._timers.dis_first_ns, self._send_dis)

    def _send_dis(self) -> None:
        if not self._try_again(self._timers.dis_retry_ns, self._send_dis):
            return
        source = ipv6.link_local(self._node.eui64)
        for neighbour in self._adverts:
            self._node.ip.send(Packet(source, ipv6.link_local(neighbour), rpl.Dis(), HOP_LIMIT), neighbour)

    def on_dio(self, neighbour: bytes, dio: rpl.Dio) -> None:
        """A DIO; the parent's with infinite rank means that the way to the root is lost."""
        if self.parent is not None and neighbour == self.parent.eui64 and dio.rank == INFINITE_RANK:
            self.lose_parent()
            return
        prefix = next((o for o in dio.options if isinstance(o, rpl.PrefixInformation) and o.router_address), None)
        if dio.rank == INFINITE_RANK:
            self.candidates.drop(neighbour)
        if prefix is None or dio.rank == INFINITE_RANK:
            return
        first = not self.candidates
        self.candidates.know(Parent(neighbour, prefix.prefix, dio.rank, dio.dodag_id))
        if self.parent is None:
            if self.state is JoinState.CONFIGURE_ROUTING and first and not self._lingering:
                self._next(self._timers.choose_parent_ns, self._choose_parent)
        elif neighbour == self.parent.eui64:
            self.parent = attrs.evolve(self.parent, rank=dio.rank)

    def _choose_parent(self) -> None:
        if not self.candidates:  # the only candidates took back what they said
            self._send_dis()
            return
        self.parent = self.candidates.best(self._adverts)
        self._tries = SOLICIT_TRIES
        self._next(self._rng.randrange(self._timers.solicit_max_ns + 1), self._solicit_address)

    def _solicit_address(self) -> None:
        assert self.parent is not None
        if not self._try_again(max(self._timers.solicit_max_ns, self._timers.dao_ns), self._solicit_address):
            return
        message = dhcpv6.solicit(self._rng.randrange(2**24), self._node.eui64)
        udp = Udp(dhcpv6.CLIENT_PORT, dhcpv6.SERVER_PORT, dhcpv6.build(message))
        source, target = ipv6.link_local(self._node.eui64), ipv6.link_local(self.parent.eui64)
        self._node.ip.send(Packet(source, target, udp, HOP_LIMIT), self.parent.eui64, self.parent_result)

    def on_dhcp(self, message: dhcpv6.Message | dhcpv6.Relay) -> None:
        """The answer to our solicit."""
        if self.state is not JoinState.CONFIGURE_ROUTING or self.parent is None or self._node.address is not None:
            return
        address = dhcpv6.leased(message)
        if address is not None:
            self._node.address = address
            self._tries = SOLICIT_TRIES
            self._register()

    def _register(self) -> None:
        """NS with EARO to the parent: registers the address, and proves that the parent is there."""
        if self.parent is None or self._node.address is None:
            return
        target = ipv6.link_local(self.parent.eui64)
        earo = nd.AddressRegistration(self._node.eui64, SETTLED.registration_lifetime_min)
        packet = Packet(self._node.address, target, nd.NeighborSolicitation(target, (earo,)), 255)
        operational = self.state is JoinState.OPERATIONAL
        self._node.ip.send(packet, self.parent.eui64, self._probed if operational else self._registered)
        if operational:
            self._next(self._spread(SETTLED.registration_ns), self._register)

    def _registered(self, success: bool) -> None:
        if success:
            self._tries = self._timers.dao_tries
            self._next(self._timers.dao_ns, self._send_dao)
        else:
            self._try_again(self._timers.dao_ns, self._register)

    def _send_dao(self) -> None:
        operational = self.state is JoinState.OPERATIONAL
        if self.parent is None or self._node.address is None:
            return
        if self._tries == 0:
            self.begin()
            return
        self._tries -= 1
        sequence = self._pending_dao = self.dao_sequence()
        transit = rpl.Transit(self.parent.address, sequence, SETTLED.route_lifetime_units)
        dao = rpl.Dao(INSTANCE, sequence, options=(rpl.Target(self._node.address), transit))
        self._node.route(Packet(self._node.address, self.parent.dodag_id, dao, HOP_LIMIT))
        call = self._agenda.after(self._timers.dao_ns, self._send_dao)
        if operational:
            self._refresh = call
        else:
            self._step = call

    def dao_sequence(self) -> int:
        """The number of the node's next DAO, whoever it is about."""
        self._sequence = self._sequence + 1 if self._sequence < 255 else 0
        return self._sequence

    def on_dao_ack(self, ack: rpl.DaoAck) -> None:
        """The root knows the way to us."""
        if ack.sequence != self._pending_dao or ack.status >= 128:
            return
        self._pending_dao = None
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh = self._agenda.after(
            SETTLED.dao_ns - self._rng.randrange(SETTLED.dao_ns // 10), self._refresh_dao
        )
        if self.state is JoinState.CONFIGURE_ROUTING:
            self._linger(JoinState.OPERATIONAL, self._join_ended)

    def _join_ended(self) -> None:
        """Operational, however long a fault kept that back."""
        self._next(SETTLED.registration_ns - self._rng.randrange(SETTLED.registration_ns // 10), self._register)
        self._enter(JoinState.OPERATIONAL)

    # -- JS5 operational ----------------------------------------------------------------------------------------------

    def _refresh_dao(self) -> None:
        self._tries = self._timers.dao_tries
        self._send_dao()

    def parent_result(self, success: bool) -> None:
        """What became of a unicast to the parent. A failure brings the next NS forward; a few of them: lost."""
        if success:
            self._failures = 0
            return
        if self.parent is None:
            return
        self._failures += 1
        if self._failures >= SETTLED.lost_after:
            self.lose_parent()
        elif self.state is JoinState.OPERATIONAL:
            self._next(SETTLED.probe_ns, self._register)

    def _probed(self, success: bool) -> None:
        self.parent_result(success)

    def lose_parent(self) -> None:
        """On to another neighbour that leads to the root; without one tell those behind us, and look for a network."""
        lost = self.parent
        other = self.candidates.instead_of(lost, self._adverts) if lost is not None else None
        if lost is not None:
            self.candidates.drop(lost.eui64)
        if self.state is not JoinState.OPERATIONAL or other is None:
            self._on_lost()
            self.begin()
            return
        self.parent, self._failures = other, 0
        self._on_moved()
        self._register()
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh_dao()
