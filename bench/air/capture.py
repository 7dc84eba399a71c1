"""Capture files in: pcap and pcapng, plain or gzip, to records of PSDU octets with what the sniffer noted beside.

Link types: 195 (802.15.4 with FCS, 16 or 32 bit), 230 (without FCS), 283 (TAP). A truncated file gives all its whole
records and then raises `InputError` with file and octet offset, so what was captured is never lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs


@attrs.frozen(slots=True)
class Record:
    """One captured frame. ``data`` is the PSDU without FCS; ``time_ns`` the capture's stamp (Unix ns).

    ``fcs_ok`` is None where the capture holds no FCS. ``start_ns``/``end_ns`` (frame start/end on air), ``rssi_dbm``
    and ``channel`` come from TAP and are None elsewhere. ``original_length`` counts PSDU octets with FCS where the
    capture has one, as sent, also where the capture cut the frame (``cut``).
    """

    number: int
    time_ns: int
    link_type: int
    data: bytes
    fcs_ok: bool | None = None
    fcs_octets: int = 0
    rssi_dbm: float | None = None
    channel: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    original_length: int = 0
    cut: bool = False


def read_capture(path: Path | str) -> Iterator[Record]:
    """All records of a capture file, numbered from 1. Raises `InputError` (not a capture, truncated) naming the file."""
    raise NotImplementedError


class PcapngStream:
    """Incremental pcapng reader for a live stream: feed octets as they come, take whole records.

    ``packets`` counts packet blocks seen, of any link type: it is the sniffer port's count.
    """

    packets: int

    def __init__(self, name: str = "stream") -> None: ...

    def feed(self, octets: bytes) -> list[Record]:
        """Records completed by these octets. Raises `InputError` where the stream is not pcapng."""
        raise NotImplementedError
