"""What a radio of ① to ④ keeps without supply: key, network, and frame counters that never come again."""

from __future__ import annotations

import attrs

COUNTER_BLOCK = 1000
"""Counters are reserved in flash a block ahead; after a power cut counting goes on behind it."""


@attrs.define(slots=True)
class Store:
    """Flash of one radio. ``channel``, ``pan`` and ``root`` (EUI-64 of the smart meter) stand while there is a key."""

    key: bytes | None = None
    channel: int | None = None
    pan: int | None = None
    root: bytes | None = None
    _next: int = 0
    _reserved: int = 0

    def keep(self, key: bytes, channel: int, pan: int, root: bytes) -> None:
        """A network that took us in."""
        self.key, self.channel, self.pan, self.root = key, channel, pan, root

    def forget(self) -> None:
        """Erase the network; counters stay, for the same key may come again."""
        self.key = self.channel = self.pan = self.root = None

    def next_counter(self) -> int:
        """Frame counter of the next secured frame."""
        counter = self._next
        if counter >= self._reserved:
            self._reserved = counter + COUNTER_BLOCK
        self._next = counter + 1
        return counter

    def power_cut(self) -> None:
        """RAM is gone."""
        self._next = self._reserved
