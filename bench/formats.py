"""The versions of everything that the bench writes for later: one number a format, told once.

A format's number rises when a reader of the number before could misunderstand what is written now: a field that means
something else, went, or is needed. Fields that are new and may be ignored do not raise it (contract: extend, never
rename). The bench writes the newest and reads those of ``reads``; an unknown one is refused by name, because a guess
at evidence is worse than none. Files from before numbers are version 1. ``docs/formats.md`` shows this as a table.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench.errors import InputError

KEY: Final = "format"
"""Where a version stands: in JSON, in YAML, in messages."""
UNNUMBERED: Final = 1


class UnknownVersion(InputError):
    """A file of a version that this bench does not read: whoever finds one does not know what it says."""


@attrs.frozen(slots=True)
class Format:
    """One format: ``version`` is written, ``reads`` are understood; ``where``: in which file and place it stands."""

    name: str
    version: int
    reads: tuple[int, ...]
    where: str

    def check(self, found: object, source: object) -> int:
        """The version ``found`` in ``source``, where this bench reads it; UnknownVersion in one line otherwise."""
        if isinstance(found, int) and not isinstance(found, bool) and found in self.reads:
            return found
        known = " or ".join(str(version) for version in self.reads)
        raise UnknownVersion(f"{source}: {self.name} version {found!r}; expected {known}, which this bench reads")


RUN_RECORD: Final = Format("run record", 6, (1, 2, 3, 4, 5, 6), "`format` of `run.yaml`")
TIMELINE: Final = Format("timeline", 1, (1,), "`PRAGMA user_version` of `timeline.sqlite`")
VERDICTS: Final = Format("verdicts", 3, (1, 2, 3), "`format` of `verdicts.json`")
COLUMN_INDEX: Final = Format("column index", 3, (3,), "`format` in the head of `NAME.kbx`; any other is made anew")
FRAMES: Final = Format("decoded frames", 2, (), "`format` of each line of `decode --format jsonl`")
FIGURES: Final = Format("figures of a capture", 2, (), "`format` of `measure --format json`")
CONTROL: Final = Format("control channel", 2, (1, 2), "`format` of `hello`, both ways, and of the ready line")
WATCHDOG: Final = Format("watchdog file", 3, (1, 2, 3), "`format` of `watchdog.json`, of each line of `watchdog.jsonl`")
ADDED: Final = Format("late evidence", 1, (1,), "`format` of each line of `evidence.jsonl`")
STATUS: Final = Format("status of a run", 1, (1,), "`format` of `status.json`")
MARKS: Final = Format("marks of faults", 1, (1,), "`format` of `faults.json`")
RUN_MANIFEST: Final = Format("run manifest", 2, (1, 2), "`predicate.format` in the payload of `manifest.json`")
QUALIFICATION: Final = Format("qualification", 1, (), "`format` of `qualification.json`")
PROPERTIES: Final = Format("JUnit properties", 2, (), "property `kenshin.format` of the test suite in `junit.xml`")

FORMATS: Final = (
    RUN_RECORD,
    TIMELINE,
    VERDICTS,
    COLUMN_INDEX,
    FRAMES,
    FIGURES,
    CONTROL,
    WATCHDOG,
    ADDED,
    STATUS,
    MARKS,
    QUALIFICATION,
    RUN_MANIFEST,
    PROPERTIES,
)
