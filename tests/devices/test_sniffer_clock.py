"""What a sniffer's stamps tell of its clock: read off the stream as frames come in, one pair a minute."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import kinds
from bench.records import NS_PER_S
from devices.sniffer.driver import PcapngStreamSniffer, SnifferDriver
from devices.sniffer.stamps import FIRST_NS, Leads, Pair, Stamps
from tests.devices.device_bench import T0_NS, StillClock, build
from tests.devices.test_sniffer import block


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


class TestDriver:
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
