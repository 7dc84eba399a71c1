"""What fuzzing begins with: frames of real stacks and of the twin, cut by the bench's own reader and opened with their
keys, so that no octets of other people's captures stand in this project.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from hashlib import sha1
from pathlib import Path
from typing import Final

import attrs

from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record, write_tap
from bench.air.fields.tables import FIELDS, lowpan_octets
from bench.air.frame.decoder import Decoder, Frame
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys import fourway
from bench.air.keys.table import KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import fragment, recoverable
from bench.air.mac.frame import decode_mac, encode_mac
from bench.air.mac.ies import MPX_GROUP
from bench.air.mac.mpx import LOWPAN
from bench.errors import InputError
from tests.fuzz.families import FAMILIES
from tests.fuzz.targets import _PORTS, DST, PMK, SRC, A, B, joined

_EVERY: Final = 23
_IN_A_ROW: Final = 8
_HEAD_OCTETS: Final = 3000
_CONTIKI: Final = {0: bytes.fromhex("fd00000000000000")}
_CONTIKI_KEYS: Final = KeyTable([(0, bytes.fromhex("101112131415161718191a1b1c1d1e1f"))])


def of_captures(folder: Path, traffic: Path | None = None) -> Iterator[tuple[str, bytes]]:
    """Targets and inputs of a folder of captures with key files beside them, and of the twin's traffic."""
    paths = sorted([*folder.glob("*.pcapng"), *folder.glob("*.pcap")])
    for path in [*paths, *([traffic] if traffic else [])]:
        octets = path.read_bytes()[:_HEAD_OCTETS]
        for target in ("capture", "table"):
            yield target, octets
        yield "capture", gzip.compress(octets)
        yield from _frames(path, folder)
    yield from _words(folder)
    yield from _handshakes()
    yield from _rare()


def _rare() -> Iterator[tuple[str, bytes]]:
    """What no capture here holds: headers of many kinds, recoverable fragments."""
    for family in FAMILIES.values():
        psdu = family(40)
        yield "frame", psdu
        mpx = next((ie for ie in decode_mac(psdu).payload_ies if ie.id == MPX_GROUP), None)
        if mpx is not None and mpx.content[1:3] == LOWPAN.to_bytes(2, "little"):
            yield "adapted", mpx.content[3:]
    packet = ipv6.build(ipv6.Packet(SRC, DST, Udp(1, 5683, bytes(range(90)))))
    parts = recoverable.fragment(lowpan.compress(packet, A, B), 30, 9)
    yield "pieces", joined([(0x11, recoverable.build(part)) for part in parts])
    yield "adapted", recoverable.build(recoverable.Acknowledgement(9, 0xE0000000))


def _handshakes() -> Iterator[tuple[str, bytes]]:
    """A whole handshake and a renewal, with the elements that Wi-SUN's stacks put into them."""
    asked = fourway.gtk_liveness_kde(0) + fourway.lgtk_liveness_kde(0) + fourway.node_role_kde(1)
    given = fourway.gtk_liveness_kde(1) + fourway.gtk_kde(0, bytes(range(16))) + fourway.lifetime_kde(9)
    named = fourway.pmkid_kde(fourway.pmkid(PMK, B, A))
    renewed = fourway.lgtk_liveness_kde(1) + fourway.gtk_kde(1, bytes(16))
    whole = [(0, named), (1, asked), (2, given), (3, b""), (4, renewed), (5, b"")]
    yield "handshake", joined(whole)
    yield "handshake", joined(whole[1:])
    yield "handshake", joined([*whole[:2], (0x82, given), (2, given), (0x44, renewed)])


