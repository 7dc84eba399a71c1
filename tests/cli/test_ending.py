"""Every command ends with a code of the contract and one line, whatever becomes of it and of its streams."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.places import CAPTURES, ROOT

BROKEN = """
import errno, importlib, sqlite3, sys
def broken(*_arguments, **_options):
    raise {error}
module, name = {where!r}.split(":")
setattr(importlib.import_module(module), name, broken)
sys.argv = ["kenshin", *sys.argv[1:]]
from bench.cli.__main__ import main
main()
"""
"""`kenshin` with one function that raises what nobody foresaw."""

CAPTURE = CAPTURES / "badauth-br-own.pcapng"
COMMANDS = {
    "decode": ("bench.air.show.command:decode_command", ["decode", "x.pcapng", "--format", "jsonl"]),
    "measure": ("bench.cli.measure:measure_command", ["measure", "x.pcapng"]),
    "twin": ("bench.twin.process:run_twin", ["twin", "--topology", "x"]),
    "lab": ("bench.twin.lab.process:run_lab", ["lab", "--topology", "x"]),
    "timeline": ("bench.evidence.evidence:Evidence.open", ["timeline", "x"]),
    "show": ("bench.cli.cited:show_cited", ["show", "x", "timeline#1"]),
    "run": ("fixtures.run.asked:Asked.of", ["run"]),
    "judge": ("bench.evidence.folder:RunFolder.open", ["judge", "x"]),
}
ERRORS = (
    "MemoryError()",
    "RecursionError('maximum recursion depth exceeded')",
    "sqlite3.OperationalError('database or disk is full')",
    "OSError(errno.EMFILE, 'Too many open files')",
    "KeyError('surprise')",
)


def broken(where: str, error: str, arguments: Sequence[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in which the function at ``where`` raises ``error``."""
    code = BROKEN.format(where=where, error=error)
    if where.count(".") and "." in where.partition(":")[2]:  # a method of a class
        code = code.replace(
            "setattr(importlib.import_module(module), name, broken)",
            'cls, name = name.split("."); setattr(getattr(importlib.import_module(module), cls), name, broken)',
        )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "LG_"))}
    return subprocess.run(
        [sys.executable, "-c", "from bench.rooms import open_rooms; open_rooms()" + code, *arguments],
        cwd=tmp_path,
        env={**environment, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


CASES = [(command, ERRORS[number % len(ERRORS)]) for number, command in enumerate(COMMANDS)]


@pytest.mark.parametrize(("command", "error"), CASES, ids=[name for name, _ in CASES])
def test_what_nobody_foresaw_is_exit_3_one_line_and_a_file(tmp_path: Path, command: str, error: str) -> None:
    where, arguments = COMMANDS[command]
    done = broken(where, error, arguments, tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    found = re.fullmatch(r"kenshin: (\w+): ?.* ?\(details in (.+bench-error\.log)\)", line) or re.fullmatch(
        r"kenshin: (\w+) \(details in (.+bench-error\.log)\)", line
    )
    assert found, line
    assert error.partition("(")[0].rpartition(".")[2] == found[1]
    details = Path(found[2]).read_text(encoding="utf-8")
    assert "Traceback" in details
    assert "in broken" in details


@pytest.mark.parametrize("command", ["decode", "timeline", "run", "judge"])
@pytest.mark.parametrize(
    "how", ["KeyboardInterrupt()", "RuntimeError('Error calling __set_name__') from KeyboardInterrupt()"]
)
def test_a_ctrl_c_before_a_run_is_begun_is_130_whatever_it_comes_out_as(tmp_path: Path, command: str, how: str) -> None:
    """Python makes another exception of one that strikes inside a class body's callbacks or an import."""
    where, arguments = COMMANDS[command]
    done = broken(where, how, arguments, tmp_path)
    assert done.returncode == 130, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "RuntimeError" not in done.stdout + done.stderr


@pytest.mark.parametrize("encoding", ["cp932", "ascii", "latin-1"])
def test_no_encoding_of_a_terminal_ends_a_command(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (["--help"], ["decode", str(CAPTURE), "--frame", "1"], ["decode", str(CAPTURE)]):
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", *arguments], cwd=ROOT, env=environment, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b""), arguments


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lend_their_numbers_to_no_file(tmp_path: Path, closed: str) -> None:
    written = tmp_path / "copy.pcapng"
    command = f'"{sys.executable}" -m bench.cli decode "{CAPTURE}" --write "{written}" {closed}'
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    again = subprocess.run(
        [sys.executable, "-m", "bench.cli", "decode", str(written)], cwd=ROOT, capture_output=True, check=False
    )
    assert again.returncode == 0, again.stderr


def test_a_reader_that_has_seen_enough_of_frames_is_no_failure() -> None:
    command = f'"{sys.executable}" -m bench.cli decode "{CAPTURE}" --format jsonl | head -1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "0", done.stderr
    assert done.stderr == ""
