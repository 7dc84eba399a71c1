"""The border router (in the concentrator): root of the DODAG, authenticator, DHCPv6 server, door to the head end."""

from __future__ import annotations

from collections.abc import Callable

from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import source_route
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import RELAY_PORT, decode_relay
from bench.air.rpl import messages as rpl
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import Jm, WisunFrameType
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.advertiser import Advertiser, LfnConfig, PanConfig, PanState
from bench.twin.mesh.dodag import ROOT_RANK, Dodag
from bench.twin.mesh.eapol.authenticator import Authenticator
from bench.twin.mesh.eapol.rotation import LFN_LIFETIME_S, Rotation
from bench.twin.mesh.ip_layer import broadcast_schedule
from bench.twin.mesh.mac_layer import Heard
from bench.twin.mesh.medium import Medium
from bench.twin.mesh.plan import MeshPlan, NodePlan
from bench.twin.mesh.station import HOP_LIMIT, Station, read_eapol
from bench.twin.mesh.timers import SETTLED
from bench.twin.mesh.tuning import Hopping
from bench.twin.mesh.voice import Done
from bench.twin.terminal.standin import UDP_PORT

HOPS_MAX = 24
PAN_NODES_MAX = 1000
"""Of so many nodes the PAN is full: what the load in JM-IE is measured by (the twin's own choice)."""


class Routes:
    """What DAOs told: each node's parent, by global address, until the lifetime of the DAO runs out; and which are no
    routers at all (``external``, RFC 9010): their parent takes their packets out of the tunnel.

    Kept in the concentrator's storage, so they survive its power cuts.
    """

    def __init__(self, root: bytes, now_ns: Callable[[], int]) -> None:
        self._root, self._now_ns = root, now_ns
        self._parents: dict[bytes, tuple[bytes, int]] = {}
        self.external: set[bytes] = set()

    def __len__(self) -> int:
        """Nodes with a live route."""
        return sum(until > self._now_ns() for _, until in self._parents.values())

    def add(self, target: bytes, parent: bytes, lifetime_units: int = SETTLED.route_lifetime_units) -> None:
        """``lifetime_units`` as in the DAO's Transit Information; 0 removes the route (No-Path)."""
        until = self._now_ns() + lifetime_units * SETTLED.lifetime_unit_s * NS_PER_S
        self._parents[target] = (parent, until)

    def path(self, target: bytes) -> list[bytes] | None:
        """Addresses from the first hop to ``target``; None without a route, or with a loop in it."""
        hops = [target]
        while (parent := self._parent(hops[0])) != self._root:
            if parent is None or len(hops) >= HOPS_MAX:
                return None
            hops.insert(0, parent)
        return hops

    def _parent(self, target: bytes) -> bytes | None:
        parent, until = self._parents.get(target, (None, 0))
        return parent if until > self._now_ns() else None


