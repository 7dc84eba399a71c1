"""How long frames are on the air, and how long each transmitter is.

Air time of a frame = (preamble + SFD + PHR + PSDU with FCS) x 8 / bit rate (IEEE 802.15.4 SUN FSK; SFD and PHR are 2
octets each, the preamble 8 octets at 50 and 100 kbit/s, 12 at 150 and 200, 24 at 300). Forward error correction is not
told apart: it halves the rate that is seen here and is then counted as such.

The bit rate is not in the frames. It is taken from the first of these that the capture offers:
1. what the user says,
2. durations that the sniffer stamped (TAP start and end of frame),
3. acknowledgements: an immediate acknowledgement starts a constant turn-around after the end of its frame, so the
   slope of its delay over the frame's length is the time of one octet,
4. the Japanese channel plan in the unicast schedule, where all its FSK modes have one rate (plans 21 and 22).
If none does, air time is None with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median
from typing import Final

import attrs

from bench.air.frame.decoder import Frame
from bench.measurands.air.sightings.digest import Digest, digest, moved
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.samples import Pairs
from bench.measurands.air.sightings.sighting import Sighting
from bench.records import NS_PER_S

FSK_PREAMBLES: Final = {50_000: 8, 100_000: 8, 150_000: 12, 200_000: 12, 300_000: 24}
"""Preamble octets by bit rate (bit/s) of the FSK modes 1 to 8; kept equal over the modulation index."""
SFD_AND_PHR: Final = 4
JAPAN: Final = 2
"""Regulatory domain number of Japan in US-IE and BS-IE."""
JAPAN_RATES: Final = {21: 50_000, 22: 100_000}
"""bit/s of the FSK modes of Japanese channel plans; plan 23 has two rates, plan 24 none."""
MIN_PAIRS: Final = 8
MIN_SPREAD_OCTETS: Final = 40
MAX_PAIRS: Final = 240
OCTET_NS: Final = (3_200, 800_000)
"""An octet at 2.5 Mbit/s and at 10 kbit/s."""
SNAP: Final = 0.03
"""A slope within 3 % of a rate of the table is that rate."""


@attrs.frozen(slots=True)
class Phy:
    """What is known of the physical layer. ``octet_ns``: time of one octet; ``overhead_octets``: preamble, SFD and PHR;
    ``source``: how the rate is known; ``note``: what was assumed, or why nothing is known. Times None where unknown."""

    octet_ns: float | None
    overhead_octets: int
    source: str | None
    note: str

    @property
    def bitrate_bps(self) -> int | None:
        """bit/s."""
        return None if self.octet_ns is None else round(8 * NS_PER_S / self.octet_ns)

    def air_ns(self, sighting: Sighting) -> int | None:
        """Duration of a frame: as the sniffer stamped it, else computed, else None."""
        return sighting.air_ns if sighting.air_ns is not None else self.computed_ns(sighting.octets)

    def computed_ns(self, octets: int) -> int | None:
        """Duration of a frame of so many octets."""
        return None if self.octet_ns is None else round((self.overhead_octets + octets) * self.octet_ns)

    def end_ns(self, sighting: Sighting) -> int:
        """End of a frame; its start where the duration is unknown (too early by some 10 ms then)."""
        return sighting.start_ns + (self.air_ns(sighting) or 0)


def phy(frames: Iterable[Frame], bitrate_bps: int | None = None) -> Phy:
    """The physical layer of a capture; ``bitrate_bps`` overrides what it shows."""
    return phy_of(digest(frames), bitrate_bps)


def phy_of(seen: Digest, bitrate_bps: int | None = None) -> Phy:
    """The same from a digest."""
    if bitrate_bps is not None:
        return _phy(bitrate_bps, "given")
    for pairs, source in ((seen.stamped, "start and end stamps"), (seen.ack_delays, "acknowledgement timing")):
        slope = octet_time_ns(pairs)
        if slope is not None:
            return _snapped(slope, source)
    rates = {JAPAN_RATES.get(plan) if domain == JAPAN else None for domain, plan in seen.plans}
    if len(rates) == 1 and (rate := rates.pop()) is not None:
        return _phy(rate, "channel plan", "FSK without error correction assumed; ")
    return Phy(None, 0, None, "bit rate unknown: too few acknowledged frames, no stamps of frame ends; give --bitrate")


def octet_time_ns(pairs: Pairs) -> float | None:
    """Time of one octet: median slope (Theil-Sen) of durations or delays (ns) over lengths (octets).

    None where there are too few pairs, too little spread, or the slope is no bit rate of a low-power radio (10 kbit/s
    to 2.5 Mbit/s).
    """
    slope = _slope(pairs)
    return slope if slope is not None and OCTET_NS[0] <= slope <= OCTET_NS[1] else None


def _slope(pairs: Pairs) -> float | None:
    """Median slope; None where there is too little to see one."""
    sample = list(pairs.every(max(1, len(pairs) // MAX_PAIRS)))
    if len(sample) < MIN_PAIRS:
        return None
    slopes = [
        (far[1] - near[1]) / (far[0] - near[0])
        for index, near in enumerate(sample)
        for far in sample[index + 1 :]
        if far[0] - near[0] >= MIN_SPREAD_OCTETS
    ]
    if len(slopes) < MIN_PAIRS:
        return None
    return median(slopes)


def stamp_point(seen: Digest, radio: Phy) -> str | None:
    """What of a frame the capture stamps: "start" or "end"; None where that cannot be told.

    An acknowledgement starts a constant time after the end of its frame. Between starts that time grows with the frame
    by its air time, between ends it does not. A sniffer that stamps start and end itself (TAP) is read at the start.
    """
    if len(seen.stamped):
        return "start"
    slope = _slope(seen.ack_delays)
    if slope is None or radio.octet_ns is None:
        return None
    share = slope / radio.octet_ns
    return "start" if 0.75 < share < 1.25 else "end" if -0.25 < share < 0.25 else None


def at_start(seen: Digest, radio: Phy) -> Digest:
    """A digest of end stamps with all of them moved to the start of the frame."""
    return moved(seen, lambda octets: radio.computed_ns(octets) or 0)


def _nearest(seen_bps: float) -> int | None:
    """The FSK mode's rate that is meant, in bit/s; None for another modulation."""
    nearest = min(FSK_PREAMBLES, key=lambda rate: abs(rate - seen_bps))
    return nearest if abs(nearest - seen_bps) <= SNAP * nearest else None


