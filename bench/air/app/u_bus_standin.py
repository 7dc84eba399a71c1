"""STAND-IN for what U-bus Air carries above the MAC, both directions: the real formats are not public (domain.md 0).

Only the twin speaks it. A data frame's payload begins with an octet that RFC 4944 leaves to others than 6LoWPAN
(00xxxxxx) and a mark of ours, so that no real frame is taken for one and none of these for a real one:

    1b "KU" version(1)  kind(1)  hops left(1)  sequence(2)  origin EUI-64(8)  final EUI-64(8)  payload

A final destination of zeros is the smart meter.

A receiver-initiated request for data is the public command of IEEE 802.15.4 (`mac.command.RitDataRequest`); behind its
public fields stands ``1b "KU" version 0  network(2)  hops to the smart meter(1)  next hop there(8)``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.octets import Reader, counted

LAYER: Final = "u-bus-air-stand-in"
MARK: Final = b"\x1bKU\x01"
GATEWAY: Final = bytes(8)
"""As final destination: the smart meter of the network, whoever that is."""
NO_RELAY: Final = 0xFF
"""As hops to the smart meter: the sender passes nothing on."""
HEAD_OCTETS: Final = len(MARK) + 1 + 1 + 2 + 8 + 8


class Kind(IntEnum):
    """What a message is for."""

    REGISTER = 1  # terminal: take me in
    ADMITTED = 2  # smart meter: one octet of payload, 0 for yes, 1 for full
    DATA = 3  # the application's octets


@attrs.frozen(slots=True)
class Message:
    """One message; ``origin`` and ``final`` are the two ends, whatever hop carries it."""

    kind: int
    origin: bytes
    final: bytes
    sequence: int
    hops_left: int
    payload: bytes = b""


@attrs.frozen(slots=True)
class Listening:
    """What a request for data adds: the network, how far its sender is from the smart meter (0: it is one), and through
    whom (EUI-64), so that this one never sends back to it."""

    network: int
    hops: int
    up: bytes = GATEWAY


def is_one(payload: bytes) -> bool:
    """Whether a MAC payload is the stand-in's."""
    return payload.startswith(MARK)


def parse(payload: bytes) -> Message:
    """The message in a data frame's payload. Raises `Malformed`."""
    reader = Reader(payload, "U-bus Air stand-in")
    if reader.take(len(MARK)) != MARK:
        raise Malformed("no U-bus Air stand-in")
    kind, hops_left, sequence = reader.u8(), reader.u8(), reader.u16()
    origin, final = reader.take(8), reader.take(8)
    return Message(kind, origin, final, sequence, hops_left, reader.rest())


def build(message: Message) -> bytes:
    """The payload of a data frame."""
    head = MARK + bytes((message.kind, message.hops_left)) + message.sequence.to_bytes(2, "big")
    return head + message.origin + message.final + message.payload


def parse_listening(rest: bytes) -> Listening | None:
    """What stands behind a request for data; None where it is not the stand-in's. Raises `Malformed`."""
    if not is_one(rest):
        return None
    reader = Reader(rest[len(MARK) :], "U-bus Air stand-in")
    if reader.u8() != 0:
        raise Malformed("U-bus Air stand-in: no listening")
    found = Listening(reader.u16(), reader.u8(), reader.take(8))
    reader.done()
    return found


def build_listening(listening: Listening) -> bytes:
    """The octets behind a request for data."""
    return MARK + b"\0" + listening.network.to_bytes(2, "big") + bytes((listening.hops,)) + listening.up


def describe(message: Message) -> str:
    """One line: ``U-bus Air stand-in DATA 02:..:01 > smart meter seq=3, 8 octets``."""
    kind = Kind(message.kind).name if message.kind in set(Kind) else f"kind {message.kind}"
    final = "smart meter" if message.final == GATEWAY else message.final.hex(":")
    size = f", {counted(len(message.payload))}"
    return f"U-bus Air stand-in {kind} {message.origin.hex(':')} > {final} seq={message.sequence}{size}"


def describe_listening(listening: Listening) -> str:
    """A few words."""
    hops = "no relay" if listening.hops == NO_RELAY else f"hops={listening.hops}"
    return f"U-bus Air stand-in network={listening.network:#06x} {hops}"
