"""Keys of a Wi-SUN network: the table that decryption asks, its key file, and how keys follow from a GTK.

A key file is Wireshark's ``ieee802154_keys``: lines ``"<32 hex digits>","<key index>","No hash"``, each a link key (a
GAK) that AES-CCM* takes as it is. What Wireshark has no place for stands in comments that begin with ``# kenshin``, so
that one file serves both (octets in hex, colons allowed):

    # kenshin gtk <key index> <GTK> [<network name>]      index 1-4: GTK0-3, 5-7: LGTK0-2
    # kenshin pmk <PMK>                                   of one node's handshake: opens what the handshake hands out
    # kenshin address <PAN ID> <short address> <EUI-64>   for the nonce of frames with a short source address
    # kenshin suite <suite>                               of frames of version 0 (2003), AES-CCM-64 where none is named

A GTK without a network name, and one found in a handshake, is used with every network name heard on the air.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

import attrs

from bench.air.frozen import frozen
from bench.air.octets import counted
from bench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

_LINE = re.compile(r'\s*"([^"]*)"\s*,\s*"([^"]*)"\s*,\s*"([^"]*)"\s*')
_OURS = re.compile(r"\s*#\s*kenshin\s+(\S.*)")
_EXPECTED = 'expected "<32 hex digits>","<key index>","No hash"'
_LARGEST_INDEX: Final = 255
_NAMES_KEPT: Final = 64
"""Network names heard on the air that are tried: anyone may send any name."""

_ADDRESSES_KEPT: Final = 1 << 16

SUITES_2003: Final = {"AES-CCM-32": 5, "AES-CCM-64": 6, "AES-CCM-128": 7}
"""Security suites of IEEE 802.15.4-2003 (table 75) that prove what they hide, with the security level that later
editions call them. AES-CTR proves nothing and AES-CBC-MAC hides nothing: neither is read."""
_SUITE: Final = "AES-CCM-64"  # Wireshark's default, too

Address: TypeAlias = tuple[int, bytes]
"""PAN ID and short address (2 octets, display order)."""


@frozen
class GroupKey:
    """A GTK (16 octets) and its key index; ``network_name`` None where it is not known."""

    index: int
    gtk: bytes
    network_name: str | None = None


class KeyTable:
    """Link keys by key index. Several keys may share an index (two PANs, key renewal): all are tried, in order.

    ``keys`` are GAKs with their index, ``group_keys`` GTKs of which the GAKs are made, ``pmks`` (32 octets) open
    handshakes, ``addresses`` name the EUI-64 of a short address, ``suite`` is one of `SUITES_2003`. Raises
    ValueError for a key of another length.
    """

    def __init__(
        self,
        keys: Iterable[tuple[int, bytes]] = (),
        *,
        group_keys: Iterable[GroupKey] = (),
        pmks: Iterable[bytes] = (),
        addresses: Mapping[Address, bytes] | None = None,
        suite: str = _SUITE,
    ) -> None:
        self._keys: dict[int, tuple[bytes, ...]] = {}
        self._since_ns: dict[tuple[int, bytes], int] = {}
        self._nameless: dict[GroupKey, int | None] = {}
        self._names: dict[bytes, None] = {}
        self._pmks = tuple(dict.fromkeys(pmks))
        self._addresses = dict(addresses or {})
        self.level_2003: Final = SUITES_2003[suite]
        """Security level that the suite of frames of version 0 stands for."""
        self._suite = suite
        self.settled = False
        """All that a capture hands out of keys was looked for (`frame.settle`): what none of them opens, none will."""
        if any(len(pmk) != 32 for pmk in self._pmks):
            raise ValueError("a PMK has 32 octets")
        for index, key in keys:
            self._add(index, key)
        for group_key in group_keys:
            self.learn(group_key)

    @classmethod
    def read(cls, path: Path | str) -> KeyTable:
        """The keys of a file. Raises `InputError` naming file and line."""
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; expected a Wireshark ieee802154_keys file") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not text; {_EXPECTED} in each line") from None
        found = _Found()
        for number, line in enumerate(text.splitlines(), 1):
            ours = _OURS.fullmatch(line)
            if ours is not None:
                found.take(ours[1], f"{path}:{number}")
            elif line.strip() and not line.lstrip().startswith("#"):
                found.keys.append(_parse_line(line, f"{path}:{number}"))
        if not (found.keys or found.group_keys or found.pmks):
            raise InputError(f"{path}: holds no key; {_EXPECTED} in each line")
        return cls(
            found.keys, group_keys=found.group_keys, pmks=found.pmks, addresses=found.addresses, suite=found.suite
        )

    def candidates(self, key_index: int | None) -> tuple[bytes, ...]:
        """Keys to try for an index; None (implicit key, key id mode 0) asks for index 0, as Wireshark does."""
        return self._keys.get(key_index or 0, ())

    def known_by(self, key_index: int | None, at_ns: int) -> bool:
        """Whether a key of an index was known at a moment (capture time, Unix ns): it was given, or had been handed out
        by then. Before that a frame that none of them opens was sealed with an older one."""
        index = key_index or 0
        return any(self._since_ns.get((index, key), at_ns) <= at_ns for key in self._keys.get(index, ()))

    @property
    def fixed(self) -> bool:
        """No key is to be found on the air: neither a handshake can be opened nor does a GTK wait for its name."""
        return not (self._pmks or self._nameless)

    @property
    def complete(self) -> bool:
        """No key will be found on the air that is not known yet."""
        return self.fixed or self.settled

    @property
    def overlapping(self) -> bool:
        """A key stands under several indexes: a sender's counter, which belongs to the key, then counts for all."""
        keys = [key for of_index in self._keys.values() for key in of_index]
        return len(set(keys)) < len(keys)

    def digest(self) -> str:
        """A name for this table's content, that does not give it away."""
        content = repr((self._keys, list(self._nameless), list(self._names), self._pmks, self._addresses, self._suite))
        from hashlib import blake2b

        return blake2b(content.encode(), digest_size=16, person=b"kenshin keys").hexdigest()

    @property
    def pmks(self) -> tuple[bytes, ...]:
        """Pairwise master keys, 32 octets each."""
        return self._pmks

    def eui64_of(self, pan: int | None, short: bytes) -> bytes | None:
        """The EUI-64 of a short address in a PAN, where it is known."""
        return None if pan is None else self._addresses.get((pan, short))

    def learn(self, group_key: GroupKey, at_ns: int | None = None) -> None:
        """Makes a GTK's link keys known: under its network name, else under all names heard, now and later. ``at_ns``:
        when it was handed out (capture time, Unix ns), None where it was given and so is known all the time.

        Raises ValueError where it has not 16 octets."""
        if group_key.network_name is not None:
            self._add(group_key.index, gak(group_key.network_name, group_key.gtk), at_ns)
            return
        if len(group_key.gtk) != 16:
            raise ValueError(f"a GTK has 16 octets, not {len(group_key.gtk)}")
        self._nameless[group_key] = at_ns = _earlier(self._nameless.get(group_key, at_ns), at_ns)
        for name in self._names:
            self._add(group_key.index, gak(name, group_key.gtk), at_ns)

    def learn_name(self, network_name: bytes) -> None:
        """A network name heard on the air, to the octet."""
        if network_name in self._names or len(self._names) >= _NAMES_KEPT:
            return
        self._names[network_name] = None
        for group_key, at_ns in self._nameless.items():
            self._add(group_key.index, gak(network_name, group_key.gtk), at_ns)

    def learn_address(self, pan: int, short: bytes, eui64: bytes) -> None:
        """Whose a short address is, as the air says; what was given stands."""
        if len(eui64) == 8 and len(self._addresses) < _ADDRESSES_KEPT:
            self._addresses.setdefault((pan, short), eui64)

    def add(self, other: KeyTable) -> None:
        """All that ``other`` knows beside what is known here; addresses given there stand."""
        for index, keys in other._keys.items():
            for key in keys:
                self._add(index, key, other._since_ns.get((index, key)))
        self._pmks = tuple(dict.fromkeys((*self._pmks, *other._pmks)))
        self._addresses.update(other._addresses)
        for group_key, at_ns in other._nameless.items():
            self.learn(group_key, at_ns)

    def copy(self) -> KeyTable:
        """A table that learns without changing this one."""
        other = KeyTable(pmks=self._pmks, addresses=self._addresses, suite=self._suite)
        other._keys, other._since_ns = dict(self._keys), dict(self._since_ns)
        other._nameless, other._names = dict(self._nameless), dict(self._names)
        other.settled = self.settled
        return other

    def __bool__(self) -> bool:
        return bool(self._keys or self._nameless or self._pmks)

    def _add(self, index: int, key: bytes, at_ns: int | None = None) -> None:
        """One key, known since ``at_ns`` (None: all the time), or as before where that is earlier."""
        if len(key) != 16:
            raise ValueError(f"a key has 16 octets, not {len(key)}")
        known, since_ns = self._keys.get(index, ()), at_ns
        if key in known:
            since_ns = _earlier(self._since_ns.pop((index, key), None), at_ns)
        else:
            self._keys[index] = (*known, key)
        if since_ns is not None:
            self._since_ns[index, key] = since_ns


