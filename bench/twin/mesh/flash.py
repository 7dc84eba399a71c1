"""What survives a power cut in a node: keys, the PAN it belonged to, and frame counters.

A counter is not written at every frame (flash wears out): the node reserves a block ahead and, after a cut, goes on
behind the block, so that no nonce is ever used twice. For the same reason :meth:`forget_keys` keeps the counters: the
key that a later authentication brings may be the same one.
"""

from __future__ import annotations

import hashlib
from typing import Final

from bench.air import keys

COUNTER_BLOCK: Final = 1000
KEY_INDEX: Final = 1
"""GTK0: the only group key of the twin's network."""


class Flash:
    """Non-volatile memory of one node."""

    def __init__(self, network_name: str) -> None:
        self._network_name = network_name
        self.gtk: bytes | None = None
        self.gak: bytes | None = None
        self.pan_id: int | None = None
        self._reserved: dict[bytes, int] = {}
        self._next: dict[bytes, int] = {}

    def store_keys(self, gtk: bytes, pan_id: int) -> None:
        """Keep a GTK and the PAN it opens; the link key (GAK) follows from it and the network name."""
        self.gtk, self.pan_id = gtk, pan_id
        self.gak = keys.gak(self._network_name, gtk)

    def forget_keys(self) -> None:
        self.gtk = self.gak = self.pan_id = None

    def next_counter(self) -> int:
        """Frame counter for the next frame under the present key."""
        assert self.gak is not None
        slot = hashlib.sha256(self.gak).digest()[:8]
        counter = self._next.get(slot, self._reserved.get(slot, 0))
        if counter >= self._reserved.get(slot, 0):
            self._reserved[slot] = counter + COUNTER_BLOCK
        self._next[slot] = counter + 1
        return counter

    def power_cut(self) -> None:
        """RAM is gone: counting resumes behind the reserved block."""
        self._next.clear()
