"""The whole plan with thirty bad habits of a laboratory, at once and one by one: no wrong verdict, and the cause right.

python -m tests.soak habits [--at-once | --one-by-one] [--only TEXT] [--jobs 2] [--keep FOLDER]
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import attrs

from bench.records import NS_PER_S
from tests.soak.plan import Plan, planned
from tests.soak.zygote import Zygote

LONGEST_S: Final = 2400.0
"""Wall seconds for one plan, unless asked otherwise: a machine that does other work takes several times as long."""
OF_THE_LAB: Final = "no frame that could be read"
"""A lab's terminals join without a radio: what only the air tells is not decided, whatever else is odd."""
ENDS: Final = (0, 3, 4)
"""Exit codes of a run in which no requirement failed."""


@attrs.frozen
class Bad:
    """A habit: knobs by port, and what must stand in the cause where it keeps a verdict from being decided."""

    ports: Mapping[str, Any]
    cause: str
    steps_s: tuple[float, ...] = ()
    """What the host's UTC is stepped by, one after the other through the run."""


HABITS: Final[Mapping[str, Bad]] = {
    "supplies close idle sessions": Bad({"supply.*": {"close_idle_s": 1.0}}, "supply"),
    "supplies close every session, and their queues are full": Bad(
        {"supply.*": {"close_every_s": 3.0, "old_errors": 12}}, "supply"
    ),
    "the AC source answers late": Bad({"supply.ac": {"late_s": 0.4, "late_every": 3}}, "supply"),
    "the AC source applies late": Bad({"supply.ac": {"apply_late_s": 0.2}}, "supply"),
    "the AC source is silent for a while": Bad({"supply.ac": {"silent": True, "from_s": 30, "for_s": 4}}, "supply"),
    "the DC supply says all twice": Bad({"supply.dc": {"twice": True}}, "supply"),
    "the DC supply answers in pieces": Bad({"supply.dc": {"pieces": 2}}, "supply"),
    "the DC supply wants a gap": Bad({"supply.dc": {"min_gap_s": 0.05}}, "supply"),
    "the DC supply loses commands": Bad({"supply.dc": {"drop_every": 7}}, "supply"),
    "supplies reset connections": Bad({"supply.*": {"reset_every": 11}}, "supply"),
    "noise around the supplies' answers": Bad({"supply.*": {"noise": ["nul", "ff", "echo"]}}, "supply"),
    "meters answer late": Bad({"meter.*": {"late_s": 1.3, "late_every": 97}}, "meter"),
    "meters say all twice": Bad({"meter.*": {"twice": True}}, "meter"),
    "noise around the meters' answers": Bad({"meter.*": {"noise": ["nul", "ff", "colour", "echo", "state"]}}, "meter"),
    "meters babble": Bad({"meter.*": {"flood_octets": 50_000, "flood_every_s": 3.1}}, "meter"),
    "meters lose commands": Bad({"meter.*": {"drop_every": 101}}, "meter"),
    "a meter's adapter goes and comes": Bad({"meter.t1.gas": {"unplug_s": 2.0, "from_s": 45}}, "meter"),
    "the panel answers in pieces": Bad({"panel.*": {"pieces": 3}}, "panel"),
    "noise around the panel's answers": Bad({"panel.*": {"noise": ["nul", "ff", "colour", "echo"]}}, "panel"),
    "the panel is deaf after opening": Bad({"panel.*": {"deaf_s": 0.5}}, "panel"),
    "a panel goes and comes": Bad({"panel.t3": {"unplug_s": 1.0, "from_s": 35}}, "panel|lamp|gap"),
    "noise on the console": Bad(
        {"console.*": {"noise": ["nul", "ff", "colour", "echo", "prompt", "state"]}}, "console"
    ),
    "the console goes and comes": Bad({"console.t1": {"unplug_s": 2.0, "from_s": 40}}, "console"),
    "the server closes its stream": Bad({"server": {"close_every_s": 6.0}}, "server|stream"),
    "the server closes what is idle": Bad({"server": {"close_idle_s": 4.0}}, "server|stream"),
    "the server is slow": Bad({"server": {"late_s": 0.25}}, "server"),
    "the server tells what nobody knows": Bad({"server": {"odd_event_every": 3}}, "server"),
    "the server's clock is 5 s off and counts seconds": Bad(
        {"server": {"stamp_offset_s": 5.0, "stamp_resolution_s": 1.0}}, "clock|stamp|known"
    ),
    "the server's clock drifts, and is stepped": Bad(
        {"server": {"stamp_drift_ppm": 50, "stamp_step_s": -7.0, "stamp_step_at_s": 200_000}}, "clock|stamp|known"
    ),
    "sniffers hang up, their clocks are off": Bad(
        {"sniffer.*": {"close_every_s": 9.0, "stamp_offset_s": 1.5, "stamp_drift_ppm": 40}}, "sniffer|capture"
    ),
    "the host's clock is stepped": Bad({}, "UTC|clock", steps_s=(20.0, -20.0, 3.0, -120.0, 117.0)),
}


