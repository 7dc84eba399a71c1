"""Eight sniffers at once, from the socket to the decoded frame: all sent is recorded and read, whatever the streams do.

The same wire and driver as in a laboratory, the bench's own time and pump; what was sent is known, so loss would show.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import Decoder
from bench.air.keys.table import KeyTable, gak
from bench.drive.clock import WallClock
from bench.drive.pump import Bus
from bench.records import NS_PER_S, Observation
from bench.twin import mesh
from bench.twin.rig import Rig
from bench.twin.topology import load, octets
from devices.sniffer.driver import PcapngStreamSniffer, SnifferDriver
from tests.devices.device_bench import build
from tests.twin.twin_process import DEFAULT

STREAMS: Final = 8
FRAMES: Final = 300
PATIENCE_NS: Final = 60 * NS_PER_S
T0_NS: Final = 1_774_969_200 * NS_PER_S


@pytest.fixture(scope="module")
def psdus() -> list[bytes]:
    """Frames of the twin's mesh while it forms and a terminal joins: no two alike, encrypted for the most part."""
    heard: list[bytes] = []
    rig = Rig(
        load(DEFAULT), T0_NS, mesh.build, lambda _sniffer, _start, _end, psdu, _rssi, _channel: heard.append(psdu)
    )
    rig.terminals["t1"].power(True)
    rig.panels["t1"].press_key(1.0)
    while len(heard) < FRAMES:
        rig.kernel.step()
    return heard[:FRAMES]


@pytest.fixture(scope="module")
def keys() -> KeyTable:
    network = load(DEFAULT).network
    return KeyTable([(1, gak(network.name, octets(network.gtk)))])


def stream_of(number: int, psdus: list[bytes]) -> list[bytes]:
    """What sniffer ``number`` says: its head, then one octet string a frame, with its number in a comment."""
    pieces, out = [], io.BytesIO()
    writer = PcapngWriter(out)
    writer.section(f"s{number}")
    for sequence, psdu in enumerate(psdus):
        pieces.append(out.getvalue())
        out.seek(0)
        out.truncate()
        writer.packet(psdu, T0_NS + sequence * 2_000_000, channel=10, comments=[f"s{number} #{sequence}"])
    return [*pieces, out.getvalue()]


@attrs.define
class Sniffer(threading.Thread):
    """Says its pieces in random portions, that cut records anywhere; ``again`` are for the connection after that."""

    number: int
    pieces: list[bytes]
    again: list[bytes] = attrs.Factory(list)
    listener: socket.socket = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __attrs_pre_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        rng = random.Random(self.number)
        for said in filter(None, (self.pieces, self.again)):
            peer, _ = self.listener.accept()
            with peer, contextlib.suppress(ConnectionError):  # a bench that is done hangs up
                octets = b"".join(said)
                while octets:
                    portion = rng.randrange(1, 2000)
                    peer.sendall(octets[:portion])
                    octets = octets[portion:]
        self.listener.close()


