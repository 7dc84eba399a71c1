"""Parts of `live.py`: sniffers that send on time, the twin kept at the host's time, and what a process has used."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import multiprocessing
import os
import re
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, Any, Final

import attrs

from bench.air.capture.link import Tlv
from bench.air.capture.pcapng import PcapngWriter
from devices.sniffer.driver import BlockWalker

SNIFFER_BUFFER: Final = 8 << 20
"""Octets that a sniffer holds back for a slow bench; a real one drops frames beyond."""
KEEP_TIME_S: Final = 0.005
CONNECT_S: Final = 120.0
PACE_S: Final = 0.001
_TAP_STAMPS: Final = ((Tlv.START_OF_FRAME, 56), (Tlv.END_OF_FRAME, 68))
"""Where the block holds them: behind the block's head (28 octets), TAP's (4), FCS type, level and channel (8 each)."""
_LAST_NUMBER: Final = re.compile(rb'^\{"number": (\d+),')
_PORTS: Final = ("console.", "panel.", "meter.")
"""Ports of the twin that speak only while they are attached."""


@attrs.frozen
class Used:
    """Processor seconds and largest resident memory of one process until now."""

    cpu_s: float
    peak_mb: float


def used(pid: int) -> Used:
    """What a living process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return Used(ticks / os.sysconf("SC_CLK_TCK"), int(peak[1]) / 1024 if peak else 0.0)


@attrs.define
class Counted:
    """What came out of one stream's decoder, and how far recording and decoding lagged behind sending."""

    rate: int
    frames: int = 0
    verified: int = 0
    in_order: bool = True
    sent: int = 0
    unrecorded_octets: int = 0
    undecoded_frames: int = 0
    _rest: bytes = b""

    def take(self, pipe: IO[bytes] | None) -> None:
        """Read what the decoder has printed, without waiting."""
        assert pipe is not None
        while select.select([pipe], [], [], 0)[0] and (data := os.read(pipe.fileno(), 1 << 20)):
            self.add(data)

    def add(self, data: bytes) -> None:
        """Count lines; their numbers must be 1, 2, 3 ..."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self.frames += 1
            number = _LAST_NUMBER.match(line)
            self.in_order &= number is not None and int(number[1]) == self.frames
            self.verified += b'"mic": "ok"' in line

    def look(self, sent: int, octets: int, recorded_octets: int) -> None:
        """Note the lag at this moment."""
        self.sent = sent
        self.unrecorded_octets = max(self.unrecorded_octets, octets - recorded_octets)
        self.undecoded_frames = max(self.undecoded_frames, sent - self.frames)

    @property
    def complete(self) -> bool:
        """Everything that was sent came out."""
        return self.frames >= self.sent

    @property
    def worst(self) -> str:
        """For people."""
        lag_s = self.undecoded_frames / self.rate
        return f"{self.unrecorded_octets} octets unrecorded, {self.undecoded_frames} frames ({lag_s:.2f} s) undecoded"


def digest(path: Path) -> tuple[int, str]:
    """Packets in a recorded capture, and SHA-256 of its octets."""
    walker, sum_ = BlockWalker(), hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            walker.feed(data)
            sum_.update(data)
    return walker.packets, sum_.hexdigest()


class _Stream:
    """One sniffer: a listener, the bench's connection, and the frames that are due. Octets that the connection does
    not take wait here."""

    def __init__(self, source: Path) -> None:
        self._source = source
        self._frames: Iterator[bytearray] = iter(())
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connection: socket.socket | None = None
        self._waiting = bytearray()
        self.sum = hashlib.sha256()
        self.frames = self.octets = self.worst_waiting = 0

    def accept(self) -> None:
        """Take the bench's connection and say what a pcapng begins with."""
        self.connection, _ = self.listener.accept()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setblocking(False)
        head = io.BytesIO()
        PcapngWriter(head).section(self._source.stem)
        self._frames = islice(_blocks(self._source), 2, None)
        self._say(head.getvalue())

    def send(self, due: int) -> None:
        """Send frames up to number ``due``, each for itself as a sniffer does, stamped now."""
        while self.frames < due:
            self.frames += 1
            self._say(_stamped(next(self._frames), time.time_ns()))

    def _say(self, data: bytes | bytearray) -> None:
        self.sum.update(data)
        self.octets += len(data)
        self._waiting += data
        self.flush()

    def flush(self) -> None:
        """Give the connection what it takes."""
        assert self.connection is not None
        with contextlib.suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: self.connection.send(self._waiting)]
        self.worst_waiting = max(self.worst_waiting, len(self._waiting))

    @property
    def waiting(self) -> int:
        return len(self._waiting)


def _blocks(source: Path) -> Iterator[bytearray]:
    """The blocks of a capture of `make_traffic`: section, interface, packets."""
    with source.open("rb") as file:
        while start := file.read(8):
            (length,) = struct.unpack_from("<I", start, 4)
            yield bytearray(start + file.read(length - 8))


