"""`kenshin verify` and `kenshin keys`: what is said, exit codes, and verdicts that are derived again."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from bench import kinds
from bench.air.octets import counted
from bench.cli.keys import make_key, show_key
from bench.cli.late import add_documents
from bench.cli.verify import verify_run
from bench.errors import InputError
from bench.evidence.added import add, register
from bench.evidence.folder import RunFolder
from bench.evidence.seal.keys import SigningKey, fingerprint, is_encrypted, new_key, public_place, read_key, read_public
from bench.evidence.seal.sealing import reopen
from bench.evidence.status import Doing, Process, Status
from fixtures.run.sealed import Sealer
from tests.evidence.seal.sealed_run import make_key as a_key
from tests.evidence.seal.sealed_run import record, seal, second_opinion
from tests.fixtures.run.bench_process import kenshin
from tests.places import RUNS


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return a_key(tmp_path)


@pytest.fixture
def run(tmp_path: Path, key: SigningKey) -> Path:
    """A golden run, sealed."""
    run = shutil.copytree(RUNS / "2", tmp_path / "run")
    seal(run, key)
    return run


def verified(run: Path, key: SigningKey | None = None, after: Path | None = None) -> tuple[int, str]:
    out = io.StringIO()
    code = verify_run(run, None if key is None else public_place(key.path), after, out)
    return code, out.getvalue()


def test_a_sealed_run_is_verified_and_its_verdicts_follow_again(run: Path, key: SigningKey) -> None:
    code, said = verified(run, key)
    assert (code, said.splitlines()[-1]) == (0, f"{run}: VERIFIED")
    assert f"signed by {key.id}" in said
    assert "14 verdicts derived again, all the same" in said


def test_a_run_on_a_disk_that_cannot_be_written_is_verified(run: Path, key: SigningKey) -> None:
    for path in (*run.rglob("*"), run):
        path.chmod(0o555 if path.is_dir() else 0o444)
    code, said = verified(run, key)
    for path in (run, *run.rglob("*")):
        path.chmod(0o755)
    assert code == 0, said


def test_a_verdict_that_does_not_follow_is_found_although_the_seal_is_whole(run: Path, key: SigningKey) -> None:
    """Somebody with the key changes a word and seals again: this bench derives another one."""
    stored = json.loads((run / "verdicts.json").read_text("utf-8"))
    missed = next(verdict for verdict in stored["verdicts"] if verdict["outcome"] == "TARGET MISSED")
    missed["outcome"] = "PASS"
    (run / "verdicts.json").write_text(json.dumps(stored), "utf-8")
    seal(run, key)
    code, said = verified(run, key)
    assert code == 4, "judged by the code of long ago: no proof of an alteration"
    name = f"{missed['requirement']} {missed['subject']}"
    assert f'verdict {name}: outcome stored "PASS", derived "TARGET MISSED"' in said
    assert second_opinion(run, key)[0] == 0, "the second one derives nothing"


def test_a_removed_verdict_is_found(run: Path, key: SigningKey) -> None:
    stored = json.loads((run / "verdicts.json").read_text("utf-8"))
    gone = stored["verdicts"].pop()
    (run / "verdicts.json").write_text(json.dumps(stored), "utf-8")
    seal(run, key)
    assert f"verdict {gone['requirement']} {gone['subject']}: not stored" in verified(run, key)[1]


def test_a_column_index_that_somebody_made_up_stands_in_no_verdicts_way(run: Path, key: SigningKey) -> None:
    (run / "captures" / "s1.kbx").write_bytes(b"\0" * 64)
    assert verified(run, key)[0] == 0
    assert (run / "captures" / "s1.kbx").read_bytes() == b"\0" * 64


def test_a_run_without_a_manifest_is_not_proven(tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "1", tmp_path / "old")
    code, said = verified(run)
    assert code == 4
    assert "NOT PROVEN: no manifest.json: not sealed" in said
    assert "14 verdicts derived again, all the same" in said


def test_without_a_key_it_is_sealed_and_not_proven(run: Path) -> None:
    seal(run, None)
    code, said = verified(run)
    assert code == 4
    assert "not signed; whoever altered the run could have sealed it anew" in said
    assert second_opinion(run, None)[0] == 4


def test_another_key_is_not_the_one_that_was_asked_for(run: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = a_key(tmp_path / "other")
    code, said = verified(run, other)
    assert (code, f"expected {other.id}" in said) == (1, True)
    assert second_opinion(run, other)[0] == 1


def test_a_run_that_went_on_and_was_killed_still_holds_its_earlier_stop(run: Path, key: SigningKey) -> None:
    reopen(run)
    code, said = verified(run, key)
    assert (code, "it went on after seals/1.json and was not ended in order" in said) == (4, True)
    with closing(sqlite3.connect(run / "timeline.sqlite", isolation_level=None)) as db:
        db.execute("DELETE FROM observation WHERE row=7")
    code, said = verified(run, key)
    assert (code, "ALTERED: timeline.sqlite row 7: removed since seals/1.json" in said) == (1, True)


@pytest.mark.parametrize(
    ("doing", "born", "says"),
    [
        (Doing.DRIVING, 1, "its bench ended without a word after 2026-04-01T00:00:00+00:00"),
        (Doing.ENDED, 1, "its bench ended at 2026-04-01T00:00:00+00:00 (the disk is full) and could not seal it"),
        (Doing.DRIVING, 0, "its bench is driving (process {pid} of "),
    ],
    ids=lambda value: value.split(" (")[0] if isinstance(value, str) else None,
)
def test_what_became_of_the_bench_of_an_unsealed_run(doing: Doing, born: int, says: str, tmp_path: Path) -> None:
    run = shutil.copytree(RUNS / "2", tmp_path / "run")
    process = attrs.evolve(Process.this(), born=born) if born else Process.this()
    beat = "2026-04-01T00:00:00+00:00"
    told = Status(doing, process, beat, beat if born else datetime.now(UTC).isoformat(), why="the disk is full")
    (run / "status.json").write_text(json.dumps(told.plain()), "utf-8")
    code, said = verified(run)
    assert code == 4, said
    assert says.format(pid=os.getpid()) in said, said
    assert not born or f"{counted(len(rows(run)), 'row')} there" in said, said


def test_what_a_killed_bench_left_is_sealed_before_it_goes_on(tmp_path: Path, key: SigningKey) -> None:
    run = shutil.copytree(RUNS / "2", tmp_path / "run")
    count = len(rows(run))
    Sealer(key).seal_found(RunFolder(run))
    reopen(run)
    record(run, kinds.BENCH_RESUMED, "bench", {"takeover": "in time"})
    seal(run, key)
    code, said = verified(run, key)
    assert code == 0, said
    assert f"seals/1.json: rows 1 to {count} unsealed until 20" in said
    with closing(sqlite3.connect(run / "timeline.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE observation SET t_ns=t_ns+1 WHERE row=7")
    seal(run, key)
    code, said = verified(run, key)
    assert (code, "timeline.sqlite row 7: changed (t_ns) since seals/1.json" in said) == (1, True), said


def rows(run: Path) -> list[object]:
    with closing(sqlite3.connect(run / "timeline.sqlite")) as db:
        return list(db.execute("SELECT row FROM observation"))


def test_what_an_earlier_stop_sealed_cannot_be_sealed_away(run: Path, key: SigningKey) -> None:
    """Even by the key's owner: the beginning of a run is what its first stop says."""
    reopen(run)
    with closing(sqlite3.connect(run / "timeline.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE observation SET data='{}' WHERE row=7")
    seal(run, key)
    code, said = verified(run, key)
    assert (code, "timeline.sqlite row 7: changed (data) since seals/1.json" in said) == (1, True)


def test_a_key_chains_what_it_seals(run: Path, tmp_path: Path, key: SigningKey) -> None:
    second = shutil.copytree(RUNS / "1", tmp_path / "second")
    seal(second, key)
    third = shutil.copytree(RUNS / "1", tmp_path / "third")
    seal(third, key)
    code, said = verified(third, key, after=second)
    assert (code, "does not follow" in said) == (0, False)
    code, said = verified(third, key, after=run)
    assert (code, f"does not follow {run}" in said) == (1, True)


def test_late_evidence_seals_anew_and_old_verdicts_follow_from_what_was_there(
    run: Path, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KENSHIN_KEY", str(key.path))
    paper = tmp_path / "rules.pdf"
    paper.write_bytes(b"%PDF made up")
    with pytest.raises(InputError, match="no paper of that name"):
        add_documents(run, [paper], "EX-2", None, "A. Tester")
    assert verified(run, key)[0] == 0


@pytest.fixture
def late(tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sealed run that a paper may be added to, by the key that sealed it."""
    monkeypatch.setenv("KENSHIN_KEY", str(key.path))
    run = shutil.copytree(RUNS / "3", tmp_path / "late")
    seal(run, key)
    return run


def papers(folder: Path) -> tuple[Path, Path]:
    one, two = folder / "one.pdf", folder / "two.pdf"
    one.write_bytes(b"%PDF made up")
    two.write_bytes(b"%PDF made up, too")
    return one, two


def test_two_who_add_at_once_do_it_one_after_the_other(
    late: Path, tmp_path: Path, key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one comes while the first one copies: between its look at the seal and the next seal."""
    one, two = papers(tmp_path)
    refused: list[str] = []

    def slow(*told: object) -> object:
        monkeypatch.setattr("bench.cli.late.add", add)
        try:
            add_documents(late, [two], "EX-2", None, "B. Tester")
        except InputError as error:
            refused.append(str(error))
        return add(*told)  # type: ignore[arg-type]

    monkeypatch.setattr("bench.cli.late.add", slow)
    add_documents(late, [one], "EX-1", None, "A. Tester")
    assert len(refused) == 1, "the second one added below the first one's seal"
    assert f"run folder {late} is in use by kenshin add-evidence" in refused[0]
    assert verified(late, key)[0] == 0
    add_documents(late, [two], "EX-2", None, "B. Tester")
    assert verified(late, key)[0] == 0
    assert [entry.who for entry in register(late)] == ["A. Tester", "B. Tester"]


def test_nothing_is_added_to_an_altered_run(late: Path, tmp_path: Path, key: SigningKey) -> None:
    with closing(sqlite3.connect(late / "timeline.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE observation SET t_ns = t_ns - 30 WHERE row BETWEEN 90 AND 99")
    before = {path: path.read_bytes() for path in late.rglob("*") if path.is_file()}
    words = r"altered since it was sealed: timeline\.sqlite rows 90 to 99: changed; expected a run as it was sealed"
    with pytest.raises(InputError, match=words):
        add_documents(late, [papers(tmp_path)[0]], "EX-1", None, "A. Tester")
    assert {path: path.read_bytes() for path in late.rglob("*") if path.is_file()} == before
    assert verified(late, key)[0] == 1


@pytest.mark.parametrize("what", [b"", b"{}", b"\xff" * 40, b'{"payloadType": 1}', b"[" * 5000])
def test_garbage_for_a_manifest_is_one_line(run: Path, key: SigningKey, what: bytes) -> None:
    (run / "manifest.json").write_bytes(what)
    code, said = verified(run, key)
    assert code == 1
    assert len([line for line in said.splitlines() if line.startswith("ALTERED: manifest.json: ")]) == 1
    assert second_opinion(run, key)[0] == 1


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "key").write_text("no key")
    for arguments, said in (
        (("verify", tmp_path / "nothing"), "no such folder; expected a run folder"),
        (("verify", tmp_path / "empty"), "no run.yaml in it; expected a run folder"),
        (("verify", RUNS / "1", "--key", tmp_path / "key"), "no public key; expected an Ed25519 public key in PEM"),
    ):
        ended = kenshin(*arguments)
        assert (ended.code, ended.stdout) == (2, ""), ended.said
        assert len(ended.stderr.splitlines()) == 1
        assert said in ended.stderr


# -- keys --------------------------------------------------------------------------------------------------------------


def test_a_key_is_its_owners_alone(tmp_path: Path) -> None:
    out = io.StringIO()
    make_key(tmp_path / "deep" / "lab.pem", False, out)
    secret, public = tmp_path / "deep" / "lab.pem", tmp_path / "deep" / "lab.pub.pem"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    shown = io.StringIO()
    show_key(public, shown)
    assert shown.getvalue().split()[0] in out.getvalue()
    assert "PRIVATE" not in public.read_text()
    with pytest.raises(InputError, match="is there already"):
        make_key(secret, False, out)


def test_a_secret_is_not_laid_into_a_run(run: Path, key: SigningKey) -> None:
    with pytest.raises(InputError, match="lies in the run"):
        make_key(run / "keys" / "lab.pem", False, io.StringIO())
    assert verified(run, key)[0] == 0


def test_a_key_that_others_may_read_is_refused(tmp_path: Path, key: SigningKey) -> None:
    key.path.chmod(0o640)
    with pytest.raises(InputError, match=r"others may read this key; expected mode 600"):
        read_key(key.path, None)


def test_a_passphrase_locks_a_key(tmp_path: Path) -> None:
    made = new_key(tmp_path / "locked.pem", "correct horse")
    assert is_encrypted(made.path)
    assert read_key(made.path, "correct horse").id == made.id
    for phrase, said in (("wrong", "the passphrase is wrong"), (None, "needs its passphrase")):
        with pytest.raises(InputError, match=said):
            read_key(made.path, phrase)


def test_a_wrong_passphrase_is_found_before_anything_is_driven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_key(tmp_path / "locked.pem", "correct horse")
    monkeypatch.setenv("KENSHIN_KEY", os.fspath(made.path))
    monkeypatch.setenv("KENSHIN_KEY_PASSPHRASE", "wrong")
    ended = kenshin("run", "--out", tmp_path / "run")
    assert (ended.code, (tmp_path / "run").exists()) == (2, False)
    assert "the passphrase is wrong" in ended.stderr
    assert "Traceback" not in ended.said


def test_no_key_lies_in_a_run(run: Path, key: SigningKey) -> None:
    secret = key.path.read_bytes().splitlines()[1]
    assert not [path for path in run.rglob("*") if path.is_file() and secret in path.read_bytes()]
    assert fingerprint(read_public(public_place(key.path))) == key.id
