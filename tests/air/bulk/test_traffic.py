"""The bulk table on whole traffic: a mesh's days as the twin makes them, transfers in parts, what interfaces say."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs
import pytest

from bench.air.bulk import pipeline
from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import Pending
from bench.air.bulk.spans import form_of, places, read, spans
from bench.air.capture.link import NO_FCS
from bench.air.capture.pcapng import PcapngWriter
from bench.air.ip.icmpv6 import EchoRequest
from bench.air.ip.packet import Packet, address_from_eui64, build
from bench.air.ip.udp import Udp
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.lowpan.datagram import compress
from bench.air.mac.frame import MacFrame, encode_mac, fcs16, fcs32
from bench.air.mac.ies import write_payload_ies
from bench.air.show import command as show
from bench.air.wisun.frames import data
from benchmarks.make_traffic import make
from tests.air.bulk.test_table import bulk_table, full_table
from tests.air.mac.test_mpx import KEY, A, B, fragments, frame

PREFIX = bytes.fromhex("fd004b4200000000")


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KeyTable]:
    """Two meshes, one after the other: nodes join, are polled, fail and come back, under keys of one index."""
    path = tmp_path_factory.mktemp("traffic") / "twin.pcapng"
    return path, KeyTable.read(make(path, 2400, 7, largest_mesh=1300))


@pytest.mark.parametrize(("octets", "workers"), [(1 << 19, 1), (1 << 14, 1), (1 << 14, 2)])
def test_traffic_of_the_twin(
    traffic: tuple[Path, KeyTable], octets: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, keys = traffic
    monkeypatch.setattr(pipeline, "SMALL_OCTETS", 0)
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", octets)
    text = bulk_table(path, keys, workers=workers)
    assert text == full_table(path, keys)
    assert text.count("\n") == 2401
    assert all(words in text for words in (" ok ", "EAP-TLS", "RPL DAO ", "DHCPv6 Reply", "heard at", "register="))


def test_traffic_of_the_twin_is_decoded_in_bulk(traffic: tuple[Path, KeyTable]) -> None:
    """One frame in ten goes to the full decoder at most, while nodes join."""
    path, keys = traffic
    form = form_of(path)
    assert form is not None
    bulk = line_decoder(form.link_type, keys)
    with path.open("rb") as file:
        for span in spans(form):
            buffer = read(form, span, file)
            assert len(list(bulk.rows(buffer, places(form, span, buffer)))) == span.packets
    assert bulk.slow < 240


def written(path: Path, frames: Iterable[MacFrame]) -> Path:
    """A capture of frames secured one after the other."""
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("test")
        for number, mac in enumerate(frames, 1):
            writer.packet(protect(mac, KEY, number, 1), number)
    return path


def datagrams(octets: int) -> Iterator[bytes]:
    """Compressed datagrams of rising length, with headers that repeat."""
    src, dst = (address_from_eui64(PREFIX, end) for end in (A, B))
    for size in range(octets):
        yield compress(build(Packet(src, dst, Udp(61616, 61617 + size % 3, bytes(size)))), A, B)


@pytest.mark.parametrize("octets", [1 << 19, 700, 300])
def test_transfers_in_parts_across_spans(tmp_path: Path, octets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two MPX transfers mixed with each other and with whole datagrams, cut so that their parts stand in many spans."""
    whole = [next(datagrams(1)) + bytes(200), bytes.fromhex("41600000000000 3b40") + A + A + B + B]
    one, other = (fragments(content, 30, number) for number, content in enumerate(whole, 5))
    mixed = [mpx for pair in zip(one, other, strict=False) for mpx in pair] + one[len(other) :]
    frames = [mac for n, mpx in enumerate(mixed) for mac in (frame(mpx, n), data(A, B, next(datagrams(1)), n))]
    path = written(tmp_path / "parts.pcapng", frames)
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", octets)
    text = bulk_table(path, KeyTable([(1, KEY)]))
    assert text == full_table(path, KeyTable([(1, KEY)]))
    assert text.count("MPX fragment") == len(mixed) - 2


