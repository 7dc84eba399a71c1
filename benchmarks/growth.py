"""How the cost of a run grows with terminals: the steady week of 10, 30 and 100 of them, air captured, judged, sealed.

    python -m benchmarks.growth [--terminals 10 30 100] [--episode NAME]...

The terminals hang at the three smart meters of the default topology, and one sniffer hears all of them. Prints a line a
run: processor seconds of bench and twin, and how many times those of the first run they are, in all and by frame.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs

from bench.air.capture.capture import read_capture
from benchmarks.timing import KENSHIN, machine
from benchmarks.tree import Running, running

ROOT: Final = Path(__file__).parent.parent
TERMINALS: Final = (10, 30, 100)
METERS: Final = 3
SAMPLE_S: Final = 0.2

RIG: Final = """\
imports: [devices.resources]
targets:
  main:
    resources:
      - TwinControl: {{name: control, address: !template "$LG_TWIN_CONTROL"}}
      - ScpiSocket: {{name: supply.ac, host: !template "$LG_TWIN_SUPPLY_AC_HOST",
                     port: !template "$LG_TWIN_SUPPLY_AC_PORT"}}
      - ConnectionServer: {{name: server, url: !template "$LG_TWIN_SERVER_URL"}}
      - PcapngStreamSniffer: {{name: sniffer.s1, host: !template "$LG_TWIN_SNIFFER_S1_HOST",
                              port: !template "$LG_TWIN_SNIFFER_S1_PORT"}}
      - for: {{n: 1..{count}}}
        each:
          - RawSerialPort: {{name: "panel.t{{n}}", port: !template "$LG_TWIN_PANEL_T{{n}}", speed: 115200}}
          - RawSerialPort: {{name: "meter.t{{n}}.gas", port: !template "$LG_TWIN_METER_T{{n}}_GAS", speed: 115200}}
    drivers:
      - ScpiSupplyDriver: {{name: supply.ac, bindings: {{socket: supply.ac}}, model: gwinstek-asr2000}}
      - ConnectionServerDriver: {{name: server, bindings: {{server: server}}}}
      - SnifferDriver: {{name: sniffer.s1, bindings: {{stream: sniffer.s1}}}}
      - for: {{n: 1..{count}}}
        each:
          - PanelDriver: {{name: "panel.t{{n}}", bindings: {{wire: "panel.t{{n}}"}}}}
          - MeterDriver: {{name: "meter.t{{n}}.gas", bindings: {{wire: "meter.t{{n}}.gas"}}}}
options:
  bench:
    clock: twin
    topology: topology.yaml
    hold_s: 600
    rf_environment: conducted
    keys: {{network_name: kenshin-twin, gtks: ["6b:65:6e:73:68:69:6e:2d:74:77:69:6e:2d:67:74:6b"]}}
    server: server
    sniffers: {{s1: sniffer.s1}}
    mains: {{supply: supply.ac, channel: 1, volts: 100.0, amps: 1.0, safe: off}}
    terminals:
      t{{n}}:
        for: {{n: 1..{count}}}
        each:
          eui64: "02:4b:42:ff:fe:00:02:{{n:02x}}"
          smart_meter_hops: 1
          panel: "panel.t{{n}}"
          meters: {{"t{{n}}.gas": "meter.t{{n}}.gas"}}
"""
TERMINAL: Final = """\
name: growth
maker: stand-in
type: store
radio_methods: [wi-sun-fan-1.1]
functions: [periodic-reading, on-demand-reading, history, alarms]
timers: TEST
observable: {{power: no, installation_key: yes, indicator: yes, meter_port: emulator, air_keys: yes}}
samples:
  - for: {{n: 1..{count}}}
    each: {{id: "t{{n}}", serial: "V-{{n:04d}}", eui64: "02:4b:42:ff:fe:00:02:{{n:02x}}",
           hardware: h1, firmware: f1, meters: ["t{{n}}.gas"]}}
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Cost of a run by number of terminals.")
    parser.add_argument("--terminals", type=int, nargs="+", default=TERMINALS)
    parser.add_argument("--episode", action="append", help="default: steady")
    parser.add_argument("--keep", type=Path, help="keep runs and rigs here")
    options = parser.parse_args()
    print(machine())
    first: Spent | None = None
    with _folder(options.keep) as folder:
        for count in options.terminals:
            spent = one_run(folder / str(count), count, options.episode or ["steady"])
            first = first or spent
            print(spent.told(first), flush=True)


