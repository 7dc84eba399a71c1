"""The shared captures, their keys, and what tshark and the stacks' own logs said about each frame."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.air.keys import KeyTable

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"
WISUN = ("line2", "star3", "fixedch", "twopan", "mcast", "pomrpi", "badauth", "hiftrace", "mbed-line2")
CONTIKI = ("contiki-rpl-lite-line4", "contiki-llsec-line3")
CONTIKI_CONTEXTS = {0: bytes.fromhex("fd00000000000000")}
CONTIKI_KEY = bytes.fromhex("101112131415161718191a1b1c1d1e1f")


def need(name: str) -> Path:
    """The path of a shared file; skips the test where it is not there."""
    path = CAPTURES / name
    if not path.exists():
        pytest.skip(f"shared capture {name} is not here")
    return path


def keys_of(capture: str) -> KeyTable:
    """The link keys of a capture."""
    if capture in CONTIKI:
        return KeyTable([(0, CONTIKI_KEY)])
    return KeyTable.read(need(f"{capture}.ieee802154_keys"))


def table(name: str) -> Iterator[dict[str, str]]:
    """Rows of a gzipped table of tab-separated values."""
    with gzip.open(need(name), "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
