"""RPL control messages (RFC 6550, ICMPv6 type 155) and their options, both directions.

Joining and hop counts are read from these: the DAO names a node's parent (Transit Information), the DAO-ACK ends the
join, the DIO carries the rank. Records keep the octets as they are on the wire where a prefix may be shortened, so that
building what was parsed gives the same octets. Secured variants (code 0x80 and up) are left to the caller as octets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.octets import Reader
from bench.air.rpl_discovery import RouteDiscovery

ICMPV6_TYPE: Final = 155


@attrs.frozen(slots=True)
class Padding:
    """Pad1 (``length`` 1) or PadN of zeros; ``length`` counts all octets of the option (6.7.2, 6.7.3)."""

    length: int


@attrs.frozen(slots=True)
class RawOption:
    """An option of a type that is not known here, or known but not of its usual form."""

    type: int
    data: bytes


@attrs.frozen(slots=True)
class Metric:
    """One routing metric or constraint object (RFC 6551, 2.1); ``flags`` is the 16-bit field after the type."""

    type: int
    flags: int
    data: bytes

    ETX: ClassVar[int] = 7

    @property
    def etx(self) -> float | None:
        """The expected transmission count, in transmissions (RFC 6551, 4.3.2); None for another metric."""
        return int.from_bytes(self.data, "big") / 128 if self.type == self.ETX and len(self.data) == 2 else None


@attrs.frozen(slots=True)
class MetricContainer:
    """DAG Metric Container (6.7.4)."""

    TYPE: ClassVar[int] = 2
    metrics: tuple[Metric, ...] = ()

    def encode(self) -> bytes:
        """The option's content."""
        return b"".join(
            bytes((m.type,)) + m.flags.to_bytes(2, "big") + bytes((len(m.data),)) + m.data for m in self.metrics
        )

    @classmethod
    def decode(cls, data: bytes) -> MetricContainer:
        """From the option's content."""
        reader = Reader(data, "RPL metric container")
        metrics = []
        while reader.left:
            kind, flags = reader.u8(), reader.u16()
            metrics.append(Metric(kind, flags, reader.take(reader.u8())))
        return cls(tuple(metrics))


@attrs.frozen(slots=True)
class RouteInformation:
    """Route Information (6.7.5); ``prefix`` as on the wire, ``lifetime_s`` in seconds, ``flags`` holds Prf."""

    TYPE: ClassVar[int] = 3
    prefix_length: int
    lifetime_s: int
    prefix: bytes
    flags: int = 0

    def encode(self) -> bytes:
        """The option's content."""
        return bytes((self.prefix_length, self.flags)) + self.lifetime_s.to_bytes(4, "big") + self.prefix

    @classmethod
    def decode(cls, data: bytes) -> RouteInformation:
        """From the option's content."""
        reader = Reader(data, "RPL route information")
        length, flags, lifetime = reader.u8(), reader.u8(), reader.u32()
        return cls(length, lifetime, _prefix(reader, length), flags)


@attrs.frozen(slots=True)
class Configuration:
    """DODAG Configuration (6.7.6).

    Timer values as exponents and counts: Imin = 2 ** ``interval_min`` ms, Imax = Imin * 2 ** ``doublings``. Lifetimes
    are ``default_lifetime`` times ``lifetime_unit_s`` seconds. ``flags`` is the first octet (A, PCS).
    """

    TYPE: ClassVar[int] = 4
    doublings: int = 1
    interval_min: int = 19
    redundancy: int = 0
    max_rank_increase: int = 0
    min_hop_rank_increase: int = 128
    objective: int = 1
    default_lifetime: int = 6
    lifetime_unit_s: int = 1200
    flags: int = 0x07
    reserved: int = 0

    OBJECTIVE_ZERO: ClassVar[int] = 0
    OBJECTIVE_MRHOF: ClassVar[int] = 1

    @property
    def rpi_0x23(self) -> bool:
        """The DODAG asks for hop-by-hop option type 0x23 (RFC 9008, 4.1.3)."""
        return bool(self.flags & 0x10)

    def encode(self) -> bytes:
        """The option's content."""
        return (
            bytes((self.flags, self.doublings, self.interval_min, self.redundancy))
            + self.max_rank_increase.to_bytes(2, "big")
            + self.min_hop_rank_increase.to_bytes(2, "big")
            + self.objective.to_bytes(2, "big")
            + bytes((self.reserved, self.default_lifetime))
            + self.lifetime_unit_s.to_bytes(2, "big")
        )

    @classmethod
    def decode(cls, data: bytes) -> Configuration:
        """From the option's content."""
        reader = Reader(data, "RPL DODAG configuration")
        flags, doublings, minimum, redundancy = reader.take(4)
        rank_max, rank_min, objective = reader.u16(), reader.u16(), reader.u16()
        reserved, lifetime, unit = reader.u8(), reader.u8(), reader.u16()
        reader.done()
        return cls(doublings, minimum, redundancy, rank_max, rank_min, objective, lifetime, unit, flags, reserved)


