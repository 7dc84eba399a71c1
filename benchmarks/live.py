"""Eight live sniffers while a plan runs: what is lost, and what it costs (Linux, /proc).

    python benchmarks/live.py [--minutes 10] [--traffic FOLDER]

One bench process drives a plan in wall time (`kenshin run` on a rig with ``clock: wall``): the twin's ports, kept at
the host's time, and eight further sniffers on TCP. Each sends 500 frames a second, paced against the clock, of a mesh
of its own (`make_traffic`: encrypted, no frame twice). The bench records all of it; for each recorded file a `kenshin
decode --follow` decodes as it grows. At the end sent, recorded and decoded are compared: recorded octet for octet,
decoded frame for frame.

The plan's episodes are joins and round trips, each judged when it is over; weeks are left out, as wall time does not
hurry. The traffic is
made first, about 100 us a frame; ``--traffic`` keeps it for a further run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import Pool
from pathlib import Path
from typing import IO, Final

import attrs
from live_parts import Counted, Sniffers, Used, digest, real_time, used
from make_traffic import make
from ruamel.yaml import YAML
from timing import KENSHIN, machine

from fixtures.rig.twin_process import TwinProcess, lg_variables

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"
FIRST_SEED: Final = 101
SETTLED_S: Final = 1800
"""Virtual seconds that the twin's mesh gets before the plan: it is made to stand, not watched forming."""
JOINS_S: Final = 240
ROUND_TRIP_S: Final = 110
"""About what one join and one round trip of both terminals take, at their random times."""
EPISODES: Final = "join or round_trip"
LOOK_S: Final = 0.25
STUCK_S: Final = 60.0
"""Decoders that give nothing for so long will not give the rest."""


