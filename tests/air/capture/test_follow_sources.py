"""What can be followed: growing files of every kind, pipes, ZEP over UDP; how each ends, and keys that come later."""

from __future__ import annotations

import gc
import gzip
import io
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.follow import Datagrams, Stream, open_live
from bench.air.capture.zep import Zep, ZepAck, encode_zep
from bench.air.mac.frame import decode_mac, fcs16
from bench.air.show.command import decode_command
from bench.errors import InputError
from tests.air.capture.followed import WAIT_S, Start, frames, number, programs
from tests.air.mac_captures import need
from tests.skips import ONCE

ACK = bytes.fromhex("020007")
"""An acknowledgement of 802.15.4-2006, sequence number 7."""


@pytest.fixture
def program() -> Iterator[Start]:
    with programs() as start:
        yield start


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_a_growing_pcap_of_either_byte_order(order: str, magic: int, tmp_path: Path) -> None:
    packet = ACK + fcs16(ACK)
    record = struct.pack(order + "IIII", 5, 6, len(packet), len(packet)) + packet
    capture = tmp_path / "live.pcap"
    capture.write_bytes(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 195) + record + record[:18])
    records = open_live(str(capture)).records()
    assert (first := next(records)).data == ACK
    assert first.time_ns == 5_000_000_000 + (6000 if magic == 0xA1B2C3D4 else 6)
    with capture.open("ab") as file:
        file.write(record[18:])
    assert (second := next(records)).number == 2
    assert second.fcs_ok
    capture.unlink()
    assert list(records) == []


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_growing_pcapng_of_either_byte_order(order: str, tmp_path: Path) -> None:
    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack(order + "I", 12 + len(body))
        return struct.pack(order + "I", kind) + length + body + length

    section = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    packet = block(6, struct.pack(order + "IIIII", 0, 0, 9, 3, 3) + ACK + b"\0")
    capture = tmp_path / "live.pcapng"
    capture.write_bytes(section + block(1, struct.pack(order + "HHI", 230, 0, 0)) + packet + packet[:20])
    records = open_live(str(capture)).records()
    assert next(records).time_ns == 9000
    with capture.open("ab") as file:
        file.write(packet[20:])
    assert next(records).number == 2


def test_gzip_cannot_be_followed_and_that_is_said(tmp_path: Path) -> None:
    capture = tmp_path / "live.pcapng.gz"
    capture.write_bytes(gzip.compress(b"".join(frames(2))))
    with pytest.raises(
        InputError, match=r"live\.pcapng\.gz: gzip does not come frame by frame; expected pcap or pcapng"
    ):
        decode_command(str(capture), None, "table", None, io.StringIO(), live=True)


