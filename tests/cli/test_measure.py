"""`kenshin measure` on files: its two forms and its one-line errors."""

from __future__ import annotations

import csv
import gzip
import io
import json
import struct
from collections.abc import Sequence
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS
from bench.cli.measure import as_table, measure_command
from bench.errors import InputError
from bench.measurands.air.figures.report import measure
from tests.measurands.air.radio import Radio
from tests.places import CAPTURES

LINE2 = CAPTURES / "line2.pcapng"
KEYS = CAPTURES / "line2.ieee802154_keys"


def test_the_table_is_aligned_and_names_units() -> None:
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.join(10, (1, 0))
    text = as_table(measure(radio.frames()))
    assert "kbit/s" in text
    head, row = text.split("Joins\n")[1].splitlines()[:2]
    end = head.index("join s") + len("join s")
    assert float(row[:end].split()[-1]) == pytest.approx(9.21, abs=0.05)
    assert head.index("kind") == row.index("cold")


def test_the_table_tells_links_and_coverage() -> None:
    out = io.StringIO()
    measure_command(str(LINE2), str(KEYS), "table", out)
    text = out.getvalue()
    assert "captured: 391 of 391 transmissions" in text
    assert "(100.00%; 95 % interval 99.06% to 100.00%)" in text
    head, *rows = text.split("Links\n")[1].splitlines()
    end = head.index("acknowledged") + len("acknowledged")
    assert [row[:end].split()[-3:] for row in rows] == [
        ["64", "64", "100.0%"],
        ["66", "66", "100.0%"],
        ["45", "52", "84.6%"],
        ["46", "46", "100.0%"],
    ]


def test_no_frames_at_all() -> None:
    assert as_table(measure([])) == "no frames\n"