@attrs.frozen(slots=True)
class Target:
    """RPL Target (6.7.7): ``prefix`` as on the wire; ``address`` fills it up to 16 octets with zeros."""

    TYPE: ClassVar[int] = 5
    prefix: bytes
    prefix_length: int = 128
    flags: int = 0

    @property
    def address(self) -> bytes:
        """The target as 16 octets."""
        return self.prefix.ljust(16, b"\0")

    def encode(self) -> bytes:
        """The option's content."""
        return bytes((self.flags, self.prefix_length)) + self.prefix

    @classmethod
    def decode(cls, data: bytes) -> Target:
        """From the option's content."""
        reader = Reader(data, "RPL target")
        flags, length = reader.u8(), reader.u8()
        return cls(_prefix(reader, length), length, flags)


@attrs.frozen(slots=True)
class Transit:
    """Transit Information (6.7.8): the parent through which the targets before it are reached.

    ``parent`` is the parent's 16-octet address in non-storing mode, None where it is left out; ``path_lifetime`` counts
    lifetime units, 0 means No-Path, 0xFF for ever; ``flags`` bit 0x80 is E (external target).
    """

    TYPE: ClassVar[int] = 6
    parent: bytes | None = None
    path_sequence: int = 0
    path_lifetime: int = 6
    path_control: int = 0x40
    flags: int = 0

    @property
    def external(self) -> bool:
        """The target is no RPL router itself (E flag)."""
        return bool(self.flags & 0x80)

    def encode(self) -> bytes:
        """The option's content."""
        return bytes((self.flags, self.path_control, self.path_sequence, self.path_lifetime)) + (self.parent or b"")

    @classmethod
    def decode(cls, data: bytes) -> Transit:
        """From the option's content."""
        reader = Reader(data, "RPL transit information")
        flags, control, sequence, lifetime = reader.take(4)
        parent = reader.take(16) if reader.left else None
        reader.done()
        return cls(parent, sequence, lifetime, control, flags)


@attrs.frozen(slots=True)
class SolicitedInformation:
    """Solicited Information of a DIS (6.7.9); ``flags`` holds V, I, D, the predicates that must hold."""

    TYPE: ClassVar[int] = 7
    instance: int
    dodag_id: bytes
    version: int
    flags: int = 0

    def encode(self) -> bytes:
        """The option's content."""
        return bytes((self.instance, self.flags)) + self.dodag_id + bytes((self.version,))

    @classmethod
    def decode(cls, data: bytes) -> SolicitedInformation:
        """From the option's content."""
        reader = Reader(data, "RPL solicited information")
        instance, flags, dodag_id, version = reader.u8(), reader.u8(), reader.take(16), reader.u8()
        reader.done()
        return cls(instance, dodag_id, version, flags)


@attrs.frozen(slots=True)
class PrefixInformation:
    """Prefix Information (6.7.10): 16-octet ``prefix``, lifetimes in seconds, ``flags`` 0x80 L, 0x40 A, 0x20 R."""

    TYPE: ClassVar[int] = 8
    prefix: bytes
    prefix_length: int = 64
    flags: int = 0x20
    valid_s: int = 0xFFFFFFFF
    preferred_s: int = 0xFFFFFFFF
    reserved: int = 0

    @property
    def router_address(self) -> bool:
        """The prefix field is the whole address of the sender (R flag)."""
        return bool(self.flags & 0x20)

    def encode(self) -> bytes:
        """The option's content."""
        numbers = (self.valid_s, self.preferred_s, self.reserved)
        return bytes((self.prefix_length, self.flags)) + b"".join(n.to_bytes(4, "big") for n in numbers) + self.prefix

    @classmethod
    def decode(cls, data: bytes) -> PrefixInformation:
        """From the option's content."""
        reader = Reader(data, "RPL prefix information")
        length, flags, valid, preferred, reserved = reader.u8(), reader.u8(), reader.u32(), reader.u32(), reader.u32()
        prefix = reader.take(16)
        reader.done()
        return cls(prefix, length, flags, valid, preferred, reserved)


@attrs.frozen(slots=True)
class TargetDescriptor:
    """RPL Target Descriptor (6.7.11): an opaque 32-bit tag of the target before it."""

    TYPE: ClassVar[int] = 9
    descriptor: int

    def encode(self) -> bytes:
        """The option's content."""
        return self.descriptor.to_bytes(4, "big")

    @classmethod
    def decode(cls, data: bytes) -> TargetDescriptor:
        """From the option's content."""
        reader = Reader(data, "RPL target descriptor")
        descriptor = reader.u32()
        reader.done()
        return cls(descriptor)


_Known: TypeAlias = (
    MetricContainer
    | RouteInformation
    | Configuration
    | Target
    | Transit
    | SolicitedInformation
    | PrefixInformation
    | TargetDescriptor
    | RouteDiscovery
)
Option: TypeAlias = _Known | Padding | RawOption

