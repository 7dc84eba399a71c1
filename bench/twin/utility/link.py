"""The connection server's side of one utility's MDMS: what is pushed to it, what it pulls, and what it asks for.

The specification between the servers (共同検針サーバ間インタフェース仕様書) is not public: this is a stand-in for
testing. Every message has a number, so that an MDMS whose link was shut takes up where it was; what was not taken is
kept for as long as values are. A utility sees its own meters and no others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from bench.ports import RequestRefused
from bench.records import NS_PER_DAY, Json
from bench.twin.faults import NO_FAULTS, Hooks, Value
from bench.twin.utility.gate import Gate, Passing
from bench.twin.utility.store import Store


class Asks(Protocol):
    """What a link needs of the server."""

    def request(self, terminal: str, body: Mapping[str, Any], by: str = "") -> dict[str, Json]: ...


class UtilityLink:
    """Implements ``bench.ports.MdmsModel``. ``meters``: the utility's own, with the terminal that each hangs on.

    ``soon(delay_ns, call)`` does something later, or now.
    """

    def __init__(
        self,
        utility: str,
        meters: Mapping[str, str],
        now_ns: Callable[[], int],
        soon: Callable[[int, Callable[[], None]], None],
        store: Store,
        gate: Gate,
        server: Asks,
        keep_days: int,
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self.utility = utility
        self.last_id = 0
        self._meters, self._now_ns, self._soon = meters, now_ns, soon
        self._store, self._gate, self._server = store, gate, server
        self._keep_ns, self._faults = keep_days * NS_PER_DAY, faults
        self._outbox: deque[dict[str, Json]] = deque()
        self._listeners: list[Callable[[dict[str, Json]], None]] = []

    def owns(self, meter: str) -> bool:
        return meter in self._meters

    # bench.ports.MdmsModel

    def now_ns(self) -> int:
        return self._now_ns()

    def messages_after(self, number: int) -> list[dict[str, Json]]:
        """Kept messages with a number above ``number``, oldest first."""
        first = self.last_id - len(self._outbox) + 1
        return [message for i, message in enumerate(self._outbox, start=first) if i > number]

    def subscribe(self, listener: Callable[[dict[str, Json]], None]) -> Callable[[], None]:
        """Call ``listener`` with each new message until the returned function is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def meters(self) -> dict[str, Json]:
        """The utility's meters, by the terminals that they hang on."""
        return {"now_ns": self._now_ns(), "utility": self.utility, "meters": dict(self._meters)}

    def readings(self, meter: str, from_ns: int, to_ns: int) -> dict[str, Json]:
        """What is kept of a meter with marks in ``from_ns..to_ns``. Raises RequestRefused."""
        self._pass(meter, Passing.UPLOAD)
        kept = {value.mark_ns: value for value in self._store.between(meter, from_ns, to_ns)}
        right = tuple(Value(meter, value.mark_ns, value.index) for value in kept.values())
        told = self._faults.plain("pulled_values", right, meter, kind=Value)
        values: list[Json] = [
            {
                "mark_ns": v.mark_ns,
                "index": v.index,
                "arrived_ns": kept[v.mark_ns].arrived_ns if v.mark_ns in kept else 0,
            }
            for v in told
        ]
        return {"now_ns": self._now_ns(), "meter": meter, "stored_at": self._store.stored_at, "values": values}

    def request(self, body: Mapping[str, Any]) -> dict[str, Json]:
        """Pass a request on to the terminal of its meter. Raises RequestRefused."""
        meter, op = str(body.get("meter")), body.get("op")
        if op not in tuple(Passing):
            raise RequestRefused(422, f"unknown op {op!r}; expected read, history or control")
        self._pass(meter, Passing(op))
        return self._server.request(self._meters[meter], body, by=self.utility)

    # From the server

    def push(self, kind: str, terminal: str, passing: Passing, data: Mapping[str, Json]) -> None:
        """Send a message to the MDMS, unless it is cut off from it."""
        if self._gate.holds_for(self.utility, terminal, passing):
            return
        right: Mapping[str, Json] = {"kind": kind, "terminal": terminal, **data}
        for delay_ns, told in self._faults.several("pushed_message", right, self.utility, kind=Mapping):
            self._soon(delay_ns, partial(self._send, told))

    def _send(self, told: Mapping[str, Json]) -> None:
        now_ns = self._now_ns()
        self.last_id += 1
        message: dict[str, Json] = {**told, "id": self.last_id, "t_ns": now_ns}
        self._outbox.append(message)
        while self._outbox and int(str(self._outbox[0]["t_ns"])) < now_ns - self._keep_ns:
            self._outbox.popleft()
        for listener in tuple(self._listeners):
            listener(message)

    def _pass(self, meter: str, passing: Passing) -> None:
        if meter not in self._meters:
            raise RequestRefused(404, f"no meter {meter!r}; expected one of {', '.join(self._meters)}")
        if self._gate.holds_for(self.utility, self._meters[meter], passing):
            raise RequestRefused(403, "cut off by the operator")
