"""Secured RPL messages (RFC 6550, 6.1 and 10): which key and algorithm, and the body as octets, both ways.

Wi-SUN secures its frames below RPL and sends none of these. Nothing is decrypted here: a body that says it is encrypted
or carries a MIC stays octets; the consistency check of a clear one is not read either, its code names it.
"""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

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
_SIGNED: Final = 3  # its odd levels encrypt too, under a key that is then named (table 8)


@attrs.frozen(slots=True)
class Secured:
    """A message with its security section; ``key`` is the key identifier as sent: an index (key mode 0), key source
    and index (2; 3 where signed and encrypted), or nothing. ``timed`` says that the counter is a time."""

    CODES: ClassVar[tuple[int, ...]] = tuple(code | SECURED for code in NAMES)
    code: int
    algorithm: int
    key_mode: int
    level: int
    counter: int
    key: bytes = b""
    timed: bool = False
    body: bytes = b""

    def encode(self) -> bytes:
        """The octets after the ICMPv6 checksum."""
        head = bytes((self.timed << 7, self.algorithm, self.key_mode << 6 | self.level, 0))
        return head + self.counter.to_bytes(4, "big") + self.key + self.body

    @classmethod
    def decode(cls, code: int, data: bytes) -> Secured:
        """From the octets after the ICMPv6 checksum; raises `Malformed`."""
        reader = Reader(data, "secured RPL message")
        bits, algorithm, mode, _flags, counter = reader.u8(), reader.u8(), reader.u8(), reader.u8(), reader.u32()
        signed_only = mode >> 6 == _SIGNED and not mode & 1
        key = b"" if signed_only else reader.take(_KEY_OCTETS[mode >> 6])
        return cls(code, algorithm, mode >> 6, mode & 7, counter, key, bool(bits & 0x80), reader.rest())
