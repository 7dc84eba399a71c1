"""RPL's destination cleanup object and its acknowledgement (RFC 9009): a route is taken back from above, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, TypeAlias

from bench.air.frozen import frozen
from bench.air.octets import Reader
from bench.air.rpl.messages import Option, Target, build_options, parse_options


@frozen
class Dco:
    """Destination cleanup object (section 4.3): ``status`` says why (RFC 9010), ``dodag_id`` with a local instance.

    ``flags`` are the six bits behind K and D, as sent."""

    CODE: ClassVar[int] = 7
    instance: int
    sequence: int
    status: int = 0
    ack_requested: bool = False
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()
    flags: int = 0

    @property
    def targets(self) -> tuple[Target, ...]:
        """The Target options: whose routes go."""
        return tuple(option for option in self.options if isinstance(option, Target))

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        bits = self.ack_requested << 7 | (self.dodag_id is not None) << 6 | self.flags
        head = bytes((self.instance, bits, self.status, self.sequence))
        return head + (self.dodag_id or b"") + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dco:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DCO")
        instance, bits, status, sequence = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x40 else None
        options = parse_options(reader.rest())
        return cls(instance, sequence, status, bool(bits & 0x80), dodag_id, options, bits & 0x3F)


@frozen
class DcoAck:
    """Acknowledgement of a DCO (section 4.3.4): ``status`` 0 accepted, 1 of an unknown route.

    ``flags`` are the seven bits behind D, as sent."""

    CODE: ClassVar[int] = 8
    instance: int
    sequence: int
    status: int = 0
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()
    flags: int = 0

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        head = bytes((self.instance, (self.dodag_id is not None) << 7 | self.flags, self.sequence, self.status))
        return head + (self.dodag_id or b"") + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> DcoAck:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DCO-ACK")
        instance, bits, sequence, status = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x80 else None
        return cls(instance, sequence, status, dodag_id, parse_options(reader.rest()), bits & 0x7F)


Message: TypeAlias = Dco | DcoAck
MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {Dco.CODE: Dco.decode, DcoAck.CODE: DcoAck.decode}
"""Decoders by ICMPv6 code."""
