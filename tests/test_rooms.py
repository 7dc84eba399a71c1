"""The rooms of the code are kept: faces, no way round them, no cycle, folders and files that can be taken in.

import-linter checks the order of rooms (`pyproject.toml`); here is what it cannot see. Each failure says what to add
where. Tests and benchmarks may look inside a package, users and other packages may not.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest

from tests.places import ROOT
from tests.rooms import Tree, crossings, cycles, inside

MOST_MODULES = 20
"""In one folder; more cannot be taken in at a glance."""

PROMISED = {
    "bench.air.sequence",
    "bench.air.scapy_layers",
    "bench.twin",
    "bench.twin.core.instant",
    "bench.twin.faults",
}
"""Public modules that no other package imports: for people's scripts, shells and faults, and for tests of the twin."""

TREE = Tree(ROOT)


def hidden(tree: Tree) -> list[str]:
    """Uses of what a face does not show, a line each that says what to do."""
    found: dict[tuple[str, str], str] = {}
    for use in (*tree.imports, *tree.mentions):
        for package, name in crossings(use, tree.files):
            face = tree.faces[package]
            if face is not None and name not in face:
                told = f"{package}.{name} is private to {package}"
                add = f'add "{name}" to __all__ in {package.replace(".", "/")}/__init__.py, or import what is public'
                found.setdefault((use.importer, told), f"{use.where}: {told}; {add}")
    return list(found.values())


def unused(tree: Tree) -> list[str]:
    """Public modules that nobody outside their package needs."""
    needed = {
        f"{package}.{name}" for use in (*tree.imports, *tree.mentions) for package, name in crossings(use, tree.files)
    }
    return [
        f"{package}/__init__.py: nobody outside imports {name}; take it out of __all__ (or say who needs it: PROMISED)"
        for package, face in tree.faces.items()
        for name in face or ()
        if f"{package}.{name}" in tree.files and f"{package}.{name}" not in needed | PROMISED
    ]


def test_every_package_says_what_is_public() -> None:
    without = [package for package in TREE.packages() if TREE.faces[package] is None]
    assert not without, f"add a docstring and __all__ (the modules that others may import) to: {', '.join(without)}"


def test_nobody_imports_what_is_private_to_a_package() -> None:
    assert not hidden(TREE), "\n".join(hidden(TREE))


def test_what_is_public_is_needed() -> None:
    assert not unused(TREE), "\n".join(unused(TREE))


def test_a_face_names_what_there_is_and_a_line_tells_it() -> None:
    wrong = []
    for package, face in TREE.faces.items():
        for name in face or ():
            module = f"{package}.{name}"
            if module in TREE.files and f"* `{name}`:" not in TREE.docstring(package):
                wrong.append(f"{package}/__init__.py: add a line '* `{name}`: what it is' to the docstring")
            if module not in TREE.files and name not in _names(TREE.syntax[package]):
                wrong.append(f"{package}/__init__.py: __all__ names {name}, which is not there")
    assert not wrong, "\n".join(wrong)


def test_no_private_name_crosses_modules() -> None:
    crossing = [
        f"{use.where}: {use.module}.{use.name} is private to its module"
        for use in TREE.imports
        if use.name.startswith("_") and use.module in TREE.files and f"{use.module}.{use.name}" not in TREE.files
    ]
    assert not crossing, "\n".join(crossing)


def test_no_import_cycle_through_types_or_late_imports_either() -> None:
    found = cycles(TREE.edges())
    assert not found, "these import one another: " + "; ".join(", ".join(modules) for modules in found)


@pytest.mark.parametrize("package", ["bench", "bench.air"])
def test_every_module_stands_in_a_layer(package: str) -> None:
    """What the contracts do not name has no order, and nothing checks what it imports."""
    assert not unordered(TREE, package, (ROOT / "pyproject.toml").read_text("utf-8"))


