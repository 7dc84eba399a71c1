"""RPL control messages (RFC 6550, ICMPv6 type 155) and their options, both directions.

Joining and hop counts are read from these: the DAO names a node's parent (Transit Information), the DAO-ACK ends the
join, the DIO carries the rank. Records keep the octets as they are on the wire where a prefix may be shortened, so that
building what was parsed gives the same octets, reserved bits among them. Secured variants (code 0x80 and up) are left
to the caller as octets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, Self, TypeAlias

from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.layout import Plain, ipv6, plain, prefix, rest, u8, u16, u32
from bench.air.octets import Reader, counted
from bench.air.rpl.discovery import RouteDiscovery

ICMPV6_TYPE: Final = 155
_WHOLE_ADDRESS, _ROVR_SIZE, _LARGEST_ROVR = 0x80, 0x0F, 4
"""Flags of a target, and units of 8 octets of the largest ROVR that is defined (RFC 9010, 6.1)."""
_CONFIGURATION_FLAGS: Final = {
    0x08: ("icmpv6.rpl.opt.config.auth", "Authentication"),
    0x07: ("icmpv6.rpl.opt.config.pcs", "Path control size"),
    0x10: ("icmpv6.rpl.opt.config.rpi23", "Asks for option type 0x23"),
}
_PREDICATES: Final = {
    0x80: ("icmpv6.rpl.opt.solicited.flag.v", "Version must match"),
    0x40: ("icmpv6.rpl.opt.solicited.flag.i", "Instance must match"),
    0x20: ("icmpv6.rpl.opt.solicited.flag.d", "DODAG id must match"),
}
_PREFIX_FLAGS: Final = {
    0x80: ("icmpv6.rpl.opt.prefix.flag.l", "On link"),
    0x40: ("icmpv6.rpl.opt.config.flag.a", "Autonomous"),
    0x20: ("icmpv6.rpl.opt.config.flag.r", "Router's address"),
}


@frozen
class Padding:
    """Pad1 (``length`` 1) or PadN of zeros; ``length`` counts all octets of the option (6.7.2, 6.7.3)."""

    length: int


@frozen
class RawOption:
    """An option of a type that is not known here, or known but not of its usual form."""

    type: int
    data: bytes


@frozen
class Metric:
    """One routing metric or constraint object (RFC 6551, 2.1); ``flags`` is the 16-bit field after the type."""

    type: int
    flags: int
    data: bytes

    ETX: ClassVar[int] = 7
    NO_ETX: ClassVar[int] = 0xFFFF
    """What stacks send where they have no estimate."""

    @property
    def etx(self) -> float | None:
        """The expected transmission count, in transmissions (RFC 6551, 4.3.2); None for another metric, or none."""
        value = int.from_bytes(self.data, "big")
        return value / 128 if self.type == self.ETX and len(self.data) == 2 and value != self.NO_ETX else None


@frozen
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


@plain("icmpv6.rpl.opt.route", "Route", air=("prefix_length", "flags", "lifetime_s", "prefix"))
class RouteInformation(Plain):
    """Route Information (6.7.5); ``prefix`` as on the wire, ``lifetime_s`` in seconds, ``flags`` holds Prf."""

    TYPE: ClassVar[int] = 3
    prefix_length: int = u8("icmpv6.rpl.opt.route.prefix_length", "Prefix length")
    lifetime_s: int = u32("icmpv6.rpl.opt.route.lifetime", "Lifetime", unit="s")
    prefix: bytes = prefix("icmpv6.rpl.opt.route.prefix", "Prefix")
    flags: int = u8(default=0, inner={0x18: ("icmpv6.rpl.opt.route.pref", "Preference")})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """From the option's content; raises `Malformed`, also where the prefix is shorter than it says."""
        found = cls(*cls.LAYOUT.read(data, cls.LAYOUT.name))
        _check_prefix(found.prefix, found.prefix_length)
        return found


