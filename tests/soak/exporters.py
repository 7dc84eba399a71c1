"""A lab behind a labgrid coordinator, and its exporters as something that is struck.

The serial lines are given away by labgrid's own exporter and ser2net, all else by ``kenshin exporter``. A strike takes
one or both of them with all that they started, for some seconds: in a command, while a bench acquires its place, or
while the coordinator still gives away what came back.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from tests.fixtures.rig.remote_lab import RemoteLab, Served, both_exporters, remote_lab, remote_rig
from tests.twin.lab_process import LabProcess

PLACE: Final = "soak"
THERE: Final = shutil.which("ser2net", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is not None
"""Whether serial lines can be given away here."""


@attrs.define
class Exporters:
    """What a lab is reached through. ``rig_file`` names the place in place of the lab's ports."""

    remote: RemoteLab
    lab: LabProcess
    rig_file: Path
    served: dict[str, Served]

    def strike(self, rng: random.Random, number: signal.Signals) -> str:
        """Kill or stop one exporter or both, for a while; which."""
        chosen = rng.choice((("lines",), ("boxes",), ("lines", "boxes")))
        for name in chosen:
            for pid in self._processes(name):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        time.sleep(rng.choice((0.0, rng.uniform(0.0, 3.0), rng.uniform(3.0, 12.0))))
        for name in chosen:
            if number is signal.SIGSTOP:
                for pid in self._processes(name):
                    os.kill(pid, signal.SIGCONT)
            else:
                self.served[name].process.wait()
                self.served[name] = both_exporters(self.remote, self.lab, PLACE, again=True, only=name)[name]
        return " and ".join(chosen)

    def _processes(self, name: str) -> list[int]:
        """An exporter and what it started (ser2net), which would outlive it."""
        pid = self.served[name].process.pid
        children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
        return [pid, *map(int, children.stdout.split())]


@contextlib.contextmanager
def exported_lab(lab: LabProcess, scratch: Path) -> Iterator[Exporters]:
    """A coordinator and exporters for this lab; all of it ends with the block."""
    with remote_lab(scratch / "labgrid") as remote:
        served = both_exporters(remote, lab, PLACE)
        path = remote_rig(lab, scratch / "remote.yaml")
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("options:\n", f'options:\n  coordinator_address: "{remote.address}"\n', 1))
        yield Exporters(remote, lab, path, served)
