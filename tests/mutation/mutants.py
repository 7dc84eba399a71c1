"""Every small change of a module: a comparison moved by one, a term off by one, a condition reversed, a step left out.

A change is found by its number in the order of the source, so that the same source gives the same mutants. Strings,
annotations, names of types, decorators, defaults and what no test can see by design (``__all__``, ``TYPE_CHECKING``)
stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import attrs

_COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], str]]] = {
    ast.Lt: (ast.LtE, "< as <="),
    ast.LtE: (ast.Lt, "<= as <"),
    ast.Gt: (ast.GtE, "> as >="),
    ast.GtE: (ast.Gt, ">= as >"),
    ast.Eq: (ast.NotEq, "== as !="),
    ast.NotEq: (ast.Eq, "!= as =="),
    ast.Is: (ast.IsNot, "is as is not"),
    ast.IsNot: (ast.Is, "is not as is"),
    ast.In: (ast.NotIn, "in as not in"),
    ast.NotIn: (ast.In, "not in as in"),
}
_TURNED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], str]]] = {
    ast.Lt: (ast.Gt, "< as >"),
    ast.LtE: (ast.GtE, "<= as >="),
    ast.Gt: (ast.Lt, "> as <"),
    ast.GtE: (ast.LtE, ">= as <="),
}
"""Of rows: two observations never have the same one, so a limit that is moved by one would say nothing there."""
_COUNTED: Final[dict[type[ast.operator], tuple[type[ast.operator], str]]] = {
    ast.Add: (ast.Sub, "+ as -"),
    ast.Sub: (ast.Add, "- as +"),
    ast.Mult: (ast.Div, "* as /"),
    ast.Div: (ast.Mult, "/ as *"),
    ast.FloorDiv: (ast.Mult, "// as *"),
    ast.Mod: (ast.Mult, "% as *"),
    ast.BitOr: (ast.BitAnd, "| as &"),
    ast.BitAnd: (ast.BitOr, "& as |"),
}
_CALLED: Final = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "bisect_left": "bisect_right",
    "bisect_right": "bisect_left",
}
_LEFT: Final = ("__all__",)


@attrs.frozen(slots=True)
class Mutant:
    """One change: of which file, the how-manieth, where, within which function (empty: of the module), and what."""

    path: Path
    number: int
    line: int
    function: str
    what: str
    source: str
    """The line as it stands, without its indent."""

    @property
    def key(self) -> str:
        """For `accepted.yaml`: it survives that lines move."""
        return f"{self.path.as_posix()}: {self.function or 'module'}: {self.source}: {self.what}"


def mutants(path: Path, root: Path) -> list[Mutant]:
    """All of a module; paths are told from ``root``."""
    text = (root / path).read_text(encoding="utf-8")
    lines = text.splitlines()
    maker = _Maker(None)
    maker.visit(ast.parse(text))
    return [
        Mutant(path, number, line, function, what, lines[line - 1].strip())
        for number, (line, function, what) in enumerate(maker.found)
    ]


def mutated(mutant: Mutant, root: Path) -> ast.Module:
    """The module with the change made."""
    tree = ast.parse((root / mutant.path).read_text(encoding="utf-8"))
    maker = _Maker(mutant.number)
    changed: ast.Module = maker.visit(tree)
    return ast.fix_missing_locations(changed)


class _Maker(ast.NodeTransformer):
    """Walks a module in the order of its source; makes the change ``wanted``, or lists all where that is None."""

    def __init__(self, wanted: int | None) -> None:
        self.wanted = wanted
        self.found: list[tuple[int, str, str]] = []
        self._inside: list[str] = []

    # -- where nothing is changed ---------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._inside.append(node.name)
        node.body = list(self._each(node.body))
        self._inside.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._inside.append(node.name)
        node.body = [self.visit(one) if isinstance(one, ast.FunctionDef) else one for one in node.body]
        self._inside.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        names_a_type = isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias"
        if node.value is not None and not names_a_type and not self._is_left(node.target):
            node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        if not any(map(self._is_left, node.targets)):
            node.value = self.visit(node.value)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        node.test = self.visit(node.test)
        if not isinstance(node.test, ast.Compare | ast.UnaryOp):
            node.test = self._reversed(node.test, "condition reversed")
        node.body, node.orelse = list(self._each(node.body)), list(self._each(node.orelse))
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node

    # -- what is changed ------------------------------------------------------------------------------------------

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        changed: ast.AST = node
        sides = [node.left, *node.comparators]
        for place, operator in enumerate(node.ops):
            rows = any(isinstance(side, ast.Attribute) and side.attr == "row" for side in sides[place : place + 2])
            other, what = (_TURNED if rows and type(operator) in _TURNED else _COMPARED)[type(operator)]
            ops = [other() if number == place else one for number, one in enumerate(node.ops)]
            changed = self._site(changed, what, partial(ast.Compare, node.left, ops, node.comparators))
        return changed

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if type(node.op) not in _COUNTED or (isinstance(node.left, ast.Constant | ast.JoinedStr) and _says(node.left)):
            return node
        other, what = _COUNTED[type(node.op)]
        return self._site(node, what, lambda: ast.BinOp(node.left, other(), node.right))

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        other, what = (ast.Or, "and as or") if isinstance(node.op, ast.And) else (ast.And, "or as and")
        return self._site(node, what, lambda: ast.BoolOp(other(), node.values))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        what = {ast.Not: "not left out", ast.USub: "minus left out"}.get(type(node.op), "")
        return self._site(node, what, lambda: node.operand) if what else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, bool):
            return self._site(node, f"{node.value} as {not node.value}", lambda: ast.Constant(not node.value))
        if isinstance(node.value, int | float):
            more = node.value + 1
            return self._site(node, f"{node.value} as {more}", lambda: ast.Constant(more))
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _CALLED:
            return node
        other = ast.Name(_CALLED[name], ast.Load())
        return self._site(node, f"{name} as {_CALLED[name]}", lambda: ast.Call(other, node.args, node.keywords))

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs = [one if isinstance(one, ast.Compare) else self._reversed(one, "filter reversed") for one in node.ifs]
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        if isinstance(node.value, ast.Constant | ast.Yield | ast.YieldFrom):
            return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)
        self.generic_visit(node)
        return self._site(node, "statement left out", lambda: ast.Pass())

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        node.value = self.visit(node.value)
        return self._site(node, "statement left out", lambda: ast.Pass())

    # -- how ------------------------------------------------------------------------------------------------------

    def _site(self, node: ast.AST, what: str, make: Callable[[], ast.AST]) -> ast.AST:
        number = len(self.found)
        self.found.append((getattr(node, "lineno", 0), ".".join(self._inside), what))
        return ast.copy_location(make(), node) if number == self.wanted else node

    def _reversed(self, test: ast.expr, what: str) -> ast.expr:
        found = self._site(test, what, lambda: ast.UnaryOp(ast.Not(), test))
        assert isinstance(found, ast.expr)
        return found

    def _each(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for one in body:
            yield self.visit(one)

    def _is_left(self, target: ast.AST) -> bool:
        return isinstance(target, ast.Name) and target.id in _LEFT


def _says(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