_OPTIONS: Final[dict[int, Callable[[bytes], _Known]]] = {
    MetricContainer.TYPE: MetricContainer.decode,
    RouteInformation.TYPE: RouteInformation.decode,
    Configuration.TYPE: Configuration.decode,
    Target.TYPE: Target.decode,
    Transit.TYPE: Transit.decode,
    SolicitedInformation.TYPE: SolicitedInformation.decode,
    PrefixInformation.TYPE: PrefixInformation.decode,
    TargetDescriptor.TYPE: TargetDescriptor.decode,
    RouteDiscovery.TYPE: RouteDiscovery.decode,
}


def _prefix(reader: Reader, bits: int) -> bytes:
    """The prefix at the end of an option: as many octets as there are, at least as many as ``bits`` ask for."""
    prefix = reader.rest()
    if bits > 128 or not (bits + 7) // 8 <= len(prefix) <= 16:
        raise Malformed(f"RPL prefix: {len(prefix)} octets for {bits} bits")
    return prefix


def parse_options(data: bytes) -> tuple[Option, ...]:
    """Options in order (6.7.1); raises :class:`Malformed`."""
    reader = Reader(data, "RPL option")
    options: list[Option] = []
    while reader.left:
        kind = reader.u8()
        if kind == 0:
            options.append(Padding(1))
            continue
        content = reader.take(reader.u8())
        decode = _OPTIONS.get(kind)
        if decode is not None:
            options.append(decode(content))
        elif kind == 1 and not any(content):
            options.append(Padding(2 + len(content)))
        else:
            options.append(RawOption(kind, content))
    return tuple(options)


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(_build_option, options))


def _build_option(option: Option) -> bytes:
    if isinstance(option, Padding):
        return b"\0" if option.length == 1 else bytes((1, option.length - 2)) + bytes(option.length - 2)
    if isinstance(option, RawOption):
        return bytes((option.type, len(option.data))) + option.data
    content = option.encode()
    return bytes((option.TYPE, len(content))) + content


@attrs.frozen(slots=True)
class Dis:
    """DODAG Information Solicitation (6.2)."""

    CODE: ClassVar[int] = 0
    options: tuple[Option, ...] = ()
    flags: int = 0

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        return bytes((self.flags, 0)) + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dis:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DIS")
        flags, _reserved = reader.take(2)
        return cls(parse_options(reader.rest()), flags)


@attrs.frozen(slots=True)
class Dio:
    """DODAG Information Object (6.3); ``rank`` in rank units (one hop is min_hop_rank_increase at least)."""

    CODE: ClassVar[int] = 1
    instance: int
    version: int
    rank: int
    dodag_id: bytes
    dtsn: int = 0
    grounded: bool = True
    mode: int = 1
    preference: int = 0
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        bits = self.grounded << 7 | self.mode << 3 | self.preference
        base = bytes((self.instance, self.version)) + self.rank.to_bytes(2, "big") + bytes((bits, self.dtsn, 0, 0))
        return base + self.dodag_id + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dio:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DIO")
        instance, version, rank = reader.u8(), reader.u8(), reader.u16()
        bits, dtsn, _flags, _reserved = reader.take(4)
        dodag_id = reader.take(16)
        options = parse_options(reader.rest())
        return cls(instance, version, rank, dodag_id, dtsn, bool(bits & 0x80), bits >> 3 & 7, bits & 7, options)


@attrs.frozen(slots=True)
class Dao:
    """Destination Advertisement Object (6.4); ``dodag_id`` only with a local instance (D flag)."""

    CODE: ClassVar[int] = 2
    instance: int
    sequence: int
    ack_requested: bool = True
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()

    @property
    def targets(self) -> tuple[Target, ...]:
        """The Target options."""
        return tuple(o for o in self.options if isinstance(o, Target))

    @property
    def transits(self) -> tuple[Transit, ...]:
        """The Transit Information options."""
        return tuple(o for o in self.options if isinstance(o, Transit))

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        bits = self.ack_requested << 7 | (self.dodag_id is not None) << 6
        return bytes((self.instance, bits, 0, self.sequence)) + (self.dodag_id or b"") + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dao:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DAO")
        instance, bits, _reserved, sequence = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x40 else None
        return cls(instance, sequence, bool(bits & 0x80), dodag_id, parse_options(reader.rest()))


@attrs.frozen(slots=True)
class DaoAck:
    """DAO acknowledgement (6.5): ``status`` 0 accepted, 1-127 not outright rejected, 128 and up rejected."""

    CODE: ClassVar[int] = 3
    instance: int
    sequence: int
    status: int = 0
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        bits = (self.dodag_id is not None) << 7
        return (
            bytes((self.instance, bits, self.sequence, self.status))
            + (self.dodag_id or b"")
            + build_options(self.options)
        )

    @classmethod
    def decode(cls, data: bytes) -> DaoAck:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DAO-ACK")
        instance, bits, sequence, status = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x80 else None
        return cls(instance, sequence, status, dodag_id, parse_options(reader.rest()))


Message: TypeAlias = Dis | Dio | Dao | DaoAck

MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {
    Dis.CODE: Dis.decode,
    Dio.CODE: Dio.decode,
    Dao.CODE: Dao.decode,
    DaoAck.CODE: DaoAck.decode,
}
"""Decoders by ICMPv6 code."""
