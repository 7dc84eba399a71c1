"""IPHC contexts from the command line, and what they do to addresses of a running Contiki-NG network."""

from __future__ import annotations

import pytest

from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import decode_frames
from bench.air.lowpan.contexts import ROOT, parse_context, parse_contexts
from bench.errors import InputError
from tests.places import CAPTURES


def test_contexts_are_read() -> None:
    assert parse_context("0=fd00::/64") == (0, bytes.fromhex("fd00000000000000"))
    assert parse_context("root=fd00::1") == (ROOT, bytes.fromhex("fd" + 28 * "0" + "01"))
    assert parse_contexts(["0=fd00::/64", "15=2001:db8::/32"]) == {
        0: bytes.fromhex("fd00000000000000"),
        15: bytes.fromhex("20010db800000000"),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fd00::/64", "expected NUMBER=PREFIX"),
        ("16=fd00::/64", "number from 0 to 15"),
        ("x=fd00::/64", "expected NUMBER=PREFIX"),
        ("²=fd00::/64", "expected NUMBER=PREFIX"),
        ("0=fd00::1/64", "host bits set"),
        ("0=10.0.0.0/8", "expected NUMBER=PREFIX"),
        ("root=fd00::/64", "expected NUMBER=PREFIX"),
        ("0=fd00::/80", "80 bits; expected at most 64"),
    ],
)
def test_contexts_refused(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_context(text)


def test_a_context_given_twice() -> None:
    with pytest.raises(InputError, match="context 0 is given twice"):
        parse_contexts(["0=fd00::/64", "0=fd01::/64"])


def test_a_capture_needs_its_context() -> None:
    path = CAPTURES / "contiki-rpl-lite-line4.pcapng"
    without = [frame for frame in decode_frames(read_capture(str(path))) if "context 0 is not known" in frame.info]
    contexts = parse_contexts(["0=fd00::/64"])
    whole = {frame.number: frame for frame in decode_frames(read_capture(str(path)), contexts=contexts)}
    assert len(without) > 100
    assert not any(frame.info.startswith("malformed") for frame in whole.values())
    assert all(whole[frame.number].layers for frame in without)
