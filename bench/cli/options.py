"""Commands whose options are a record's: the record says each option once, a command only that it takes them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer

from bench.plan.options import For, Option, RunOptions, Shape, options

_TYPES: Final[dict[Shape, Any]] = {
    Shape.PATH: Path | None,
    Shape.TEXT: str | None,
    Shape.NUMBER: int | None,
    Shape.TEXTS: list[str] | None,
    Shape.SWITCH: bool,
}
ReturnT = TypeVar("ReturnT")


def takes_run_options(command: For) -> Callable[[Callable[..., ReturnT]], Callable[..., ReturnT]]:
    """Give a command every option of ``RunOptions`` that belongs to ``command``.

    The function's last parameter, ``options``, gets the record; typer sees one parameter an option in its place.
    """

    def give(function: Callable[..., ReturnT]) -> Callable[..., ReturnT]:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[:-1]
        taken = [option for option in options() if option.belongs_to(command)]

        def called(**given: Any) -> ReturnT:
            told = {option.attribute: given.pop(option.attribute) for option in taken}
            return function(**given, options=RunOptions.of(told))

        called.__name__, called.__doc__ = function.__name__, function.__doc__
        parameters = [*own, *map(_parameter, taken)]
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return give


def _parameter(option: Option) -> inspect.Parameter:
    shown = typer.Option(option.flag, help=option.help, metavar=option.metavar or None)
    default = False if option.shape is Shape.SWITCH else None
    return inspect.Parameter(
        option.attribute,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[_TYPES[option.shape], shown],
    )
