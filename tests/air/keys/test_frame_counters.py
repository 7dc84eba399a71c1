"""Frame counters: what a receiver would refuse is told apart, on real captures and on replayed and forged frames."""

from __future__ import annotations

from collections import Counter

import attrs
import pytest

from bench.air.capture.capture import Record, read_capture
from bench.air.frame.decoder import Decoder, decode_frames
from bench.air.keys.counters import REMEMBERED, SENDERS, Counters, Freshness
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import encode_mac
from bench.air.wisun import frames as wisun
from tests.air.mac_captures import WISUN, keys_of, need

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
KEY, NEXT_KEY = bytes(range(16)), bytes(range(16, 32))
DATAGRAM = bytes.fromhex("416000000000003b40") + A + A + B + B

FRESH, COPY, REPLAY, REUSE, OLD = Freshness


def test_one_senders_counters() -> None:
    counters = Counters()
    heard = [(5, b"a"), (5, b"a"), (7, b"b"), (5, b"a"), (6, b"c"), (7, b"x"), (7, b"b"), (6, b"c"), (8, b"d")]
    found = [counters.check(A, KEY, counter, octets) for counter, octets in heard]
    assert found == [FRESH, COPY, FRESH, REPLAY, OLD, REUSE, COPY, REPLAY, FRESH]


def test_senders_and_keys_count_for_themselves() -> None:
    counters = Counters()
    assert [counters.check(*who, 5, b"a") for who in ((A, KEY), (B, KEY), (A, NEXT_KEY))] == [FRESH] * 3
    assert counters.check(A, NEXT_KEY, 4, b"a") == OLD
    assert counters.check(A, KEY, 6, b"a") == FRESH


def test_memory_is_bounded() -> None:
    counters = Counters()
    for number in range(REMEMBERED + 1):
        assert counters.check(A, KEY, number, b"a") == FRESH
    assert counters.check(A, KEY, 1, b"a") == REPLAY
    assert counters.check(A, KEY, 0, b"a") == OLD
    for number in range(SENDERS):
        counters.check(number.to_bytes(8, "big"), KEY, 1, b"a")
    assert counters.check(A, KEY, 0, b"a") == FRESH


@pytest.mark.parametrize("capture", [*WISUN, "contiki-llsec-line3"])
def test_real_stacks_count_upward(capture: str) -> None:
    """But for an acknowledgement now and then, sent between the counting and the sending of a waiting frame."""
    late = {"fixedch": 1, "twopan": 2, "hiftrace": 1}.get(capture, 0)
    frames = list(decode_frames(read_capture(need(f"{capture}.pcapng")), keys_of(capture)))
    assert {frame.kind for frame in frames if frame.freshness is OLD} <= {"ACK"}
    found = Counter(frame.freshness for frame in frames if frame.mic == "ok")
    assert found == Counter({FRESH: sum(frame.mic == "ok" for frame in frames) - late, OLD: late})


def test_a_replayed_capture_is_seen_to_be_one() -> None:
    records = list(read_capture(need("line2.pcapng")))
    decoder = Decoder(keys_of("line2"))
    first = [decoder.decode(record) for record in records]
    again = [decoder.decode(record) for record in records]
    assert all(frame.freshness is FRESH for frame in first if frame.mic == "ok")
    seen = {frame.freshness for frame in again if frame.mic == "ok"}
    assert seen <= {REPLAY, COPY}
    assert sum("[frame counter: replay]" in frame.info for frame in again) > 300


def test_a_counter_used_twice_is_said_in_the_frame() -> None:
    one, other = (wisun.data(B, A, DATAGRAM, number) for number in (7, 8))
    decoder = Decoder(KeyTable([(1, KEY)]))
    octets = [protect(one, KEY, 5, 1), protect(other, KEY, 5, 1)]
    frames = [decoder.decode(Record(i, i, 230, psdu)) for i, psdu in enumerate(octets, 1)]
    assert [frame.freshness for frame in frames] == [FRESH, REUSE]
    assert frames[1].info.endswith("[frame counter: reuse]")
    assert frames[1].packet is not None


def test_a_forged_counter_moves_nothing() -> None:
    genuine = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1)
    forged = protect(wisun.data(B, A, DATAGRAM, 8), bytes(16), 2**32 - 1, 1)
    later = protect(wisun.data(B, A, DATAGRAM, 9), KEY, 6, 1)
    decoder = Decoder(KeyTable([(1, KEY)]))
    frames = [decoder.decode(Record(i, i, 230, psdu)) for i, psdu in enumerate((genuine, forged, later), 1)]
    assert [(frame.mic, frame.freshness) for frame in frames] == [("ok", FRESH), ("bad", None), ("ok", FRESH)]


def test_a_renewed_key_starts_anew() -> None:
    frame = wisun.data(B, A, DATAGRAM, 7)
    octets = [protect(frame, KEY, 900, 1), protect(frame, NEXT_KEY, 0, 1), protect(frame, KEY, 901, 1)]
    octets += [protect(frame, NEXT_KEY, 1, 2)]
    decoder = Decoder(KeyTable([(1, KEY), (1, NEXT_KEY), (2, NEXT_KEY)]))
    frames = [decoder.decode(Record(i, i, 230, psdu)) for i, psdu in enumerate(octets, 1)]
    assert [frame.mic for frame in frames] == ["ok"] * 4
    assert [frame.freshness for frame in frames] == [FRESH] * 4


def test_clear_frames_have_no_freshness() -> None:
    clear = encode_mac(attrs.evolve(wisun.data(B, A, DATAGRAM, 7)))
    assert Decoder().decode(Record(1, 0, 230, clear)).freshness is None
