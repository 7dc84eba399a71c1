"""What an IEEE 802.15.4 beacon says before its own payload: superframe, guaranteed time slots, pending addresses.

Beacons of frame versions 0 and 1 (2003, 2006; clause 7.3.1 of the 2015 edition), both directions. An enhanced beacon
(version 2) has none of these fields: it says all in information elements, which `mlme` reads.
"""

from __future__ import annotations

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted


@frozen
class Gts:
    """A guaranteed time slot: whose (short address), from which of the 16 slots, how many, and whether it receives."""

    address: int
    start: int
    length: int
    receive: bool = False


@frozen
class Beacon:
    """Fields of a beacon. Orders are exponents: 15 for both means that there is no superframe (a non-beacon PAN).

    ``pending`` are the addresses (2 or 8 octets, display order, the short ones first) for which data wait."""

    beacon_order: int = 15
    superframe_order: int = 15
    final_slot: int = 15
    battery_extension: bool = False
    pan_coordinator: bool = False
    association_permit: bool = False
    gts_permit: bool = False
    slots: tuple[Gts, ...] = ()
    pending: tuple[bytes, ...] = ()
    payload: bytes = b""


def parse(data: bytes) -> Beacon:
    """The fields in a beacon's MAC payload; raises `Malformed`. Reserved bits are not looked at."""
    reader = Reader(data, "beacon")
    frame = reader.le()
    gts = reader.u8()
    directions = reader.u8() if gts & 7 else 0
    slots = []
    for number in range(gts & 7):
        address, place = reader.le(), reader.u8()
        slots.append(Gts(address, place & 0x0F, place >> 4, bool(directions >> number & 1)))
    pending = reader.u8()
    addresses = [reader.take(octets)[::-1] for octets in [2] * (pending & 7) + [8] * (pending >> 4 & 7)]
    if len(addresses) > 7:
        raise Malformed(f"beacon: {len(addresses)} addresses pending, 7 at most")
    return Beacon(
        frame & 0x0F,
        frame >> 4 & 0x0F,
        frame >> 8 & 0x0F,
        bool(frame & 0x1000),
        bool(frame & 0x4000),
        bool(frame & 0x8000),
        bool(gts & 0x80),
        tuple(slots),
        tuple(addresses),
        reader.rest(),
    )


def build(beacon: Beacon) -> bytes:
    """The MAC payload of a beacon. Raises ValueError for more than 7 slots or addresses, or a long one
    before a short one."""
    lengths = [len(address) for address in beacon.pending]
    if len(beacon.slots) > 7 or len(lengths) > 7 or lengths != sorted(lengths) or set(lengths) - {2, 8}:
        raise ValueError("a beacon names at most 7 slots and 7 pending addresses of 2 or 8 octets, short ones first")
    frame = (
        beacon.beacon_order
        | beacon.superframe_order << 4
        | beacon.final_slot << 8
        | beacon.battery_extension << 12
        | beacon.pan_coordinator << 14
        | beacon.association_permit << 15
    )
    out = bytearray(frame.to_bytes(2, "little"))
    out.append(len(beacon.slots) | beacon.gts_permit << 7)
    if beacon.slots:
        out.append(sum(slot.receive << number for number, slot in enumerate(beacon.slots)))
    for slot in beacon.slots:
        out += slot.address.to_bytes(2, "little") + bytes((slot.start | slot.length << 4,))
    out.append(lengths.count(2) | lengths.count(8) << 4)
    for address in beacon.pending:
        out += address[::-1]
    return bytes(out) + beacon.payload


def describe(beacon: Beacon) -> str:
    """A few words: ``PAN coordinator, association permitted, no superframe, pending: 00:01, 12 octets``."""
    words = ["PAN coordinator" if beacon.pan_coordinator else "coordinator"]
    words.append(f"association {'permitted' if beacon.association_permit else 'not permitted'}")
    order = f"beacon order {beacon.beacon_order}, superframe order {beacon.superframe_order}"
    words.append("no superframe" if beacon.beacon_order == 15 else order)
    if beacon.slots:
        words.append(f"guaranteed slots: {len(beacon.slots)}")
    if beacon.pending:
        words.append(f"pending: {', '.join(address.hex(':') for address in beacon.pending)}")
    if beacon.payload:
        words.append(f"{counted(len(beacon.payload))}")
    return ", ".join(words)
