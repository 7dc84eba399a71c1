"""A sealed run with everything in it that somebody could wish away: an interruption, a void, a photo, an earlier stop,
a later judgement. Made once a session from a golden run, and copied for each test."""

from __future__ import annotations

import importlib.util
import io
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Final
from unittest import mock

from bench import kinds
from bench.evidence.folder import RunFolder
from bench.evidence.seal.keys import SigningKey, new_key, public_place
from bench.evidence.seal.sealing import reopen, seal_judgement, seal_run
from bench.evidence.timeline import Recorder
from bench.plan.catalogue import Plan
from bench.records import Observation
from bench.yamlfile import load_source
from tests.places import ROOT, RUNS

PHOTO: Final = "photos/task-1.jpg"
VOID: Final = "episode.void"


def make_key(folder: Path) -> SigningKey:
    """A key of the test's own."""
    return new_key(folder / "key.pem", None)


def make_sealed(folder: Path, key: SigningKey | None) -> Path:
    """The run in ``folder``: interrupted once, gone on with, ended, and judged again."""
    run = shutil.copytree(RUNS / "2", folder)
    (run / "photos").mkdir()
    (run / PHOTO).write_bytes(bytes(range(256)) * 64)
    record(run, kinds.BENCH_ERROR, "bench", {"what": "the panel did not answer", "touches": []})
    seal(run, key, "interrupted")
    reopen(run)
    last = record(run, kinds.BENCH_RESUMED, "bench", {"takeover": "in time"})
    record(run, kinds.BENCH_BLIND, "bench", {"from_ns": last - 5, "to_ns": last, "why": "the bench was killed"})
    record(run, kinds.EPISODE_BEGIN, "again", {"name": "again"})
    record(run, kinds.EPISODE_VOID, "again", {"name": "again", "reason": "supply was cut"})
    with (run / "console" / "console.t1.log").open("a", encoding="utf-8") as log:
        log.write("2026-04-09T00:00:00.000000+09:00 < late\n")
    seal(run, key, "the run ended")
    judged = run / "judged" / "1"
    judged.mkdir(parents=True)
    for name in ("verdicts.json", "junit.xml"):
        shutil.copy(run / name, judged / name)
    inputs = RunFolder(run).inputs()
    told = {"format": inputs["format"], **Plan.from_inputs(inputs).inputs()}
    seal_judgement(judged, key, ("verdicts.json", "junit.xml"), run, told)
    return run


def record(run: Path, kind: kinds.Kind, subject: str, data: dict[str, object]) -> int:
    """Append one row by the bench's own means; its time, ns."""
    with Recorder(run / "timeline.sqlite") as recorder:
        t_ns = 1_800_000_000_000_000_000
        recorder.observe(Observation(t_ns, "bench", subject, kind, data))  # type: ignore[arg-type]
    return t_ns


def seal(run: Path, key: SigningKey | None, why: str = "the run ended") -> None:
    """Seal a run as the plan's plugin does."""
    seal_run(run, key, why, load_source(run / "run.yaml").data)


def second_verifier() -> ModuleType:
    """``tools/verify_run.py`` as a module."""
    spec = importlib.util.spec_from_file_location("verify_run", ROOT / "tools" / "verify_run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def second_opinion(run: Path, key: SigningKey | None) -> tuple[int, str]:
    """Exit code and words of the second verifier."""
    asked = [] if key is None else ["--key", str(public_place(key.path))]
    out = io.StringIO()
    with mock.patch.object(sys, "argv", ["verify_run.py", str(run), *asked]), redirect_stdout(out):
        code = int(_SECOND.main())
    return code, out.getvalue()


_SECOND: Final = second_verifier()
