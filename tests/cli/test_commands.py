"""The short way into `decode` against the library that reads all command lines: what it reads, it reads the same."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench.cli.app import app
from bench.cli.commands import air
from bench.cli.decode import DecodeOptions, plain

NAMES = ("--keys", "--format", "--filter", "--frame", "--columns", "--context")
VALUES = (
    "a.pcapng",
    "./keys//k",
    "../k/./k",
    "table",
    "jsonl",
    "json",
    "7",
    "007",
    "-7",
    "٣",
    "",
    "-",
    "1_0",
    "0=fd00::/64",
    "=",
)
PAIR = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES))
USUAL = st.sampled_from((["c.pcapng"], ["--keys", "./keys//k"], ["--format", "jsonl"], ["--frame=3"], ["--follow"]))
ODD = st.sampled_from((["--help"], ["--key", "k"], ["-k"], ["--"], ["-"], [""], ["--follow=1"]))
WORDS = st.one_of(USUAL, USUAL, PAIR.map(list), PAIR.map("=".join).map(lambda word: [word]), ODD)


def by_library(arguments: list[str]) -> DecodeOptions | None:
    """What the library makes of a command line; None where it ends with help or an error."""
    found: list[DecodeOptions] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(air, "decode_capture", found.append)
        CliRunner().invoke(app, arguments)
    return found[0] if found else None


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=5))
def test_what_is_read_plainly_is_what_the_library_reads(words: list[list[str]]) -> None:
    arguments = ["decode", *chain.from_iterable(words)]
    read = plain(arguments)
    assert read is None or read == by_library(arguments)


def test_the_usual_command_lines_are_plain() -> None:
    every = (
        "decode c.pcapng --keys k --format jsonl --filter=wpan --frame 3 --columns a,b --context 0=fd00::/64 --follow"
    )
    read = plain(every.split())
    assert read == by_library(every.split())
    assert read == DecodeOptions(("c.pcapng",), "k", "jsonl", "wpan", 3, True, "a,b", ("0=fd00::/64",))
    assert plain(["decode", "c.pcapng"]) == by_library(["decode", "c.pcapng"]) == DecodeOptions(("c.pcapng",))


@pytest.mark.parametrize(
    "words", ["", "run", "decode", "decode --help", "decode a b", "decode a --format xml", "--help"]
)
def test_help_and_mistakes_are_left_to_the_library(words: str) -> None:
    assert plain(words.split()) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("decode a --frame abc", "kenshin: Invalid value for '--frame': .* valid integer.*"),
        ("decode", "kenshin: Missing argument 'capture'.*"),
        ("decode a --format xml", "kenshin: Invalid value for '--format': 'xml' is not one of 'table', 'jsonl'.*"),
        ("decode a --filtr x", "kenshin: No such option: --filtr .*--filter.*"),
        ("decod a", "kenshin: No such command 'decod'.*"),
    ],
)
def test_a_mistake_in_the_options_is_one_line(words: str, said: str) -> None:
    command = [sys.executable, "-m", "bench.cli", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(said + "\n", done.stderr)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("fmt", ["table", "jsonl"])
def test_a_full_disk_is_one_line(tmp_path: Path, fmt: str) -> None:
    capture = tmp_path / "c.pcap"
    capture.write_bytes(bytes.fromhex("d4c3b2a1 0200 0400 00000000 00000000 ffff0000 e6000000") + bytes(16))
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "bench.cli", "decode", str(capture), "--format", fmt]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "kenshin: standard output: No space left on device\n")