class BorderRouter(Station):
    """``bench.twin.terminal.network.HeadEndRadio`` on its far side."""

    def __init__(self, kernel: Kernel, medium: Medium, plan: MeshPlan, node: NodePlan, epoch_ns: int) -> None:
        super().__init__(kernel, medium, plan, node, epoch_ns)
        self._global = ipv6.address_from_eui64(plan.prefix.network_address.packed, self.eui64)
        self._epoch_ns = epoch_ns
        self.routes = Routes(self._global, lambda: self.agenda.now_ns)
        self.flash.store_keys(plan.gtk, plan.pan_id)
        self._rotation = Rotation(self.agenda, self.flash, plan.calendar, epoch_ns, self._new_config)
        if plan.lfn is not None:
            self.flash.lfn.keep(plan.lfn.lgtk)
        calendar = plan.lfn.calendar if plan.lfn is not None else None
        self._lfn_rotation = Rotation(self.agenda, self.flash.lfn, calendar, epoch_ns, self._new_config, LFN_LIFETIME_S)
        lifetimes_s = (self._rotation.lifetime_s, self._lfn_rotation.lifetime_s)
        self.authenticator = Authenticator(self.agenda, self.rng, self.eui64, self.flash, *lifetimes_s)
        self._advertiser = Advertiser(
            self.agenda, self.rng, self.mac, self.flash, plan, self.timers, self._state, self._config
        )
        self._dodag = Dodag(
            self.agenda, self.rng, self.ip, self.eui64, lambda: ROOT_RANK, lambda: self._global, lambda: self._global
        )
        self._data_listeners: list[Callable[[bytes, bytes], None]] = []
        self._registered_listeners: list[Callable[[bytes], None]] = []

    def start(self, *, settled: bool) -> None:
        """Power up and advertise."""
        self.power(True)
        self.address = self._global
        self._rotation.start()
        self._lfn_rotation.start()
        if isinstance(self.mac.tuning, Hopping):
            self.mac.tuning.follow(broadcast_schedule(self.plan), self._epoch_ns)
        self._advertiser.start(settled=settled)
        self._dodag.start(settled=settled)

    def mains(self, on: bool) -> None:
        """The concentrator's own mains (its battery is the caller's to model)."""
        if on == self.powered:
            return
        if on:
            self.start(settled=False)
        else:
            self._advertiser.stop()
            self._dodag.stop()
            self.authenticator.forget()
            self.power(False)

    def told(self, size: int) -> tuple[PanState, PanConfig]:
        """What PA and PC say in a PAN of that many nodes."""
        return self._state(size), self._config()

    def _state(self, size: int | None = None) -> PanState:
        size = len(self.routes) if size is None else size
        load = min(Jm.MOST, Jm.MOST * size // PAN_NODES_MAX)
        return PanState(wisun.Pan(size, 0), Jm(load, ((Jm.LOAD, bytes((load,))),)))

    def _config(self) -> PanConfig:
        """A change of the LGTKs raises the PAN version, too."""
        version = self._rotation.version + self._lfn_rotation.version - 1 & 0xFFFF
        return PanConfig(version, self.flash.hashes, broadcast_schedule(self.plan), self._lfn_config())

    def _lfn_config(self) -> LfnConfig | None:
        lfn = self.plan.lfn
        if lfn is None:
            return None
        return LfnConfig(self._lfn_rotation.version, self.flash.lfn_hashes, wisun.Lbc(lfn.interval_ms, lfn.sync))

    def _new_config(self) -> None:
        self._advertiser.new_config()

    # -- HeadEndRadio -------------------------------------------------------------------------------------------------

    def send(self, eui64: bytes, payload: bytes) -> bool:
        return self.send_down(eui64, UDP_PORT, payload)

    def send_down(self, eui64: bytes, port: int, payload: bytes) -> bool:
        """A UDP datagram to a node of the mesh; False where no route leads there."""
        target = ipv6.address_from_eui64(self._global, eui64)
        if not self.powered or self.routes.path(target) is None:
            return False
        self.send_udp(target, port, payload)
        return True

    def on_datagram(self, listener: Callable[[bytes, bytes], None]) -> None:
        self._data_listeners.append(listener)

    def on_registered(self, listener: Callable[[bytes], None]) -> None:
        self._registered_listeners.append(listener)

    # -- mesh ---------------------------------------------------------------------------------------------------------

    def route(self, packet: Packet, done: Done | None = None) -> None:
        """Down: plain to a neighbour, else tunnelled with a source route (RFC 6554), to the parent of an LFN."""
        hops = self.routes.path(packet.dst)
        if hops is None:
            if done is not None:
                done(False)
            return
        external = packet.dst in self.routes.external
        if external:
            hops = hops[:-1]
        if len(hops) > 1:
            first, header = source_route(hops)
            packet = Packet(self._global, first, packet, len(hops), headers=(header,))
        elif external:
            packet = Packet(self._global, hops[0], packet, 1)
        self.ip.send(packet, ipv6.eui64_of(hops[0]), done)

    def on_solicit(self, heard: Heard, network_name: str) -> None:
        if heard.kind == WisunFrameType.PAS:
            self._advertiser.solicited_pa(network_name)
        else:
            self._advertiser.solicited_pc(network_name, heard.frame.src_pan)

    def on_pa(self, heard: Heard, state: PanState) -> None:
        self._advertiser.heard_pa(heard.frame.src_pan, state.pan)

    def on_eapol(self, src: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> None:
        record = read_eapol(pdu)
        if record is not None and authenticator is None:
            self.authenticator.receive(src, record, lambda kmp, pdu: self.send_eapol(src, kmp, pdu, self.eui64))

    def on_ip(self, packet: Packet, neighbour: bytes) -> None:
        match packet.upper:
            case rpl.Dis():
                self._dodag.answer(neighbour)
            case nd.NeighborSolicitation():
                self.advertise_neighbour(packet, packet.upper, neighbour)
            case rpl.Dao():
                self._on_dao(packet, packet.upper)
            case Udp(dst_port=dhcpv6.SERVER_PORT):
                self._on_dhcp(packet, packet.upper, neighbour)
            case Udp(dst_port=port) if port == RELAY_PORT:
                self._on_relay(packet, packet.upper)
            case Udp(dst_port=port) if port == UDP_PORT:
                for listener in self._data_listeners:
                    listener(ipv6.eui64_of(packet.src), packet.upper.payload)
            case Udp():
                self.deliver_to_port(packet, packet.upper)

    def _on_dao(self, packet: Packet, dao: rpl.Dao) -> None:
        transit = next((transit for transit in dao.transits if transit.parent is not None), None)
        if transit is None or transit.parent is None:
            return
        for target in dao.targets:
            self.routes.add(target.address, transit.parent, transit.path_lifetime)
            (self.routes.external.add if transit.external else self.routes.external.discard)(target.address)
        if dao.ack_requested:
            ack = rpl.DaoAck(dao.instance, dao.sequence)
            self.route(Packet(self._global, packet.src, ack, HOP_LIMIT))
        for target in dao.targets:
            for listener in self._registered_listeners:
                listener(ipv6.eui64_of(target.address))

    def _on_relay(self, packet: Packet, udp: Udp) -> None:
        relay, relay_address = decode_relay(udp.payload), packet.src
        record = read_eapol(relay.pdu)
        if record is not None:
            supplicant = relay.supplicant
            self.authenticator.receive(
                supplicant, record, lambda kmp, pdu: self.send_relay(relay_address, supplicant, kmp, pdu)
            )

    def _on_dhcp(self, packet: Packet, udp: Udp, neighbour: bytes) -> None:
        message = dhcpv6.parse(udp.payload)
        reply = self._lease(dhcpv6.innermost(message))
        if reply is None:
            return
        if isinstance(message, dhcpv6.Relay):
            relayed = dhcpv6.Relay(
                dhcpv6.MessageType.RELAY_REPLY, message.hops, message.link, message.peer, (dhcpv6.RelayMessage(reply),)
            )
            self.send_udp(packet.src, dhcpv6.SERVER_PORT, dhcpv6.build(relayed))
            return
        answer = Udp(dhcpv6.SERVER_PORT, dhcpv6.CLIENT_PORT, dhcpv6.build(reply))
        self.ip.send(Packet(ipv6.link_local(self.eui64), packet.src, answer, HOP_LIMIT), neighbour)

    def _lease(self, message: dhcpv6.Message | dhcpv6.Relay) -> dhcpv6.Message | None:
        """Reply to a solicit: the prefix and the client's own interface identifier, for ever."""
        if not isinstance(message, dhcpv6.Message) or message.type != dhcpv6.MessageType.SOLICIT:
            return None
        client = next((o for o in message.options if isinstance(o, dhcpv6.ClientId)), None)
        eui64 = dhcpv6.eui64_of(client.duid) if client is not None else None
        association = next((o for o in message.options if isinstance(o, dhcpv6.IaNa)), None)
        if client is None or eui64 is None or association is None:
            return None
        address = dhcpv6.IaAddress(ipv6.address_from_eui64(self._global, eui64))
        options = (
            dhcpv6.ServerId(dhcpv6.duid_of(self.eui64)),
            client,
            dhcpv6.IaNa(association.iaid, options=(address,)),
            dhcpv6.RapidCommit(),
        )
        return dhcpv6.Message(dhcpv6.MessageType.REPLY, message.transaction, options)
