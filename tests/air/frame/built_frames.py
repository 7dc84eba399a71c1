"""Frames made by a test: through the decoder, and their fields against tshark's."""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.tables import FIELDS, Value, fields
from bench.air.frame.decoder import Frame, decode_frames
from tests.air.fields.test_fields_tshark import OURS
from tests.air.tshark_oracle import read, values

OF_THE_RECORD = {"wpan.frame_length", "wpan.fcf", "wpan.fcs_ok"}


def decoded(psdus: Sequence[bytes], contexts: Mapping[int, bytes] | None = None) -> list[Frame]:
    """Frames without FCS, as one capture."""
    records = [make_record(number, 10**9, NO_FCS, psdu, len(psdu)) for number, psdu in enumerate(psdus, 1)]
    return list(decode_frames(records, contexts=contexts))


def same_fields(
    folder: Path,
    psdus: Sequence[bytes],
    prefix: str,
    options: Sequence[str] = (),
    holes: frozenset[tuple[int, str]] = frozenset(),
) -> set[str]:
    """Asserts that every field whose name begins so is tshark's in every frame; the names of those that had a value.

    ``holes`` are left out: number of the frame, from 1, and name of the field.
    """
    path = folder / "built.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, NO_FCS)
    path.write_bytes(head + b"".join(struct.pack("<IIII", 1, 0, len(f), len(f)) + f for f in psdus))
    names = sorted(name for name in FIELDS if name.startswith(prefix) and name not in OURS | OF_THE_RECORD)
    compared = set()
    for row, frame in zip(values(path, names, options), decoded(psdus), strict=True):
        named: dict[str, list[Value]] = defaultdict(list)
        for name, value in fields(frame):
            named[name].append(value)
        for name in names:
            if (frame.number, name) not in holes:
                codes = FIELDS[name].codes  # numbers to tshark, no values to us
                expected = [value for value in read(FIELDS[name].kind, row[name]) if value not in codes]
                assert named.get(name, []) == expected, f"frame {frame.number} {name}"
                compared |= {name} if expected else set()
    return compared
