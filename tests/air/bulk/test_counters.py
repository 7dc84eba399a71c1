"""Counters that do not rise, in the bulk table: replays, copies, reused nonces, senders set back, across spans too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.bulk import counters as bulk_counters
from bench.air.bulk import pipeline
from bench.air.bulk import table as fast_table
from bench.air.bulk.payloads import Lines
from bench.air.bulk.rows import Line, Pending, Row
from bench.air.bulk.spans import Place, form_of
from bench.air.capture.capture import read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.frame.decoder import decode_frames
from bench.air.ip.packet import Packet, address_from_eui64, build
from bench.air.ip.udp import Udp
from bench.air.keys import counters as key_counters
from bench.air.keys.counters import REMEMBERED, Freshness
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.lowpan.datagram import compress
from bench.air.mac.frame import AuxSecurity, FrameType, MacFrame, encode_mac
from bench.air.wisun.frames import data
from tests.air.bulk.test_table import bulk_table, full_table
from tests.air.mac.test_mpx import DATAGRAM, KEY, A, B, fragments, frame
from tests.skips import slow_but

PREFIX = bytes.fromhex("fd004b4200000000")
OTHER_KEY = bytes(range(16, 32))
KEYS = KeyTable([(1, KEY), (1, OTHER_KEY), (2, bytes(16))])
OVERLAPPING = KeyTable([(1, KEY), (1, OTHER_KEY), (2, KEY)])
"""Two keys under one index, and one under two: counters go by sender and key."""
SRC, DST = (address_from_eui64(PREFIX, end) for end in (A, B))
PIECES = [frame(mpx) for mpx in fragments(DATAGRAM, 30)]


def sent(sender: bytes, counter: int, octets: bytes = bytes(8), key: bytes = KEY, index: int = 1) -> bytes:
    lowpan = compress(build(Packet(SRC, DST, Udp(61616, 61616, octets))), A, B)
    return protect(data(sender, B, lowpan, counter & 0xFF), key, counter, index)


def write(path: Path, packets: Sequence[bytes]) -> Path:
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.section("test")
        for number, packet in enumerate(packets):
            writer.packet(packet, number * 1_000_000)
    return path


def same_text(path: Path, octets: int, workers: int = 1, keys: KeyTable = KEYS) -> str:
    """The table, which is the same octets however it is made; spans of about so many octets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "SMALL_OCTETS", 0)
        patch.setattr(pipeline, "SPAN_OCTETS", octets)
        patch.setattr(fast_table._Table, "rest", lambda *_: pytest.fail("decoded frame by frame"))
        text = bulk_table(path, keys, workers=workers)
    assert text == full_table(path, keys)
    return text


def heard() -> list[bytes]:
    """Two senders; each kind of counter there is, near to the first frame of its kind and far from it."""
    rising = [sent(sender, number) for number in range(1, 40) for sender in (A, B)]
    reused = [sent(A, 39, b"another"), sent(B, 10, b"another")]
    replayed = rising[20:30] + rising[-2:-1]
    restarted = [sent(A, number, b"again") for number in range(3)]
    on = [sent(sender, number) for number in range(40, 60) for sender in (A, B)]
    return rising + rising[-1:] + reused + on[:9] + replayed + restarted + on[9:] + replayed[:2] + on[-1:]


@pytest.mark.parametrize("octets", [1 << 18, 4096, 512, 160])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_kind_of_counter_is_judged_wherever_spans_end(tmp_path: Path, octets: int, workers: int) -> None:
    text = same_text(write(tmp_path / "c.pcapng", heard()), octets, workers)
    assert text.count("[frame counter: replay]") == 13
    assert text.count("[frame counter: reuse]") == 4  # two below, two of a sender set back (its 0 is old)


def test_captures_joined_from_pieces_are_judged(tmp_path: Path) -> None:
    """The same capture twice: what is still remembered is a replay, what came long before is old."""
    once = [sent(A, number) for number in range(REMEMBERED + 50)]
    text = same_text(write(tmp_path / "c.pcapng", once + once), 8192)
    assert text.count("[frame counter: replay]") == REMEMBERED - 1  # and a copy


