"""The decoded frame that measurands stand on, and the decoder that makes it from a capture record.

The decoder never raises: whatever it cannot read becomes ``info`` "malformed: ...". A frame whose MIC fails is not
read beyond its MAC header (facts: a prototype that fell through parsed ciphertext), one whose FCS fails not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeVar

import attrs

from bench.air import (
    application,
    beacon,
    command,
    header_ies,
    ipv6,
    ipv6_fragment,
    lowpan,
    mlme,
    recoverable,
    sixlorh,
    sixtop,
    summary,
    tsch,
    wisun,
)
from bench.air.contexts import ROOT
from bench.air.counters import Counters, Freshness, with_words
from bench.air.describe import describe
from bench.air.eapol import RELAY_PORT, Eapol, EapolRelay, decode_eapol, decode_relay
from bench.air.errors import Malformed
from bench.air.fragment import Reassembler
from bench.air.handshake import KeyMessage
from bench.air.ies import MPX_GROUP, WISUN_GROUP, WISUN_HEADER_ID, Ie, each_sub_ie
from bench.air.ipv6 import Packet
from bench.air.keys import KeyTable
from bench.air.kmp import KmpFollower, Progress
from bench.air.link import Record
from bench.air.mac import FrameType, MacFrame, decode_mac
from bench.air.mpx import KMP, LOWPAN, KmpId, Mpx, MpxReassembler, Transfer, decode_mpx
from bench.air.opening import Opener
from bench.air.udp import Udp
from bench.air.wisun import Ea, Element, Lutt, NetName, Opaque, Utt, WisunFrameType

T = TypeVar("T")

_HEADER_NAMES: Final = {0x1A: "CSL", 0x1B: "RIT", 0x1C: "DSME-PAN", 0x1D: "RZ-TIME", 0x1E: "TIME", 0x7E: "", 0x7F: ""}
_PAYLOAD_NAMES: Final = {0x0: "ESDU", 0x1: "MLME", 0x2: "VENDOR", MPX_GROUP: "MPX", 0x5: "IETF", 0xF: ""}
_KMP_IDS: Final = frozenset(KmpId)
_UNPROVED: Final = "decrypted without a MIC: not authenticated"
_KINDS: Final = {kind.value: kind.name for kind in WisunFrameType}


@attrs.frozen(slots=True)
class Frame:
    """One frame as the bench understands it.

    ``number`` counts from 1 in its capture; ``time_ns`` is the capture's own stamp, ``start_ns``/``end_ns`` start and
    end of the frame on air where the capture says (TAP). ``src``/``dst`` are EUI-64s (8 octets, display order) or
    short addresses (2 octets); None where absent. ``kind`` is the Wi-SUN frame type ("PA", "DATA" ...) or the MAC's
    ("beacon", "data", "ack", "command"), "damaged" for what cannot be read at all. ``mic``: "ok", "bad", "no key" or
    "none" (no MIC in the frame). ``mac`` is in clear text when ``mic`` is "ok" or the frame is ``unauthenticated``.
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
    src: bytes | None = None
    dst: bytes | None = None
    seq: int | None = None
    pan: int | None = None
    secured: bool = False
    key_index: int | None = None
    frame_counter: int | None = None
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
    content: beacon.Beacon | command.Command | application.Message | None = None
    """What a beacon or a MAC command says, or the application message in the innermost UDP datagram."""
    piece: lowpan.Datagram | lowpan.Fragment | recoverable.Piece | None = attrs.field(default=None, repr=False)
    """The 6LoWPAN payload of this frame, decompressed; ``datagram`` is what it completes, to the octet as sent."""
    datagram: bytes = attrs.field(default=b"", repr=False)
    info: str = ""

    def ie(self, kind: type[T]) -> T | None:
        """The first Wi-SUN IE of that record type (``frame.ie(wisun.Utt)``), or None."""
        return next((ie for ie in self.typed_ies if isinstance(ie, kind)), None)