class Bench:
    """Eight sniffer drivers on wall time, recording into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, WallClock(Bus())
        self.said: list[Observation] = []
        self.clock.bus.subscribe(self.said.append)

    def connect(self, sniffer: Sniffer) -> None:
        port = sniffer.listener.getsockname()[1]
        name = f"sniffer.s{sniffer.number}"
        driver: SnifferDriver = build(PcapngStreamSniffer, SnifferDriver, name, host="127.0.0.1", port=port)
        driver.connect(self.clock, self.capture(sniffer.number))

    def capture(self, number: int) -> Path:
        return self.folder / f"s{number}.pcapng"

    def lost(self) -> dict[str, list[str]]:
        """Reasons for which each port was lost."""
        ports: dict[str, list[str]] = {}
        for observation in self.said:
            if observation.kind == "bench.lost_port":
                ports.setdefault(str(observation.data["port"]), []).append(str(observation.data["reason"]))
        return ports

    def until(self, lost: int) -> None:
        """Let time pass until ports were lost so many times; fails after long."""
        deadline_ns = self.clock.now_ns() + PATIENCE_NS
        while sum(map(len, self.lost().values())) < lost:
            assert self.clock.now_ns() < deadline_ns, self.lost()
            self.clock.step(self.clock.now_ns() + 5_000_000)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("bench.drive.clock.REOPEN_EVERY_NS", 5_000_000)
    bench = Bench(tmp_path)
    yield bench
    bench.clock.close()


def numbers(capture: Path) -> list[str]:
    return [comment for record in read_capture(capture) for comment in record.comments]


def test_eight_streams_are_recorded_and_decoded_whole(bench: Bench, psdus: list[bytes], keys: KeyTable) -> None:
    streams = {number: stream_of(number, psdus) for number in range(1, STREAMS + 1)}
    breaks_off = 3
    sent = streams[breaks_off][: FRAMES // 2]
    cut = streams[breaks_off][FRAMES // 2][:-11]
    truncated, rest = 5, streams[5][-1][:-3]
    sniffers = [Sniffer(number, pieces) for number, pieces in streams.items() if number not in (breaks_off, truncated)]
    again = [streams[breaks_off][0], *streams[breaks_off][FRAMES // 2 :]]
    sniffers.append(Sniffer(breaks_off, [*sent, cut], again))
    sniffers.append(Sniffer(truncated, [*streams[truncated][:-1], rest]))
    for sniffer in sniffers:
        sniffer.start()
        bench.connect(sniffer)
    bench.until(lost=STREAMS + 1)

    inside, whole = "closed by the device inside a record", "closed by the device"
    assert bench.lost() == {f"sniffer.s{number}": [whole] for number in streams} | {
        "sniffer.s3": [inside, whole],
        "sniffer.s5": [inside],
    }
    assert [o.data["port"] for o in bench.said if o.kind == "bench.found_port"] == ["sniffer.s3"]
    for number, pieces in streams.items():
        recorded = bench.capture(number).read_bytes()
        if number == breaks_off:
            assert recorded == b"".join([*sent, *again])
        else:
            assert recorded == b"".join(pieces[:-1] if number == truncated else pieces)
        assert numbers(bench.capture(number)) == [f"s{number} #{n}" for n in range(FRAMES - (number == truncated))]
        decoder = Decoder(keys)
        frames = [decoder.decode(record) for record in read_capture(bench.capture(number))]
        assert not [frame.info for frame in frames if "malformed" in frame.info]
        assert {frame.mic for frame in frames if frame.secured} == {"ok"}
    assert bench.capture(breaks_off).with_suffix(".rest").read_bytes() == cut
    assert bench.capture(truncated).with_suffix(".rest").read_bytes() == rest


def test_wireshark_reads_what_was_recorded(bench: Bench, psdus: list[bytes]) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    pieces = stream_of(1, psdus)
    sniffer = Sniffer(1, [*pieces[:100], pieces[100][:-1]], [pieces[0], *pieces[100:]])
    sniffer.start()
    bench.connect(sniffer)
    bench.until(lost=2)
    command = ["tshark", "-n", "-r", str(bench.capture(1)), "-T", "fields", "-e", "frame.comment"]
    read = subprocess.run(command, capture_output=True, text=True, check=True)
    assert read.stdout.split("\n") == [f"s1 #{number}" for number in range(FRAMES)] + [""]


def test_garbage_of_one_sniffer_is_its_own_trouble(bench: Bench, psdus: list[bytes]) -> None:
    pieces = stream_of(1, psdus)
    sniffers = [Sniffer(1, pieces), Sniffer(2, [*pieces[:20], random.Random(2).randbytes(5000)])]
    for sniffer in sniffers:
        sniffer.start()
        bench.connect(sniffer)
    bench.until(lost=2)
    assert bench.lost() == {"sniffer.s1": ["closed by the device"], "sniffer.s2": ["sends damaged pcapng"]}
    assert bench.capture(1).read_bytes() == b"".join(pieces)
    assert bench.capture(2).read_bytes() == b"".join(pieces[:20])
    with contextlib.suppress(OSError):
        sniffers[1].listener.close()
