"""Fields and bases that all scapy layers of this air share: MAC addresses, values beside the octets, options.

scapy's own classes are typed in part only; the layers take what they need of scapy through this module.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scapy.fields import BitField, Field, PacketField, StrField, XStrField, XStrLenField
from scapy.packet import Packet, Padding

from bench.air.mac.frame import format_address
from bench.air.octets import counted

Layer = type[Packet]
"""A scapy layer."""


def fields(*described: Any) -> list[Any]:
    """The fields of a layer, in order; a layer among them stands for its own fields."""
    return list(described)


class AirPacket(Packet):
    """Base of the layers here: found by their base class too, so that ``packet[IPv6]`` finds a layer made from it."""

    match_subclass = True

    def do_build_payload(self) -> bytes:
        # Octets behind a payload that ends early stand before what this layer appends, not at the packet's end.
        return bytes(super().do_build_payload()) + bytes(self.payload.build_padding())

    def build_padding(self) -> bytes:
        return b""


class Part(AirPacket):
    """A layer that stands in a field of another one and leaves what follows it to that one."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


class Option(AirPacket):
    """A type-length-value element: its fields see their own octets only, and what they leave becomes `Raw`.

    A length that says more than is there raises ValueError, which scapy answers with `Raw` in the element's place.
    """

    @classmethod
    def octets(cls, data: bytes) -> int:
        """Octets of the element at the start of ``data``; the default is one octet of type and one of length."""
        return 2 + data[1]

    def dissect(self, s: bytes) -> None:
        end = self.octets(s)
        if end > len(s):
            raise ValueError(f"{self.name}: {counted(end)} said, {len(s)} are there")
        super().dissect(s[:end])
        if s[end:]:
            self.lastlayer().add_payload(Padding(s[end:]))

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        if self.length is None:
            pkt = self.with_length(pkt, len(pkt) + len(pay))
        return pkt + pay

    def with_length(self, pkt: bytes, octets: int) -> bytes:
        """``pkt`` with its length field filled in; ``octets`` is the whole element's length."""
        return pkt[:1] + bytes((octets - 2,)) + pkt[2:]


class Beside(Field[Any, Any]):
    """A value that stands beside the octets: shown, copied and set like a field, but never a part of them."""

    ismutable = False

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        return s, pkt.fields.get(self.name, self.default)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return s


class Trailer(XStrField):
    """Octets behind the payload, which the layer itself cuts off and appends."""

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        return s, pkt.fields.get(self.name, self.default)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        return s


class LinkAddress(Field[Any, Any]):
    """A MAC address of as many octets as ``octets_from`` says, kept as text: an EUI-64, ``0x1234``, or None.

    ``swapped``: on the air with the last octet first, as the MAC header has it.
    """

    __slots__ = ["octets_from", "swapped"]

    def __init__(self, name: str, octets_from: Callable[[Any], int], swapped: bool = True) -> None:
        self.octets_from = octets_from
        self.swapped = swapped
        super().__init__(name, None)

    def h2i(self, pkt: Packet | None, x: Any) -> Any:
        return format_address(bytes(x)) if isinstance(x, (bytes, bytearray)) else x

    def getfield(self, pkt: Packet, s: bytes) -> tuple[bytes, Any]:
        octets = self.octets_from(pkt)
        if len(s) < octets:
            raise ValueError(f"{self.name}: {counted(octets)} wanted, {len(s)} there")
        address = s[:octets][::-1] if self.swapped else s[:octets]
        return s[octets:], format_address(address)

    def addfield(self, pkt: Packet, s: bytes, val: Any) -> bytes:
        address = address_octets(val) or b""
        return s + (address[::-1] if self.swapped else address)

    def i2repr(self, pkt: Packet | None, x: Any) -> str:
        return str(x)


def address_octets(address: str | None) -> bytes | None:
    """Octets in display order of an address as `mac.frame.format_address` writes it; None for none."""
    if not address:
        return None
    return bytes.fromhex(address.removeprefix("0x").replace(":", ""))


class DerivedBits(BitField):
    """Bits that follow from other fields while they are not set."""

    __slots__ = ["derive"]

    def __init__(self, name: str, size: int, derive: Callable[[Any], int], **sizes: int) -> None:
        super().__init__(name, None, size, **sizes)
        self.derive = derive

    def i2m(self, pkt: Packet | None, x: Any) -> Any:
        return int(self.derive(pkt)) if x is None else x


class Rest(XStrField):
    """All octets that are left."""

    ismayend = True


class Octets(XStrLenField):
    """Octets whose number a function of the packet gives; too few are an error, not a shorter field."""

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, bytes]:
        wanted = self.length_from(pkt) if self.length_from else len(s)
        if not 0 <= wanted <= len(s):
            raise ValueError(f"{self.name}: {counted(wanted)} wanted, {len(s)} there")
        return s[wanted:], s[:wanted]


class Needed(PacketField):
    """A layer in a field, of which some octets must be there: scapy would show its defaults in their place."""

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        if not s:
            raise ValueError(f"{self.name}: nothing there")
        return super().getfield(pkt, s)


class Counted(StrField):
    """Little-endian unsigned integer of any number of octets, as Wi-SUN has them with 1 to 4."""

    __slots__ = ["octets"]

    def __init__(self, name: str, default: int | None, octets: int) -> None:
        super().__init__(name, default)  # type: ignore[arg-type]
        self.octets = octets

    def any2i(self, pkt: Any, x: Any) -> Any:
        return x

    def i2repr(self, pkt: Any, x: Any) -> str:
        return repr(x)

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        if len(s) < self.octets:
            raise ValueError(f"{self.name}: {counted(self.octets)} wanted, {len(s)} there")
        return s[self.octets :], int.from_bytes(s[: self.octets], "little")

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + int(val or 0).to_bytes(self.octets, "little")


def above(packet: Any, kind: Layer) -> Any:
    """The nearest layer of that kind that ``packet`` stands in or on, or None."""
    while packet is not None:
        if isinstance(packet, kind):
            return packet
        packet = packet.underlayer if packet.underlayer is not None else packet.parent
    return None


def rebuilt(packet: Packet) -> bytes:
    """The octets of a packet built from its fields alone, without those that dissection remembers."""
    fresh = packet.copy()
    fresh.clear_cache()
    return bytes(fresh)