@attrs.frozen(slots=True)
class _Inside:
    """What a frame's payload holds; the fields are those of `Frame`."""

    layers: tuple[str, ...] = ()
    packet: Packet | None = None
    eapol: Eapol | None = None
    kmp_id: int | None = None
    relay: EapolRelay | None = None
    progress: Progress = attrs.field(factory=Progress)
    content: beacon.Beacon | command.Command | application.Message | None = None
    piece: lowpan.Datagram | lowpan.Fragment | recoverable.Piece | None = None
    datagram: bytes = b""
    info: str = ""


class Decoder:
    """Records to frames, one capture (or live stream) at a time; keeps 6LoWPAN fragments between calls.

    ``contexts`` are IPHC contexts: number (0-15) to prefix (8 or 16 octets). Fragments are kept by (source,
    destination, size, tag) and forgotten after 60 s of capture time (RFC 4944 5.3).
    """

    def __init__(self, keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None) -> None:
        self._keys = keys.copy() if keys else KeyTable()
        self._contexts = contexts or {}
        self._reassembler = Reassembler()
        self._recoverable = recoverable.Reassembler()
        self._ipv6_reassembler = ipv6_fragment.Reassembler()
        self._mpx_reassembler = MpxReassembler()
        self._opener = Opener(self._keys)
        self._kmp = KmpFollower(self._keys)

    @property
    def counters(self) -> Counters:
        """Frame counters met so far; whoever verified a frame elsewhere has it judged here, in its turn."""
        return self._opener.counters

    def learn(self, keys: KeyTable) -> None:
        """More keys, for the frames from here on."""
        self._keys.add(keys)
        self._kmp.know(keys.pmks)

    def decode(self, record: Record) -> Frame:
        """The frame of one record. Never raises."""
        try:
            return self._decode(record)
        except Exception as error:  # the last resort: a capture may hold anything, and one frame must not end a run
            return _bare(record, f"malformed: unforeseen {type(error).__name__}: {error}")

    def _decode(self, record: Record) -> Frame:
        if record.damage or record.fcs_ok is False:
            return _bare(record, f"malformed: {record.damage or 'the FCS is wrong'}")
        try:
            raw = decode_mac(record.data, cut=record.cut, level_2003=self._keys.level_2003)
        except Malformed as error:
            return _bare(record, f"malformed: {error}")
        opened = self._opener.open(record, raw)
        mac = opened.mac
        if mac.ack_request:
            self._opener.expect(mac.sequence, mac.dst)
        kind, names, typed, ie_trouble = _read_ies(mac)
        inside = _Inside(info=opened.trouble)
        if not opened.trouble:
            reader = Decoder(self._keys, self._contexts) if opened.unauthenticated else self  # one that is thrown away
            inside = reader._inside(mac, record.time_ns)
        secured = mac.security is not None and mac.security.level > 0
        if opened.mic == "ok" or not secured:
            inside = self._learn(mac, typed, inside)
        innermost = ipv6.innermost(inside.packet) if inside.packet else None
        info = inside.info or ie_trouble or summary.elements(typed) or _listening(mac)
        if opened.unauthenticated:
            info = f"{info} [{_UNPROVED}]" if info else _UNPROVED
        is_wisun = kind in _KINDS.values()
        return Frame(
            number=record.number,
            time_ns=record.time_ns,
            start_ns=record.start_ns,
            end_ns=record.end_ns,
            rssi_dbm=record.rssi_dbm,
            channel=record.channel,
            length_octets=record.original_length + (0 if record.fcs_octets else 2 if mac.version < 2 else 4),
            kind=kind,
            mac=mac,
            src=mac.src,
            dst=mac.dst,
            seq=mac.sequence,
            pan=mac.src_pan if mac.src_pan is not None else mac.dst_pan,
            secured=secured,
            key_index=mac.security.key_index if mac.security else None,
            frame_counter=mac.security.frame_counter if mac.security else None,
            mic=opened.mic,
            freshness=opened.freshness,
            unauthenticated=opened.unauthenticated,
            ies=names,
            typed_ies=typed,
            layers=("802.15.4", *(("wi-sun",) if is_wisun else ()), *inside.layers),
            packet=inside.packet,
            ipv6_src=innermost.src if innermost else None,
            ipv6_dst=innermost.final_dst if innermost else None,
            eapol=inside.eapol,
            kmp_id=inside.kmp_id,
            relay=inside.relay,
            key_message=inside.progress.key_message,
            tls=inside.progress.tls,
            content=inside.content,
            piece=inside.piece,
            datagram=inside.datagram,
            info=with_words(info, opened.freshness),
        )

    def _learn(self, mac: MacFrame, typed: tuple[Element | Opaque, ...], inside: _Inside) -> _Inside:
        """What later frames need of this one: network names, authenticators, short addresses, handshakes."""
        for element in typed:
            if isinstance(element, NetName):
                self._keys.learn_name(element.octets)
            elif isinstance(element, Ea):
                self._kmp.heard_authenticator(element.eui64)
        given = inside.content
        if isinstance(given, command.AssociationResponse) and not given.status and mac.dst_pan is not None and mac.dst:
            self._keys.learn_address(mac.dst_pan, given.address.to_bytes(2, "big"), mac.dst)
        if inside.eapol is None:
            return inside
        try:
            progress = self._kmp.follow(inside.eapol, mac, inside.packet, inside.relay)
        except Malformed as error:
            return attrs.evolve(inside, info=f"malformed: {error}")
        info = ", ".join(filter(None, (inside.info, progress.words)))
        return attrs.evolve(inside, progress=progress, info=info)

    def _inside(self, mac: MacFrame, time_ns: int) -> _Inside:
        """What the payload of a clear frame holds."""
        found = _Inside()
        try:
            for ie in mac.payload_ies:
                if ie.id == MPX_GROUP:
                    found = self._mpx(decode_mpx(ie.content), mac, time_ns)
            if mac.frame_type == FrameType.BEACON:
                return _beacon(mac)
            if mac.frame_type == FrameType.COMMAND:
                return _command(mac)
            if mac.payload and mac.frame_type == FrameType.DATA:
                if mac.payload[0] >> 6:
                    found = self._lowpan(mac.payload, mac, time_ns)
                elif not found.layers:
                    found = _opaque(mac)
        except Malformed as error:
            return attrs.evolve(found, info=f"malformed: {error}")
        return found

    def _mpx(self, mpx: Mpx, mac: MacFrame, time_ns: int) -> _Inside:
        try:
            whole = self._mpx_reassembler.add(mpx, mac.src, mac.dst, time_ns)
        except Malformed as error:
            return _Inside(("mpx",), info=f"malformed: {error}")
        if whole is None:
            words = "abort" if mpx.transfer == Transfer.ABORT else f"fragment {mpx.fragment}"
            return _Inside(("mpx",), info=f"MPX {words}, transaction {mpx.transaction}")
        mpx = whole
        if mpx.multiplex_id == LOWPAN:
            return self._lowpan(mpx.body, mac, time_ns, ("mpx",))
        if mpx.multiplex_id == KMP:
            if not mpx.body:
                return _Inside(("mpx",), info="malformed: KMP without id")
            if mpx.body[0] not in _KMP_IDS:
                return _Inside(("mpx",), info=f"key management protocol {mpx.body[0]}: not read")
            return _eapol(mpx.body[1:], mpx.body[0], ("mpx",))
        return _Inside(("mpx",), info=f"MPX multiplex id {mpx.multiplex_id}")

    def _lowpan(self, octets: bytes, mac: MacFrame, time_ns: int, outer: tuple[str, ...] = ()) -> _Inside:
        if recoverable.is_one(octets):
            return self._recover(octets, mac, time_ns, outer)
        piece = lowpan.decompress(octets, mac.src, mac.dst, self._contexts)
        layers = outer + _adaptation(piece.layers)
        whole: lowpan.Datagram | None
        if isinstance(piece, lowpan.Fragment):
            whole = self._reassembler.add(piece, mac.src, mac.dst, time_ns)
            if whole is None:
                end = piece.offset + len(piece.data)
                info = f"fragment {piece.offset}-{end} of {piece.size}, tag {piece.tag}"
                return _Inside(layers, piece=piece, info=info)
        else:
            whole = piece
        try:
            packet = ipv6.parse(whole.packet)
        except Malformed as error:
            return _Inside(layers, piece=piece, datagram=whole.packet, info=f"malformed: {error}")
        inside = attrs.evolve(self._ipv6(packet, layers, mac, time_ns), piece=piece, datagram=whole.packet)
        if ROOT not in self._contexts and any(map(sixlorh.needs_root, whole.routing)):
            gap = "(source route and tunnel apart: the root is not known: --context root=ADDRESS)"
            return attrs.evolve(inside, info=f"{inside.info} {gap}")
        return inside

    def _recover(self, octets: bytes, mac: MacFrame, time_ns: int, outer: tuple[str, ...]) -> _Inside:
        """A recoverable fragment, and the datagram that it completes (RFC 8931)."""
        piece = recoverable.parse(octets)
        waiting = _Inside((*outer, "6lowpan", piece.LAYER), piece=piece, info=recoverable.describe(piece))
        if isinstance(piece, recoverable.Acknowledgement):
            return waiting
        whole = self._recoverable.add(piece, mac.src, mac.dst, time_ns)
        if whole is None:
            return waiting
        if recoverable.is_one(whole) or whole[0] >> 3 in _FRAGMENTS:
            raise Malformed("6LoWPAN: a fragment within a recoverable one")
        inside = self._lowpan(whole, mac, time_ns, outer)
        layers = tuple(dict.fromkeys((*waiting.layers, *inside.layers)))
        return attrs.evolve(inside, layers=layers, piece=attrs.evolve(piece, whole=whole))

    def _ipv6(self, packet: Packet, layers: tuple[str, ...], mac: MacFrame, time_ns: int) -> _Inside:
        """An IPv6 packet; where it is a fragment (RFC 8200, 4.5), the packet that it completes."""
        inner = ipv6.innermost(packet)
        header = ipv6_fragment.fragment_of(inner)
        if header is None:
            return _packet(packet, layers)
        end = header.offset + len(inner.payload)
        waiting = _Inside(
            layers + summary.packet_layers(packet),
            packet,
            info=f"IPv6 fragment {header.offset}-{end}, id {header.identification:#010x}",
        )
        try:
            whole = self._ipv6_reassembler.add(packet, (mac.src, mac.dst), time_ns)
        except Malformed as error:
            return attrs.evolve(waiting, info=f"malformed: {error}")
        return waiting if whole is None else _packet(whole, (*layers, summary.IPV6_FRAGMENT))