def together(habits: Sequence[Bad]) -> Bad:
    """All of them at once."""
    ports: dict[str, list[Any]] = {}
    for bad in habits:
        for port, knobs in bad.ports.items():
            ports.setdefault(port, []).append(knobs)
    steps = tuple(step for bad in habits for step in bad.steps_s)
    return Bad(ports, "|".join(bad.cause for bad in habits), steps)


def drive(plan: Plan, bad: Bad, longest_s: float = LONGEST_S, step_every_s: float = 6.0) -> str:
    """Drive the plan to its end; what was not as it must be, empty where all was."""
    bench = plan.start()
    began, steps = time.monotonic(), list(bad.steps_s)
    while bench.wait(step_every_s) is None:
        if steps:
            plan.steps.step(round(steps.pop(0) * NS_PER_S))
        if time.monotonic() - began > longest_s:
            bench.kill()
            return f"did not end within {longest_s:g} s: {plan.said[-200:]}"
    problems = plan.wrong()
    if bench.code not in ENDS:
        problems.append(f"ended with {bench.code}: {plan.said[-400:]}")
    if not plan.verdicts():
        problems.append(f"no verdicts: {plan.said[-400:]}")
    if "Traceback" in plan.said:
        problems.append("a traceback")
    if not plan.lab.is_safe():
        problems.append(f"NOT SAFE: {plan.lab.outputs()}")
    problems += [
        f"cause? {line}"
        for line in plan.undecided()
        if not re.search(f"{bad.cause}|{OF_THE_LAB}", line.split(": ", 2)[2])
    ]
    return "; ".join(" ".join(problem.split()) for problem in problems)


def drive_all(
    cases: Mapping[str, Bad],
    jobs: int,
    tell: Callable[[str, str, Plan, float], None],
    folder: Path | None = None,
    faults: Sequence[str] = (),
    longest_s: float = LONGEST_S,
) -> dict[str, str]:
    """Drive the plan once for each, so many at once; what was wrong by name."""
    found: dict[str, str] = {}

    def one(number: int, name: str, bad: Bad, scratch: Path, zygote: Zygote) -> None:
        began = time.monotonic()
        with planned(zygote, scratch / str(number), bad.ports, faults, quick=False) as plan:
            found[name] = drive(plan, bad, longest_s)
            tell(name, found[name], plan, time.monotonic() - began)

    with tempfile.TemporaryDirectory(prefix="kenshin-habits-") as scratch, ThreadPoolExecutor(jobs) as pool:
        place = folder or Path(scratch)
        zygote = Zygote(Path(scratch) / "locks")
        try:
            under_way = [
                pool.submit(one, number, name, bad, place, zygote) for number, (name, bad) in enumerate(cases.items())
            ]
            for done in under_way:
                done.result()
        finally:
            zygote.close()
    return found