def test_a_pipe_until_its_writer_closes_it(program: Start, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    running = program(str(pipe))
    begin, first, second = frames(2)
    with pipe.open("wb", buffering=0) as writer:
        writer.write(begin + first)
        assert number(running.line()) == 1
        writer.write(second)
        assert number(running.line()) == 2
    assert running.end() == (0, f"kenshin: {pipe}: the stream ended after 2 frames, 2 shown\n")


def test_standard_input(program: Start) -> None:
    far, near = os.pipe()
    with open(far, "rb") as source, open(near, "wb", buffering=0) as sink:
        running = program("-", stdin=source)
        sink.write(b"".join(frames(1)))
        assert number(running.line()) == 1
    assert running.end() == (0, "kenshin: -: the stream ended after 1 frame, 1 shown\n")


def test_a_stream_that_breaks_off_inside_a_record_says_where_and_after_how_many(program: Start) -> None:
    begin, first, second = frames(2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        running = program(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        server.settimeout(WAIT_S)
        peer, _ = server.accept()
        with peer:
            peer.sendall(begin + first + second[:-5])
            assert number(running.line()) == 1
    code, complaint = running.end()
    at = len(begin + first)
    assert f": truncated at octet {at}, inside a block; all records before are read; 1 frame, 1 shown\n" in complaint
    assert (code, complaint.count("\n")) == (2, 1)


def test_keys_that_come_later_hold_from_then_on(program: Start, tmp_path: Path) -> None:
    capture, keys = tmp_path / "live.pcapng", tmp_path / "keys"
    keys.write_text('"00000000000000000000000000000000","1","No hash"\n')
    begin, *pieces = frames(400)
    records = read_capture(need("line2.pcapng"))
    first = next(at for at, record in enumerate(records) if decode_mac(record.data).security)
    capture.write_bytes(begin)
    running = program(str(capture), "--keys", str(keys))
    coming = iter(pieces[first:])

    def shown() -> str:
        """The line of the next frame, which is written now."""
        with capture.open("ab") as file:
            file.write(next(coming))
        return running.line()

    assert '"mic": "bad"' in shown()
    draft = tmp_path / "draft"
    draft.write_bytes(need("line2.ieee802154_keys").read_bytes())
    draft.replace(keys)
    while '"mic": "ok"' not in shown():
        pass
    running.process.send_signal(signal.SIGINT)
    code, complaint = running.end()
    assert code == 0
    assert f"kenshin: {keys}: read again, from frame " in complaint


def test_keys_that_become_none_are_said_and_the_old_ones_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.air.show.live._LOOK_S", 0.0)
    capture, keys = tmp_path / "live.pcapng", tmp_path / "keys"
    keys.write_bytes(need("line2.ieee802154_keys").read_bytes())
    capture.write_bytes(b"".join(frames(400)))

    class Spoils(io.StringIO):
        """After the first line the key file is no key file any more, after the last the capture is gone."""

        def write(self, text: str) -> int:
            if not self.tell():
                keys.write_text("no key at all\n")
            if '{"number": 400,' in text:
                capture.unlink()
            return super().write(text)

    out, err = Spoils(), io.StringIO()
    decode_command(str(capture), str(keys), "jsonl", None, out, live=True, err=err)
    said = err.getvalue().splitlines()
    assert said[0].startswith(f"kenshin: {keys}:1: not a key line; expected ")
    assert said[0].endswith("; the keys before are still used")
    assert said[1:] == [f"kenshin: {capture}: the stream ended after 400 frames, 400 shown"]
    assert '"mic": "ok"' in out.getvalue()
    assert '"mic": "bad"' not in out.getvalue()


@ONCE
@pytest.mark.slow
def test_memory_stays_flat_however_long_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    begin, *pieces = frames(400)
    rounds, held = 12, []

    class Sniffer:
        """Says the same minutes again and again, in portions that cut records."""

        def __init__(self) -> None:
            self._said = io.BytesIO(begin + b"".join(pieces) * rounds)

        def read1(self, count: int, /) -> bytes:
            return self._said.read(min(count, 4000))

        def close(self) -> None:
            self._said.close()

    class Sink(io.StringIO):
        """Keeps nothing but how many blocks of memory are in use after each round."""

        def write(self, text: str) -> int:
            if text.startswith('{"number": ') and int(text[11 : text.index(",")]) % len(pieces) == 0:
                gc.collect()
                held.append(sys.getallocatedblocks())
            return len(text)

    monkeypatch.setattr("bench.air.show.live.open_live", lambda name: Stream(name, Sniffer()))
    decode_command("sniffer", str(need("line2.ieee802154_keys")), "jsonl", None, Sink(), live=True, err=io.StringIO())
    assert len(held) == rounds
    few = held[rounds // 4]
    assert held[-1] < few + 0.01 * few, held


class TestZep:
    def test_datagrams_of_two_versions_and_what_is_none(self) -> None:
        live = Datagrams("zep://127.0.0.1:0")
        whole = ACK + fcs16(ACK)
        sent = [
            encode_zep(Zep(11, 1, whole, sequence=5)),
            encode_zep(ZepAck(5)),
            encode_zep(Zep(11, 1, whole, version=1)),
            b"EX\x07nonsense",
            encode_zep(Zep(12, 1, whole, sequence=9)),  # 6, 7 and 8 did not come
            encode_zep(Zep(12, 1, whole, sequence=2)),  # began to count anew: nothing is missing
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sniffer:
            for payload in sent:
                sniffer.sendto(payload, live.address)
        records = live.records()
        found = [next(records) for _ in range(5)]
        assert [record.number for record in found] == [1, 2, 3, 4, 5]
        assert [record.channel for record in found] == [11, 11, None, 12, 12]
        assert [record.damage for record in found] == ["", "", "ZEP: version 7 is not read", "", ""]
        assert all(record.fcs_ok and record.data == ACK for record in found if not record.damage)
        assert live.missing == 3

    def test_datagrams_do_not_wait_in_the_host_for_a_slow_decoder(self) -> None:
        live = Datagrams("zep://127.0.0.1:0")
        payload = 100 * b"\0"
        batch, batches = 100, 30  # a host keeps about 270 of them
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sniffer:
            records = live.records()
            sniffer.sendto(encode_zep(Zep(11, 1, payload, sequence=0)), live.address)
            first = next(records)
            for number in range(batches):
                for sequence in range(number * batch, (number + 1) * batch):
                    sniffer.sendto(encode_zep(Zep(11, 1, payload, sequence=sequence + 1)), live.address)
                deadline = time.monotonic() + WAIT_S
                while live.waiting < (number + 1) * batch:
                    assert time.monotonic() < deadline, f"{live.waiting} of {(number + 1) * batch}"
            sent_ns = time.time_ns()
        last = [next(records) for _ in range(batch * batches)][-1]
        assert (last.number, live.missing) == (1 + batch * batches, 0)
        assert first.time_ns < last.time_ns <= sent_ns  # of arrival, not of decoding
        records.close()  # type: ignore[attr-defined]  # a generator

    def test_as_its_user_runs_it(self, program: Start) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running = program(f"zep://127.0.0.1:{port}")
        stop = threading.Event()

        def send() -> None:
            """A sniffer does not know when somebody begins to listen."""
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sniffer:
                for sequence in range(100_000):
                    sniffer.sendto(encode_zep(Zep(11, 1, ACK + fcs16(ACK), sequence=sequence)), ("127.0.0.1", port))
                    if stop.wait(0.01):
                        return

        sender = threading.Thread(target=send)
        sender.start()
        try:
            assert [number(running.line()) for _ in range(3)] == [1, 2, 3]
        finally:
            stop.set()
            sender.join()
        running.process.send_signal(signal.SIGINT)
        code, complaint = running.end()
        assert complaint.startswith(f"kenshin: zep://127.0.0.1:{port}: stopped after ")
        assert code == 0

    def test_a_port_in_use_is_one_line(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            source = f"zep://127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(InputError, match=f"{source}: Address already in use"):
                open_live(source)

    @pytest.mark.parametrize("source", ["zep://127.0.0.1:70000", "zep://127.0.0.1:1/x"])
    def test_an_address_that_is_none(self, source: str) -> None:
        with pytest.raises(InputError, match=r"expected zep://\[HOST\]\[:PORT\]"):
            open_live(source)