def _bare(record: Record, info: str) -> Frame:
    """The frame of a record that cannot be read: when, how long, and why not."""
    return Frame(
        number=record.number,
        time_ns=record.time_ns,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
        rssi_dbm=record.rssi_dbm,
        channel=record.channel,
        length_octets=record.original_length + (0 if record.fcs_octets else 4),
        info=info,
    )


def _beacon(mac: MacFrame) -> _Inside:
    """A beacon's fields; an enhanced one's (version 2) are its IEs, and what its makers put after them."""
    if mac.version < 2:
        found = beacon.parse(mac.payload)
        return _Inside(("beacon",), content=found, info=beacon.describe(found))
    nested = [sub for ie in mac.payload_ies if ie.id == mlme.GROUP for sub in each_sub_ie(ie.content)]
    names = [mlme.name_of(sub) if (said := tsch.read(sub)) is None else tsch.describe(said) for sub in nested]
    octets = [f"{len(mac.payload)} octets"] if mac.payload else []
    return _Inside(("beacon",), info=", ".join(("enhanced", *names, *octets)))


def _command(mac: MacFrame) -> _Inside:
    found = command.parse(mac.payload)
    return _Inside(("command",), content=found, info=command.describe(found))


def _opaque(mac: MacFrame) -> _Inside:
    """A payload that is no 6LoWPAN (RFC 4944 leaves 00xxxxxx to others): U-bus Air's, which is not public, Zigbee's."""
    return _Inside(info=f"opaque: {len(mac.payload)} octets that are no 6LoWPAN")


