"""`kenshin decode --write`: what goes into the new capture, what Wireshark says of it, and that nothing is lost."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from bench import kinds
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.capture.marked import write_marked
from bench.air.capture.tap import Tap
from bench.air.frame.decoder import decode_frames
from bench.cli.write import write_command
from bench.errors import InputError
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.measurands.air.sightings.stamps import start_ns
from bench.records import Observation
from tests.air.mac_captures import keys_of, need


def write(paths: list[Path], out: Path, **options: object) -> str:
    said: list[str] = []
    write_command([str(path) for path in paths], str(out), say=said.append, **options)  # type: ignore[arg-type]
    assert len(said) == (1 if len(paths) == 1 else 1 + len(paths))
    return "\n".join(said)


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


def test_captures_that_share_nothing_keep_their_stamps(tmp_path: Path) -> None:
    """tshark reads every frame, tells its origin, and sees time go forward."""
    paths, out = [need("line2.pcapng"), need("star3-tap-fcs32.pcapng")], tmp_path / "both.pcapng"
    records = [record for path in paths for record in read_capture(path)]
    assert write(paths, out).splitlines() == [
        f"{out}: {len(records)} frames, 0 marks",
        "line2.pcapng: its clock is the one of all stamps",
        "star3-tap-fcs32.pcapng: too few frames in common with the others to tell its clock; stamps as they were",
    ]
    rows = shown(out, "frame.time_epoch", "frame.comment")
    assert [row[0] for row in rows] == [_epoch(stamp) for stamp in sorted(map(start_ns, records))]
    assert {row[1] for row in rows} == {"heard by line2.pcapng", "heard by star3-tap-fcs32.pcapng (-60 dBm)"}


def _epoch(time_ns: int) -> str:
    return f"{time_ns // 10**9}.{time_ns % 10**9:09d}"


def skewed(path: Path, out: Path, offset_ns: int, drift_ppm: int) -> Path:
    """A capture as a sniffer with another clock stamps it."""
    records = list(read_capture(path))
    zero_ns = records[0].time_ns

    def moved(record: Record) -> Record:
        stamps = {name: getattr(record, name) for name in ("time_ns", "start_ns", "end_ns")}
        wrong = {n: t + offset_ns + (t - zero_ns) * drift_ppm // 1_000_000 for n, t in stamps.items() if t is not None}
        return attrs.evolve(record, **wrong)

    with out.open("wb") as file:
        write_marked(map(moved, records), (), file)
    return out


@pytest.mark.parametrize("form", ["", "-tap-fcs32"])
def test_each_transmission_once_on_the_first_clock(tmp_path: Path, form: str) -> None:
    """Three sniffers, two of them with wrong clocks: tshark finds the first one's frames and stamps."""
    path, out = need(f"line2{form}.pcapng"), tmp_path / "merged.pcapng"
    late = skewed(path, tmp_path / "late.pcapng", 3_200_000_000, 40)
    early = skewed(path, tmp_path / "early.pcapng", -950_000_000, -25)
    said = write([path, late, early], out).splitlines()
    level = " (-60 dBm)" if form else ""
    names = (path.name, "late.pcapng", "early.pcapng")
    assert said[0] == f"{out}: 478 frames, 0 marks"
    fields = ("frame.time_epoch", "wpan.seq_no", "frame.len", "wpan.aux_sec.frame_counter")
    columns = shown(out, *fields)
    once = tmp_path / "once.pcapng"
    write([path], once)
    assert [row[1:] for row in columns] == [row[1:] for row in shown(once, *fields)]
    assert [row[0] for row in columns] == [_epoch(start_ns(record)) for record in read_capture(path)]
    assert len(columns) == 478
    assert {row[0] for row in shown(out, "frame.comment")} == {
        f"heard by {', '.join(f'{name}{level}' for name in names)}"
    }
    zero_ns = next(iter(read_capture(path))).time_ns
    told = re.compile(
        r"(\w+)\.pcapng: ([+-][\d.]+) s against \S+ at ([\d.]+) "
        r"\(standard uncertainty ([\d.e-]+) us\), drift ([+-][\d.]+) ppm \(([\d.e-]+) ppm\), from (\d+) common frames"
    )
    for line, (offset_s, ppm) in zip(said[2:], ((3.2, 40), (-0.95, -25)), strict=True):
        found = told.fullmatch(line)
        assert found is not None, line
        offset, at, u_us, drift, u_ppm, pairs = map(Decimal, found.groups()[1:])
        true = Decimal(str(offset_s)) + (at - Decimal(zero_ns) / 10**9) * ppm / 10**6
        assert abs(offset - true) < Decimal("2e-9")
        assert abs(drift - ppm) < Decimal("0.001")
        assert (u_us < Decimal("0.5"), u_ppm < Decimal("0.001"), pairs > 200) == (True, True, True)
    octets = out.read_bytes()
    assert all(octets.count(line.encode()) == 1 for line in said[1:])


