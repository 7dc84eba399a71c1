"""Live captures: a file that grows, a pcapng stream over TCP, standard input; records as they come.

What the sniffers of a rig offer is a TCP stream (`tcp://HOST:PORT`); what a sniffer program writes is a file. A source
ends by itself (the peer closes, the file is taken away or cut), or the person who watches ends it.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import attrs

from bench.air.capture import read_stream
from bench.air.link import Record
from bench.errors import InputError

_SCHEME: Final = "tcp://"
_LOOK_AGAIN_S: Final = 0.1
_CONNECT_S: Final = 10.0


class _Octets(Protocol):
    """What a capture is read from: ``read1`` waits for octets and gives none at the end."""

    def read1(self, count: int, /) -> bytes: ...


class _GrowingFile:
    """A file that another program writes. Nobody says when it grows, so it is looked at ten times a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb", buffering=0)
        self._inode = os.fstat(self._file.fileno()).st_ino

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
    """A TCP connection to a sniffer; a peer that breaks it off ends the stream as one that closes it."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        self._socket.settimeout(None)

    def read1(self, count: int, /) -> bytes:
        try:
            return self._socket.recv(count)
        except ConnectionError:
            return b""

    def close(self) -> None:
        self._socket.close()


@attrs.define(slots=True)
class Live:
    """Records of a live source, as they come. ``records`` may be walked once.

    Raises `InputError` from `open`: a source that cannot be reached; from walking: one that is no capture, or ended
    inside a record.
    """

    name: str
    _source: _Octets

    @classmethod
    def open(cls, source: str) -> Live:
        """A file's path, ``tcp://HOST:PORT``, or ``-`` for standard input."""
        try:
            return cls(source, _open(source))
        except OSError as error:
            raise InputError(f"{source}: {error.strerror or error}; expected a capture to follow") from None

    def records(self) -> Iterator[Record]:
        """The records, each as soon as it is whole."""
        try:
            yield from read_stream(self._source, self.name)
        finally:
            close = getattr(self._source, "close", None)
            if close is not None:
                close()


def _open(source: str) -> _Octets:
    if source == "-":
        return open(sys.stdin.fileno(), "rb", closefd=False)
    if not source.startswith(_SCHEME):
        return _GrowingFile(Path(source))
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise InputError(f"{source}: expected tcp://HOST:PORT")
    return _Connection(host, port)
