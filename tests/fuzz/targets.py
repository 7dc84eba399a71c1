"""What is fuzzed: functions of octets that return for whatever is as it must be, and raise for a finding.

Plain Python, so that every finding becomes a test without the fuzzer. Structure-aware where octets alone would not get
far: frames are sealed here with a key of our
own after the fuzzer changed their clear text, checksums are computed over what it made, several frames are cut out of
one input (`cut`), and what is decoded must agree with itself: sealed with clear, bulk with full, built with parsed.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import attrs

from bench.air.bulk import lines as columns
from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import Line, Pending, line_row
from bench.air.bulk.rows import Row as BulkRow
from bench.air.bulk.table import write_table
from bench.air.capture import zep
from bench.air.capture.capture import read_capture, read_stream
from bench.air.capture.link import NO_FCS, TAP, WITH_FCS, Record, make_record, write_tap, zep_record
from bench.air.errors import Malformed
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tree import frame_lines
from bench.air.filter.language import compile_filter
from bench.air.frame.decoder import Decoder, Frame
from bench.air.index.index import Index
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys import eapol, fourway
from bench.air.keys.eapol import RELAY_PORT
from bench.air.keys.security import protect
from bench.air.keys.table import GroupKey, KeyTable, gak
from bench.air.lowpan import datagram as lowpan
from bench.air.mac import frame as mac
from bench.air.mac.frame import decode_mac, encode_mac, fcs16
from bench.air.mac.mpx import KMP, Mpx, encode_mpx
from bench.air.wisun import frames as wisun
from bench.errors import InputError

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000102")
PREFIX: Final = bytes.fromhex("fd004b4200000000")
CONTEXTS: Final = {0: PREFIX, 1: bytes(8)}
KEY: Final = bytes(range(16))
PMK: Final = bytes(range(32))
KEYS: Final = KeyTable([(0, KEY), (1, bytes(16)), (1, KEY)], addresses={(0xABCD, b"\x12\x34"): A})
LEARNING: Final = KeyTable([(1, KEY)], group_keys=[GroupKey(2, KEY)], pmks=[PMK])
SRC, DST = (ipv6.address_from_eui64(PREFIX, end) for end in (A, B))
NS_PER_S: Final = 1_000_000_000
_MOST_FRAMES: Final = 40
_MOST_OCTETS: Final = 1 << 20
"""Octets of a gzip capture that are unpacked at most: what is tested is the reader, not patience."""


class Finding(AssertionError):
    """Something that must not be."""


def demand(holds: object, what: object) -> None:
    """Raise `Finding` unless ``holds``; an ``assert`` would be gone under ``-O``."""
    if not holds:
        raise Finding(str(what))


def told(frame: Frame, record: Record) -> None:
    """Everything that is shown of a frame: info, jsonl line, fields, tree. Nothing of it may raise or break a line."""
    demand(not frame.bug, frame.bug)
    row = Row(frame, record, 0)
    line = json.dumps(row.line, ensure_ascii=False)
    demand(json.loads(line) == row.line, line)
    texts = [frame.info, *(row.text(name) for name in row.names), *frame_lines(row, record)]
    for text in texts:
        text.encode()
        demand(len(text.splitlines()) <= 1 and text.isprintable(), f"breaks a line or steers a terminal: {text!r}")
    demand(frame.mic not in ("bad",) or _unread(frame), "read beyond a wrong MIC")


def _unread(frame: Frame) -> bool:
    """Nothing behind the MAC header was read."""
    inside = (frame.packet, frame.eapol, frame.kmp_id, frame.relay, frame.key_message, frame.content, frame.piece)
    return not any(part is not None for part in inside) and not frame.datagram and not frame.tls


def decoded(record: Record, decoder: Decoder) -> Frame:
    """The frame of a record, with everything told."""
    frame = decoder.decode(record)
    told(frame, record)
    return frame


def psdu_record(psdu: bytes, number: int = 1, time_ns: int = 0) -> Record:
    """The record of a PSDU from a capture without FCS."""
    return make_record(number, time_ns, NO_FCS, psdu, len(psdu))


def cut(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Several pieces in one input: an octet of head, one or two of length (bit 7: two), the piece."""
    at = count = 0
    while at + 2 <= len(octets) and count < _MOST_FRAMES:
        head, length = octets[at], octets[at + 1]
        at += 2
        if length & 0x80 and at < len(octets):
            length, at = (length & 0x7F) << 8 | octets[at], at + 1
        yield head, octets[at : at + length]
        at += length
        count += 1


