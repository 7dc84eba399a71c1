"""`frozen` is `attrs.frozen`, later: held to attrs itself, and every record of the air is asked for all that it has."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
import subprocess
import sys
from typing import Any, ClassVar

import attrs
import pytest

import bench.air
from bench.air.frozen import _COMPARING, _MAKING, _Late, frozen


class _Told:
    """Fields of all sorts."""

    KIND: ClassVar[int] = 7
    a: int
    b: bytes = b"b"
    c: list[int] = attrs.field(factory=list, eq=False)
    d: str = attrs.field(default="d", repr=False, kw_only=True)

    @property
    def twice(self) -> int:
        """Of ``a``."""
        return 2 * self.a

    def __str__(self) -> str:
        return f"told {self.a}"


Theirs: Any = attrs.frozen(type("Told", (), dict(vars(_Told))))
Ours: Any = frozen(type("Told", (), dict(vars(_Told))))


@frozen
class Base:
    """For one of several storeys."""

    low: int


@frozen
class Above(Base):
    """With a field more than its base."""

    high: int = 2


def test_a_record_is_what_attrs_makes_of_the_class() -> None:
    for kind in (Theirs, Ours):
        one, same, other = kind(1, c=[1]), kind(1, c=[2]), kind(2, d="e")
        assert one == same
        assert one != other
        assert one != 1
        assert hash(one) == hash(same)
        assert (repr(one), str(one), one.twice, kind.KIND) == ("Told(a=1, b=b'b', c=[1])", "told 1", 2, 7)
        assert attrs.evolve(one, b=b"x").b == b"x"
        assert [field.name for field in attrs.fields(kind)] == ["a", "b", "c", "d"]
        assert kind.__match_args__ == ("a", "b", "c")
        assert not hasattr(one, "__dict__")
        assert copy.copy(one) == one
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            one.a = 2
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            del one.a
        with pytest.raises(TypeError, match="'a'"):
            kind()


def test_what_is_asked_first_makes_no_difference() -> None:
    for names in (_MAKING, _COMPARING):
        for name in names:
            kind: Any = frozen(type("Told", (), dict(vars(_Told))))
            assert isinstance(vars(kind)[name], _Late)
            getattr(kind, name)
            assert not any(isinstance(vars(kind)[other], _Late) for other in names)
            assert kind(3) == kind(3)


def test_a_record_has_the_fields_of_its_base() -> None:
    above = Above(1)
    assert (above.low, above.high, repr(above)) == (1, 2, "Above(low=1, high=2)")
    assert pickle.loads(pickle.dumps(above)) == above
    assert isinstance(above, Base)
    assert above != Base(1)
    match above:
        case Above(low, high):
            assert (low, high) == (1, 2)


def _records() -> list[type]:
    found: dict[type, None] = {}
    for module in pkgutil.walk_packages(bench.air.__path__, "bench.air."):
        loaded = importlib.import_module(module.name)
        found |= {kind: None for kind in vars(loaded).values() if isinstance(kind, type) and attrs.has(kind)}
    return [kind for kind in found if kind.__module__.startswith("bench.air.")]


def test_every_record_of_the_air_is_whole() -> None:
    kinds = _records()
    assert len(kinds) > 200
    for kind in kinds:
        assert attrs.fields(kind) is not None
        assert kind.__eq__ is not None
        assert not any(isinstance(value, _Late) for value in vars(kind).values()), kind
        for name, value in vars(kind).items():
            inner = getattr(value, "__func__", getattr(value, "fget", value))
            # attrs rewrites these cells for its own class; ours is another.
            assert "__class__" not in getattr(getattr(inner, "__code__", None), "co_freevars", ()), (kind, name)


def test_the_table_is_loaded_without_making_what_no_frame_asked_for() -> None:
    code = """
import sys
import bench.air.bulk.table
from bench.air.frozen import _Late
from bench.air.ip import nd
print(sum(isinstance(vars(kind).get("__init__"), _Late) for kind in vars(nd).values() if isinstance(kind, type)))
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) > 10
