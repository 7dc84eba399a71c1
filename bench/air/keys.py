"""Keys of a Wi-SUN network: the table that decryption asks, Wireshark's key file, and how keys follow from a GTK."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from bench.errors import InputError

_LINE = re.compile(r'\s*"([^"]*)"\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"\s*')
_EXPECTED = 'expected "<32 hex digits>","<key index>","No hash"'


class KeyTable:
    """Link keys by key index. Several keys may share an index (two PANs, key renewal): all are tried, in order."""

    def __init__(self, keys: Iterable[tuple[int, bytes]] = ()) -> None:
        self._keys: dict[int, tuple[bytes, ...]] = {}
        for index, key in keys:
            if len(key) != 16:
                raise ValueError(f"a key has 16 octets, not {len(key)}")
            known = self._keys.get(index, ())
            if key not in known:
                self._keys[index] = (*known, key)

    @classmethod
    def read(cls, path: Path | str) -> KeyTable:
        """Keys of a Wireshark ``ieee802154_keys`` file. Raises `InputError` naming file and line."""
        try:
            text = Path(path).read_text("utf-8-sig")
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; expected a Wireshark ieee802154_keys file") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not text; {_EXPECTED} in each line") from None
        keys = [
            _parse_line(line, f"{path}:{number}")
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.lstrip().startswith("#")
        ]
        if not keys:
            raise InputError(f"{path}: holds no key; {_EXPECTED} in each line")
        return cls(keys)

    def candidates(self, key_index: int | None) -> tuple[bytes, ...]:
        """Keys to try for an index; None (implicit key, key id mode 0) asks for index 0, as Wireshark does."""
        return self._keys.get(key_index or 0, ())

    def __bool__(self) -> bool:
        return bool(self._keys)


def _parse_line(line: str, place: str) -> tuple[int, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise InputError(f"{place}: not a key line; {_EXPECTED}")
    digits, index, hashing = match.groups()
    try:
        key = bytes.fromhex(digits.replace(":", ""))
    except ValueError:
        key = b""
    if len(key) != 16:
        raise InputError(f"{place}: key {digits!r} is not 16 octets; expected 32 hex digits")
    if not index.isdecimal() or int(index) > 255:
        raise InputError(f"{place}: key index {index!r}; expected 0 to 255")
    if hashing != "No hash":
        raise InputError(f'{place}: key hash {hashing!r} is not used in Wi-SUN; expected "No hash"')
    return int(index), key


def gak(network_name: str, gtk: bytes) -> bytes:
    """Group AES key: first 16 octets of SHA-256(network name || GTK). Wi-SUN FAN; GAK is what AES-CCM* takes."""
    return hashlib.sha256(network_name.encode() + gtk).digest()[:16]


def gtk_hash(gtk: bytes) -> bytes:
    """What GTKHASH-IE shows of a GTK: the last 8 octets of SHA-256(GTK); zeros for an absent (empty) one."""
    return hashlib.sha256(gtk).digest()[-8:] if gtk else bytes(8)
