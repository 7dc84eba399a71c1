"""Reading octets, in network order or 802.15.4's, without ever leaving the slice that was handed in.

Reading by offset in a larger buffer silently reads into the next record when a length field is damaged; a reader over
one slice raises instead. Every decoder of the layers above the MAC takes its fields through this class.
"""

from __future__ import annotations

from bench.air.errors import Malformed


class Reader:
    """A cursor over one slice; every reading past the end raises :class:`Malformed` naming ``what``."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        """Octets not read yet."""
        return len(self._data) - self._at

    @property
    def at(self) -> int:
        """Octets read so far."""
        return self._at

    def take(self, count: int) -> bytes:
        """The next ``count`` octets."""
        end = self._at + count
        if count < 0:
            raise Malformed(f"{self._what}: a length that is less than what it has to count")
        if end > len(self._data):
            raise Malformed(f"{self._what}: {counted(count)} wanted, {self.left} left")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def uint(self, octets: int) -> int:
        """The next unsigned integer, big endian."""
        return int.from_bytes(self.take(octets), "big")

    def le(self, octets: int = 2) -> int:
        """The next unsigned integer, little endian, as IEEE 802.15.4 and Wi-SUN send theirs."""
        return int.from_bytes(self.take(octets), "little")

    def u8(self) -> int:
        """The next octet."""
        if self._at >= len(self._data):
            raise Malformed(f"{self._what}: 1 octet wanted, 0 left")
        value = self._data[self._at]
        self._at += 1
        return value

    def peek(self) -> int:
        """The next octet, which stays to be read."""
        if self._at >= len(self._data):
            raise Malformed(f"{self._what}: 1 octet wanted, 0 left")
        return self._data[self._at]

    def u16(self) -> int:
        """The next two octets as an integer."""
        return self.uint(2)

    def u32(self) -> int:
        """The next four octets as an integer."""
        return self.uint(4)

    def rest(self) -> bytes:
        """All that is left, possibly nothing."""
        return self.take(self.left)

    def part(self, count: int) -> Reader:
        """A reader over the next ``count`` octets, which are taken."""
        return Reader(self.take(count), self._what)

    def done(self) -> None:
        """Raise unless all was read."""
        if self.left:
            raise Malformed(f"{self._what}: {counted(self.left)} too many")


def counted(number: int, unit: str = "octet") -> str:
    """``1 octet``, ``2 octets``."""
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def printable(text: str) -> str:
    """Text from the air, without what would break a line or steer a terminal: such characters as ``\\x1b``."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