def _earlier(one_ns: int | None, other_ns: int | None) -> int | None:
    """The earlier of two moments; None is before all."""
    return None if one_ns is None or other_ns is None else min(one_ns, other_ns)


@attrs.define(slots=True)
class _Found:
    """What a key file holds so far."""

    keys: list[tuple[int, bytes]] = attrs.Factory(list)
    group_keys: list[GroupKey] = attrs.Factory(list)
    pmks: list[bytes] = attrs.Factory(list)
    addresses: dict[Address, bytes] = attrs.Factory(dict)
    suite: str = _SUITE

    def take(self, text: str, place: str) -> None:
        """One line of the bench's own. Raises `InputError`."""
        kind, *words = text.split(maxsplit=3)
        readers: dict[str, Callable[[list[str], str], None]] = {
            "gtk": self._gtk,
            "pmk": self._pmk,
            "address": self._address,
            "suite": self._suite,
        }
        if kind not in readers:
            raise InputError(f"{place}: {kind!r} after '# kenshin'; expected {', '.join(readers)}")
        readers[kind](words, place)

    def _gtk(self, words: list[str], place: str) -> None:
        if len(words) < 2:
            raise InputError(f"{place}: expected # kenshin gtk <key index> <32 hex digits> [<network name>]")
        index = _number(words[0], place, "key index", range(1, 8))
        name = words[2].strip() if len(words) > 2 else None
        self.group_keys.append(GroupKey(index, _octets(words[1], place, "GTK", 16), name))

    def _pmk(self, words: list[str], place: str) -> None:
        if len(words) != 1:
            raise InputError(f"{place}: expected # kenshin pmk <64 hex digits>")
        self.pmks.append(_octets(words[0], place, "PMK", 32))

    def _address(self, words: list[str], place: str) -> None:
        if len(words) != 3:
            raise InputError(f"{place}: expected # kenshin address <PAN ID> <short address> <EUI-64>")
        pan = _number(words[0], place, "PAN ID", range(0x10000))
        short = _number(words[1], place, "short address", range(0x10000))
        self.addresses[pan, short.to_bytes(2, "big")] = _octets(words[2].strip(), place, "EUI-64", 8)

    def _suite(self, words: list[str], place: str) -> None:
        names = [name for name in SUITES_2003 if [name.casefold()] == [word.strip().casefold() for word in words]]
        if not names:
            raise InputError(f"{place}: expected # kenshin suite {'|'.join(SUITES_2003)}")
        self.suite = names[0]


