"""What labgrid 26 lacks for a bench, mended in its running classes (labgrid.md 0): nothing of its files is changed.

* ``@step`` keeps one stack for all threads, and fails as soon as two use it: here a stack a thread.
* A remote place sleeps 0.1 s for *each* resource that is asked about: here once for all of them, and not at all where
  the session's event loop runs in a thread of its own (`devices.remote.session`).
* A resource whose exporter went away makes the client raise ``KeyError: 'params'``: here it is not available, and is
  again when its exporter is back, at the address that it has then.

`cure` is called by whoever registers the bench's resources (`devices.resources`), so labgrid's own commands and its
pytest plugin have it, too, where an environment imports them.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Final

import attr
from labgrid.resource.remote import RemotePlace, RemotePlaceManager
from labgrid.step import Steps

from bench.sockets import Deadline

LOOK_S: Final = 0.1
"""What the event loop of a session without a thread gets to hear the coordinator; labgrid's own figure, but once."""

_local = threading.local()


def cure() -> None:
    """Mend labgrid; may be called again."""
    Steps._stack = property(_stack, _no_stack)
    RemotePlaceManager.poll = _poll


def _stack(_steps: Any) -> list[Any]:
    stack: list[Any] | None = getattr(_local, "stack", None)
    if stack is None:
        stack = _local.stack = []
    return stack


def _no_stack(_steps: Any, _stack: list[Any]) -> None:
    """A new ``Steps`` wants to begin with an empty stack; each thread has one."""


def _poll(manager: Any) -> None:
    """Take over what the coordinator says of each resource of a remote place."""
    if not manager.loop.is_running():
        looked: Deadline | None = getattr(manager, "kenshin_looked", None)
        if looked is None or looked.over:
            manager.loop.run_until_complete(asyncio.sleep(LOOK_S))
            manager.kenshin_looked = Deadline(LOOK_S)
    for resource in (*manager.resources, *manager.unmanaged_resources):
        if not isinstance(resource, RemotePlace):
            refresh(resource)


def refresh(resource: Any) -> None:
    """What the coordinator says of one resource now: its parameters, and whether it is there."""
    entry = resource._remote_entry
    if "params" not in entry.data:
        resource.avail = False
        return
    fields = attr.fields_dict(type(resource))
    for name, value in {**entry.args, "avail": entry.avail}.items():
        if (field := fields.get(name)) is not None:  # an exporter may be newer than this bench
            convert: Any = field.converter
            setattr(resource, name, convert(value) if convert else value)
