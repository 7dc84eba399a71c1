"""Cost in proportion to octets, whatever is repeated, and whatever came before: counted in steps, not timed."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence

import pytest

from bench.air.bulk.payloads import line_decoder
from bench.air.capture.capture import read_stream
from bench.air.capture.link import NO_FCS, Record
from bench.air.fields.rows import Row
from bench.air.fields.tree import frame_lines
from bench.air.frame.decoder import Decoder
from tests.fuzz.families import FAMILIES, HISTORIES
from tests.fuzz.steps import steps
from tests.fuzz.targets import CONTEXTS, KEYS, LEARNING, psdu_record

SIZES = (128, 256, 512)
A_FRAME, AN_OCTET = 25_000, 600
"""Steps of the dearest family, with half as many again: 400 an octet (CoAP options)."""
SHOWN_A_FRAME, SHOWN_AN_OCTET = 150_000, 4_000
"""The same for tree and fields, where an option is three lines of text (compressed headers, 2,700 an octet)."""


def _straight(costs: list[int]) -> bool:
    """Twice the octets, at most twice what they added; 20 in 100 and a few lines are left to what is rounded."""
    first, second, third = costs
    return third - second <= 2.4 * max(second - first, 0) + 2_000


@pytest.mark.parametrize("name", FAMILIES)
def test_decoding_a_frame_is_linear_in_its_octets(name: str) -> None:
    for decode in (_by_frame, _in_bulk):
        decode(FAMILIES[name](SIZES[-1]))  # what is made once, when it is first asked for, is no growth
        costs = []
        for size in SIZES:
            psdu = FAMILIES[name](size)
            costs.append(steps(decode, psdu))
            assert costs[-1] <= A_FRAME + AN_OCTET * len(psdu), (name, decode, size)
        assert _straight(costs), (name, decode, costs)


def _by_frame(psdu: bytes) -> None:
    Decoder(KEYS, CONTEXTS).decode(psdu_record(psdu))


def _in_bulk(psdu: bytes) -> None:
    line_decoder(NO_FCS, KEYS, CONTEXTS).decode(1, 0, 0, psdu, len(psdu))


@pytest.mark.parametrize("name", FAMILIES)
def test_showing_a_frame_is_linear_in_its_octets(name: str) -> None:
    costs = []
    for size in SIZES[:2]:
        record = psdu_record(FAMILIES[name](size))
        frame = Decoder(KEYS, CONTEXTS).decode(record)
        row = Row(frame, record, 0)
        costs.append(steps(_show, row, record))
        assert costs[-1] <= SHOWN_A_FRAME + SHOWN_AN_OCTET * len(record.data), (name, size, costs)


def _show(row: Row, record: Record) -> None:
    assert [row.names, *frame_lines(row, record)]


@pytest.mark.parametrize("name", HISTORIES)
def test_a_frame_costs_what_it_does_whatever_came_before(name: str) -> None:
    costs = [_last_of(HISTORIES[name](count)) for count in (70, 700)]
    assert costs[1] <= 1.2 * costs[0] + 500, costs


def _last_of(psdus: Sequence[bytes]) -> int:
    decoder = Decoder(LEARNING, CONTEXTS)
    *before, last = [psdu_record(psdu, number) for number, psdu in enumerate(psdus, 1)]
    for record in before:
        decoder.decode(record)
    return steps(decoder.decode, last)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", kind) + length + body + length


_SECTION = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
_INTERFACE = _block(1, struct.pack("<HHI", NO_FCS, 0, 0))
_PACKET = struct.pack("<IIIII", 0, 0, 0, 4, 4) + b"\1\0\7\0"
_PCAP = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, NO_FCS)
CAPTURES: Mapping[str, Callable[[int], bytes]] = {
    "sections": lambda n: (_SECTION + _INTERFACE) * n,
    "interfaces": lambda n: _SECTION + _INTERFACE * n,
    "packets": lambda n: _SECTION + _INTERFACE + _block(6, _PACKET) * n,
    "options of a packet": lambda n: _SECTION + _INTERFACE + _block(6, _PACKET + b"\1\0\0\0" * n),
    "options of an interface": lambda n: _SECTION + _block(1, struct.pack("<HHI", NO_FCS, 0, 0) + b"\x63\0\0\0" * n),
    "classic records": lambda n: _PCAP + (struct.pack("<IIII", 1, 2, 0, 0)) * n,
}


@pytest.mark.parametrize("name", CAPTURES)
def test_reading_a_capture_is_linear_in_its_octets(name: str) -> None:
    def read(octets: bytes) -> list[Record]:
        return list(read_stream(io.BytesIO(octets), "capture"))

    costs = [steps(read, CAPTURES[name](count)) for count in (100, 200, 400)]
    assert _straight(costs), costs
