"""The display filter by itself: whatever is written, it either works or is refused in one line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.filter.language import compile_filter
from bench.air.frame.decoder import Decoder
from bench.errors import InputError

_RECORD = make_record(1, 5, NO_FCS, bytes.fromhex("0100 07"), 3)
ROW = Row(Decoder().decode(_RECORD), _RECORD, 0)
WORDS = (
    *("icmpv6", "and", "or", "not", "(", ")", "==", "!=", "in", "{", "}", ",", "1", "..", "5..9", '"a', '"a"', "kind"),
    *("seq", "ipv6.src", "fd00::/64", "fd00::/999", "wpan.src64", "[", "0:3", "]", "&", "~", "matches", '"(a"', "none"),
    *("contains", "!", "===", "<", "mic", "wpan.seq_no", "0x", "frame.time_relative", "1e999", "nan", "udp.payload"),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join))
def test_words_in_any_order_work_or_are_refused(expression: str) -> None:
    refusal = ""
    try:
        matches = compile_filter(expression, JSONL_FIELDS)
    except InputError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("filter ")
        assert "\n" not in refusal
    else:
        assert matches(ROW) in (True, False)


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("wpan.seq_no == 7 and seq == 7", True),
        ("wpan.seq_no == 0x07", True),
        ("wpan.frame_type == DATA", True),
        ("udp.port != 1", False),
        ("not udp.port == 1", True),
        ("src == none and dst == none", True),
        ("src != none", False),
        ("ies == UTT", False),
        ("wpan.fcf & 0x3 == 1", True),
        ("frame.time_relative == 0.000000005", True),
    ],
)
def test_what_holds(expression: str, holds: bool) -> None:
    assert compile_filter(expression, JSONL_FIELDS)(ROW) is holds


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("wpan.seqno == 1", r"unknown field 'wpan.seqno'; expected one like wpan.seq_no.* at .* \(column 1\)"),
        ("ipv6.src == 1", r"expected an IPv6 address or prefix for ipv6.src at '1' \(column 13\)"),
        ("wpan.src64 == 00:11", "expected an EUI-64 such as"),
        ("udp.port in 5", "expected '{' at '5'"),
        ("udp.port in {1, 2", "expected ',' or '}' at the end"),
        ("seq[0:2] == 00:01", "seq has no octets to cut"),
        ("frame contains 41:d8", r"frame has no value of its own here; expected octets of wpan .* at '41:d8'"),
        ("frame.time_delta > 1", r"no field 'frame.time_delta' here; expected frame.time_relative, .* \(column 1\)"),
        ("frame.cap_len == 50", "expected frame.len, "),
        ("frame.time > 1", "expected frame.time_epoch, "),
        ("frame.protocols contains udp", "expected a protocol's name alone"),
        ("zep.device_id == 65536", "expected a number of at most 65535 and no sign for zep.device_id"),
        ("zep.seqno == 4294967296", "at most 4294967295"),
        ("kind & 1", "kind is text and has no &"),
        ('info matches "(a"', "pattern '\\(a': expected more"),
        ("(" * 60 + "seq", "at most 50 negations and parentheses"),
        ("seq == 1 " * 2000, "at most 10000"),
    ],
)
def test_a_mistake_is_said_where_it_is(expression: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_filter(expression, JSONL_FIELDS)


@pytest.mark.parametrize(
    "expression", ["x" * 9000, "wpan." * 1800, '"' + "x" * 9000, f'ipv6.src matches "{"(" * 9000}"']
)
def test_a_long_filter_that_is_refused_is_repeated_by_its_beginning(expression: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_filter(expression, JSONL_FIELDS)
    assert expression[:100] in str(caught.value).replace("\\", "")
    assert len(str(caught.value)) < 2500, "with the names that there are"
