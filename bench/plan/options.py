"""What a person may say of a run or of judging one: each option once, for the command, for pytest and for ``run.yaml``.

The command line makes its options from `RunOptions` (``bench.cli.options``) and passes them on as pytest's, which are
made from it as well (``fixtures.plugin``), where `RunOptions.told` reads them back. An option is added here and nowhere
else.
"""

# ruff: noqa: RUF009 -- attrs' own way: a field is made by a call

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import attrs


class Shape(StrEnum):
    """What an option takes."""

    PATH = "path"
    TEXT = "text"
    NUMBER = "whole number"
    TEXTS = "text, may be repeated"
    SWITCH = "nothing"


class For(StrEnum):
    """Which commands have an option."""

    RUN = "run"
    JUDGE = "judge"
    BOTH = "run and judge"


@attrs.frozen(slots=True)
class Option:
    """One option. ``attribute`` is its field of `RunOptions`; ``is_input``: it says what the run is made of, so an
    interrupted run keeps its own."""

    attribute: str
    flag: str
    shape: Shape
    help: str
    metavar: str = ""
    commands: For = For.BOTH
    is_input: bool = False

    def belongs_to(self, command: For) -> bool:
        """Whether ``kenshin run`` or ``kenshin judge`` has it."""
        return self.commands in (command, For.BOTH)

    def arguments(self, value: Any) -> list[str]:
        """The option as it stands on a command line; nothing where nothing was said."""
        if self.shape is Shape.SWITCH:
            return [self.flag] if value else []
        if self.shape is Shape.TEXTS:
            return [f"{self.flag}={item}" for item in value]
        return [] if value is None else [f"{self.flag}={value}"]


_KEY: Final = "kenshin"
_EMPTY: Final = {Shape.SWITCH: False, Shape.TEXTS: ()}


def _option(flag: str, shape: Shape, help: str, metavar: str = "", **more: Any) -> Any:
    """A field of the record, with what its option is."""
    told = {"flag": flag, "shape": shape, "help": help, "metavar": metavar, **more}
    return attrs.field(default=_EMPTY.get(shape), metadata={_KEY: told})


@attrs.frozen(slots=True)
class RunOptions:
    """What was said; None, empty or False where nothing was."""

    rig: Path | None = _option(
        "--rig", Shape.PATH, "labgrid environment; default: the virtual rig.", "R", commands=For.RUN
    )
    place: str | None = _option(
        "--place", Shape.TEXT, "labgrid place to acquire; + is that of LG_TOKEN.", "NAME", commands=For.RUN
    )
    terminal: Path | None = _option(
        "--terminal", Shape.PATH, "Declaration of the terminal under test.", "T", commands=For.RUN, is_input=True
    )
    agreement: Path | None = _option(
        "--agreement", Shape.PATH, "Agreement between utility and operator.", "A", is_input=True
    )
    profile: str | None = _option(
        "--profile", Shape.TEXT, "smoke, nightly, certification or a file.", "P", commands=For.RUN, is_input=True
    )
    guideline: Path | None = _option("--guideline", Shape.PATH, "Requirement catalogue.", "G", is_input=True)
    out: Path | None = _option(
        "--out", Shape.PATH, "Run folder; what is there goes on. judge: where the new verdicts go.", "DIR"
    )
    topology: Path | None = _option(
        "--topology",
        Shape.PATH,
        "Virtual rigs: replaces the rig's topology.",
        "FILE",
        commands=For.RUN,
        is_input=True,
    )
    fault: tuple[str, ...] = _option(
        "--fault", Shape.TEXTS, "Virtual rigs: seed a fault.", "SUBJECT:FAULT", commands=For.RUN, is_input=True
    )
    seed: int | None = _option(
        "--seed", Shape.NUMBER, "Replaces the topology's seed.", "N", commands=For.RUN, is_input=True
    )
    requirement: tuple[str, ...] = _option(
        "--requirement", Shape.TEXTS, "Only this requirement or clause; may be repeated.", "ID"
    )
    episode: tuple[str, ...] = _option(
        "--episode", Shape.TEXTS, "Only what is judged from these episodes; may be repeated.", "NAME"
    )
    strict_targets: bool = _option("--strict-targets", Shape.SWITCH, "A missed target fails.")
    no_report: bool = _option("--no-report", Shape.SWITCH, "Verdicts alone: no report.html with its plots.")
    key: Path | None = _option("--key", Shape.PATH, "Key that signs the seal; default: what keys new made.", "FILE")

    @classmethod
    def told(cls, namespace: Any) -> RunOptions:
        """The options in what a parser made of a command line (attributes named as here)."""
        return cls.of({option.attribute: getattr(namespace, option.attribute) for option in options()})

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> RunOptions:
        """The options of these values by attribute; None, or absence, says nothing."""
        said = {name: value for name, value in values.items() if value is not None}
        taken: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in said.items()}
        return cls(**taken)

    def arguments(self) -> list[str]:
        """The options as they stand on a command line."""
        return [part for option in options() for part in option.arguments(getattr(self, option.attribute))]

    def inputs_given(self) -> list[str]:
        """Flags of the options that name inputs of a run and were given."""
        return [option.flag for option in options() if option.is_input and getattr(self, option.attribute)]

    def selection(self) -> list[str]:
        """The options that select, as they stand on a command line."""
        picked = attrs.evolve(RunOptions(), requirement=self.requirement, episode=self.episode)
        return picked.arguments()


def options() -> Iterator[Option]:
    """Every option, in the order of help."""
    for field in attrs.fields(RunOptions):
        yield Option(attribute=field.name, **field.metadata[_KEY])
