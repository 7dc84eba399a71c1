"""How a fault is named: ``late-join``, ``package.module:Class``, ``path/file.py:Class``; options behind a comma.

    late-join,seconds=30        {late-join: {seconds: 30}}        my_faults.py:StuckHour,nth=4

Names are those of the catalogue and of other packages (entry points, group ``kenshin.faults``). Whatever is wrong with
a name, a file, a class or an option is one line.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import importlib.util
import inspect
import json
import re
import sys
import typing
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from bench.errors import InputError
from bench.twin.faults.catalogue import BUILT_IN
from bench.twin.faults.fault import HOOKS, Fault, overridden
from bench.unforeseen import one_line

Spec: TypeAlias = str | Mapping[str, Any]
"""``name,option=value``, or ``{name: {option: value}}``."""
GROUP: Final = "kenshin.faults"
_BY_NAME: Final = {fault.name: fault for fault in BUILT_IN}
_OPTIONS: Final = re.compile(r",(?=\s*\w+\s*=)")
_FILE: Final = "kenshin_fault_"
_ALIKE: Final = 0.86
"""How alike a method's name and a hook's are when the one is taken for a misspelt other."""


def registry() -> dict[str, type[Fault]]:
    """Every fault that has a name: of the catalogue, or published under the entry point group ``kenshin.faults``."""
    found: dict[str, type[Fault]] = {}
    for name in (*_BY_NAME, *(point.name for point in entry_points(group=GROUP))):
        with contextlib.suppress(InputError):  # one that cannot be loaded is told to whoever names it
            if (cls := _known(name)) is not None:
                found[name] = cls
    return found


def make(spec: Spec) -> Fault:
    """The fault that a spec names, with its options. InputError when there is no such thing."""
    name, options = parsed(spec)
    cls = _class(name)
    _refuse_misspelt(name, cls)
    given = {option: _fitting(name, cls, option, value) for option, value in options.items()}
    try:
        return cls(**given)
    except TypeError as error:
        known = option_names(cls)
        unknown = [option for option in given if option not in known]
        expected = f"expected its options: {', '.join(known)}" if known else "it takes none"
        said = f"has no option '{unknown[0]}'" if unknown else one_line(error)
        raise InputError(f"fault '{name}' {said}; {expected}") from None
    except Exception as error:
        raise InputError(f"fault '{name}' does not take its options: {one_line(error)}") from None


def parsed(spec: Spec) -> tuple[str, dict[str, Any]]:
    """Name and options of a spec."""
    if isinstance(spec, str):
        name, *pairs = _OPTIONS.split(spec.strip())
        if "," in name:
            raise InputError(f"fault '{spec}': no option in '{name.partition(',')[2]}'; expected NAME,option=value")
        return name.strip(), dict(_pair(pair) for pair in pairs)
    if len(spec) != 1:
        raise InputError(f"fault {dict(spec)!r} is wrong; expected one name with its options")
    [(name, options)] = spec.items()
    if not isinstance(options, Mapping | None):
        raise InputError(f"fault '{name}': its options are {options!r}; expected option: value")
    more, own = parsed(str(name))
    return more, {**own, **{str(option): value for option, value in (options or {}).items()}}


def written(spec: Spec) -> str:
    """A spec as it stands on a command line."""
    name, options = parsed(spec)
    return ",".join([name, *(f"{option}={_text(value)}" for option, value in options.items())])


def split(spec: str) -> tuple[str, str]:
    """``t1:late-join`` or ``t1:package.module:Class`` -> subject and fault."""
    subject, colon, fault = spec.partition(":")
    if not colon or not subject or not fault:
        raise InputError(f"--fault {spec}: no subject and fault; expected SUBJECT:NAME, SUBJECT:module:Class")
    return subject, fault


def option_names(cls: type[Fault]) -> list[str]:
    """What a class takes when it is made."""
    try:
        parameters = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):
        return []
    return [one.name for one in parameters if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]


def described(fault: Fault, spec: Spec) -> dict[str, Any]:
    """What a run says of a fault: name, options with their values, class, and the hash of the class's source."""
    name, given = parsed(spec)
    cls = type(fault)
    options = {option: getattr(fault, option, given.get(option)) for option in option_names(cls)}
    return {
        "name": name,
        "options": {option: _plain(value) for option, value in {**given, **options}.items()},
        "class": f"{_where(cls)}:{cls.__qualname__}",
        "sha256": source_sha256(cls),
    }