def traffic(folder: Path, streams: int, frames: int) -> list[Path]:
    """A capture of ``frames`` frames for each stream with its key file; those that are there already are taken."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"s{number}.pcapng" for number in range(1, streams + 1)]
    missing = [
        (path, frames, FIRST_SEED + at, frames)
        for at, path in enumerate(paths)
        if not path.with_suffix(".ieee802154_keys").exists()  # written last
    ]
    with Pool() as pool:
        pool.starmap(make, missing, chunksize=1)
    return paths


def rig_file(folder: Path, addresses: list[tuple[str, int]]) -> Path:
    """The virtual rig's file as a lab's: on wall time, with the live sniffers beside its own."""
    yaml = YAML()
    rig = yaml.load(FIXTURES / "rigs" / "virtual.yaml")
    bench, main = rig["options"]["bench"], rig["targets"]["main"]
    bench["clock"] = "wall"
    del bench["topology"]
    for number, (host, port) in enumerate(addresses, 1):
        name = f"sniffer.live{number}"
        main["resources"].append({"PcapngStreamSniffer": {"name": name, "host": host, "port": port}})
        main["drivers"].append({"SnifferDriver": {"name": name, "bindings": {"stream": name}}})
        bench["sniffers"][f"live{number}"] = name
    path = folder / "wall.yaml"
    yaml.dump(rig, path)
    return path


def profile(folder: Path, minutes: float) -> Path:
    """A profile whose episodes last a little longer than ``minutes`` of wall time."""
    rounds = max(1, math.ceil((minutes * 60 - JOINS_S) / ROUND_TRIP_S))
    path = folder / "live.yaml"
    plan = {"name": "live", "purpose": "goes on while eight sniffers stream; supports no claim", "joins": 1}
    path.write_text(json.dumps({**plan, "round_trips": rounds, "alarms": 1, "steady_days": 1, "outage_days": 8}))
    return path


@attrs.define
class Run:
    """The processes of one measurement, and what was counted while they ran."""

    bench: subprocess.Popen[bytes]
    followers: list[subprocess.Popen[bytes]]
    counted: list[Counted]
    pids: dict[str, list[int]]
    begun: dict[int, Used] = attrs.field(factory=dict)
    ended: dict[int, Used] = attrs.field(factory=dict)

    def look(self, now: dict[int, Used]) -> None:
        """Note what each process has used by now."""
        for pids in self.pids.values():
            now.update((pid, used(pid)) for pid in pids)

    def table(self, wall_s: float, frames: int) -> str:
        """Processor time and peak memory by kind of process, since streaming began."""
        lines = [f"{'process':<22} {'cpu s':>8} {'of a core':>10} {'us a frame':>11} {'peak MB':>8}"]
        total = 0.0
        for name, pids in self.pids.items():
            cpu_s = sum(self.ended[pid].cpu_s - self.begun[pid].cpu_s for pid in pids)
            peak = max(self.ended[pid].peak_mb for pid in pids)
            total += cpu_s
            lines.append(f"{name:<22} {cpu_s:>8.1f} {cpu_s / wall_s:>10.1%} {cpu_s / frames * 1e6:>11.1f} {peak:>8.0f}")
        lines.append(f"{'together':<22} {total:>8.1f} {total / wall_s:>10.1%}")
        return "\n".join(lines)


def follow(capture: Path, keys: Path) -> subprocess.Popen[bytes]:
    """`kenshin decode --follow` on a recorded stream."""
    command = [*KENSHIN, "decode", str(capture), "--keys", str(keys), "--follow", "--format", "jsonl"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stream(run: Run, sniffers: Sniffers, captures: list[Path]) -> None:
    """Watch until every frame was sent, recorded and decoded. Ends the program where it stops before that."""
    look_at = 0.0
    decoded, moved_at = 0, 0.0
    while True:
        for one, follower in zip(run.counted, run.followers, strict=True):
            one.take(follower.stdout)
        now = time.monotonic()
        finished = sniffers.finished
        if finished or now >= look_at:
            look_at = now + LOOK_S
            for at, one in enumerate(run.counted):
                one.look(*sniffers.sent(at), captures[at].stat().st_size)
            if run.bench.poll() is not None:
                raise SystemExit(f"the plan ended (exit code {run.bench.returncode}) before the streams did")
        total = sum(one.frames for one in run.counted)
        if total > decoded:
            decoded, moved_at = total, now
        if finished and (all(one.complete for one in run.counted) or now > moved_at + STUCK_S):
            return
        time.sleep(0.02)


def measure(options: argparse.Namespace, folder: Path) -> int:
    """One measurement; 0 where nothing was lost."""
    frames = round(options.rate * options.minutes * 60)
    begin = time.monotonic()
    sources = traffic(options.traffic or folder / "traffic", options.streams, frames)
    print(f"{machine()}; traffic ready after {time.monotonic() - begin:.0f} s", flush=True)
    sniffers = Sniffers.start(sources, options.rate, frames)
    start_ns = time.time_ns() - SETTLED_S * 1_000_000_000
    twin = TwinProcess.start(FIXTURES / "topologies" / "default.yaml", folder / "ready.json", start_ns=start_ns)
    keeper = real_time(twin.control)
    out = folder / "run"
    log: IO[bytes]
    try:
        with (folder / "run.log").open("wb") as log:
            plan = [
                "--rig",
                str(rig_file(folder, sniffers.addresses)),
                "--terminal",
                str(FIXTURES.parent / "testplans" / "declarations" / "virtual-terminal.yaml"),
                "--profile",
                str(profile(folder, options.minutes)),
            ]
            bench = subprocess.Popen(
                [*KENSHIN, "run", *plan, "--out", str(out), "-k", EPISODES],
                env=os.environ | lg_variables(twin.ports, twin.control),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            sniffers.wait_for_the_bench(bench, folder / "run.log")
            captures = [out / "captures" / f"live{number}.pcapng" for number in range(1, options.streams + 1)]
            followers = [
                follow(capture, source.with_suffix(".ieee802154_keys"))
                for capture, source in zip(captures, sources, strict=True)
            ]
            run = Run(
                bench,
                followers,
                [Counted(options.rate) for _ in captures],
                {
                    "bench (plan, recording)": [bench.pid],
                    "decoders": [one.pid for one in followers],
                    "twin": [twin.pid],
                    "twin's time keeper": [keeper.pid or 0],
                    "senders": [sniffers.pid],
                    "this watcher": [os.getpid()],
                },
            )
            run.look(run.begun)
            began = time.monotonic()
            sniffers.go()
            stream(run, sniffers, captures)
            wall_s = time.monotonic() - began
            run.look(run.ended)
            words = _end(followers, run.counted)
            lost = _report(run, sniffers, captures, wall_s, words)
            sys.stdout.flush()
            code = bench.wait()
            print(f"the plan went on for {time.monotonic() - began - wall_s:.0f} s more; exit code {code}")
    finally:
        for process in (sniffers.process, keeper):
            process.terminate()
            process.join()
        twin.shutdown()
    return 1 if lost or code else 0


def _end(followers: list[subprocess.Popen[bytes]], counted: list[Counted]) -> list[str]:
    """Ctrl-C to each decoder; its last line."""
    for follower in followers:
        follower.send_signal(signal.SIGINT)
    words = []
    for follower, one in zip(followers, counted, strict=True):
        rest, said = follower.communicate()
        one.add(rest)
        words.append(f"{said.decode().strip()} (exit code {follower.returncode})")
    return words


def _report(run: Run, sniffers: Sniffers, captures: list[Path], wall_s: float, words: list[str]) -> int:
    """Print all figures; how many frames were lost, of all streams together."""
    print(f"\n{'stream':<8} {'sent':>8} {'recorded':>9} {'decoded':>8} {'MIC ok':>8} {'lost':>5}  worst backlog")
    lost = sent_frames = 0
    for at, (one, capture) in enumerate(zip(run.counted, captures, strict=True)):
        sent, _ = sniffers.sent(at)
        recorded, same = digest(capture)
        equal = same == sniffers.digest(at)
        missing = max(sent - recorded, sent - one.frames, int(not equal))
        lost += missing
        sent_frames += sent
        print(
            f"{capture.stem:<8} {sent:>8} {recorded:>9} {one.frames:>8} {one.verified:>8} {missing:>5}  {one.worst}"
            f"{'' if equal else ', RECORDED OTHERWISE THAN SENT'}{'' if one.in_order else ', NOT IN ORDER'}"
        )
    print(f"{wall_s:.1f} s of streaming and draining; sender: {sniffers.worst}\n")
    print(run.table(wall_s, sent_frames))
    print(f"load averages after {', '.join(f'{value:.1f}' for value in os.getloadavg())}")
    print(f"decoders said: {words[0]}")
    return lost


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Live sniffers while a plan runs.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--rate", type=int, default=500, help="frames a second of each stream")
    parser.add_argument("--traffic", type=Path, metavar="FOLDER", help="keep the traffic here, or take it from here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep run folder and logs here")
    options = parser.parse_args()
    # Started in the background, Ctrl-C is ignored, and the decoders would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if options.keep:
        options.keep.mkdir(parents=True)
        raise SystemExit(measure(options, options.keep))
    with tempfile.TemporaryDirectory() as folder:
        raise SystemExit(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
