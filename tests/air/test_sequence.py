"""A capture as people use it from Python: what README shows, filters, positions, what is wrong."""

from __future__ import annotations

import os
import re
import shutil
import threading
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import decode_frames
from bench.air.index import selection
from bench.air.sequence import Capture
from bench.errors import InputError
from tests.air.mac_captures import keys_of, need
from tests.places import ROOT

DAOS = "icmpv6.rpl.dao && wpan.src64 == 00:0d:6f:ff:fe:03:10:02"


@pytest.mark.parametrize("large", [False, True])
def test_frames_of_a_filter_are_a_sequence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    path = Path(shutil.copy(need("line2.pcapng"), tmp_path))
    monkeypatch.setattr(selection, "INDEX_FROM_OCTETS", 0 if large else 1 << 30)
    frames = list(decode_frames(read_capture(path), keys_of("line2")))
    wanted = [frame.number for frame in frames if frame.kind == "DATA" and "rpl" in frame.layers]
    capture = Capture(path, keys=need("line2.ieee802154_keys"))
    found = capture.where("kind == DATA and layers contains rpl")
    assert found
    assert found[2].number == wanted[2]
    assert [frame.number for frame in found] == wanted
    assert (len(found), found[-1].number) == (len(wanted), wanted[-1])
    assert [frame.number for frame in found[1:3]] == wanted[1:3]
    assert found[0] == capture[wanted[0] - 1]
    assert not capture.where("number > 100000")
    with pytest.raises(IndexError):
        found[len(wanted)]
    assert path.with_name("line2.pcapng.kbx").exists() is large


def test_a_filter_is_looked_for_as_far_as_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(path: Path | str) -> object:
        for record in read_capture(path):
            read.append(record.number)
            yield record

    monkeypatch.setattr(selection, "read_capture", counted)
    found = Capture(need("line2.pcapng")).where("kind == PAS")
    assert read == []
    assert found[0].kind == "PAS"
    assert read[-1] == found[0].number < 478


def test_fields_by_their_names() -> None:
    frame = Capture(need("line2.pcapng"), need("line2.ieee802154_keys")).where(DAOS)[0]
    assert frame["wpan.src64"] == bytes.fromhex("000d6ffffe031002")
    assert isinstance(frame["icmpv6.rpl.dao.sequence"], int)
    assert frame["kind"] == "DATA"
    assert isinstance(frame["ies"], list)
    assert frame["udp.port"] is None
    with pytest.raises(KeyError, match=r"udp\.prot"):
        frame["udp.prot"]


def test_mistakes_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        Capture(tmp_path / "none.pcapng")
    with pytest.raises(InputError, match=r"none\.keys"):
        Capture(need("line2.pcapng"), keys=tmp_path / "none.keys")
    with pytest.raises(InputError, match="unknown field 'foo'"):
        Capture(need("line2.pcapng")).where("foo == 1")
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(need("line2.pcapng").read_bytes()[:-7])
    capture = Capture(cut)
    assert len(capture.where("number > 470")) == 7
    assert "truncated" in capture.damage
    assert len(capture) == 477


def test_the_readmes_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's Python is run as it stands, on a capture of that name."""
    text = (ROOT / "README.md").read_text("utf-8")
    [example] = [code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "bench.air.sequence" in code]
    shutil.copy(need("line2.pcapng"), tmp_path / "night.pcapng")
    shutil.copy(need("line2.ieee802154_keys"), tmp_path / "keys.txt")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    shown = capsys.readouterr().out
    assert "RPL DAO seq=" in shown
    assert "###[ " in shown, "scapy's own view of a packet"


def test_a_pipe_is_read_once_and_kept(tmp_path: Path) -> None:
    pipe, octets = tmp_path / "pipe", need("line2.pcapng").read_bytes()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(octets,))
    writer.start()
    capture = Capture(pipe)
    writer.join()
    assert len(capture) == 478
    assert len(capture.where("kind == PA")) == len(Capture(need("line2.pcapng")).where("kind == PA")) > 0