def preamble_octets(seen_bps: float) -> int:
    """Octets of the preamble at a bit rate; 8 where no FSK mode has it."""
    rate = _nearest(seen_bps)
    return 8 if rate is None else FSK_PREAMBLES[rate]


def _snapped(slope_ns: float, source: str) -> Phy:
    seen_bps = 8 * NS_PER_S / slope_ns
    if (nearest := _nearest(seen_bps)) is not None:
        return _phy(nearest, source)
    note = f"{seen_bps / 1000:.1f} kbit/s is no FSK rate: preamble and PHY header not counted"
    return Phy(slope_ns, 0, source, note)


def _phy(bitrate_bps: int, source: str, assumed: str = "") -> Phy:
    preamble = preamble_octets(bitrate_bps)
    note = f"{assumed}preamble of {preamble} octets assumed"
    return Phy(8 * NS_PER_S / bitrate_bps, preamble + SFD_AND_PHR, source, note)


def airtime(frames: Iterable[Frame], bitrate_bps: int | None = None) -> dict[bytes, float | None]:
    """Seconds on the air by transmitter (EUI-64); None where the bit rate is unknown."""
    seen = digest(frames)
    return airtime_of(seen, phy_of(seen, bitrate_bps))


def airtime_of(seen: Digest, radio: Phy) -> dict[bytes, float | None]:
    """The same from a digest: every frame captured counts, attempts and copies on other channels too, and
    acknowledgements without address for the node that was addressed. Frames whose sender is unknown count for nobody.
    """
    total = Total(seen, radio)
    run(seen, total)
    return total.seconds()


class Total(Measurand):
    """Adds up the air time of every transmitter."""

    def __init__(self, seen: Digest, radio: Phy) -> None:
        self._seen = seen
        self._radio = radio
        self._total: dict[bytes, int | None] = {}

    def see(self, sighting: Sighting) -> None:
        """Adds a frame."""
        sender = self._seen.sender(sighting)
        if sender is not None:
            duration, sum_ns = self._radio.air_ns(sighting), self._total.get(sender, 0)
            self._total[sender] = None if duration is None or sum_ns is None else sum_ns + duration

    def seconds(self) -> dict[bytes, float | None]:
        """By transmitter, in order of addresses."""
        return {sender: None if ns is None else ns / NS_PER_S for sender, ns in sorted(self._total.items())}