def test_who_heard_what_can_be_filtered_and_nothing_is_lost(tmp_path: Path) -> None:
    """A deaf sniffer, its copy of the counters no replay, a comment of a capture kept."""
    path, deaf, out = need("line2.pcapng"), tmp_path / "deaf.pcapng", tmp_path / "out.pcapng"
    records = list(read_capture(path))
    heard = [attrs.evolve(records[0], comments=("rain",)), *records[1::3]]
    with deaf.open("wb") as file:
        write_marked(heard, (), file)
    write([path, deaf], out, keys=str(need("line2.ieee802154_keys")))
    both = shown(out, "frame.number", filter_='frame.comment contains "deaf"')
    assert len(both) == len(heard)
    assert shown(out, "frame.number", filter_='frame.comment == "rain"') == [["1"]]
    assert shown(out, "frame.number", filter_='frame.comment contains "counter"') == shown(
        _written_once(path, tmp_path), "frame.number", filter_='frame.comment contains "counter"'
    )
    numbered = tmp_path / "numbered.pcapng"
    assert write([path, deaf], numbered, expression="number > 470").startswith(f"{numbered}: 8 frames")


def _written_once(path: Path, folder: Path) -> Path:
    once = folder / "once.pcapng"
    write([path], once, keys=str(need("line2.ieee802154_keys")))
    return once


def test_what_cannot_be_merged_is_said(tmp_path: Path) -> None:
    path, out = need("line2.pcapng"), tmp_path / "out.pcapng"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"pipe: is no file; several captures are read twice"):
        write([path, tmp_path / "pipe"], out)
    later = list(read_capture(path))[40:]
    with (tmp_path / "power_on.pcapng").open("wb") as file:
        write_marked([attrs.evolve(r, time_ns=r.time_ns - later[0].time_ns) for r in later], (), file)
    with pytest.raises(InputError, match=r"frame 1: stamp -[\d.]+ s; expected one from 1970 on"):
        write([tmp_path / "power_on.pcapng", path], out)
    assert not out.exists()


def test_what_the_bench_did_stands_beside_the_frames(tmp_path: Path) -> None:
    path, out = need("line2.pcapng"), tmp_path / "marked.pcapng"
    records = list(read_capture(path))
    folder = RunFolder.create(tmp_path / "run", {"seed": 1})
    with Recorder(folder.timeline) as recorder:
        recorder.intent(records[9].time_ns, kinds.INTENT_FEED, "t1", {"on": True})
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


def test_no_device_pipe_or_evidence_is_written_over(tmp_path: Path) -> None:
    """Not with ``--force``, and not by a link either: a pipe stands for all that is no plain file."""
    path, run = need("fixedch.pcapng"), tmp_path / "run"
    (run / "captures").mkdir(parents=True)
    (run / "run.yaml").write_text("format: 6\n")
    evidence = Path(shutil.copy(need("twopan.pcapng"), run / "captures" / "s2.pcapng"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to_pipe").symlink_to(tmp_path / "pipe")
    (tmp_path / "to_evidence").symlink_to(evidence)
    (run / "outward.pcapng").symlink_to(tmp_path / "outside.pcapng")
    before = evidence.read_bytes()
    for place, message in (
        (tmp_path / "pipe", "is no plain file"),
        (tmp_path / "to_pipe", "is no plain file"),
        (evidence, "lies in the run"),
        (tmp_path / "to_evidence", "lies in the run"),
        (run / "outward.pcapng", "lies in the run"),
        (run / "captures" / "new.pcapng", "lies in the run"),
        (Path("-"), "-: names no file; expected one to write"),
    ):
        with pytest.raises(InputError, match=message):
            write([path], place, force=True)
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert (tmp_path / "to_evidence").is_symlink()
    assert evidence.read_bytes() == before
    assert not Path("-").exists()
    assert sorted(one.name for one in (run / "captures").iterdir()) == ["s2.pcapng"]


def test_a_capture_that_is_cut_is_written_up_to_there(tmp_path: Path) -> None:
    cut, out = tmp_path / "cut.pcapng", tmp_path / "out.pcapng"
    cut.write_bytes(need("fixedch.pcapng").read_bytes()[:-7])
    with pytest.raises(InputError, match=r"cut\.pcapng: truncated"):
        write([cut, need("twopan.pcapng")], out)
    assert len(list(read_capture(out))) == 214 + sum(1 for _ in read_capture(need("twopan.pcapng")))


def test_the_command_line(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "bench.cli", "decode", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr

    one, two, out = str(need("fixedch.pcapng")), str(need("twopan.pcapng")), str(tmp_path / "out.pcapng")
    code, _, told = run(one, two, "--write", out)
    assert (code, told.splitlines()[0]) == (0, f"kenshin: {out}: 468 frames, 0 marks")
    assert [line.split(": ")[1] for line in told.splitlines()[1:]] == ["fixedch.pcapng", "twopan.pcapng"]
    assert run(one, two)[::2] == (2, "kenshin: 2 captures; expected one, or --write FILE to merge them\n")
    assert run(one, "--force")[::2] == (2, "kenshin: --force is for writing; expected --write FILE, too\n")
    code, _, error = run(one, "--write", out, "--frame", "3")
    assert (code, error) == (2, "kenshin: --write and --frame do not go together; expected --write with --filter\n")