@plain(
    "icmpv6.rpl.opt.config",
    "Configuration",
    air=(
        *("flags", "doublings", "interval_min", "redundancy", "max_rank_increase", "min_hop_rank_increase"),
        *("objective", "reserved", "default_lifetime", "lifetime_unit_s", "rest"),
    ),
)
class Configuration(Plain):
    """DODAG Configuration (6.7.6).

    Timer values as exponents and counts: Imin = 2 ** ``interval_min`` ms, Imax = Imin * 2 ** ``doublings``. Lifetimes
    are ``default_lifetime`` times ``lifetime_unit_s`` seconds. ``flags`` is the first octet (A, PCS). ``rest`` here and
    in the options below is what a later edition puts behind the fields known here.
    """

    TYPE: ClassVar[int] = 4
    doublings: int = u8("icmpv6.rpl.opt.config.interval_double", "Trickle doublings", default=1)
    interval_min: int = u8(
        "icmpv6.rpl.opt.config.interval_min", "Trickle minimum (2 to the power, ms)", default=19, stored=16
    )
    redundancy: int = u8("icmpv6.rpl.opt.config.redundancy", "Redundancy constant", default=0)
    max_rank_increase: int = u16("icmpv6.rpl.opt.config.max_rank_inc", "Largest rank increase", default=0)
    min_hop_rank_increase: int = u16(
        "icmpv6.rpl.opt.config.min_hop_rank_inc", "Smallest rank increase a hop", default=128
    )
    objective: int = u16("icmpv6.rpl.opt.config.ocp", "Objective", default=1, names={0: "OF0", 1: "MRHOF"})
    default_lifetime: int = u8("icmpv6.rpl.opt.config.def_lifetime", "Default lifetime", default=6, unit="units")
    lifetime_unit_s: int = u16("icmpv6.rpl.opt.config.lifetime_unit", "Lifetime unit", default=1200, unit="s")
    flags: int = u8("icmpv6.rpl.opt.config.flag", "Flags", default=0x07, digits=2, inner=_CONFIGURATION_FLAGS)
    reserved: int = u8(default=0)
    rest: bytes = rest(default=b"")

    OBJECTIVE_ZERO: ClassVar[int] = 0
    OBJECTIVE_MRHOF: ClassVar[int] = 1

    @property
    def rpi_0x23(self) -> bool:
        """The DODAG asks for hop-by-hop option type 0x23 (RFC 9008, 4.1.3)."""
        return bool(self.flags & 0x10)


@frozen
class Target:
    """RPL Target (6.7.7): ``prefix`` as on the wire; ``address`` fills it up to 16 octets with zeros.

    ``flags`` is the octet before the prefix length: 0x80 F (the prefix field holds the whole address of the node that
    advertises the target), 0x0F ROVRsz, the octets of ``rovr`` in units of 8 (RFC 9010, 6.1): who owns the address.
    """

    TYPE: ClassVar[int] = 5
    prefix: bytes
    prefix_length: int = 128
    flags: int = 0
    rovr: bytes = b""

    @property
    def address(self) -> bytes:
        """The target as 16 octets."""
        return self.prefix.ljust(16, b"\0")

    def encode(self) -> bytes:
        """The option's content."""
        return bytes((self.flags, self.prefix_length)) + self.prefix + self.rovr

    @classmethod
    def decode(cls, data: bytes) -> Target:
        """From the option's content."""
        reader = Reader(data, "RPL target")
        flags, length = reader.u8(), reader.u8()
        octets = reader.take(target_prefix_octets(flags, length, reader.left))
        _check_prefix(octets, length)
        return cls(octets, length, flags, reader.rest())


def target_prefix_octets(flags: int, bits: int, left: int) -> int:
    """How many of the ``left`` octets behind a target's prefix length are its prefix (RFC 9010, 6.1).

    16 with F, else what is left before the ROVR. Where a size above 4 leaves the ROVR undetermined, what the prefix
    needs; where there is no room for a ROVR, all: the octet that tells it was reserved before.
    """
    needed, size = (bits + 7) // 8, flags & _ROVR_SIZE
    if flags & _WHOLE_ADDRESS:
        return min(16, left)
    if size > _LARGEST_ROVR:
        return min(needed, left)
    return left - 8 * size if left >= needed + 8 * size else left


@frozen
class Transit:
    """Transit Information (6.7.8): the parent through which the targets before it are reached.

    ``parent`` is the parent's 16-octet address in non-storing mode, None where it is left out; ``path_lifetime`` counts
    lifetime units, 0 means No-Path, 0xFF for ever; ``flags`` bit 0x80 is E (external target).
    """

    TYPE: ClassVar[int] = 6
    EXTERNAL: ClassVar[int] = 0x80
    parent: bytes | None = None
    path_sequence: int = 0
    path_lifetime: int = 6
    path_control: int = 0x40
    flags: int = 0
    rest: bytes = b""

    @property
    def external(self) -> bool:
        """The target is no RPL router itself (E flag)."""
        return bool(self.flags & self.EXTERNAL)

    def encode(self) -> bytes:
        """The option's content."""
        head = bytes((self.flags, self.path_control, self.path_sequence, self.path_lifetime))
        return head + (self.parent or b"") + self.rest

    @classmethod
    def decode(cls, data: bytes) -> Transit:
        """From the option's content."""
        reader = Reader(data, "RPL transit information")
        flags, control, sequence, lifetime = reader.take(4)
        parent = reader.take(16) if reader.left else None
        return cls(parent, sequence, lifetime, control, flags, reader.rest())


