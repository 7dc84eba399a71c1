"""What survives a power cut in a node: keys, the PAN they belong to, and frame counters.

A counter is not written at every frame (flash wears out): the node reserves a block ahead and, after a cut, goes on
behind the block, so that no nonce is ever used twice. For the same reason :meth:`forget_keys` keeps the counters: the
key that a later authentication brings may be the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import attrs

from bench.air.keys import table as keys
from bench.air.keys.fourway import Ptk
from bench.air.wisun.frames import GtkHash

COUNTER_BLOCK: Final = 1000
SLOTS: Final = 4
"""GTK0-3; the key index of a frame is the slot plus one (domain.md 5.2)."""
NO_HASH: Final = bytes(8)


@attrs.frozen(slots=True)
class Pairwise:
    """What a node and its border router (EUI-64 ``authenticator``) share: PMK (32 octets) and PTK, and the replay
    counter of the last message under it."""

    authenticator: bytes
    pmk: bytes
    ptk: Ptk
    replay: int


class Flash:
    """Non-volatile memory of one node. GTKs stand by slot (0-3); ``active`` is the slot whose key secures what it
    sends."""

    def __init__(self, network_name: str) -> None:
        self._network_name = network_name
        self._gtks: dict[int, bytes] = {}
        self._gaks: dict[int, bytes] = {}
        self.active: int | None = None
        self.pan_id: int | None = None
        self.pairwise: Pairwise | None = None
        self._reserved: dict[bytes, int] = {}
        self._next: dict[bytes, int] = {}

    @property
    def gtks(self) -> Mapping[int, bytes]:
        """The GTKs held, by slot."""
        return self._gtks

    @property
    def gak(self) -> bytes | None:
        """The link key that secures what the node sends."""
        return None if self.active is None else self._gaks[self.active]

    @property
    def key_index(self) -> int | None:
        """Key index of that key."""
        return None if self.active is None else self.active + 1

    @property
    def held(self) -> int:
        """Bit mask of the slots that hold a key, as GTKL has it."""
        return sum(1 << slot for slot in self._gtks)

    @property
    def hashes(self) -> GtkHash:
        """What GTKHASH-IE says of the keys held."""
        first, second, third, fourth = (keys.gtk_hash(self._gtks.get(slot, b"")) for slot in range(SLOTS))
        return GtkHash((first, second, third, fourth))

    def gak_of(self, key_index: int | None) -> bytes | None:
        """The link key of a key index, None where there is none."""
        return None if key_index is None else self._gaks.get(key_index - 1)

    def store_keys(self, gtk: bytes, pan_id: int, slot: int = 0) -> None:
        """Keep one GTK, the PAN's only one, and send under it."""
        self._gtks.clear()
        self._gaks.clear()
        self.pan_id = pan_id
        self.add(slot, gtk)
        self.active = slot

    def add(self, slot: int, gtk: bytes) -> None:
        """Keep one more GTK; the link key (GAK) follows from it and the network name."""
        self._gtks[slot], self._gaks[slot] = gtk, keys.gak(self._network_name, gtk)

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

    def forget_keys(self) -> None:
        """All keys, pairwise ones too."""
        self._gtks.clear()
        self._gaks.clear()
        self.active = self.pan_id = self.pairwise = None

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
