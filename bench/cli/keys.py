"""`kenshin keys`: the key that signs the manifests of this bench's runs, made and shown."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import TextIO

from bench.errors import InputError
from bench.evidence.folder import refuse_inside_run
from bench.evidence.seal.keys import (
    PASSPHRASE,
    PLACE,
    default_place,
    fingerprint,
    new_key,
    public_place,
    read_public,
)


def make_key(out: Path | None, with_passphrase: bool, say: TextIO) -> None:
    """Make a key at ``out`` or in its usual place, and say where it is. InputError where there is one already."""
    path = _place(out)
    refuse_inside_run(path)  # it would be handed on with the run
    key = new_key(path, _new_passphrase() if with_passphrase else None)
    locked = "with its passphrase" if with_passphrase else "without a passphrase: whoever can read it can sign"
    print(f"secret: {path} (mode 600, {locked})", file=say)
    print(f"public: {public_place(path)}", file=say)
    print(f"fingerprint: {key.id}", file=say)


def show_key(path: Path | None, say: TextIO) -> None:
    """Print a public key's fingerprint. InputError where there is none."""
    place = path or public_place(_place(None))
    print(f"{fingerprint(read_public(place))}  {place}", file=say)


def _place(named: Path | None) -> Path:
    place = named or default_place()
    if place is None:
        raise InputError(f"{PLACE} is empty, so there is no usual place for a key; expected a file to be named")
    return place


def _new_passphrase() -> str:
    """From the environment, or asked for twice."""
    if (said := os.environ.get(PASSPHRASE)) is not None:
        phrase = said
    elif sys.stdin.isatty():
        phrase = getpass.getpass("passphrase: ")
        if getpass.getpass("the same again: ") != phrase:
            raise InputError("the two passphrases differ; expected the same twice")
    else:
        raise InputError(f"no terminal to ask for a passphrase; expected it in {PASSPHRASE}")
    if not phrase:
        raise InputError("an empty passphrase; expected one, or no --passphrase")
    return phrase
