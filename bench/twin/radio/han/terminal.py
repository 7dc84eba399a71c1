"""A terminal's HAN radio: active scan, PANA, ECHONET Lite; asleep between data requests, or a relay that never sleeps.

Join states as far as a HAN has them: SELECT_PAN is the scan, AUTHENTICATE is PANA, then OPERATIONAL. A scan walks
through all 14 channels (own choice of the duration: ``scan_duration``); with a network in flash, through that one's.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from bench.air.app import echonet, pana
from bench.air.errors import Malformed
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.mac import command, mlme
from bench.air.mac.command import CommandId, RawCommand
from bench.air.mac.frame import FrameType, MacFrame
from bench.air.mac.ies import HT1, PAYLOAD_TERMINATION, Ie, write_sub_ies
from bench.records import NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import Phase
from bench.twin.mesh.timers import MS
from bench.twin.methods import HanNetwork
from bench.twin.radio.air import Air
from bench.twin.radio.han.coordinator import KEY_INDEX, beacon, is_beacon_request
from bench.twin.radio.han.net import HanNet
from bench.twin.radio.han.pana_session import Client
from bench.twin.radio.link import BROADCAST, Link, Received
from bench.twin.radio.route import RouteRadio
from bench.twin.terminal.network import JoinState

CHANNELS: Final = tuple(range(4, 18))
SCAN_UNIT_NS: Final = 9_640_000
"""Listening time on a channel: this x 2^duration (domain.md 2.1)."""
SCAN_AGAIN_NS: Final = 10 * NS_PER_S
SCAN_AGAIN_MAX_NS: Final = 600 * NS_PER_S
"""Pause after a scan that led to nothing, doubling: own choice."""
SCANS_AT_HOME: Final = 3
"""Scans of the known channel alone before all are walked through again: own choice."""
PING_NS: Final = 1800 * NS_PER_S
"""PANA ping of a session at rest: own choice."""
QUICK_NS: Final = 1 * NS_PER_S
QUICK_POLLS: Final = 3
"""Data requests at this distance follow what the terminal sent itself: own choice."""
FETCH_NS: Final = 200 * MS
"""How long it listens after it was told that something is pending."""
LOST_AFTER: Final = 3
"""Frames in a row that the neighbour did not acknowledge: it is gone."""


class Terminal(RouteRadio):
    """``bench.twin.terminal.network.TerminalRadio`` over an enhanced HAN."""

    def __init__(
        self,
        kernel: Kernel,
        air: Air,
        name: str,
        eui64: bytes,
        plan: HanNetwork,
        rng: random.Random,
        *,
        listen_interval_s: float = 0.0,
        relay: bool = False,
    ) -> None:
        super().__init__(kernel, name, eui64)
        self._plan, self._rng = plan, rng
        self._interval_ns = 0 if relay else round(listen_interval_s * NS_PER_S)
        self._relay = relay
        self._link = Link(self._agenda, air, name, eui64, rng, self._store, KEY_INDEX, self._on_frame)
        self._net = HanNet(self._agenda, rng, self._link, self._deliver)
        self._net.relays = relay
        self._client = Client(self._agenda, rng, eui64, plan.password, self._say, self._joined, self._refused)
        self._clients: dict[bytes, bytes] = {}
        self._forget_ram()

    def _forget_ram(self) -> None:
        self._found: list[tuple[int, bytes, int, int]] = []
        self._scans = 0
        self._failures = 0
        self._quick_left = 0
        self._poll: Call | None = None
        self._tid = 0
        self._secure_pana = False
        self._clients.clear()

    def assume(self, key: bytes, pan: int, root: bytes) -> None:
        """It was installed in that network before the rig starts."""
        self._store.keep(key, self._plan.channel, pan, root)

    # -- TerminalRadio ------------------------------------------------------------------------------------------------

    def send(self, payload: bytes) -> bool:
        root = self._store.root
        if self.join_state is not JoinState.OPERATIONAL or root is None:
            return False
        self._tid = (self._tid + 1) & 0xFFFF
        octets = echonet.build(echonet.Arbitrary(self._tid, payload))
        self._net.send_udp(root, echonet.PORT, octets, secured=True, done=self._sent)
        self._quick_left = QUICK_POLLS
        self._poll_in(QUICK_NS)
        return True

    def _stop(self) -> None:
        self._agenda.clear()
        self._client.reset()
        self._net.reset()
        self._net.up = None
        self._forget_ram()

    def _next(self, state: JoinState, phase: Phase, then: Callable[[], None]) -> None:
        """The next state, unless a fault lingers before it."""

        def go() -> None:
            self._enter(state)
            then()

        self._linger(phase, go)

    # -- scan ---------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._found.clear()
        self._link.tuner.listen("idle")
        home = self._store.channel
        channels = CHANNELS if home is None or self._scans >= SCANS_AT_HOME else (home,)
        self._scan(list(channels))

    def _scan(self, left: list[int]) -> None:
        if not left:
            self._choose()
            return
        self._link.drop()
        self._link.tuner.tune(left[0])
        self._link.send(_beacon_request(self.eui64), secured=False)
        self._agenda.after(SCAN_UNIT_NS << self._plan.scan_duration, lambda: self._scan(left[1:]))

    def _choose(self) -> None:
        self._scans += 1
        if not self._found:
            self._link.tuner.rest("idle")
            self._agenda.after(self._pause_ns(), self._begin)
            return
        _, neighbour, pan, channel = max(self._found)
        self._link.tuner.tune(channel)
        self._net.pan, self._net.up = pan, neighbour
        delay_ns = round(self._faults.seconds("join_delay_s", Phase.SELECT_PAN) * NS_PER_S)
        self._agenda.after(delay_ns, self._authenticate)

    def _authenticate(self) -> None:
        self._secure_pana = False
        self._next(JoinState.AUTHENTICATE, Phase.AUTHENTICATE, self._client.start)

    # -- PANA ---------------------------------------------------------------------------------------------------------

    def _say(self, message: pana.Message) -> None:
        """Before there is a key, to the neighbour that answered the scan; afterwards to the smart meter, secured."""
        to = self._store.root if self._secure_pana else self._net.up
        if to is not None:
            self._net.send_udp(to, pana.PORT, pana.build(message), secured=self._secure_pana, done=self._sent)

    def _joined(self, key: bytes, root: bytes) -> None:
        channel = self._link.tuner.channel
        assert channel is not None
        self._store.keep(key, channel, self._net.pan, root)
        self._scans = self._failures = 0
        self._next(JoinState.OPERATIONAL, Phase.OPERATIONAL, self._settle)

    def _settle(self) -> None:
        self._secure_pana = True
        self._agenda.after(PING_NS - self._rng.randrange(PING_NS // 10), self._ping)
        if self._interval_ns:
            self._agenda.after(FETCH_NS, lambda: self._link.tuner.rest("idle"))
            self._poll_in(self._rng.randrange(self._interval_ns) + FETCH_NS)

    def _refused(self) -> None:
        """Rejected, or nobody answers."""
        self._lost()

    def _ping(self) -> None:
        if self.join_state is JoinState.OPERATIONAL:
            self._client.ping()
            self._quick_left = QUICK_POLLS
            self._poll_in(QUICK_NS)
            self._agenda.after(PING_NS, self._ping)

    def _sent(self, success: bool, _pending: bool) -> None:
        if success:
            self._failures = 0
            return
        self._failures += 1
        if self._failures >= LOST_AFTER and self.join_state is JoinState.OPERATIONAL:
            self._lost()

    def _lost(self) -> None:
        """Look for a network again, after a pause."""
        scans = self._scans
        self._stop()
        self._scans = scans
        self._link.restart()
        self._enter(JoinState.SELECT_PAN)
        self._agenda.after(self._pause_ns(), self._begin)

    def _pause_ns(self) -> int:
        """Longer after each scan that led to nothing."""
        return min(SCAN_AGAIN_NS << min(max(self._scans - 1, 0), 8), SCAN_AGAIN_MAX_NS)

    # -- sleep --------------------------------------------------------------------------------------------------------

    def _poll_in(self, delay_ns: int) -> None:
        if self._interval_ns:
            if self._poll is not None:
                self._poll.cancel()
            self._poll = self._agenda.after(delay_ns, self._ask)

    def _ask(self) -> None:
        """Is there anything for me?"""
        if self.join_state is not JoinState.OPERATIONAL:
            return
        self._net.ask(self._asked)
        if self._quick_left:
            self._quick_left -= 1
            self._poll_in(QUICK_NS)
        else:
            self._poll_in(self._interval_ns)

    def _asked(self, success: bool, pending: bool) -> None:
        self._sent(success, pending)
        if success and pending:
            self._link.tuner.listen("window")
            self._agenda.after(FETCH_NS, lambda: self._link.tuner.rest("window"))

    # -- frames -------------------------------------------------------------------------------------------------------

    def _on_frame(self, heard: Received) -> None:
        frame = heard.frame
        if frame.frame_type == FrameType.BEACON:
            if self.join_state is JoinState.SELECT_PAN and frame.src_pan is not None and self._link.tuner.channel:
                self._found.append((heard.rssi_dbm, heard.src, frame.src_pan, self._link.tuner.channel))
        elif is_beacon_request(frame):
            if self._relay and self.join_state is JoinState.OPERATIONAL:
                self._link.send(beacon(self.eui64, self._net.pan), secured=False)
        elif frame.frame_type in (FrameType.DATA, FrameType.COMMAND):
            self._net.on_frame(heard)
            if frame.frame_pending and self._interval_ns:
                self._net.ask(self._asked)

    def _deliver(self, packet: Packet, neighbour: bytes, secured: bool) -> None:
        match packet.upper:
            case Udp(dst_port=pana.PORT):
                self._on_pana(packet.upper.payload, packet.src, neighbour, secured)
            case Udp(dst_port=echonet.PORT) if secured:
                self._on_echonet(packet.upper.payload)

    def _on_echonet(self, payload: bytes) -> None:
        try:
            message = echonet.parse(payload)
        except Malformed:
            return
        if isinstance(message, echonet.Arbitrary):
            for listener in self._data_listeners:
                listener(message.data)

    def _on_pana(self, payload: bytes, src: bytes, neighbour: bytes, secured: bool) -> None:
        """For us; or, at a relay, from one that joins through us, or back to it (RFC 6345)."""
        try:
            message = pana.parse(payload)
            relayed, client = message.relayed, message.pac_information
        except Malformed:
            return
        if relayed is not None and client is not None:
            if secured and self._relay:
                self._net.send_udp(ipv6.eui64_of(client.address), pana.PORT, pana.build(relayed), secured=False)
        elif neighbour == self._net.up:
            self._client.hear(message)
        elif self._relay and self.join_state is JoinState.OPERATIONAL and self._store.root is not None:
            self._net.awake(neighbour)
            relay = pana.relay(pana.PacInformation(src, pana.PORT), message)
            self._net.send_udp(self._store.root, pana.PORT, pana.build(relay), secured=True)


def _beacon_request(eui64: bytes) -> MacFrame:
    """An enhanced beacon request to everybody whose network lets others join."""
    wanted = write_sub_ies((mlme.EbFilter(permit_joining=True).sub_ie(),))
    return MacFrame(
        FrameType.COMMAND,
        2,
        dst_pan=0xFFFF,
        dst=BROADCAST,
        src=eui64,
        pan_id_compression=True,
        header_ies=(Ie(HT1),),
        payload_ies=(Ie(mlme.GROUP, wanted), Ie(PAYLOAD_TERMINATION)),
        payload=command.build(RawCommand(CommandId.BEACON_REQUEST)),
    )