def unordered(tree: Tree, package: str, project: str) -> list[str]:
    """Modules and packages right in ``package`` that no contract of layers names."""
    contracts = tomllib.loads(project)["tool"]["importlinter"]["contracts"]
    layers = {name for one in contracts for layer in one.get("layers", ()) for name in re.split(r" *[|:] *", layer)}
    there = {".".join(name.split(".")[: package.count(".") + 2]) for name in tree.files if inside(name, package)}
    return sorted(there - {package} - layers)


def test_no_folder_is_too_full() -> None:
    tests = (ROOT / "tests").rglob("*.py")
    count = Counter(path.parent for path in (*TREE.files.values(), *tests) if path.name != "__init__.py")
    full = [f"{folder.relative_to(ROOT)}: {n}" for folder, n in count.items() if n > MOST_MODULES]
    assert not full, f"more than {MOST_MODULES} modules in a folder: {', '.join(full)}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        f"{module} ({path.relative_to(ROOT)})" for module, path in TREE.files.items() if not TREE.docstring(module)
    ]
    silent += [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("*.py")
        if (text := path.read_text("utf-8")) and not ast.get_docstring(ast.parse(text))
    ]
    assert not silent, f"a docstring is missing in: {', '.join(silent)}"


def _names(syntax: ast.Module) -> set[str]:
    """Names that a module binds at its top level."""
    found = set()
    for node in ast.walk(syntax):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


# The checks themselves, on small trees: each goes red where it should.


def tree_of(root: Path, **files: str) -> Tree:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/').replace('/init/', '/__init__')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    (root / "pyproject.toml").write_text("", "utf-8")
    for folder in (path for path in root.rglob("*") if path.is_dir()):
        if not (folder / "__init__.py").exists():
            (folder / "__init__.py").write_text("__all__ = []\n", "utf-8")
    return Tree(root)


@pytest.mark.parametrize(
    "line",
    [
        "from bench.air.mac import x",
        "import bench.air.mac",
        "def f():\n    from bench.air import mac",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bench.air.mac import x",
        'NAME = "bench.air.mac:x"',
    ],
)
def test_a_way_round_a_face_is_found_however_it_is_written(tmp_path: Path, line: str) -> None:
    tree = tree_of(tmp_path, bench__air__mac="x = 1\n", devices__driver=line)
    assert [said.split(": ")[1].split(";")[0] for said in hidden(tree)] == [
        "bench.air is private to bench",
        "bench.air.mac is private to bench.air",
    ]


def test_inside_a_package_everything_may_be_imported(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, bench__air__mac="x = 1\n", bench__air__frame="from bench.air.mac import x\n")
    assert hidden(tree) == []


def test_a_public_module_that_nobody_needs_is_told(tmp_path: Path) -> None:
    tree_of(tmp_path, bench__air__mac="x = 1\n")
    (tmp_path / "bench" / "air" / "__init__.py").write_text('__all__ = ["mac"]\n', "utf-8")
    assert len(unused(Tree(tmp_path))) == 1
    assert unused(tree_of(tmp_path, bench__judge="import bench.air.mac\n")) == []


def test_a_cycle_through_types_is_one(tmp_path: Path) -> None:
    late = "def f():\n    import bench.b\n"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from bench.a import f\n"
    assert cycles(tree_of(tmp_path, bench__a=late, bench__b=typed).edges()) == [["bench.a", "bench.b"]]
    assert cycles(tree_of(tmp_path, bench__a=late, bench__b="").edges()) == []


def test_a_module_in_no_layer_is_found(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, bench__a="", bench__b__c="", bench__d="")
    contracts = '[[tool.importlinter.contracts]]\nlayers = ["bench.a | bench.d"]\n'
    assert unordered(tree, "bench", contracts) == ["bench.b"]
    assert unordered(tree, "bench.b", contracts) == ["bench.b.c"]


def test_inside_is_by_name_and_not_by_letters() -> None:
    assert inside("bench.air.mac", "bench.air")
    assert inside("bench.air", "bench.air")
    assert not inside("bench.airy", "bench.air")
