"""The column index: every column is what the full decoder says, and it is never older than its capture."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.air.bulk import pipeline
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.index import build as index_build
from bench.air.index import index
from bench.air.index.columns import ABSENT, BLOCK, COLUMNS, GROUP, KINDS, MICS, ROW
from bench.air.index.index import Index
from bench.air.index.records import read_records
from bench.air.ip.icmpv6 import PROTOCOL as ICMPV6
from bench.air.ip.packet import chain, eui64_of, innermost
from bench.air.ip.udp import Udp
from bench.air.keys.table import KeyTable
from bench.air.rpl import messages as rpl
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, WISUN, keys_of, need


def copied(tmp_path: Path, name: str) -> Path:
    return Path(shutil.copy(need(name), tmp_path / name))


def picked(index: Index, rows: Iterable[int]) -> list[Record]:
    return [record for _, record in read_records(index, np.fromiter(rows, np.int64))]


def frames_of(path: Path, keys: KeyTable | None, contexts: dict[int, bytes] | None = None) -> list[Frame]:
    decoder = Decoder(keys, contexts)
    return [decoder.decode(record) for record in read_capture(path)]


def row_of(frame: Frame) -> dict[str, int]:
    """The columns of a frame, said anew."""
    row = {
        "time_ns": frame.time_ns,
        "frame_counter": ABSENT if frame.frame_counter is None else frame.frame_counter,
        "length_octets": frame.length_octets,
        "kind": KINDS.index(frame.kind),
        "mic": MICS.index(frame.mic),
        "level": frame.mac.security.level if frame.mac and frame.mac.security else 0,
        "seq": ABSENT if frame.seq is None else frame.seq,
        "key_index": ABSENT if frame.key_index is None else frame.key_index,
        "pan": ABSENT if frame.pan is None else frame.pan,
        "src": int.from_bytes(frame.src or b"", "big"),
        "dst": int.from_bytes(frame.dst or b"", "big"),
        "src_octets": len(frame.src or b""),
        "dst_octets": len(frame.dst or b""),
        "protocol": ABSENT,
        "first": 0,
        "second": 0,
    }
    for name, address in (("src", frame.ipv6_src), ("dst", frame.ipv6_dst)):
        row[f"ipv6_{name}_prefix"] = int.from_bytes((address or bytes(16))[:8], "big")
        row[f"ipv6_{name}_interface"] = int.from_bytes((address or bytes(16))[8:], "big")
    headers = list(chain(frame.packet)) if frame.packet is not None else []
    told = len(headers) < 3 and all(inner.final_dst == inner.dst for inner in headers[1:])
    for end in ("src", "dst"):
        octets = getattr(headers[0], end) if headers and told else bytes(16)
        row[f"outer_{end}_prefix"] = int.from_bytes(octets[:8], "big")
        row[f"outer_{end}_interface"] = int.from_bytes(octets[8:], "big")
    if frame.packet is not None:
        inner = innermost(frame.packet)
        row["protocol"] = inner.next_header
        if isinstance(inner.upper, Udp):
            row["first"], row["second"] = inner.upper.src_port, inner.upper.dst_port
        elif inner.next_header == ICMPV6:
            row["first"], row["second"] = inner.payload[0], inner.payload[1]
    return row


@pytest.mark.parametrize(
    "name", [*(f"{name}-tap-fcs32.pcapng" for name in WISUN), *(f"{n}-fcs16.pcap" for n in CONTIKI)]
)
def test_every_column_is_the_full_decoders(tmp_path: Path, name: str) -> None:
    path = copied(tmp_path, name)
    capture = name.removesuffix("-tap-fcs32.pcapng").removesuffix("-fcs16.pcap")
    keys, contexts = keys_of(capture), CONTIKI_CONTEXTS if capture in CONTIKI else None
    index = Index.open(path, keys, contexts)
    wanted = [row_of(frame) for frame in frames_of(path, keys, contexts)]
    assert len(index) == len(wanted) > 100
    assert not index.damage
    for column in wanted[0]:
        assert index.column(column).tolist() == [row[column] for row in wanted], column
    assert set(wanted[0]) | {"offset", "notes"} == set(COLUMNS)


def test_all_daos_of_a_node(tmp_path: Path) -> None:
    """The query that nights of captures are asked, against a search through all frames."""
    path, keys = copied(tmp_path, "line2-tap-fcs32.pcapng"), keys_of("line2")
    frames = frames_of(path, keys)
    index = Index.open(path, keys)
    nodes = {frame.src for frame in frames if frame.src}
    found = 0
    for node in nodes:
        daos = [
            number
            for number, frame in enumerate(frames)
            if frame.packet is not None
            and isinstance(innermost(frame.packet).upper, rpl.Dao)
            and eui64_of(innermost(frame.packet).src) == node
        ]
        assert index.daos(node).tolist() == daos
        found += len(daos)
    assert found == len(index.daos()) >= 3


def test_select_by_kind_address_time_and_column(tmp_path: Path) -> None:
    path, keys = copied(tmp_path, "star3-tap-fcs32.pcapng"), keys_of("star3")
    frames = frames_of(path, keys)
    index = Index.open(path, keys)
    sender, half = frames[0].src, frames[200].time_ns
    assert sender is not None
    asked: tuple[tuple[list[bool], dict[str, Any]], ...] = (
        ([f.kind == "PA" for f in frames], {"kind": "PA"}),
        ([f.mic == "ok" for f in frames], {"mic": "ok"}),
        ([f.src == sender for f in frames], {"src": sender}),
        ([f.dst == sender for f in frames], {"dst": sender}),
        ([f.time_ns < half for f in frames], {"until_ns": half}),
        ([f.time_ns >= half and f.kind == "ACK" for f in frames], {"from_ns": half, "kind": "ACK"}),
        ([f.key_index == 1 for f in frames], {"key_index": 1}),
        ([False for _ in frames], {"seq": 4000}),
    )
    for wanted, given in asked:
        assert index.select(**given).tolist() == np.flatnonzero(wanted).tolist()


def test_records_of_a_pcap_file_are_the_captures(tmp_path: Path) -> None:
    path = copied(tmp_path, "contiki-rpl-lite-line4-fcs16.pcap")
    records = list(read_capture(path))
    assert picked(Index.open(path), [0, 5, 968, 7]) == [records[row] for row in (0, 5, 968, 7)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_records_of_hits_are_the_captures(tmp_path: Path, suffix: str) -> None:
    path = copied(tmp_path, "fixedch-tap-fcs32.pcapng")
    if suffix:
        path.with_suffix(".pcapng.gz").write_bytes(gzip.compress(path.read_bytes()))
        path = path.with_suffix(".pcapng.gz")
    index, records = Index.open(path, keys_of("fixedch")), list(read_capture(path))
    rows = index.select(kind="DATA")
    assert picked(index, rows) == [records[row] for row in rows]
    assert len(rows) > 50


@pytest.mark.parametrize("change", ["longer", "same length", "other keys", "other contexts", "cut index", "no index"])
def test_what_does_not_fit_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    path, keys = copied(tmp_path, "fixedch.pcapng"), keys_of("fixedch")
    built: list[str] = []
    build = index_build.build

    def counted(path: str, *rest: Any) -> index_build.Built:
        built.append(path)
        return build(path, *rest)

    monkeypatch.setattr(index_build, "build", counted)
    kept = tmp_path / "fixedch.pcapng.kbx"
    before = len(Index.open(path, keys))
    assert len(Index.open(path, keys)) == before
    assert (built, kept.exists()) == ([str(path)], True)
    contexts = None
    if change == "longer":
        path.write_bytes(path.read_bytes() + path.read_bytes())
    elif change == "same length":
        octets = bytearray(path.read_bytes())
        octets[-40] ^= 1
        path.write_bytes(octets)
    elif change == "other keys":
        keys = KeyTable()
    elif change == "other contexts":
        contexts = {1: bytes(8)}
    elif change == "cut index":
        kept.write_bytes(kept.read_bytes()[:-1])
    else:
        kept.unlink()
    again = Index.open(path, keys, contexts)
    assert len(built) == 2
    assert len(again) == (2 * before if change == "longer" else before)
    if change == "other keys":
        assert not len(again.select(mic="ok"))


def test_groups_fill_and_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than one group holds, over several spans and processes."""
    octets, path = need("mbed-line2.pcapng").read_bytes(), tmp_path / "long.pcapng"
    head = int.from_bytes(octets[4:8], "little")
    head += int.from_bytes(octets[head + 4 : head + 8], "little")
    path.write_bytes(octets + octets[head:] * 16)
    monkeypatch.setattr(pipeline, "SPAN_OCTETS", 1 << 18)
    index = Index.open(path, None, workers=2)
    one = Index.open(copied(tmp_path, "mbed-line2.pcapng"), None)
    assert len(index) == 17 * len(one) > GROUP
    for name in ("time_ns", "src", "kind", "seq", "length_octets"):
        assert np.array_equal(index.column(name), np.tile(one.column(name), 17))
    rows = index.select(kind="PCS")
    assert rows.tolist() == [n + 4244 * turn for turn in range(17) for n in one.select(kind="PCS").tolist()]
    assert index.column("seq", rows[-3:]).tolist() == one.column("seq", one.select(kind="PCS")[-3:]).tolist()


