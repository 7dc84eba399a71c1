"""Frames by node, kind and time: the same through the index as by decoding all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import decode_frames
from bench.air.index import records, selection
from bench.air.index.selection import Wanted, wanted_frames
from bench.air.ip import packet as ipv6
from bench.errors import InputError
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from tests.air.mac_captures import keys_of, need

NAME = "line2-tap-fcs32.pcapng"


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(selection, "INDEX_FROM_OCTETS", 0)
    return Path(shutil.copy(need(NAME), tmp_path))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_same_frames_as_by_decoding_all(capture: Path, data: st.DataObject) -> None:
    frames = list(decode_frames(read_capture(capture), keys_of("line2")))
    times = st.none() | st.sampled_from([frame.time_ns for frame in frames])
    nodes = st.none() | st.sampled_from(sorted({frame.src for frame in frames if frame.src}))
    kinds = st.none() | st.sampled_from(sorted({frame.kind for frame in frames}))
    wanted = Wanted(data.draw(times), data.draw(times), data.draw(nodes), data.draw(kinds))
    found = [frame for _, frame in wanted_frames(capture, keys_of("line2"), wanted)]
    assert found == [frame for frame in frames if wanted.holds(frame)]
    assert capture.with_name(f"{NAME}.kbx").exists()


def test_a_packets_node_is_its_sender_over_all_hops() -> None:
    """Against the addresses themselves: a forwarded packet is its origin's, a frame without one its own source's."""
    frames = list(decode_frames(read_capture(need(NAME)), keys_of("line2")))
    origins = [(ipv6.innermost(frame.packet).src[8:], frame) for frame in frames if frame.packet]
    nodes = {frame.src for frame in frames if frame.src}
    node, forwarded = next(
        (node, relayed)
        for node in sorted(nodes)
        if (relayed := [f for origin, f in origins if origin == bytes((node[0] ^ 2, *node[1:])) and f.src != node])
    )
    assert forwarded
    mine = [frame for frame in frames if Wanted(node=node).holds(frame)]
    assert {frame.number for frame in forwarded} < {frame.number for frame in mine}
    assert all(frame.src == node for frame in mine if frame.packet is None)


def test_what_is_wrong_is_said_after_the_frames(capture: Path) -> None:
    with pytest.raises(InputError, match="kind 'pa' is unknown; expected one of damaged"):
        next(wanted_frames(capture, None, Wanted(kind="pa")))
    capture.write_bytes(capture.read_bytes()[:-7])
    found: list[object] = []
    with pytest.raises(InputError, match="truncated"):
        found.extend(wanted_frames(capture, None, Wanted(since_ns=0)))
    assert len(found) == 477


@pytest.mark.parametrize("large", [False, True])
def test_a_run_is_asked_by_node_kind_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    folder = RunFolder.create(tmp_path / "run", {})
    Recorder(folder.timeline).close()
    for sniffer in ("s1", "s2"):
        shutil.copy(need(NAME), folder.captures / f"{sniffer}.pcapng")
    shutil.copy(need("line2.ieee802154_keys"), folder.keys)
    if large:
        monkeypatch.setattr(selection, "INDEX_FROM_OCTETS", 0)
    evidence = Evidence.open(folder.path)
    all_of_it = [frame for frame in evidence.frames("s1") if frame.kind == "DATA"]
    assert list(evidence.frames("s1", kind="DATA")) == all_of_it
    times = [frame.time_ns for frame in evidence.frames(kind="DATA", since_ns=all_of_it[9].time_ns)]
    assert times == sorted(time for frame in all_of_it[9:] for time in (frame.time_ns, frame.time_ns))
    assert evidence.sniffers() == ["s1", "s2"]
    assert any(folder.captures.glob("*.kbx")) is large
    monkeypatch.setattr(records, "read_frames", lambda *_: iter(()))
    assert list(evidence.frames("s1", kind="DATA")) == ([] if large else all_of_it)
