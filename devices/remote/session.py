"""A line to labgrid's coordinator: a place is found, acquired, watched and released.

    coordinator <── gRPC ──> event loop in a thread ──> `Event`s to whoever holds the place
                                                    └── labgrid's RemotePlace, which makes its resources from it

labgrid's own session runs its event loop only while somebody waits in it, so it hears nothing in between: no kick, no
exporter that went, and each look takes 0.1 s. Here it listens all the time. When the coordinator went away it is looked
for, and a place that a coordinator forgot (it does when it is started again) is acquired once more, if nobody else has
it by then.

Errors are one line: ``InputError`` for what can be told before driving (no coordinator, no such place, held by whom).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable, Coroutine
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs
import grpc
from labgrid.remote.client import ClientSession, Error
from labgrid.remote.generated import labgrid_coordinator_pb2 as pb2
from labgrid.resource.remote import RemotePlaceManager
from labgrid.util.proxy import proxymanager

from bench.errors import InputError, KenshinError

ANSWER_S: Final = 10.0
ACQUIRE_S: Final = 120.0
"""An exporter takes half a second for each serial port, one after the other (labgrid.md 2.5)."""
AGAIN_S: Final = 5.0
"""Between two looks for a coordinator that went away."""
SETTLED_S: Final = 20.0
"""An exporter that goes while its place is acquired leaves resources given to a place that nobody holds. A coordinator
looks for those every 15 s, and takes them back."""
ONCE_MORE_S: Final = 1.0

_BROKEN: Final = "<broken>"
"""What labgrid's exporter says instead of a place, of what it could not start or stop."""

T = TypeVar("T")


class What(StrEnum):
    """What became of a place that is held."""

    LOST = "lost"  # released or acquired by somebody else, or deleted
    AWAY = "away"  # the coordinator does not answer: nobody knows
    BACK = "back"  # it answers again, and the place is still, or once more, ours


@attrs.frozen(slots=True)
class Event:
    """Something that befell a held place. ``holder``: who has it now, where somebody has."""

    what: What
    why: str
    holder: str = ""


class _Session(ClientSession):  # type: ignore[misc]  # labgrid has no types
    """labgrid's session, which tells of places and keeps its resources over a reconnection.

    Resources that labgrid made hold on to their entries, so a new session fills those of the one before.
    """

    heard: Callable[[str, str | None], None]
    shared: dict[str, dict[str, dict[str, Any]]]

    @property
    def resources(self) -> dict[str, dict[str, dict[str, Any]]]:
        return self.shared

    @resources.setter
    def resources(self, _none: object) -> None:
        for groups in self.shared.values():
            for group in groups.values():
                for entry in group.values():
                    entry.data = {}

    async def on_resource_changed(self, exporter: str, group: str, name: str, resource: dict[str, Any]) -> None:
        entry = self.shared.get(exporter, {}).get(group, {}).get(name)
        held_by = entry.data.get("acquired") if entry is not None else None
        await super().on_resource_changed(exporter, group, name, resource)
        # A release takes a second for each serial port, and the place is told of at its end: this is its beginning.
        if held_by and resource and not resource.get("acquired"):
            self.heard(held_by, None)

    async def on_place_changed(self, place_pb2: Any) -> None:
        await super().on_place_changed(place_pb2)
        self.heard(place_pb2.name, self.places[place_pb2.name].acquired)

    async def on_place_deleted(self, name: str) -> None:
        await super().on_place_deleted(name)
        self.heard(name, None)


