"""Stand-in payload codec between terminal and connection server.

The application of the IoT route (IoTルートアプリケーション) is not public, so these messages are made up for the twin:
big-endian, one message a UDP datagram, ``"KS" version type sequence`` and a body.
A licence holder replaces this module. UDP port 61616 (0xF0B0), also a stand-in.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs

UDP_PORT: Final = 61616
"""A stand-in, too: the port of the IoT-route application is not public."""
COMMANDS: Final = ("open", "shut")
"""What a meter's valve can be told."""
MAX_VALUES: Final = 80
"""Values that fit one datagram of 1,200 octets: 12 octets each, plus names."""
_MAGIC: Final = b"KS\x01"
_NS: Final = 1_000_000_000


class Malformed(ValueError):
    """A datagram that is none of these messages."""


@attrs.frozen(slots=True)
class Value:
    """An hourly value: the register ``index`` of ``meter`` at the JST hour mark ``mark_ns``."""

    meter: str
    mark_ns: int
    index: int


@attrs.frozen(slots=True)
class Hello:
    """Terminal: I am operational. ``seq`` grows with each (re)join."""

    seq: int


@attrs.frozen(slots=True)
class Confirm:
    """Server: registered. Ends the installation; answers the hello of that ``seq``."""

    seq: int


@attrs.frozen(slots=True)
class Upload:
    """Terminal: hourly values. ``recovery``: delivered late, after an outage."""

    seq: int
    recovery: bool
    values: tuple[Value, ...]


@attrs.frozen(slots=True)
class Alarm:
    """Terminal: a meter's alarm, with the time at which it occurred."""

    seq: int
    meter: str
    code: str
    occurred_ns: int


@attrs.frozen(slots=True)
class Ack:
    """Server: took the upload or alarm of that ``seq``."""

    seq: int


@attrs.frozen(slots=True)
class ReadRequest:
    """Server: read ``meter`` now. ``seq`` is the server's request number."""

    seq: int
    meter: str


@attrs.frozen(slots=True)
class HistoryRequest:
    """Server: send the stored values of ``meter`` with marks in ``from_ns..to_ns`` (both inclusive)."""

    seq: int
    meter: str
    from_ns: int
    to_ns: int


@attrs.frozen(slots=True)
class ReadAnswer:
    """Terminal: the register as read at ``read_ns``."""

    seq: int
    meter: str
    index: int
    read_ns: int


@attrs.frozen(slots=True)
class HistoryAnswer:
    """Terminal: part ``part`` (from 1) of ``parts`` of the asked values, oldest first."""

    seq: int
    meter: str
    part: int
    parts: int
    values: tuple[Value, ...]


@attrs.frozen(slots=True)
class ControlRequest:
    """Server: have ``meter`` do this (``shut``, ``open``)."""

    seq: int
    meter: str
    command: str


@attrs.frozen(slots=True)
class ControlAnswer:
    """Terminal: what the meter answered, and whether that was its last word."""

    seq: int
    meter: str
    state: str
    final: bool
    at_ns: int


Message: TypeAlias = (
    Hello
    | Confirm
    | Upload
    | Alarm
    | Ack
    | ReadRequest
    | HistoryRequest
    | ReadAnswer
    | HistoryAnswer
    | ControlRequest
    | ControlAnswer
)
MESSAGES: Final = (
    Hello,
    Confirm,
    Upload,
    Alarm,
    Ack,
    ReadRequest,
    HistoryRequest,
    ReadAnswer,
    HistoryAnswer,
    ControlRequest,
    ControlAnswer,
)
"""The classes of all messages."""


