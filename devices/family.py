"""Families of devices: each is a folder that registers itself once, and everything else follows from that.

    devices/meter/__init__.py      FAMILY = Family("meter", driver="devices.meter.driver:MeterDriver", ...)
                 /driver.py        labgrid resource and driver
                 /impersonator.py  the device's side, for the twin

`families` finds the folders beside this file, and what other packages name under the entry point group
``kenshin.devices``. From the registrations follow: which classes labgrid knows (`devices.resources`), the keys of a rig
file (`fixtures.rig.rig_file`), what is opened and in which order, what is made safe, whose loss ends an episode
(`fixtures.rig.rig`), and which observations the recorder takes. A registration names its classes by dotted path, so
asking for it loads neither labgrid nor a driver. docs/guides/driver.md makes a family from scratch.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import attrs

from bench import kinds
from bench.errors import InputError
from bench.kinds import Kind

GROUP: Final = "kenshin.devices"
"""Entry points of families in other packages: ``name = package:FAMILY``."""


class Place(StrEnum):
    """Where a family's devices hang, and so how a rig file names them under ``options: bench:``."""

    TERMINAL = "terminal"  # one a terminal      terminals: {t1: {KEY: DRIVER}}
    METER = "meter"  # one a meter               terminals: {t1: {KEY: {METER: DRIVER}}}
    NAMED = "named"  # any number on the rig     KEY: {NAME: DRIVER}
    RIG = "rig"  # one on the rig                KEY: DRIVER
    FEED = "feed"  # an output that feeds something: named inside the rig file's feeds


class Device(Protocol):
    """What the rig asks of every driver."""

    @property
    def port(self) -> str:
        """The port's name: the driver's, in environment, barrier, timeline and messages alike."""

    def connect(self, clock: Any, subject: Any, /) -> None:
        """Open the device and take it into the rig's clock; ``subject`` is whom its observations are about.

        (A sniffer gets the capture to write in its place, the server the event after which to go on.)
        """

    def disconnect(self) -> None:
        """Let go of the device; what it does stays as it is."""


@runtime_checkable
class MakesSafe(Protocol):
    """A driver whose device can do harm: the rig makes it safe on every exit (a supply's outputs: as the file says)."""

    def make_safe(self) -> None:
        """Bring the device into its safe state and read that back. ``BenchError`` where it does not obey."""


@runtime_checkable
class HeldOutput(Protocol):
    """A driver whose device is one output that must not stay as it is when nobody drives: a pressed key, a cut mesh.

    It stands in the rig's safe plan beside the supplies, so a killed bench's watchdog makes it safe too. ``address``
    tells how to reach it without a rig, ``safe`` which state it is brought to, ``bare`` is the output itself
    (`devices.supply.supply.Bare`, channel 1), ``reached`` whether this bench ever had an answer of it.
    """

    reached: bool

    @property
    def port(self) -> str: ...
    @property
    def address(self) -> Any: ...
    @property
    def safe(self) -> Any: ...
    def bare(self) -> Any: ...


@runtime_checkable
class CutsMesh(Protocol):
    """A device that can take the mesh away from every terminal, where the smart meters' mains are not the bench's.

    An attenuator in the terminals' radio path, a switch in the server's link, an operator at a breaker: an episode asks
    for the ability and takes what the rig has. What a cut is made by is said by its kind, for an outage always names it
    (lab-practice.md 1).
    """

    @property
    def outage(self) -> str:
        """The kind of outage, e.g. ``RF shading``."""

    def cut_mesh(self, cut: bool) -> None:
        """Take the mesh away (True) or give it back, and see that it is done. ``BenchError`` where it is not.

        Whoever cuts also implements `MakesSafe`: the mesh is given back on every way out.
        """


@attrs.frozen(slots=True)
class Family:
    """One kind of device.

    ``key`` is its key in a rig file, where that is not its name; ``required``: a rig without it is none.
    ``essential``: an episode that loses one cannot go on (otherwise the device only explains). ``kinds`` are the
    observations that nobody outside the family's folder knows. ``shared``: several benches may use one of its devices
    at a time; any other is locked by its address. ``makes``: paths of further drivers, where ``driver`` is the class
    that they have in common. ``make_of`` names the family that this one adds its driver to, as a further make.
    """

    name: str
    driver: str
    place: Place
    key: str = attrs.field(default=attrs.Factory(lambda self: self.name, takes_self=True))
    required: bool = False
    essential: bool = False
    shared: bool = False
    kinds: tuple[Kind, ...] = ()
    makes: tuple[str, ...] = ()
    make_of: str = ""

    def load(self) -> type[Any]:
        """The driver's class; importing its module, and those of its makes, registers them and their resources with
        labgrid. ``InputError`` where a path leads nowhere.
        """
        return [self._class(path) for path in (*self.makes, self.driver)][-1]

    def drivers(self) -> list[type[Any]]:
        """The classes that a rig file may name: its makes, or the one driver. ``InputError`` as above."""
        return [self._class(path) for path in self.makes or (self.driver,)]

    def _class(self, path: str) -> type[Any]:
        module, _, name = path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
        except (ImportError, AttributeError) as error:
            what = f"device family '{self.name}': {path}: {error}"
            raise InputError(f"{what}; expected package.module:Class") from None


_ORDER: Final = tuple(Place)


@cache
def families() -> Mapping[str, Family]:
    """Every family by its name, in the order in which a rig opens them: by place, then by name.

    ``InputError``, one line, where a registration is none or two have one name or key.
    """
    folders = [info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)]) if info.ispkg]
    packages = [importlib.import_module(f"devices.{name}") for name in folders]
    found: list[Family] = [package.FAMILY for package in packages if hasattr(package, "FAMILY")]
    found += [_loaded(point.value, point.load) for point in entry_points(group=GROUP)]
    for family in found:
        if family.make_of and family.make_of not in {one.name for one in found}:
            raise InputError(f"device family '{family.name}': a make of '{family.make_of}', which is no family")
    found = [_with_makes(family, found) for family in found if not family.make_of]
    taken: dict[tuple[bool, str], Family] = {}
    names: dict[str, Family] = {}
    for family in sorted(found, key=lambda family: (_ORDER.index(family.place), family.name)):
        at = (family.place in (Place.TERMINAL, Place.METER), family.key)
        if family.name in names or at in taken:
            raise InputError(f"device family '{family.name}' is there twice, or another has its key '{family.key}'")
        names[family.name] = taken[at] = family
        for kind in family.kinds:
            kinds.register(kind)
    return names


def _with_makes(family: Family, found: Iterable[Family]) -> Family:
    """The family with the drivers that others add to it."""
    makes = [one for one in found if one.make_of == family.name]
    return attrs.evolve(
        family,
        makes=(*family.makes, *(one.driver for one in makes)),
        kinds=(*family.kinds, *(kind for one in makes for kind in one.kinds)),
    )


def _loaded(where: str, load: Callable[[], Any]) -> Family:
    try:
        family = load()
    except (ImportError, AttributeError) as error:
        raise InputError(f"entry point {GROUP}: {where}: {error}; expected package:FAMILY") from None
    if not isinstance(family, Family):
        raise InputError(f"entry point {GROUP}: {where} is no device family; expected a devices.family.Family")
    return family
