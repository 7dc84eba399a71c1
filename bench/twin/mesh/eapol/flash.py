"""What survives a power cut in a node: keys, the PAN they belong to, and frame counters.

A counter is not written at every frame (flash wears out): the node reserves a block ahead and, after a cut, goes on
behind the block, so that no nonce is ever used twice. For the same reason :meth:`forget_keys` keeps the counters: the
key that a later authentication brings may be the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

from bench.air.keys import table as keys
from bench.air.keys.fourway import Ptk
from bench.air.keys.table import GroupKey
from bench.air.wisun.frames import GtkHash, LgtkHash

COUNTER_BLOCK: Final = 1000
FFN_INDEX: Final = 1
SLOTS: Final = 4
"""GTK0-3; the key index of a frame is the slot plus one (domain.md 5.2)."""
LFN_INDEX: Final = 5
LFN_SLOTS: Final = 3
"""LGTK0-2, key indices 5 to 7."""
NO_HASH: Final = bytes(8)


@attrs.frozen(slots=True)
class Pairwise:
    """What a node and its border router (EUI-64 ``authenticator``) share: PMK (32 octets) and PTK, and the replay
    counter of the last message under it."""

    authenticator: bytes
    pmk: bytes
    ptk: Ptk
    replay: int


class KeyRing:
    """Group keys of one kind by slot, and the link keys that follow: GTKs (key index 1 to 4), or LGTKs (5 to 7).
    ``active`` is the slot whose key secures what the node sends to nodes of that kind."""

    def __init__(self, network_name: str, first_index: int = FFN_INDEX, slots: int = SLOTS) -> None:
        self._network_name, self._first, self.slots = network_name, first_index, slots
        self._gtks: dict[int, bytes] = {}
        self._gaks: dict[int, bytes] = {}
        self.active: int | None = None

    @property
    def gtks(self) -> Mapping[int, bytes]:
        """The keys held, by slot."""
        return self._gtks

    @property
    def gak(self) -> bytes | None:
        """The link key that secures what the node sends."""
        return None if self.active is None else self._gaks[self.active]

    @property
    def key_index(self) -> int | None:
        """Key index of that key."""
        return None if self.active is None else self.active + self._first

    @property
    def held(self) -> int:
        """Bit mask of the slots that hold a key, as GTKL and LGTKL have it."""
        return sum(1 << slot for slot in self._gtks)

    def hash_of(self, slot: int) -> bytes:
        """The hash of a slot's key, zeros where there is none."""
        return keys.gtk_hash(self._gtks.get(slot, b""))

    def slot_of(self, key_index: int) -> int:
        """The slot of a key index, which may be out of the ring's range."""
        return key_index - self._first

    def gak_of(self, key_index: int | None) -> bytes | None:
        """The link key of a key index, None where there is none."""
        return None if key_index is None else self._gaks.get(key_index - self._first)

    def add(self, slot: int, gtk: bytes) -> None:
        """Keep one more key; the link key (GAK, LGAK) follows from it and the network name."""
        self._gtks[slot], self._gaks[slot] = gtk, keys.gak(self._network_name, gtk)

    def keep(self, gtk: bytes, slot: int = 0) -> None:
        """Keep one key and no other, and send under it."""
        self.clear()
        self.add(slot, gtk)
        self.active = slot

    def use(self, slot: int) -> None:
        """Send under that slot's key; no change where it holds none."""
        if slot in self._gtks:
            self.active = slot

    def drop(self, slot: int) -> None:
        """A key that is over; where it was the one in use, the lowest of the others is."""
        self._gtks.pop(slot, None)
        self._gaks.pop(slot, None)
        if self.active == slot:
            self.active = min(self._gtks, default=None)

    def take(self, given: Sequence[GroupKey], live: int) -> None:
        """Keys of a handshake, and the bit mask of the live ones: all others are over."""
        for key in given:
            self.add(self.slot_of(key.index), key.gtk)
        for slot in tuple(self._gtks):
            if not live >> slot & 1:
                self.drop(slot)
        if self.active is None:
            self.use(self.slot_of(given[0].index))

    def follow(self, listed: Sequence[bytes | None]) -> bool:
        """The PAN's keys by their hashes: what is not listed is withdrawn. Whether a listed one is lacking."""
        for slot in tuple(self._gtks):
            if self.hash_of(slot) != listed[slot]:
                self.drop(slot)
        return any(one not in (None, NO_HASH) and slot not in self._gtks for slot, one in enumerate(listed))

    def clear(self) -> None:
        """No key at all."""
        self._gtks.clear()
        self._gaks.clear()
        self.active = None


class Flash(KeyRing):
    """Non-volatile memory of one node: its own ring of group keys, and ``lfn``, under which it speaks to LFNs: a second
    ring of a full-function node, its own one of an LFN."""

    def __init__(self, network_name: str, *, limited: bool = False) -> None:
        if limited:
            super().__init__(network_name, LFN_INDEX, LFN_SLOTS)
        else:
            super().__init__(network_name)
        self.lfn: KeyRing = self if limited else KeyRing(network_name, LFN_INDEX, LFN_SLOTS)
        self.pan_id: int | None = None
        self.pairwise: Pairwise | None = None
        self._reserved: dict[bytes, int] = {}
        self._next: dict[bytes, int] = {}

    @property
    def hashes(self) -> GtkHash:
        """What GTKHASH-IE says of a full-function node's keys."""
        first, second, third, fourth = map(self.hash_of, range(SLOTS))
        return GtkHash((first, second, third, fourth))

    @property
    def lfn_hashes(self) -> LgtkHash:
        """What LGTKHASH-IE says of the LGTKs, and which of them is in use."""
        first, second, third = (self.lfn.hash_of(n) if n in self.lfn.gtks else None for n in range(LFN_SLOTS))
        return LgtkHash((first, second, third), self.lfn.active or 0)

    def any_gak_of(self, key_index: int | None) -> bytes | None:
        """The link key of a key index, of either kind."""
        return self.gak_of(key_index) or self.lfn.gak_of(key_index)

    def store_keys(self, gtk: bytes, pan_id: int, slot: int = 0) -> None:
        """Keep one key, the PAN's only one, and send under it."""
        self.pan_id = pan_id
        self.keep(gtk, slot)

    def forget_keys(self) -> None:
        """All keys, pairwise ones too."""
        self.clear()
        self.lfn.clear()
        self.pan_id = self.pairwise = None

    def next_counter(self, gak: bytes) -> int:
        """Frame counter for the next frame under a link key."""
        slot = hashlib.sha256(gak).digest()[:8]
        counter = self._next.get(slot, self._reserved.get(slot, 0))
        if counter >= self._reserved.get(slot, 0):
            self._reserved[slot] = counter + COUNTER_BLOCK
        self._next[slot] = counter + 1
        return counter

    def power_cut(self) -> None:
        """RAM is gone: counting resumes behind the reserved block."""
        self._next.clear()