def joined(pieces: list[tuple[int, bytes]]) -> bytes:
    """The input that `cut` cuts into these pieces, which have at most 32767 octets."""
    out = bytearray()
    for head, piece in pieces:
        size = len(piece)
        out += bytes((head, size)) if size < 0x80 else bytes((head, 0x80 | size >> 8, size & 0xFF))
        out += piece
    return bytes(out)


# ---- frames ------------------------------------------------------------------------------------------------------


def frame(octets: bytes) -> None:
    """A PSDU, without keys and with; cut by the capture, too."""
    record = psdu_record(octets)
    for keys in (None, KEYS, LEARNING):
        decoded(record, Decoder(keys, CONTEXTS))
    cut_off = make_record(1, 0, NO_FCS, octets, len(octets) + 9)
    demand(decoded(cut_off, Decoder(KEYS, CONTEXTS)).mic != "ok", "a cut frame cannot verify")


def tap(octets: bytes) -> None:
    """A packet of link types TAP and 195, as it is and with a right FCS."""
    for link_type in (TAP, WITH_FCS):
        decoded(make_record(1, 0, link_type, octets, len(octets)), Decoder(None, CONTEXTS))
    whole = octets + fcs16(octets)
    read = make_record(1, 0, WITH_FCS, whole, len(whole), 1)
    demand(read.fcs_ok and read.data == octets, "a right FCS is not right")