@st.composite
def _captures(draw: st.DrawFn) -> list[bytes]:
    """Secured frames with any small counters, fragments, frames again, damaged, in clear, and none that bulk reads."""
    fresh = st.one_of(
        st.builds(
            sent,
            st.sampled_from((A, B)),
            st.integers(0, 12),
            st.sampled_from((b"one", b"two")),
            st.sampled_from((KEY, OTHER_KEY)),
            st.just(1),
        ),
        st.builds(sent, st.just(A), st.integers(0, 12), index=st.just(2)),
        st.builds(lambda mac, counter: protect(mac, KEY, counter, 1), st.sampled_from(PIECES), st.integers(0, 12)),
        st.builds(lambda counter: sent(A, counter)[:-1] + b"\0", st.integers(0, 12)),
        st.builds(lambda counter: protect(_command(), KEY, counter, 1), st.integers(0, 12)),
        st.just(encode_mac(data(A, B, b"\x41" + bytes(40), 3))),
    )
    packets = draw(st.lists(fresh, min_size=1, max_size=25))
    again = draw(st.lists(st.sampled_from(packets), max_size=10))
    return packets + again + draw(st.lists(fresh, max_size=5))


def _command() -> MacFrame:
    """A frame that the full decoder reads: a MAC command (data request)."""
    return attrs.evolve(data(A, B, b"", 9), frame_type=FrameType.COMMAND, payload_ies=(), payload=b"\x04")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_captures(), st.integers(400, 3000), st.sampled_from((KEYS, OVERLAPPING)))
def test_any_order_of_counters_is_judged_alike(
    tmp_path: Path, packets: list[bytes], octets: int, keys: KeyTable
) -> None:
    same_text(write(tmp_path / "c.pcapng", packets), octets, keys=keys)


class _Freshness:
    """A visitor that shows nothing but what is said of counters."""

    shown = frozenset(Freshness)

    def __init__(self) -> None:
        self.payloads = Lines()

    def visit(self, buffer: bytes, found: list[Place], rows: Iterator[Row[Line] | Pending]) -> list[Freshness | None]:
        return [row.freshness if isinstance(row, Pending) else row[13] for row in rows]


def judged(path: Path, keys: KeyTable, octets: int) -> list[Freshness | None]:
    """What the pipeline says of each frame, in spans of so many octets."""
    form = form_of(path)
    assert form is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "SPAN_OCTETS", octets)
        run = pipeline.Pipeline(form, _Freshness(), keys, None)
        said = list(chain.from_iterable(run.run()))
    assert run.whole
    assert not run.refused
    return said


@cache
def sealed(sender: bytes, counter: int, octets: bytes, key: bytes, index: int) -> bytes:
    return sent(sender, counter, octets, key, index)


@st.composite
def _nearly_in_order(draw: st.DrawFn) -> list[bytes]:
    """Senders whose counters rise, but for frames that change places with near ones, frames heard again near and far,
    another frame under a counter used, a sender set back; each sender under keys and indexes of its own."""
    lanes = draw(st.lists(st.sampled_from(_LANES), min_size=1, max_size=3, unique=True))
    frames: list[bytes] = []
    counters = dict.fromkeys(lanes, 0)
    for _ in range(draw(st.integers(20, 90))):
        lane = draw(st.sampled_from(lanes))
        counters[lane] += draw(st.sampled_from((1, 1, 1, 2, 7)))
        frames.append(sealed(lane[0], counters[lane], b"one", *lane[1:]))
        if draw(st.integers(0, 39)) == 0:
            counters[lane] = draw(st.integers(0, counters[lane]))
    for place in draw(st.lists(st.integers(0, len(frames) - 2), max_size=12)):
        further = min(len(frames) - 1, place + draw(st.integers(1, 3)))
        frames[place], frames[further] = frames[further], frames[place]
    for place in draw(st.lists(st.integers(0, len(frames) - 1), max_size=8)):
        again = min(len(frames), place + draw(st.sampled_from((1, 2, 5, 60))))
        frames.insert(again, frames[place])
    for lane in draw(st.lists(st.sampled_from(lanes), max_size=3)):
        reused = sealed(lane[0], draw(st.integers(1, 60)), b"two", *lane[1:])
        frames.insert(draw(st.integers(0, len(frames))), reused)
    return frames


_LANES = ((A, KEY, 1), (A, OTHER_KEY, 1), (A, KEY, 2), (B, KEY, 1))


