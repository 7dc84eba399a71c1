"""The stand-in codec: what is encoded is decoded again, and noise is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.twin.terminal import standin

SEQ = st.integers(0, 2**32 - 1)
NAME = st.text(max_size=20)
TIME = st.integers(0, 2**64 - 1)
VALUES = st.lists(
    st.builds(
        standin.Value,
        st.sampled_from(["t1.gas", "t1.water"]),
        st.integers(0, 2**32 - 1).map(lambda s: s * 1_000_000_000),
        st.integers(0, 2**64 - 1),
    ),
    max_size=standin.MAX_VALUES,
).map(lambda values: tuple(sorted(values, key=lambda v: v.meter)))
PART = st.integers(1, 255)
MESSAGES = st.one_of(
    st.builds(standin.Hello, SEQ),
    st.builds(standin.Confirm, SEQ),
    st.builds(standin.Upload, SEQ, st.booleans(), VALUES),
    st.builds(standin.Alarm, SEQ, NAME, NAME, TIME),
    st.builds(standin.Ack, SEQ),
    st.builds(standin.ReadRequest, SEQ, NAME),
    st.builds(standin.HistoryRequest, SEQ, NAME, TIME, TIME),
    st.builds(standin.ReadAnswer, SEQ, NAME, TIME, TIME),
    st.builds(standin.HistoryAnswer, SEQ, NAME, PART, PART, VALUES),
)


@given(MESSAGES)
def test_round_trip_and_size(message: standin.Message) -> None:
    data = standin.encode(message)
    assert len(data) <= 1200
    values = getattr(message, "values", ())
    by_meter = {v.meter for v in values}
    assert len(by_meter) <= 2
    assert standin.decode(data) == message


@given(MESSAGES, st.data())
def test_cut_messages_are_malformed(message: standin.Message, data: st.DataObject) -> None:
    whole = standin.encode(message)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(standin.Malformed):
        standin.decode(whole[:cut])


@given(st.binary(max_size=60))
def test_noise_never_raises_anything_else(noise: bytes) -> None:
    for data in (noise, b"KS\x01" + noise):
        try:
            standin.decode(data)
        except standin.Malformed:
            continue
