"""Live captures on the real mesh: counted packets, new sections for new connections, the same octets for one seed."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bench.twin.core.engine import Engine
from bench.twin.core.kernel import Kernel
from bench.twin.core.ports import SnifferPort
from tests.skips import ONCE
from tests.twin.twin_process import PATIENCE_S, Twin, twin

pytestmark = ONCE

SECTION = bytes.fromhex("0a0d0d0a")


def blocks(stream: bytes) -> list[int]:
    """Types of the whole pcapng blocks in ``stream``."""
    types, at = [], 0
    while at + 8 <= len(stream):
        kind, length = (int.from_bytes(stream[at + i : at + i + 4], "little") for i in (0, 4))
        assert stream[at + length - 4 : at + length] == stream[at + 4 : at + 8]
        types.append(kind)
        at += length
    assert at == len(stream)
    return types


def drain(wire: socket.socket, packets: int) -> bytes:
    """The stream up to that many packets."""
    stream = b""
    while not stream or not _holds(stream, packets):
        assert select.select([wire], [], [], PATIENCE_S)[0], f"{packets} packets did not come"
        stream += wire.recv(65536)
    return stream


def _holds(stream: bytes, packets: int) -> bool:
    try:
        return blocks(stream).count(6) >= packets
    except AssertionError:
        return False


def joined(virtual: Twin) -> tuple[bytes, bytes, list[dict[str, int]]]:
    """Install both terminals under both sniffers' ears; captures and counts at every stop."""
    s1, s2 = virtual.tcp("sniffer.s1"), virtual.tcp("sniffer.s2")
    virtual.switch_on()
    virtual.pty("panel.t1")
    virtual.pty("panel.t3")
    virtual.say("panel.t1", "PRESS 1")
    virtual.say("panel.t3", "PRESS 1")
    counts = []
    until_ns = virtual.now_ns + 120_000_000_000
    while virtual.now_ns < until_ns:
        stop = virtual.advance((until_ns - virtual.now_ns) / 1e9)
        counts.append({"t": stop["now_ns"]} | {name: c["now"] for name, c in stop["ports"].items()})
    return drain(s1, counts[-1]["sniffer.s1"]), drain(s2, counts[-1]["sniffer.s2"]), counts


@pytest.mark.slow
def test_packets_are_counted_and_one_seed_gives_the_same_octets(tmp_path: Path) -> None:
    runs = []
    for name, seed in [("a", 5), ("b", 5), ("c", 6)]:
        folder = tmp_path / name
        folder.mkdir()
        with twin(folder, mesh="bench.twin.mesh:build", seed=seed) as virtual:
            runs.append(joined(virtual))
    capture, _, counts = runs[0]
    assert capture.startswith(SECTION)
    assert blocks(capture).count(6) == counts[-1]["sniffer.s1"] > 50
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_new_connection_gets_a_new_section_and_counts_from_nothing(tmp_path: Path) -> None:
    with twin(tmp_path, mesh="bench.twin.mesh:build") as virtual:
        first = virtual.tcp("sniffer.s1")
        assert blocks(drain(first, 0)) == [0x0A0D0D0A, 1]
        before = virtual.advance(6 * 3600)["ports"]["sniffer.s1"]["now"]
        assert before > 0
        first.close()
        second = virtual.tcp("sniffer.s1", attach=False)
        answer = virtual.control.ask("attach", port="sniffer.s1")
        assert (answer["epoch"], answer["n"]) == (2, 0)
        stop = virtual.advance(6 * 3600, wake=["sniffer.s1"])
        assert (stop["reason"], stop["ports"]["sniffer.s1"]["now"]) == ("wake", 1)
        assert blocks(drain(second, 1)) == [0x0A0D0D0A, 1, 6]


def _sniffer(said: Callable[[SnifferPort, socket.socket, list[int]], Awaitable[None]]) -> None:
    """Run ``said`` with a connected sniffer port and the lengths of what it writes."""

    async def run() -> None:
        port = SnifferPort("s1", Engine(Kernel(0), asyncio.get_running_loop().call_soon))
        writes: list[int] = []
        plain = os.write

        def counted(fd: int, data: bytes) -> int:
            writes.append(len(data))
            return plain(fd, data)

        host, _, number = port.address.rpartition(":")
        with socket.create_connection((host, int(number))) as peer, pytest.MonkeyPatch.context() as patch:
            port.attach()
            await asyncio.sleep(0)  # the section is on its way
            patch.setattr("bench.twin.core.ports.os.write", counted)
            await said(port, peer, writes)
        port.close()

    asyncio.run(run())


def test_frames_leave_together() -> None:
    async def said(port: SnifferPort, peer: socket.socket, writes: list[int]) -> None:
        for number in range(100):
            port.heard(number, number + 1, b"frame", -50, 10)
        assert writes == []
        await asyncio.sleep(0)
        assert len(writes) == 1
        assert port.count == blocks(drain(peer, 100)).count(6) == 100

    _sniffer(said)


def test_what_was_heard_before_the_wire_was_pulled_arrives() -> None:
    async def said(port: SnifferPort, peer: socket.socket, writes: list[int]) -> None:
        port.heard(1, 2, b"frame", -50, 10)
        port.close()
        assert blocks(drain(peer, 1)).count(6) == 1

    _sniffer(said)
