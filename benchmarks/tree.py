"""A process and its descendants while they run: memory, processor time, command line (Linux, /proc)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") / 1024


class Running(NamedTuple):
    """One process: resident memory, processor seconds so far, command line with blanks between its words."""

    kib: float
    cpu_s: float
    command: str


def running(root: int) -> dict[int, Running]:
    """The processes that descend from ``root``, itself included, by their ids."""
    children: dict[int, list[int]] = {}
    found: dict[int, Running] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name in brackets may hold anything; what follows it is numbers (proc(5)).
            after = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended between the listing and the look
        pid = int(entry.name)
        children.setdefault(int(after[1]), []).append(pid)
        found[pid] = Running(int(after[21]) * _PAGE_KIB, (int(after[11]) + int(after[12])) / _TICKS, command)
    wanted, waiting = {}, [root]
    while waiting:
        pid = waiting.pop()
        if pid in found:
            wanted[pid] = found[pid]
        waiting += children.get(pid, [])
    return wanted
