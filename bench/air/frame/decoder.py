"""The decoder that makes a `Frame` from a capture record.

The decoder never raises: whatever it cannot read becomes ``info`` "malformed: ...", and what stands before it is read.
A frame whose MIC fails is not read beyond its MAC header (a prototype that fell through parsed ciphertext: decode.md
8). One whose FCS is wrong, and one that the capture cut, is read as far as it goes, marked, and nothing is learnt of
it. A bug of the decoder is no damage: `Frame.bug` tells it, and what was read before it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

import attrs

from bench.air.app import ports as application
from bench.air.app import u_bus_standin
from bench.air.capture.link import Record
from bench.air.errors import Malformed
from bench.air.frame import summary
from bench.air.frame.describe import describe, line_of_cut
from bench.air.frame.frame import Frame
from bench.air.frame.partly import BUG, Steps, bare, headed, marked, octets_on_air
from bench.air.frozen import frozen
from bench.air.ip import packet as ipv6
from bench.air.ip import reassembly as ipv6_fragment
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys import words
from bench.air.keys.counters import Judge, with_words
from bench.air.keys.eapol import RELAY_PORT, Eapol, EapolRelay, decode_eapol, decode_relay, eapol_head
from bench.air.keys.kmp import KmpFollower, Progress
from bench.air.keys.opening import Opened, Opener
from bench.air.keys.table import KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import recoverable, sixlorh
from bench.air.lowpan.contexts import ROOT
from bench.air.lowpan.fragment import Reassembler
from bench.air.mac import beacon, command, header_ies, mlme, sixtop, tsch
from bench.air.mac.frame import FrameType, MacFrame, decode_readable
from bench.air.mac.ies import MPX_GROUP, WISUN_GROUP, WISUN_HEADER_ID, Ie, each_sub_ie
from bench.air.mac.mpx import KMP, LOWPAN, KmpId, Mpx, MpxReassembler, Transfer, decode_mpx
from bench.air.octets import counted
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import Ea, Element, Lutt, NetName, Opaque, Utt, WisunFrameType

__all__ = ["Decoder", "Frame", "decode_frames"]

_HEADER_NAMES: Final = {0x1A: "CSL", 0x1B: "RIT", 0x1C: "DSME-PAN", 0x1D: "RZ-TIME", 0x1E: "TIME", 0x7E: "", 0x7F: ""}
_PAYLOAD_NAMES: Final = {0x0: "ESDU", 0x1: "MLME", 0x2: "VENDOR", MPX_GROUP: "MPX", 0x5: "IETF", 0xF: ""}
_KMP_IDS: Final = frozenset(KmpId)
_UNPROVED: Final = "decrypted without a MIC: not authenticated"
_KINDS: Final = {kind.value: kind.name for kind in WisunFrameType}


_Elements: TypeAlias = "tuple[str, tuple[str, ...], tuple[Element | Opaque, ...], str]"
"""What `_read_ies` gives."""


@frozen
class _Inside:
    """What a frame's payload holds; the fields are those of `Frame`."""

    layers: tuple[str, ...] = ()
    packet: Packet | None = None
    eapol: Eapol | None = None
    kmp_id: int | None = None
    relay: EapolRelay | None = None
    progress: Progress = attrs.field(factory=Progress)
    content: beacon.Beacon | command.Command | application.Message | u_bus_standin.Message | None = None
    piece: lowpan.Datagram | lowpan.Fragment | recoverable.Piece | None = None
    datagram: bytes = b""
    info: str = ""


