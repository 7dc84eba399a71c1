"""MPX IE of IEEE 802.15.9: what carries 6LoWPAN and EAPOL inside a payload IE, both ways."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import attrs

from bench.air.errors import Malformed
from bench.air.ies import MPX_GROUP, Ie
from bench.air.octets import Reader

KMP: Final = 0x0001
"""Multiplex id of the key management protocols; the body's first octet is the `KmpId`."""
WISUN: Final = 0x0002
LOWPAN: Final = 0xA0ED


class KmpId(IntEnum):
    """Key management protocol, IEEE 802.15.9 table 20."""

    IEEE_802_1X = 1
    FOUR_WAY = 6
    GROUP_KEY = 7


class Transfer(IntEnum):
    """Transfer type of the transaction control octet."""

    FULL = 0
    FULL_COMPRESSED = 1
    FRAGMENT = 2
    LAST_FRAGMENT = 4
    ABORT = 6


@attrs.frozen(slots=True)
class Mpx:
    """One MPX element. ``multiplex_id`` is None in fragments but the first, whose ``total`` is the whole's length."""

    multiplex_id: int | None
    body: bytes
    transfer: int = Transfer.FULL
    transaction: int = 0
    fragment: int | None = None
    total: int | None = None


def decode_mpx(content: bytes) -> Mpx:
    """The MPX element of a payload IE's content. Raises `Malformed`."""
    reader = Reader(content, "MPX-IE")
    control = reader.u8()
    transfer, transaction = control & 7, control >> 3
    if transfer == Transfer.FULL:
        return Mpx(_le16(reader), reader.rest(), transfer, transaction)
    if transfer == Transfer.FULL_COMPRESSED:
        return Mpx(transaction, reader.rest(), transfer, transaction)
    if transfer in (Transfer.FRAGMENT, Transfer.LAST_FRAGMENT):
        number = reader.u8()
        first = number == 0 and transfer == Transfer.FRAGMENT
        total, multiplex_id = (_le16(reader), _le16(reader)) if first else (None, None)
        return Mpx(multiplex_id, reader.rest(), transfer, transaction, number, total)
    if transfer == Transfer.ABORT:
        return Mpx(None, reader.rest(), transfer, transaction)
    raise Malformed(f"MPX-IE: transfer type {transfer} is reserved")


def encode_mpx(mpx: Mpx) -> Ie:
    """The payload IE of one MPX element."""
    parts = [bytes((mpx.transfer | mpx.transaction << 3,))]
    if mpx.fragment is not None:
        parts.append(bytes((mpx.fragment,)))
    if mpx.total is not None:
        parts.append(mpx.total.to_bytes(2, "little"))
    if mpx.multiplex_id is not None and mpx.transfer != Transfer.FULL_COMPRESSED:
        parts.append(mpx.multiplex_id.to_bytes(2, "little"))
    return Ie(MPX_GROUP, b"".join((*parts, mpx.body)))


def _le16(reader: Reader) -> int:
    return int.from_bytes(reader.take(2), "little")