@attrs.frozen
class Spent:
    """What a run of so many terminals took: processor seconds of bench and twin, wall seconds, MB, frames captured."""

    terminals: int
    bench_s: float
    twin_s: float
    wall_s: float
    peak_mb: float
    frames: int

    def told(self, first: Spent) -> str:
        """One line, with ratios to a smaller run."""
        return (
            f"{self.terminals:>4} terminals {self.frames:>8} frames  wall {self.wall_s:6.1f} s  {self.peak_mb:5.0f} MB"
            f"  bench {self.bench_s:6.1f} s ({self._grown(first, 'bench_s')})"
            f"  twin {self.twin_s:6.1f} s ({self._grown(first, 'twin_s')})"
        )

    def _grown(self, first: Spent, name: str) -> str:
        grown = getattr(self, name) / getattr(first, name)
        return f"x{grown:.1f}, a frame x{grown * first.frames / max(self.frames, 1):.2f}"


def one_run(folder: Path, count: int, episodes: list[str]) -> Spent:
    """Drive, judge and seal one run of ``count`` terminals."""
    folder.mkdir(parents=True)
    (folder / "topology.yaml").write_text(topology(count), encoding="utf-8")
    (folder / "rig.yaml").write_text(RIG.format(count=count), encoding="utf-8")
    (folder / "terminal.yaml").write_text(TERMINAL.format(count=count), encoding="utf-8")
    asked = [word for name in episodes for word in ("--episode", name)]
    files = ["--rig", str(folder / "rig.yaml"), "--terminal", str(folder / "terminal.yaml")]
    begun = time.monotonic()
    peak_kib, seen = 0.0, dict[int, Running]()
    with (folder / "said.txt").open("wb") as said:
        command = [*KENSHIN, "run", *files, *asked, "--out", str(folder / "run")]
        process = subprocess.Popen(command, stdout=said, stderr=said, cwd=ROOT)
        while process.poll() is None:
            now = running(process.pid)
            peak_kib = max(peak_kib, sum(one.kib for one in now.values()))
            seen |= now
            time.sleep(SAMPLE_S)
    wall_s = time.monotonic() - begun
    if process.returncode != 4:  # a part of the plan
        print((folder / "said.txt").read_text(encoding="utf-8")[-2000:], file=sys.stderr)
        raise SystemExit(f"the run ended with {process.returncode}")
    frames = sum(1 for capture in (folder / "run" / "captures").glob("*.pcapng") for _ in read_capture(capture))
    twin_s = sum(one.cpu_s for one in seen.values() if " twin " in one.command)
    bench_s = seen[process.pid].cpu_s
    return Spent(count, bench_s, twin_s, wall_s, peak_kib / 1024, frames)


def topology(count: int) -> str:
    """The default topology with so many terminals of one meter each at its three smart meters, and one sniffer."""
    plain = (ROOT / "fixtures" / "topologies" / "default.yaml").read_text(encoding="utf-8")
    head, _, rest = plain.partition("terminals:\n")
    supplies = rest[rest.index("  - id: ac") : rest.index("utilities:")]
    each = [
        f"""\
  - id: t{n}
    eui64: "02:4b:42:ff:fe:00:02:{n:02x}"
    parent: m{1 + n % METERS}
    upload_offset_s: {1200 + 60 * n}
    panel: devices.panel.impersonator:PanelImpersonator
    meter_port: devices.meter.impersonator:MeterImpersonator
    meters: [{{id: gas, serial: "SG-{n:04d}", index: {1000 + n}}}]
"""
        for n in range(1, count + 1)
    ]
    heard = ", ".join(["br: -50", "m1: -45", "m2: -50", "m3: -55", *(f"t{n}: -60" for n in range(1, count + 1))])
    sniffers = f"\nsniffers:\n  - {{id: s1, hears: {{{heard}}}}}\n\nsupplies:\n"
    return head + "terminals:\n" + "".join(each) + sniffers + supplies


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        yield kept
        return
    with tempfile.TemporaryDirectory() as scratch:
        yield Path(scratch)


if __name__ == "__main__":
    main()
