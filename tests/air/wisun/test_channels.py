"""Channel functions against nanostack's vectors, and predictions against the channels on which real stacks sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.wisun import frames as wisun
from bench.air.wisun.channels import (
    BY_PLAN_ID,
    Listener,
    channel_of,
    channels_of,
    dh1cf_broadcast,
    dh1cf_unicast,
    plan_of,
    tr51cf_broadcast,
    tr51cf_sequence,
    tr51cf_unicast,
)
from bench.air.wisun.schedule import ChannelFunction, Schedule
from tests.air.mac_captures import WISUN, keys_of, need, table

NODE = bytes.fromhex("0011223344556677")
DH1CF_22 = Schedule(function=ChannelFunction.DH1CF, fixed_channel=None)


def test_dh1cf_check_values() -> None:
    assert [dh1cf_unicast(slot, NODE, 129) for slot in range(8)] == [123, 111, 67, 120, 112, 109, 10, 14]
    assert [dh1cf_unicast(slot, NODE, 14) for slot in range(8)] == [2, 9, 7, 13, 10, 7, 2, 13]
    assert [dh1cf_broadcast(slot, 1, 14) for slot in range(8)] == [8, 1, 9, 3, 10, 0, 10, 3]


def test_dh1cf_vectors_of_nanostack() -> None:
    header, *lines = need("dh1cf-vectors.tsv").read_text("utf-8").splitlines()
    assert header.split("\t") == ["slot", "eui64", "bsi", "channels", "uc_index", "bc_index"]
    assert len(lines) == 200
    for line in lines:
        slot, eui64, bsi, channels, unicast, broadcast = line.split("\t")
        assert dh1cf_unicast(int(slot), bytes.fromhex(eui64), int(channels)) == int(unicast)
        assert dh1cf_broadcast(int(slot), int(bsi), int(channels)) == int(broadcast)


def test_tr51cf_by_hand() -> None:
    # Three channels: the generator's first values 1103527590, 377401575, 662824084 are 0, 0, 1 modulo 3, and 2 is the
    # one that is left, so the table is 0 1 2. First element 0x55^0x66^0x77 = 0x44 = 68, 2 modulo 3; step 0x77 = 119,
    # 119 modulo 2 + 1 = 2.
    assert tr51cf_sequence(NODE, 3) == (2, 1, 0)
    # Four channels make a table of prime length 5 with one hole: 1103527590, 377401575, 662824084, 1147902781,
    # 2035015474 are 2, 3, 0, 1 modulo 4. First 68 modulo 5 = 3, step 119 modulo 4 + 1 = 4.
    assert tr51cf_sequence(NODE, 4) == (1, 0, 3, 2)
    assert tr51cf_unicast(6, NODE, 4) == 3
    # First 0x02^0x03 = 1, step 3 modulo 4 + 1 = 4: elements 1, 0, (hole) 4, 3, 2.
    assert [tr51cf_broadcast(slot, 0x0203, 4) for slot in range(4)] == [3, 2, 1, 0]


@given(st.binary(min_size=8, max_size=8), st.integers(1, 260))
def test_tr51cf_visits_each_channel_once(eui64: bytes, channels: int) -> None:
    assert sorted(tr51cf_sequence(eui64, channels)) == list(range(channels))


class Foretold:
    """Whether unicast frames went to the channel that the addressee's last frame and schedule foretold."""

    def __init__(self) -> None:
        self._heard: dict[bytes, tuple[int, int]] = {}
        self.schedules: dict[bytes, wisun.Us] = {}
        self.right = 0
        self.wrong: list[int] = []
        self.used: set[int] = set()

    def take(self, frame: Frame, began_ns: int, channel: int) -> None:
        """The next frame: when it began, and where it was heard."""
        assert frame.src is not None
        if frame.kind != "ACK" and frame.dst in self._heard and frame.dst in self.schedules:
            heard_ns, ufsi = self._heard[frame.dst]
            listener = Listener(frame.dst, self.schedules[frame.dst], ufsi, heard_ns)
            self.used.add(channel)
            if listener.channel_at(began_ns) == channel:
                self.right += 1
            else:
                self.wrong.append(frame.number)
        timing, schedule = frame.ie(wisun.Utt), frame.ie(wisun.Us)
        if timing is not None:
            self._heard[frame.src] = (began_ns, timing.ufsi)
        if schedule is not None:
            self.schedules[frame.src] = schedule


