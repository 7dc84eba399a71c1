"""Counters that do not rise, in the bulk table: replays, copies, reused nonces, senders set back, across spans too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air import fast_table
from bench.air.counters import REMEMBERED
from bench.air.fast_spans import form_of, spans
from bench.air.ipv6 import Packet, address_from_eui64, build
from bench.air.keys import KeyTable
from bench.air.lowpan import compress
from bench.air.mac import AuxSecurity, FrameType, MacFrame, encode_mac
from bench.air.pcapng import PcapngWriter
from bench.air.security import protect
from bench.air.udp import Udp
from bench.air.wisun import data
from tests.air.test_fast_table import bulk_table, full_table
from tests.air.test_mpx import DATAGRAM, KEY, A, B, fragments, frame

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
        patch.setattr(fast_table, "SMALL_OCTETS", 0)
        patch.setattr(fast_table, "spans", lambda form: spans(form, octets))
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
