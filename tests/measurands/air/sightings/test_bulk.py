"""Sightings by the bulk decoder against those of decoded frames: every value, whole captures and damaged ones."""

from __future__ import annotations

import marshal
import math
import random
import struct
from itertools import accumulate
from pathlib import Path

import attrs
import pytest

from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.spans import form_of, places, read, spans
from bench.air.capture.capture import read_capture
from bench.air.capture.link import TAP, Tlv, make_record
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import Decoder, decode_frames
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac
from bench.errors import InputError
from bench.measurands.air.sightings.bulk import SightingVisitor, collect
from bench.measurands.air.sightings.digest import Collector
from bench.measurands.air.sightings.reading import Reader, sightings
from bench.measurands.air.sightings.sighting import Datagram, Sighting
from bench.measurands.air.sightings.spool import pack
from tests.air.lowpan.lowpan_captures import CONTIKI_CONTEXTS
from tests.air.mac_captures import CONTIKI, WISUN, keys_of, need
from tests.measurands.air.radio import T0

SHARED = [(name, form) for name in WISUN for form in ("", "-tap-fcs32", "-clear") if name != "mbed-line2"]
SHARED += [(name, form) for name in CONTIKI for form in ("", "-fcs16")]


def in_bulk(path: Path, keys: KeyTable | None, workers: int = 1) -> list[Sighting] | None:
    found: list[Sighting] = []
    return found if collect(str(path), read_capture(path), keys, Collector(found.append), workers) else None


def one_by_one(path: Path, keys: KeyTable | None) -> list[Sighting]:
    return list(sightings(decode_frames(read_capture(path), keys)))


@pytest.mark.parametrize(("name", "form"), SHARED)
def test_every_sighting_is_that_of_the_decoded_frame(name: str, form: str) -> None:
    path = need(f"{name}{form}.{'pcap' if 'fcs16' in form else 'pcapng'}")
    for keys in (keys_of(name), None):
        assert in_bulk(path, keys) == one_by_one(path, keys)


@pytest.mark.parametrize("name", CONTIKI)
def test_contexts_reach_both(name: str) -> None:
    path, found = need(f"{name}.pcapng"), list[Sighting]()
    keys = keys_of(name)
    assert collect(str(path), read_capture(path), keys, Collector(found.append), 1, CONTIKI_CONTEXTS)
    assert found == list(sightings(decode_frames(read_capture(path), keys, CONTIKI_CONTEXTS)))
    assert found != one_by_one(path, keys)


def test_datagrams_are_read_without_the_full_decoder() -> None:
    """Else the test above compares the full decoder with itself."""
    path = need("line2.pcapng")
    form = form_of(path)
    assert form is not None
    visitor = SightingVisitor(form.link_type)
    decoder = BulkDecoder(form.link_type, visitor.payloads, keys_of("line2"))
    [span] = spans(form, path.stat().st_size)
    with path.open("rb") as file:
        buffer = read(form, span, file)
    found = places(form, span, buffer)
    visitor.visit(buffer, found, decoder.rows(buffer, found))
    routed = [s.content for s in one_by_one(path, keys_of("line2")) if isinstance(s.content, Datagram)]
    assert decoder.slow < span.packets / 2
    assert any(datagram.ahead for datagram in routed)


def test_damaged_frames_and_odd_tap_headers(tmp_path: Path) -> None:
    rng = random.Random(7)
    source, path = need("star3-tap-fcs32.pcapng"), tmp_path / "damaged.pcapng"
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("test")
        for record in read_capture(source):
            octets = bytearray(record.data)
            for _ in range(rng.randrange(3)):
                octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
            told = {"rssi_dbm": rng.choice((None, -61.5)), "channel": rng.choice((None, 3))}
            start = rng.choice((None, record.start_ns))
            writer.packet(bytes(octets), record.time_ns, start_ns=start, end_ns=start and start + 9, **told)  # type: ignore[arg-type]
    assert in_bulk(path, keys_of("star3")) == one_by_one(path, keys_of("star3"))


VENDOR = 0x7F00
SHORTEST = bytes((0x01, 0x21))
"""A frame of no more than its control field: version 2, without sequence number, addresses and payload."""


