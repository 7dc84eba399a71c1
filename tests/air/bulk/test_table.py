"""The bulk decoder against the full one: every value of every row, on every capture, whole and damaged."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.app import ports as application
from bench.air.bulk import pipeline
from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import InTurn, Line, Pending, Row, line_row
from bench.air.bulk.spans import Form, Place, form_of, places, read, spans
from bench.air.bulk.table import write_table
from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, TAP, WITH_FCS, Record, make_record
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import Decoder
from bench.air.ip.packet import Packet, address_from_eui64, build
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import RELAY_PORT
from bench.air.keys.security import protect
from bench.air.keys.table import GroupKey, KeyTable
from bench.air.lowpan.datagram import compress
from bench.air.mac.frame import encode_mac
from bench.air.show import command as show
from bench.air.wisun.frames import data
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, WISUN, keys_of, need

FORMS = ("", "-tap-fcs32", "-clear", "-br-own")
_LEFT_OUT = (
    *(("mbed-line2", "-br-own"), ("rigline2", "-br-own")),  # not there
    ("mbed-line2", ""),  # the longest by far
)
SHARED = [(name, form) for name in WISUN for form in FORMS if (name, form) not in _LEFT_OUT]
SHARED += [(name, form) for name in CONTIKI for form in ("", "-fcs16")]
KEY = bytes(range(16))
A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000002")
PREFIX = bytes.fromhex("fd004b4200000000")


def full_table(path: Path, keys: KeyTable | None, contexts: dict[int, bytes] | None = None) -> str:
    out = io.StringIO()
    show._frame_by_frame(str(path), Decoder(keys, contexts), show._Table(), None, out)
    return out.getvalue()


def bulk_table(
    path: Path, keys: KeyTable | None, contexts: dict[int, bytes] | None = None, workers: int | None = 1
) -> str:
    out = io.StringIO()
    assert write_table(str(path), keys, contexts, out, workers) is not None
    return out.getvalue()


def pieces(form: Form) -> Iterator[tuple[bytes, list[Place]]]:
    """The octets of each span and the packets in them."""
    with open(form.path, "rb") as file:
        for span in spans(form):
            buffer = read(form, span, file)
            yield buffer, places(form, span, buffer)


def zip_rows(bulk: BulkDecoder[Line], buffer: bytes, found: list[Place]) -> Iterator[tuple[Place, Row[Line] | Pending]]:
    return zip(found, bulk.rows(buffer, found), strict=True)


@pytest.mark.parametrize(("name", "form"), SHARED)
def test_every_row_is_the_full_decoders(name: str, form: str) -> None:
    path = need(f"{name}{form}.{'pcap' if 'fcs16' in form else 'pcapng'}")
    contexts = CONTIKI_CONTEXTS if name in CONTIKI else None
    for keys in (keys_of(name), None):
        full = Decoder(keys, contexts)
        cut = form_of(path)
        assert cut is not None
        bulk, in_turn = line_decoder(cut.link_type, keys, contexts), InTurn(keys, contexts)
        records = _until_damage(path)
        rows = [(packet[1], row) for buffer, found in pieces(cut) for packet, row in zip_rows(bulk, buffer, found)]
        assert rows
        for (offset, row), record in zip(rows, records, strict=False):
            wanted = line_row(full.decode(record), offset)
            if isinstance(row, Pending):
                row = line_row(in_turn.decode(row), offset)
            assert values(row) == values(wanted)
            assert (row[4].src, row[4].dst, row[4].pan, row[4].ends) == (
                wanted[4].src,
                wanted[4].dst,
                wanted[4].pan,
                wanted[4].ends,
            )


def _until_damage(path: Path) -> list[Record]:
    records = []
    try:
        for record in read_capture(path):
            records.append(record)
    except InputError:
        pass
    return records


@pytest.mark.parametrize("name", ["line2-tap-fcs32", "mbed-line2", "star3-clear"])
def test_the_bulk_decoder_does_the_bulk(name: str) -> None:
    """It would be right, and useless, if it handed every frame to the full decoder."""
    path = need(f"{name}.pcapng")
    form = form_of(path)
    assert form is not None
    bulk = line_decoder(form.link_type, keys_of(name.removesuffix("-tap-fcs32").removesuffix("-clear")))
    rows = [row for buffer, found in pieces(form) for row in bulk.rows(buffer, found)]
    assert bulk.slow + sum(isinstance(row, Pending) for row in rows) < len(rows) / 20


@pytest.mark.parametrize("workers", [1, 3])
def test_spans_and_workers_change_nothing(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "SMALL_OCTETS", 0)
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", 4096)
    for name in ("contiki-rpl-lite-line4", "mcast"):
        path, contexts = need(f"{name}.pcapng"), CONTIKI_CONTEXTS if name in CONTIKI else None
        text = bulk_table(path, keys_of(name), contexts, workers)
        assert text == full_table(path, keys_of(name), contexts)
        assert "fragment" in text or name not in CONTIKI


def test_the_command_writes_the_same_octets_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    path, keys = str(need("line2-tap-fcs32.pcapng")), str(need("line2.ieee802154_keys"))
    bulk, full = io.StringIO(), io.StringIO()
    show.decode_command(path, keys, "table", None, bulk)
    monkeypatch.setattr(show, "show_table", lambda *_: False)
    show.decode_command(path, keys, "table", None, full)
    assert bulk.getvalue() == full.getvalue()
    assert bulk.getvalue().count("\n") == 479


@pytest.mark.parametrize("cut", [1, 13, 200])
def test_a_truncated_capture_gives_its_whole_records_then_the_same_error(tmp_path: Path, cut: int) -> None:
    whole = need("fixedch-tap-fcs32.pcapng").read_bytes()
    path = tmp_path / "cut.pcapng"
    path.write_bytes(whole[:-cut])
    bulk, full = io.StringIO(), io.StringIO()
    with pytest.raises(InputError) as told:
        show._frame_by_frame(str(path), Decoder(None), show._Table(), None, full)
    with pytest.raises(InputError, match="truncated") as error:
        write_table(str(path), None, None, bulk)
    assert (bulk.getvalue(), str(error.value)) == (full.getvalue(), str(told.value))


def test_a_second_section_is_read_on_frame_by_frame(tmp_path: Path) -> None:
    octets = need("fixedch-tap-fcs32.pcapng").read_bytes()
    path = tmp_path / "two.pcapng"
    path.write_bytes(octets + octets)
    assert bulk_table(path, keys_of("fixedch")) == full_table(path, keys_of("fixedch"))
    assert bulk_table(path, None).count("\n") == 431


@pytest.mark.parametrize("content", [b"", b"\x1f\x8b\x08\x00", b"no capture at all"])
def test_what_is_not_cut_is_left_to_the_caller(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(content)
    assert write_table(str(path), None, None, io.StringIO()) is None


def test_keys_that_verify_nothing_are_told(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f'"{bytes(16).hex()}","1","No hash"\n')
    with pytest.raises(InputError, match=r"none of the \d+ secured frames verified"):
        show.decode_command(str(need("fixedch-tap-fcs32.pcapng")), str(keys), "table", None, io.StringIO())


def values(row: Row[Line]) -> tuple[object, ...]:
    """All that a row says but for its link."""
    return (*row[:4], *row[5:12], *row[12][:2], row[13])


def same(bulk: BulkDecoder[Line], full: Decoder, link_type: int, packet: bytes) -> str:
    """Asserts that both decode one packet alike; its ``mic``. `Pending` ones are the full decoder's anyhow."""
    row = bulk.decode(1, 0, 0, packet, len(packet))
    wanted = line_row(full.decode(make_record(1, 0, link_type, packet, len(packet))), 0)
    if not isinstance(row, Pending):
        assert values(row) == values(wanted)
        assert row[4].ends == wanted[4].ends
    return wanted[7]