def test_a_truncated_capture_is_indexed_to_its_end_and_says_so(tmp_path: Path) -> None:
    path = copied(tmp_path, "fixedch-tap-fcs32.pcapng")
    path.write_bytes(path.read_bytes()[:-7])
    for _ in range(2):
        index = Index.open(path)
        assert len(index) == 214
        assert "truncated" in index.damage


def test_several_sections_are_indexed_frame_by_frame(tmp_path: Path) -> None:
    path = copied(tmp_path, "fixedch.pcapng")
    path.write_bytes(path.read_bytes() * 2)
    index, records = Index.open(path), list(read_capture(path))
    assert len(index) == 430
    rows = index.select(kind="PA")
    assert picked(index, rows) == [records[row] for row in rows]


def test_it_lasts_as_long_as_the_object_where_it_cannot_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copied(tmp_path, "fixedch.pcapng")
    (tmp_path / "fixedch.pcapng.kbx").mkdir()
    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda self, *a: opened(tmp_path / "no" / "x", *a) if self.suffix == ".tmp" else opened(self, *a)
    )
    index = Index.open(path)
    assert len(index.select(kind="PA")) == 8
    assert not list(tmp_path.glob("*.tmp"))


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a capture file"):
        Index.open(tmp_path / "none.pcapng")
    (tmp_path / "text").write_text("no capture")
    with pytest.raises(InputError, match="expected pcap or pcapng"):
        Index.open(tmp_path / "text")
    assert not list(tmp_path.glob("*.kbx*"))
    index = Index.open(copied(tmp_path, "fixedch.pcapng"))
    with pytest.raises(InputError, match="no column 'rank'"):
        index.select(rank=1)
    with pytest.raises(InputError, match="kind 'pa' is unknown"):
        index.select(kind="pa")


