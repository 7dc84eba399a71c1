"""A change made to code that is loaded, so that a fork can try it without importing anything anew.

Of a function or method the code object is exchanged, in place: whoever imported the function has the changed one. A
constant of a module is set wherever it was imported by its name.
"""

from __future__ import annotations

import ast
import functools
import importlib
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutation.mutants import Mutant


class NotLive(Exception):
    """The change cannot be made to what is loaded."""


class Unloadable(Exception):
    """With the change the module cannot be loaded: nobody overlooks that."""


def make_live(mutant: Mutant, tree: ast.Module) -> None:
    """Change the loaded module. NotLive where it has no such function or constant, Unloadable where that constant
    cannot be computed."""
    module = importlib.import_module(".".join(mutant.path.with_suffix("").parts).removesuffix(".__init__"))
    if mutant.function:
        _exchange(module, mutant, compile(tree, str(mutant.path), "exec", dont_inherit=True))
    else:
        _set_constant(module, mutant, tree)


def _exchange(module: ModuleType, mutant: Mutant, code: CodeType) -> None:
    found: Any = module
    walked: list[str] = []
    for name in mutant.function.split("."):
        found = vars(found).get(name)
        walked.append(name)
        if (function := _function(found)) is not None:
            break
    else:
        raise NotLive(mutant.key)
    new = _code(code, ".".join(walked))
    if new is None or new.co_freevars != function.__code__.co_freevars:
        raise NotLive(mutant.key)
    function.__code__ = new
    _forget(module)


def _function(found: Any) -> FunctionType | None:
    """The plain function behind what stands at a name."""
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    if isinstance(found, functools.cached_property):
        found = found.func
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found if isinstance(found, FunctionType) else None


def _code(code: CodeType, qualname: str) -> CodeType | None:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == qualname:
                return constant
            if qualname.startswith(f"{constant.co_qualname}.") and (inner := _code(constant, qualname)) is not None:
                return inner
    return None


def _forget(module: ModuleType) -> None:
    """Answers that were kept are the right code's."""
    for value in vars(module).values():
        if hasattr(value, "cache_clear"):
            value.cache_clear()


def _set_constant(module: ModuleType, mutant: Mutant, tree: ast.Module) -> None:
    for statement in tree.body:
        target: ast.expr | None = statement.target if isinstance(statement, ast.AnnAssign) else None
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        if isinstance(target, ast.Name) and statement.lineno <= mutant.line <= (statement.end_lineno or 0):
            assert isinstance(statement, ast.Assign | ast.AnnAssign)
            assert statement.value is not None
            try:
                value = eval(compile(ast.Expression(statement.value), str(mutant.path), "eval"), vars(module))
            except Exception as error:
                raise Unloadable(mutant.key) from error
            old = vars(module)[target.id]
            for other in list(sys.modules.values()):
                if vars(other).get(target.id) is old and isinstance(other, ModuleType):
                    setattr(other, target.id, value)
            return
    raise NotLive(mutant.key)
