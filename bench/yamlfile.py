"""YAML that people write: loaded as YAML 1.2, checked by a pydantic model, errors with file and line.

YAML 1.2 (ruamel.yaml), so that ``off`` and ``no`` stay words; dates stay strings until a model parses them. A model is
checked in pydantic's strict JSON mode: a quoted number is no number and a word is no boolean, while strings still
become enums, dates and paths. Whatever is wrong ends as one line, ``FILE:LINE: what; expected what`` (the first error
in the file's order): a lab must be able to jump to it.

Reading is bounded: a file of a few hundred octets can stand for gigabytes once its aliases are followed, and one that
refers to itself never ends. So size, depth and what all aliases stand for together are limited before anything is made
of them. What is written once and stands many times (`bench.repeated`) is written out before it is checked.
"""

from __future__ import annotations

import copy
import io
import json
import re
import types
import typing
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bench.errors import InputError
from bench.repeated import expanded

MAX_OCTETS: Final = 32 * 1024 * 1024
"""Largest file that is read: a stored run with a thousand terminals by value is a tenth of it."""
MAX_KEPT_OCTETS: Final = 256 * 1024
"""Largest file whose reading is kept for the next time it is asked for."""
MAX_DEPTH: Final = 50
"""Deepest nesting: the deepest file of the bench has twelve levels."""
_REPEATS: Final = re.compile(r"\beach[\"']?\s*:")
MAX_NODES: Final = 2_000_000
"""Most values in a file, each alias counted with all that it stands for."""

ModelT = TypeVar("ModelT", bound=BaseModel)
Place = Sequence[str | int]
"""A way into a document: keys and indexes from the root, e.g. ``("terminals", 0, "faults")``."""


class FileModel(BaseModel):
    """Base of every model of a file: unknown keys are errors, instances are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Constructor(SafeConstructor):
    """Plain Python values; a timestamp stays the text that was written."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
# labgrid's templates (``!template $LG_PORT``) stay their text: labgrid itself substitutes them.
_Constructor.add_constructor("!template", SafeConstructor.construct_yaml_str)