def messages(number: int) -> Iterator[bytes]:
    """Compressed ICMPv6 messages of two lengths behind the same headers, none twice."""
    src, dst = (address_from_eui64(PREFIX, end) for end in (A, B))
    for sequence in range(number):
        yield compress(build(Packet(src, dst, EchoRequest(7, sequence, bytes(8 + sequence % 2)))), A, B)


@pytest.mark.parametrize(
    ("packets", "shown"),
    [
        ([*datagrams(90), *datagrams(90), *datagrams(90)], "UDP 61616 > 61618 len=85"),
        ([*messages(60)], "Echo request id=0x0007 seq=56"),
    ],
)
def test_packets_whose_headers_repeat(packets: list[bytes], shown: str, tmp_path: Path) -> None:
    """Lengths, ports and contents differ; in every seventh the last octet is another, in every eleventh it is gone."""
    frames = []
    for number, lowpan in enumerate(packets):
        octets = lowpan[:-1] + bytes((lowpan[-1] ^ (number % 7 == 6),))
        frames.append(data(A, B, octets[: len(octets) - (number % 11 == 10)], number % 256))
    path = written(tmp_path / "packets.pcapng", frames)
    text = bulk_table(path, KeyTable([(1, KEY)]))
    assert text == full_table(path, KeyTable([(1, KEY)]))
    assert shown in text
    wrong = sum(number % 7 == 6 or number % 11 == 10 for number in range(len(packets)))
    assert text.count("[checksum wrong]") == wrong


@pytest.mark.parametrize("packets", [[*datagrams(60), *datagrams(60)], [*messages(60)]])
def test_packets_whose_headers_repeat_need_no_full_decoder(packets: list[bytes]) -> None:
    bulk = line_decoder(NO_FCS, KeyTable([(1, KEY)]))
    for number, lowpan in enumerate(packets, 1):
        psdu = protect(data(A, B, lowpan, number % 256), KEY, number, 1)
        assert not isinstance(bulk.decode(number, number, number, psdu, len(psdu)), Pending)
    assert bulk.slow == 0


def test_headers_met_before_that_promise_more_than_there_is(tmp_path: Path) -> None:
    """Zeros are missing behind them: no checksum would tell, but the MPX-IE says how long it is."""
    whole = [data(A, B, lowpan, number) for number, lowpan in enumerate(datagrams(13))]
    cut = [
        attrs.evolve(mac, payload_ies=(), payload=write_payload_ies(mac.payload_ies)[:-2], sequence=20 + number)
        for number, mac in enumerate(whole[3:])
    ]
    path = written(tmp_path / "cut.pcapng", [*whole, *cut])
    text = bulk_table(path, KeyTable([(1, KEY)]))
    assert text == full_table(path, KeyTable([(1, KEY)]))
    assert text.count("malformed") == len(cut)


@pytest.mark.parametrize("fcs_units", [0, 2, 4])
def test_what_the_interface_says_of_the_fcs(tmp_path: Path, fcs_units: int) -> None:
    """Link type 195: if_fcslen tells 2 or 4 octets (in octets); the other length's check may be right by chance."""

    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + length + body + length

    option = struct.pack("<HHB3xHH", 13, 1, fcs_units, 0, 0) if fcs_units else b""
    octets = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(
        1, struct.pack("<HHI", 195, 0, 0) + option
    )
    for number in range(40):
        psdu = encode_mac(data(A, B, next(datagrams(1)), number))
        packet = psdu + (fcs16, fcs32)[number % 2](psdu)
        head = struct.pack("<IIIII", 0, 0, number, len(packet), len(packet))
        octets += block(6, head + packet + bytes(-len(packet) % 4))
    path = tmp_path / "fcs.pcapng"
    path.write_bytes(octets)
    out = io.StringIO()
    show.decode_command(str(path), None, "table", None, out)
    assert out.getvalue() == full_table(path, None)
    assert out.getvalue().count("[FCS wrong]") == (20 if fcs_units else 0)
