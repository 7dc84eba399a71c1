"""``kenshin exporter``: labgrid's exporter, which knows the bench's resource classes.

The stock exporter sends on whatever class a file names, so a wrong word shows at each client; it ends when the
coordinator goes, and leaves its helpers behind. Here

* a class that nobody knows, or a parameter that it has not, is one line and exit code 2;
* ``host`` may be left out of a resource that is on this machine: it is the exporter's ``--hostname``;
* a coordinator that went is waited for, and helpers (ser2net) end with the exporter;
* ``off_on_release: [1]`` of a `ScpiSocket`, with its ``model``, switches these outputs off and reads that back when the
  place is released, whoever releases it: a net below the bench's own way out. An instrument that does not obey is
  marked broken and given to nobody until the exporter is started again.

Files are labgrid's own (labgrid.md 2.3). Everything else, serial ports by ser2net included, is labgrid's code.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from socket import gethostname
from typing import Any, Final

import attr
import grpc
from labgrid.exceptions import NoConfigFoundError
from labgrid.factory import target_factory
from labgrid.remote import config as labgrid_config
from labgrid.remote import exporter as labgrid_exporter

import devices.resources
from bench.errors import InputError, KenshinError
from devices.remote.session import is_news, reach
from devices.supply.driver import ScpiSocket
from devices.supply.supply import Safe, Supply, dialect_named, make_safe
from devices.wires.address import Address

AGAIN_S: Final = 5.0
"""Between two looks for a coordinator that went away."""
_NOT_PARAMETERS: Final = frozenset({"target", "name"})


@attr.s(eq=False)
class BenchExport(labgrid_exporter.ResourceExport):  # type: ignore[misc]  # labgrid has no types
    """A resource of the bench's: built here once, so that what is wrong shows here."""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        made = target_factory.resources[self.cls]
        self._fields = [field.name for field in attr.fields(made) if field.init and field.name not in _NOT_PARAMETERS]
        given = self._own(dict(self.local_params))
        if "host" in self._fields:
            given.setdefault("host", self.host)
        if unknown := sorted(set(given) - set(self._fields)):
            raise InputError(f"{self.cls}: unknown parameter '{unknown[0]}'; expected {', '.join(self._fields)}")
        try:
            self.local = made(target=None, name=None, **given)
        except (TypeError, ValueError) as error:
            raise InputError(f"{self.cls}: {str(error).splitlines()[0][:200]}") from None

    def _own(self, given: dict[str, Any]) -> dict[str, Any]:
        """The resource's parameters, without those that are for the exporter alone."""
        return given

    def _get_params(self) -> dict[str, Any]:
        return {name: getattr(self.local, name) for name in self._fields}


@attr.s(eq=False)
class ScpiExport(BenchExport):
    """A supply's socket; its outputs may be switched off on release."""

    def _own(self, given: dict[str, Any]) -> dict[str, Any]:
        self._off = given.pop("off_on_release", [])
        model = given.pop("model", None)
        channels = self._off if isinstance(self._off, list) else [None]
        if not all(isinstance(channel, int) and channel > 0 for channel in channels):
            raise InputError(f"ScpiSocket: off_on_release: {self._off!r}; expected a list of channels")
        if self._off and model is None:
            raise InputError("ScpiSocket: off_on_release without model; expected the supply's model")
        self._dialect = dialect_named(model) if model is not None else None
        return given

    def _stop(self, start_params: Mapping[str, Any]) -> None:
        if not self._off or self._dialect is None:
            return
        supply = Supply(Address(self.local.host, self.local.port).line(ScpiSocket.__name__), self._dialect)
        try:
            for channel in self._off:
                supply.act_off(channel)
            for channel in self._off:
                make_safe(supply, channel, Safe.OFF, 0.0, 0.0)
        except KenshinError as error:  # the one class that does not end labgrid's exporter
            raise labgrid_exporter.BrokenResourceError(str(error)) from None
        finally:
            supply.close()


class _Exporter(labgrid_exporter.Exporter):  # type: ignore[misc]
    """labgrid's exporter, with errors that name the place in the file."""

    async def add_resource(self, group: str, name: str, cls: str, params: dict[str, Any]) -> None:
        where = f"{self.config['resources']}: {group}/{name}"
        _check_known(where, cls)
        try:
            await super().add_resource(group, name, cls, params)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        except (TypeError, ValueError) as error:
            raise InputError(f"{where}: {cls}: {' '.join(str(error).split())[:200]}") from None

    def stop_helpers(self) -> None:
        """End what this exporter started; labgrid leaves it to the garbage collector."""
        for group in self.groups.values():
            for resource in group.values():
                if getattr(resource, "child", None) is not None:
                    resource.stop()


def _check_known(where: str, cls: str) -> None:
    """``InputError`` for a class that is neither labgrid's nor the bench's."""
    known = {*labgrid_exporter.exports, *target_factory.resources}
    if cls not in known:
        near = get_close_matches(cls, known, 1)
        raise InputError(f"{where}: unknown resource class '{cls}'" + (f"; expected {near[0]}" if near else ""))


def run_exporter(file: Path, coordinator: str, name: str | None = None, hostname: str | None = None) -> int:
    """Export the resources of ``file`` until a signal ends it; the exit code.

    ``InputError`` for a wrong file, no coordinator, or a name that another exporter has.
    """
    for cls in devices.resources.RESOURCES:
        export = ScpiExport if cls is ScpiSocket else BenchExport
        labgrid_exporter.exports.setdefault(cls.__name__, export)
    labgrid_config.pprint = lambda *_words: None  # it prints the whole file, twice
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger().addFilter(is_news)
    config = {
        "name": name or gethostname(),
        "hostname": hostname or gethostname(),
        "resources": str(file),
        "coordinator": coordinator,
        "isolated": False,
    }
    reach(coordinator)
    while asyncio.run(_serve(dict(config))):
        print(f"exporter {config['name']}: the coordinator went away; looking for it", flush=True)
    return 0


async def _serve(config: dict[str, Any]) -> bool:
    """Export once; whether the coordinator went away, and there is one again."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    exporter = _Exporter(config)
    serving = loop.create_task(exporter.run())
    ending = loop.create_task(ended.wait())
    try:
        await asyncio.wait({serving, ending}, return_when=asyncio.FIRST_COMPLETED)
        if ended.is_set():
            return False
        await serving
    except NoConfigFoundError:
        raise InputError(f"{config['resources']}: no such file; expected an exporter's resources") from None
    except grpc.aio.AioRpcError as error:
        raise InputError(f"exporter {config['name']}: {error.details()}") from None
    finally:
        serving.cancel()
        ending.cancel()
        exporter.stop_helpers()
        await exporter.channel.close()
    return await _await_coordinator(config["coordinator"], ended)


async def _await_coordinator(address: str, ended: asyncio.Event) -> bool:
    """True once a coordinator listens again, False when a signal came first."""
    while not ended.is_set():
        try:
            await asyncio.to_thread(reach, address)
        except InputError:
            try:
                await asyncio.wait_for(ended.wait(), AGAIN_S)
            except TimeoutError:
                continue
        else:
            return True
    return False
