"""The device side of a line protocol: octets in, whole lines out. Shared by the impersonators on ptys."""

from __future__ import annotations

from typing import Final

LONGEST_LINE: Final = 1024


class LineSplitter:
    """Cuts octets into lines ended by LF, CR LF or CR; an endless line is dropped at 1024 octets."""

    def __init__(self) -> None:
        self._buffer = b""

    def clear(self) -> None:
        """Forget a half line (a new epoch of the wire)."""
        self._buffer = b""

    def feed(self, data: bytes) -> list[str]:
        """The non-empty lines completed by ``data``, decoded as UTF-8, without their ends."""
        *lines, self._buffer = (self._buffer + data).replace(b"\r", b"\n").split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
        return [line.decode("utf-8", "replace") for line in lines if line.strip() and len(line) <= LONGEST_LINE]