class Decoder:
    """Records to frames, one capture (or live stream) at a time; keeps 6LoWPAN fragments between calls.

    ``contexts`` are IPHC contexts: number (0-15) to prefix (8 or 16 octets). Fragments are kept by (source,
    destination, size, tag) and forgotten after 60 s of capture time (RFC 4944 5.3). ``counters`` judges frame counters
    where this decoder does not see all frames of a capture.
    """

    def __init__(
        self,
        keys: KeyTable | None = None,
        contexts: Mapping[int, bytes] | None = None,
        counters: Judge | None = None,
    ) -> None:
        self._keys = keys.copy() if keys else KeyTable()
        self._contexts = contexts or {}
        self._reassembler = Reassembler()
        self._recoverable = recoverable.Reassembler()
        self._ipv6_reassembler = ipv6_fragment.Reassembler()
        self._mpx_reassembler = MpxReassembler()
        self._opener = Opener(self._keys, counters)
        self._kmp = KmpFollower(self._keys)
        self._steps = Steps()
        self._missing = 0

    @property
    def keys(self) -> KeyTable:
        """A copy of the keys known by now: those given and those learnt."""
        return self._keys.copy()

    def learn(self, keys: KeyTable) -> None:
        """More keys, for the frames from here on."""
        self._keys.add(keys)
        self._kmp.know(keys.pmks)

    def decode(self, record: Record) -> Frame:
        """The frame of one record. Never raises."""
        steps = self._steps = Steps()
        frame = steps.run(lambda: self._decode(record), None) or bare(record, "")
        if not steps.bug:
            return frame
        said = f"[{BUG}: {steps.bug}]"
        return attrs.evolve(frame, bug=steps.bug, info=f"{frame.info} {said}" if frame.info else said)

    def _decode(self, record: Record) -> Frame:
        if record.fcs_ok is not False and not record.cut:
            return self._read(record)
        reader = self._thrown_away()
        reader._missing = max(record.original_length - record.fcs_counted - len(record.data), 0) if record.cut else 0
        return marked(reader._read(record), record)

    def _thrown_away(self) -> Decoder:
        """A decoder that knows what this one does, for a frame of which this one must not learn."""
        other = Decoder(self._keys, self._contexts)
        other._steps = self._steps
        return other

    def _read(self, record: Record) -> Frame:
        if record.damage and not record.data:
            return bare(record, f"malformed: {record.damage}")
        try:
            raw = decode_readable(record.data, cut=record.cut, level_2003=self._keys.level_2003)
        except Malformed as error:
            return headed(record, str(error), self._keys.level_2003)
        run = self._steps.run
        opened = run(lambda: self._opener.open(record, raw), Opened(raw, trouble="not opened"))
        mac = opened.mac
        if mac.ack_request and (not mac.broken or opened.mic == "ok"):
            self._opener.expect(mac.sequence, mac.dst)
        no_ies: _Elements = (FrameType(mac.frame_type).name.lower(), (), (), "")
        kind, names, typed, ie_trouble = run(lambda: _read_ies(mac), no_ies)
        inside = _Inside(info=opened.trouble)
        if not opened.trouble:
            reader = self._thrown_away() if opened.unauthenticated or mac.broken else self
            reader._missing = self._missing or _missing_of(mac)
            inside = run(lambda: reader._inside(mac, record.time_ns), inside)
        secured = mac.security is not None and mac.security.level > 0
        if (opened.mic == "ok" or not secured) and not mac.broken:
            inside = run(lambda: self._learn(mac, typed, inside, record.time_ns), inside)
        innermost = ipv6.innermost(inside.packet) if inside.packet else None
        info = inside.info or run(lambda: ie_trouble or summary.elements(typed) or _listening(mac), "")
        if opened.unauthenticated:
            info = f"{info} [{_UNPROVED}]" if info else _UNPROVED
        if mac.broken and opened.mic != "bad":
            info = f"{info} [malformed: {mac.broken}]" if info else f"malformed: {mac.broken}"
        if record.damage:
            info = f"{info} [malformed: {record.damage}]" if info else f"malformed: {record.damage}"
        is_wisun = kind in _KINDS.values()
        return Frame(
            number=record.number,
            time_ns=record.time_ns,
            start_ns=record.start_ns,
            end_ns=record.end_ns,
            rssi_dbm=record.rssi_dbm,
            channel=record.channel,
            length_octets=octets_on_air(record, mac.version),
            kind=kind,
            mac=mac,
            src=mac.src,
            dst=mac.dst,
            seq=mac.sequence,
            pan=mac.src_pan if mac.src_pan is not None else mac.dst_pan,
            secured=secured,
            key_index=mac.security.key_index if mac.security else None,
            frame_counter=mac.security.frame_counter if mac.security else None,
            key=opened.key,
            mic=opened.mic,
            freshness=opened.freshness,
            unauthenticated=opened.unauthenticated,
            ies=names,
            typed_ies=typed,
            layers=("802.15.4", *(("wi-sun",) if is_wisun else ()), *inside.layers),
            packet=inside.packet,
            ipv6_src=(innermost.src or None) if innermost else None,
            ipv6_dst=(innermost.final_dst or None) if innermost else None,
            eapol=inside.eapol,
            kmp_id=inside.kmp_id,
            relay=inside.relay,
            key_message=inside.progress.key_message,
            tls=inside.progress.tls,
            content=inside.content,
            piece=inside.piece,
            datagram=inside.datagram,
            info=with_words(info, opened.freshness),
            fcs_ok=record.fcs_ok,
            cut=record.cut,
        )

    def _learn(self, mac: MacFrame, typed: tuple[Element | Opaque, ...], inside: _Inside, time_ns: int) -> _Inside:
        """What later frames need of this one: network names, authenticators, short addresses, handshakes."""
        for element in typed:
            if isinstance(element, NetName):
                self._keys.learn_name(element.octets)
            elif isinstance(element, Ea):
                self._kmp.heard_authenticator(element.eui64)
        given = inside.content
        if isinstance(given, command.AssociationResponse) and not given.status and mac.dst_pan is not None and mac.dst:
            self._keys.learn_address(mac.dst_pan, given.address.to_bytes(2, "big"), mac.dst)
        if inside.eapol is None or inside.eapol.length is not None:
            return inside
        try:
            progress = self._kmp.follow(inside.eapol, mac, inside.packet, inside.relay, time_ns)
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
            if mac.broken and mac.frame_type != FrameType.BEACON:
                return found  # what stands from there on is no payload
            if mac.frame_type == FrameType.BEACON:
                return _beacon(mac)
            if mac.frame_type == FrameType.COMMAND:
                return _command(mac)
            if mac.payload and mac.frame_type == FrameType.MULTIPURPOSE:
                return _Inside(info=f"multipurpose, {counted(len(mac.payload))}")
            if mac.payload and mac.frame_type == FrameType.DATA:
                if mac.payload[0] >> 6:
                    found = self._lowpan(mac.payload, mac, time_ns)
                elif not found.layers:
                    found = _opaque(mac)
        except Malformed as error:
            return found if _missing_of(mac) else attrs.evolve(found, info=f"malformed: {error}")
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
        piece = lowpan.decompress_readable(octets, mac.src, mac.dst, self._contexts, self._missing)
        layers = outer + _adaptation(piece.layers)
        whole: lowpan.Datagram | None = None
        if isinstance(piece, lowpan.Fragment):
            try:
                if not self._missing:
                    whole = self._reassembler.add(piece, mac.src, mac.dst, time_ns)
            except Malformed as error:
                piece = attrs.evolve(piece, trouble=str(error))
            if whole is None:
                return _Inside(layers, piece=piece, info=_fragment_line(piece))
        else:
            whole = piece
        known = _Inside(layers, piece=piece, datagram=whole.packet)
        if whole.trouble and not whole.packet:
            return attrs.evolve(known, info=f"malformed: {whole.trouble}")
        try:
            packet = self._steps.run(lambda: self._parsed(whole), None)
        except Malformed as error:
            return attrs.evolve(known, info=f"malformed: {error}")
        if packet is None:
            return known
        if whole.trouble:
            return _damaged(known, packet)
        read = self._steps.run(lambda: self._ipv6(packet, layers, mac, time_ns), attrs.evolve(known, packet=packet))
        inside = attrs.evolve(read, piece=piece, datagram=whole.packet)
        if ROOT not in self._contexts and any(map(sixlorh.needs_root, whole.routing)):
            line, mark, trouble = inside.info.partition(" [malformed")  # the mark stays the last
            gap = "(source route and tunnel apart: the root is not known: --context root=ADDRESS)"
            return attrs.evolve(inside, info=f"{line} {gap}{mark}{trouble}")
        return inside

    def _parsed(self, whole: lowpan.Datagram) -> Packet:
        """The packet of a datagram as far as it can be read."""
        packet = ipv6.parse_readable(whole.packet)
        if not (self._missing or whole.unknown or whole.trouble):
            return packet
        found = ipv6.unchecked(packet)
        if whole.unknown:
            found = ipv6.without_addresses(found, whole.unknown)
        trouble = whole.trouble or packet.trouble or next(iter(whole.unknown.values()), "")
        return attrs.evolve(found, trouble="" if self._missing else trouble)

    def _recover(self, octets: bytes, mac: MacFrame, time_ns: int, outer: tuple[str, ...]) -> _Inside:
        """A recoverable fragment, and the datagram that it completes (RFC 8931)."""
        piece = recoverable.parse_readable(octets)
        waiting = _Inside((*outer, "6lowpan", piece.LAYER), piece=piece, info=_marked(piece))
        if isinstance(piece, recoverable.Acknowledgement) or piece.trouble:
            return waiting
        whole = None
        try:
            whole = self._recoverable.add(piece, mac.src, mac.dst, time_ns)
            if whole is None:
                return waiting
            if recoverable.is_one(whole) or whole[0] >> 3 in _FRAGMENTS:
                raise Malformed("6LoWPAN: a fragment within a recoverable one")
            inside = self._lowpan(whole, mac, time_ns, outer)
        except Malformed as error:
            piece = attrs.evolve(piece, whole=whole or b"", trouble=str(error))
            return attrs.evolve(waiting, piece=piece, info=_marked(piece))
        layers = tuple(dict.fromkeys((*waiting.layers, *inside.layers)))
        trouble = getattr(inside.piece, "trouble", "")
        return attrs.evolve(inside, layers=layers, piece=attrs.evolve(piece, whole=whole, trouble=trouble))

    def _ipv6(self, packet: Packet, layers: tuple[str, ...], mac: MacFrame, time_ns: int) -> _Inside:
        """An IPv6 packet; where it is a fragment (RFC 8200, 4.5), the packet that it completes."""
        inner = ipv6.innermost(packet)
        header = ipv6_fragment.fragment_of(inner)
        if header is None:
            return self._packet(packet, layers)
        end = header.offset + len(inner.payload)
        waiting = _Inside(
            layers + summary.packet_layers(packet),
            packet,
            info=f"IPv6 fragment {header.offset}-{end}, id {header.identification:#010x}",
        )
        if packet.trouble or self._missing:
            return waiting
        try:
            whole = self._ipv6_reassembler.add(packet, (mac.src, mac.dst), time_ns)
        except Malformed as error:
            return attrs.evolve(waiting, info=f"malformed: {error}")
        return waiting if whole is None else self._packet(whole, (*layers, summary.IPV6_FRAGMENT))

    def _packet(self, packet: Packet, layers: tuple[str, ...]) -> _Inside:
        """A whole IPv6 packet, and the EAPOL in it where it is a relay's."""
        layers += summary.packet_layers(packet)
        upper = ipv6.innermost(packet).upper
        info = self._steps.run(lambda: line_of_cut(packet) if self._missing else describe(packet), "")
        found = _Inside(layers, packet, info=info)
        if not isinstance(upper, Udp):
            return found
        if RELAY_PORT in (upper.src_port, upper.dst_port):
            try:
                relay = decode_relay(upper.payload)
            except Malformed as error:
                return found if self._missing else attrs.evolve(found, info=f"{info} [malformed: {error}]")
            carried = _eapol(relay.pdu, relay.kmp_id, (*layers, "eapol-relay"))
            return attrs.evolve(carried, packet=packet, relay=relay, info=f"{carried.info}, relayed")
        protocol = application.protocol_of(upper)
        if protocol is None:
            return found
        try:
            return attrs.evolve(found, layers=(*layers, protocol.layer), content=protocol.parse(upper.payload))
        except Malformed:
            return found  # its line says so


