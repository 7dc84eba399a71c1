"""`kenshin decode --follow` as its user runs it, and what is fed to it."""

from __future__ import annotations

import io
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from tests.air.mac_captures import need

WAIT_S: Final = 30


class Program:
    """`kenshin decode --follow` as its user runs it; its lines come through a queue, so that waiting has an end."""

    def __init__(self, *arguments: str, stdin: IO[bytes] | None = None) -> None:
        command = [sys.executable, "-m", "bench.cli", "decode", "--follow", "--format", "jsonl", *arguments]
        # As for a user: lines must come by the program's own flushing.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        self._lines: queue.Queue[str] = queue.Queue()
        assert self.process.stdout
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            self._lines.put(line)

    def line(self) -> str:
        return self._lines.get(timeout=WAIT_S)

    def silent(self) -> bool:
        return self._lines.empty()

    def end(self) -> tuple[int, str]:
        _, complaint = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, complaint


Start = Callable[..., Program]


@contextmanager
def programs() -> Iterator[Start]:
    """Starts programs; none outlives the block."""
    started: list[Program] = []

    def start(*arguments: str, **options: Any) -> Program:
        started.append(Program(*arguments, **options))
        return started[-1]

    try:
        yield start
    finally:
        for one in started:
            one.process.kill()
            one.process.communicate()


def frames(count: int) -> list[bytes]:
    """A stream's beginning, then one octet string a frame."""
    records = [record for record, _ in zip(read_capture(need("line2.pcapng")), range(count), strict=False)]
    pieces = []
    out = io.BytesIO()
    writer = PcapngWriter(out)
    writer.section()
    for record in records:
        pieces.append(out.getvalue())
        out.seek(0)
        out.truncate()
        writer.packet(record.data, record.time_ns)
    return [*pieces, out.getvalue()]


def number(line: str) -> int:
    found = re.match(r'{"number": (\d+),', line)
    assert found, line
    return int(found[1])
