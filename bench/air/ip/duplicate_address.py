"""Duplicate address messages between a 6LoWPAN router and its border router (RFC 6775 4.4, RFC 8505 4.2).

A router that hears a registration asks the border router with a request (DAR, EDAR), and is told with a confirmation
(DAC, EDAC); in a Wi-SUN network RPL's DAO does this work, in other meshes these ICMPv6 messages (157, 158) do.
"""

from __future__ import annotations

from typing import ClassVar, Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

_OWNER_OCTETS: Final = (8, 16, 24, 32)


@frozen
class DuplicateAddress:
    """One message. ``code`` 0 is the form of RFC 6775; its lower four bits otherwise count the owner's size in units of
    8 octets (ROVR, 8 to 32 octets). ``address`` is the one registered; ``lifetime_min`` in minutes."""

    REQUEST: ClassVar[int] = 157
    CONFIRMATION: ClassVar[int] = 158
    type: int
    address: bytes
    owner: bytes
    lifetime_min: int
    status: int = 0
    tid: int = 0
    code: int = 0

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        return bytes((self.status, self.tid)) + self.lifetime_min.to_bytes(2, "big") + self.owner + self.address

    @classmethod
    def decode(cls, kind: int, code: int, data: bytes) -> DuplicateAddress:
        """From the octets after the ICMPv6 checksum; raises `Malformed`."""
        reader = Reader(data, "duplicate address message")
        status, tid, lifetime = reader.u8(), reader.u8(), reader.u16()
        owner = reader.take(reader.left - 16)
        if len(owner) not in _OWNER_OCTETS or code & 0x0F not in (0, len(owner) // 8):
            raise Malformed(f"duplicate address message: owner of {counted(len(owner))} under code {code:#04x}")
        return cls(kind, reader.take(16), owner, lifetime, status, tid, code)
