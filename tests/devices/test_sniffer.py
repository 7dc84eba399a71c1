"""The pcapng stream driver: octets to the file as they come, packets counted, a section more after a resume."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench import kinds
from bench.air.capture.pcapng import PcapngStream
from bench.drive.clock import WallClock
from bench.drive.pump import Bus, PortLost
from bench.errors import BenchError
from bench.records import NS_PER_S, Observation
from devices.sniffer.driver import (
    BlockWalker,
    PcapngStreamSniffer,
    SnifferChannel,
    SnifferDriver,
    cut_to_whole_blocks,
)
from devices.sniffer.stamps import FIRST_NS, Leads, Pair, Stamps
from tests.devices.device_bench import T0_NS, StillClock, build


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


class Reopenings:
    """Counts how often the clock looked for lost ports."""

    def __init__(self, clock: WallClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        reopen = clock.pump.reopen

        def counted() -> None:
            self.count += 1
            reopen()

        monkeypatch.setattr(clock.pump, "reopen", counted)


def wait_readable_now(listener: socket.socket) -> bool:
    return bool(select.select([listener], [], [], 0)[0])


def step_until(clock: WallClock, done: Callable[[], bool]) -> None:
    """Let time pass in small steps; ends the test after long."""
    deadline_ns = clock.now_ns() + 30 * NS_PER_S
    while not done():
        assert clock.now_ns() < deadline_ns
        clock.step(clock.now_ns() + 2_000_000)


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

    def test_a_stream_that_breaks_off_leaves_a_readable_capture(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path
    ) -> None:
        clock, path = StillClock(), tmp_path / "s1.pcapng"
        driver.connect(clock, path)
        whole, half = head() + packet(b"one!"), packet(b"two!")[:-7]
        peer, _ = listener.accept()
        peer.sendall(whole + half)
        peer.close()
        while "bench.lost_port" not in clock.kinds():
            clock.pump.poll(2.0)
        assert clock.seen[-1].data == {"port": "sniffer.s1", "reason": "closed by the device inside a record"}
        assert path.read_bytes() == whole
        assert path.with_suffix(".rest").read_bytes() == half  # nothing recorded is lost

    def test_garbage_ends_the_port_and_spoils_no_capture(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path
    ) -> None:
        clock, path = StillClock(), tmp_path / "s1.pcapng"
        driver.connect(clock, path)
        whole, garbage = head() + packet(b"one!"), b"\x06\0\0\0\x03\0\0\0kernel panic"
        peer, _ = listener.accept()
        with peer:
            peer.sendall(whole + garbage)
            while "bench.lost_port" not in clock.kinds():
                clock.pump.poll(2.0)
        assert clock.seen[-1].data == {"port": "sniffer.s1", "reason": "sends damaged pcapng"}
        assert path.read_bytes() == whole
        assert path.with_suffix(".rest").read_bytes() == garbage

    def test_a_damaged_capture_does_not_stop_a_resumed_run(self, tmp_path: Path) -> None:
        path = tmp_path / "s1.pcapng"
        path.write_bytes(head() + packet(b"old!") + b"\x06\0\0\0\x03\0\0\0 and more")
        cut_to_whole_blocks(path)
        assert path.read_bytes() == head() + packet(b"old!")

    def test_on_a_real_rig_a_sniffer_that_restarts_is_found_again(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bench.drive.clock.REOPEN_EVERY_NS", 5_000_000)
        clock, path = WallClock(Bus()), tmp_path / "s1.pcapng"
        seen: list[Observation] = []
        clock.bus.subscribe(seen.append)
        driver.connect(clock, path)
        address = listener.getsockname()
        peer, _ = listener.accept()
        peer.sendall(head() + packet(b"one!") + packet(b"two!")[:9])
        listener.close()
        peer.close()
        refused = Reopenings(clock, monkeypatch)
        step_until(clock, lambda: refused.count > 3)  # nobody there: nothing is said, nothing is spoilt
        with socket.create_server(address) as restarted:
            step_until(clock, lambda: bool(wait_readable_now(restarted)))
            again, _ = restarted.accept()
            with again:
                again.sendall(head(">") + packet(b"three", ">"))
                step_until(clock, lambda: driver.packets == 1)
        assert [(o.kind, o.data.get("reason")) for o in seen if o.source == "bench"] == [
            ("bench.lost_port", "closed by the device inside a record"),
            ("bench.found_port", None),
        ]
        assert path.read_bytes() == head() + packet(b"one!") + head(">") + packet(b"three", ">")
        clock.close()

    def test_while_the_bench_judges_a_stream_does_not_wait(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path
    ) -> None:
        clock, path = WallClock(Bus()), tmp_path / "s1.pcapng"
        lost: list[Observation] = []
        clock.bus.subscribe(lost.append)
        driver.connect(clock, path)
        peer, _ = listener.accept()
        stream = head() + packet(bytes(1 << 16)) * 200  # more than sockets hold
        with clock.attended():
            peer.settimeout(30.0)
            peer.sendall(stream)  # would wait for ever if nobody read
            peer.close()
        step_until(clock, lambda: bool(lost))
        assert [(o.kind, o.data["reason"]) for o in lost] == [("bench.lost_port", "closed by the device")]
        assert path.read_bytes() == stream
        clock.close()

    def test_a_full_disk_ends_a_capture_in_one_line(
        self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path
    ) -> None:
        full = Path("/dev/full")
        if not full.exists():
            pytest.skip("the system has no /dev/full")
        clock, path = StillClock(), tmp_path / "s1.pcapng"
        driver.connect(clock, path)
        channel = clock.pump.channels["sniffer.s1"]
        assert isinstance(channel, SnifferChannel)
        channel._capture.close()
        channel._capture = full.open("ab")
        peer, _ = listener.accept()
        with peer:
            peer.sendall(head())
            with pytest.raises(
                BenchError, match=r"^sniffer\.s1: s1\.pcapng: No space left on device; the capture cannot"
            ):
                clock.pump.poll(30.0)

    def test_nobody_there_is_one_line(self, driver: SnifferDriver, listener: socket.socket, tmp_path: Path) -> None:
        listener.close()
        with pytest.raises(BenchError, match=r"^sniffer\.s1: 127\.0\.0\.1:\d+: Connection refused$"):
            driver.connect(StillClock(), tmp_path / "s1.pcapng")


# -- its clock, by when its frames come in -----------------------------------------------------------------------------


def interface(resolution: int | None = None, offset_s: int = 0, order: str = "<") -> bytes:
    """Section header and an interface with these options."""
    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)
    options = b"" if resolution is None else struct.pack(order + "HHB3x", 9, 1, resolution)
    options += struct.pack(order + "HHq", 14, 8, offset_s) if offset_s else b""
    return section + block(1, struct.pack(order + "HHI", 283, 0, 0) + options, order)


def stamped(ticks: int, order: str = "<") -> bytes:
    """A packet of four octets."""
    body = struct.pack(order + "IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, 4, 4) + bytes((0, 0, 4, 0))
    return block(6, body, order)


def read(octets: bytes, order: str = "<") -> list[int]:
    stamps, at, found = Stamps(), 0, []
    while at < len(octets):
        kind, length = struct.unpack_from(order + "II", octets, at)
        if (stamp := stamps.of(kind, order, octets[at : at + length])) is not None:
            found.append(stamp)
        at += length
    return found


@pytest.mark.parametrize(
    ("resolution", "offset_s", "ticks", "stamp_ns"),
    [
        (None, 0, 1_775_000_000_000_001, 1_775_000_000_000_001_000),
        (9, 0, 1_775_000_000_000_000_001, 1_775_000_000_000_000_001),
        (0x80 | 10, 0, 1024 * 7, 7 * NS_PER_S),
        (6, 1_000_000_000, 775_000_000_000_000, 1_775_000_000_000_000_000),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_stamps_are_read_in_the_interfaces_own_ticks(
    resolution: int | None, offset_s: int, ticks: int, stamp_ns: int, order: str
) -> None:
    assert read(interface(resolution, offset_s, order) + stamped(ticks, order), order) == [stamp_ns]


def test_a_packet_of_an_interface_that_was_not_described_tells_nothing() -> None:
    assert read(stamped(5)) == []
    assert read(interface() + block(1, b"") + stamped(5)) == []  # a damaged description is no description


class TestLeads:
    def told(self, *heard: tuple[int, list[float], float]) -> list[tuple[int, float]]:
        """Frame and lead (s) of the pairs that are told of (frame, stamps in s, arrival in s)."""
        pairs: list[Pair] = []
        leads = Leads(pairs.append)
        for frame, stamps_s, now_s in heard:
            leads.heard(frame, [round(one * NS_PER_S) for one in stamps_s], round(now_s * NS_PER_S))
        return [(pair.frame, pair.lead_ns / NS_PER_S) for pair in pairs]

    def test_the_quickest_frame_of_the_time_is_told(self) -> None:
        assert self.told((1, [99.5], 100), (2, [104.75], 105), (4, [105, 109.0], 110)) == [(4, -0.25)]

    def test_once_a_minute(self) -> None:
        told = self.told(*((n, [n - 0.5], n) for n in range(1, 142)))
        assert told == [(11, -0.5), (71, -0.5), (131, -0.5)]

    def test_before_a_clock_that_was_set_ahead_its_own(self) -> None:
        """It began in 1970 and was set when its network was there."""
        told = self.told((1, [3], 1000), (2, [4], 1001), (3, [1001.9], 1002), (4, [1010], 1010))
        assert told == [(2, -997), (4, 0)]

    def test_frames_that_had_waited_are_no_other_clock(self) -> None:
        """What a bridge kept until somebody connected: its frames are minutes apart, and came at once."""
        told = self.told((3, [400, 700, 950], 1000), (4, [1001], 1001), (5, [1010], 1010))
        assert told == [(5, 0)]

    def test_a_read_without_a_frame_is_none(self) -> None:
        assert self.told((0, [], 5), (1, [20], 20), (1, [], 40)) == []


class TestItsClock:
    @pytest.fixture
    def listener(self) -> Iterator[socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener

    def connected(self, listener: socket.socket, path: Path, real: bool) -> tuple[StillClock, socket.socket]:
        clock = StillClock()
        clock.devices_share_it = not real
        port = str(listener.getsockname()[1])
        build(PcapngStreamSniffer, SnifferDriver, "sniffer.s1", host="127.0.0.1", port=port).connect(clock, path)
        peer, _ = listener.accept()
        return clock, peer

    def hear(self, clock: StillClock, peer: socket.socket, octets: bytes, count: int) -> None:
        peer.sendall(octets)
        while clock.pump.channels["sniffer.s1"].count < count:
            assert clock.pump.poll(30.0)

    def test_a_real_sniffers_clock_is_recorded_by_frame_of_its_capture(
        self, listener: socket.socket, tmp_path: Path
    ) -> None:
        path = tmp_path / "s1.pcapng"
        path.write_bytes(interface(9) + stamped(1) + stamped(2))  # what a bench that was killed left
        clock, peer = self.connected(listener, path, real=True)
        with peer:
            self.hear(clock, peer, interface(9) + stamped(T0_NS + 3600 * NS_PER_S), 1)
            clock.t_ns = T0_NS + FIRST_NS
            self.hear(clock, peer, stamped(clock.t_ns + 3599 * NS_PER_S), 2)
        clock.pump.close()
        told = [one for one in clock.seen if one.kind == kinds.CLOCK_SNIFFER]
        pair = {"frame": 4, "stamp_ns": T0_NS + 3600 * NS_PER_S, "received_ns": T0_NS}
        assert [(one.subject, one.data) for one in told] == [("sniffer.s1", {"capture": "s1", **pair})]

    def test_a_virtual_ones_is_the_rigs(self, listener: socket.socket, tmp_path: Path) -> None:
        clock, peer = self.connected(listener, tmp_path / "s1.pcapng", real=False)
        with peer:
            self.hear(clock, peer, interface(9) + stamped(T0_NS), 1)
            clock.t_ns += FIRST_NS
            self.hear(clock, peer, stamped(clock.t_ns), 2)
        clock.pump.close()
        assert clock.seen == []
