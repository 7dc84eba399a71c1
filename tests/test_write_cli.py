"""`kenshin decode --write`: what goes into the new capture, what Wireshark says of it, and that nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.air.capture import read_capture
from bench.air.frame import decode_frames
from bench.air.tap import Tap
from bench.errors import InputError
from bench.evidence import Recorder, RunFolder
from bench.records import Observation
from bench.write_cli import write_command
from tests.air.mac_captures import keys_of, need


def write(paths: list[Path], out: Path, **options: object) -> str:
    said: list[str] = []
    write_command([str(path) for path in paths], str(out), say=said.append, **options)  # type: ignore[arg-type]
    assert len(said) == 1
    return said[0]


def shown(path: Path, *fields: str, filter_: str = "") -> list[list[str]]:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    words = [program, "-r", str(path), "-n", "-T", "fields", "-E", "aggregator=|", "-Y", filter_ or "frame"]
    done = subprocess.run(
        [*words, *(word for name in fields for word in ("-e", name))], capture_output=True, text=True, check=True
    )
    return [line.split("\t") for line in done.stdout.splitlines()]


def test_the_frames_that_match_are_written_as_they_were_captured(tmp_path: Path) -> None:
    path, out = need("line2-tap-fcs32.pcapng"), tmp_path / "daos.pcapng"
    keys = str(need("line2.ieee802154_keys"))
    assert write([path], out, keys=keys, expression="icmpv6.rpl.dao or kind == PA") == f"{out}: 15 frames, 0 marks"
    frames = [f for f in decode_frames(read_capture(path), keys_of("line2")) if "DAO seq" in f.info or f.kind == "PA"]
    wanted = [record for record in read_capture(path) if record.number in {frame.number for frame in frames}]
    found = list(read_capture(out))
    same = ("time_ns", "data", "fcs_ok", "rssi_dbm", "channel", "tlvs", "comments")
    assert [[getattr(r, name) for name in same] for r in found] == [[getattr(r, name) for name in same] for r in wanted]
    assert [Tap.of(record) for record in found] == [Tap.of(record) for record in wanted]


def test_several_captures_are_merged_by_their_stamps(tmp_path: Path) -> None:
    """tshark reads every frame, tells its origin, and sees time go forward."""
    paths, out = [need("line2.pcapng"), need("star3-tap-fcs32.pcapng")], tmp_path / "both.pcapng"
    counts = [sum(1 for _ in read_capture(path)) for path in paths]
    assert write(paths, out) == f"{out}: {sum(counts)} frames, 0 marks"
    rows = shown(out, "frame.time_epoch", "frame.comment", "wpan-tap.fcs_type")
    assert len(rows) == sum(counts)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert {row[1] for row in rows} == {path.name for path in paths}
    assert len(shown(out, "frame.number", filter_='frame.comment contains "star3"')) == sum(
        1 for _ in read_capture(paths[1])
    )


def test_what_the_bench_did_stands_beside_the_frames(tmp_path: Path) -> None:
    path, out = need("line2.pcapng"), tmp_path / "marked.pcapng"
    records = list(read_capture(path))
    folder = RunFolder.create(tmp_path / "run", {"seed": 1})
    with Recorder(folder.timeline) as recorder:
        recorder.intent(records[9].time_ns, "feed", "t1", {"on": True})
        recorder.observe(Observation(records[20].time_ns, "bench", "join", "episode.milestone", {"name": "参入"}))
        recorder.observe(Observation(records[30].time_ns, "console.t1", "t1", "console.line", {"text": "no mark"}))
    assert write([path], out, marks=str(folder.path)).endswith("478 frames, 2 marks")
    assert shown(out, "frame.number", "frame.comment", filter_="frame.comment") == [
        ["10", 'intent.feed t1 {"on": true}'],
        ["21", 'episode.milestone join {"name": "参入"}'],
    ]


def test_what_is_wrong_with_a_frame_is_said(tmp_path: Path) -> None:
    octets = bytearray(need("line2.pcapng").read_bytes())
    records = list(read_capture(need("line2.pcapng")))
    frames = list(decode_frames(records, keys_of("line2")))
    sealed = next(frame.number for frame in frames if frame.mic == "ok")
    at = octets.index(records[sealed - 1].data)
    octets[at + len(records[sealed - 1].data) - 1] ^= 1
    (tmp_path / "bad.pcapng").write_bytes(octets)
    out = tmp_path / "out.pcapng"
    write([tmp_path / "bad.pcapng"], out, keys=str(need("line2.ieee802154_keys")))
    assert shown(out, "frame.number", "frame.comment", filter_="frame.comment") == [
        [str(sealed), "kenshin: the MIC is wrong"]
    ]


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    path, out = Path(shutil.copy(need("fixedch.pcapng"), tmp_path)), tmp_path / "out.pcapng"
    before = path.read_bytes()
    (tmp_path / "link.pcapng").symlink_to(path)
    out.write_text("mine")
    for place, force, message in (
        (path, True, "is what is read"),
        (tmp_path / "link.pcapng", True, "is what is read"),
        (out, False, "is there already; expected a new file, or --force"),
        (tmp_path, True, "is a folder"),
        (tmp_path / "no" / "out.pcapng", False, "expected a place to write"),
    ):
        with pytest.raises(InputError, match=message):
            write([path], place, force=force)
    assert (path.read_bytes(), out.read_text()) == (before, "mine")
    write([path], out, force=True)
    assert len(list(read_capture(out))) == 215
    with pytest.raises(InputError, match=r"no\.pcapng: No such file"):
        write([tmp_path / "no.pcapng"], tmp_path / "none.pcapng")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fixedch.pcapng", "link.pcapng", "out.pcapng"]


def test_a_capture_that_is_cut_is_written_up_to_there(tmp_path: Path) -> None:
    cut, out = tmp_path / "cut.pcapng", tmp_path / "out.pcapng"
    cut.write_bytes(need("fixedch.pcapng").read_bytes()[:-7])
    with pytest.raises(InputError, match=r"cut\.pcapng: truncated"):
        write([cut, need("twopan.pcapng")], out)
    assert len(list(read_capture(out))) == 214 + sum(1 for _ in read_capture(need("twopan.pcapng")))


def test_the_command_line(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(["kenshin", "decode", *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    one, two, out = str(need("fixedch.pcapng")), str(need("twopan.pcapng")), str(tmp_path / "out.pcapng")
    assert run(one, two, "--write", out)[::2] == (0, f"kenshin: {out}: 468 frames, 0 marks\n")
    assert run(one, two)[::2] == (2, "kenshin: 2 captures; expected one, or --write FILE to merge them\n")
    assert run(one, "--force")[::2] == (2, "kenshin: --force is for writing; expected --write FILE, too\n")
    code, _, error = run(one, "--write", out, "--frame", "3")
    assert (code, error) == (2, "kenshin: --write and --frame do not go together; expected --write with --filter\n")
