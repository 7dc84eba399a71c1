"""Evidence: the run folder, what is written into it while driving, and what is read back for judging.

A run folder (design section 9) holds ``run.yaml`` (all inputs by value), ``timeline.sqlite``, ``captures/*.pcapng``,
``console/*.log``, and the results. From the recorded folder on everything is a pure function, so a stored run can be
judged again without the rig. Writing is ``RunFolder`` and ``Recorder``; reading is ``Evidence``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from bench.errors import InputError
from bench.evidence_episode import Episode
from bench.evidence_timeline import CitedObservation, Recorder, Timeline

if TYPE_CHECKING:
    from bench.air.frame import Frame

__all__ = ["CitedObservation", "Episode", "Evidence", "Recorder", "RunFolder", "Timeline"]


@attrs.frozen(slots=True)
class RunFolder:
    """The folder of one run and the names inside it."""

    path: Path

    @classmethod
    def create(cls, path: Path, inputs: Mapping[str, Any]) -> RunFolder:
        """Make the folder with ``run.yaml``, ``captures/`` and ``console/``; InputError when it is a run already."""
        raise NotImplementedError

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder; InputError when ``path`` is none."""
        raise NotImplementedError

    @property
    def inputs_path(self) -> Path:
        return self.path / "run.yaml"

    @property
    def timeline(self) -> Path:
        return self.path / "timeline.sqlite"

    @property
    def captures(self) -> Path:
        return self.path / "captures"

    @property
    def console(self) -> Path:
        return self.path / "console"

    @property
    def verdicts(self) -> Path:
        return self.path / "verdicts.json"

    def inputs(self) -> dict[str, Any]:
        """``run.yaml`` by value; InputError with the line where it is not readable."""
        raise NotImplementedError


class Evidence:
    """A run folder opened for judging: read only, no rig, no wall time."""

    def __init__(self, folder: RunFolder) -> None:
        raise NotImplementedError

    @classmethod
    def open(cls, run: Path) -> Evidence:
        """Open the run folder at ``run``; InputError when it is none or its timeline is unreadable."""
        return cls(RunFolder.open(run))

    def events(
        self,
        kind: str | None = None,
        *,
        kind_prefix: str | None = None,
        source: str | None = None,
        subject: str | None = None,
        episode: str | None = None,
        since_ns: int | None = None,
        until_ns: int | None = None,
    ) -> list[CitedObservation]:
        """Observations in reading order ``(t_ns, source, seq)``; both time bounds are inclusive."""
        raise NotImplementedError

    def episode(self, name: str) -> Episode:
        """The last attempt of episode ``name`` that was not voided; InputError when there is none."""
        raise NotImplementedError

    def episodes(self) -> list[str]:
        """Names of the episodes that have an attempt that counts, in order of their beginning."""
        raise NotImplementedError

    def frames(self, sniffer: str | None = None, *, since_ns: int | None = None, until_ns: int | None = None) -> Iterator[Frame]:
        """Decoded frames of ``captures/*.pcapng`` in order of time, decrypted with the run's keys where it has any."""
        raise NotImplementedError

    def canonical(self) -> Iterator[str]:
        """The timeline's canonical export: JSON lines in reading order."""
        raise NotImplementedError
