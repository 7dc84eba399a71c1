"""YAML that people write: loaded as YAML 1.2, checked by a pydantic model, errors with file and line.

YAML 1.2 (ruamel.yaml), so that ``off`` and ``no`` stay words; dates stay strings until a model parses them. A model is
checked in pydantic's strict JSON mode: a quoted number is no number and a word is no boolean, while strings still
become enums, dates and paths. Whatever is wrong ends as one line, ``FILE:LINE: what; expected what`` (the first error
in the file's order): a lab must be able to jump to it.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from bench.errors import InputError

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


@attrs.frozen(slots=True)
class Source:
    """A YAML file that was read: its plain ``data`` and where each part stands."""

    path: str
    data: Any
    root: Node | None

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
    """Read a YAML 1.2 file. InputError when it is missing, not UTF-8, not YAML, or has a key twice."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a YAML file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected a YAML file in UTF-8") from None
    try:
        root = YAML(typ="safe", pure=True).compose(text)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = _Constructor
        data = yaml.load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise InputError(f"{path}:{line}: {_one_line(error.problem or str(error))}; expected YAML 1.2") from None
    except YAMLError as error:
        raise InputError(f"{path}:1: {_one_line(str(error))}; expected YAML 1.2") from None
    return Source(str(path), data, root)


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
    """Each error with its rank: unknown keys first, for a misspelt key is missing as well; then by line."""
    for error in invalid.errors(include_url=False):
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
