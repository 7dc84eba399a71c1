"""The channel part of Wi-SUN schedules (US-, BS- and LCP-IE): channel plan, channel function, excluded channels."""

from __future__ import annotations

from enum import IntEnum

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader


class ChannelFunction(IntEnum):
    """How a node walks its channels."""

    FIXED = 0
    TR51CF = 1
    DH1CF = 2
    VENDOR = 3


@frozen
class Schedule:
    """Channels of a schedule. The defaults are the virtual rig's: Japan (domain 2), plan 22, fixed channel 10.

    ``plan`` 0: ``domain`` and operating class in ``plan_id``; 1: explicit (``ch0_khz``, ``spacing`` code in its low
    four bits, ``channels``); 2: ``domain`` and channel plan id in ``plan_id``. ``hops`` is a vendor function's
    list of channels. Exclusion is by ``excluded_ranges`` (first and last channel, inclusive) or by ``excluded_mask``
    (as sent).
    """

    plan: int = 2
    domain: int = 2
    plan_id: int = 22
    ch0_khz: int = 0
    spacing: int = 0
    channels: int = 0
    function: int = ChannelFunction.FIXED
    fixed_channel: int | None = 10
    hops: bytes = b""
    excluded_ranges: tuple[tuple[int, int], ...] = ()
    excluded_mask: bytes = b""
    exclusion: int = attrs.field(default=attrs.Factory(lambda self: self.form_of_exclusion, takes_self=True))

    @property
    def form_of_exclusion(self) -> int:
        """0: no channel excluded, 1: by ranges, 2: by mask; ``exclusion`` as sent may announce what does not come."""
        return 2 if self.excluded_mask else 1 if self.excluded_ranges else 0


VIRTUAL_RIG = Schedule()
"""One fixed channel, so that one-channel sniffers hear all; a recorded deviation from FAN, which hops."""


def read_schedule(reader: Reader) -> Schedule:
    """Channel control octet and what it announces. Raises `Malformed`."""
    control = reader.u8()
    plan, function, exclusion = control & 7, control >> 3 & 7, control >> 6
    domain = plan_id = ch0_khz = spacing = channels = 0
    if plan in (0, 2):
        domain, plan_id = reader.u8(), reader.u8()
    elif plan == 1:
        ch0_khz, spacing, channels = reader.le(3), reader.u8(), reader.le()
    else:
        raise Malformed(f"channel plan {plan} is reserved")
    if function > ChannelFunction.VENDOR or exclusion == 3:
        raise Malformed(f"channel control {control:#04x} is reserved")
    fixed = reader.le() if function == ChannelFunction.FIXED else None
    hops = reader.take(reader.u8()) if function == ChannelFunction.VENDOR else b""
    ranges = tuple((reader.le(), reader.le()) for _ in range(reader.u8())) if exclusion == 1 else ()
    # Only an explicit plan tells the channels, and so the mask's length; else the mask ends the element.
    mask = reader.take((channels + 7) // 8 if plan == 1 else reader.left) if exclusion == 2 else b""
    return Schedule(plan, domain, plan_id, ch0_khz, spacing, channels, function, fixed, hops, ranges, mask, exclusion)


def write_schedule(schedule: Schedule) -> bytes:
    """Octets of a schedule. Raises ValueError where a field does not fit."""
    parts = [bytes((schedule.plan | schedule.function << 3 | schedule.exclusion << 6,))]
    if schedule.plan == 1:
        parts += [
            schedule.ch0_khz.to_bytes(3, "little"),
            bytes((schedule.spacing,)),
            schedule.channels.to_bytes(2, "little"),
        ]
    else:
        parts.append(bytes((schedule.domain, schedule.plan_id)))
    if schedule.function == ChannelFunction.FIXED:
        if schedule.fixed_channel is None:
            raise ValueError("the fixed channel function needs a channel")
        parts.append(schedule.fixed_channel.to_bytes(2, "little"))
    if schedule.function == ChannelFunction.VENDOR:
        parts.append(bytes((len(schedule.hops),)) + schedule.hops)
    if schedule.exclusion == 1:
        parts.append(bytes((len(schedule.excluded_ranges),)))
        parts += [bound.to_bytes(2, "little") for pair in schedule.excluded_ranges for bound in pair]
    return b"".join(parts) + schedule.excluded_mask