def _beacon(mac: MacFrame) -> _Inside:
    """A beacon's fields; an enhanced one's (version 2) are its IEs, and what its makers put after them."""
    if mac.version < 2:
        found = beacon.parse(mac.payload)
        return _Inside(("beacon",), content=found, info=beacon.describe(found))
    nested = [sub for ie in mac.payload_ies if ie.id == mlme.GROUP for sub in each_sub_ie(ie.content)]
    names = [mlme.name_of(sub) if (said := tsch.read(sub)) is None else tsch.describe(said) for sub in nested]
    octets = [counted(len(mac.payload))] if mac.payload and not mac.broken else []
    return _Inside(("beacon",), info=", ".join(("enhanced", *names, *octets)))


def _command(mac: MacFrame) -> _Inside:
    found = command.parse(mac.payload)
    info = command.describe(found)
    listening = u_bus_standin.parse_listening(found.rest) if isinstance(found, command.RitDataRequest) else None
    if listening is None:
        return _Inside(("command",), content=found, info=info)
    info = f"{info}, {u_bus_standin.describe_listening(listening)}"
    return _Inside(("command", u_bus_standin.LAYER), content=found, info=info)


def _opaque(mac: MacFrame) -> _Inside:
    """A payload that is no 6LoWPAN (RFC 4944 leaves 00xxxxxx to others): U-bus Air's, which is not public, or what the
    twin sends in its place; Zigbee's."""
    if u_bus_standin.is_one(mac.payload):
        message = u_bus_standin.parse(mac.payload)
        return _Inside((u_bus_standin.LAYER,), content=message, info=u_bus_standin.describe(message))
    return _Inside(info=f"opaque: {counted(len(mac.payload))}, no 6LoWPAN")