@pytest.mark.parametrize("remembered", slow_but([4], [4, REMEMBERED]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=_nearly_in_order(), octets=st.integers(200, 6000), keys=st.sampled_from((KEYS, OVERLAPPING)))
def test_disorder_is_judged_as_frame_by_frame(
    tmp_path: Path, remembered: int, frames: list[bytes], octets: int, keys: KeyTable
) -> None:
    """Wherever spans end, and where few counters are remembered, too."""
    path = write(tmp_path / "c.pcapng", frames)
    with pytest.MonkeyPatch.context() as patch:
        for module in (key_counters, bulk_counters):
            patch.setattr(module, "REMEMBERED", remembered)
        wanted = [frame.freshness for frame in decode_frames(read_capture(path), keys)]
        assert judged(path, keys, octets) == wanted
        same_text(path, octets, keys=keys)


def test_a_local_disorder_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An acknowledgement stamped late, its counter one too low, wherever it stands: no span is decoded again for it."""
    frames = [sent(A, number ^ (number % 10 == 8)) for number in range(400)]
    path = write(tmp_path / "c.pcapng", frames)
    pieces: list[object] = []
    piece = pipeline.Pipeline._piece

    def counted(self: Any, span: Any, *known: Any) -> Any:
        pieces.append(span)
        return piece(self, span, *known)

    monkeypatch.setattr(pipeline.Pipeline, "_piece", counted)
    assert same_text(path, 700).count("frame counter") == 0
    assert len(pieces) == len(set(pieces)) > 50


def test_a_frame_that_the_full_decoder_reads_is_judged_once(tmp_path: Path) -> None:
    """Its counter was judged before its payload turned out to be unusual: it is no copy of itself."""
    lowpan = compress(build(Packet(SRC, DST, Udp(61616, 61616, bytes(8)))), A, B)
    wrong = lowpan[:-1] + b"\1"  # a checksum that the full decoder is to tell of
    frames = [protect(data(A, B, wrong, counter), KEY, counter, 1) for counter in (1, 2, 2, 1)]
    path = write(tmp_path / "c.pcapng", frames)
    assert "[checksum wrong]" in same_text(path, 4096)
    assert judged(path, KEYS, 4096) == [Freshness.FRESH, Freshness.FRESH, Freshness.COPY, Freshness.REPLAY]


def test_a_replay_is_judged_by_spans_long_before(tmp_path: Path) -> None:
    frames = [sent(A, number) for number in range(100)] + [sent(B, 1), sent(A, 3), sent(A, 50, b"another")]
    text = same_text(write(tmp_path / "c.pcapng", frames), 700)
    assert [line.rsplit("[")[-1] for line in text.splitlines()[-2:]] == [
        "frame counter: replay]",
        "frame counter: reuse]",
    ]


def test_more_senders_than_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender not heard for longest is forgotten: then only a look at frame after frame tells."""
    for module in (key_counters, bulk_counters):
        monkeypatch.setattr(module, "SENDERS", 3)
    ends = [bytes(7) + bytes((number,)) for number in range(1, 6)]
    frames = [sent(end, counter) for counter in (1, 2) for end in ends]
    for replayed in (frames[:1], frames[-1:-3:-1]):
        path = write(tmp_path / "c.pcapng", frames + replayed)
        monkeypatch.setattr(pipeline, "SPAN_OCTETS", 500)
        assert bulk_table(path, KEYS) == full_table(path, KEYS)


def test_a_nonce_used_again_under_another_index_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "c.pcapng", [sent(A, 1), sent(A, 1, index=2), sent(A, 2)])
    assert same_text(path, 512, keys=OVERLAPPING).count("[frame counter: reuse]") == 1


def test_senders_not_known_by_their_frames_are_decoded_in_order(tmp_path: Path) -> None:
    """A secured acknowledgement without source comes from whom the frame before it was for."""
    asking = attrs.evolve(data(A, B, b"", 5), ack_request=True)
    ack = MacFrame(frame_type=FrameType.ACK, sequence=5, security=AuxSecurity(6, 1, key_index=1))
    answer = protect(ack, KEY, 9, 1, eui64=B)
    path = write(tmp_path / "c.pcapng", [sent(A, 1), protect(asking, KEY, 2, 1), answer, sent(A, 1), sent(A, 3)])
    assert form_of(path) is not None
    text = bulk_table(path, KEYS)
    assert text == full_table(path, KEYS)
    assert [line.split()[-1] for line in text.splitlines()[3:5]] == ["ok", "replay]"]
