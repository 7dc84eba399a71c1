"""Filters by the column index: the same frames, to the last value, as when every frame is decoded."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.bulk import pipeline
from bench.air.capture.capture import read_capture
from bench.air.capture.marked import write_marked
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tables import FIELDS, GROUPS
from bench.air.filter.hints import COLUMNS, narrows
from bench.air.filter.language import compile_filter
from bench.air.frame.decoder import Decoder
from bench.air.index import filter as index_filter
from bench.air.index import selection
from bench.air.index.columns import UNRISING
from bench.air.index.filter import possible_rows
from bench.air.index.index import Index
from bench.air.index.selection import indexed_rows
from bench.air.ip.packet import chain
from bench.air.keys.counters import Freshness
from bench.air.keys.security import protect
from bench.air.keys.table import GroupKey, KeyTable
from bench.air.show import command as show
from bench.air.wisun import frames as wisun
from bench.errors import InputError
from bench.records import NS_PER_S
from tests.air.fields.differences import write_capture
from tests.air.mac_captures import CONTIKI_CONTEXTS, keys_of, need

NODE, ROUTER = bytes.fromhex("024b42fffe000101"), bytes.fromhex("024b42fffe000001")
CAPTURES = {
    "line2-tap-fcs32.pcapng": ("line2", None),
    "contiki-rpl-lite-line4-fcs16.pcap": ("", CONTIKI_CONTEXTS),
    "star3.pcapng": ("", None),
}
"""Captures, whose keys they are read with, contexts."""


class Known:
    """A capture decoded whole, and its index."""

    def __init__(self, path: Path, keys: KeyTable | None, contexts: dict[int, bytes] | None = None) -> None:
        self.index = Index.open(path, keys, contexts)
        decoder = Decoder(keys, contexts)
        self.pairs = [(record, decoder.decode(record)) for record in read_capture(path)]
        start_ns = self.pairs[0][0].time_ns
        self.rows = [Row(frame, record, start_ns) for record, frame in self.pairs]

    def check(self, expression: str) -> int:
        """The same frames both ways; how many."""
        wanted = compile_filter(expression, JSONL_FIELDS)
        numbers = [place for place, row in enumerate(self.rows) if wanted(row)]
        assert set(numbers) <= set(possible_rows(self.index, wanted.hint).tolist()), expression
        found = [row.frame for _, row in indexed_rows(self.index, wanted)]
        assert found == [self.pairs[number][1] for number in numbers], expression
        return len(found)


@cache
def known(name: str, folder: Path) -> Known:
    path = Path(shutil.copy(need(name), folder / name))
    keys, contexts = CAPTURES[name]
    return Known(path, keys_of(keys) if keys else None, contexts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("indexed")


def test_every_column_of_a_hint_is_known() -> None:
    assert set(index_filter._NUMBERS) | set(index_filter._RULES) == COLUMNS
    assert set(JSONL_FIELDS) | set(FIELDS) | GROUPS >= COLUMNS


def _values(name: str, known: Known) -> list[str]:
    """Values of a field in a capture as a filter takes them, and one that is not there."""
    found = list(dict.fromkeys(row.text(name).split(",")[0] for row in known.rows))[:60]
    return [f'"{text}"' if " " in text or not text else text for text in found] or ["0"]


FUNCTIONS = ("len", "count", "string", "upper", "lower", "min", "max", "abs")
OPERATORS = ("==", "!=", "===", "!==", "<", "<=", ">", ">=", "contains", "matches", "in", "not in", "", "[0:2] ==", "&")


@st.composite
def operands(draw: st.DrawFn) -> str:
    """A field of the index or another, what is made of it, or of two."""
    name = draw(
        st.sampled_from(
            sorted((COLUMNS - GROUPS) | {n for n in COLUMNS if "." in n} | {"ipv6.hlim", "udp", "icmpv6", "wpan"})
        )
    )
    form = draw(
        st.sampled_from(("{}", "-{}", "{}[0:2]", "{} & 3", "{} + 1", "{} - 7", "{} * 2", "{} / 3", "{} % 5", "()"))
    )
    if form == "()":
        return f"{draw(st.sampled_from(FUNCTIONS))}({name})"
    return form.format(name)


@st.composite
def made(draw: st.DrawFn, known: Known) -> str:
    left, how = draw(operands()), draw(st.sampled_from(("==", "!=", "===", "!==", "<", ">=", "contains", "in")))
    quantifier = draw(st.sampled_from(("", "any ", "all ")))
    if how == "in":
        return f"{quantifier}{left} in {{{draw(operands())}, {draw(st.integers(0, 9))}}}"
    right = draw(st.one_of(operands(), st.integers(0, 300).map(str), st.sampled_from(_values("ipv6.src", known))))
    return f"{quantifier}{left} {how} {right}"


@st.composite
def relations(draw: st.DrawFn, known: Known) -> str:
    name = draw(st.sampled_from(sorted(COLUMNS | {"info", "ies", "wpan.frame_type", "wisun"})))
    how = draw(st.sampled_from(OPERATORS))
    if name in GROUPS or not how:
        return name
    value = draw(st.sampled_from(_values(name, known)))
    if how in ("in", "not in"):
        return f"{name} {how} {{{value}, {draw(st.sampled_from(_values(name, known)))}}}"
    if how == "[0:2] ==":
        return f"{name}[0:2] == {value[:5].replace(':', '')}"
    if how == "&":
        return f"{name} & 3 == {draw(st.integers(0, 3))}"
    return f"{name} {how} {value}"


def expressions(known: Known) -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(relations(known), made(known)),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from(("and", "or")), inner).map(lambda three: f"({' '.join(three)})"),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=5,
    )


@pytest.mark.parametrize("name", CAPTURES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_random_filters_find_the_same_frames(folder: Path, name: str, data: st.DataObject) -> None:
    one = known(name, folder)
    expression = data.draw(expressions(one))
    try:
        compile_filter(expression, JSONL_FIELDS)
    except InputError:
        return  # an operator that the field has not
    one.check(expression)


@pytest.mark.parametrize(
    ("expression", "at_least"),
    [
        ("icmpv6.rpl.dao && wpan.src64 == 00:0d:6f:ff:fe:03:10:02", 1),
        ("icmpv6.type == 155 and icmpv6.code == 2 and ipv6.src == fd12:3456::20d:6fff:fe03:1002", 1),
        ("ipv6.addr == fd12:3456::/64 and not udp", 10),
        ("wpan.addr64 == 00:0d:6f:ff:fe:03:00:01 and info contains DAO", 1),
        ("kind matches '^P[AC]S?$'", 20),
        ("not (kind == ACK or kind == EAPOL) and frame.time_relative > 60", 10),
        ("src contains '03:10' and number in {1..200}", 10),
        ("eapol && kind == EAPOL", 10),
        ("key_index == none and mic == none", 81),
        ("udp.port == 1 or secured == false", 81),
        ("frame_counter > 99999999999999999999999", 0),
        ("kind == EAPOL and info contains fragment", 0),
    ],
)
def test_filters_that_people_write(folder: Path, expression: str, at_least: int) -> None:
    assert narrows(compile_filter(expression, JSONL_FIELDS).hint)
    assert known("line2-tap-fcs32.pcapng", folder).check(expression) >= at_least


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "wpan.src64 != wpan.dst64",
            "udp.srcport < udp.dstport",
            "not wpan.seq_no == icmpv6.type",
            "ipv6.src < ipv6.dst",
        ),
        *("count(ipv6.addr) == 4", "max(ipv6.src, ipv6.dst) > ipv6.src", "wpan.seq_no - icmpv6.code < wpan.seq_no"),
        *(
            "len(wpan) > wpan.seq_no",
            "wpan.seq_no in {wpan.frame_type, icmpv6.type}",
            "ipv6 contains 9b and udp[0] > 20",
        ),
    ],
)
def test_what_asks_two_columns_is_asked_of_the_frames(folder: Path, expression: str) -> None:
    assert not narrows(compile_filter(expression, JSONL_FIELDS).hint)
    known("line2-tap-fcs32.pcapng", folder).check(expression)


@pytest.mark.parametrize("expression", ["info contains DAO", "kind == PA or wisun", "not (kind == PA and wisun)"])
def test_some_filters_leave_every_row(folder: Path, expression: str) -> None:
    wanted = compile_filter(expression, JSONL_FIELDS)
    one = known("line2-tap-fcs32.pcapng", folder)
    assert not narrows(wanted.hint)
    assert len(possible_rows(one.index, wanted.hint)) == len(one.rows)


@pytest.mark.parametrize(
    "expression",
    [
        "icmpv6.rpl.dao && wpan.src64 == 00:0d:6f:ff:fe:03:10:02",
        "ipv6.src == fd12:3456::20d:6fff:fe03:2003",
        "ipv6.dst == fd12:3456::20d:6fff:fe03:1 && udp",
        "not ipv6.addr == fd12:3456::20d:6fff:fe03:1 and ipv6_dst == fd12:3456::20d:6fff:fe03:2003",
    ],
)
def test_the_index_rules_frames_out(folder: Path, expression: str) -> None:
    """A hint that left all frames in would pass every other test."""
    one = known("line2-tap-fcs32.pcapng", folder)
    wanted = compile_filter(expression, JSONL_FIELDS)
    assert 0 < len(possible_rows(one.index, wanted.hint)) == one.check(expression)
    assert any(len(list(chain(frame.packet))) > 1 for _, frame in one.pairs if frame.packet), "no tunnel to look into"


def _again(path: Path, out: Path, order: list[int]) -> Path:
    """A capture with some frames again, in another order."""
    records = list(read_capture(path))
    with out.open("wb") as file:
        write_marked([records[place] for place in order], (), file)
    return out


@pytest.mark.parametrize("octets", [1 << 11, 1 << 19])
def test_counters_that_do_not_rise_are_told_of_hits_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    """Copies, replays and old frames, in one span and across spans."""
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", octets)
    order = [*range(200), *range(199, 230), *range(150, 160), *range(230, 478), *range(400, 410), 477, 477]
    path = _again(need("line2-tap-fcs32.pcapng"), tmp_path / "again.pcapng", order)
    one = Known(path, keys_of("line2"))
    said = {row.frame.freshness for row in one.rows}
    assert {Freshness.FRESH, Freshness.COPY, Freshness.REPLAY} <= said
    notes = one.index.column("notes")
    late = {Freshness.REPLAY, Freshness.REUSE, Freshness.OLD}
    assert all(notes[place] & UNRISING for place, row in enumerate(one.rows) if row.frame.freshness in late)
    assert one.check("mic == ok and number > 3") > 400
    for freshness in said - {None}:
        alone = [row.frame.number for row in one.rows if row.frame.freshness is freshness][-1]
        assert one.check(f"number == {alone}") == 1


def test_a_counter_used_under_two_indexes_of_one_key_is_told_of_hits(tmp_path: Path) -> None:
    """Counters rise under either index; under the key that both name, they are used again."""
    key = bytes(range(16))
    datagrams = [bytes.fromhex("416000000000003b40") + bytes((number,)) * 32 for number in range(60)]
    path = write_capture(
        tmp_path / "twice.pcapng",
        [
            (number * NS_PER_S, protect(wisun.data(NODE, ROUTER, octets, number), key, 5 + number // 2, 1 + number % 2))
            for number, octets in enumerate(datagrams)
        ],
    )
    one = Known(path, KeyTable([(1, key), (2, key)]))
    said = [row.frame.freshness for row in one.rows]
    assert said == [Freshness.FRESH, Freshness.REUSE] * 30
    assert one.check("key_index == 2 and frame_counter == 20") == 1
    assert one.check("mic == ok and number > 50") == 10
    assert [row for row in range(60) if one.index.column("notes")[row] & UNRISING] == list(range(1, 60, 2))


def test_parts_of_datagrams_are_put_together_for_hits(folder: Path) -> None:
    one = known("contiki-rpl-lite-line4-fcs16.pcap", folder)
    whole = [place for place, row in enumerate(one.rows) if "fragn" in row.frame.layers and row.frame.packet]
    assert len(whole) > 20
    assert one.check(f"number == {whole[-1] + 1}") == 1


def _shown(path: Path, expression: str, fmt: str, keys: str | None) -> str:
    out = io.StringIO()
    try:
        show.decode_command(str(path), keys, fmt, expression, out)
    except InputError as error:
        out.write(f"! {error}")
    return out.getvalue()


@pytest.mark.parametrize("cut", [0, 7])
@pytest.mark.parametrize("fmt", ["table", "jsonl"])
@pytest.mark.parametrize("keys", ["line2", "star3", None])
def test_the_command_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fmt: str, cut: int, keys: str | None
) -> None:
    """With the index and without: lines, a cut end, keys of another network."""
    path = tmp_path / "line2.pcapng"
    octets = need("line2.pcapng").read_bytes()
    path.write_bytes(octets[: len(octets) - cut])
    file = str(need(f"{keys}.ieee802154_keys")) if keys else None
    plain = _shown(path, "kind == DATA and number > 100", fmt, file)
    assert not path.with_name("line2.pcapng.kbx").exists()
    monkeypatch.setattr(selection, "INDEX_FROM_OCTETS", 0)
    for _ in range(2):
        assert _shown(path, "kind == DATA and number > 100", fmt, file) == plain
    assert path.with_name("line2.pcapng.kbx").exists()
    assert plain.count("\n") > 50
    if fmt == "table":
        out = io.StringIO()
        with contextlib.suppress(InputError):
            show.decode_command(str(path), file, fmt, None, out)
        assert set(plain.splitlines()[:50]) < set(out.getvalue().splitlines())  # counted from one record, too


def test_a_compressed_capture_is_read_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "line2.pcapng.gz"
    path.write_bytes(gzip.compress(need("line2.pcapng").read_bytes()))
    one = Known(path, keys_of("line2"))
    assert one.check("kind == EAPOL") > 30
    assert one.check("number == 77") == 1


def test_keys_that_are_learnt_ask_for_every_frame_before(tmp_path: Path) -> None:
    path = Path(shutil.copy(need("line2.pcapng"), tmp_path))
    keys = KeyTable(group_keys=[GroupKey(1, bytes(16))])
    one = Known(path, keys)
    assert not one.index.apart
    assert one.check("kind == EAPOL") > 30


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("wpan.src64 == 00:02:00:ff:fe:42:4b:02 and wpan.seq_no == 0x4a", 1),
        ("ipv6.dst == ff02::1a and icmpv6.type == 155", 1),
        ("wpan.seq_no == 7 || 6lowpan.iphc.cid", 2),
    ],
)
def test_what_can_be_read_of_damaged_frames_is_found(tmp_path: Path, expression: str, count: int) -> None:
    """Their columns are empty, so the index must not decide."""
    octets = (
        # a header IE longer than the frame
        "01ee4acdab" + "02010000feff4b42" + "024b42feff000200" + "7f15",
        # a DAO whose last option is cut
        "41dc4bcdab" + "02010000feff4b42" + "024b42feff000200" + "7b3b3a1a9b02d1b7000000f005120080fd00",
        # an NHC header that nobody knows
        "61dc07cdab" + "0100060504741202" + "0300060504741202" + "7ef300a003060063",
    )
    path = tmp_path / "damaged.pcapng"
    write_capture(path, [(number, bytes.fromhex(text)) for number, text in enumerate(octets)])
    one = Known(path, None)
    assert all("malformed: " in frame.info for _, frame in one.pairs)
    assert one.check(expression) == count
