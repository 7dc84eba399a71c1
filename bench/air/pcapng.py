"""pcapng out: what the twin's sniffers send and the bench stores, readable in Wireshark.

Link type 283 (IEEE 802.15.4 TAP), stamps in nanoseconds.
"""

from __future__ import annotations

from typing import BinaryIO


class PcapngWriter:
    """Writes pcapng with one TAP interface to a binary file-like (only ``write`` is used)."""

    def __init__(self, out: BinaryIO) -> None: ...

    def section(self, name: str = "") -> None:
        """Section header and interface description (TAP, ns); ``name`` is the interface's name."""

    def packet(
        self,
        psdu: bytes,
        time_ns: int,
        *,
        fcs: bool = True,
        rssi_dbm: float | None = None,
        channel: int | None = None,
        start_ns: int | None = None,
        end_ns: int | None = None,
    ) -> None:
        """One frame: TAP header, PSDU, and its 4-octet FCS (``fcs=False``: FCS type 0, no FCS)."""
