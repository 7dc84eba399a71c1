"""The run folder and the names inside it (design section 9): ``run.yaml`` with all inputs by value,
``timeline.sqlite``, ``captures/*.pcapng``, ``console/*.log``, ``keys/``, and the results."""

from __future__ import annotations

import copy
import functools
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from bench.errors import InputError
from bench.evidence.upgrade import upgraded
from bench.formats import KEY, MARKS, RUN_RECORD
from bench.identity import identity
from bench.yamlfile import load_source


@attrs.frozen(slots=True)
class RunFolder:
    """The folder of one run and the names inside it."""

    path: Path

    @classmethod
    def create(cls, path: Path, inputs: Mapping[str, Any]) -> RunFolder:
        """Make the folder with ``run.yaml``, ``captures/`` and ``console/``; InputError when it is a run already.

        ``inputs`` are plain JSON values, each by value: guideline, declaration, agreement, profile, rig, seed, ...
        The folder adds its format and which code drives.
        """
        folder = cls(path)
        if folder.inputs_path.exists():
            raise InputError(f"{path}: holds a run already; expected a new folder (or resume it)")
        try:
            folder.captures.mkdir(parents=True, exist_ok=True)
            folder.console.mkdir(exist_ok=True)
            folder.keys.parent.mkdir(exist_ok=True)
            folder._write_inputs({KEY: RUN_RECORD.version, "driven_by": identity().plain(), **inputs})
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
        if not folder.is_run:
            raise InputError(f"{path}: no run.yaml in it; expected a run folder")
        return folder

    @property
    def is_run(self) -> bool:
        """Whether a run is in it: this alone says what a run folder is."""
        return os.path.isfile(self.inputs_path)

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
    def marks(self) -> Path:
        """What the seeded faults of a virtual rig did; absent where none were seeded. No verdict looks at it."""
        return self.path / "faults.json"

    def keep_marks(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Write :attr:`marks`, whole or not at all."""
        draft = self.marks.with_suffix(".new")
        told = {KEY: MARKS.version, "faults": [dict(one) for one in faults]}
        draft.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.marks)

    def marked(self) -> list[dict[str, Any]]:
        """What :meth:`keep_marks` kept; empty where there is nothing. InputError for what is none, or of an unknown
        format."""
        if not self.marks.exists():
            return []
        try:
            told = json.loads(self.marks.read_bytes())
            MARKS.check(told[KEY], self.marks)
            return [dict(one) for one in told["faults"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise InputError(f"{self.marks}: no marks of faults ({error}); expected what a run wrote") from None

    @property
    def verdicts(self) -> Path:
        return self.path / "verdicts.json"

    def inputs(self) -> dict[str, Any]:
        """``run.yaml`` by value, as the newest format has it (`bench.evidence.upgrade`).

        InputError with the line where it is not readable, and for an unknown format.
        """
        return copy.deepcopy(_read_inputs(self.inputs_path, _stamp(self.inputs_path)))

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


def real_place(path: Path) -> Path:
    """A place with every link and ``..`` followed, whether it is there or not. InputError for links in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: cannot be followed ({error}); expected a place to write") from None


def run_around(path: Path) -> Path | None:
    """The nearest run folder that a place lies below, however the place is spelt; None where it lies below none.

    A link lies where it stands and where it leads: who replaces it changes the one, who writes through it the other.
    """
    real = real_place(path)
    stands = real if path.name in ("", "..") else real_place(path.parent) / path.name
    return next((folder for folder in (*real.parents, *stands.parents) if RunFolder(folder).is_run), None)


def refuse_inside_run(path: Path) -> None:
    """InputError for a place below a run folder: whatever is written there stands among its evidence, and its seal says
    from then on that it was altered."""
    if (run := run_around(path)) is not None:
        raise InputError(f"{path}: lies in the run {run}; expected a place outside of any run")


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells one content of a file from the next; empty where there is none (reading it says so)."""
    try:
        told = path.stat()
    except OSError:
        return ()
    return told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


@functools.lru_cache(maxsize=8)
def _read_inputs(path: Path, stamp: tuple[int, ...]) -> dict[str, Any]:
    """The inputs in a file that is as ``stamp`` says. Every measurand asks for them, and YAML takes longer to read than
    most take to measure: a quarter of a run's time was that."""
    source = load_source(path)
    if not isinstance(source.data, dict):
        raise source.error((), "no mapping at the top", "the inputs of a run")
    return upgraded(source.data, path)