def tapped(psdu: bytes, *tlvs: tuple[int, bytes], padded: bool = True) -> bytes:
    """With a TAP header of these and no FCS; ``padded``: the last one as the others."""
    written = [struct.pack("<HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in tlvs]
    if not padded:
        written[-1] = written[-1][: 4 + len(tlvs[-1][1])]
    body = b"".join(written)
    return struct.pack("<BBH", 0, 0, 4 + len(body)) + body + psdu


def test_whatever_a_tap_header_holds_is_read_as_the_full_decoder_does() -> None:
    at = T0 + 5
    start, end = (Tlv.START_OF_FRAME, struct.pack("<Q", at)), (Tlv.END_OF_FRAME, struct.pack("<Q", at + 9_000_000))
    level, other = (Tlv.RSS, struct.pack("<f", -61.5)), (Tlv.RSS, struct.pack("<f", -70.0))
    packets = [
        tapped(SHORTEST, start, end, level),
        tapped(SHORTEST, level, end, start),
        tapped(SHORTEST, level, start, other, end),
        tapped(SHORTEST, (VENDOR, bytes(5)), end, start),
        tapped(SHORTEST, (Tlv.RSS, level[1] + bytes(5)), start, end),
        tapped(SHORTEST, (VENDOR, bytes(256 - 32)), start, end),
        tapped(SHORTEST, level, start, (Tlv.LQI, b"\xff")),
        tapped(SHORTEST + b"and more", level, start, (Tlv.LQI, b"\xff"), padded=False),
        tapped(SHORTEST, level, start, (Tlv.LQI, b"\xff"), padded=False),
        tapped(SHORTEST, start, end, (Tlv.RSS, struct.pack("<f", math.nan))),
        tapped(SHORTEST),
    ]
    assert max(len(packet) for packet in packets) == 256 + len(SHORTEST)
    packets = 2 * [*packets, bytes(200)]
    stops = list(accumulate(map(len, packets)))
    places = [(at, 0, T0, stops[at] - len(packet), stops[at], len(packet)) for at, packet in enumerate(packets)]
    visitor, decoder, reader = SightingVisitor(TAP), Decoder(), Reader()
    bulk = BulkDecoder(TAP, visitor.payloads)
    bulk.begin()
    buffer = b"".join(packets)
    piece = visitor.visit(buffer, places, bulk.rows(buffer, places))
    whole = [decoder.decode(make_record(at, T0, TAP, packet, len(packet))) for at, packet in enumerate(packets)]
    assert marshal.loads(piece.rows) == [pack(reader.read(frame)) for frame in whole]
    assert bulk.slow == 3, "what is no header, and once what is no datagram"


def test_processes_give_the_same_in_the_same_order() -> None:
    path = need("mcast.pcapng")
    assert in_bulk(path, keys_of("mcast"), workers=2) == one_by_one(path, keys_of("mcast"))


def test_a_file_that_cannot_be_cut_is_left_to_the_full_decoder(tmp_path: Path) -> None:
    packed = tmp_path / "line2.pcapng.gz"
    packed.write_bytes(b"\x1f\x8b")
    assert in_bulk(packed, None) is None


def test_a_file_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole, cut = need("line2.pcapng"), tmp_path / "cut.pcapng"
    cut.write_bytes(whole.read_bytes()[:-7])
    found: list[Sighting] = []
    with pytest.raises(InputError, match="cut"):
        collect(str(cut), read_capture(cut), keys_of("line2"), Collector(found.append), 1)
    assert found == one_by_one(whole, keys_of("line2"))[:-1]


def test_a_capture_whose_senders_are_named_by_frames_before_is_left_to_the_full_decoder(tmp_path: Path) -> None:
    """A secured frame without its sender's EUI-64."""
    path, keys = tmp_path / "unnamed.pcapng", keys_of("fixedch")
    records = list(read_capture(need("fixedch.pcapng")))
    at = next(at for at, one in enumerate(decode_frames(records, keys)) if one.mic == "ok" and one.kind == "DATA")
    unnamed = encode_mac(attrs.evolve(decode_mac(records[at].data), src=bytes(2)))
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("test")
        for place, record in enumerate(records):
            writer.packet(unnamed if place == at else record.data, record.time_ns)
    assert in_bulk(path, keys) is None


def test_a_capture_in_which_the_decoder_has_a_bug_is_left_to_whoever_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    path = need("badauth.pcapng")

    def broken(psdu: bytes, *, cut: bool, level_2003: int | None) -> MacFrame:
        raise RuntimeError("oh")

    assert in_bulk(path, keys_of("badauth")) is not None
    monkeypatch.setattr("bench.air.frame.decoder.decode_readable", broken)
    assert in_bulk(path, keys_of("badauth")) is None


@pytest.mark.parametrize("more", [0, 1, 2])
def test_packets_of_a_second_section_are_left_to_the_full_decoder(more: int, tmp_path: Path) -> None:
    first, twice, keys = need("badauth.pcapng"), tmp_path / "twice.pcapng", keys_of("badauth")
    records = list(read_capture(first))
    with twice.open("wb") as file:
        file.write(first.read_bytes())
        writer = PcapngWriter(file)
        writer.section("test")
        for record in records[:more]:
            writer.packet(record.data, record.time_ns)
    assert in_bulk(twice, keys) == (None if more else one_by_one(first, keys))