@plain("icmpv6.rpl.opt.solicited", "Solicited", air=("instance", "flags", "dodag_id", "version", "rest"))
class SolicitedInformation(Plain):
    """Solicited Information of a DIS (6.7.9); ``flags`` holds V, I, D, the predicates that must hold."""

    TYPE: ClassVar[int] = 7
    instance: int = u8("icmpv6.rpl.opt.solicited.instance", "Instance")
    dodag_id: bytes = ipv6("icmpv6.rpl.opt.solicited.dodagid", "DODAG id")
    version: int = u8("icmpv6.rpl.opt.solicited.version", "Version")
    flags: int = u8(default=0, inner=_PREDICATES)
    rest: bytes = rest(default=b"")


@plain(
    "icmpv6.rpl.opt.prefix",
    "Prefix",
    air=("prefix_length", "flags", "valid_s", "preferred_s", "reserved", "prefix", "rest"),
)
class PrefixInformation(Plain):
    """Prefix Information (6.7.10): 16-octet ``prefix``, lifetimes in seconds, ``flags`` 0x80 L, 0x40 A, 0x20 R."""

    TYPE: ClassVar[int] = 8
    prefix: bytes = ipv6("icmpv6.rpl.opt.prefix", "Prefix")
    prefix_length: int = u8("icmpv6.rpl.opt.prefix.length", "Prefix length", default=64)
    flags: int = u8("icmpv6.rpl.opt.prefix.flag", "Flags", default=0x20, digits=2, inner=_PREFIX_FLAGS)
    valid_s: int = u32("icmpv6.rpl.opt.prefix.valid_lifetime", "Valid", default=0xFFFFFFFF, unit="s")
    preferred_s: int = u32("icmpv6.rpl.opt.prefix.preferred_lifetime", "Preferred", default=0xFFFFFFFF, unit="s")
    reserved: int = u32(default=0)
    rest: bytes = rest(default=b"")

    @property
    def router_address(self) -> bool:
        """The prefix field is the whole address of the sender (R flag)."""
        return bool(self.flags & 0x20)


@plain("icmpv6.rpl.opt.targetdesc", "Target descriptor")
class TargetDescriptor(Plain):
    """RPL Target Descriptor (6.7.11): an opaque 32-bit tag of the target before it."""

    TYPE: ClassVar[int] = 9
    descriptor: int = u32("icmpv6.rpl.opt.targetdesc.descriptor", "Descriptor", digits=8)
    rest: bytes = rest(default=b"")


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
Option: TypeAlias = _Known | Padding | RawOption | Broken

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


def _check_prefix(octets: bytes, bits: int) -> None:
    """Raises `Malformed` unless there are as many octets as ``bits`` ask for; more may be sent."""
    if bits > 128 or not (bits + 7) // 8 <= len(octets) <= 16:
        raise Malformed(f"RPL prefix: {counted(len(octets))} for {counted(bits, 'bit')}")


def parse_options(data: bytes) -> tuple[Option, ...]:
    """Options in order (6.7.1). One that cannot be read is `Broken`; where its length leads astray, so is the rest."""
    options: list[Option] = []
    at = 0
    while at < len(data):
        if data[at] == 0:
            options.append(Padding(1))
            at += 1
            continue
        end = at + 2 + data[at + 1] if at + 1 < len(data) else len(data) + 1
        if end > len(data):
            left = max(len(data) - at - 2, 0)
            wanted = counted(data[at + 1]) + " wanted" if at + 1 < len(data) else "no length"
            options.append(Broken(data[at:], f"RPL option {data[at]}: {wanted}, {left} left"))
            break
        options.append(_parse_option(data[at], data[at + 2 : end]))
        at = end
    return tuple(options)


def _parse_option(kind: int, content: bytes) -> Option:
    decode = _OPTIONS.get(kind)
    if decode is not None:
        try:
            return decode(content)
        except Malformed as error:
            return Broken(bytes((kind, len(content))) + content, str(error))
    if kind == 1 and not any(content):
        return Padding(2 + len(content))
    return RawOption(kind, content)


