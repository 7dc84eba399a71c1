"""Live captures: a file that grows, a pipe, a pcapng stream over TCP, ZEP datagrams over UDP; records as they come.

What the sniffers of a rig offer is a TCP stream (`tcp://HOST:PORT`); what a sniffer program writes is a file or a pipe;
network sniffers send ZEP (`zep://HOST:PORT`, the address to listen at). A source ends by itself (the peer closes, the
file is taken away or cut), or the person who watches ends it.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Final, Protocol
from urllib.parse import urlsplit

from bench.air.capture.capture import read_stream
from bench.air.capture.link import Record, zep_record
from bench.air.capture.zep import PORT as ZEP_PORT
from bench.air.capture.zep import Zep, decode_zep
from bench.air.errors import Malformed
from bench.errors import InputError
from bench.sockets import keep_alive

_TCP: Final = "tcp"
_ZEP: Final = "zep"
_LOOK_AGAIN_S: Final = 0.1
_CONNECT_S: Final = 10.0
_LARGEST_DATAGRAM: Final = 1 << 16
_RECEIVE_OCTETS: Final = 4 << 20
"""Asked of the host for datagrams that wait: 8 sniffers of 500 frames/s for some seconds. It may give less."""
_WAITING: Final = 1 << 17
"""Datagrams that wait for the decoder, half a minute of 8 such sniffers, before new ones are given up."""
_ZEP_SENDERS: Final = 256
"""Sniffers whose sequence numbers are kept; anyone may send."""
_LARGEST_GAP: Final = 1 << 16
"""More datagrams than this are not missing: a sniffer began to count elsewhere."""


class Live(Protocol):
    """Records of a live source, as they come; ``records`` may be walked once."""

    name: str

    def records(self) -> Iterator[Record]:
        """The records, each as soon as it is whole. Raises `InputError` for a source that is no capture, or ended
        inside a record."""

    @property
    def missing(self) -> int:
        """Records that were sent and did not come, where the source tells (ZEP version 2 numbers its datagrams)."""


def open_live(source: str) -> Live:
    """A file's or pipe's path, ``-`` for standard input, ``tcp://HOST:PORT`` or ``zep://[HOST][:PORT]``.

    Raises `InputError` for a source that cannot be reached."""
    scheme, sign, _ = source.partition("://")
    try:
        if sign and scheme == _ZEP:
            return Datagrams(source)
        if sign and scheme == _TCP:
            return Stream(source, _Connection(*_address(source, f"{_TCP}://HOST:PORT")))
        return Stream(source, _octets(source))
    except OSError as error:
        raise InputError(f"{source}: {error.strerror or error}; expected a capture to follow") from None


class _Octets(Protocol):
    """What a capture is read from: ``read1`` waits for octets and gives none at the end."""

    def read1(self, count: int, /) -> bytes: ...

    def close(self) -> None: ...


class Stream:
    """A capture that comes octet by octet: pcap or pcapng."""

    missing = 0

    def __init__(self, name: str, source: _Octets) -> None:
        self.name = name
        self._source = source

    def records(self) -> Iterator[Record]:
        with contextlib.closing(self._source):
            yield from read_stream(self._source, self.name)


def _octets(source: str) -> _Octets:
    if source == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    file = Path(source).open("rb", buffering=0)  # noqa: SIM115 -- of a pipe: waits for who writes into it
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return _GrowingFile(Path(source), file)
    return _Pipe(file)


class _Pipe:
    """A named pipe, or a device; it ends when nobody has it open for writing any more."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read1(self, count: int, /) -> bytes:
        return self._file.read(count)

    def close(self) -> None:
        self._file.close()


class _GrowingFile:
    """A file that another program writes. Nobody says when it grows, so it is looked at ten times a second."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._inode = os.fstat(file.fileno()).st_ino

    def read1(self, count: int, /) -> bytes:
        while not (octets := self._file.read(count) or b""):
            if not self._goes_on():
                return b""
            time.sleep(_LOOK_AGAIN_S)
        return octets

    def _goes_on(self) -> bool:
        """Still the same file, and not shorter than what was read."""
        try:
            now = self._path.stat()
        except OSError:
            return False
        return now.st_ino == self._inode and now.st_size >= self._file.tell()

    def close(self) -> None:
        self._file.close()


class _Connection:
    """A TCP connection to a sniffer; a peer that breaks it off or vanishes ends the stream as one that closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        self._socket.settimeout(None)
        keep_alive(self._socket)

    def read1(self, count: int, /) -> bytes:
        try:
            return self._socket.recv(count)
        except OSError:
            return b""

    def close(self) -> None:
        self._socket.close()


class Datagrams:
    """ZEP datagrams that any number of sniffers send to one UDP port; frames are stamped on arrival.

    A datagram that is no ZEP becomes a record with its ``damage``. It has no end of its own."""

    def __init__(self, name: str) -> None:
        host, port = _address(name, f"{_ZEP}://[HOST][:PORT]", default=("0.0.0.0", ZEP_PORT))
        self.name = name
        self.missing = 0
        self._last: OrderedDict[tuple[object, int], int] = OrderedDict()
        self._come: SimpleQueue[tuple[int, bytes, object]] = SimpleQueue()
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(family, kind, protocol)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_OCTETS)
            self._socket.bind(address)
        except BaseException:
            self._socket.close()
            raise

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def waiting(self) -> int:
        """Datagrams that have come and were not asked for yet."""
        return self._come.qsize()

    def records(self) -> Iterator[Record]:
        number = 0
        done, stop = socket.socketpair()
        receiver = threading.Thread(target=self._receive, args=(done,), name="zep", daemon=True)
        receiver.start()
        try:
            while True:
                time_ns, payload, sender = self._come.get()
                record = zep_record(number + 1, time_ns, payload)
                self._count(payload, sender)
                if record is not None:
                    number += 1
                    yield record
        finally:
            stop.close()  # readable: the end
            receiver.join()
            done.close()
            self._socket.close()

    def _receive(self, done: socket.socket) -> None:
        """Take datagrams as they arrive, whatever the decoder does: a host keeps only some hundred that wait."""
        self._socket.setblocking(False)
        while done not in select.select([self._socket, done], [], [])[0]:
            with contextlib.suppress(OSError):  # nothing more at the moment
                while True:
                    payload, sender = self._socket.recvfrom(_LARGEST_DATAGRAM)
                    if self.waiting < _WAITING:  # what is given up shows in the sequence numbers
                        self._come.put((time.time_ns(), payload, sender))

    def _count(self, payload: bytes, sender: object) -> None:
        """Sequence numbers rise by one a datagram, per sender and device; 32 bits."""
        try:
            found = decode_zep(payload)
        except Malformed:
            return
        if not isinstance(found, Zep) or found.sequence is None:
            return
        key = (sender, found.device)
        last = self._last.pop(key, None)
        gap = 0 if last is None else (found.sequence - last - 1) % (1 << 32)
        if gap < _LARGEST_GAP:
            self.missing += gap
        self._last[key] = found.sequence
        if len(self._last) > _ZEP_SENDERS:
            self._last.popitem(last=False)


def _address(source: str, expected: str, default: tuple[str, int] | None = None) -> tuple[str, int]:
    """Host and port of a URL; what it leaves out is ``default``'s. Raises `InputError`."""
    try:
        parts = urlsplit(source)
        host, port, more = parts.hostname, parts.port, parts.path.strip("/")
    except ValueError:
        host, port, more = None, None, "wrong"
    if not more and default is not None:
        return host or default[0], default[1] if port is None else port
    if more or not host or not port:
        raise InputError(f"{source}: expected {expected}")
    return host, port
