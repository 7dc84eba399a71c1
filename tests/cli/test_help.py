"""What the command line says of itself: version, help with examples that can be copied, completion."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.cli.app import app
from bench.identity import identity
from tests.fixtures.run.bench_process import kenshin

COMMANDS = [command for command in app.registered_commands if not command.hidden]
NAMES = [command.callback.__name__.replace("_", "-") for command in COMMANDS if command.callback]
WIDE = {"COLUMNS": "200", "TERM": "dumb"}


def helped(name: str) -> str:
    done = CliRunner().invoke(app, [name, "--help"], env=WIDE)
    assert done.exit_code == 0
    return done.output


@pytest.mark.parametrize("name", NAMES)
def test_help_ends_with_examples_and_exit_codes(name: str) -> None:
    text = helped(name)
    examples, _, codes = text.partition("Examples:")[2].partition("Exit codes:")
    judging = {"run": "014", "judge": "014", "add-evidence": "014", "verify": "014", "qualify": "01"}
    assert set(re.findall(r"^ +(\d)  \w", codes, re.M)) == {"0", "2", "3", *judging.get(name, "")}
    assert re.findall(rf"^ +kenshin {name}\b.*", examples, re.M)


@pytest.mark.parametrize("name", NAMES)
def test_examples_hold_options_that_there_are(name: str) -> None:
    text = helped(name)
    options, _, examples = text.partition("Examples:")
    for line in re.findall(rf"kenshin {name} (.*)", examples):
        for word in shlex.split(line, comments=False):
            assert not word.startswith("--") or re.search(rf"{word}\b", options), line


def test_version_tells_the_code() -> None:
    ended = kenshin("--version")
    assert (ended.code, ended.stdout) == (0, f"kenshin {identity()}\n")


def test_a_shell_can_complete_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_KENSHIN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "kenshin me")
    monkeypatch.setenv("COMP_CWORD", "1")
    command = Path(sys.executable).with_name("kenshin")  # the shell asks the program of this name
    done = subprocess.run([command], capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["measure"])