_FRAGMENTS: Final = (0b11000, 0b11100)
_ADAPTATION: Final = (
    *("6lowpan", "mesh", "frag1", "fragn", "iphc", "hc1"),
    *(header.LAYER for header in (sixlorh.SourceRoute, sixlorh.PacketInformation, sixlorh.IpInIp, sixlorh.Elective)),
)


def _adaptation(layers: tuple[str, ...]) -> tuple[str, ...]:
    """6LoWPAN's own headers; what it compressed is named as what it is, from the packet."""
    return tuple(dict.fromkeys(name for name in layers if name in _ADAPTATION))


def _packet(packet: Packet, layers: tuple[str, ...]) -> _Inside:
    """A whole IPv6 packet, and the EAPOL in it where it is a relay's."""
    layers += summary.packet_layers(packet)
    innermost = ipv6.innermost(packet)
    info = describe(packet)
    upper = innermost.upper
    if not isinstance(upper, Udp):
        return _Inside(layers, packet, info=info)
    try:
        if RELAY_PORT in (upper.src_port, upper.dst_port):
            relay = decode_relay(upper.payload)
            carried = _eapol(relay.pdu, relay.kmp_id, (*layers, "eapol-relay"))
            return attrs.evolve(carried, packet=packet, relay=relay, info=f"{carried.info}, relayed")
        protocol = application.protocol_of(upper)
        if protocol is not None:
            return _Inside((*layers, protocol.layer), packet, content=protocol.parse(upper.payload), info=info)
    except Malformed as error:
        return _Inside(layers, packet, info=f"malformed: {error}")
    return _Inside(layers, packet, info=info)