_FRAGMENTS: Final = (0b11000, 0b11100)
_ADAPTATION: Final = (
    *("6lowpan", "mesh", "frag1", "fragn", "iphc", "hc1"),
    *(header.LAYER for header in (sixlorh.SourceRoute, sixlorh.PacketInformation, sixlorh.IpInIp, sixlorh.Elective)),
)


def _fragment_line(piece: lowpan.Fragment) -> str:
    """A few words on a fragment; of a damaged one nobody knows where it ends."""
    of = f"of {piece.size}, tag {piece.tag}"
    if piece.trouble:
        return f"fragment at {piece.offset} {of} [malformed: {piece.trouble}]"
    line = f"fragment {piece.offset}-{piece.offset + len(piece.data)} {of}"
    return f"{line} [malformed: {next(iter(piece.unknown.values()))}]" if piece.unknown else line


def _marked(piece: recoverable.Piece) -> str:
    """A few words on a recoverable fragment or its acknowledgement, and what is wrong with it."""
    line = recoverable.describe(piece)
    return f"{line} [malformed: {piece.trouble}]" if piece.trouble else line


def _damaged(known: _Inside, packet: Packet) -> _Inside:
    """The packet of a datagram that is damaged where it is compressed: shown as far as it goes, and read no further, so
    nothing is learnt of it."""
    said = ipv6.innermost(packet).next_header != ipv6.NO_NEXT_HEADER
    line = f"{line_of_cut(packet) if said else 'IPv6'} [malformed: {packet.trouble}]"
    return attrs.evolve(known, packet=packet, layers=known.layers + summary.packet_layers(packet), info=line)


