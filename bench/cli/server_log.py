"""``kenshin add-evidence --server-log``: a server's log, a file a day, becomes rows of the run's timeline.

Rows are appended, none is changed. An event's time is the latest at which the server's clock can have read its stamp,
so that it lies in no interval too early; stamp and resolution stand beside it, and judging takes what they leave open
into the uncertainty.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from bench import kinds
from bench.air.octets import counted
from bench.errors import InputError
from bench.evidence.added import AddedAs, add
from bench.evidence.clocks import Clocks
from bench.evidence.evidence import Evidence
from bench.evidence.folder import RunFolder
from bench.evidence.timeline import Recorder
from bench.plan.awaited import awaited
from bench.records import Json, Observation
from devices.server.events import odd, plain
from devices.server.log import NotWhole, ServerLog, read_log

LOOK_EVERY_S: Final = 10.0
"""Between two looks into a folder that is watched."""
NAMES: Final = "*.csv"


def add_logs(run: Path, places: Sequence[Path], who: str, watch: bool = False) -> None:
    """Add the files, or those in the folders, that the run has not yet; ``watch``: until no day is missing.

    The caller keeps others from the run meanwhile. InputError for a file that is no log, or a server of whose clock
    nothing is known.
    """
    folder = RunFolder.open(run)
    while True:
        for path in _files(places):
            _add(folder, path, who, in_folder=path not in places)
        with closing(Evidence.open(run)) as evidence:
            missing = awaited(evidence)
        if not watch or not missing:
            break
        print(f"waiting for the server's log of {', '.join(missing)}", flush=True)
        time.sleep(LOOK_EVERY_S)


def _files(places: Sequence[Path]) -> Iterator[Path]:
    for place in places:
        yield from sorted(place.glob(NAMES)) if place.is_dir() else [place]


def _add(folder: RunFolder, path: Path, who: str, *, in_folder: bool) -> None:
    """One file; a file in a folder that is still being written is left for the next time."""
    try:
        log = read_log(path)
    except NotWhole:
        if in_folder:
            return
        raise
    with closing(Evidence.open(folder.path)) as evidence:
        rows = _rows(evidence, log)
    added = add(folder.path, path, AddedAs.SERVER_LOG, who)
    if added is None:
        return
    with Recorder(folder.timeline) as recorder:
        last_ns, port = rows[0]
        said: dict[str, Json] = {"day": log.day, "file": added.file, "sha256": added.sha256, "events": len(rows[1])}
        recorder.observe(Observation(last_ns, port, port, kinds.EVIDENCE_LOG, said))
        for observation in rows[1]:
            recorder.observe(observation)
    print(f"{path}: {counted(len(rows[1]), 'event')} of {log.day}, {added.citation}")


def _rows(evidence: Evidence, log: ServerLog) -> tuple[tuple[int, str], list[Observation]]:
    """When the run ended and the server's port; the observations that the log brings and the run has not."""
    port = _port(evidence)
    known = {event.data.get("id") for event in evidence.events(source=port)}
    clocks = evidence.clocks
    new = [event for event in log.events if event["id"] not in known]
    return (evidence.last_ns(), port), [_observation(event, log.resolution_ns, port, clocks) for event in new]


def _observation(event: dict[str, Json], resolution_ns: int, port: str, clocks: Clocks) -> Observation:
    stamp_ns = event["t_ns"]
    assert isinstance(stamp_ns, int)
    t_ns = clocks.latest(stamp_ns, resolution_ns)
    if t_ns is None:
        raise InputError(
            f"nothing is known of the server's clock; expected clocks: {{{port}: {{offset_s, u_s}}}} of the rig"
        )
    if why := odd(event):
        said: dict[str, Json] = {"id": event["id"], "event": plain(event), "why": why}
        return Observation(t_ns, port, str(event["terminal"]), kinds.SERVER_ODD, said)
    data = {key: value for key, value in event.items() if key not in ("t_ns", "kind")}
    data |= {"stamp_ns": stamp_ns, "resolution_ns": resolution_ns}
    return Observation(t_ns, port, str(event["terminal"]), f"{kinds.SERVER}{event['kind']}", data)


def _port(evidence: Evidence) -> str:
    """The server's name on the run's rig."""
    deferred = evidence.events(kinds.EVIDENCE_DEFERRED)
    if deferred:
        return deferred[0].source
    rig = evidence.folder.inputs().get("rig", {})
    return str(rig.get("options", {}).get("bench", {}).get("server", "server"))
