"""The column index of a capture: what a query over a night asks of millions of frames, answered from a mapped file.

It stands beside the capture as ``NAME.kbx`` and is built again when the capture, the keys or the format changed. Only
columns that a query names are read, a group of rows at a time, so memory stays flat. What an index cannot say (records,
information elements, DODAGs) is decoded from the hits alone: `Index.records`.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.air.index_columns import ABSENT, BLOCK, GROUP, KINDS, MICS, ROW
from bench.air.keys import KeyTable
from bench.air.link import Record
from bench.errors import InputError

SUFFIX: Final = ".kbx"
_HEAD_OCTETS: Final = 4096
_SAMPLE: Final = 1 << 16
_FORMAT: Final = 1

Rows: TypeAlias = "NDArray[np.int64]"
"""Numbers of rows, rising; row 0 is frame 1."""


class Index:
    """A capture's index. ``len(index)`` frames; ``damage`` is what is wrong with the capture after them, or ""."""

    def __init__(self, capture: Path, blocks: NDArray[np.void], rows: int, damage: str) -> None:
        self.capture = capture
        self.damage = damage
        self._blocks = blocks
        self._rows = rows

    @classmethod
    def open(
        cls,
        path: Path | str,
        keys: KeyTable | None = None,
        contexts: Mapping[int, bytes] | None = None,
        *,
        workers: int | None = None,
    ) -> Index:
        """The index of a capture, built first where there is none that fits (by ``workers`` processes; default: one a
        core). Where it cannot be saved beside the capture, it lasts as long as this object.

        Raises `InputError` for a file that is no capture.
        """
        capture = Path(path)
        stamp = _stamp(capture, keys, contexts)
        place = capture.with_name(capture.name + SUFFIX)
        try:
            with place.open("rb") as file:
                return cls._map(capture, file, stamp)
        except (OSError, ValueError, KeyError):
            return cls._build(capture, place, keys, contexts, workers, stamp)

    @classmethod
    def _map(cls, capture: Path, file: BinaryIO, stamp: dict[str, object]) -> Index:
        """The index in ``file``. Raises ValueError or KeyError where it is not of this capture, or not whole."""
        file.seek(0)
        head = json.loads(file.read(_HEAD_OCTETS))
        rows, damage = int(head["rows"]), str(head["damage"])
        groups = -(-rows // GROUP)
        size = os.fstat(file.fileno()).st_size
        if head["stamp"] != stamp or size != _HEAD_OCTETS + groups * BLOCK.itemsize:
            raise ValueError("not the index of this capture")
        if not groups:
            return cls(capture, np.empty(0, BLOCK), 0, damage)
        return cls(capture, np.memmap(file, BLOCK, "r", _HEAD_OCTETS, (groups,)), rows, damage)

    @classmethod
    def _build(
        cls,
        capture: Path,
        place: Path,
        keys: KeyTable | None,
        contexts: Mapping[int, bytes] | None,
        workers: int | None,
        stamp: dict[str, object],
    ) -> Index:
        from bench.air.index_build import build  # a query of an index that is there needs no decoder

        draft = place.with_name(f"{place.name}.{os.getpid()}.tmp")
        try:
            file: BinaryIO = draft.open("w+b")
        except OSError:
            file = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the mapping)
        with file:
            try:
                file.seek(_HEAD_OCTETS)
                rows, damage = build(str(capture), keys, contexts, file, workers)
                file.seek(0)
                head = json.dumps({"rows": rows, "damage": damage, "stamp": stamp}).encode()
                file.write(head.ljust(_HEAD_OCTETS))
                file.flush()
                if draft.exists():
                    draft.replace(place)
            finally:
                draft.unlink(missing_ok=True)
            return cls._map(capture, file, stamp)

    def __len__(self) -> int:
        return self._rows

    def column(self, name: str, rows: Rows | None = None) -> NDArray[np.generic]:
        """Values of a column (`index_columns.ROW`), of all rows or of those given."""
        if rows is None:
            values: NDArray[np.generic] = self._blocks[name].reshape(-1)[: self._rows]
            return values
        groups, places = np.divmod(rows, GROUP)
        taken: NDArray[np.generic] = self._blocks[name][groups, places]
        return taken

    def select(
        self,
        *,
        kind: str | None = None,
        mic: str | None = None,
        src: bytes | None = None,
        dst: bytes | None = None,
        node: bytes | None = None,
        from_ns: int | None = None,
        until_ns: int | None = None,
        **equal: int,
    ) -> Rows:
        """Rows for which all holds that is given.

        ``kind`` and ``mic`` as in `Frame`; ``src``/``dst``: link addresses of this hop (8 or 2 octets); ``node``: an
        EUI-64 that sent the IPv6 packet or, where there is none, the frame; ``from_ns`` <= time < ``until_ns``;
        other names are columns and the number that they equal. Raises `InputError` for a name that is no column.
        """
        wanted = dict(equal)
        for name, text, names in (("kind", kind, KINDS), ("mic", mic, MICS)):
            if text is not None:
                if text not in names:
                    raise InputError(f"{name} {text!r} is unknown; expected one of {', '.join(names)}")
                wanted[name] = names.index(text)
        for name, address in (("src", src), ("dst", dst)):
            if address is not None:
                wanted[name], wanted[f"{name}_octets"] = int.from_bytes(address, "big"), len(address)
        unknown = sorted(set(wanted) - set(ROW.names or ()))
        if unknown:
            raise InputError(f"no column {unknown[0]!r}; expected one of {', '.join(ROW.names or ())}")
        found = [self._in_group(number, wanted, node, from_ns, until_ns) for number in range(len(self._blocks))]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def daos(self, node: bytes | None = None) -> Rows:
        """RPL destination advertisements (RFC 6550, 6.4): ICMPv6, type 155, code 2; all of them or one node's."""
        return self.select(protocol=58, first=155, second=2, node=node)

    def _in_group(
        self, number: int, wanted: Mapping[str, int], node: bytes | None, from_ns: int | None, until_ns: int | None
    ) -> Rows:
        group = self._blocks[number]
        size = min(GROUP, self._rows - number * GROUP)
        holds = np.ones(size, np.bool_)
        for name, value in wanted.items():
            holds &= group[name][:size] == value
            if not holds.any():
                break
        if from_ns is not None:
            holds &= group["time_ns"][:size] >= from_ns
        if until_ns is not None:
            holds &= group["time_ns"][:size] < until_ns
        rows: Rows = np.flatnonzero(holds)
        if node is not None:
            rows = rows[self._sent_by(group, rows, node)]
        return rows + number * GROUP

    @staticmethod
    def _sent_by(group: np.void, rows: Rows, node: bytes) -> NDArray[np.bool_]:
        """Whether the packets' IPv6 source was made of the EUI-64; the frame's own source without a packet."""
        eui64 = int.from_bytes(node, "big")
        interface = eui64 ^ 0x02 << 56  # RFC 4944, 6: the universal/local bit is turned
        routed = group["protocol"][rows] != ABSENT
        hop = (group["src"][rows] == eui64) & (group["src_octets"][rows] == 8)
        answer: NDArray[np.bool_] = np.where(routed, group["ipv6_src_interface"][rows] == interface, hop)
        return answer

    def records(self, rows: Iterable[int]) -> Iterator[Record]:
        """The captured frames of some rows, to be decoded. Raises `InputError` where the capture cannot be read."""
        from bench.air.index_records import read_records

        return read_records(self.capture, self, np.fromiter(rows, np.int64))


def _stamp(capture: Path, keys: KeyTable | None, contexts: Mapping[int, bytes] | None) -> dict[str, object]:
    """What an index must agree with: size, time and both ends of the capture, keys, contexts, and its own layout."""
    try:
        with capture.open("rb") as file:
            status = os.fstat(file.fileno())
            ends = blake2b(file.read(_SAMPLE), digest_size=16)
            file.seek(max(0, status.st_size - _SAMPLE))
            ends.update(file.read(_SAMPLE))
    except OSError as error:
        raise InputError(f"{capture}: {error.strerror or error}; expected a capture file") from None
    layout = blake2b(f"{_FORMAT} {BLOCK.descr} {KINDS} {MICS}".encode(), digest_size=16)
    return {
        "octets": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "ends": ends.hexdigest(),
        "keys": keys.digest() if keys else "",
        "contexts": {str(number): prefix.hex() for number, prefix in sorted((contexts or {}).items())},
        "layout": layout.hexdigest(),
    }