@pytest.mark.parametrize("capture", WISUN)
def test_the_channels_on_which_real_stacks_sent(capture: str) -> None:
    seen = Foretold()
    rows = table(f"{capture}.frames.tsv.gz")
    for frame, row in zip(decode_frames(read_capture(need(f"{capture}.pcapng")), keys_of(capture)), rows, strict=True):
        seen.take(frame, frame.time_ns, int(row["channel"]))
    assert seen.right > 90
    hops = any(us.schedule.function != wisun.ChannelFunction.FIXED for us in seen.schedules.values())
    assert len(seen.used) > 20 if hops else len(seen.used) == 1
    # In twopan, r3 tries eight times to reach a node of the other PAN by timing of long before, and nobody hears it;
    # why a ninth frame (124) met its addressee on another channel than foretold is not known.
    assert len(seen.wrong) == (9 if capture == "twopan" else 0)


def test_channels_in_use() -> None:
    assert channels_of(DH1CF_22) == tuple(range(4, 18))
    assert channels_of(Schedule(plan=0, domain=2, plan_id=1, excluded_ranges=((0, 9), (20, 37)))) == tuple(
        range(10, 20)
    )
    explicit = Schedule(plan=1, ch0_khz=920_900, spacing=1, channels=12, excluded_mask=b"\x81\x02")
    assert channels_of(explicit) == (1, 2, 3, 4, 5, 6, 8, 10, 11)
    plan = plan_of(explicit)
    assert plan is not None
    assert plan.frequency_khz(11) == 925_300
    # The virtual rig's channel 10 of plan 22 (domain.md 5.1).
    assert BY_PLAN_ID[2, 22].frequency_khz(10) == 924_900


def test_an_index_is_mapped_onto_the_channels_in_use() -> None:
    # Plan 22: index 2, 9, 7 ... of 14 channels that begin at 4.
    assert [channel_of(DH1CF_22, slot, NODE) for slot in range(3)] == [6, 13, 11]
    assert channel_of(DH1CF_22, 0, 1) == 12
    tr51 = Schedule(
        function=ChannelFunction.TR51CF, fixed_channel=None, plan_id=21, excluded_ranges=((9, 29), (31, 33), (36, 36))
    )
    assert channels_of(tr51) == (30, 34, 35, 37)
    assert [channel_of(tr51, slot, NODE) for slot in range(5)] == [34, 30, 37, 35, 34]
    assert channel_of(tr51, 0, 0x0203) == 37
    assert channel_of(Schedule(fixed_channel=9), 77, NODE) == 9


def test_where_a_listener_is_in_its_sequence() -> None:
    us = wisun.Us(dwell_ms=100, schedule=DH1CF_22)
    listener = Listener(NODE, us, ufsi=3 << 8 | 128, heard_ns=5_000_000_000)  # half-way through slot 3
    assert [listener.slot_at(5_000_000_000 + ms * 1_000_000) for ms in (0, 49, 50, 149, 150, -51)] == [3, 3, 4, 4, 5, 2]
    assert listener.slot_at(5_000_000_000 + 65536 * 100_000_000) == 3
    tr51 = attrs_us(us, ChannelFunction.TR51CF)
    # 14 slots a sequence: UFSI one half is the start of slot 7.
    assert Listener(NODE, tr51, 1 << 23, 0).slot_at(0) == 7
    assert Listener(NODE, tr51, 1 << 23, 0).slot_at(7 * 100_000_000) == 0


def attrs_us(us: wisun.Us, function: ChannelFunction) -> wisun.Us:
    return wisun.Us(us.dwell_ms, schedule=Schedule(function=function, fixed_channel=None))


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (Schedule(function=ChannelFunction.DH1CF, fixed_channel=None, domain=15), "not in the table"),
        (Schedule(plan=1, spacing=9, channels=3, function=2, fixed_channel=None), "not in the table"),
        (Schedule(function=2, fixed_channel=None, excluded_ranges=((0, 99),)), "every channel"),
        (Schedule(function=3, fixed_channel=None, hops=b"\1\2"), "function 3"),
    ],
)
def test_what_cannot_be_foretold_says_so(schedule: Schedule, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        channel_of(schedule, 0, NODE)
