"""Following live captures: lines as frames come, one clear line at the end."""

from __future__ import annotations

import io
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.air.capture.follow import open_live
from bench.air.show.command import decode_command
from bench.errors import InputError
from tests.air.capture.followed import WAIT_S, Start, frames, number, programs


@pytest.fixture
def program() -> Iterator[Start]:
    with programs() as start:
        yield start


def test_a_growing_file_until_ctrl_c(program: Start, tmp_path: Path) -> None:
    capture = tmp_path / "live.pcapng"
    begin, first, second, third = frames(3)
    capture.write_bytes(begin + first)
    running = program(str(capture))
    assert number(running.line()) == 1
    with capture.open("ab") as file:
        file.write(second[:30])
        file.flush()
        assert running.silent()  # half a frame is none
        file.write(second[30:])
        file.flush()
        assert number(running.line()) == 2
        file.write(third)
    assert number(running.line()) == 3
    running.process.send_signal(signal.SIGINT)
    code, complaint = running.end()
    assert complaint == f"kenshin: {capture}: stopped after 3 frames, 3 shown\n"
    assert code == 0


def test_a_sniffers_stream_until_it_ends(program: Start) -> None:
    begin, first, second = frames(2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        running = program(f"tcp://127.0.0.1:{port}", "--filter", "frame.number != 1")
        server.settimeout(WAIT_S)
        peer, _ = server.accept()
        with peer:
            peer.sendall(begin + first)
            peer.sendall(second)
            assert number(running.line()) == 2
    code, complaint = running.end()
    assert complaint == f"kenshin: tcp://127.0.0.1:{port}: the stream ended after 2 frames, 1 shown\n"
    assert code == 0


def test_a_file_taken_away_ends_it(tmp_path: Path) -> None:
    capture = tmp_path / "live.pcap"
    capture.write_bytes(b"".join(frames(2)))
    records = open_live(str(capture)).records()
    assert [next(records).number, next(records).number] == [1, 2]
    capture.unlink()
    assert list(records) == []


def test_a_file_that_begins_anew_ends_it(tmp_path: Path) -> None:
    capture = tmp_path / "live.pcapng"
    capture.write_bytes(b"".join(frames(2)))
    records = open_live(str(capture)).records()
    assert next(records).number == 1
    capture.write_bytes(b"")
    assert [record.number for record in records] == [2]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.pcapng", "nowhere.pcapng: No such file or directory; expected a capture to follow"),
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1: Connection refused; expected a capture to follow"),
        ("tcp://127.0.0.1", "tcp://127.0.0.1: expected tcp://HOST:PORT"),
        ("tcp://127.0.0.1:70000", "expected tcp://HOST:PORT"),
    ],
)
def test_a_source_that_cannot_be_reached_is_said(source: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_command(source, None, "table", None, io.StringIO(), live=True)


def test_a_stream_of_something_else_is_said(tmp_path: Path) -> None:
    other = tmp_path / "notes.txt"
    other.write_text("not a capture")
    with pytest.raises(InputError, match=r"notes\.txt: not a capture"):
        decode_command(str(other), None, "table", None, io.StringIO(), live=True)


def test_one_frame_of_a_live_capture_is_refused() -> None:
    with pytest.raises(InputError, match="--frame and --follow do not go together"):
        decode_command("x", None, "table", None, io.StringIO(), live=True, number=3)