def _frames(path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    key_file = folder / f"{path.name.split('-')[0].split('.')[0]}.ieee802154_keys"
    own = path.with_suffix(".ieee802154_keys")
    key_file = own if own.exists() else key_file
    contiki = path.name.startswith("contiki")
    keys = _CONTIKI_KEYS if contiki else KeyTable.read(key_file) if key_file.exists() else None
    decoder = Decoder(keys, _CONTIKI if contiki else None)
    row: list[tuple[Record, Frame]] = []
    try:
        for number, record in enumerate(read_capture(path)):
            if number > 4000:
                break
            frame = decoder.decode(record)
            row = [*row[-_IN_A_ROW:], (record, frame)]
            if number % _EVERY == 0:
                yield from _of_frame(record, frame)
            if number % (3 * _EVERY) == 0:
                yield from _of_row(row)
    except InputError:
        return


def _of_frame(record: Record, frame: Frame) -> Iterator[tuple[str, bytes]]:
    for target in ("frame", "layers"):
        yield target, record.data
    yield "tap", write_tap(record.data, channel=3, rssi_dbm=-60.0)
    clear = _clear(frame)
    if clear:
        yield "sealed", b"\x05\0\7" + clear
        yield "layers", clear
    lowpan = lowpan_octets(frame)
    if lowpan:
        yield "adapted", lowpan
    if frame.packet is not None:
        inner = ipv6.innermost(frame.packet)
        if isinstance(inner.upper, Udp):
            ports = (
                _PORTS.index(port) if port in _PORTS else 7 for port in (inner.upper.src_port, inner.upper.dst_port)
            )
            yield "upper", bytes((next(ports) | next(ports) << 3,)) + inner.upper.payload
        elif inner.next_header == 58:
            yield "upper", b"\x80" + inner.payload[:2] + inner.payload[4:]


def _of_row(row: list[tuple[Record, Frame]]) -> Iterator[tuple[str, bytes]]:
    """Inputs of several frames."""
    yield "flow", joined([(0, record.data) for record, _ in row])
    clear = [(1, octets) for _, frame in row if (octets := _clear(frame))]
    yield "flow", joined(clear)
    yield "bulk", joined(clear)
    elements = [
        (frame.src is not None and frame.src > (frame.dst or b""), ie.content)
        for _, frame in row
        for ie in (frame.mac.payload_ies if frame.mac else ())
        if ie.id == MPX_GROUP
    ]
    yield "joining", joined([(int(up), content) for up, content in elements])
    packets = [frame.datagram for _, frame in row if frame.datagram]
    if packets:
        parts = [part for number, packet in enumerate(packets) for part in _parts(packet, number)]
        yield "pieces", joined([(0x11, part) for part in parts])


def _parts(packet: bytes, tag: int) -> list[bytes]:
    try:
        return fragment.fragment(packet, 90, tag, A, B)
    except ValueError:
        return []


def _clear(frame: Frame) -> bytes:
    """The frame's octets in clear, its security header gone; nothing for one that could not be opened."""
    if frame.mac is None or frame.mic in ("bad", "no key"):
        return b""
    return encode_mac(attrs.evolve(frame.mac, security=None, mic=b""))


def _words(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("*.ieee802154_keys")):
        yield "key_file", path.read_bytes()
    address = "00:0d:6f:ff:fe:03:00:01"
    ours = f"# kenshin gtk 1 {'01' * 16} name\n# kenshin pmk {'02' * 32}\n# kenshin address 0xabcd 0x1234 {address}\n"
    yield "key_file", ours.encode()
    expressions: Mapping[str, str] = {
        "numbers": "wisun.panie.cost > 256 or seq in {1, 3..5} and not wpan.seq_no == 0x07",
        "addresses": f"wpan.src64 == {address} && ipv6.dst == fd12:3456::/64",
        "text": 'kind == PA and info contains "cost" or info matches "(?i)a[b-d]+(e|f)*$"',
        "octets": "udp.payload[0:3] == 01:02:03 || (frame.len & 0x0f) != 3 || pan == none",
    }
    for expression in (*expressions.values(), *(f"{name} == 1" for name in sorted(FIELDS)[::7])):
        yield "words", expression.encode()


def write(corpora: Path, captures: Path, traffic: Path | None = None) -> int:
    """A corpus for each target, in a folder of its name: one file an input. How many there are."""
    count = 0
    for target, octets in of_captures(captures, traffic):
        place = corpora / target / sha1(octets, usedforsecurity=False).hexdigest()
        place.parent.mkdir(parents=True, exist_ok=True)
        count += not place.exists()
        place.write_bytes(octets)
    return count
