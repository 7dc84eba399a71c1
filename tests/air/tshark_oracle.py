"""tshark as oracle: the values of named fields, and the octets that it decrypted, decompressed and put together."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from bench.air.fields.tables import Kind, Value
from tests.air.mac_captures import CONTIKI, CONTIKI_KEY, need

NO_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
_BETWEEN = "|"


def preferences(capture: str) -> list[str]:
    """Options that give tshark the keys and contexts of a capture."""
    if capture in CONTIKI:
        key = f'uat:ieee802154_keys:"{CONTIKI_KEY.hex()}","0","No hash"'
        return ["-o", "6lowpan.context0:fd00::/64", "-o", key]
    lines = need(f"{capture.removesuffix('-tap-fcs32')}.ieee802154_keys").read_text().splitlines()
    options = (f"uat:ieee802154_keys:{line}" for line in lines if line.strip() and not line.startswith("#"))
    return [part for option in options for part in ("-o", option)]


def tshark(path: Path, *options: str) -> str:
    """What tshark prints for a capture."""
    command = ["tshark", "-n", "-r", str(path), "-o", "udp.check_checksum:TRUE", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@cache
def known_fields() -> frozenset[str]:
    """Names of all fields that tshark has."""
    listed = subprocess.run(["tshark", "-G", "fields"], capture_output=True, text=True, check=True, errors="replace")
    return frozenset(line.split("\t")[2] for line in listed.stdout.splitlines() if line.startswith("F\t"))


def values(path: Path, names: Sequence[str], options: Sequence[str] = ()) -> list[dict[str, str]]:
    """Texts of all occurrences of the named fields, a frame each, joined by ``|``."""
    wanted = [part for name in names for part in ("-e", name)]
    lines = tshark(path, *options, "-T", "fields", "-E", f"aggregator={_BETWEEN}", "-E", "occurrence=a", *wanted)
    return [dict(zip(names, line.split("\t"), strict=True)) for line in lines.split("\n")[:-1]]


def read(kind: Kind, texts: str, between: str = _BETWEEN) -> list[Value]:
    """The values in the texts of one field, as `bench.air.fields.tables.fields` gives them."""
    return [_READ[kind](text) for text in texts.split(between)] if texts else []


def _seconds(text: str) -> int:
    whole, fraction = text.split(".")
    return int(whole) * 1_000_000_000 + int(fraction.ljust(9, "0"))


def _octets(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x").replace(":", ""))


_READ: dict[Kind, Callable[[str], Value]] = {
    Kind.NUMBER: lambda text: int(text, 0),
    Kind.FLAG: lambda text: bool(int(text)),
    Kind.REAL: float,
    Kind.SECONDS: _seconds,
    Kind.EUI64: _octets,
    Kind.IPV6: lambda text: IPv6Address(text).packed,
    Kind.OCTETS: _octets,
    Kind.TEXT: str,
}

_SOURCE = re.compile(r"(.*?)( IPHC)? \(\d+ bytes\):")
_DUMPED = re.compile(r"[0-9a-f]{4}  ")


def sources(path: Path, options: Sequence[str]) -> list[dict[str, list[bytes]]]:
    """The octets that tshark shows of each frame and beside it (``-x``), by the name of their source."""
    return [_sources(block) for block in tshark(path, *options, "-x").split("\n\n") if block.strip()]


def _sources(block: str) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    name = "Frame"
    for line in block.splitlines():
        named = _SOURCE.fullmatch(line)
        if named:
            name = named[1]
            found.setdefault(name, []).append(b"")
        elif _DUMPED.match(line):
            found.setdefault(name, [b""])[-1] += bytes.fromhex(line[6:53])
    return found
