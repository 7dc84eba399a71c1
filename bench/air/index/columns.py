"""The columns of a capture's index: what they are called, how wide they are, what their numbers stand for.

A row is packed as one record (`ROW`), a file holds groups of `GROUP` rows with each column together (`BLOCK`), so that
a query reads only the columns that it asks for.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from bench.air.frame.kinds import KINDS, MICS

__all__ = ["KINDS", "MICS"]

GROUP: Final = 1 << 16
ABSENT: Final = -1
"""Stands for None in ``pan``, ``seq``, ``key_index``, ``frame_counter`` and ``protocol``."""

ROW: Final = np.dtype(
    [
        ("offset", "<i8"),
        ("time_ns", "<i8"),
        ("frame_counter", "<i8"),
        ("length_octets", "<u2"),
        ("kind", "u1"),
        ("mic", "u1"),
        ("notes", "u1"),
        ("level", "u1"),
        ("seq", "<i2"),
        ("key_index", "<i2"),
        ("protocol", "<i2"),
        ("first", "<u2"),
        ("second", "<u2"),
        ("src", "<u8"),
        ("dst", "<u8"),
        ("src_octets", "u1"),
        ("dst_octets", "u1"),
        ("pan", "<i4"),
        ("ipv6_src_prefix", ">u8"),
        ("ipv6_src_interface", ">u8"),
        ("ipv6_dst_prefix", ">u8"),
        ("ipv6_dst_interface", ">u8"),
        ("outer_src_prefix", ">u8"),
        ("outer_src_interface", ">u8"),
        ("outer_dst_prefix", ">u8"),
        ("outer_dst_interface", ">u8"),
    ]
)
"""``offset``: of the record in the capture file (`ABSENT` where it is not known). ``kind`` and ``mic`` are places in
`KINDS` and `MICS`. ``src``/``dst``: EUI-64 or short address as a number, by ``src_octets``/``dst_octets`` (8, 2, 0 for
none). ``level``: security level, 0 for none. ``protocol``: of the innermost IPv6 packet; ``first``/``second`` are its
UDP ports, or its ICMPv6 type and code. ``ipv6_*`` are addresses of that packet (``ipv6_dst``: where its source route
ends), ``outer_*`` those in the outermost header. ``notes``: bits, below."""

IN_ORDER: Final = 1
"""Read by frames before it: part of something longer, or of an exchange of EAPOL."""
UNRISING: Final = 2
"""A verified frame whose counter is not above all before it of its sender and key index, and that is no copy."""
COPY: Final = 4
"""Its sender's newest verified frame again, octet for octet."""
NESTED: Final = 8
"""The headers of its IPv6 packet have more addresses than the columns, and ``outer_*`` none."""
CUT: Final = 16
"""An IPv6 fragment, or what one completes: what its headers say does not follow from the columns."""
PARTLY: Final = 32
"""Damaged, malformed or cut: its fields, as far as they can be read, may be more than the columns."""

PACK_FRAME: Final = "<qqqHBBBBhhhHH"
PACK_LINK: Final = "<QQBBi"
"""Layouts of the two packed parts of a `ROW`; the IPv6 addresses follow as they are."""

ROUTED: Final = 64
"""No tunnel, but a source route under way: ``ipv6_dst`` is where that ends, ``outer_dst`` what the header has."""

COLUMNS: Final = ROW.names or ()
BLOCK: Final = np.dtype(
    [*((name, ROW[name].newbyteorder("<"), (GROUP,)) for name in COLUMNS), ("checks", "<u4", (len(COLUMNS),))]
)
"""One group of rows in the file, columns together, little-endian, then the CRC-32 of each column's octets."""
