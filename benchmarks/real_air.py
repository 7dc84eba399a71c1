"""Quiet air of real stacks, made longer: the captured two days of an idle mesh go on, and several such meshes stand
side by side.

    python benchmarks/real_air.py FILE.pcapng --frames 165000 [--meshes 1]

What is continued is `tests/data/captures/idle2days.pcapng` (wsbrd and five wsrd, nobody's application): after its last
frame come its frames again from the first hour on, when all have joined, and so on. Stamps, frame counters, sequence
numbers and the senders' clocks (UFSI) go on rising, and every secured frame is sealed anew with the mesh's own key, so
no frame's octets repeat; what stands in clear in it does after two days, as it nearly does within them. The order of
the counters stays as it was captured: one in 0.8 % of the frames is too low, where an acknowledgement was stamped late.

``--meshes`` writes so many meshes at a time, each with EUI-64s of its own: one octet is lowered and the next but one
raised by the same number, which leaves all checksums right.
"""

from __future__ import annotations

import argparse
import heapq
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import attrs

from bench.air.bulk.spans import form_of
from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import Decoder
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac
from bench.air.mac.ies import WISUN_HEADER_ID, Ie

SOURCE: Final = Path(__file__).parents[1] / "tests" / "data" / "captures" / "idle2days.pcapng"
NS: Final = 1_000_000_000
_US: Final = 1000
"""The source's stamps are microseconds."""
_SETTLED_NS: Final = 3600 * NS
_PAUSE_NS: Final = NS
_BETWEEN_MESHES_NS: Final = 7_300_000_000
_SEQUENCE_STEP: Final = 97
_CLOCK_STEP: Final = 54_321
_UTT: Final = 1
"""Sub-ID of the UTT-IE, whose last three octets are the sender's clock (UFSI)."""
_OUI: Final = bytes.fromhex("0dffff00")
"""Octets of the source's EUI-64s that are exchanged for those of another mesh."""


class _Sent(NamedTuple):
    """A frame of the source in clear text, with what is to be sealed again: None where it was in clear."""

    time_ns: int
    mac: MacFrame
    counter: int | None
    index: int | None


def make(path: Path, frames: int, meshes: int = 1) -> Path:
    """Write ``frames`` frames to ``path``; returns the key file beside it."""
    source_keys = SOURCE.with_suffix(".ieee802154_keys")
    keys = KeyTable.read(source_keys)
    sent = _sent(keys)
    form = form_of(SOURCE)
    assert form is not None
    with SOURCE.open("rb") as file:
        head = file.read(form.head_octets)
    streams = (_mesh(sent, number, keys) for number in range(meshes))
    with path.open("wb") as file:
        file.write(head)
        for _, (time_ns, psdu) in zip(range(frames), heapq.merge(*streams), strict=False):
            file.write(_block(time_ns // _US, psdu))
    keys_path = path.with_suffix(".ieee802154_keys")
    keys_path.write_bytes(source_keys.read_bytes())
    return keys_path


def _sent(keys: KeyTable) -> list[_Sent]:
    decoder = Decoder(keys)
    found = []
    for record in read_capture(SOURCE):
        frame = decoder.decode(record)
        assert frame.mac is not None
        assert frame.mic in ("ok", "none")
        counter, index = (frame.frame_counter, frame.key_index) if frame.secured else (None, None)
        found.append(_Sent(record.time_ns, attrs.evolve(frame.mac, security=None, mic=b""), counter, index))
    return found


def _mesh(sent: list[_Sent], number: int, keys: KeyTable) -> Iterator[tuple[int, bytes]]:
    """Stamps (ns) and PSDUs of one mesh without end; mesh 0 begins with the source's own frames."""
    begin_ns = sent[0].time_ns
    round_ns = sent[-1].time_ns + _PAUSE_NS - begin_ns - _SETTLED_NS
    counters = 1 + max(one.counter for one in sent if one.counter is not None)
    rounds = 0
    while True:
        for one in sent:
            if rounds and one.time_ns < begin_ns + _SETTLED_NS:
                continue
            mac = _renamed(_moved_on(one.mac, rounds), number)
            psdu = encode_mac(mac)
            if one.counter is not None:
                key = keys.candidates(one.index)[0]
                psdu = protect(mac, key, one.counter + rounds * counters, one.index)
            yield one.time_ns + rounds * round_ns + number * _BETWEEN_MESHES_NS, psdu
        rounds += 1


def _moved_on(mac: MacFrame, rounds: int) -> MacFrame:
    """The same frame, rounds later."""
    sequence = None if mac.sequence is None else (mac.sequence + rounds * _SEQUENCE_STEP) & 0xFF
    return attrs.evolve(mac, sequence=sequence, header_ies=tuple(_ticked(ie, rounds) for ie in mac.header_ies))


def _ticked(ie: Ie, rounds: int) -> Ie:
    if ie.id != WISUN_HEADER_ID or ie.content[0] != _UTT:
        return ie
    clock = int.from_bytes(ie.content[2:5], "little") + rounds * _CLOCK_STEP & 0xFF_FFFF
    return attrs.evolve(ie, content=ie.content[:2] + clock.to_bytes(3, "little"))


def _renamed(mac: MacFrame, number: int) -> MacFrame:
    if not number:
        return mac
    own = bytes((_OUI[0], _OUI[1] - number, _OUI[2], _OUI[3] + number))
    return decode_mac(encode_mac(mac).replace(_OUI, own).replace(_OUI[::-1], own[::-1]))


def _block(ticks: int, packet: bytes) -> bytes:
    """An enhanced packet block of the source's interface."""
    body = struct.pack("<IIIII", 0, ticks >> 32, ticks & 0xFFFF_FFFF, len(packet), len(packet))
    body += packet + bytes(-len(packet) % 4)
    length = struct.pack("<I", 12 + len(body))
    return struct.pack("<I", 6) + length + body + length


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Continue the captured quiet air of real stacks.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--frames", type=int, default=165_000)
    parser.add_argument("--meshes", type=int, default=1)
    options = parser.parse_args()
    keys_path = make(options.path, options.frames, options.meshes)
    print(f"{options.path}, {options.path.stat().st_size / 1e6:.1f} MB; keys: {keys_path}")


if __name__ == "__main__":
    main()
