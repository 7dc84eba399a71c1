"""On which channel a Wi-SUN node listens: channel plans, excluded channels, and the channel functions DH1CF and TR51CF.

A channel function gives an index among the channels that are in use; the index is then mapped onto those channels.
A node's place in its unicast sequence is told by the UTT-IE of any of its frames, so that from one frame and its
US-IE the bench knows where the node can be reached later: `Listener`.

The twin's hopping nodes stand on it; no command needs it yet.

Sources: the channel functions as the open stacks compute them (facts: domain.md 5.3; the vectors in the tests are of
nanostack's C code), plans from the open stacks' regional table (5.1). One thing differs from nanostack on purpose: it
adds TR51CF's step in 8 bits, which leaves the sequence where a plan has more than 127 channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import count
from typing import Final

from bench.air.frozen import frozen
from bench.air.wisun.ffn import Us
from bench.air.wisun.schedule import ChannelFunction, Schedule

_WORD: Final = 0xFFFF_FFFF
SLOTS_DH1CF: Final = 1 << 16
"""Slots of a DH1CF sequence; TR51CF has as many as there are channels."""
_UFSI_ONE: Final = 1 << 24


@frozen
class ChannelPlan:
    """Centre of channel 0 and spacing in kHz, number of channels, and the ranges that the regulator allows (none
    stated: all)."""

    ch0_khz: int
    spacing_khz: int
    channels: int
    allowed: tuple[tuple[int, int], ...] = ()

    def frequency_khz(self, channel: int) -> int:
        """Centre frequency of a channel."""
        return self.ch0_khz + channel * self.spacing_khz


_JP_1 = ChannelPlan(920_600, 200, 38, ((9, 37),))
_JP_2 = ChannelPlan(920_900, 400, 18, ((4, 17),))
_JP_3 = ChannelPlan(920_800, 600, 12, ((3, 11),))
_NA_1 = ChannelPlan(902_200, 200, 129)
_NA_2 = ChannelPlan(902_400, 400, 64)
_NA_3 = ChannelPlan(902_600, 600, 42)
_EU_3 = ChannelPlan(870_100, 100, 55)
_EU_4 = ChannelPlan(870_200, 200, 27)
_IN_1 = ChannelPlan(865_100, 100, 29)
_IN_2 = ChannelPlan(865_100, 200, 15)

# By regulatory domain (1 North America, 2 Japan, 3 Europe, 5 India) and plan id (FAN 1.1) or operating class (1.0).
BY_PLAN_ID: Final[dict[tuple[int, int], ChannelPlan]] = {
    (1, 1): _NA_1,
    (1, 2): _NA_2,
    (1, 3): _NA_3,
    (1, 4): ChannelPlan(902_800, 800, 32, ((0, 30),)),
    (1, 5): ChannelPlan(903_200, 1200, 21, ((0, 19),)),
    (2, 21): _JP_1,
    (2, 22): _JP_2,
    (2, 23): _JP_3,
    (2, 24): ChannelPlan(921_100, 800, 9, ((2, 8),)),
    (3, 32): ChannelPlan(863_100, 100, 69, ((0, 54), (57, 60), (64, 64), (67, 68))),
    (3, 33): ChannelPlan(863_100, 200, 35, ((0, 26), (29, 29), (34, 34))),
    (3, 34): _EU_3,
    (3, 35): _EU_4,
    (3, 36): ChannelPlan(863_100, 100, 125, ((0, 54), (57, 60), (64, 64), (67, 124))),
    (3, 37): ChannelPlan(863_100, 200, 62, ((0, 26), (29, 29), (34, 61))),
    (5, 39): _IN_1,
    (5, 40): _IN_2,
}
BY_CLASS: Final[dict[tuple[int, int], ChannelPlan]] = {
    (1, 1): _NA_1,
    (1, 2): _NA_2,
    (1, 3): _NA_3,
    (2, 1): _JP_1,
    (2, 2): _JP_2,
    (2, 3): _JP_3,
    (3, 1): ChannelPlan(863_100, 100, 69),
    (3, 2): ChannelPlan(863_100, 200, 35),
    (3, 3): _EU_3,
    (3, 4): _EU_4,
    (5, 1): _IN_1,
    (5, 2): _IN_2,
}
_SPACING_BITS: Final = 0x0F
"""The rest of the octet is reserved."""
_SPACING_KHZ: Final = {0: 200, 1: 400, 2: 600, 3: 100, 4: 250, 5: 800, 6: 1200}


def plan_of(schedule: Schedule) -> ChannelPlan | None:
    """The channel plan that a schedule names or spells out; None where this table does not hold it."""
    if schedule.plan == 1:
        spacing = _SPACING_KHZ.get(schedule.spacing & _SPACING_BITS)
        return None if spacing is None else ChannelPlan(schedule.ch0_khz, spacing, schedule.channels)
    table = BY_PLAN_ID if schedule.plan == 2 else BY_CLASS
    return table.get((schedule.domain, schedule.plan_id))


def channels_of(schedule: Schedule) -> tuple[int, ...]:
    """The channels in use, ascending: those of the plan that neither the regulator nor the schedule excludes.

    The bit of channel 0 in an exclusion mask is the lowest of its first octet. Raises ValueError for a plan that is
    not known here.
    """
    plan = plan_of(schedule)
    if plan is None:
        raise ValueError(f"channel plan {schedule.plan_id} of domain {schedule.domain} is not in the table")
    mask = int.from_bytes(schedule.excluded_mask, "little")
    return tuple(
        channel
        for channel in range(plan.channels)
        if (not plan.allowed or any(first <= channel <= last for first, last in plan.allowed))
        and not any(first <= channel <= last for first, last in schedule.excluded_ranges)
        and not mask >> channel & 1
    )


def dh1cf_unicast(slot: int, eui64: bytes, channels: int) -> int:
    """Index (0 to ``channels`` - 1) of a node's unicast slot (16 bit), by the node's EUI-64."""
    return _hash(slot, int.from_bytes(eui64[4:8], "big"), int.from_bytes(eui64[:4], "big")) % channels


def dh1cf_broadcast(slot: int, bsi: int, channels: int) -> int:
    """Index of a broadcast slot (16 bit), by the broadcast schedule identifier."""
    return _hash(slot, bsi << 16, 0) % channels


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _WORD


def _hash(*key: int) -> int:
    """Bob Jenkins' lookup3 ``hashword`` over three words, initial value 0."""
    a, b, c = ((0xDEADBEEF + 12 + word) & _WORD for word in key)
    c = ((c ^ b) - _rotate(b, 14)) & _WORD
    a = ((a ^ c) - _rotate(c, 11)) & _WORD
    b = ((b ^ a) - _rotate(a, 25)) & _WORD
    c = ((c ^ b) - _rotate(b, 16)) & _WORD
    a = ((a ^ c) - _rotate(c, 4)) & _WORD
    b = ((b ^ a) - _rotate(a, 14)) & _WORD
    return ((c ^ b) - _rotate(b, 24)) & _WORD


