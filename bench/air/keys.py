"""Keys of a Wi-SUN network: the key table that decryption asks, Wireshark's key file, and how keys follow from a GTK."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class KeyTable:
    """Link keys by key index. Several keys may share an index (two PANs, key renewal): all are tried."""

    def __init__(self, keys: Iterable[tuple[int, bytes]] = ()) -> None: ...

    @classmethod
    def read(cls, path: Path | str) -> KeyTable:
        """Keys of a Wireshark ``ieee802154_keys`` file. Raises `InputError` naming file and line."""
        raise NotImplementedError

    def candidates(self, key_index: int | None) -> tuple[bytes, ...]:
        """Keys to try, the one that verified last first; index None (implicit key) uses the keys of index 0."""
        raise NotImplementedError


def gak(network_name: str, gtk: bytes) -> bytes:
    """Group AES key: first 16 octets of SHA-256(network name || GTK). Wi-SUN FAN."""
    raise NotImplementedError


def gtk_hash(gtk: bytes) -> bytes:
    """What GTKHASH-IE shows of a GTK: the last 8 octets of SHA-256(GTK); zeros for an absent (empty) one."""
    raise NotImplementedError
