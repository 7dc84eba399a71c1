"""Sightings of a merged air by the bulk decoder against those of the full decoder: every value, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import decode_frames
from bench.air.keys.table import KeyTable
from bench.measurands.air.sightings.heard import OURS, Shut, bulk_rows, decoded_rows
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.spool import Row, Spool, pack, unpack
from bench.measurands.air.sightings.stamps import start_ns
from bench.measurands.air.sniffers.merge import merge
from tests.air.mac_captures import WISUN, keys_of, need

SHARED = [(name, form) for name in WISUN for form in ("", "-tap-fcs32", "-clear") if name != "mbed-line2"]


def merged(name: str, form: str = "") -> list[Record]:
    """What two sniffers heard, one of them every third frame damaged and every second not at all."""
    records = list(read_capture(need(f"{name}{form}.pcapng")))
    poor = [
        attrs.evolve(record, fcs_ok=False, data=record.data[:-1] + b"\x00") if index % 3 == 0 else record
        for index, record in enumerate(records)
        if index % 2
    ]
    return [sent.record for sent in merge({"poor": poor, "good": records})]


@pytest.mark.parametrize(("name", "form"), SHARED)
def test_every_row_is_that_of_the_decoded_frame(name: str, form: str) -> None:
    records = merged(name, form)
    for keys in (keys_of(name), None):
        assert list(bulk_rows(records, keys)) == list(decoded_rows(records, keys))


def test_decoded_rows_are_the_sightings_of_frames_that_the_keys_open() -> None:
    records, keys = merged("fixedch"), keys_of("fixedch")
    ours = [sighting for sighting in sightings(decode_frames(records, keys)) if sighting.mic in OURS]
    rows = list(decoded_rows(records, keys))
    assert rows == [pack(sighting) for sighting in ours]
    assert len(rows) > 100


def test_what_no_key_opens_is_left_out_both_ways() -> None:
    records, wrong = merged("fixedch"), KeyTable([(index, bytes(16)) for index in range(1, 5)])
    found = list(bulk_rows(records, wrong))
    assert found == list(decoded_rows(records, wrong))
    assert 0 < len(found) < len(records)
    assert {unpack(row, 0).mic for row in found} == {"none"}


@pytest.mark.parametrize("rows", [bulk_rows, decoded_rows])
@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({}, True),
        ({"fcs_ok": False}, False),  # damaged
        ({"fcs_ok": None, "fcs_octets": 0}, False),  # nobody can say
        ({"fcs_octets": 2}, False),  # one damaged frame of 65,536 has a right one
    ],
)
def test_a_frame_of_a_node_that_no_key_opens_is_told_apart(
    rows: Callable[[list[Record], KeyTable, Shut], Iterator[Row]], spoilt: dict[str, Any], told: bool
) -> None:
    keys = keys_of("fixedch")
    records = [
        attrs.evolve(one, time_ns=start_ns(one), fcs_ok=True, fcs_octets=4)
        for one in read_capture(need("fixedch.pcapng"))
    ]
    sent = [frame for frame in decode_frames(records, keys) if frame.mic == "ok" and len(frame.src or b"") == 8]
    frame = sent[len(sent) // 2]
    right = next(one for one in records if one.time_ns == frame.time_ns)
    wrong = attrs.evolve(right, data=right.data[:-1] + bytes((right.data[-1] ^ 1,)), **spoilt)
    records.insert(records.index(right) + 1, wrong)
    shut = Shut(keys)
    found = list(rows(records, keys, shut))
    assert [(one.src, one.counter, one.mic) for one in shut.sightings] == (
        [(frame.src, frame.frame_counter, "bad")] if told else []
    )
    without = list(rows([one for one in records if one is not wrong], keys, Shut(keys)))
    assert _opened(found) == _opened(without), "and tells nothing else"


def _opened(rows: list[Row]) -> list[Row]:
    return [row for row in rows if unpack(row, 0).mic == "ok"]


def test_a_neighbours_frames_are_not_kept() -> None:
    """None of its frames is opened."""
    records, wrong = merged("fixedch"), KeyTable([(index, bytes(16)) for index in range(1, 5)])
    shut = Shut(wrong)
    assert list(bulk_rows(records, wrong, shut))
    assert not shut.sightings


def test_rows_of_an_interval_are_those_that_began_in_it() -> None:
    spool = Spool()
    rows = list(decoded_rows(merged("fixedch"), keys_of("fixedch")))
    many = [(row[0], row[1] + lap * 3_600_000_000_000, *row[2:]) for lap in range(30) for row in rows]
    for row in many:
        spool.add(row)
    assert list(spool.rows()) == many
    for first, last in (
        (0, len(many) - 1),
        (10, 20),
        (len(many) // 2, len(many) // 2 + 3000),
        (len(many) - 9, len(many) - 2),
    ):
        since_ns, until_ns = many[first][1], many[last][1]
        assert list(spool.between(since_ns, until_ns)) == [row for row in many if since_ns <= row[1] <= until_ns]
    assert list(spool.between(0, many[0][1] - 1)) == []
