"""RPL's discovery reply and its acknowledgement (RFC 6997, sections 8 and 10): a route between two nodes, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.octets import Reader
from bench.air.rpl.messages import Option, build_options, parse_options


@frozen
class Dro:
    """P2P discovery reply object: a route that was found, in its route discovery option. ``stop``: look no further."""

    CODE: ClassVar[int] = 4
    instance: int
    dodag_id: bytes
    sequence: int = 0
    stop: bool = False
    ack_requested: bool = False
    version: int = 0
    reserved: int = 0
    options: tuple[Option, ...] = ()

    @property
    def bits(self) -> int:
        """The two octets behind the version."""
        return self.stop << 15 | self.ack_requested << 14 | self.sequence << 12 | self.reserved

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        return bytes((self.instance, self.version)) + self.bits.to_bytes(2, "big") + self.dodag_id + _options(self)

    @classmethod
    def decode(cls, data: bytes) -> Dro:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL P2P-DRO")
        instance, version, bits, dodag_id = reader.u8(), reader.u8(), reader.u16(), reader.take(16)
        stop, ack = bool(bits & 0x8000), bool(bits & 0x4000)
        options = parse_options(reader.rest())
        return cls(instance, dodag_id, bits >> 12 & 3, stop, ack, version, bits & 0xFFF, options)


@frozen
class DroAck:
    """Acknowledgement of a discovery reply: repeats its numbers."""

    CODE: ClassVar[int] = 5
    instance: int
    dodag_id: bytes
    sequence: int = 0
    version: int = 0
    reserved: int = 0
    options: tuple[Option, ...] = ()

    @property
    def bits(self) -> int:
        """The two octets behind the version."""
        return self.sequence << 14 | self.reserved

    def encode(self) -> bytes:
        """The base object, after the ICMPv6 checksum."""
        return bytes((self.instance, self.version)) + self.bits.to_bytes(2, "big") + self.dodag_id + _options(self)

    @classmethod
    def decode(cls, data: bytes) -> DroAck:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL P2P-DRO-ACK")
        instance, version, bits, dodag_id = reader.u8(), reader.u8(), reader.u16(), reader.take(16)
        return cls(instance, dodag_id, bits >> 14, version, bits & 0x3FFF, parse_options(reader.rest()))


def _options(message: Dro | DroAck) -> bytes:
    return build_options(message.options)


Message: TypeAlias = Dro | DroAck
MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {Dro.CODE: Dro.decode, DroAck.CODE: DroAck.decode}
"""Decoders by ICMPv6 code."""