def sealed(octets: bytes) -> None:
    """A clear frame, sealed with our key: it must open to what it says in clear, and not with one bit turned."""
    if len(octets) < 4:
        return
    level, turned, octets = 1 + octets[0] % 7, octets[1] << 8 | octets[2], octets[3:]
    try:
        clear = decode_mac(octets)
        counter = None if clear.version == 2 and level == 1 else 5
        asn = 7 if counter is None else None
        psdu = protect(clear, KEY, counter, 1, level=level, eui64=A, asn=asn)
    except (Malformed, ValueError):
        return
    if not clear.version or clear.security is not None or (clear.src is not None and len(clear.src) != 8):
        return
    one = decoded(psdu_record(psdu), Decoder(KEYS, CONTEXTS))
    if clear.src is None or level == 4 or asn is not None:
        return
    plain = decoded(psdu_record(octets), Decoder(None, CONTEXTS))
    demand(one.mic == "ok", f"sealed, but {one.mic}: {one.info}")
    demand(_content(one) == _content(plain), f"sealed {_content(one)}\nclear {_content(plain)}")
    damaged = bytearray(psdu)
    damaged[turned // 8 % len(psdu)] ^= 1 << turned % 8
    other = decoded(psdu_record(bytes(damaged)), Decoder(KEYS, CONTEXTS))
    demand(other.mic != "ok", f"bit {turned % (8 * len(psdu))} turned, and the MIC is right")


def _content(frame: Frame) -> object:
    """What sealing does not change."""
    kept = ("kind", "src", "dst", "seq", "pan", "ies", "typed_ies", "layers", "packet", "eapol", "kmp_id", "relay")
    more = ("content", "piece", "datagram", "tls", "info")
    return {name: getattr(frame, name) for name in kept + more}


def adapted(octets: bytes) -> None:
    """A 6LoWPAN payload in a frame; the packet that comes out is compressed, decompressed, parsed and built again."""
    found = decoded(psdu_record(encode_mac(wisun.data(A, B, octets[:2000], 7))), Decoder(None, CONTEXTS))
    packet = found.datagram
    if not packet:
        return
    for contexts in ({}, CONTEXTS):
        back = lowpan.decompress(lowpan.compress(packet, A, B, contexts), A, B, contexts)
        demand(isinstance(back, lowpan.Datagram) and back.packet == packet, "compression is not undone")
    if found.packet is not None:
        _rebuilt(found.packet)


def _rebuilt(packet: Packet) -> None:
    """What was parsed can be built, and is then parsed to the same record and built to the same octets."""
    built = ipv6.build(packet)
    again = ipv6.parse(built)
    demand(again == packet, f"parsed {packet}\nbuilt and parsed {again}")
    demand(ipv6.build(again) == built, "building what was built gives other octets")


_PORTS: Final = (RELAY_PORT, 546, 547, 716, 3610, 5683, 61616, 1)


def upper(octets: bytes) -> None:
    """An upper layer in a packet of its own, checksum right: ICMPv6 with RPL and ND, UDP with what is read there."""
    if len(octets) < 2:
        return
    which, octets = octets[0], octets[1:1800]
    if which < 0x80:
        packet = Packet(SRC, DST, Udp(_PORTS[which % 8], _PORTS[which >> 3 & 7], octets))
    else:
        octets = octets[:2] + b"\0\0" + octets[2:]
        total = ipv6.checksum(SRC, DST, 58, octets)
        protocol = (58, 0, 43, 60, 44, 41, 17, 59)[which & 7]
        octets = octets[:2] + total.to_bytes(2, "big") + octets[4:] if protocol == 58 else octets
        packet = Packet(SRC, DST, octets, next_header=protocol)
    adapted(lowpan.compress(ipv6.build(packet), A, B, CONTEXTS))


# ---- several frames ----------------------------------------------------------------------------------------------


def joining(octets: bytes) -> None:
    """MPX elements of several frames to and fro: transfers in fragments, EAPOL, TLS, handshakes under a known PMK."""
    decoder, time_ns = Decoder(LEARNING, CONTEXTS), 0
    for number, (head, piece) in enumerate(cut(octets), 1):
        time_ns += (head >> 4) ** 2 * NS_PER_S
        src, dst = (A, B) if head & 1 else (B, A)
        body = encode_mpx(Mpx(KMP, piece)) if head & 2 else mac.Ie(3, piece)
        made = wisun.eapol(src, dst, 1, b"", number & 0xFF, authenticator=B if head & 4 else None)
        made = attrs.evolve(made, payload_ies=(made.payload_ies[0], attrs.evolve(body, content=body.content[:2047])))
        decoded(psdu_record(encode_mac(made), number, time_ns), decoder)


_MESSAGES: Final = (
    *(eapol.MESSAGE_1, eapol.MESSAGE_2, eapol.MESSAGE_3, eapol.MESSAGE_4),
    *(eapol.GROUP_1, eapol.GROUP_2),
)
_NONCES: Final = {True: bytes(32), False: b"\1" * 32}


def handshake(octets: bytes) -> None:
    """Key frames of one handshake under a known PMK, MIC right and key data wrapped: what is handed out must open."""
    decoder, name = Decoder(KeyTable(pmks=[PMK]), CONTEXTS), "fuzzed"
    decoded(psdu_record(encode_mac(wisun.pas(A, name))), decoder)
    ptk = fourway.derive_ptk(PMK, B, A, _NONCES[False], _NONCES[True])
    for number, (head, piece) in enumerate(cut(octets), 1):
        information = _MESSAGES[head % len(_MESSAGES)] ^ (eapol.KeyInfo.ENCRYPTED if head & 0x40 else 0)
        upward = head % len(_MESSAGES) in (1, 3, 5)
        data = fourway.encrypt_key_data(ptk, piece[:1000]) if information & eapol.KeyInfo.ENCRYPTED else piece[:1000]
        key = eapol.KeyFrame(information, 16, number, _NONCES[upward], key_data=data)
        pdu = bytearray(fourway.seal(3, key, ptk if information & eapol.KeyInfo.MIC else None))
        if head & 0x80:
            pdu[number % len(pdu)] ^= 1
        ends = (A, B) if upward else (B, A)
        made = wisun.eapol(*ends, 6, bytes(pdu), number & 0xFF, authenticator=None if upward else B)
        found = decoded(psdu_record(encode_mac(made), number), decoder).key_message
        if head & 0x80 and found is not None and number % len(pdu) >= _KEY_FRAME_HEAD:
            demand(found.mic != "ok", "a key frame with an octet turned verifies")
        for group_key in found.group_keys if found is not None and found.mic == "ok" else ():
            psdu = protect(wisun.data(A, B, b"\x41", 7), gak(name, group_key.gtk), number, group_key.index)
            demand(decoded(psdu_record(psdu, number), decoder).mic == "ok", f"{group_key} was learnt and opens nothing")


_KEY_FRAME_HEAD: Final = 4
"""Version, type and length of EAPOL; damage behind them is under the MIC."""


def pieces(octets: bytes) -> None:
    """6LoWPAN payloads of several frames, so fragments of both layers; the clock may jump."""
    decoder, time_ns = Decoder(None, CONTEXTS), 0
    for number, (head, piece) in enumerate(cut(octets), 1):
        time_ns += ((head >> 4) - 1) * 10 * NS_PER_S
        src, dst = (A, B) if head & 1 else (B, A)
        decoded(psdu_record(encode_mac(wisun.data(src, dst, piece[:2000], number & 0xFF)), number, time_ns), decoder)


def flow(octets: bytes) -> None:
    """Whole PSDUs after one another, one decoder with keys: what is learnt, acknowledged, counted."""
    decoder = Decoder(LEARNING, CONTEXTS)
    for number, (head, piece) in enumerate(cut(octets), 1):
        psdu = piece
        if head & 1:
            try:
                psdu = protect(decode_mac(piece), KEY, head >> 1, 1, eui64=A)
            except (Malformed, ValueError):
                psdu = piece
        decoded(psdu_record(psdu, number, number * NS_PER_S), decoder)


def bulk(octets: bytes) -> None:
    """The bulk decoder says what the full one says, also with warm memories; in TAP packets, too, of odd headers."""
    fasts = {link_type: line_decoder(link_type, KEYS, CONTEXTS) for link_type in (NO_FCS, TAP)}
    fulls = {link_type: Decoder(KEYS, CONTEXTS) for link_type in fasts}
    for number, (head, piece) in enumerate(cut(octets), 1):
        psdu = piece
        if head & 1:
            try:
                psdu = protect(decode_mac(piece), KEY, number, 1)
            except (Malformed, ValueError):
                psdu = piece
        tapped = write_tap(psdu, fcs_octets=2 + (head & 2), tlvs=[(900, bytes(8 * (head >> 2)))])
        for link_type, packet in ((NO_FCS, psdu), (TAP, tapped)):
            found = fulls[link_type].decode(make_record(number, 0, link_type, packet, len(packet)))
            row = fasts[link_type].decode(number, 0, 0, packet, len(packet))
            if not isinstance(row, Pending) and fasts[link_type].named:
                _same_row(row, line_row(found, 0))


def _same_row(row: BulkRow[Line], wanted: BulkRow[Line]) -> None:
    same = row[:4] == wanted[:4] and row[5:12] == wanted[5:12] and row[12][:2] == wanted[12][:2]
    ends = [getattr(row[4], name) == getattr(wanted[4], name) for name in ("src", "dst", "pan", "ends")]
    demand(same and all(ends), f"bulk {row}\nfull {wanted}")


# ---- captures ----------------------------------------------------------------------------------------------------


class _Bounded:
    """A stream that ends after `_MOST_OCTETS`."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file, self._left = file, _MOST_OCTETS

    def read1(self, count: int, /) -> bytes:
        octets = self._file.read1(min(count, self._left))
        self._left -= len(octets)
        return octets


def capture(octets: bytes) -> None:
    """A capture file, whole and as a stream in pieces: the same records, or the same one-line refusal."""
    import gzip

    zipped = octets[:2] == b"\x1f\x8b"
    plain = io.BytesIO(octets)
    source = _Bounded(gzip.GzipFile(fileobj=plain) if zipped else plain)
    whole, refusal = _records(lambda: read_stream(source, "fuzz"))
    decoder = Decoder(None, CONTEXTS)
    for record in whole[:_MOST_FRAMES]:
        decoded(record, decoder)
    if not zipped:
        slow, other = _records(lambda: read_stream(_Drops(octets), "fuzz"))
        demand(
            (slow, other) == (whole, refusal), f"as a stream: {len(slow)} {other!r}, whole: {len(whole)} {refusal!r}"
        )


class _Drops:
    """A stream that gives 1 to 37 octets at a time."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def read1(self, count: int, /) -> bytes:
        start, self._at = self._at, self._at + max(1, min(count, self._at % 37 + 1))
        return self._octets[start : self._at]


def _records(read: Callable[[], Iterator[Record]]) -> tuple[list[Record], str]:
    records: list[Record] = []
    try:
        records.extend(read())
    except InputError as error:
        demand("\n" not in str(error), error)
        return records, str(error)
    return records, ""


def datagram(octets: bytes) -> None:
    """A ZEP datagram, from a socket."""
    for is_cut in (False, True):
        record = zep_record(1, 0, octets, cut=is_cut)
        if record is not None:
            decoded(record, Decoder(None, CONTEXTS))
    try:
        found = zep.decode_zep(octets)
    except Malformed:
        return
    again = zep.decode_zep(zep.encode_zep(found))
    demand(again == found, f"{found}\n{again}")


def table(octets: bytes) -> None:
    """A capture file by the bulk table, by the index and frame by frame: the same, or the same refusal."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        path = Path(folder) / "fuzz.pcapng"
        path.write_bytes(octets)
        texts: list[tuple[str, str]] = []
        for write in (_by_spans, _by_frames):
            out, refusal = io.StringIO(), ""
            try:
                write(str(path), out)
            except InputError as error:
                refusal = str(error)
            texts.append((out.getvalue(), refusal))
        (bulk_text, bulk_refusal), (text, refusal) = texts
        demand(bulk_refusal == refusal, texts)
        demand(bulk_text == text or (bulk_text == columns.HEADING and not text), texts)
        try:
            index = Index.open(path, None, CONTEXTS, workers=1)
        except InputError:
            return
        records, refusal = _records(lambda: read_capture(path))
        demand(
            len(index) == len(records) and index.damage == refusal, (len(index), index.damage, len(records), refusal)
        )
        decoder = Decoder(None, CONTEXTS)
        frames = [decoder.decode(record) for record in records]
        for name, least, most in (("time_ns", 1 - (1 << 63), (1 << 63) - 1), ("length_octets", 0, 0xFFFF)):
            held = [max(least, min(getattr(frame, name), most)) for frame in frames]
            demand(index.column(name).tolist() == held, f"{name} of the index")


def _by_spans(path: str, out: io.StringIO) -> None:
    if write_table(path, None, CONTEXTS, out, 1) is None:
        _by_frames(path, out)


def _by_frames(path: str, out: io.StringIO) -> None:
    decoder = Decoder(None, CONTEXTS)
    start_ns: int | None = None
    for record in read_capture(path):
        frame = decoder.decode(record)
        out.write(columns.HEADING if start_ns is None else "")
        start_ns = frame.time_ns if start_ns is None else start_ns
        ends = mac.format_address(frame.src), mac.format_address(frame.dst)
        out.write(
            columns.line(frame.number, frame.time_ns - start_ns, *ends, frame.kind, frame.seq, frame.mic, frame.info)
        )


# ---- words -------------------------------------------------------------------------------------------------------

_RECORD: Final = psdu_record(
    encode_mac(wisun.data(A, B, lowpan.compress(ipv6.build(Packet(SRC, DST, Udp(1, 5683, b"\x40\x01\0\1"))), A, B), 7))
)
_ROW: Final = Row(Decoder().decode(_RECORD), _RECORD, 0)


def words(octets: bytes) -> None:
    """An expression of the display filter: it works on a frame, or is refused in one line."""
    expression = octets.decode("utf-8", "replace")
    try:
        predicate = compile_filter(expression, JSONL_FIELDS)
    except InputError as error:
        demand(len(str(error).splitlines()) == 1, error)
        return
    demand(predicate(_ROW) in (True, False), expression)


def key_file(octets: bytes) -> None:
    """A key file: a table, or one line with file and place."""
    with tempfile.NamedTemporaryFile(prefix="fuzz") as file:
        file.write(octets)
        file.flush()
        try:
            keys = KeyTable.read(file.name)
        except InputError as error:
            demand(len(str(error).splitlines()) == 1, error)
            return
    demand(bool(keys) and keys.digest() == keys.copy().digest(), "a table of no keys")


def layers(octets: bytes) -> None:
    """scapy's layers: whatever they dissect, they build again to the octet."""
    from scapy.packet import Packet as Layer

    from bench.air.scapy_layers import Wpan
    from bench.air.scapy_layers.packets import to_scapy

    record = psdu_record(octets)
    made = to_scapy(record, contexts=CONTEXTS)
    demand(isinstance(made, Layer), made)
    made.show2(dump=True)
    if isinstance(made, Wpan):
        fresh = to_scapy(record, contexts=CONTEXTS)
        fresh.clear_cache()
        demand(bytes(fresh) == octets, f"built {bytes(fresh).hex()}\nof {octets.hex()}")


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    target.__name__: target
    for target in (
        *(frame, tap, sealed, adapted, upper, joining, handshake, pieces, flow, bulk),
        *(capture, datagram, table, words, key_file, layers),
    )
}
