"""The pcapng stream driver: octets to the file as they come, packets counted, a section more after a resume."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.air.pcapng import PcapngStream
from bench.errors import BenchError
from bench.pump import PortLost
from devices.sniffer.driver import BlockWalker, PcapngStreamSniffer, SnifferDriver, cut_to_whole_blocks
from tests.devices.device_bench import StillClock, build


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def head(order: str = "<") -> bytes:
    """Section header and one interface of link type 283."""
    section = struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)
    return block(0x0A0D0D0A, section, order) + block(1, struct.pack(order + "HHI", 283, 0, 0), order)


def packet(payload: bytes, order: str = "<") -> bytes:
    tap = struct.pack("<BBH", 0, 0, 4) + payload
    return block(6, struct.pack(order + "IIIII", 0, 0, 0, len(tap), len(tap)) + tap, order)


class TestBlockWalker:
    @pytest.mark.parametrize("order", ["<", ">"])
    @pytest.mark.parametrize("size", [1, 7, 4096])
    def test_counts_packets_however_they_come(self, order: str, size: int) -> None:
        stream = head(order) + packet(b"abcde", order) + block(5, b"statistics!!", order) + packet(b"", order)
        walker = BlockWalker()
        for at in range(0, len(stream), size):
            walker.feed(stream[at : at + size])
        assert (walker.packets, walker.whole) == (2, len(stream))

    @pytest.mark.parametrize("octets", [b"GIF89a" * 4, head() + b"\x06\x00\x00\x00\x03\x00\x00\x00" * 3])
    def test_what_is_no_pcapng_is_a_lost_port(self, octets: bytes) -> None:
        with pytest.raises(PortLost, match="pcapng"):
            BlockWalker().feed(octets)

    def test_a_capture_is_cut_after_its_last_whole_block(self, tmp_path: Path) -> None:
        whole = head() + packet(b"abcd")
        path = tmp_path / "s1.pcapng"
        path.write_bytes(whole + packet(b"efgh")[:-3])
        cut_to_whole_blocks(path)
        assert path.read_bytes() == whole


class TestDriver:
    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener

    @pytest.fixture
    def driver(self, listener: socket.socket) -> Iterator[SnifferDriver]:
        port = str(listener.getsockname()[1])  # a template gives text
        driver: SnifferDriver = build(PcapngStreamSniffer, SnifferDriver, "sniffer.s1", host="127.0.0.1", port=port)
        yield driver
        driver.disconnect()

    def test_writes_what_comes_and_counts(self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path) -> None:
        clock, path = StillClock(), tmp_path / "captures" / "s1.pcapng"
        driver.connect(clock, path)
        peer, _ = listener.accept()
        with peer:
            stream = head() + packet(b"one!") + packet(b"two!")
            peer.sendall(stream[:-5])
            clock.pump.drain_to({"sniffer.s1": 1})
            assert driver.packets == 1
            peer.sendall(stream[-5:])
            clock.pump.drain_to({"sniffer.s1": 2})
            assert path.read_bytes() == stream  # on disk while the stream is still open
        clock.pump.poll(2.0)
        assert [(o.kind, o.data["port"]) for o in clock.seen] == [("bench.lost_port", "sniffer.s1")]
        assert path.read_bytes() == stream

    def test_a_resumed_run_appends_a_section(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path
    ) -> None:
        path = tmp_path / "s1.pcapng"
        path.write_bytes(head() + packet(b"old!") + packet(b"cut!")[:9])
        clock = StillClock()
        driver.connect(clock, path)
        peer, _ = listener.accept()
        with peer:
            peer.sendall(head(">") + packet(b"new!", ">"))
            clock.pump.drain_to({"sniffer.s1": 1})
        reader = PcapngStream()
        reader.feed(path.read_bytes())
        reader.close()
        assert reader.packets == 2

    def test_nobody_there_is_one_line(self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path) -> None:
        listener.close()
        with pytest.raises(BenchError, match=r"^sniffer\.s1: 127\.0\.0\.1:\d+: Connection refused$"):
            driver.connect(StillClock(), tmp_path / "s1.pcapng")