def test_a_truncated_capture_is_measured_as_far_as_it_goes_and_then_an_error(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(LINE2.read_bytes()[:-30])
    out = io.StringIO()
    with pytest.raises(InputError, match=r"cut\.pcapng"):
        measure_command(str(cut), str(KEYS), "json", out)
    assert len(json.loads(out.getvalue())["nodes"]) == 3


def test_wrong_keys_are_named_after_what_is_in_clear(tmp_path: Path) -> None:
    keys = tmp_path / "ieee802154_keys"
    keys.write_text('"00112233445566778899aabbccddeeff","1","No hash"\n')
    out = io.StringIO()
    with pytest.raises(InputError, match=r"none of the .* secured frames"):
        measure_command(str(LINE2), str(keys), "table", out)
    assert "not read" in out.getvalue()


def test_a_given_bit_rate_is_used() -> None:
    out = io.StringIO()
    measure_command(str(LINE2), str(KEYS), "json", out, bitrate_bps=50_000)
    assert json.loads(out.getvalue())["phy"] == {
        "bitrate_bps": 50_000,
        "source": "given",
        "overhead_octets": 12,
        "note": "preamble of 8 octets assumed",
    }


@pytest.mark.parametrize(
    ("path", "keys", "fmt", "rate", "says"),
    [
        ("no-such-file.pcapng", None, "json", None, "no-such-file"),
        ("pyproject.toml", None, "json", None, "pyproject.toml: not a capture"),
        ("x.pcapng", "no-such-keys", "json", None, "no-such-keys"),
        ("x.pcapng", None, "xml", None, "expected one of table, json"),
        ("x.pcapng", None, "json", 7, "--bitrate"),
    ],
)
def test_wrong_input_is_one_line(path: str, keys: str | None, fmt: str, rate: int | None, says: str) -> None:
    out = io.StringIO()
    with pytest.raises(InputError) as caught:
        measure_command(path, keys, fmt, out, rate)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert out.getvalue() == ""


@pytest.mark.parametrize("sniffers", [1, 2])
def test_hops_and_parents_of_a_network_with_contexts(sniffers: int) -> None:
    """Contiki's line of four (README of the captures): each node's parent is the one that tshark reads in its DAO."""
    path, out = CAPTURES / "contiki-rpl-lite-line4.pcapng", io.StringIO()
    measure_command([str(path)] * sniffers, None, "json", out, contexts=["0=fd00::/64"])
    nodes = json.loads(out.getvalue())["nodes"]
    with gzip.open(CAPTURES / "contiki-rpl-lite-line4.tshark.tsv.gz", "rt") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    target, parent = "icmpv6.rpl.opt.target.prefix", "icmpv6.rpl.opt.transit.parent"
    told = {_node(row[target]): _node(row[parent]) for row in rows if row[target] and row[parent]}
    assert {eui64: node["parent"] for eui64, node in nodes.items() if node["parent"]} == told
    assert [node["hops"] for node in nodes.values()] == [0, 1, 2, 3]


def test_packets_whose_ends_cannot_be_read_tell_of_no_node() -> None:
    """Without the contexts that its addresses are compressed against, the same capture still has frames and links."""
    out = io.StringIO()
    measure_command(str(CAPTURES / "contiki-rpl-lite-line4.pcapng"), None, "json", out)
    found = json.loads(out.getvalue())
    assert [node["parent"] for node in found["nodes"].values()] == [None] * 4
    assert len(found["mesh"]["links"]) == 6


def _node(address: str) -> str:
    """The EUI-64 whose interface identifier ends an address (RFC 4291, appendix A)."""
    octets = IPv6Address(address).packed[8:]
    return bytes((octets[0] ^ 2, *octets[1:])).hex(":")


def test_a_wrong_context_is_one_line() -> None:
    with pytest.raises(InputError, match=r"context 'x': expected NUMBER=PREFIX"):
        measure_command("x.pcapng", None, "json", io.StringIO(), contexts=["x"])


def test_several_captures_are_several_sniffers(tmp_path: Path) -> None:
    """One capture cut in two that overlap, as two sniffers: what both heard counts once, and each clock is told."""
    whole, part = io.StringIO(), io.StringIO()
    measure_command(str(LINE2), str(KEYS), "json", whole)
    cut = tmp_path / "second.pcapng"
    cut.write_bytes(LINE2.read_bytes()[:40_000])
    with pytest.raises(InputError, match=r"second\.pcapng"):
        measure_command([str(LINE2), str(cut)], str(KEYS), "json", part)
    alone, both = json.loads(whole.getvalue()), json.loads(part.getvalue())
    first, second = both.pop("sniffers")
    assert both == alone
    assert (first["reference"], first["offset_ns"]) == (str(LINE2), 0)
    assert (second["sniffer"], second["offset_ns"], second["drift_ppm"]) == (str(cut), 0, 0.0)
    assert second["common_frames"] > 50
    assert second["u_offset_ns"] < 1_000


def test_the_table_names_the_sniffers_and_their_clocks(tmp_path: Path) -> None:
    """A second sniffer that heard half the frames, its stamps 250 ms ahead; a third that heard nothing in common."""
    records = list(read_capture(LINE2))
    ahead = tmp_path / "ahead.pcap"
    _write(ahead, [(record.time_ns + 250_000_000, record.data) for record in records[::2]])
    other = tmp_path / "other.pcap"
    _write(other, [(records[0].time_ns + second * 10**9, bytes((0x02, 0, second))) for second in range(3)])
    out = io.StringIO()
    measure_command([str(LINE2), str(ahead), str(other)], str(KEYS), "table", out)
    head, *rows = out.getvalue().split("Sniffers (clocks against the first one's)\n")[1].split("\n\n")[0].splitlines()
    assert head.endswith(" u ppm")
    first, second, third = (row.split() for row in rows)
    assert first[:4] == [str(LINE2), "478", "-", "0.000000"]
    assert (second[0], second[1]) == (str(ahead), "239")
    assert int(second[2]) > 100
    assert float(second[3]) == pytest.approx(250, abs=0.01)
    assert all(float(figure) >= 0 for figure in (second[4], second[6]))
    assert third == [str(other), "3", "0", "-", "-", "-", "-"]


def test_one_capture_has_no_block_of_sniffers() -> None:
    out = io.StringIO()
    measure_command(str(LINE2), str(KEYS), "table", out)
    assert "Sniffers" not in out.getvalue()


def _write(path: Path, frames: Sequence[tuple[int, bytes]]) -> None:
    """A pcap file with nanoseconds, frames without FCS."""
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, NO_FCS)
    records = (struct.pack("<IIII", *divmod(at, 10**9), len(data), len(data)) + data for at, data in frames)
    path.write_bytes(head + b"".join(records))