def test_a_key_of_another_index_verifies_nothing() -> None:
    """The key that opened this sender's last frame is tried first, but only for the index it belongs to."""
    keys = KeyTable([(1, KEY), (2, bytes(16))])
    bulk, full = line_decoder(NO_FCS, keys), Decoder(keys)
    frames = [
        protect(data(A, B, b"\x41" + bytes(40), number), KEY, number, index) for number, index in enumerate((1, 2, 1))
    ]
    assert [same(bulk, full, NO_FCS, frame) for frame in frames] == ["ok", "bad", "ok"]


@pytest.mark.parametrize("octets", [1 << 19, 256])
@pytest.mark.parametrize(
    ("counters", "words"),
    [((1, 2, 3, 2, 4), "replay"), ((1, 2, 2, 3), ""), ((5, 6, 1, 7), ""), ((1, 2, -2, 3), "reuse")],
)
def test_counters_are_judged_across_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: int, counters: tuple[int, ...], words: str
) -> None:
    """A negative counter stands for other octets under its value."""
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", octets)
    path = tmp_path / "counters.pcapng"
    src, dst = (address_from_eui64(PREFIX, end) for end in (A, B))
    lowpan = compress(build(Packet(src, dst, Udp(61616, 61616, bytes(30)))), A, B)
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("test")
        for number, counter in enumerate(counters):
            writer.packet(protect(data(A, B, lowpan, counter & 0xFF), KEY, abs(counter), 1), number)
    keys = KeyTable([(1, KEY)])
    text = bulk_table(path, keys)
    assert text == full_table(path, keys)
    assert f"[frame counter: {words}]" in text if words else "frame counter" not in text