def _number(text: str, place: str, what: str, allowed: range) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        number = -1
    if number not in allowed:
        raise InputError(f"{place}: {what} {text!r}; expected {allowed[0]} to {allowed[-1]}")
    return number


def _octets(text: str, place: str, what: str, count: int) -> bytes:
    try:
        octets = bytes.fromhex(text.replace(":", ""))
    except ValueError:
        octets = b""
    if len(octets) != count:
        raise InputError(f"{place}: {what} {text!r} is not {counted(count)}; expected {2 * count} hex digits")
    return octets


def _parse_line(line: str, place: str) -> tuple[int, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise InputError(f"{place}: not a key line; {_EXPECTED}")
    digits, index, hashing = match.groups()
    key = _octets(digits, place, "key", 16)
    if not index.isdecimal() or int(index) > _LARGEST_INDEX:
        raise InputError(f"{place}: key index {index!r}; expected 0 to 255")
    if hashing != "No hash":
        raise InputError(f'{place}: key hash {hashing!r} is not used in Wi-SUN; expected "No hash"')
    return int(index), key


def gak(network_name: str | bytes, gtk: bytes) -> bytes:
    """Group AES key: first 16 octets of SHA-256(network name || GTK). Wi-SUN FAN; GAK is what AES-CCM* takes.
    A name as octets is taken as it is, as text in UTF-8.

    Raises ValueError where the GTK has not 16 octets."""
    if len(gtk) != 16:
        raise ValueError(f"a GTK has 16 octets, not {len(gtk)}")
    name = network_name.encode() if isinstance(network_name, str) else network_name
    return _sha256(name + gtk)[:16]


def gtk_hash(gtk: bytes) -> bytes:
    """What GTKHASH-IE shows of a GTK: the last 8 octets of SHA-256(GTK); zeros for an absent (empty) one."""
    return _sha256(gtk)[-8:] if gtk else bytes(8)


def _sha256(octets: bytes) -> bytes:
    from hashlib import sha256  # see `keys.counters`: not loaded where nothing is hashed

    return sha256(octets).digest()