_TOO_DEEP: Final = f"nested too deep; expected at most {MAX_DEPTH} levels"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _Composer(Composer):
    """Gives up at the first node that is too deep: to read 5,000 open brackets to their end takes seconds."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ComposerError(problem=_TOO_DEEP, problem_mark=self.parser.peek_event().start_mark)
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


@attrs.frozen(slots=True)
class Source:
    """A YAML file that was read: its plain ``data`` and where each part stands."""

    path: str
    data: Any
    root: Node | None
    repeats: bool = False
    """Some of it was written once and stands many times (`bench.repeated`)."""

    def lines_with(self, word: str) -> set[int]:
        """Lines of the keys and values that hold ``word``."""
        return {_line(node) for node in _scalars(self.root) if word in str(node.value)}

    def written_out(self) -> str:
        """The file as YAML text with all repetitions written out, tags kept: for a reader that knows no ``for``."""
        text = io.StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.serialize(self.root, text)
        return text.getvalue()

    def line(self, place: Place, *, key: bool = False) -> int:
        """Line (from 1) of the value at ``place`` or of its nearest written ancestor; ``key``: of its key instead."""
        line, node = 1, self.root
        if node is not None:
            line = node.start_mark.line + 1
        for step in place:
            child = _child(node, step)
            if child is None:
                continue  # a step that is not in the file: a missing key, or the name of a union's member
            key_node, node = child
            line = (key_node if key or not _same_line(key_node, node) else node).start_mark.line + 1
        return line

    def error(self, place: Place, what: str, expected: str = "", *, key: bool = False) -> InputError:
        """The error to raise for something wrong at ``place``, also for checks that a model cannot make."""
        tail = f"; expected {expected}" if expected else ""
        return InputError(f"{self.path}:{self.line(place, key=key)}: {what}{tail}")


def load_source(path: str | Path) -> Source:
    """Read a YAML 1.2 file. InputError when it is missing, not UTF-8, not YAML, has a key twice, or breaks a bound."""
    try:
        with Path(path).open("rb") as file:
            octets = file.read(MAX_OCTETS + 1)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a YAML file") from None
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(octets) > MAX_OCTETS:
        raise InputError(f"{path}: more than {MAX_OCTETS >> 20} MiB; expected a YAML file of at most that size")
    read = (_read_once if len(octets) <= MAX_KEPT_OCTETS else _read)(str(path), octets)
    return attrs.evolve(read, data=copy.deepcopy(read.data))  # a caller may alter what it got


def _read(path: str, octets: bytes) -> Source:
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, error) from None
    yaml = YAML(typ="safe", pure=True)
    yaml.Composer, yaml.Constructor = _Composer, _Constructor
    try:
        constructor, _ = yaml.get_constructor_parser(text)
        root = constructor.composer.get_single_node()
        _check_bounds(root, path)
        repeats = root is not None and _REPEATS.search(text) is not None
        if repeats:
            root = expanded(root, path)
            _check_bounds(root, path)
        data = None if root is None else constructor.construct_document(root)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        problem = _one_line(error.problem or str(error))
        tail = "" if problem == _TOO_DEEP else "; expected YAML 1.2"
        raise InputError(f"{path}:{line}: {problem}{tail}") from None
    except (YAMLError, ValueError) as error:  # ValueError: a number too long, a tag that its value does not fit
        raise InputError(f"{path}:1: {_one_line(str(error)).split(';')[0]}; expected YAML 1.2") from None
    return Source(path, data, root, repeats)


# A run asks some twenty times for its rig file, plan and record, and to read one takes longer than to judge a join.
# Keyed by what the file holds, so what somebody wrote in the meantime is read.
_read_once = lru_cache(maxsize=16)(_read)


def _unreadable(path: str | Path, error: Exception) -> InputError:
    return InputError(f"{path}: cannot be read ({error}); expected a YAML file in UTF-8")


def _check_bounds(root: Node | None, path: str) -> None:
    """Refuse a document that holds itself, or stands for too much once its aliases are followed. Walks a node once."""
    values: dict[int, int] = {}  # what a node stands for, aliases followed
    open_nodes: set[int] = set()

    def count(node: Node, depth: int) -> int:
        if depth > MAX_DEPTH:
            raise InputError(f"{path}:{_line(node)}: {_TOO_DEEP}")
        if isinstance(node, ScalarNode) and not node.value.isascii() and _SURROGATE.search(node.value):
            raise InputError(f"{path}:{_line(node)}: half a surrogate pair; expected characters of Unicode")
        if isinstance(node, MappingNode):
            for key, _ in node.value:
                if not isinstance(key, ScalarNode):
                    raise InputError(f"{path}:{_line(key)}: a list or mapping as a key; expected a word")
        if id(node) in open_nodes:
            raise InputError(f"{path}:{_line(node)}: a value that holds itself by an alias; expected an end to it")
        if id(node) not in values:
            open_nodes.add(id(node))
            total = 1 + sum(count(child, depth + 1) for child in _children(node))
            open_nodes.remove(id(node))
            if total > MAX_NODES:
                raise InputError(
                    f"{path}:{_line(node)}: stands for more than {MAX_NODES:,} values, aliases followed; "
                    "expected fewer aliases of aliases"
                )
            values[id(node)] = total
        return values[id(node)]

    if root is not None:
        count(root, 1)


def _children(node: Node) -> Iterator[Node]:
    for child in node.value if isinstance(node, (MappingNode, SequenceNode)) else ():
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def _scalars(node: Node | None) -> Iterator[ScalarNode]:
    if isinstance(node, ScalarNode):
        yield node
    elif node is not None:
        for child in _children(node):
            yield from _scalars(child)


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def load_model(path: str | Path, model: type[ModelT]) -> ModelT:
    """Read ``path`` and check it against ``model``. InputError with the line of the first thing wrong."""
    return check(load_source(path), model)


def check(source: Source, model: type[ModelT]) -> ModelT:
    """``source`` as a ``model``; for callers that need the lines again for checks of their own."""
    if not isinstance(source.data, dict):
        raise source.error((), "no mapping at the top", f"keys {', '.join(_keys(model))}")
    try:
        return model.model_validate_json(json.dumps(source.data, ensure_ascii=False, default=str), strict=True)
    except ValidationError as invalid:
        raise min(_errors(source, model, invalid), key=lambda e: e[0])[1] from None


def _errors(
    source: Source, model: type[BaseModel], invalid: ValidationError
) -> Iterator[tuple[tuple[bool, int], InputError]]:
    """Each error with its rank: unknown keys first, for a misspelt key is missing as well; then by line. What is wrong
    with a list only because an item of it is wrong is none of its own."""
    every = invalid.errors(include_url=False)
    within = {error["loc"][:depth] for error in every for depth in range(len(error["loc"]))}
    for error in every:
        if error["type"] == "too_short" and error["loc"] in within:
            continue
        place, kind, message = error["loc"], error["type"], error["msg"]
        if kind == "extra_forbidden":
            expected = f"one of {', '.join(sorted(_keys_at(model, place[:-1])))}"
            yield (
                (False, source.line(place, key=True)),
                source.error(place, f"unknown key '{place[-1]}'", expected, key=True),
            )
        elif kind == "missing":
            yield (
                (True, source.line(place[:-1])),
                source.error(place[:-1], f"missing key '{place[-1]}'", "it in this mapping"),
            )
        elif kind in ("value_error", "assertion_error"):
            text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
            yield (True, source.line(place)), source.error(place, _one_line(text))
        else:
            name = str(place[-1]) if place else "document"
            value = json.dumps(error["input"], ensure_ascii=False, default=str)
            value = value if len(value) <= 60 else value[:57] + "..."
            expected = _one_line(message.removeprefix("Input should be ").removeprefix("Input should "))
            yield (True, source.line(place)), source.error(place, f"{name}: {value} is wrong", expected)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _child(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    """Key node and value node of ``step`` in ``node`` (a list item is its own key)."""
    if isinstance(node, MappingNode):
        for key_node, value_node in node.value:
            if str(key_node.value) == str(step):
                return key_node, value_node
    elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _same_line(a: Node, b: Node) -> bool:
    return bool(a.start_mark.line == b.start_mark.line)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _keys_at(model: Any, place: Place) -> set[str]:
    """Every key that may stand at ``place`` of ``model`` (unions: of all members)."""
    found = list(_models(model))
    for step in place:
        inner: list[type[BaseModel]] = []
        for m in found:
            for name, field in m.model_fields.items():
                if step in (name, field.alias):
                    inner += _models(field.annotation)
        found = inner or found  # an index, a mapping's key or a union's member: stay with the same models
    return {key for m in found for key in _keys(m)}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as ``tuple[Terminal, ...] | None``."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for argument in typing.get_args(annotation):
        yield from _models(argument)