def test_keys_that_wait_for_a_name_or_a_handshake_are_left_to_the_full_decoder() -> None:
    path = str(need("fixedch.pcapng"))
    for keys in (KeyTable(group_keys=[GroupKey(1, KEY)]), KeyTable([(1, KEY)], pmks=[bytes(32)])):
        assert write_table(path, keys, None, io.StringIO()) is None


@pytest.mark.parametrize("port", [0, 1, 61616, 61631, 0xF0FF, RELAY_PORT, *application.PROTOCOLS])
@pytest.mark.parametrize("other", [5, 0xF0B5, 0xF055])
def test_udp_in_every_compressed_form(port: int, other: int) -> None:
    src, dst = (address_from_eui64(PREFIX, end) for end in (A, B))
    bulk, full = line_decoder(NO_FCS), Decoder()
    for ports in ((port, other), (other, port)):
        octets = compress(build(Packet(src, dst, Udp(*ports, b"\x01\x02\x03"))), A, B)
        same(bulk, full, NO_FCS, encode_mac(data(A, B, octets, 7)))
        same(bulk, full, NO_FCS, encode_mac(data(A, B, octets[:-1] + b"\xff", 8)))


@pytest.mark.parametrize("name", ["line2", "pomrpi", "mcast", "contiki-rpl-lite-line4"])
def test_damage_is_told_alike(name: str) -> None:
    """Frames with bits turned, cut and lengthened, among whole ones that fill the memories."""
    contexts = CONTIKI_CONTEXTS if name in CONTIKI else None
    records = list(read_capture(need(f"{name}-clear.pcapng" if name in WISUN else f"{name}.pcapng")))
    rng = random.Random(name)
    bulk, full = line_decoder(NO_FCS, None, contexts), Decoder(None, contexts)
    for record in rng.choices(records, k=600):
        same(bulk, full, NO_FCS, record.data)
        octets = bytearray(record.data)
        for _ in range(rng.randrange(1, 4)):
            octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)
        same(bulk, full, NO_FCS, bytes(octets))
        same(bulk, full, NO_FCS, record.data[: rng.randrange(len(record.data))])
        same(bulk, full, NO_FCS, record.data + rng.randbytes(rng.randrange(1, 9)))


def test_damaged_tap_headers_are_told_alike() -> None:
    path = need("fixedch-tap-fcs32.pcapng")
    form = form_of(path)
    assert form is not None
    whole = [buffer[packet[3] : packet[4]] for buffer, found in pieces(form) for packet in found]
    rng = random.Random(1)
    bulk, full = line_decoder(TAP), Decoder()
    for packet in rng.choices(whole, k=800):
        same(bulk, full, TAP, packet)
        octets = bytearray(packet)
        octets[rng.randrange(64)] ^= 1 << rng.randrange(8)
        same(bulk, full, TAP, bytes(octets))
        same(bulk, full, TAP, packet[: rng.randrange(len(packet))])


@settings(max_examples=200, deadline=None)
@given(st.sampled_from((TAP, NO_FCS, WITH_FCS)), st.binary(max_size=80))
def test_any_octets_are_told_alike(link_type: int, packet: bytes) -> None:
    same(line_decoder(link_type), Decoder(), link_type, packet)