class Coordinator:
    """A connected session. ``on_event`` is called on its thread, for the place that `acquire` or `hold` named."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.place = ""
        """The place that is held; empty where none is, or no longer."""
        self._paths: frozenset[tuple[str, ...]] = frozenset()
        self._resources: dict[str, dict[str, dict[str, Any]]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="coordinator", daemon=True)
        self._keeper: asyncio.Task[None] | None = None

    @classmethod
    def connect(cls, address: str) -> Coordinator:
        """Connect. ``InputError`` where no coordinator answers."""
        logging.getLogger().addFilter(is_news)
        reach(address)
        coordinator = cls(address)
        coordinator._thread.start()
        try:
            coordinator._session = coordinator._wait(coordinator._open(), ANSWER_S)
            coordinator._session.heard = coordinator._heard
            coordinator._keeper = coordinator._wait(coordinator._begin_keeping(), ANSWER_S)
        except BaseException:
            coordinator.close()
            raise
        return coordinator

    _session: _Session

    @property
    def me(self) -> str:
        """``HOST/USER``, by which the coordinator knows this bench."""
        return f"{self._session.gethostname()}/{self._session.getuser()}"

    def find(self, pattern: str) -> str:
        """The name of the place meant by a name, an alias, or ``+`` for the one of the reservation ``LG_TOKEN``.

        ``InputError`` where it means none, or several.
        """
        if pattern == "+" and not os.environ.get("LG_TOKEN"):
            raise InputError("--place +: no LG_TOKEN; expected the token of a reservation (labgrid-client reserve)")
        try:
            return str(self._session.get_place(pattern).name)
        except Error as error:
            places = ", ".join(sorted(self._session.places)) or "none there"
            said = " ".join(error.args) or "no such place"
            raise InputError(f"coordinator {self.address}: {said}; expected one of its places: {places}") from None

    def holder(self, name: str) -> str | None:
        """Who has acquired a place now, None where nobody has."""
        place = self._session.places.get(name)
        return None if place is None else place.acquired

    def resources_of(self, name: str) -> list[str]:
        """What a held place consists of: ``EXPORTER/GROUP/CLASS/NAME`` each."""
        return sorted("/".join(path) for path in self._session.places[name].acquired_resources)

    def acquire(self, name: str) -> None:
        """Acquire a place, and watch it from then on.

        A refusal without a cause that stays is waited out for ``SETTLED_S``. ``InputError`` where somebody has it or
        one of its resources, where one is broken, or where nothing is exported as one of them.
        """
        if (holder := self.holder(name)) is not None:
            raise InputError(f"place {name} is acquired by {holder}; expected it to be free")
        place = self._session.places[name]
        paths = [path for path, _entry in self._exported()]
        if missing := [str(match) for match in place.matches if not any(match.ismatch(path) for path in paths)]:
            raise InputError(f"place {name}: nothing is exported as {missing[0]}; expected its exporter to run")
        try:
            self._wait(self._acquire_once_settled(name), ACQUIRE_S)
        except grpc.aio.AioRpcError as error:
            why = self._why_not(place) or f"{error.details()}; expected each of its exporters to be well"
            raise InputError(f"place {name}: {why}") from None
        self.hold(name)

    def hold(self, name: str) -> None:
        """Watch a place that is acquired by this user."""
        self._paths = frozenset(tuple(path) for path in self._session.places[name].acquired_resources)
        self.place = name

    def release(self) -> None:
        """Release the held place. ``KenshinError`` where the coordinator does not take it."""
        name, self.place = self.place, ""
        if not name:
            return
        try:
            self._wait(self._release(name), ANSWER_S * 2)
        except grpc.aio.AioRpcError as error:
            raise KenshinError(f"place {name} could not be released: {error.details()}") from None

    def lend(self) -> None:
        """Have labgrid's ``RemotePlace`` made from this session."""
        manager = RemotePlaceManager.get()
        manager.session, manager.loop, manager.env = self._session, self._loop, None

    def close(self) -> None:
        """Leave the coordinator; a place that is acquired stays so. May be called twice."""
        if self._loop.is_closed():
            return
        self.place = ""
        with contextlib.suppress(KenshinError):
            self._wait(self._leave(), ANSWER_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S)
        if not self._thread.is_alive():
            self._loop.close()

    # -- on the thread -------------------------------------------------------------------------------------------

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise InputError(f"coordinator {self.address}: no answer within {seconds:g} s") from None
        except Error as error:
            raise InputError(f"coordinator {self.address}: {' '.join(error.args)}") from None

    async def _open(self) -> _Session:
        session = _Session(proxymanager.get_grpc_address(self.address, default_port=20408), self._loop)
        # What it says first is how things stand, and no news: a coordinator that was started again knows no holder.
        session.shared, session.heard = self._resources, _unheard
        await session.start()
        return session

    async def _begin_keeping(self) -> asyncio.Task[None]:
        return self._loop.create_task(self._keep())

    async def _acquire(self, name: str) -> None:
        await self._session.stub.AcquirePlace(pb2.AcquirePlaceRequest(placename=name))
        await self._session.sync_with_coordinator()

    async def _acquire_once_settled(self, name: str) -> None:
        ends_s = self._loop.time() + SETTLED_S
        while True:
            try:
                return await self._acquire(name)
            except grpc.aio.AioRpcError:
                await self._session.sync_with_coordinator()
                place = self._session.places[name]
                if place.acquired or self._why_not(place) or self._loop.time() > ends_s:
                    raise
            await asyncio.sleep(ONCE_MORE_S)

    async def _release(self, name: str) -> None:
        # Only what is ours: between the last word of the coordinator and this one somebody may have taken it.
        await self._session.stub.ReleasePlace(pb2.ReleasePlaceRequest(placename=name, fromuser=self.me))

    async def _leave(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        session = getattr(self, "_session", None)
        if session is not None:
            await _end(session)

    def _heard(self, name: str, holder: str | None) -> None:
        if name != self.place or holder == self.me:
            return
        self._lose(f"it was taken by {holder}" if holder else "it was released by somebody else", holder or "")

    def _lose(self, why: str, holder: str = "") -> None:
        name, self.place = self.place, ""
        self.on_event(Event(What.LOST, f"place {name}: {why}", holder))

    async def _keep(self) -> None:
        """Look for a coordinator that went away until it is back."""
        while True:
            await self._session.stopping.wait()
            if self.place:
                self.on_event(Event(What.AWAY, "the coordinator does not answer"))
            await _end(self._session)
            while not await self._again():
                await asyncio.sleep(AGAIN_S)
            RemotePlaceManager.get().session = self._session

    async def _again(self) -> bool:
        """One look; True once the coordinator is back and what is known of the place can be relied on."""
        try:
            session = await asyncio.wait_for(self._open(), ANSWER_S)
        except (TimeoutError, Error, OSError, grpc.aio.AioRpcError):
            return False
        self._session = session
        name = self.place
        if not name or self.holder(name) == self.me:
            self._back("still")
            return True
        if (holder := self.holder(name)) is not None or name not in session.places:
            session.heard = self._heard
            self._lose(f"it was taken by {holder}" if holder else "it is gone", holder or "")
            return True
        # The coordinator was started again: it knows no holder, and its exporters come back one by one.
        if self._paths <= {tuple(path) for path, _entry in self._exported()}:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._acquire(name)
                self._back("once more")
                return True
        await _end(session)
        return False

    def _back(self, how: str) -> None:
        self._session.heard = self._heard
        if self.place:
            self.on_event(Event(What.BACK, f"the place is {how} ours"))

    def _exported(self) -> list[tuple[tuple[str, ...], Any]]:
        return [
            ((exporter, group, entry.data["cls"], name), entry)
            for exporter, groups in tuple(self._session.resources.items())
            for group, entries in tuple(groups.items())
            for name, entry in tuple(entries.items())
            if "cls" in entry.data
        ]

    def _why_not(self, place: Any) -> str:
        """Which resource of a place another one has, or is broken; and what was expected."""
        for path, entry in self._exported():
            if not entry.acquired or entry.acquired == place.name or not place.hasmatch(path):
                continue
            if entry.acquired == _BROKEN:
                reason = entry.params.get("extra", {}).get("broken", "its exporter does not say why")
                return f"{'/'.join(path)} is broken ({reason}); expected its exporter to be started again"
            return f"{'/'.join(path)} is in use by place {entry.acquired}; expected it to be free"
        return ""


def _unheard(_name: str, _holder: str | None) -> None:
    """Nobody listens yet."""


async def _end(session: _Session) -> None:
    session.stopping.set()
    with contextlib.suppress(Exception):
        await session.stop()
        await session.close()


def reach(address: str) -> None:
    """``InputError`` where nobody listens: gRPC itself would wait, and log."""
    target = proxymanager.get_grpc_address(address, default_port=20408)
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_S).close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no answer"
        expected = "expected a labgrid coordinator (LG_COORDINATOR, or options: coordinator_address of the rig file)"
        raise InputError(f"coordinator {address}: {reason}; {expected}") from None


def is_news(record: logging.LogRecord) -> bool:
    """What labgrid logs when its coordinator goes or refuses, the bench says itself, in one line."""
    told = ("coordinator became unavailable", "coordinator is unavailable", "unexpected grpc error", "error in coord")
    return not str(record.msg).startswith(told)
