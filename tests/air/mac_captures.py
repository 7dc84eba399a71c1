"""The captures of real stacks (`tests/data/captures`), their keys, and what tshark and the stacks' own logs said."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

from bench.air.keys.table import KeyTable
from tests.places import CAPTURES

WISUN = (
    *("line2", "star3", "fixedch", "twopan", "mcast", "pomrpi", "badauth", "hiftrace", "mbed-line2"),
    *("rigline2", "mix-twk1"),
)
"""Captures of Wi-SUN stacks in all forms: encrypted, clear, TAP, with tshark's fields and the medium's own account."""
UNOPENED = {"mix-twk1": frozenset({*range(193, 209), *range(210, 218)})}
"""Frames that the medium's account holds encrypted: sent under a key that their receiver had withdrawn."""

CONTIKI = ("contiki-rpl-lite-line4", "contiki-llsec-line3")
CONTIKI_CONTEXTS = {0: bytes.fromhex("fd00000000000000")}
CONTIKI_KEY = bytes.fromhex("101112131415161718191a1b1c1d1e1f")


def need(name: str) -> Path:
    """The path of a capture or of a file beside it; the repository holds them all, so that no test goes without."""
    return CAPTURES / name


def keys_of(capture: str) -> KeyTable:
    """The link keys of a capture."""
    if capture in CONTIKI:
        return KeyTable([(0, CONTIKI_KEY)])
    return KeyTable.read(need(f"{capture}.ieee802154_keys"))


def table(name: str) -> Iterator[dict[str, str]]:
    """Rows of a gzipped table of tab-separated values."""
    with gzip.open(need(name), "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
