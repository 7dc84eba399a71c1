"""Secured frames opened: which keys are tried on a frame, whose EUI-64 its nonce takes, and how fresh its counter is.

Several keys may share a key index: neighbouring PANs, a renewed key, a GTK under several network names. Which one
sealed a frame shows only by its MIC, so all are tried, the one first that opened this sender's last frame. A frame of
security level 4 has no MIC: it is decrypted where there is one key only, and proves nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs

from bench.air.capture.link import Record
from bench.air.capture.tap import Tap
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.keys.counters import SENDERS, Counters, Freshness, Judge
from bench.air.keys.security import MicError, unprotect, unprotect_readable
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import FrameType, MacFrame, mic_octets, open_octets
from bench.air.mac.ies import write_payload_ies

_NO_MIC: Final = "encrypted without a MIC"


@frozen
class Opened:
    """A frame in clear text where that is possible. ``mic`` is that of `Frame`; ``trouble`` says why the payload must
    not be read, "" where it may; ``freshness`` is None where the MIC was not verified; ``unauthenticated`` and ``key``
    are those of `Frame`."""

    mac: MacFrame
    mic: str = "none"
    trouble: str = ""
    freshness: Freshness | None = None
    unauthenticated: bool = False
    key: int | None = None


class Opener:
    """Opens the frames of one capture, in its order; ``keys`` may learn in between.

    ``counters`` judges the counters of verified frames: those of this opener's frames, where none is given.
    """

    def __init__(self, keys: KeyTable, counters: Judge | None = None) -> None:
        self._keys = keys
        self._counters: Judge = Counters() if counters is None else counters
        self._last: OrderedDict[tuple[bytes | None, int | None], bytes] = OrderedDict()
        self._awaited: tuple[int | None, bytes | None] = (None, None)

    def expect(self, sequence: int | None, address: bytes | None) -> None:
        """Which frame asked for an acknowledgement last."""
        self._awaited = (sequence, address)

    def open(self, record: Record, raw: MacFrame) -> Opened:
        """``raw`` is `decode_readable` of the record's octets."""
        if raw.security is None or raw.security.level == 0:
            return Opened(raw)
        if record.cut:
            return Opened(_unread(raw), trouble="encrypted") if raw.security.level & 4 else Opened(raw)
        encrypted = bool(raw.security.level & 4)
        if raw.broken and encrypted:
            return Opened(raw)  # nobody can say where the encrypted octets begin
        if not mic_octets(raw.security.level):
            return self._decrypted(record, raw)
        sender = self._sender(raw)
        asn = Tap.of(record).asn if raw.security.frame_counter is None else None
        keys = self._candidates(sender, raw.security.key_index)
        if keys and encrypted and (trouble := _no_start(raw)):
            return Opened(_unread(raw), "bad", trouble)
        for key in keys:
            try:
                clear = unprotect_readable(record.data, raw, key, eui64=sender, asn=asn)
            except MicError:
                continue
            except ValueError as error:
                return Opened(raw, "no key", str(error))
            return Opened(clear, "ok", "", self._verified(raw, record, sender, key), key=self._place(raw, key))
        if keys and not (self._keys.complete and self._keys.known_by(raw.security.key_index, record.time_ns)):
            # The key may be handed out further on, as one is to the node that sends this before it joins again; or it
            # was never handed out in this capture, and those that were came later.
            return Opened(_unread(raw), "no key", "encrypted: no key of this index that is known so far opens it")
        if keys:
            return Opened(_unread(raw), "bad", "the MIC is wrong under every key of this index")
        return Opened(raw, "no key", "encrypted" if encrypted else "")

    def _decrypted(self, record: Record, raw: MacFrame) -> Opened:
        """A frame without a MIC (level 4): no trial tells which of several keys is the right one.

        Where its elements break, nothing of it is shown: that they are whole is all that speaks for the key."""
        assert raw.security is not None
        keys = self._keys.candidates(raw.security.key_index)
        if not keys:
            return Opened(raw, trouble=f"{_NO_MIC}: no key")
        if len(keys) > 1:
            return Opened(raw, trouble=f"{_NO_MIC}: which of {len(keys)} keys fits cannot be told, not opened")
        asn = Tap.of(record).asn if raw.security.frame_counter is None else None
        try:
            clear = unprotect(record.data, raw, keys[0], eui64=self._sender(raw), asn=asn)
        except Malformed as error:
            return Opened(raw, trouble=f"{_NO_MIC}: malformed under the only key: {error}")
        except ValueError as error:
            return Opened(raw, trouble=f"{_NO_MIC}: {error}")
        return Opened(clear, unauthenticated=True)

    def _sender(self, raw: MacFrame) -> bytes | None:
        """The EUI-64 for the nonce; an acknowledgement without source comes from whom the frame before it was for."""
        source = raw.src
        if source is None and raw.frame_type == FrameType.ACK and raw.sequence == self._awaited[0]:
            source = self._awaited[1]
        if source is None or len(source) == 8:
            return source
        return self._keys.eui64_of(raw.dst_pan if raw.src_pan is None else raw.src_pan, source)

    def _candidates(self, sender: bytes | None, key_index: int | None) -> tuple[bytes, ...]:
        keys = self._keys.candidates(key_index)
        last = self._last.get((sender, key_index))
        return keys if last is None or keys[0] == last else (last, *(key for key in keys if key != last))

    def _place(self, raw: MacFrame, key: bytes) -> int:
        """Where a key stands among those of the frame's index."""
        assert raw.security is not None
        return self._keys.candidates(raw.security.key_index).index(key)

    def _verified(self, raw: MacFrame, record: Record, sender: bytes | None, key: bytes) -> Freshness | None:
        assert raw.security is not None
        if sender is None or raw.security.frame_counter is None:
            return None
        self._last[sender, raw.security.key_index] = key
        if len(self._last) > SENDERS:
            self._last.popitem(last=False)  # the one known for longest; it is found by trial again
        return self._counters.check(sender, key, raw.security.frame_counter, record.data)


def _unread(raw: MacFrame) -> MacFrame:
    """The frame with all behind its header as octets: payload IEs are in clear at levels 1 to 3, but not trusted."""
    if not raw.payload_ies:
        return raw
    return attrs.evolve(raw, payload_ies=(), payload=write_payload_ies(raw.payload_ies) + raw.payload)


def _no_start(raw: MacFrame) -> str:
    """Why nobody can say where the encrypted octets begin, "" where it is clear: no MIC can then be right."""
    try:
        open_octets(raw)
    except Malformed as error:
        return f"malformed: {error}"
    return ""
