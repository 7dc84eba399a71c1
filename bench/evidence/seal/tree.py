"""A hash tree over things in order: RFC 6962, 2.1, with SHA-256.

A root says what all leaves are and in which order. A leaf and an inner node are hashed with different first octets, so
that none can pass for the other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any


def leaf(octets: bytes) -> bytes:
    """Digest of one leaf, 32 octets."""
    return sha256(b"\0" + octets).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over the digests of leaves, 32 octets; of no leaf the digest of nothing."""
    level = list(leaves)
    if not level:
        return sha256(b"").digest()
    while len(level) > 1:
        pairs = [sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[2 * len(pairs) :]  # an odd one goes up as it is
    return level[0]


def canonical(value: Any) -> bytes:
    """One spelling for one JSON value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_blob).encode()


def _blob(value: object) -> str:
    """What SQLite may hold and JSON has no word for."""
    return f"blob {value.hex()}" if isinstance(value, bytes) else repr(value)
