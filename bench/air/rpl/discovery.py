"""RPL's P2P route discovery option (RFC 6997, section 7): what route is looked for, and the way found so far."""

from __future__ import annotations

from typing import ClassVar, Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

ADDRESS_OCTETS: Final = 16


@frozen
class RouteDiscovery:
    """``target`` and ``addresses`` as sent, without the ``elided`` octets that they begin with as the DODAG id does.

    ``reply``, ``hop_by_hop`` and ``routes`` say which answer is asked for; ``lifetime`` is a code (0 to 3: 1, 4, 16, 64
    s); ``place`` is the largest rank in a DIO and the index of the next hop in a reply.
    """

    TYPE: ClassVar[int] = 10
    target: bytes
    addresses: tuple[bytes, ...] = ()
    elided: int = 0
    reply: bool = True
    hop_by_hop: bool = False
    routes: int = 0
    lifetime: int = 0
    place: int = 0

    def encode(self) -> bytes:
        """The option's content."""
        bits = self.reply << 7 | self.hop_by_hop << 6 | self.routes << 4 | self.elided
        return bytes((bits, self.lifetime << 6 | self.place)) + self.target + b"".join(self.addresses)

    @classmethod
    def decode(cls, data: bytes) -> RouteDiscovery:
        """From the option's content; raises `Malformed`."""
        reader = Reader(data, "RPL route discovery")
        bits, place = reader.u8(), reader.u8()
        elided = bits & 0x0F
        size = ADDRESS_OCTETS - elided
        target = reader.take(size)
        if reader.left % size:
            raise Malformed(f"RPL route discovery: {counted(reader.left)} for addresses of {size}")
        addresses = tuple(reader.take(size) for _ in range(reader.left // size))
        return cls(
            target, addresses, elided, bool(bits & 0x80), bool(bits & 0x40), bits >> 4 & 3, place >> 6, place & 0x3F
        )