def tr51cf_unicast(slot: int, eui64: bytes, channels: int) -> int:
    """Index of a node's unicast slot under TR51CF: a walk through a fixed table by steps of the node's own."""
    return tr51cf_sequence(eui64, channels)[slot % channels]


def tr51cf_broadcast(slot: int, bsi: int, channels: int) -> int:
    """Index of a broadcast slot under TR51CF; the schedule identifier takes the place of an EUI-64's end."""
    return tr51cf_sequence(bytes(6) + bsi.to_bytes(2, "big"), channels)[slot % channels]


@lru_cache(maxsize=512)
def tr51cf_sequence(eui64: bytes, channels: int) -> tuple[int, ...]:
    """All slots of a TR51CF sequence: each index once."""
    table = _tr51_table(channels)
    first = (eui64[5] ^ eui64[6] ^ eui64[7]) % len(table)
    step = eui64[7] % (len(table) - 1) + 1
    walk = (table[(first + step * turn) % len(table)] for turn in range(len(table)))
    return tuple(index for index in walk if index is not None)


@lru_cache(maxsize=64)
def _tr51_table(channels: int) -> Sequence[int | None]:
    """Each index once, in an order drawn by a fixed generator, and None up to a prime length."""
    length = next(n for n in count(max(channels, 2)) if all(n % d for d in range(2, n)))
    order: dict[int, None] = {}
    state = 1
    while len(order) < channels:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        order.setdefault(state % channels)
    return (*order, *[None] * (length - channels))


@frozen
class Listener:
    """A node's unicast listening, from one of its frames: when that was heard (``heard_ns``, any clock), its UFSI, and
    the node's unicast schedule. Raises ValueError where the channel plan is not known."""

    eui64: bytes
    us: Us
    ufsi: int
    heard_ns: int

    def slot_at(self, time_ns: int) -> int:
        """The slot of the sequence at a time of the same clock; drift is not corrected."""
        slots, dwell_ns = self._slots, self.us.dwell_ms * 1_000_000
        since_start = self.ufsi * slots * dwell_ns // _UFSI_ONE + time_ns - self.heard_ns
        return since_start // dwell_ns % slots

    def channel_at(self, time_ns: int) -> int:
        """The channel number (not index) that the node listens on. Raises ValueError for a vendor's function."""
        return channel_of(self.us.schedule, self.slot_at(time_ns), self.eui64)

    @property
    def _slots(self) -> int:
        tr51 = self.us.schedule.function == ChannelFunction.TR51CF
        return len(channels_of(self.us.schedule)) if tr51 else SLOTS_DH1CF


def channel_of(schedule: Schedule, slot: int, node: bytes | int) -> int:
    """The channel number of a slot of a schedule: unicast by EUI-64 (8 octets), broadcast by its identifier (int).

    Raises ValueError for a plan or function that is not known, and where every channel is excluded.
    """
    if schedule.function == ChannelFunction.FIXED and schedule.fixed_channel is not None:
        return schedule.fixed_channel
    used = channels_of(schedule)
    if not used:
        raise ValueError("every channel of the plan is excluded")
    if schedule.function == ChannelFunction.DH1CF:
        if isinstance(node, bytes):
            return used[dh1cf_unicast(slot, node, len(used))]
        return used[dh1cf_broadcast(slot, node, len(used))]
    if schedule.function == ChannelFunction.TR51CF:
        if isinstance(node, bytes):
            return used[tr51cf_unicast(slot, node, len(used))]
        return used[tr51cf_broadcast(slot, node, len(used))]
    raise ValueError(f"channel function {schedule.function} is not known")
