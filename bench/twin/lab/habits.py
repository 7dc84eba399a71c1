"""Bad habits of laboratory devices as knobs, by port and by time: what `kenshin lab --faulty FILE` reads.

    ports:
      supply.ac: {close_idle_s: 60, old_errors: 2}
      "meter.*":                             # a pattern as in a shell
        - {late_s: 6, late_every: 5}         # several habits of one port
        - {unplug_s: 1, from_s: 30, for_s: 60}

A habit holds from ``from_s`` for ``for_s`` seconds of the lab's life; the first one that holds and sets a knob counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import attrs
from pydantic import Field

from bench.records import NS_PER_S
from bench.yamlfile import FileModel, check, load_source

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]


class Noise(StrEnum):
    """What stands around an answer and is none."""

    NUL = "nul"
    FF = "ff"
    COLOUR = "colour"
    ECHO = "echo"
    PROMPT = "prompt"
    STATE = "state"


class Habit(FileModel):
    """One set of knobs; 0 or empty: not this one. Seconds are wall seconds."""

    from_s: Seconds = 0.0
    for_s: Seconds = 0.0
    """0: for ever."""

    # -- the connection
    close_idle_s: Seconds = 0.0
    """Closes a connection on which nothing was heard for so long."""
    close_every_s: Seconds = 0.0
    """Closes a connection after so long, whatever happens on it."""
    reset_every: Count = 0
    """Resets the connection in place of every n-th answer, after the command took effect."""
    refuse_s: Seconds = 0.0
    """After it closed or reset a connection, refuses new ones for so long."""
    half_open: bool = False
    """Takes connections and octets, does nothing with them, and says nothing."""
    deaf_s: Seconds = 0.0
    """Hears nothing for so long after its port was opened."""
    unplug_s: Seconds = 0.0
    """A serial adapter that is gone for so long, once, and back under its by-id name."""

    # -- commands and answers
    drop_every: Count = 0
    """Every n-th command is lost without a word."""
    min_gap_s: Seconds = 0.0
    """Commands that come sooner after the last one are lost without a word; questions are not."""
    apply_late_s: Seconds = 0.0
    """A command without a question takes effect so much later."""
    old_errors: Count = 0
    """Errors that lie in the queue when a connection is opened."""
    late_s: Seconds = 0.0
    """An answer comes so much later."""
    late_every: Annotated[int, Field(ge=1)] = 1
    """... every n-th one."""
    previous: bool = False
    """Answers with what it should have answered before."""
    twice: bool = False
    """Each answer comes twice, the second time 50 ms later."""
    pieces: Count = 0
    """An answer comes in pieces of so many octets, 20 ms apart."""
    silent: bool = False
    """Commands take effect, and nothing is ever answered."""

    # -- talk
    noise: tuple[Noise, ...] = ()
    flood_octets: Count = 0
    """Says so many octets without a line end, every ``flood_every_s``."""
    flood_every_s: Annotated[float, Field(gt=0)] = 5.0

    # -- stamps of servers and sniffers
    stamp_offset_s: float = 0.0
    stamp_drift_ppm: float = 0.0
    stamp_resolution_s: Seconds = 0.0
    """Stamps are rounded down to this."""
    stamp_step_s: float = 0.0
    """The device's clock steps by so much, once ..."""
    stamp_step_at_s: Seconds = 0.0
    """... so long after the lab began."""
    odd_event_every: Count = 0
    """Server: every n-th event is followed by one of no known kind, without a stamp."""


class HabitFile(FileModel):
    """A file for ``--faulty``."""

    ports: dict[str, Habit | tuple[Habit, ...]] = Field(default_factory=dict)


@attrs.define
class Habits:
    """All habits of a lab; ``ports`` maps patterns of port names to their habits. May be replaced while it runs."""

    ports: Mapping[str, Sequence[Habit]] = attrs.field(factory=dict)

    @classmethod
    def read(cls, path: str | Path) -> Habits:
        """Read a file. InputError ``FILE:LINE: ...; expected ...`` for anything wrong in it."""
        return cls(_listed(check(load_source(path), HabitFile)))

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Habits:
        """From plain data, ``{pattern: {knob: value}}``; pydantic's ``ValidationError`` where it is wrong."""
        return cls(_listed(HabitFile.model_validate({"ports": data})))

    def of_port(self, port: str, elapsed_s: float) -> Holding:
        """What holds for ``port`` now."""
        habits = [h for pattern, listed in self.ports.items() if fnmatchcase(port, pattern) for h in listed]
        return Holding([h for h in habits if h.from_s <= elapsed_s and (not h.for_s or elapsed_s < h.from_s + h.for_s)])


@attrs.frozen
class Holding:
    """The habits of one port that hold at one moment; a knob is that of the first habit that sets it."""

    habits: Sequence[Habit]

    def __getattr__(self, knob: str) -> Any:
        """The value of a knob of :class:`Habit`."""
        default = Habit.model_fields[knob].default
        return next((value for h in self.habits if (value := getattr(h, knob)) != default), default)

    def stamp_ns(self, true_ns: int, begin_ns: int) -> int:
        """What a device's clock shows at ``true_ns``; the lab began at ``begin_ns``."""
        elapsed_ns = true_ns - begin_ns
        shown: int = true_ns + round(self.stamp_offset_s * NS_PER_S) + round(elapsed_ns * self.stamp_drift_ppm * 1e-6)
        if self.stamp_step_s and elapsed_ns >= self.stamp_step_at_s * NS_PER_S:
            shown += round(self.stamp_step_s * NS_PER_S)
        resolution_ns = round(self.stamp_resolution_s * NS_PER_S)
        return shown // resolution_ns * resolution_ns if resolution_ns else shown


def _listed(file: HabitFile) -> dict[str, Sequence[Habit]]:
    return {port: (habits,) if isinstance(habits, Habit) else habits for port, habits in file.ports.items()}
