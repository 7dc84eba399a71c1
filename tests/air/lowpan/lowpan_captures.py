"""The 6LoWPAN payloads of the captures of real stacks, cut out without the decoder under test.

``frames.tsv.gz`` holds each frame's clear text from its payload IEs on; the MPX IE (group 3) in it carries 6LoWPAN.
Contiki frames are 802.15.4-2006 without IEs and, in the capture used here, without security.
"""

from __future__ import annotations

import csv
import gzip
import struct
from collections.abc import Iterator
from pathlib import Path

import attrs

from tests.air.mac_captures import CONTIKI_CONTEXTS, WISUN
from tests.places import CAPTURES

__all__ = ["CONTIKI", "CONTIKI_CONTEXTS", "WISUN", "Payload", "payloads"]

CONTIKI = "contiki-rpl-lite-line4"


@attrs.frozen(slots=True)
class Payload:
    """One 6LoWPAN payload: frame number in the capture, time, link addresses (big endian) and octets."""

    number: int
    t_ns: int
    src: bytes | None
    dst: bytes | None
    data: bytes


def payloads(name: str) -> list[Payload]:
    """All 6LoWPAN payloads of a capture, in order."""
    if name == CONTIKI:
        return list(_contiki(name))
    return list(_wisun(name))


def _wisun(name: str) -> Iterator[Payload]:
    with gzip.open(CAPTURES / f"{name}.frames.tsv.gz", "rt") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            data = _mpx_lowpan(bytes.fromhex(row["clear_body_hex"])) if row["ws_frame"] == "DATA" else None
            if data is not None:
                ends = (_eui64(row["from"]), _eui64(row["to"]))
                yield Payload(int(row["no"]), int(float(row["time_s"]) * 1e9), *ends, data)


def _eui64(word: str) -> bytes | None:
    return bytes.fromhex(word.replace(":", "")) if ":" in word else None


def _mpx_lowpan(body: bytes) -> bytes | None:
    """The payload of a full-frame MPX IE for 6LoWPAN (multiplex id 0xA0ED)."""
    at = 0
    while at + 2 <= len(body):
        (word,) = struct.unpack_from("<H", body, at)
        content = body[at + 2 : at + 2 + (word & 0x7FF)]
        if word >> 11 & 0xF == 3:
            return content[3:] if content[0] & 7 == 0 and content[1:3] == b"\xed\xa0" else None
        at += 2 + len(content)
    return None


def _contiki(name: str) -> Iterator[Payload]:
    for number, (t_ns, frame) in enumerate(_pcapng(CAPTURES / f"{name}.pcapng"), start=1):
        if frame[0] & 7 == 1:
            control = int.from_bytes(frame[:2], "little")
            at, dst, src = 5, None, None
            if control >> 10 & 3:
                size = 8 if control >> 10 & 3 == 3 else 2
                dst, at = frame[at : at + size][::-1], at + size
            size = 8 if control >> 14 & 3 == 3 else 2
            src, at = frame[at : at + size][::-1], at + size
            yield Payload(number, t_ns, src, None if dst == b"\xff\xff" else dst, frame[at:])


def _pcapng(path: Path) -> Iterator[tuple[int, bytes]]:
    """Time (raw units) and octets of each enhanced packet block of a little-endian file."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            _interface, high, low, captured, _original = struct.unpack_from("<5I", data, at + 8)
            yield high << 32 | low, data[at + 28 : at + 28 + captured]
        at += length
