"""Secured RPL messages (RFC 6550, 6.1 and 10): which key and algorithm, and the body as octets, both ways.

Wi-SUN secures its frames below RPL and sends none of these. Nothing is decrypted or verified here: a body stays octets,
but for the consistency check, which has no clear message of its own; it is read where its level does not encrypt it.
"""

from __future__ import annotations

from typing import ClassVar, Final

from bench.air.frozen import frozen
from bench.air.octets import Reader

SECURED: Final = 0x80
"""The code of a secured message is that of the clear one with this bit."""
NAMES: Final = {
    0x00: "DIS",
    0x01: "DIO",
    0x02: "DAO",
    0x03: "DAO-ACK",
    0x04: "P2P-DRO",
    0x05: "P2P-DRO-ACK",
    0x06: "measurement",
    0x07: "DCO",
    0x08: "DCO-ACK",
    0x0A: "consistency check",
}
"""RPL messages by code without the secured bit (RFC 6550, 6997, 6998, 9009)."""
_KEY_OCTETS: Final = (1, 0, 9, 9)
_CHECK: Final = 0x0A | SECURED
_ENCRYPTED: Final = 1
"""Levels with this bit encrypt, others sign only (tables 8 and 9)."""
_SIGNED: Final = 3  # its odd levels encrypt too, under a key that is then named (table 8)


@frozen
class ConsistencyCheck:
    """Consistency check (6.6): is a counter that was received the sender's newest? A ``response`` repeats the ``nonce``
    of its request; ``counter`` is what its sender last saw of the destination's. ``flags`` are the seven bits after R,
    ``rest`` options and what signs the message."""

    instance: int
    response: bool
    nonce: int
    dodag_id: bytes
    counter: int
    flags: int = 0
    rest: bytes = b""

    def encode(self) -> bytes:
        """The body of the message."""
        head = bytes((self.instance, self.response << 7 | self.flags)) + self.nonce.to_bytes(2, "big")
        return head + self.dodag_id + self.counter.to_bytes(4, "big") + self.rest

    @classmethod
    def decode(cls, body: bytes) -> ConsistencyCheck:
        """From the body of a message; raises `Malformed`."""
        reader = Reader(body, "RPL consistency check")
        instance, bits, nonce = reader.u8(), reader.u8(), reader.u16()
        return cls(instance, bool(bits & 0x80), nonce, reader.take(16), reader.u32(), bits & 0x7F, reader.rest())


@frozen
class Secured:
    """A message with its security section; ``key`` is the key identifier as sent: an index (key mode 0), key source
    and index (2; 3 where signed and encrypted), or nothing. ``timed`` says that the counter is a time. ``reserved``
    are the seven bits behind T, ``reserved2`` the three between key mode and level, ``flags`` the octet behind them."""

    CODES: ClassVar[tuple[int, ...]] = tuple(code | SECURED for code in NAMES)
    code: int
    algorithm: int
    key_mode: int
    level: int
    counter: int
    key: bytes = b""
    timed: bool = False
    body: bytes = b""
    reserved: int = 0
    reserved2: int = 0
    flags: int = 0

    @property
    def check(self) -> ConsistencyCheck | None:
        """The consistency check in the body, where it is one and in clear; raises `Malformed` where that is cut."""
        if self.code != _CHECK or self.level & _ENCRYPTED:
            return None
        return ConsistencyCheck.decode(self.body)

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        mode = self.key_mode << 6 | self.reserved2 << 3 | self.level
        head = bytes((self.timed << 7 | self.reserved, self.algorithm, mode, self.flags))
        return head + self.counter.to_bytes(4, "big") + self.key + self.body

    @classmethod
    def decode(cls, code: int, data: bytes) -> Secured:
        """From the octets after the ICMPv6 checksum; raises `Malformed`."""
        reader = Reader(data, "secured RPL message")
        bits, algorithm, mode, flags, counter = reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u32()
        signed_only = mode >> 6 == _SIGNED and not mode & _ENCRYPTED
        key = b"" if signed_only else reader.take(_KEY_OCTETS[mode >> 6])
        told = (algorithm, mode >> 6, mode & 7, counter, key, bool(bits & 0x80), reader.rest())
        return cls(code, *told, bits & 0x7F, mode >> 3 & 7, flags)
