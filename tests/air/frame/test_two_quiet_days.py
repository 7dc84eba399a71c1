"""Two days of a real mesh that carries no application traffic: every MIC is right, and every row is tshark's.

35,163 frames of six unmodified daemons on a virtual clock (`tests/data/captures`, idle2days): what a night of
sniffing looks like. The table of ``kenshin decode``, which another decoder makes, is held to this one's in
`tests/air/bulk`.
"""

from __future__ import annotations

import io
import json
from collections import Counter

import pytest

from bench.air.show.command import decode_command
from bench.air.wisun.frames import WisunFrameType
from tests.air.mac_captures import need, table
from tests.skips import ONCE

pytestmark = [ONCE, pytest.mark.slow]

COLUMNS = {
    "number": "frame.number",
    "seq": "wpan.seq_no",
    "src": "wpan.src64",
    "dst": "wpan.dst64",
    "frame_counter": "wpan.aux_sec.frame_counter",
    "key_index": "wpan.aux_sec.key_index",
}
"""Our fields, and tshark's that must say the same."""


@pytest.fixture(scope="module")
def rows() -> list[dict[str, object]]:
    out = io.StringIO()
    decode_command(str(need("idle2days.pcapng")), str(need("idle2days.ieee802154_keys")), "jsonl", None, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.fixture(scope="module")
def theirs() -> list[dict[str, str]]:
    return list(table("idle2days.tshark.tsv.gz"))


def test_every_secured_frame_has_the_right_mic(rows: list[dict[str, object]], theirs: list[dict[str, str]]) -> None:
    mics = Counter((row["mic"], row["frame_counter"] is not None) for row in rows)
    assert set(mics) == {("ok", True), ("none", False)}
    assert mics["ok", True] == sum(bool(row["wpan.mic"]) for row in theirs)


def test_kinds_are_those_that_tshark_counts(rows: list[dict[str, object]], theirs: list[dict[str, str]]) -> None:
    told = Counter(WisunFrameType(int(row["wisun.uttie.type"], 0)).name for row in theirs)
    assert Counter(row["kind"] for row in rows) == told
    assert told["PA"] == 12_004, "and the README of the captures says so"


def test_every_row_is_tsharks(rows: list[dict[str, object]], theirs: list[dict[str, str]]) -> None:
    assert len(rows) == len(theirs) == 35_163
    for row, told in zip(rows, theirs, strict=True):
        for ours, name in COLUMNS.items():
            text = told[name]
            wanted: object = (text or None) if ours in ("src", "dst") else int(text, 0) if text else None
            assert row[ours] == wanted, f"frame {row['number']} {name}"
