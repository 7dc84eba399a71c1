"""The link header of captured packets, faster than `link` reads it: where the PSDU is, whether it is whole.

A TAP header differs from frame to frame only in its values; which TLVs it has is learnt once from `link.make_record`
and compared for each packet, so that a header of another form, or a damaged one, is never taken for a known one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Any, Final

from bench.air.capture.link import TAP, make_record
from bench.air.frozen import frozen
from bench.air.mac.frame import fcs16

_CRC32_RESIDUE: Final = 0x2144DF1C
"""CRC-32 of any octets followed by their own CRC-32."""
_LARGEST_HEADER: Final = 256


class Unusual(Exception):
    """Not one of the forms that the bulk decoder reads: the full decoder's."""


class Shut(Unusual):
    """A secured frame that no key opens."""


class InOrder(Exception):
    """Depends on frames before this one."""


@frozen
class _Layout:
    """What stays the same in TAP headers of one form: ``fixed`` are the numbers that ``unpack`` takes out of them. It
    raises struct.error for a shorter packet. ``octets`` are the header's."""

    unpack: Callable[[bytes, int], tuple[Any, ...]]
    fixed: tuple[int, ...]
    octets: int
    fcs_octets: int


_NONE_YET: Final = _Layout(lambda buffer, start: (), (0,), 0, 0)


class PsduReader:
    """Packets of one link type, with an FCS or a header, to PSDUs. Raises `Unusual`, IndexError or struct.error for a
    wrong FCS and for what it does not know."""

    def __init__(self, link_type: int) -> None:
        self._link_type = link_type
        self._layout = _NONE_YET
        self._layouts: dict[int, _Layout] = {}
        self.read = self._read_tapped if link_type == TAP else self._read_plain
        """``read(buffer, start, stop)``: the PSDU as captured in the packet from ``start`` to ``stop`` of a buffer, and
        how many of its octets come before the FCS."""

    def _read_plain(self, buffer: bytes, start: int, stop: int) -> tuple[bytes, int]:
        packet = buffer[start:stop]
        record = make_record(0, 0, self._link_type, packet, len(packet))
        if not record.fcs_ok:
            raise Unusual
        return packet, len(record.data)

    def _read_tapped(self, buffer: bytes, start: int, stop: int) -> tuple[bytes, int]:
        layout = self._layout  # the last packet's; the length of the header is one of the numbers that are compared
        if layout.unpack(buffer, start) != layout.fixed:
            length = buffer[start + 2] | buffer[start + 3] << 8
            layout = self._layouts.get(length, _NONE_YET)
            if layout.unpack(buffer, start) != layout.fixed:
                layout = self._learn(buffer[start:stop], length)
            self._layout = layout
        psdu = buffer[start + layout.octets : stop]
        if layout.fcs_octets == 4:
            if zlib.crc32(psdu) != _CRC32_RESIDUE or len(psdu) < 4:
                raise Unusual
        elif layout.fcs_octets and fcs16(psdu[:-2]) != psdu[-2:]:
            raise Unusual
        return psdu, len(psdu) - layout.fcs_octets

    def _learn(self, packet: bytes, length: int) -> _Layout:
        """The form of this packet's header, remembered by its length. The FCS type and all TLV heads are fixed."""
        record = make_record(0, 0, TAP, packet, len(packet))
        if record.damage or (not record.fcs_ok and record.fcs_ok is not None) or length > _LARGEST_HEADER:
            raise Unusual
        words, at = [True], 4
        while at < length:
            kind, octets = struct.unpack_from("<HH", packet, at)
            values = (octets + 3) // 4
            words += [True, *(kind == 0 for _ in range(values))]
            at += 4 + 4 * values
        # Fixed words side by side are taken as numbers of 8 octets, then 4: fewer objects than strings of octets.
        pattern = "".join("I" if fixed else "x" for fixed in words).replace("II", "Q").replace("x", "4x")
        layout = struct.Struct(f"<{pattern}")
        known = _Layout(layout.unpack_from, layout.unpack_from(packet), length, record.fcs_octets)
        self._layouts[length] = known
        return known
