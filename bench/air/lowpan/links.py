"""What IPv6 compression draws on beside the octets (`Links`), and what it had to leave open (`Gaps`, `Elided`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip import packet as ipv6
from bench.air.ip import udp

SHORT_IID: Final = bytes.fromhex("000000fffe00")
"""What stands before a short address in an interface identifier (RFC 6282, 3.2.2)."""


@attrs.define(slots=True)
class Gaps:
    """What a reading for people left open. ``unknown``: addresses that cannot be made up, by where they stand in the
    packet, and why; zeros stand in their place. ``trouble``: why it ends before the octets do, "" where it does not;
    what was read before that is in the packet."""

    unknown: dict[int, str] = attrs.field(factory=dict)
    trouble: str = ""

    def lack(self, at: int, why: str) -> bytes:
        """Note that nobody knows (the rest of) the address at octet ``at``; what stands there instead, 8 octets."""
        self.unknown.setdefault(at, why)
        return bytes(8)

    def end(self, error: Malformed) -> None:
        """Note why it ends; the first reason stays."""
        self.trouble = self.trouble or str(error)


@frozen
class Links:
    """What compression draws on: interface identifiers of this hop's two ends (None where unknown), contexts.

    ``generic`` has UDP and ICMPv6 messages written in generic header compression (RFC 7400) where that is shorter.
    ``gaps`` collects what cannot be read; where it is None, any of that is malformed.
    """

    src: bytes | None
    dst: bytes | None
    contexts: Mapping[int, bytes]
    generic: bool = False
    gaps: Gaps | None = None

    @classmethod
    def of_frame(
        cls,
        src: bytes | None,
        dst: bytes | None,
        contexts: Mapping[int, bytes] | None,
        gaps: Gaps | None = None,
    ) -> Links:
        """From a frame's link addresses: an EUI-64, a short address of 2 octets, or None."""
        return cls(_interface_id(src), _interface_id(dst), contexts or {}, gaps=gaps)

    def inside(self, src: bytes, dst: bytes) -> Links:
        """For a tunnelled packet, whose identifiers are those of the packet around it (RFC 6282, 3.1.1)."""
        return Links(src[8:], dst[8:], self.contexts, self.generic, self.gaps)

    def known(self, found: bytes | None, at: int, why: str) -> bytes:
        """What was ``found`` of the address at octet ``at``; where that is nothing, zeros, or `Malformed`."""
        if found is not None:
            return found
        if self.gaps is None:
            raise Malformed(why)
        return self.gaps.lack(at, why)

    def ends(self, error: Malformed) -> None:
        """The rest cannot be read: noted, or raised."""
        if self.gaps is None:
            raise error
        self.gaps.end(error)

    @property
    def ended(self) -> bool:
        """The rest cannot be read."""
        return self.gaps is not None and bool(self.gaps.trouble)


def _interface_id(link: bytes | None) -> bytes | None:
    """The interface identifier of a link address (RFC 6282, 3.2.2); the frame's own, so no other length can come."""
    if link is None:
        return None
    return SHORT_IID + link if len(link) == 2 else ipv6.interface_id(link)


@frozen
class Elided:
    """A UDP checksum that was left out: where the UDP header stands, and the addresses of its pseudo header."""

    at: int
    src: bytes
    dst: bytes


def fill_checksums(packet: bytes, elided: Iterable[Elided]) -> bytes:
    """``packet`` with its left-out UDP checksums computed, the innermost first."""
    # Innermost first: the checksum of a packet covers those of the packets in it.
    for gap in sorted(elided, key=lambda gap: -gap.at):
        length = int.from_bytes(packet[gap.at + 4 : gap.at + 6], "big")
        datagram = packet[gap.at : gap.at + length]
        if length < udp.HEADER_OCTETS or len(datagram) != length:
            raise Malformed(f"UDP: length {length} with its checksum left out")
        packet = packet[: gap.at + 6] + ipv6.udp_checksum(gap.src, gap.dst, datagram) + packet[gap.at + 8 :]
    return packet
