"""The tree of modules as it is written: who imports whom, whatever the way, and what each package lets others see.

Read by syntax, nothing is imported. An import counts wherever it stands: at the top, under ``TYPE_CHECKING``, in a
function; and so does a module's name in a string (``importlib``, entry points, labgrid's ``imports:`` in YAML).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import attrs

ROOMS: Final = ("bench", "devices", "fixtures", "reports", "testplans")
_DOTTED: Final = re.compile(rf"\b(?:{'|'.join(ROOMS)})(?:\.\w+)+")


@attrs.frozen(slots=True)
class Use:
    """One module (or one name of a package) named by another file. ``importer`` is a module, or a path for YAML."""

    importer: str
    line: int
    module: str
    name: str = ""

    @property
    def where(self) -> str:
        return f"{self.importer}:{self.line}"


@attrs.define
class Tree:
    """The modules of the rooms below ``root``; ``sources`` maps a dotted name to its file."""

    root: Path

    @cached_property
    def files(self) -> Mapping[str, Path]:
        """Module -> file; a package's file is its ``__init__.py``."""
        return {self._name(path): path for room in ROOMS for path in sorted((self.root / room).rglob("*.py"))}

    @cached_property
    def syntax(self) -> Mapping[str, ast.Module]:
        """Module -> its syntax tree."""
        return {module: ast.parse(path.read_text("utf-8")) for module, path in self.files.items()}

    def packages(self) -> list[str]:
        """Modules that are folders."""
        return [module for module, path in self.files.items() if path.name == "__init__.py"]

    def docstring(self, module: str) -> str:
        """A module's docstring, empty where it has none."""
        return ast.get_docstring(self.syntax[module]) or ""

    @cached_property
    def faces(self) -> Mapping[str, tuple[str, ...] | None]:
        """Package -> the names in its ``__all__``; None where it has no such list of plain strings."""
        return {package: _face(self.syntax[package]) for package in self.packages()}

    @cached_property
    def imports(self) -> tuple[Use, ...]:
        """Every import of a module of the rooms by another, one `Use` a name."""
        return tuple(use for module in self.files for use in self._imports_of(module))

    @cached_property
    def mentions(self) -> tuple[Use, ...]:
        """Every module that a string, a YAML file or ``pyproject.toml`` names."""
        found = [use for module in self.files for use in self._strings_of(module)]
        texts = [path for room in ROOMS for path in sorted((self.root / room).rglob("*.yaml"))]
        for path in [*texts, self.root / "pyproject.toml"]:
            where = path.relative_to(self.root).as_posix()
            for number, line in enumerate(_loading(path.read_text("utf-8")), start=1):
                found += [Use(where, number, match[0]) for match in _DOTTED.finditer(line) if match[0] in self.files]
        return tuple(found)

    def edges(self) -> dict[str, set[str]]:
        """Module -> modules that it imports by name (a package's ``__init__`` only where it is what is asked)."""
        found: dict[str, set[str]] = {module: set() for module in self.files}
        for use in self.imports:
            target = f"{use.module}.{use.name}" if f"{use.module}.{use.name}" in self.files else use.module
            if target != use.importer:
                found[use.importer].add(target)
        return found

    def _name(self, path: Path) -> str:
        parts = path.relative_to(self.root).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _imports_of(self, module: str) -> Iterator[Use]:
        for node in ast.walk(self.syntax[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self.files:
                        yield Use(module, node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module in self.files and node.level == 0:
                for alias in node.names:
                    yield Use(module, node.lineno, node.module or "", alias.name)

    def _strings_of(self, module: str) -> Iterator[Use]:
        for node in ast.walk(self.syntax[module]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named = node.value.partition(":")[0]
                if "." in named and named in self.files:
                    yield Use(module, node.lineno, named)


def _face(syntax: ast.Module) -> tuple[str, ...] | None:
    for node in syntax.body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            value = getattr(node, "value", None)
            try:
                return tuple(ast.literal_eval(value)) if value is not None else None
            except ValueError:
                return None
    return None


def _loading(text: str) -> Iterator[str]:
    """The lines of a configuration that load modules: contracts of import-linter name modules without loading them."""
    contracts = False
    for line in text.splitlines():
        if line.startswith("["):
            contracts = line.startswith(("[tool.importlinter", "[[tool.importlinter"))
        yield "" if contracts or line.lstrip().startswith("#") else line


def inside(module: str, package: str) -> bool:
    """Whether a module is the package or in it."""
    return module == package or module.startswith(package + ".")


def crossings(use: Use, modules: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """The faces that a use must pass: (package, the name that its ``__all__`` must hold), outermost first."""
    parts = use.module.split(".")
    if use.name and modules[use.module].name == "__init__.py":
        parts.append(use.name)
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if not inside(use.importer, package):
            yield package, parts[count]


def cycles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules each of which imports itself by way of the others (Tarjan's components of more than one)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(edges.get(module, ())):
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            component: list[str] = []
            while not component or component[-1] != module:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for module in sorted(edges):
        if module not in index:
            visit(module)
    return found
