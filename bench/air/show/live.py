"""`kenshin decode --follow`: lines as frames come, keys as they come, and one line at the end.

What is remembered of the air has bounds (open fragments, counters, handshakes), so it may run for weeks.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, TextIO

from bench.air.capture.follow import open_live
from bench.air.capture.link import Record
from bench.air.fields.rows import Row
from bench.air.filter.language import Predicate
from bench.air.frame.bugs import Bugs
from bench.air.frame.decoder import Decoder
from bench.air.keys.table import KeyTable
from bench.air.octets import counted
from bench.errors import InputError

_LOOK_S: Final = 0.5
"""Between two looks at the key file."""


def follow(
    source: str,
    keys: str | None,
    decoder: Decoder,
    line: Callable[[Row], str],
    matches: Predicate | None,
    out: TextIO,
    err: TextIO,
    bugs: Bugs,
) -> Counter[str]:
    """Write frames as they come, each at once, until the source or Ctrl-C ends it.

    Gives the secured frames' ``mic``, counted. Raises `InputError` for a source that cannot be reached or is no
    capture; one that ends inside a record after its frames were written."""
    mics: Counter[str] = Counter()
    count = shown = missing = 0
    end = "the stream ended"
    try:
        live = open_live(source)
        for row in _rows(live.records(), decoder, _KeyFile(keys, decoder, err) if keys else None):
            count += 1
            missing = live.missing
            bugs.see(row.frame)
            if row.frame.secured:
                mics[row.frame.mic] += 1
            if matches is None or matches(row):
                shown += 1
                out.write(line(row))
                out.flush()
    except KeyboardInterrupt:
        end = "stopped"
    except InputError as error:
        raise InputError(f"{error}; {counted(count, 'frame')}, {shown} shown") if count else error from None
    lost = f"; {counted(missing, 'datagram')} did not arrive" if missing else ""
    err.write(f"kenshin: {source}: {end} after {counted(count, 'frame')}, {shown} shown{lost}\n")
    return mics


def _rows(records: Iterator[Record], decoder: Decoder, keys: _KeyFile | None) -> Iterator[Row]:
    start_ns: int | None = None
    for record in records:
        start_ns = record.time_ns if start_ns is None else start_ns
        if keys is not None:
            keys.look(record.number)
        yield Row(decoder.decode(record), record, start_ns)


class _KeyFile:
    """A key file that may change while a capture is followed: its keys hold for the frames from then on.

    Keys are added, none is forgotten. A change that makes it no key file is said, and nothing is taken from it."""

    def __init__(self, path: str, decoder: Decoder, err: TextIO) -> None:
        self._path, self._decoder, self._err = path, decoder, err
        self._known = self._signature()
        self._next_s = 0.0

    def look(self, number: int) -> None:
        """Before frame ``number`` is decoded."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_S
        signature = self._signature()
        if signature is None or signature == self._known:
            return
        self._known = signature
        try:
            self._decoder.learn(KeyTable.read(self._path))
            self._err.write(f"kenshin: {self._path}: read again, from frame {number} on\n")
        except InputError as error:
            self._err.write(f"kenshin: {error}; the keys before are still used\n")

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(self._path)
        except OSError:
            return None  # taken away for a moment, while it is replaced
        return found.st_mtime_ns, found.st_size, found.st_ino
