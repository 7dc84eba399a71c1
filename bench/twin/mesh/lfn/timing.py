"""Durations of limited function nodes (domain.md 5.6), in ns unless said otherwise. "Own" is the twin's own choice."""

from __future__ import annotations

from typing import Final

from bench.records import NS_PER_S
from bench.twin.mesh.timers import MINUTE, MS

WINDOW_NS: Final = 50 * MS
"""A listening window, unicast or broadcast: a frame that begins in it is heard (own)."""
GUARD_NS: Final = 2 * MS
"""A parent begins that long after the window does, and no later than that long before its end: times are told in ms."""
AWAKE_NS: Final = 300 * MS
"""An LFN goes on listening so long after the beginning of a frame that it sent or that was for it (own)."""
STILL_AWAKE_NS: Final = 100 * MS
"""What its parent counts on after an acknowledgement: the longest frame and its acknowledgement take 140 ms."""
QUICK_NS: Final = NS_PER_S
"""Listening interval while it joins, to accelerate authentication as real LFNs do; how short is own."""
LEAST_MS: Final = 5_000
MOST_MS: Final = 60_000
"""Range of listening intervals of profile TEST, which NR-IE tells."""
RESPONSE_DELAY_MS: Final = 300
"""From LPAS to the first discovery slot (own)."""
SLOT_MS: Final = 60
SLOTS: Final = 40
"""Discovery slots."""
ISOLATED_MAX_NS: Final = 4 * MINUTE
"""Ceiling of the LPAS interval of an LFN without network: it does not hear that its parent is back (own)."""
CONFIG_RETRY_NS: Final = 3 * NS_PER_S
REGISTER_RETRY_NS: Final = 5 * NS_PER_S
"""LPCS, and NS while it joins, again (own)."""
REGISTRATION_MIN: Final = 36 * 60
"""Lifetime of a registration, minutes; registered again at 90 %."""
PARENT_LOST_SYNCS: Final = 5
"""Sync periods without a word of the parent after which it is lost."""
ANNOUNCEMENTS: Final = 5
"""LPCs for all in place of LTS after a change (LFN_MAINTAIN_PARENT_TIME)."""
BUFFER_INTERVALS: Final = 9
"""Listening intervals that a frame waits for its LFN at most, as a real radio processor keeps it."""
WAITING_MAX: Final = 16
"""Frames that wait for one LFN (own)."""
RESPONSE_THRESHOLD_DB: Final = 0
