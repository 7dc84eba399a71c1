"""`kenshin decode`: the frames of a capture, one a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from typing import Final, TextIO

from bench.air import columns
from bench.air.capture import read_capture
from bench.air.fast_table import write_table
from bench.air.filter import Predicate, compile_filter
from bench.air.frame import Decoder, Frame
from bench.air.keys import KeyTable
from bench.air.mac import format_address
from bench.errors import InputError

FIELDS: Final[Mapping[str, type]] = {
    "number": int,
    "time_ns": int,
    "src": str,
    "dst": str,
    "seq": int,
    "pan": int,
    "secured": bool,
    "key_index": int,
    "frame_counter": int,
    "mic": str,
    "kind": str,
    "ies": list,
    "layers": list,
    "ipv6_src": str,
    "ipv6_dst": str,
    "info": str,
    "channel": int,
    "length_octets": int,
}
"""Fields of a jsonl line and of the filter, with the types of their values (any may be null)."""


def row(frame: Frame) -> dict[str, object]:
    """The jsonl line of a frame: JSON values only, addresses as people write them."""
    return {
        "number": frame.number,
        "time_ns": frame.time_ns,
        "src": format_address(frame.src),
        "dst": format_address(frame.dst),
        "seq": frame.seq,
        "pan": frame.pan,
        "secured": frame.secured,
        "key_index": frame.key_index,
        "frame_counter": frame.frame_counter,
        "mic": frame.mic,
        "kind": frame.kind,
        "ies": list(frame.ies),
        "layers": list(frame.layers),
        "ipv6_src": _ipv6(frame.ipv6_src),
        "ipv6_dst": _ipv6(frame.ipv6_dst),
        "info": frame.info,
        "channel": frame.channel,
        "length_octets": frame.length_octets,
    }


def decode_command(
    path: str,
    keys: str | None,
    fmt: str,
    expr: str | None,
    out: TextIO,
    contexts: Mapping[int, bytes] | None = None,
) -> None:
    """Writes a capture's frames to ``out`` as ``table`` or ``jsonl``, those that match ``expr`` (`filter`).

    Raises `InputError` for what is wrong with file, keys, format or expression; a truncated capture, or keys under
    which no secured frame verifies, raise after the frames were written. ``contexts`` are IPHC contexts, as the
    `Decoder` takes them.
    """
    if fmt not in _FORMATS:
        raise InputError(f"format {fmt!r} is unknown; expected {' or '.join(_FORMATS)}")
    matches = compile_filter(expr, FIELDS) if expr else None
    table = KeyTable.read(keys) if keys else None
    mics = write_table(path, table, contexts, out) if fmt == "table" and matches is None else None
    if mics is None:
        mics = _frame_by_frame(path, Decoder(table, contexts), _FORMATS[fmt](), matches, out)
    if keys and mics and "ok" not in mics:
        raise InputError(f"{keys}: none of the {sum(mics.values())} secured frames verified with these keys")


def _frame_by_frame(
    path: str, decoder: Decoder, line: Callable[[dict[str, object]], str], matches: Predicate | None, out: TextIO
) -> Counter[str]:
    """Write the frames that match; ``mic`` of the secured ones, counted."""
    mics: Counter[str] = Counter()
    for record in read_capture(path):
        frame = decoder.decode(record)
        if frame.secured:
            mics[frame.mic] += 1
        shown = row(frame)
        if matches is None or matches(shown):
            out.write(line(shown))
    return mics


def _ipv6(address: bytes | None) -> str | None:
    return str(IPv6Address(address)) if address else None


def _jsonl(shown: dict[str, object]) -> str:
    return json.dumps(shown, ensure_ascii=False) + "\n"


class _Table:
    """Lines of columns, with a heading before the first; time is relative to the first frame shown."""

    def __init__(self) -> None:
        self._start_ns: int | None = None

    def __call__(self, shown: dict[str, object]) -> str:
        time_ns = shown["time_ns"]
        assert isinstance(time_ns, int)
        heading = "" if self._start_ns is not None else columns.HEADING
        self._start_ns = time_ns if self._start_ns is None else self._start_ns
        cells = {name: shown[name] for name in ("number", "src", "dst", "kind", "seq", "mic", "info")}
        return heading + columns.line(elapsed_ns=time_ns - self._start_ns, **cells)  # type: ignore[arg-type]


_FORMATS: Final[Mapping[str, Callable[[], Callable[[dict[str, object]], str]]]] = {
    "table": _Table,
    "jsonl": lambda: _jsonl,
}
