"""The decoded frame that measurands stand on, and the decoder that makes it from a capture record.

The decoder never raises: whatever it cannot read becomes ``info`` "malformed: ...". A frame whose MIC fails is not
read beyond its MAC header (facts: a prototype that fell through parsed ciphertext).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import attrs

from bench.air.mac import MacFrame

if TYPE_CHECKING:
    from bench.air.capture import Record
    from bench.air.eapol import Eapol, EapolRelay
    from bench.air.ipv6 import Packet
    from bench.air.keys import KeyTable

T = TypeVar("T")


@attrs.frozen(slots=True)
class Frame:
    """One frame as the bench understands it.

    ``number`` counts from 1 in its capture; ``time_ns`` is the capture's own stamp, ``start_ns``/``end_ns`` start and
    end of the frame on air where the capture says (TAP). ``src``/``dst`` are EUI-64s (8 octets, display order) or
    short addresses (2 octets); None where absent. ``mic``: "ok", "bad", "no key" or "none" (no MIC in the frame).
    ``mac`` is in clear text when ``mic`` is "ok". ``ies`` are Wi-SUN IEs, typed. ``packet`` is the outermost IPv6
    packet (after reassembly: at the frame that completes it), ``None`` for a fragment before the last.
    ``ipv6_src``/``ipv6_dst``: the innermost packet's addresses, 16 octets.
    """

    number: int
    time_ns: int
    start_ns: int | None
    end_ns: int | None
    rssi_dbm: float | None
    channel: int | None
    src: bytes | None
    dst: bytes | None
    seq: int | None
    pan: int | None
    mac: MacFrame | None
    secured: bool
    key_index: int | None
    frame_counter: int | None
    mic: str
    kind: str
    ies: tuple[str, ...]
    """Names in the frame's order, e.g. ("UTT", "BT", "US", "PAN", "NETNAME")."""
    typed_ies: tuple[object, ...]
    """The same IEs as records of `wisun` (Utt, Bt, Us, ...)."""
    layers: tuple[str, ...]
    packet: Packet | None
    ipv6_src: bytes | None
    ipv6_dst: bytes | None
    eapol: Eapol | None
    """EAPOL of this frame: sent over MPX, or carried in an EAPOL relay datagram (then ``relay`` is set too)."""
    kmp_id: int | None
    relay: EapolRelay | None
    info: str
    length_octets: int
    """Octets of the PSDU on the air, FCS included (4 assumed where the capture does not say)."""

    def ie(self, kind: type[T]) -> T | None:
        """The first Wi-SUN IE of that record type (``frame.ie(wisun.Utt)``), or None."""
        return next((ie for ie in self.typed_ies if isinstance(ie, kind)), None)


class Decoder:
    """Records to frames, one capture (or live stream) at a time; keeps 6LoWPAN fragments between calls.

    ``contexts`` are IPHC contexts: number (0-15) to 16-octet prefix. Fragments are keyed by (src, dst, size, tag) and
    forgotten after 60 s of capture time (RFC 4944 5.3).
    """

    def __init__(self, keys: KeyTable | None = None, contexts: dict[int, bytes] | None = None) -> None: ...

    def decode(self, record: Record) -> Frame:
        """The frame of one record. Never raises."""
        raise NotImplementedError


def decode_frames(
    records: Iterable[Record], keys: KeyTable | None = None, contexts: dict[int, bytes] | None = None
) -> Iterator[Frame]:
    """Frames of records, in order."""
    decoder = Decoder(keys, contexts)
    return (decoder.decode(record) for record in records)
