"""Sixty ways to alter a sealed run, each with the place that must be named."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import attrs

from bench.evidence.seal.envelope import Envelope
from tests.evidence.seal.sealed_run import PHOTO

S1: Final = "captures/s1.pcapng"


@attrs.frozen
class Way:
    """One alteration and the place that both verifiers must name; ``second`` where the second one knows less."""

    name: str
    alter: Callable[[Path], object]
    place: str
    second: str = ""


def sql(*statements: str) -> Callable[[Path], None]:
    """Change the timeline by SQL, then leave it as one plain file."""

    def alter(run: Path) -> None:
        with closing(sqlite3.connect(run / "timeline.sqlite", isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return alter


def text(path: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace the first ``old`` in a text file."""

    def alter(run: Path) -> None:
        said = (run / path).read_text("utf-8")
        assert old in said, f"the test alters what is there: {old} in {path}"
        (run / path).write_text(said.replace(old, new, 1), "utf-8")

    return alter


def octets(path: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Change a file as octets."""

    def alter(run: Path) -> None:
        before = (run / path).read_bytes()
        after = change(before)
        assert after != before
        (run / path).write_bytes(after)

    return alter


def flip(at: int, mask: int = 1) -> Callable[[bytes], bytes]:
    return lambda said: said[:at] + bytes([said[at] ^ mask]) + said[at + 1 :]


def blocks(capture: bytes) -> list[bytes]:
    """The blocks of a pcapng file; frame N is block N + 1, after section and interface."""
    found, at = [], 0
    while at < len(capture):
        (length,) = struct.unpack_from("<I", capture, at + 4)
        found.append(capture[at : at + length])
        at += length
    return found


def frames(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    """Change a capture as a list of blocks."""
    return octets(S1, lambda said: b"".join(change(blocks(said))))


def swap(first: int, second: int) -> Callable[[list[bytes]], list[bytes]]:
    def swapped(all_of: list[bytes]) -> list[bytes]:
        all_of[first], all_of[second] = all_of[second], all_of[first]
        return all_of

    return swapped


def lines(path: str, change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    """Change a text file as a list of lines."""

    def alter(run: Path) -> None:
        said = (run / path).read_text("utf-8").splitlines(keepends=True)
        (run / path).write_text("".join(change(list(said))), "utf-8")

    return alter


def rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda run: (run / old).rename(run / new)  # type: ignore[return-value]


def remove(path: str) -> Callable[[Path], None]:
    return lambda run: (run / path).unlink()


def add(path: str, what: bytes = b"x") -> Callable[[Path], None]:
    def alter(run: Path) -> None:
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_bytes(what)

    return alter


def log_beside(run: Path) -> None:
    """A row that is in a write-ahead log only: SQLite would show it, the plain file does not hold it."""
    scratch = run.with_name("scratch.sqlite")
    shutil.copy(run / "timeline.sqlite", scratch)
    with closing(sqlite3.connect(scratch, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL").fetchall()
        db.execute("UPDATE observation SET data='{}' WHERE row=9")
        shutil.copy(f"{scratch}-wal", run / "timeline.sqlite-wal")


def free_page(run: Path) -> None:
    """Octets of the database that belong to no row: its last page is freed, and filled."""
    path = run / "timeline.sqlite"
    path.write_bytes(path.read_bytes() + bytes(4096))


def statement(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    """Change what the manifest says and leave its signature."""

    def alter(run: Path) -> None:
        envelope = Envelope.read((run / "manifest.json").read_bytes())
        told = json.loads(envelope.payload)
        change(told)
        payload = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
        (run / "manifest.json").write_bytes(attrs.evolve(envelope, payload=payload).octets())

    return alter


def unsigned(run: Path) -> None:
    envelope = Envelope.read((run / "manifest.json").read_bytes())
    (run / "manifest.json").write_bytes(attrs.evolve(envelope, signatures=()).octets())


def piped(run: Path) -> None:
    """A file that whoever reads it would wait for."""
    (run / "junit.xml").unlink()
    os.mkfifo(run / "junit.xml")


def linked(run: Path) -> None:
    """The same octets, but somewhere else."""
    away = run.with_name("elsewhere.pcapng")
    shutil.move(run / S1, away)
    (run / S1).symlink_to(away)


def twisted(run: Path) -> None:
    """Two captures under each other's name."""
    rename(S1, "x")(run)
    rename("captures/s2.pcapng", S1)(run)
    rename("x", "captures/s2.pcapng")(run)


UPDATE: Final = "UPDATE observation SET "
ROW_9: Final = " WHERE row=9"
LAST_VOID: Final = "(SELECT MAX(row) FROM observation WHERE kind='episode.void')"
MANIFEST: Final = r"^manifest\.json: "

WAYS: Final = (
    # rows
    Way("stamp", sql(f"{UPDATE}t_ns=t_ns-1{ROW_9}"), r"timeline\.sqlite row 9: changed \(t_ns\)"),
    Way("source", sql(f"{UPDATE}source='somebody'{ROW_9}"), r"timeline\.sqlite row 9: changed \(source\)"),
    Way("sequence", sql(f"{UPDATE}seq=99999{ROW_9}"), r"timeline\.sqlite row 9: changed \(seq\)"),
    Way("subject", sql(f"{UPDATE}subject='t9'{ROW_9}"), r"timeline\.sqlite row 9: changed \(subject\)"),
    Way("kind", sql(f"{UPDATE}kind='meter.alarm'{ROW_9}"), r"timeline\.sqlite row 9: changed \(kind\)"),
    Way("uncertainty", sql(f"{UPDATE}u_ns=7{ROW_9}"), r"timeline\.sqlite row 9: changed \(u_ns\)"),
    Way("episode", sql(f"{UPDATE}episode='x'{ROW_9}"), r"timeline\.sqlite row 9: changed \(episode\)"),
    Way("data", sql(f"{UPDATE}data='{{}}'{ROW_9}"), r"timeline\.sqlite row 9: changed \(data\)"),
    Way("type of a value", sql(f"{UPDATE}data=CAST(data AS BLOB){ROW_9}"), r"timeline\.sqlite row 9: changed \(data\)"),
    Way(
        "one value of a row",
        sql(f"{UPDATE}data=json_set(data, '$.takeover', 'never') WHERE kind='bench.resumed'"),
        r"timeline\.sqlite row \d+: changed \(data\.takeover\)",
        r"timeline\.sqlite row \d+: changed \(data\)",
    ),
    Way(
        "a value put into a row",
        sql(f"{UPDATE}data=json_set(data, '$.note', 'none') WHERE kind='bench.resumed'"),
        r"timeline\.sqlite row \d+: changed \(data\.note added\)",
        r"timeline\.sqlite row \d+: changed \(data\)",
    ),
    Way(
        "a value taken out of a row",
        sql(f"{UPDATE}data=json_remove(data, '$.why') WHERE kind='bench.blind'"),
        r"timeline\.sqlite row \d+: changed \(data\.why removed\)",
        r"timeline\.sqlite row \d+: changed \(data\)",
    ),
    Way("row removed", sql(f"DELETE FROM observation{ROW_9}"), r"timeline\.sqlite row 9: removed"),
    Way("first row removed", sql("DELETE FROM observation WHERE row=1"), r"timeline\.sqlite row 1: removed"),
    Way(
        "row removed, the rest renumbered",
        sql(f"DELETE FROM observation{ROW_9}", f"{UPDATE}row=row-1 WHERE row>9"),
        r"timeline\.sqlite row 9: removed",
    ),
    Way(
        "void removed",
        sql(f"DELETE FROM observation WHERE row={LAST_VOID}"),
        r"row \d+: removed \(episode\.void again\)",
        r"timeline\.sqlite row \d+: removed",
    ),
    Way(
        "interruption removed",
        sql("DELETE FROM observation WHERE kind='bench.resumed'"),
        r"row \d+: removed \(bench\.resumed bench\)",
        r"timeline\.sqlite row \d+: removed",
    ),
    Way(
        "retry removed whole",
        sql("DELETE FROM observation WHERE subject='again'"),
        r"rows \d+ to \d+: removed \(episode\.void again\)",
        r"timeline\.sqlite row \d+: removed",
    ),
    Way("blind interval shortened", sql(f"{UPDATE}data='{{}}' WHERE kind='bench.blind'"), r"row \d+: changed \(data\)"),
    Way(
        "row added at the end",
        sql("INSERT INTO observation SELECT MAX(row)+1,1,'x',1,'x','x',0,'','{}' FROM observation"),
        r"timeline\.sqlite row \d+: added",
    ),
    Way(
        "row added in between",
        sql(
            f"{UPDATE}row=-row WHERE row>8",
            f"{UPDATE}row=1-row WHERE row<0",
            "INSERT INTO observation VALUES (9,1,'x',1,'x','x',0,'','{}')",
        ),
        r"timeline\.sqlite row 9: added",
    ),
    Way(
        "rows exchanged",
        sql(f"{UPDATE}row=-1 WHERE row=9", f"{UPDATE}row=9 WHERE row=11", f"{UPDATE}row=11 WHERE row=-1"),
        r"timeline\.sqlite row(s)? 9( to 11)?: moved",
    ),
    Way("row renumbered", sql(f"{UPDATE}row=70000 WHERE row=(SELECT MAX(row) FROM observation)"), r"number is 70000"),
    Way("table added", sql("CREATE TABLE more (a)"), r"timeline\.sqlite schema: changed"),
    Way(
        "trigger added",
        sql("CREATE TRIGGER t AFTER INSERT ON observation BEGIN SELECT 1; END"),
        r"timeline\.sqlite schema: changed",
    ),
    Way("index dropped", sql("DROP INDEX observation_by_kind"), r"timeline\.sqlite schema: changed"),
    Way("version", sql("PRAGMA user_version=9"), r"timeline\.sqlite schema: changed"),
    Way("log beside", log_beside, r"timeline\.sqlite-wal: added after sealing"),
    Way("page added", free_page, r"timeline\.sqlite octets (from )?\d+( to \d+)?: added"),
    Way("database cut", octets("timeline.sqlite", lambda said: said[:9000]), r"timeline\.sqlite octets (from )?8192"),
    Way(
        "database emptied",
        octets("timeline.sqlite", lambda _: b""),
        r"timeline\.sqlite octets (from )?0( to \d+)?: rem",
    ),
    # frames
    Way(
        "octet of a frame", frames(lambda all_of: [*all_of[:12], flip(40)(all_of[12]), *all_of[13:]]), rf"{S1}#11: chan"
    ),
    Way(
        "stamp of a frame", frames(lambda all_of: [*all_of[:12], flip(16)(all_of[12]), *all_of[13:]]), rf"{S1}#11: chan"
    ),
    Way("frame removed", frames(lambda all_of: all_of[:12] + all_of[13:]), rf"{S1}#11: removed"),
    Way("last frame removed", frames(lambda all_of: all_of[:-1]), rf"{S1}#\d+: removed"),
    Way("frame doubled", frames(lambda all_of: [*all_of[:13], *all_of[12:]]), rf"{S1}#1[12]: added"),
    Way("frames exchanged", frames(swap(12, 20)), rf"{S1}#11: moved"),
    Way("head of the capture", frames(lambda all_of: [flip(20)(all_of[0]), *all_of[1:]]), rf"{S1} block 1: changed"),
    Way("length of a frame", frames(lambda all_of: [*all_of[:12], flip(5, 4)(all_of[12]), *all_of[13:]]), rf"{S1}#11"),
    Way("capture cut", octets(S1, lambda said: said[:5000]), rf"{S1}#\d+( to #\d+)?: (removed|changed)"),
    Way("capture removed", remove(S1), rf"{S1}: removed"),
    Way("capture renamed", rename(S1, "captures/s9.pcapng"), rf"{S1}: (renamed to captures/s9|removed)"),
    Way("captures twisted", twisted, rf"{S1}#1"),
    Way("results a pipe", piped, r"junit\.xml: is no plain file"),
    Way("capture linked", linked, rf"{S1}: is no plain file"),
    # inputs and results
    Way(
        "limit",
        text("run.yaml", "alarm_delay_s: 90", "alarm_delay_s: 900"),
        r"run\.yaml agreement\.alarm_delay_s: was 90.*, is 900",
        r"run\.yaml line \d+: changed",
    ),
    Way(
        "guideline's words",
        text("run.yaml", "1分半程度", "2分半程度"),
        r"run\.yaml guideline.*official: was",
        r"run\.yaml line",
    ),
    Way("seed", text("run.yaml", "\nseed: ", "\nseed: 1"), r"run\.yaml seed: was", r"run\.yaml line \d+: changed"),
    Way("comment", octets("run.yaml", lambda said: said + b"# agreed\n"), r"run\.yaml line \d+: added"),
    Way("inputs emptied", octets("run.yaml", lambda _: b""), r"run\.yaml"),
    Way("outcome", text("verdicts.json", '"TARGET MISSED"', '"PASS"'), r"verdicts\.json line \d+: changed"),
    Way("value", text("verdicts.json", '"value": ', '"value": 1'), r"verdicts\.json line \d+: changed"),
    Way("verdicts removed", remove("verdicts.json"), r"^verdicts\.json: removed"),
    Way("junit", text("junit.xml", "TARGET MISSED", "PASS"), r"junit\.xml line \d+: changed"),
    Way(
        "later judgement",
        text("judged/1/verdicts.json", '"PASS"', '"FAIL"'),
        r"judged/1/verdicts\.json line \d+: changed",
    ),
    Way("judgement slipped in", add("judged/2/verdicts.json"), r"judged/2"),
    # the rest of the folder
    Way(
        "console line",
        text("console/console.t1.log", "Select PAN", "Select LAN"),
        r"console/console\.t1\.log line \d+: ch",
    ),
    Way(
        "lines exchanged",
        lines("console/console.t1.log", lambda all_of: [*all_of[:3], all_of[4], all_of[3], *all_of[5:]]),
        r"console/console\.t1\.log line(s)? 4",
    ),
    Way("photo", octets(PHOTO, flip(5000)), r"photos/task-1\.jpg octets (from )?4096( to 8191)?: changed"),
    Way("key file", octets("keys/ieee802154_keys", flip(3)), r"keys/ieee802154_keys line 1: changed"),
    Way("file added", add("console/console.t9.log"), r"console/console\.t9\.log: added after sealing"),
    Way("earlier stop", octets("seals/1.json", flip(900)), r"seals/1\.json"),
    Way("earlier stop removed", remove("seals/1.json"), r"seals/1\.json: removed"),
    # the manifest
    Way("signature off", unsigned, rf"{MANIFEST}(its signature was taken away|is not signed by)"),
    Way("manifest says otherwise", statement(lambda told: told["predicate"]["facts"].update(why="ended")), MANIFEST),  # type: ignore[index]
    Way("file left out of it", statement(lambda told: told["subject"].pop()), MANIFEST),  # type: ignore[attr-defined]
    Way("manifest's white space", octets("manifest.json", lambda said: said + b"\n"), MANIFEST),
    Way("manifest cut", octets("manifest.json", lambda said: said[: len(said) // 2]), MANIFEST),
    Way("manifest is something else", octets("manifest.json", lambda _: b'{"a": 1}'), MANIFEST),
)