def _adaptation(layers: tuple[str, ...]) -> tuple[str, ...]:
    """6LoWPAN's own headers; what it compressed is named as what it is, from the packet."""
    return tuple(dict.fromkeys(name for name in layers if name in _ADAPTATION))


def _eapol(octets: bytes, kmp_id: int, outer: tuple[str, ...]) -> _Inside:
    try:
        pdu = decode_eapol(octets)
        return _Inside((*outer, *words.eapol_layers(pdu)), None, pdu, kmp_id, info=words.eapol(pdu))
    except Malformed as error:
        head = eapol_head(octets)
        info = f"malformed: {error}" if head is None else f"{words.eapol(head)} [malformed: {error}]"
        return _Inside((*outer, "eapol"), None, head, kmp_id, info=info)


def _listening(mac: MacFrame) -> str:
    """What plain IEs say of a frame that says nothing else: when its sender listens (RIT, CSL), which cells it asks
    for (6P)."""
    try:
        whole = [ie for ie in mac.header_ies if not ie.missing]
        found = [element for element in map(header_ies.read, whole) if element is not None]
        asked = [
            sixtop.read(ie.content) for ie in mac.payload_ies if ie.id == sixtop.GROUP and ie.content and not ie.missing
        ]
    except Malformed as error:
        return f"malformed: {error}"
    return ", ".join((*map(header_ies.describe, found), *(sixtop.describe(message) for message in asked if message)))


def _missing_of(mac: MacFrame) -> int:
    """Octets that a datagram lacks whose element says more than are left; of another element they are not its own."""
    last = mac.payload_ies[-1] if mac.payload_ies else None
    return last.missing if mac.broken and last is not None and last.id == MPX_GROUP else 0


def _read_ies(mac: MacFrame) -> _Elements:
    """Kind of the frame, names of its IEs, the Wi-SUN ones as records, and what is malformed in them."""
    names: list[str] = []
    typed: list[Element | Opaque] = []
    trouble = ""
    for ie, group in (*((ie, False) for ie in mac.header_ies), *((ie, True) for ie in mac.payload_ies)):
        found, wrong = _wisun_elements(ie, group)
        # Of one that is longer than what is left, that is what is wrong.
        trouble = trouble or (wrong and not ie.missing and f"malformed: {wrong}") or ""
        typed.extend(found)
        names.extend(summary.element_name(element) for element in found)
        if not found and not ie.missing:
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
