"""Frames of the captures of real stacks, decoded once, and the medium's own account of them (`NAME.frames.tsv.gz`)."""

from __future__ import annotations

import csv
import gzip
from functools import cache

from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.keys.table import KeyTable
from tests.places import CAPTURES

CONTEXT = {0: bytes.fromhex("fd00000000000000")}
"""IPHC context of the Contiki captures (their README)."""


@cache
def records(name: str, form: str = "") -> tuple[Record, ...]:
    return tuple(read_capture(CAPTURES / f"{name}{form}.pcapng"))


def keys(name: str) -> KeyTable | None:
    path = CAPTURES / f"{name}.ieee802154_keys"
    return KeyTable.read(path) if path.is_file() else None


@cache
def frames(name: str) -> tuple[Frame, ...]:
    return tuple(decode_frames(records(name), keys(name), CONTEXT if name.startswith("contiki") else None))


@cache
def account(name: str) -> tuple[dict[str, str], ...]:
    """One row a frame, in the order of the capture."""
    with gzip.open(CAPTURES / f"{name}.frames.tsv.gz", "rt") as file:
        return tuple(csv.DictReader(file, delimiter="\t"))


def eui(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
