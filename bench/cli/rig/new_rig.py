"""``kenshin new rig``: a rig file from what is plugged in, from addresses that are named, and from what is answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

import attrs

from bench.cli.written import refuse_file
from bench.errors import InputError, KenshinError
from bench.plan.schema import TerminalDeclaration
from bench.yamlfile import load_model
from devices.supply.supply import Supply, dialect_named
from devices.wires.address import Address
from fixtures.newrig.found import Found, Role, look
from fixtures.newrig.laid_out import LaidOut, Output, laid_out
from fixtures.newrig.text import Set, rig_text
from fixtures.rig.environment import open_environment
from fixtures.rig.rig import Rig

Ask = Callable[[str], str]


@attrs.frozen(slots=True)
class Wanted:
    """What was said on the command line."""

    out: Path
    terminal: Path
    at: tuple[str, ...]
    by_id: Path | None
    visa: bool
    volts: float | None
    amps: float | None
    hops: int
    rf: str
    hold_s: float
    keys: str
    force: bool


def new_rig(wanted: Wanted, ask: Ask | None, out: TextIO) -> None:
    """Look, lay out, write, and read back as a run would. ``ask``: a person who answers; None: guesses are taken."""
    refuse_file(wanted.out, force=wanted.force)
    declared = load_model(wanted.terminal, TerminalDeclaration)
    found: list[Found] = []
    for one in look(list(wanted.at), wanted.by_id, wanted.visa):
        print(f"{one.role:<8} {one.address}  {one.model} {one.said}".rstrip(), file=out)
        found.append(one)
    choose = None if ask is None else lambda what, some: _chosen(what, some, ask, out)
    rig = laid_out(declared, found, _server(found, ask), choose)
    text = rig_text(rig, _sets(rig, wanted), wanted.hops, wanted.rf, wanted.hold_s, wanted.keys)
    before = wanted.out.read_text(encoding="utf-8") if wanted.out.exists() else None
    try:
        wanted.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{wanted.out}: cannot be written ({error.strerror}); expected a writable place") from None
    try:
        Rig(open_environment(wanted.out))
    except KenshinError:
        _put_back(wanted.out, before)
        raise
    _say(wanted, rig, out)


def _say(wanted: Wanted, rig: LaidOut, out: TextIO) -> None:
    for terminal in rig.terminals:
        for what in terminal.guessed:
            print(f"guessed: {terminal.id}: {what}", file=out)
    print(f"{wanted.out}: written; look it over, correct it, and then:", file=out)
    print(f"  kenshin doctor --rig {wanted.out} --terminal {wanted.terminal}", file=out)


def _server(found: Sequence[Found], ask: Ask | None) -> Found:
    servers = [one for one in found if one.role is Role.SERVER]
    if len(servers) == 1:
        return servers[0]
    if servers:
        raise InputError(f"--at: {len(servers)} servers; expected one")
    if ask is not None and "://" in (url := ask("URL of the connection server").strip()):
        return Found(Role.SERVER, url)
    raise InputError("no connection server; expected --at http://HOST:PORT, which a rig cannot be without")


def _chosen(what: str, some: Sequence[Found], ask: Ask, out: TextIO) -> Found | None:
    """A number, the first one by Enter, or ``-`` for none."""
    for n, one in enumerate(some, 1):
        print(f"  {n}  {one.address} {one.said}".rstrip(), file=out)
    while True:
        said = ask(f"{what}: number, Enter for 1, - for none").strip()
        if said == "-":
            return None
        if said in ("", *map(str, range(1, len(some) + 1))):
            return some[int(said or 1) - 1]


def _sets(rig: LaidOut, wanted: Wanted) -> dict[Output, Set]:
    """What each used channel is set to, as its instrument says; ``--volts`` and ``--amps`` are for the terminals."""
    used = [terminal.feed for terminal in rig.terminals if terminal.feed is not None]
    sets: dict[Output, Set] = {}
    for output in [*used, *([rig.mains] if rig.mains is not None else [])]:
        of_terminal = output is not rig.mains
        if of_terminal and wanted.volts and wanted.amps:
            sets[output] = Set(wanted.volts, wanted.amps)
            continue
        told = _read(output, rig.supplies[output.supply])
        if told.volts <= 0 or told.amps <= 0:  # a switch sets neither
            said = f"{output.supply} channel {output.channel} is set to {told.volts:g} V, {told.amps:g} A"
            raise InputError(f"{said}; expected it to be set on the instrument, or --volts and --amps")
        sets[output] = told
    return sets


def _read(output: Output, one: Found) -> Set:
    host, _, port = one.address.rpartition(":")
    at = Address(visa=one.address) if "::" in one.address else Address(host, int(port))
    supply = Supply(at.line(output.supply), dialect_named(one.model))
    try:
        supply.open()
        said = supply.output(output.channel)
    finally:
        supply.close()
    return Set(said.volts or 0.0, said.amps or 0.0)


def _put_back(path: Path, before: str | None) -> None:
    if before is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(before, encoding="utf-8")