def build_options(options: Iterable[Option]) -> bytes:
    """The octets of ``options`` in order."""
    return b"".join(map(_build_option, options))


def _build_option(option: Option) -> bytes:
    if isinstance(option, Padding):
        return b"\0" if option.length == 1 else bytes((1, option.length - 2)) + bytes(option.length - 2)
    if isinstance(option, Broken):
        return option.octets
    if isinstance(option, RawOption):
        return bytes((option.type, len(option.data))) + option.data
    content = option.encode()
    return bytes((option.TYPE, len(content))) + content


@frozen
class Dis:
    """DODAG Information Solicitation (6.2)."""

    CODE: ClassVar[int] = 0
    options: tuple[Option, ...] = ()
    flags: int = 0
    reserved: int = 0

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        return bytes((self.flags, self.reserved)) + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dis:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DIS")
        flags, reserved = reader.take(2)
        return cls(parse_options(reader.rest()), flags, reserved)


@frozen
class Dio:
    """DODAG Information Object (6.3); ``rank`` in rank units (one hop is min_hop_rank_increase at least).

    ``zero`` is the bit between G and MOP, ``flags`` and ``reserved`` the octets behind the DTSN: all reserved, as sent.
    """

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
    zero: int = 0
    flags: int = 0
    reserved: int = 0

    @property
    def bits(self) -> int:
        """The octet of G, MOP and Prf."""
        return self.grounded << 7 | self.zero << 6 | self.mode << 3 | self.preference

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        head = bytes((self.instance, self.version)) + self.rank.to_bytes(2, "big")
        base = head + bytes((self.bits, self.dtsn, self.flags, self.reserved))
        return base + self.dodag_id + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dio:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DIO")
        instance, version, rank = reader.u8(), reader.u8(), reader.u16()
        bits, dtsn, *reserved = reader.take(4)
        dodag_id = reader.take(16)
        options = parse_options(reader.rest())
        told = (bool(bits & 0x80), bits >> 3 & 7, bits & 7)
        return cls(instance, version, rank, dodag_id, dtsn, *told, options, bits >> 6 & 1, *reserved)


@frozen
class Dao:
    """Destination Advertisement Object (6.4); ``dodag_id`` only with a local instance (D flag).

    ``flags`` are the six bits behind K and D, ``reserved`` the octet behind them, as sent."""

    CODE: ClassVar[int] = 2
    instance: int
    sequence: int
    ack_requested: bool = True
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()
    flags: int = 0
    reserved: int = 0

    @property
    def bits(self) -> int:
        """The octet of K and D."""
        return self.ack_requested << 7 | (self.dodag_id is not None) << 6 | self.flags

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
        head = bytes((self.instance, self.bits, self.reserved, self.sequence))
        return head + (self.dodag_id or b"") + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> Dao:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DAO")
        instance, bits, reserved, sequence = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x40 else None
        options = parse_options(reader.rest())
        return cls(instance, sequence, bool(bits & 0x80), dodag_id, options, bits & 0x3F, reserved)


@frozen
class DaoAck:
    """DAO acknowledgement (6.5): ``status`` 0 accepted, 1-127 not outright rejected, 128 and up rejected.

    ``reserved`` are the seven bits behind D, as sent."""

    CODE: ClassVar[int] = 3
    instance: int
    sequence: int
    status: int = 0
    dodag_id: bytes | None = None
    options: tuple[Option, ...] = ()
    reserved: int = 0

    @property
    def bits(self) -> int:
        """The octet of D."""
        return (self.dodag_id is not None) << 7 | self.reserved

    def encode(self) -> bytes:
        """The base object and options, after the ICMPv6 checksum."""
        head = bytes((self.instance, self.bits, self.sequence, self.status))
        return head + (self.dodag_id or b"") + build_options(self.options)

    @classmethod
    def decode(cls, data: bytes) -> DaoAck:
        """From the octets after the ICMPv6 checksum."""
        reader = Reader(data, "RPL DAO-ACK")
        instance, bits, sequence, status = reader.take(4)
        dodag_id = reader.take(16) if bits & 0x80 else None
        return cls(instance, sequence, status, dodag_id, parse_options(reader.rest()), bits & 0x7F)


Message: TypeAlias = Dis | Dio | Dao | DaoAck

MESSAGES: Final[dict[int, Callable[[bytes], Message]]] = {
    Dis.CODE: Dis.decode,
    Dio.CODE: Dio.decode,
    Dao.CODE: Dao.decode,
    DaoAck.CODE: DaoAck.decode,
}
"""Decoders by ICMPv6 code."""