def _where(cls: type[Fault]) -> str:
    """A class's module, or its file where that was named by path."""
    if cls.__module__.startswith(_FILE):
        return Path(str(sys.modules[cls.__module__].__file__)).name
    return cls.__module__


def source_sha256(cls: type[Fault]) -> str | None:
    """SHA-256 of the source text of a fault's class; None where there is no source."""
    try:
        return hashlib.sha256(inspect.getsource(cls).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def classes_in(path: str) -> list[type[Fault]]:
    """Every fault that a file or module defines itself, in the order of the file."""
    module = _module(path, path)
    own = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Fault)]
    return [one for one in own if one.__module__ == module.__name__ and overridden(one)]


def _class(name: str) -> type[Fault]:
    if ":" in name:
        path, _, attribute = name.rpartition(":")
        found = getattr(_module(path, name), attribute, None)
        if found is None:
            raise InputError(f"fault '{name}' cannot be loaded (no {attribute} in it); expected package.module:Class")
        return _checked(f"'{name}'", found)
    cls = _known(name)
    if cls is None:
        near = difflib.get_close_matches(name, registry(), 3)
        expected = f"one of {', '.join(near or sorted(registry()))}"
        raise InputError(f"no fault '{name}'; expected package.module:Class, file.py:Class or {expected}")
    return cls


def _known(name: str) -> type[Fault] | None:
    if name in _BY_NAME:
        return _BY_NAME[name]
    point = next((one for one in entry_points(group=GROUP) if one.name == name), None)
    return None if point is None else _checked(f"entry point {point.value}", _guarded(point.value, point.load))


def _module(path: str, name: str) -> ModuleType:
    if path.endswith(".py"):
        return _file_module(Path(path), name)
    found = _guarded(name, lambda: importlib.import_module(path))
    assert isinstance(found, ModuleType)
    return found


def _file_module(path: Path, name: str) -> ModuleType:
    """The module of a file that need not lie on Python's path; loaded once."""
    if not path.is_file():
        raise InputError(f"fault '{name}' cannot be loaded (no file {path}); expected file.py:Class")
    title = f"{_FILE}{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    if title in sys.modules:
        return sys.modules[title]
    place = importlib.util.spec_from_file_location(title, path)
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[title] = module
    try:
        _guarded(name, lambda: place.loader.exec_module(module))
    except InputError:
        del sys.modules[title]
        raise
    return module


def _guarded(name: str, load: Any) -> Any:
    try:
        return load()
    except Exception as error:
        raise InputError(
            f"fault '{name}' cannot be loaded ({one_line(error)}); expected package.module:Class"
        ) from None


def _checked(name: str, found: object) -> type[Fault]:
    if not (isinstance(found, type) and issubclass(found, Fault)):
        raise InputError(f"{name} is no fault; expected a subclass of bench.twin.faults.Fault")
    return found


def _refuse_misspelt(name: str, cls: type[Fault]) -> None:
    """A method that is called nearly as a hook would never be asked, and nobody would know."""
    bases = [base for base in cls.__mro__ if base not in (Fault, object)]
    own = {method for base in bases for method, value in vars(base).items() if inspect.isfunction(value)}
    for method in sorted(own - set(dir(Fault))):
        near = difflib.get_close_matches(method, HOOKS, 1, _ALIKE)
        if near and near[0] not in own and not method.startswith("_"):
            raise InputError(f"fault '{name}': {method} is no hook; expected {near[0]}, or another name")


def _pair(text: str) -> tuple[str, Any]:
    option, _, value = text.partition("=")
    return option.strip(), _value(value.strip())


def _value(text: str) -> Any:
    """A number, ``true``, ``false``, ``null``, a JSON list, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _plain(value: object) -> Any:
    """A value as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return repr(value)


def _fitting(name: str, cls: type[Fault], option: str, value: Any) -> Any:
    """The value as the option's type wants it; InputError where it is another. Other types pass as they are."""
    try:
        wanted = typing.get_type_hints(cls).get(option)
    except Exception:  # a hint that names what is not there: the class will see
        return value
    if wanted is str and not isinstance(value, str):
        return _text(value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted in (int, float, bool, str) and (
        not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
    ):
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise InputError(f"fault '{name}': {option} is {value!r}; expected {words[wanted]}")
    return tuple(value) if isinstance(value, list) and typing.get_origin(wanted) is tuple else value