def test_the_packed_row_is_the_columns() -> None:
    assert BLOCK.itemsize == ROW.itemsize * GROUP + 4 * len(COLUMNS)


@pytest.mark.parametrize("place", ["rows", "damage", "stamp", "a column", "the checks", "every 4096th octet"])
def test_a_damaged_index_never_tells_wrong_rows(tmp_path: Path, place: str) -> None:
    """One octet of the index changed on its disk: the same answer, from an index made anew."""
    path, keys = copied(tmp_path, "line2.pcapng"), keys_of("line2")
    first = Index.open(path, keys)
    wanted, kinds = first.daos().tolist(), first.column("kind").tolist()
    assert wanted
    kept = path.with_name("line2.pcapng.kbx")
    octets = bytearray(kept.read_bytes())
    head, fields = octets[:4096], BLOCK.fields
    assert fields is not None
    for at in {
        "rows": [head.index(b'"rows": ') + 10],
        "damage": [head.index(b'"damage": "') + 10],
        "stamp": [head.index(b'"octets": ') + 10],
        "a column": [4096 + fields["protocol"][1] + 2 * wanted[0]],
        "the checks": [4096 + fields["checks"][1] + 4 * COLUMNS.index("protocol")],
        "every 4096th octet": range(100, len(octets), 4096),
    }[place]:
        octets[at] ^= 1
    kept.write_bytes(octets)
    again = Index.open(path, keys)
    assert again.daos().tolist() == wanted
    assert again.column("kind").tolist() == kinds
    assert [record.number for record in picked(Index.open(path, keys), wanted)] == [row + 1 for row in wanted]


def test_another_decoder_makes_another_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = copied(tmp_path, "fixedch.pcapng")
    Index.open(path)
    before = (tmp_path / "fixedch.pcapng.kbx").stat().st_ino
    Index.open(path)
    assert (tmp_path / "fixedch.pcapng.kbx").stat().st_ino == before
    monkeypatch.setattr(index, "_decoder_version", lambda: "newer")
    Index.open(path)
    assert (tmp_path / "fixedch.pcapng.kbx").stat().st_ino != before


def test_builders_at_the_same_time_do_not_meet(tmp_path: Path) -> None:
    path = copied(tmp_path, "fixedch.pcapng")
    code = "import sys; from bench.air.index.index import Index; print(len(Index.open(sys.argv[1]).select(kind='PA')))"
    begun = [subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) for _ in range(3)]
    assert {process.communicate()[0] for process in begun} == {b"8\n"}
    assert sorted(found.name for found in tmp_path.iterdir()) == ["fixedch.pcapng", "fixedch.pcapng.kbx"]


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> index_build.Built:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(index_build, "build", full)
    with pytest.raises(InputError, match=r"fixedch\.pcapng: no room for its index .No space left on device."):
        Index.open(copied(tmp_path, "fixedch.pcapng"))
    assert [found.name for found in tmp_path.iterdir()] == ["fixedch.pcapng"]
