"""Standard streams that end no run: closed, without a reader, full, or in an encoding that lacks our characters.

A CI step cuts its log, an ssh session is closed, a console speaks cp932: none of this is a reason to leave a rig in the
middle of nine days, or to end with 0 without verdicts. What cannot be written is dropped, what cannot be encoded is
escaped. ``decode`` keeps the usual manners of a filter: a reader that has seen enough ends it (`ready` only escapes).

A file's name is octets. Those that the locale cannot read Python hands on as lone surrogates, which no file in UTF-8
takes. `ESCAPING`, an error handler for whoever encodes, makes of them what they were where that is UTF-8 (a Japanese
name in a session without a locale), and ``\\xff`` where it is not.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import sys
from typing import Any, Final

ESCAPING: Final = "kenshin.escaping"
_OCTETS: Final = re.compile("([\udc80-\udcff]+)")


def _escaping(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    parts = _OCTETS.split(error.object[error.start : error.end])
    return b"".join(_told(part) for part in parts), error.end


def _told(part: str) -> bytes:
    if not _OCTETS.fullmatch(part):
        return part.encode("ascii", "backslashreplace")
    return part.encode("ascii", "surrogateescape").decode("utf-8", "backslashreplace").encode()


codecs.register_error(ESCAPING, _escaping)


def readable(text: str) -> str:
    """Text with the names of files in it, for a file in UTF-8."""
    return text.encode("utf-8", ESCAPING).decode("utf-8")


class _Lenient(io.RawIOBase):
    """A descriptor whose failure is nobody's business: from the first one on, what is written is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._dead = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        """All of ``data``, to the descriptor or to nowhere."""
        octets = memoryview(data)
        while octets and not self._dead:
            try:
                octets = octets[os.write(self._descriptor, octets) :]
            except OSError:
                self._dead = True
        return len(data)


def ready() -> None:
    """Before anything is opened: descriptors 0 to 2 lead somewhere, and no character ends a command.

    A program started with a closed one would give its number to the next file that it opens, a timeline for instance,
    and write its complaints into that.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=ESCAPING)
    if not _is_lenient(sys.stderr):
        sys.stderr = _lenient(2, sys.stderr)


def outlive_reader() -> None:
    """For commands that go on when nobody reads any more: what they do is not what they print."""
    if isinstance(sys.stdout, io.TextIOWrapper) and not _is_lenient(sys.stdout):
        sys.stdout = _lenient(1, sys.stdout)


def _is_lenient(stream: Any) -> bool:
    return isinstance(getattr(stream, "buffer", None), io.BufferedWriter) and isinstance(stream.buffer.raw, _Lenient)


def _lenient(descriptor: int, before: Any) -> io.TextIOWrapper:
    encoding = getattr(before, "encoding", None) or "utf-8"
    buffered = io.BufferedWriter(_Lenient(descriptor))
    return io.TextIOWrapper(buffered, encoding=encoding, errors=ESCAPING, line_buffering=True)
