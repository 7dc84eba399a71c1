"""`kenshin decode` from its arguments on, without the library that reads options (`cli.commands.air` has it).

`plain` reads the usual way to write the command. Whatever else is written (help, abbreviations, a value that looks like
an option, a mistake) it leaves to the library, so there is one wording of help and errors.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from bench.errors import InputError

FORMATS: Final = ("table", "jsonl")


class DecodeOptions(NamedTuple):
    """Arguments of `decode`, as `commands.air.decode` explains them; ``contexts`` are texts like ``0=fd00::/64``."""

    captures: tuple[str, ...]
    keys: str | None = None
    fmt: str = FORMATS[0]
    expression: str | None = None
    number: int | None = None
    follow: bool = False
    columns: str | None = None
    contexts: tuple[str, ...] = ()
    write: str | None = None
    marks: str | None = None
    force: bool = False


_FIELDS: Final = {
    "--keys": "keys",
    "--format": "fmt",
    "--filter": "expression",
    "--frame": "number",
    "--columns": "columns",
    "--context": "contexts",
}
"""Options that take a value."""


def plain(arguments: Sequence[str]) -> DecodeOptions | None:
    """The options of ``decode CAPTURE --NAME VALUE ...`` (or ``--NAME=VALUE``); None for anything less plain."""
    if not arguments or arguments[0] != "decode":
        return None
    captures: list[str] = []
    given: dict[str, object] = {}
    contexts: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        name, sign, value = word.partition("=")
        if not word.startswith("-"):
            captures.append(word)
        elif word == "--follow":
            given["follow"] = True
        elif name in _FIELDS:
            value = value if sign else next(words, "")
            if not value or value.startswith("-"):
                return None
            if name == "--context":
                contexts.append(value)
            else:
                given[_FIELDS[name]] = value
        else:
            return None
    number = str(given.get("number", "0"))
    if len(captures) != 1 or not captures[0] or given.get("fmt", FORMATS[0]) not in FORMATS:
        return None
    if not (number.isascii() and number.isdecimal()):
        return None
    if "number" in given:
        given["number"] = int(number)
    keys = str(given.get("keys", ""))
    if ".." in keys:
        return None
    if keys:
        given["keys"] = os.path.normpath(keys)  # as `pathlib` writes it, which takes 3 ms to load
    return DecodeOptions(tuple(captures), contexts=tuple(contexts), **given)  # type: ignore[arg-type]


def decode_capture(options: DecodeOptions) -> None:
    """Write the frames to stdout, or to a file. Raises `InputError`."""
    contexts = None
    if options.contexts:
        from bench.air.lowpan.contexts import parse_contexts

        contexts = parse_contexts(options.contexts)
    if options.write is not None:
        _write(options, options.write, contexts)
        return
    if options.marks is not None or options.force:
        raise InputError(f"{'--marks' if options.marks else '--force'} is for writing; expected --write FILE, too")
    if len(options.captures) != 1:
        raise InputError(f"{len(options.captures)} captures; expected one, or --write FILE to merge them")
    if options == DecodeOptions(options.captures, options.keys, contexts=options.contexts):
        gc.disable()  # nothing that is loaded or kept here is garbage, and looking for it takes time
        from bench.air.bulk.spans import walk_ahead

        with walk_ahead(options.captures[0]) as cut:  # on another core, while this one loads the codec
            from bench.air.show.table import show_table

            if show_table(options.captures[0], options.keys, contexts, sys.stdout, cut=cut):
                return
        gc.enable()
    from bench.air.show.command import decode_command

    decode_command(
        options.captures[0],
        options.keys,
        options.fmt,
        options.expression,
        sys.stdout,
        contexts,
        number=options.number,
        live=options.follow,
        names=options.columns,
    )


def _write(options: DecodeOptions, out: str, contexts: Mapping[int, bytes] | None) -> None:
    from bench.cli.write import write_command

    for name, given in (("--follow", options.follow), ("--frame", options.number), ("--columns", options.columns)):
        if given not in (None, False):
            raise InputError(f"--write and {name} do not go together; expected --write with --filter")
    write_command(
        options.captures,
        out,
        options.keys,
        options.expression,
        contexts,
        marks=options.marks,
        force=options.force,
        say=lambda line: print(f"kenshin: {line}", file=sys.stderr),
    )
