"""Wi-SUN FAN 1.1 on the MAC: its information elements as records, frame types, and builders of whole frames.

Builders return clear `MacFrame`s; `security.protect` secures PC, LPC, DATA and ACK. Layouts are those of the open
stacks (facts: domain.md section 5.2).
"""

from __future__ import annotations

from enum import IntEnum

import attrs

from bench.air.mac import MacFrame


class WisunFrameType(IntEnum):
    """Frame type in UTT-IE and LUTT-IE."""

    PA = 0
    PAS = 1
    PC = 2
    PCS = 3
    DATA = 4
    ACK = 5
    EAPOL = 6
    LPA = 9
    LPAS = 10
    LPC = 11
    LPCS = 12
    LTS = 13
    EXT = 15


@attrs.frozen(slots=True)
class Utt:
    """Unicast timing: frame type and unicast fractional sequence interval (24 bit)."""

    frame_type: int
    ufsi: int = 0


@attrs.frozen(slots=True)
class Bt:
    """Broadcast timing: slot number and offset in the interval (ms)."""

    slot: int
    offset_ms: int


@attrs.frozen(slots=True)
class Rsl:
    """Received signal level the sender sees of us, dBm."""

    dbm: int


@attrs.frozen(slots=True)
class Ea:
    """EUI-64 of the EAPOL authenticator."""

    eui64: bytes


@attrs.frozen(slots=True)
class Schedule:
    """Channel part of US-IE and BS-IE. Defaults: Japan (domain 9), channel plan id 22, fixed channel 10."""

    domain: int = 9
    plan_id: int = 22
    fixed_channel: int | None = 10


@attrs.frozen(slots=True)
class Us:
    """Unicast schedule."""

    dwell_ms: int = 255
    drift_ppm: int = 255
    accuracy: int = 10
    schedule: Schedule = Schedule()


@attrs.frozen(slots=True)
class Bs:
    """Broadcast schedule."""

    interval_ms: int = 1020
    bsi: int = 0
    dwell_ms: int = 255
    drift_ppm: int = 255
    accuracy: int = 10
    schedule: Schedule = Schedule()


@attrs.frozen(slots=True)
class Pan:
    """PAN information (PAN-IE)."""

    size: int
    routing_cost: int
    use_parent_bs: bool = True
    rpl: bool = True
    lfn_style: bool = False
    tps_version: int = 2


@attrs.frozen(slots=True)
class NetName:
    """Network name, at most 32 octets."""

    name: str


@attrs.frozen(slots=True)
class PanVersion:
    """PAN version, 16 bit."""

    version: int


@attrs.frozen(slots=True)
class GtkHash:
    """Hashes of GTK0-3, 8 octets each (zeros: none)."""

    hashes: tuple[bytes, bytes, bytes, bytes]


def pas(src: bytes, network_name: str, *, us: Us = Us(), ufsi: int = 0) -> MacFrame:
    """PAN advertisement solicit."""
    raise NotImplementedError


def pa(src: bytes, pan_id: int, network_name: str, pan: Pan, *, us: Us = Us(), ufsi: int = 0) -> MacFrame:
    """PAN advertisement."""
    raise NotImplementedError


def pcs(src: bytes, pan_id: int, network_name: str, *, us: Us = Us(), ufsi: int = 0) -> MacFrame:
    """PAN configuration solicit."""
    raise NotImplementedError


def pc(
    src: bytes, pan_id: int, pan_version: int, gtk_hashes: GtkHash, *, us: Us = Us(), bs: Bs = Bs(),
    bt: Bt = Bt(0, 0), pan: Pan | None = None, ufsi: int = 0,
) -> MacFrame:
    """PAN configuration; to be protected."""
    raise NotImplementedError


def data(
    src: bytes, dst: bytes | None, lowpan: bytes, sequence: int, *, pan_id: int | None = None, us: Us | None = Us(),
    bt: Bt | None = Bt(0, 0), ufsi: int = 0,
) -> MacFrame:
    """6LoWPAN over MPX, unicast (acknowledged), or broadcast where ``dst`` is None (then ``pan_id`` is needed)."""
    raise NotImplementedError


def ack(frame: MacFrame, src: bytes, *, rsl_dbm: int | None = None, bt: Bt | None = Bt(0, 0), ufsi: int = 0) -> MacFrame:
    """Acknowledgement of ``frame`` sent by ``src``; to be protected when ``frame`` was."""
    raise NotImplementedError


def eapol(
    src: bytes, dst: bytes, kmp_id: int, pdu: bytes, sequence: int, *, authenticator: bytes | None = None,
    us: Us = Us(), bt: Bt | None = None, ufsi: int = 0,
) -> MacFrame:
    """EAPOL over MPX; ``authenticator`` adds EA-IE."""
    raise NotImplementedError
