"""How long a labgrid place of 30 resources takes until each driver is active: ``python -m benchmarks.place``.

A coordinator and an exporter on this machine, 30 resources that are reached by TCP, and the drivers that a rig file
would name. *labgrid* is ``Environment`` and ``get_driver`` as labgrid's pytest plugin calls them; *kenshin* the same
with the bench's cures and session (``devices.remote``). One process a round; wall seconds, the median.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

ROUNDS: Final = {"kenshin": 3, "labgrid": 1}
"""labgrid's takes minutes."""
RESOURCES: Final = 30


def main() -> None:
    """Print both medians."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with socket.create_server(("127.0.0.1", 0)) as free:
            address = f"127.0.0.1:{free.getsockname()[1]}"
        served = _serve(folder, address)
        try:
            figures = {who: [_round(folder, address, who) for _ in range(rounds)] for who, rounds in ROUNDS.items()}
        finally:
            for process in served:
                process.kill()
                process.wait()
    for who, taken in figures.items():
        print(f"{who:8} {RESOURCES} resources active after {statistics.median(taken):.3f} s ({len(taken)} rounds)")


def _serve(folder: Path, address: str) -> list[subprocess.Popen[str]]:
    names = [f"supply.{n}" for n in range(RESOURCES)]
    lines = ["dut:", *(f"  {name}: {{cls: ScpiSocket, port: {n + 1}}}" for n, name in enumerate(names))]
    (folder / "exporter.yaml").write_text("\n".join(lines) + "\n")
    drivers = [
        f"      - ScpiSupplyDriver: {{name: {name}, model: rigol-dp832, bindings: {{socket: {name}}}}}"
        for name in names
    ]
    head = ["targets:", "  main:", "    resources:", "      - RemotePlace: {name: dut}", "    drivers:"]
    (folder / "rig.yaml").write_text("\n".join([*head, *drivers]) + "\n")
    own = Path(sys.executable).parent
    coordinator = _start([str(own / "labgrid-coordinator"), "-l", address], folder, "Coordinator ready")
    exporter = [sys.executable, "-m", "bench.cli", "exporter", str(folder / "exporter.yaml"), "-c", address]
    served = [coordinator, _start([*exporter, "--hostname", "127.0.0.1", "-n", "lab"], None, "Exporter ready")]
    for words in (("create",), ("add-match", "lab/dut/*"), ("acquire", "--allow-unmatched")):
        if words[0] == "acquire":
            _await_exported(own, address)
        subprocess.run(
            [str(own / "labgrid-client"), "-x", address, "-p", "dut", *words], check=True, stdout=subprocess.DEVNULL
        )
    return served


def _start(command: list[str], folder: Path | None, ready: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if ready in line:
            return process
    raise SystemExit(f"{command[0]} did not start")


def _await_exported(own: Path, address: str) -> None:
    while True:
        said = subprocess.run([str(own / "labgrid-client"), "-x", address, "resources"], capture_output=True, text=True)
        if said.stdout.count("lab/dut/") >= RESOURCES:
            return


def _round(folder: Path, address: str, who: str) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.place", who, str(folder / "rig.yaml"), address],
        env={**os.environ, "LG_COORDINATOR": address},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def inner(who: str, file: str, address: str) -> None:
    """One round in its own process: seconds from the file to 30 active drivers, imports left out."""
    from labgrid import Environment
    from labgrid.resource.remote import RemotePlaceManager

    stock = RemotePlaceManager.poll
    import devices.resources
    from devices.remote.session import Coordinator

    assert devices.resources.RESOURCES
    if who == "labgrid":
        RemotePlaceManager.poll = stock
    began = time.monotonic()
    coordinator = None
    if who == "kenshin":
        coordinator = Coordinator.connect(address)
        coordinator.hold("dut")
        coordinator.lend()
    target = Environment(file).get_target()
    for driver in target.drivers:
        target.activate(driver)
    taken = time.monotonic() - began
    print(json.dumps(taken), flush=True)
    if coordinator is not None:
        coordinator.close()
    os._exit(0)  # labgrid's own session is not closed by anybody


if __name__ == "__main__":
    if len(sys.argv) == 4:
        inner(*sys.argv[1:])
    else:
        main()
