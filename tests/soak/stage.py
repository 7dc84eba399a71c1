"""What is changed in a bench's process before it drives: time-outs to the lab's measure, an episode, clocks.

Everything else of it (drivers, watchdog, ways out, judging) is what a user runs.
"""

from __future__ import annotations

import os
import resource
from typing import Final

import attrs

from bench.records import NS_PER_S
from fixtures.episodes import declared
from fixtures.episodes.declared import State
from fixtures.run.drive import Drive, Steps

ANSWER_S: Final = 1.0
"""Real seconds for an answer, a fifth of what a bench gives."""
MANY_FILES: Final = 1100


def set_up(quick: bool = False, cycle: bool = False, many_files: bool = False, world: str = "", utc: str = "") -> None:
    """Called in the bench's process.

    ``quick``: time-outs a fifth of the real ones. ``cycle``: the joins are replaced by a round over every driver, again
    and again. ``many_files``: so many descriptors are open that all others lie above 1,023. ``world``: the lab's
    control channel, which leaves out quiet time together with this bench; ``utc``: a file with what the host's clock is
    stepped by (`tests.soak.skipping`).
    """
    if quick:
        shorten_time_outs()
    if cycle:
        _cycle_in_place_of_joins()
    if world:
        from tests.soak.skipping import skip_with

        skip_with(world, utc)
    if many_files:
        _open_many_files()


def shorten_time_outs() -> None:
    """In this process."""
    import bench.drive.clock
    import bench.drive.pump
    import devices.supply.supply
    import devices.wires.line_driver
    import devices.wires.rest

    bench.drive.pump.ANSWER_S = ANSWER_S  # type: ignore[misc]
    bench.drive.clock.REOPEN_EVERY_NS = NS_PER_S // 2  # type: ignore[misc]
    devices.wires.rest.ANSWER_S = 2 * ANSWER_S  # type: ignore[misc]
    devices.supply.supply.SETTLE_S = 0.6  # type: ignore[misc]
    devices.wires.line_driver.PROVE_S = (0.5, 0.5, 0.5)  # type: ignore[misc]


def _cycle_in_place_of_joins() -> None:
    known = dict(declared.episodes())
    anything = State("as it is", _nothing)
    known["join"] = attrs.evolve(known["join"], body=round_and_round, needs=anything, means=())
    declared.episodes = lambda: known  # type: ignore[assignment]


def _nothing(_drive: Drive) -> Steps:
    return
    yield


def round_and_round(drive: Drive) -> Steps:
    """Every driver of the rig is used in turn, until somebody ends it."""
    drive.milestone("begin")
    terminal = drive.rig.terminals["t1"]
    assert terminal.panel is not None
    assert terminal.console is not None
    index = 200_000
    while True:
        index += 1
        drive.switch_mains(True)
        drive.switch_feed(terminal, True)
        drive.set_index(terminal, "t1.gas", index)
        terminal.panel.lamp()
        terminal.console.join_state()
        drive.rig.server.status()
        yield drive.within_s(0.1)


def _open_many_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    for _ in range(MANY_FILES):
        os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
