"""Evidence: the run folder, what is written into it while driving, and what is read back for judging.

A run folder (design section 9) holds ``run.yaml`` (all inputs by value), ``timeline.sqlite``, ``captures/*.pcapng``,
``console/*.log``, and the results. From the recorded folder on everything is a pure function, so a stored run can be
judged again without the rig. Writing is ``RunFolder`` and ``Recorder``; reading is ``Evidence``.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import attrs

from bench.errors import InputError
from bench.evidence_episode import Episode, read_episodes
from bench.evidence_timeline import CitedObservation, Recorder, Selection, Timeline
from bench.yamlfile import load_source

if TYPE_CHECKING:
    from bench.air.capture import Record
    from bench.air.frame import Frame
    from bench.air.keys import KeyTable

__all__ = ["CitedObservation", "Episode", "Evidence", "Recorder", "RunFolder", "Selection", "Timeline"]


@attrs.frozen(slots=True)
class RunFolder:
    """The folder of one run and the names inside it."""

    path: Path

    @classmethod
    def create(cls, path: Path, inputs: Mapping[str, Any]) -> RunFolder:
        """Make the folder with ``run.yaml``, ``captures/`` and ``console/``; InputError when it is a run already.

        ``inputs`` are plain JSON values, each by value: guideline, declaration, agreement, profile, rig, seed, ...
        """
        folder = cls(path)
        if folder.inputs_path.exists():
            raise InputError(f"{path}: holds a run already; expected a new folder (or resume it)")
        try:
            folder.captures.mkdir(parents=True, exist_ok=True)
            folder.console.mkdir(exist_ok=True)
            folder.keys.parent.mkdir(exist_ok=True)
            folder._write_inputs(inputs)
        except OSError as error:
            raise InputError(
                f"{path}: cannot make a run folder ({error.strerror}); expected a writable place"
            ) from None
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder; InputError when ``path`` is none."""
        folder = cls(path)
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; expected a run folder")
        if not folder.inputs_path.is_file():
            raise InputError(f"{path}: no run.yaml in it; expected a run folder")
        return folder

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
    def keys(self) -> Path:
        """Decryption keys in Wireshark's ``ieee802154_keys`` format, apart from the captures; may be absent."""
        return self.path / "keys" / "ieee802154_keys"

    @property
    def verdicts(self) -> Path:
        return self.path / "verdicts.json"

    def inputs(self) -> dict[str, Any]:
        """``run.yaml`` by value; InputError with the line where it is not readable."""
        source = load_source(self.inputs_path)
        if not isinstance(source.data, dict):
            raise source.error((), "no mapping at the top", "the inputs of a run")
        return dict(source.data)

    def _write_inputs(self, inputs: Mapping[str, Any]) -> None:
        """Write ``run.yaml`` whole or not at all: a run with half its inputs could never be judged."""
        from ruamel.yaml import YAML

        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.allow_unicode = True
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        draft = self.path / "run.yaml.new"
        with draft.open("w", encoding="utf-8") as file:
            yaml.dump(json.loads(json.dumps(inputs, ensure_ascii=False, allow_nan=False)), file)
        draft.replace(self.inputs_path)


class Evidence:
    """A run folder opened for judging: read only, no rig, no wall time."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._timeline = Timeline(folder.timeline)
        self._episodes: dict[str, Episode] | None = None

    @classmethod
    def open(cls, run: Path) -> Evidence:
        """Open the run folder at ``run``; InputError when it is none or its timeline is unreadable."""
        return cls(RunFolder.open(run))

    def events(self, kind: str | None = None, **selection: Unpack[Selection]) -> list[CitedObservation]:
        """Observations in reading order ``(t_ns, source, seq)``; both time bounds are inclusive."""
        return self._timeline.events(kind, **selection)

    def last_ns(self) -> int:
        """Rig time of the latest observation."""
        return self._timeline.last_ns()

    def episode(self, name: str) -> Episode:
        """The last attempt of episode ``name`` that was not voided; InputError when there is none."""
        found = self._all_episodes().get(name)
        if found is None:
            driven = ", ".join(self._all_episodes()) or "none"
            raise InputError(f"{self.folder.path}: episode '{name}' was not driven to count; expected one of {driven}")
        return found

    def episodes(self) -> list[str]:
        """Names of the episodes that have an attempt that counts, in order of their beginning."""
        return list(self._all_episodes())

    def sniffers(self) -> list[str]:
        """Names of the sniffers that left a capture, sorted: ``captures/NAME.pcapng``."""
        return sorted(path.stem for path in self.folder.captures.glob("*.pcapng"))

    def frames(
        self,
        sniffer: str | None = None,
        *,
        since_ns: int | None = None,
        until_ns: int | None = None,
        node: bytes | None = None,
        kind: str | None = None,
    ) -> Iterator[Frame]:
        """Decoded frames in order of their stamps, of one sniffer or of all merged, decrypted with the run's keys.

        Time bounds are inclusive; ``node`` is the EUI-64 of the packet's sender (of the frame's, without a packet),
        ``kind`` as in `Frame`. Lazy, memory flat: what is selected out of a large capture is asked through its column
        index (`bench.air.selection`), and is the same as when all is decoded. Raises InputError for an unknown kind,
        and for a damaged capture after its frames before the damage.
        """
        names = self.sniffers() if sniffer is None else [sniffer]
        streams = [self._frames_of(name, since_ns, until_ns, node, kind) for name in names]
        return heapq.merge(*streams, key=lambda frame: frame.time_ns)

    def records(self, sniffer: str, *, since_ns: int | None = None, until_ns: int | None = None) -> Iterator[Record]:
        """Frames of one sniffer as captured, not decoded; bounds as in `frames`."""
        from bench.air.capture import read_capture

        return _between(read_capture(self.folder.captures / f"{sniffer}.pcapng"), since_ns, until_ns)

    def keys(self) -> KeyTable | None:
        """The run's decryption keys; None where it keeps none."""
        from bench.air.keys import KeyTable

        return KeyTable.read(self.folder.keys) if self.folder.keys.is_file() else None

    def canonical(self) -> Iterator[str]:
        """The timeline's canonical export: JSON lines in reading order."""
        return self._timeline.canonical()

    def close(self) -> None:
        self._timeline.close()

    def _all_episodes(self) -> dict[str, Episode]:
        if self._episodes is None:
            self._episodes = read_episodes(self)
        return self._episodes

    def _frames_of(
        self, sniffer: str, since_ns: int | None, until_ns: int | None, node: bytes | None, kind: str | None
    ) -> Iterator[Frame]:
        if since_ns is None and node is None and kind is None:
            from bench.air.frame import decode_frames

            return decode_frames(self.records(sniffer, until_ns=until_ns), self.keys())
        from bench.air.selection import Wanted, wanted_frames

        capture = self.folder.captures / f"{sniffer}.pcapng"
        return (frame for _, frame in wanted_frames(capture, self.keys(), Wanted(since_ns, until_ns, node, kind)))


def _between(records: Iterator[Record], since_ns: int | None, until_ns: int | None) -> Iterator[Record]:
    """Records inside the bounds; stops at the first one beyond, for a capture is written in order of time."""
    for record in records:
        if until_ns is not None and record.time_ns > until_ns:
            return
        if since_ns is None or record.time_ns >= since_ns:
            yield record