def _stamped(block: bytearray, now_ns: int) -> bytearray:
    """The packet with the stamp of now, in pcapng's place and in TAP's two."""
    struct.pack_into("<II", block, 12, now_ns >> 32, now_ns & 0xFFFF_FFFF)
    for kind, at in _TAP_STAMPS:
        assert block[at] == kind, "expected TAP as `make_traffic` writes it"
        struct.pack_into("<Q", block, at + 4, now_ns)
    return block


def _send_all(sources: Sequence[Path], rate: int, frames: int, way: Connection, shared: Any) -> None:
    """The senders' process: addresses, "connected", then on "go" the frames on time; digests at the end."""
    streams = [_Stream(source) for source in sources]
    way.send([stream.listener.getsockname()[:2] for stream in streams])
    for stream in streams:
        stream.accept()
    way.send("connected")
    way.recv()
    begin = time.monotonic()
    late_s = 0.0
    busy = True
    while busy:
        now = time.monotonic()
        busy = False
        for at, stream in enumerate(streams):
            due = min(frames, int((now - begin) * rate - at / len(streams)))
            if due > stream.frames:
                late_s = max(late_s, (due - 1 - stream.frames) / rate)
                stream.send(due)
            else:
                stream.flush()
            busy |= stream.frames < frames or stream.waiting > 0
            shared[2 * at], shared[2 * at + 1] = stream.frames, stream.octets
            if stream.waiting > SNIFFER_BUFFER:
                raise SystemExit(f"{sources[at].stem}: the bench is more than {SNIFFER_BUFFER >> 20} MB behind")
        time.sleep(PACE_S)
    way.send(([stream.sum.hexdigest() for stream in streams], late_s, max(stream.worst_waiting for stream in streams)))
    with contextlib.suppress(EOFError):
        way.recv()  # until the end: a sniffer that has nothing to say does not hang up


class Sniffers:
    """The senders' process, from outside."""

    def __init__(self, process: BaseProcess, way: Connection, shared: Any) -> None:
        self.process, self._way, self._shared = process, way, shared
        self.addresses: list[tuple[str, int]] = way.recv()
        self._digests: list[str] = []
        self.worst = "not finished"

    @classmethod
    def start(cls, sources: Sequence[Path], rate: int, frames: int) -> Sniffers:
        """Listening on a port each."""
        way, other = multiprocessing.Pipe()
        shared = multiprocessing.Array("q", 2 * len(sources), lock=False)
        process = multiprocessing.Process(target=_send_all, args=(sources, rate, frames, other, shared), daemon=True)
        process.start()
        other.close()
        return cls(process, way, shared)

    @property
    def pid(self) -> int:
        return self.process.pid or 0

    def wait_for_the_bench(self, bench: subprocess.Popen[bytes], log: Path) -> None:
        """Until all streams are connected. Ends the program where the bench does not come."""
        deadline = time.monotonic() + CONNECT_S
        while not self._way.poll(0.2):
            if bench.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the bench did not connect: {log.read_text()[-2000:]}")
        self._way.recv()

    def go(self) -> None:
        """Send from now on."""
        self._way.send("go")

    def sent(self, at: int) -> tuple[int, int]:
        """Frames and octets that stream ``at`` has sent."""
        return self._shared[2 * at], self._shared[2 * at + 1]

    @property
    def finished(self) -> bool:
        """All frames are sent. Ends the program where the senders gave up."""
        if not self._digests and self._way.poll():
            try:
                self._digests, late_s, waiting = self._way.recv()
            except EOFError:
                raise SystemExit("the senders gave up: the bench is too far behind") from None
            self.worst = f"at most {late_s:.3f} s late, {waiting} octets not taken at once"
        return bool(self._digests)

    def digest(self, at: int) -> str:
        """SHA-256 of all octets that stream ``at`` has sent."""
        return self._digests[at]


def real_time(control: str) -> BaseProcess:
    """A process that keeps a twin at the host's time; returns when it has caught up."""
    caught_up = multiprocessing.Event()
    process = multiprocessing.Process(target=_keep_time, args=(control, caught_up), daemon=True)
    process.start()
    while not caught_up.wait(1.0):
        if not process.is_alive():
            raise SystemExit("the twin's time could not be kept")
    return process


def _keep_time(control: str, caught_up: Any) -> None:
    host, _, port = control.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = connection.makefile("rb")

        def call(**request: Any) -> Any:
            connection.sendall(json.dumps({"id": 1, **request}).encode() + b"\n")
            answer = json.loads(lines.readline())
            if "error" in answer:
                raise SystemExit(f"the twin refused {request['op']}: {answer['error']}")
            return answer

        for name in call(op="hello")["ports"]:
            if name.startswith(_PORTS):
                call(op="attach", port=name)
        while True:
            wanted = time.time_ns()
            while call(op="advance", until_ns=wanted, wake=[], sent={})["now_ns"] < wanted:
                pass
            if time.time_ns() - wanted < 1e9 * KEEP_TIME_S:
                caught_up.set()
                time.sleep(KEEP_TIME_S)