class _Reader:
    """Takes fields off the front of a body."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, fmt: str) -> tuple[int, ...]:
        fields: tuple[int, ...] = struct.unpack_from(fmt, self._data, self._at)
        self._at += struct.calcsize(fmt)
        return fields

    def text(self) -> str:
        (length,) = self.take("!B")
        raw = self._data[self._at : self._at + length]
        if len(raw) != length:
            raise Malformed("text is cut short")
        self._at += length
        return raw.decode()

    def values(self) -> tuple[Value, ...]:
        """Runs of ``meter count (mark_s index)*``."""
        found: list[Value] = []
        (runs,) = self.take("!B")
        for _ in range(runs):
            meter = self.text()
            (count,) = self.take("!B")
            for _ in range(count):
                mark_s, index = self.take("!IQ")
                found.append(Value(meter, mark_s * _NS, index))
        return tuple(found)

    def end(self) -> None:
        if self._at != len(self._data):
            raise Malformed("octets after the end")


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) > 255:
        raise ValueError(f"'{text[:20]}...' is too long; expected 255 octets at most")
    return bytes([len(raw)]) + raw


def _values(values: tuple[Value, ...]) -> bytes:
    if len(values) > MAX_VALUES:
        raise ValueError(f"{len(values)} values; expected {MAX_VALUES} at most")
    meters = list(dict.fromkeys(v.meter for v in values))
    out = bytes([len(meters)])
    for meter in meters:
        run = [v for v in values if v.meter == meter]
        out += _text(meter) + bytes([len(run)])
        out += b"".join(struct.pack("!IQ", v.mark_ns // _NS, v.index) for v in run)
    return out


def encode(message: Message) -> bytes:
    """The datagram of a message."""
    match message:
        case Hello(seq):
            kind, body = 1, b""
        case Confirm(seq):
            kind, body = 2, b""
        case Upload(seq, recovery, values):
            kind, body = 3, bytes([recovery]) + _values(values)
        case Alarm(seq, meter, code, occurred_ns):
            kind, body = 4, _text(meter) + _text(code) + struct.pack("!Q", occurred_ns)
        case Ack(seq):
            kind, body = 5, b""
        case ReadRequest(seq, meter):
            kind, body = 6, _text(meter)
        case HistoryRequest(seq, meter, from_ns, to_ns):
            kind, body = 7, _text(meter) + struct.pack("!QQ", from_ns, to_ns)
        case ReadAnswer(seq, meter, index, read_ns):
            kind, body = 8, _text(meter) + struct.pack("!QQ", index, read_ns)
        case HistoryAnswer(seq, meter, part, parts, values):
            kind, body = 9, _text(meter) + struct.pack("!BB", part, parts) + _values(values)
        case ControlRequest(seq, meter, command):
            kind, body = 10, _text(meter) + _text(command)
        case ControlAnswer(seq, meter, state, final, at_ns):
            kind, body = 11, _text(meter) + _text(state) + struct.pack("!BQ", final, at_ns)
    return _MAGIC + struct.pack("!BI", kind, seq) + body


_DECODERS: Final[Mapping[int, Callable[[int, _Reader], Message]]] = {
    1: lambda seq, r: Hello(seq),
    2: lambda seq, r: Confirm(seq),
    3: lambda seq, r: Upload(seq, bool(r.take("!B")[0]), r.values()),
    4: lambda seq, r: Alarm(seq, r.text(), r.text(), *r.take("!Q")),
    5: lambda seq, r: Ack(seq),
    6: lambda seq, r: ReadRequest(seq, r.text()),
    7: lambda seq, r: HistoryRequest(seq, r.text(), *r.take("!QQ")),
    8: lambda seq, r: ReadAnswer(seq, r.text(), *r.take("!QQ")),
    9: lambda seq, r: HistoryAnswer(seq, r.text(), r.take("!B")[0], r.take("!B")[0], r.values()),
    10: lambda seq, r: ControlRequest(seq, r.text(), r.text()),
    11: lambda seq, r: ControlAnswer(seq, r.text(), r.text(), bool(r.take("!B")[0]), *r.take("!Q")),
}


def decode(data: bytes) -> Message:
    """The message of a datagram; :class:`Malformed` for anything else."""
    if data[:3] != _MAGIC or len(data) < 8:
        raise Malformed("no stand-in message")
    kind, seq = struct.unpack_from("!BI", data, 3)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise Malformed(f"unknown type {kind}")
    reader = _Reader(data[8:])
    try:
        message = decoder(seq, reader)
    except (struct.error, UnicodeDecodeError) as error:
        raise Malformed(str(error)) from None
    reader.end()
    return message
