"""Where we and tshark read a capture differently: every field that both know, frame by frame.

Used on captures that nobody recorded: frames changed at random, built from a grammar, wrapped in other link types. What
tshark 4.0.17 is no oracle for is `hole`, each with what proves our reading.
"""

from __future__ import annotations

import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import attrs

from bench.air.capture.capture import read_capture
from bench.air.fields.tables import FIELDS, Kind, Value, fields
from bench.air.frame.decoder import Decoder, Frame
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import DestinationOptions, HopByHop, Rpi
from bench.air.keys.table import KeyTable
from bench.air.wisun import frames as wisun
from tests.air.tshark_oracle import known_fields, read

_BETWEEN, _COLUMN = "\x1f", "\x1e"
_NOTHING = "<MISSING>"
"""What tshark prints for a field of no octets."""
MALFORMED = "_ws.malformed"
_CHECKSUM_LEFT_OUT = "6lowpan.nhc.udp.checksum"


@attrs.frozen
class Difference:
    """One field of one frame: what we say and what tshark says; ``malformed`` where tshark calls the frame that."""

    frame: Frame
    name: str
    ours: list[Value]
    tsharks: list[Value]
    malformed: bool


@cache
def shared_names() -> tuple[str, ...]:
    """Fields that both know."""
    return tuple(sorted(set(FIELDS) & known_fields()))


def differences(
    path: Path,
    options: Sequence[str] = (),
    keys: KeyTable | None = None,
    contexts: Mapping[int, bytes] | None = None,
    but: Callable[[Frame, str], bool] | None = None,
) -> Iterator[Difference]:
    """All differences of a capture but the holes of tshark (``but``: other ones); its frames are as many for both."""
    decoder = Decoder(keys, contexts)
    records = list(read_capture(path))
    rows = tshark_rows(path, options)
    assert len(rows) == len(records)
    for record, row in zip(records, rows, strict=True):
        frame = decoder.decode(record)
        assert not frame.bug
        named: dict[str, list[Value]] = defaultdict(list)
        for name, value in fields(frame, record, records[0].time_ns):
            named[name].append(value)
        for name in shared_names():
            theirs = _values(name, row[name])
            if named.get(name, []) != theirs and not (but or hole)(frame, name):
                yield Difference(frame, name, named.get(name, []), theirs, bool(row[MALFORMED]))


def tshark_rows(path: Path, options: Sequence[str]) -> list[dict[str, str]]:
    """tshark's texts of all shared fields, a frame each."""
    names = (*shared_names(), MALFORMED)
    wanted = [part for name in names for part in ("-e", name)]
    form = ["-T", "fields", "-E", f"separator={_COLUMN}", "-E", f"aggregator={_BETWEEN}", "-E", "occurrence=a"]
    command = ["tshark", "-n", "-r", str(path), "-o", "udp.check_checksum:TRUE", *options, *form, *wanted]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")
    return [dict(zip(names, line.split(_COLUMN), strict=True)) for line in text.split("\n")[:-1]]


def _values(name: str, texts: str) -> list[Value]:
    kind = FIELDS[name].kind
    if kind is Kind.OCTETS:
        texts = texts.replace(_NOTHING, "0x")
    # A code for "not measured" is a number to tshark, and no value to us.
    return [value for value in read(kind, texts, _BETWEEN) if value not in FIELDS[name].codes]


def hole(frame: Frame, name: str) -> bool:
    """Whether tshark 4.0.17 is no oracle for that field of that frame.

    * Behind a JM or LBATS element, which it does not know, ids and lengths of nested elements are wrong
      (`test_fields.test_join_metrics_stand_as_framed`).
    * A UDP checksum left out on the air it always rebuilds as 0xFFFF (`test_lowpan_vectors` has whole packets).
    * Option type 0x23 is the RPL option as 0x63 is (RFC 9008, 4); it shows an unknown one.
    * Key data in clear it takes apart in the messages that it numbers, not in the request before them.
    """
    if name.startswith("wlan.rsn.ie."):
        return frame.key_message is not None and frame.key_message.message == "request"
    if name.startswith("wisun.wsie"):
        return frame.ie(wisun.Jm) is not None or frame.ie(wisun.Lbats) is not None
    if name in ("udp.checksum", "udp.checksum.status"):
        return (_CHECKSUM_LEFT_OUT, True) in fields(frame)
    if name.startswith("ipv6.opt."):
        headers = [header for packet in (ipv6.chain(frame.packet) if frame.packet else ()) for header in packet.headers]
        options = [o for h in headers if isinstance(h, (HopByHop, DestinationOptions)) for o in h.options]
        return any(isinstance(option, Rpi) and option.type == 0x23 for option in options)
    return False


def write_capture(
    path: Path, packets: Iterable[tuple[int, bytes]], link_type: int = 230, snap_octets: int | None = None
) -> Path:
    """A pcapng file of packets (stamp in ns, octets), written without the project's own writer; of each no more than
    ``snap_octets``."""
    blocks = [
        _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(1, struct.pack("<HHI", link_type, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)),
    ]
    for time_ns, octets in packets:
        kept = octets[:snap_octets]
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(kept), len(octets))
        blocks.append(_block(6, head + kept))
    path.write_bytes(b"".join(blocks))
    return path


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
