"""Records of the air: `attrs.frozen`, but the methods are made when a class is first used.

A decoder knows a record for each element, option and header there is, and a capture holds half of them. Nearly all that
attrs needs for a class is the time to compile its methods, and that was a third of the start of `kenshin decode`. So a
class has its slots at once, and what attrs makes when any of it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

__all__ = ["frozen"]

K = TypeVar("K", bound=type)
_COMPARING: Final = ("__eq__", "__hash__", "__repr__")
"""What attrs makes for who compares or prints records, which a quick decoder does not."""
_MAKING: Final = (
    *("__init__", "__setattr__", "__delattr__"),
    *("__getstate__", "__setstate__", "__match_args__", "__attrs_attrs__"),
)
"""The rest of what attrs makes."""


class _Late:
    """Stands for one thing that attrs makes, until it is asked for."""

    def __init__(self, name: str, finish: Callable[[], None]) -> None:
        self._name, self._finish = name, finish

    def __get__(self, one: object, kind: type) -> Any:
        self._finish()
        return getattr(kind if one is None else one, self._name)


class _Signature:
    """How a class is called: `inspect` of Python 3.13 looks at what is late without asking for it."""

    def __get__(self, one: object, kind: type) -> Any:
        import inspect

        made = inspect.signature(kind.__init__)  # type: ignore[misc]  # asked for, so it is made now
        return made.replace(parameters=list(made.parameters.values())[1:], return_annotation=inspect.Signature.empty)


def _frozen(kind: K) -> K:
    fields = [name for name, hint in vars(kind).get("__annotations__", {}).items() if "ClassVar[" not in hint]
    own = {name: value for name, value in vars(kind).items() if name not in (*fields, "__dict__", "__weakref__")}

    def finish(names: tuple[str, ...], compared: bool) -> None:
        whole = vars(attrs.frozen(kind, eq=compared, repr=compared))
        for name in names:
            if name not in own:
                setattr(made, name, whole[name])

    late = {name: _Late(name, partial(finish, _MAKING, compared=False)) for name in _MAKING}
    late |= {name: _Late(name, partial(finish, _COMPARING, compared=True)) for name in _COMPARING}
    made = type(kind)(
        kind.__name__, kind.__bases__, {"__signature__": _Signature(), **late, **own, "__slots__": tuple(fields)}
    )
    return made


if TYPE_CHECKING:
    from attrs import frozen as frozen
else:
    frozen = _frozen
    """A frozen record with slots, of a class as `attrs.frozen` takes it. ``super()`` without arguments does not work in
    its methods: it means the class as it was before it had slots."""
