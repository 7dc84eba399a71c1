"""The column index of a capture: what a query over a night asks of millions of frames, answered from a mapped file.

It stands beside the capture as ``NAME.kbx`` and is built again when the capture, the keys or the decoder changed, or
when what is read of it is not what was written. Only columns that a query names are read, a group of rows at a time, so
memory stays flat. What an index cannot say (records, information elements, DODAGs) is decoded from the hits and from
those frames that they are read by: `bench.air.index.records`.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from bench.air.frozen import frozen
from bench.air.index.columns import ABSENT, BLOCK, COLUMNS, GROUP, KINDS, MICS
from bench.air.keys.table import KeyTable
from bench.errors import InputError
from bench.formats import COLUMN_INDEX, KEY

SUFFIX: Final = ".kbx"
_HEAD_OCTETS: Final = 4096
_SAMPLE: Final = 1 << 16
_PLACES: Final = {name: place for place, name in enumerate(COLUMNS)}

Rows: TypeAlias = "NDArray[np.int64]"
"""Numbers of rows, rising; row 0 is frame 1."""


@frozen
class Source:
    """What an index is of: a capture, and the keys and contexts that it is decoded with."""

    capture: Path
    keys: KeyTable | None
    contexts: Mapping[int, bytes] | None


class Index:
    """A capture's index. ``len(index)`` frames; ``damage`` is what is wrong with the capture after them, or "";
    ``apart`` says whether its frames can be decoded without all those before them."""

    def __init__(
        self, source: Source, blocks: NDArray[np.void], rows: int, damage: str, apart: bool, workers: int | None = None
    ) -> None:
        self.source = source
        self.damage = damage
        self.apart = apart
        self._blocks = blocks
        self._rows = rows
        self._workers = workers
        self._checked: set[tuple[int, str]] = set()

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

        Raises `InputError` for a file that is no capture, and where there is room for an index nowhere.
        """
        source = Source(Path(path), keys, contexts)
        stamp = _stamp(source)
        try:
            with _place(source.capture).open("rb") as file:
                return cls._map(source, file, stamp, workers)
        except (OSError, ValueError, KeyError, TypeError):
            return cls._build(source, stamp, workers)

    @classmethod
    def _map(cls, source: Source, file: BinaryIO, stamp: dict[str, object], workers: int | None) -> Index:
        """The index in ``file``. Raises ValueError, KeyError or TypeError where it is not of this capture, or not
        whole."""
        file.seek(0)
        said = json.loads(file.read(_HEAD_OCTETS))
        head = said["head"]
        rows, damage, apart = int(head["rows"]), str(head["damage"]), bool(head["apart"])
        groups = -(-rows // GROUP)
        size = os.fstat(file.fileno()).st_size
        whole = said["check"] == _check(head) and size == _HEAD_OCTETS + groups * BLOCK.itemsize
        if not whole or head["stamp"] != stamp:
            raise ValueError("not the index of this capture")
        blocks = np.memmap(file, BLOCK, "r", _HEAD_OCTETS, (groups,)) if groups else np.empty(0, BLOCK)
        return cls(source, blocks, rows, damage, apart, workers)

    @classmethod
    def _build(cls, source: Source, stamp: dict[str, object], workers: int | None) -> Index:
        place = _place(source.capture)
        draft = place.with_name(f"{place.name}.{os.getpid()}.tmp")
        try:
            with draft.open("w+b") as file:
                cls._write(source, stamp, workers, file)
                draft.replace(place)
                return cls._map(source, file, stamp, workers)
        except OSError:  # a folder for reading only, or full
            try:
                with tempfile.TemporaryFile() as file:
                    cls._write(source, stamp, workers, file)
                    return cls._map(source, file, stamp, workers)
            except OSError as error:
                raise InputError(f"{source.capture}: no room for its index ({error.strerror})") from None
        finally:
            with contextlib.suppress(OSError):
                draft.unlink()

    @staticmethod
    def _write(source: Source, stamp: dict[str, object], workers: int | None, file: BinaryIO) -> None:
        from bench.air.index.build import build  # a query of an index that is there needs no decoder

        file.seek(_HEAD_OCTETS)
        built = build(str(source.capture), source.keys, source.contexts, file, workers)
        head = {**built._asdict(), "stamp": stamp}
        file.seek(0)
        file.write(json.dumps({"head": head, "check": _check(head)}).encode().ljust(_HEAD_OCTETS))
        file.flush()

    def __len__(self) -> int:
        return self._rows

    @property
    def groups(self) -> range:
        """Numbers of its groups of `columns.GROUP` rows."""
        return range(len(self._blocks))

    def values(self, group: int, name: str) -> NDArray[Any]:
        """Values of a column in a group. Checked when they are first asked for; damaged ones are made anew."""
        if (group, name) not in self._checked and not self._is_right(group, name):
            fresh = self._build(self.source, _stamp(self.source), self._workers)
            self._blocks, self._rows, self._checked = fresh._blocks, fresh._rows, set()
            if group >= len(self._blocks) or not self._is_right(group, name):
                raise InputError(f"{_place(self.source.capture)}: what is read is not what was written")
        self._checked.add((group, name))
        found: NDArray[Any] = self._blocks[group][name][: min(GROUP, self._rows - group * GROUP)]
        return found

    def _is_right(self, group: int, name: str) -> bool:
        block = self._blocks[group]
        return zlib.crc32(block[name].tobytes()) == int(block["checks"][_PLACES[name]])

    def column(self, name: str, rows: Rows | None = None) -> NDArray[Any]:
        """Values of a column (`columns.ROW`), of all rows or of those given."""
        if rows is None:
            found = [self.values(group, name) for group in self.groups]
            return np.concatenate(found) if found else np.empty(0, np.int64)
        groups, places = np.divmod(rows, GROUP)
        for group in np.unique(groups).tolist():
            self.values(group, name)
        taken: NDArray[Any] = self._blocks[name][groups, places]
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
        unknown = sorted(set(wanted) - set(COLUMNS))
        if unknown:
            raise InputError(f"no column {unknown[0]!r}; expected one of {', '.join(COLUMNS)}")
        found = [self._in_group(number, wanted, node, from_ns, until_ns) for number in self.groups]
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def daos(self, node: bytes | None = None) -> Rows:
        """RPL destination advertisements (RFC 6550, 6.4): ICMPv6, type 155, code 2; all of them or one node's."""
        return self.select(protocol=58, first=155, second=2, node=node)

    def _in_group(
        self, number: int, wanted: Mapping[str, int], node: bytes | None, from_ns: int | None, until_ns: int | None
    ) -> Rows:
        holds = np.ones(len(self.values(number, "kind")), np.bool_)
        for name, value in wanted.items():
            holds &= self.values(number, name) == value
            if not holds.any():
                break
        if from_ns is not None:
            holds &= self.values(number, "time_ns") >= np.int64(from_ns)
        if until_ns is not None:
            holds &= self.values(number, "time_ns") < np.int64(until_ns)
        rows: Rows = np.flatnonzero(holds)
        if node is not None:
            rows = rows[self._sent_by(number, rows, node)]
        return rows + number * GROUP

    def _sent_by(self, number: int, rows: Rows, node: bytes) -> NDArray[np.bool_]:
        """Whether the packets' IPv6 source was made of the EUI-64; the frame's own source without a packet."""
        eui64 = int.from_bytes(node, "big")
        interface = eui64 ^ 0x02 << 56  # RFC 4944, 6: the universal/local bit is turned
        protocol, src, octets, suffix = (
            self.values(number, name)[rows] for name in ("protocol", "src", "src_octets", "ipv6_src_interface")
        )
        answer: NDArray[np.bool_] = np.where(protocol != ABSENT, suffix == interface, (src == eui64) & (octets == 8))
        return answer


def _place(capture: Path) -> Path:
    return capture.with_name(capture.name + SUFFIX)


def _check(head: Mapping[str, object]) -> int:
    return zlib.crc32(json.dumps(head, sort_keys=True).encode())


@cache
def _decoder_version() -> str:
    """A digest of the decoder's own code: another decoder may say other things of the same capture."""
    digest = blake2b(digest_size=16)
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamp(source: Source) -> dict[str, object]:
    """What an index must agree with: size, time and both ends of the capture, keys, contexts, decoder and layout."""
    try:
        with source.capture.open("rb") as file:
            status = os.fstat(file.fileno())
            ends = blake2b(file.read(_SAMPLE), digest_size=16)
            file.seek(max(0, status.st_size - _SAMPLE))
            ends.update(file.read(_SAMPLE))
    except OSError as error:
        raise InputError(f"{source.capture}: {error.strerror or error}; expected a capture file") from None
    layout = blake2b(f"{BLOCK.descr} {KINDS} {MICS}".encode(), digest_size=16)
    return {
        KEY: COLUMN_INDEX.version,
        "octets": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "ends": ends.hexdigest(),
        "keys": source.keys.digest() if source.keys else "",
        "contexts": {str(number): prefix.hex() for number, prefix in sorted((source.contexts or {}).items())},
        "decoder": _decoder_version(),
        "layout": layout.hexdigest(),
    }