def _eapol(octets: bytes, kmp_id: int, outer: tuple[str, ...]) -> _Inside:
    try:
        pdu = decode_eapol(octets)
        return _Inside((*outer, *summary.eapol_layers(pdu)), None, pdu, kmp_id, info=summary.eapol(pdu))
    except Malformed as error:
        return _Inside((*outer, "eapol"), kmp_id=kmp_id, info=f"malformed: {error}")


def _listening(mac: MacFrame) -> str:
    """What plain IEs say of a frame that says nothing else: when its sender listens (RIT, CSL), which cells it asks
    for (6P)."""
    try:
        found = [element for element in map(header_ies.read, mac.header_ies) if element is not None]
        asked = [sixtop.read(ie.content) for ie in mac.payload_ies if ie.id == sixtop.GROUP and ie.content]
    except Malformed as error:
        return f"malformed: {error}"
    return ", ".join((*map(header_ies.describe, found), *(sixtop.describe(message) for message in asked if message)))


def _read_ies(mac: MacFrame) -> tuple[str, tuple[str, ...], tuple[Element | Opaque, ...], str]:
    """Kind of the frame, names of its IEs, the Wi-SUN ones as records, and what is malformed in them."""
    names: list[str] = []
    typed: list[Element | Opaque] = []
    trouble = ""
    for ie, group in (*((ie, False) for ie in mac.header_ies), *((ie, True) for ie in mac.payload_ies)):
        found, wrong = _wisun_elements(ie, group)
        trouble = trouble or (wrong and f"malformed: {wrong}")
        typed.extend(found)
        names.extend(summary.element_name(element) for element in found)
        if not found:
            table, prefix = (_PAYLOAD_NAMES, "P") if group else (_HEADER_NAMES, "H")
            names.append(table.get(ie.id, f"{prefix}-{ie.id:02x}"))
    kind = FrameType(mac.frame_type).name.lower()
    timing = next((element for element in typed if isinstance(element, (Utt, Lutt))), None)
    if timing is not None:
        kind = _KINDS.get(timing.frame_type, kind)
    return kind, tuple(filter(None, names)), tuple(typed), trouble


def _wisun_elements(ie: Ie, is_payload: bool) -> tuple[tuple[Element | Opaque, ...], str]:
    """Records of the elements in one IE, none where it is not Wi-SUN's, and what is malformed there."""
    if ie.id != (WISUN_GROUP if is_payload else WISUN_HEADER_ID):
        return (), ""
    try:
        return (wisun.read_payload_elements(ie.content) if is_payload else (wisun.read_header_element(ie),)), ""
    except Malformed as error:
        framed = wisun.read_framed_elements(ie.content)[0] if is_payload else ()
        return tuple(element for _, element in framed if element is not None), str(error)


def decode_frames(
    records: Iterable[Record], keys: KeyTable | None = None, contexts: Mapping[int, bytes] | None = None
) -> Iterator[Frame]:
    """Frames of records, in order."""
    decoder = Decoder(keys, contexts)
    return (decoder.decode(record) for record in records)
