"""Everything that a TAP header can say about a frame, beyond what `link.Record` holds as fields of its own.

Source: jkcko/ieee802.15.4-tap 1.2, section 4. Read on demand (`Tap.of`), since few look at it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from typing import Final, Self

from bench.air.capture.link import Record, Tlv
from bench.air.frozen import frozen


@frozen
class Tap:
    """TLVs of a TAP header, None where they are absent or too short; ``others`` keeps those without a field here.

    ``sun_phy`` is band, type and mode; ``plan`` is channel 0 and spacing in kHz, and the number of channels."""

    channel_page: int | None = None
    bit_rate_bps: int | None = None
    sun_phy: tuple[int, int, int] | None = None
    asn: int | None = None
    slot_start_ns: int | None = None
    slot_us: int | None = None
    lqi: int | None = None
    frequency_khz: float | None = None
    plan: tuple[float, float, int] | None = None
    others: tuple[tuple[int, bytes], ...] = ()

    @classmethod
    def of(cls, record: Record) -> Self:
        """What the record's TLVs say; of several of a kind, the last."""
        found: dict[str, object] = {}
        others: list[tuple[int, bytes]] = []
        for kind, value in record.tlvs:
            if kind == Tlv.CHANNEL and len(value) >= 3:
                found["channel_page"] = value[2]
            elif kind in _LAYOUTS and len(value) >= _LAYOUTS[kind][1].size:
                name, layout = _LAYOUTS[kind]
                values = layout.unpack_from(value)
                if not all(map(math.isfinite, values)):
                    continue  # from a sniffer that does not know it
                found[name] = values[0] if len(values) == 1 else values
            elif kind not in _RECORD_HAS:
                others.append((kind, value))
        return cls(**found, others=tuple(others))  # type: ignore[arg-type]

    def tlvs(self) -> Iterable[tuple[int, bytes]]:
        """The TLVs to write (`link.write_tap`); the channel's page is in the channel's own."""
        for kind, (name, layout) in _LAYOUTS.items():
            value = getattr(self, name)
            if value is not None:
                yield kind, layout.pack(*(value if isinstance(value, tuple) else (value,)))
        yield from self.others


_RECORD_HAS: Final = frozenset({Tlv.FCS_TYPE, Tlv.RSS, Tlv.CHANNEL, Tlv.START_OF_FRAME, Tlv.END_OF_FRAME})
_LAYOUTS: Final[dict[int, tuple[str, struct.Struct]]] = {
    Tlv.BIT_RATE: ("bit_rate_bps", struct.Struct("<I")),
    Tlv.SUN_PHY: ("sun_phy", struct.Struct("<BBB")),
    Tlv.ASN: ("asn", struct.Struct("<Q")),
    Tlv.SLOT_START: ("slot_start_ns", struct.Struct("<Q")),
    Tlv.SLOT_LENGTH: ("slot_us", struct.Struct("<I")),
    Tlv.LQI: ("lqi", struct.Struct("<B")),
    Tlv.FREQUENCY: ("frequency_khz", struct.Struct("<f")),
    Tlv.CHANNEL_PLAN: ("plan", struct.Struct("<ffH")),
}
