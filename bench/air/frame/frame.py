"""The decoded frame that measurands stand on; `decoder` makes it."""

from __future__ import annotations

from typing import TypeVar

import attrs

from bench.air.app import ports as application
from bench.air.app import u_bus_standin
from bench.air.frozen import frozen
from bench.air.ip.packet import Packet
from bench.air.keys.counters import Freshness
from bench.air.keys.eapol import Eapol, EapolRelay
from bench.air.keys.handshake import KeyMessage
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import recoverable
from bench.air.mac import beacon, command
from bench.air.mac.frame import MacFrame
from bench.air.wisun.frames import Element, Opaque

T = TypeVar("T")


@frozen
class Frame:
    """One frame as the bench understands it.

    ``number`` counts from 1 in its capture; ``time_ns`` is the capture's own stamp, ``start_ns``/``end_ns`` start and
    end of the frame on air where the capture says (TAP). ``src``/``dst`` are EUI-64s (8 octets, display order) or
    short addresses (2 octets); None where absent. ``kind`` is the Wi-SUN frame type ("PA", "DATA" ...) or the MAC's
    ("beacon", "data", "ack", "command"), "damaged" where the MAC header cannot be read. ``mic``: "ok", "bad", "no key"
    or "none" (no MIC in the frame). ``mac`` is in clear text when ``mic`` is "ok" or the frame is ``unauthenticated``.
    """

    number: int
    time_ns: int
    start_ns: int | None = None
    end_ns: int | None = None
    rssi_dbm: float | None = None
    channel: int | None = None
    length_octets: int = 0
    """Octets of the PSDU on the air, FCS included (assumed 4, or 2 before version 2, where the capture has none)."""
    kind: str = "damaged"
    mac: MacFrame | None = None
    """Read up to where its information elements break, where they do (`MacFrame.broken`). ``info`` then says so,
    nothing is learnt of it, and what stands before is for people."""
    header: MacFrame | None = None
    """What there is of the MAC header where ``mac`` cannot be read."""
    src: bytes | None = None
    dst: bytes | None = None
    seq: int | None = None
    pan: int | None = None
    secured: bool = False
    key_index: int | None = None
    frame_counter: int | None = None
    key: int | None = None
    """Which of the keys known under its index verified it, by its place among them: several may share one."""
    mic: str = "none"
    freshness: Freshness | None = None
    """What a frame counter says whose MIC is right, against those before it of the same sender and key."""
    unauthenticated: bool = False
    """Decrypted at security level 4, which has no MIC: nothing shows that key and content are right. The decoder keeps
    nothing of it, so parts of something longer stay apart."""
    ies: tuple[str, ...] = ()
    """Names in the frame's order, terminations left out: ("UTT", "BT", "US", "PAN", "NETNAME", "MPX")."""
    typed_ies: tuple[Element | Opaque, ...] = ()
    """The Wi-SUN ones as records."""
    layers: tuple[str, ...] = ()
    packet: Packet | None = None
    """The outermost IPv6 packet, at the frame that completes it; None for a fragment before that."""
    ipv6_src: bytes | None = None
    """Addresses (16 octets) of the innermost packet; ``ipv6_dst`` is where a source route ends."""
    ipv6_dst: bytes | None = None
    eapol: Eapol | None = None
    """EAPOL of this frame: sent over MPX, or carried in an EAPOL relay datagram (then ``relay`` is set too)."""
    kmp_id: int | None = None
    relay: EapolRelay | None = None
    key_message: KeyMessage | None = None
    """What an EAPOL-Key frame says, opened where its PMK is known."""
    tls: tuple[str, ...] = ()
    """Names of the TLS records that this EAP-TLS frame completes."""
    content: beacon.Beacon | command.Command | application.Message | u_bus_standin.Message | None = None
    """What a beacon or a MAC command says, or the application message in the innermost UDP datagram."""
    piece: lowpan.Datagram | lowpan.Fragment | recoverable.Piece | None = attrs.field(default=None, repr=False)
    """The 6LoWPAN payload of this frame, decompressed; ``datagram`` is what it completes, to the octet as sent."""
    datagram: bytes = attrs.field(default=b"", repr=False)
    info: str = ""
    fcs_ok: bool | None = None
    """None where the capture has no FCS. What a frame with a wrong one says is for people: nothing is learnt of it."""
    cut: bool = False
    """The capture cut the frame."""
    bug: str = ""
    """A failure of the decoder itself in this frame, "" for none. Who judges by the frame has an error, no verdict."""

    def ie(self, kind: type[T]) -> T | None:
        """The first Wi-SUN IE of that record type (``frame.ie(wisun.Utt)``), or None."""
        return next((ie for ie in self.typed_ies if isinstance(ie, kind)), None)
