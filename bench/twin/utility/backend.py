"""Behind the connection server: what it keeps, fills in, hands to the utilities, and cuts off.

It hears what the server takes (its events) and does the rest: values go into the store, new ones are pushed to the
utility whose meter it is, alarms and answers as well. What gap filling fetched is kept and pushed like an upload. Of a
transparent terminal it keeps nothing: what comes goes on to the MDMS as it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench import kinds
from bench.records import Json
from bench.twin.core.kernel import Kernel
from bench.twin.faults import NO_FAULTS, Hooks, Value
from bench.twin.topology import StoreType, Topology
from bench.twin.utility.gaps import ASKED_BY, GapFilling
from bench.twin.utility.gate import Gate, Passing
from bench.twin.utility.link import UtilityLink
from bench.twin.utility.server_model import ConnectionServer
from bench.twin.utility.store import Store


class Backend:
    """Everything that hangs on one connection server."""

    def __init__(self, kernel: Kernel, topology: Topology, server: ConnectionServer, faults: Hooks = NO_FAULTS) -> None:
        plan = topology.server
        terminals = tuple(terminal.id for terminal in topology.terminals)
        meters = {t.id: tuple(f"{t.id}.{m.id}" for m in t.meters) for t in topology.terminals}
        self._kernel, self._server, self._faults = kernel, server, faults
        self._transparent = {t.id for t in topology.terminals if t.type is StoreType.TRANSPARENT}
        self._spans: dict[str, tuple[str, int, int]] = {}
        self._parts: dict[str, set[int]] = {}
        self.store = Store(server.now_ns, plan.keep_days, plan.storage_at)
        utilities = tuple(utility.id for utility in topology.utilities)
        self.gate = Gate(utilities, terminals, server.now_ns, self.store.remove, faults)
        self.links = {
            utility.id: UtilityLink(
                utility.id,
                {f"{t.id}.{m.id}": t.id for t in topology.terminals for m in t.meters if m.id in utility.meters},
                server.now_ns,
                self._soon,
                self.store,
                self.gate,
                server,
                plan.keep_days,
                faults,
            )
            for utility in topology.utilities
        }
        self.gaps = GapFilling(kernel, self.store, self, meters, plan.gap_filling_at_s, plan.keep_days, faults)
        server.guarded_by(self.gate.holds)
        server.subscribe(self._on_event)

    def _soon(self, delay_ns: int, call: Callable[[], None]) -> None:
        if delay_ns:
            self._kernel.after(delay_ns, call)
        else:
            call()

    # What gap filling needs

    def reachable(self, terminal: str) -> bool:
        return self._server.is_reachable(terminal)

    def ask_history(self, terminal: str, meter: str, from_ns: int, to_ns: int, by: str) -> None:
        """A history request of the server's own, which a cut-off holds like any other."""
        if not self.gate.holds(terminal, Passing.HISTORY):
            body: dict[str, Json] = {"op": "history", "meter": meter, "from_ns": from_ns, "to_ns": to_ns}
            answer = self._server.request(terminal, body, by=by)
            self._spans[str(answer["request"])] = (meter, from_ns, to_ns)

    # What the server takes

    def _on_event(self, event: Mapping[str, Any]) -> None:
        terminal = str(event["terminal"])
        match kinds.SERVER + event["kind"]:
            case kinds.SERVER_UPLOAD:
                self._take(terminal, event["meters"])
            case kinds.SERVER_ALARM:
                told = {key: event[key] for key in ("meter", "code", "occurred_ns")}
                self._tell(str(event["meter"]), "alarm", terminal, Passing.ALARM, told)
            case kinds.SERVER_ANSWER | kinds.SERVER_REQUEST_FAILED if event.get("by") == ASKED_BY:
                self._filled(terminal, event)
            case kinds.SERVER_ANSWER | kinds.SERVER_REQUEST_FAILED if event.get("by") in self.links:
                told = {k: v for k, v in event.items() if k not in ("id", "t_ns", "kind", "terminal", "by")}
                self.links[event["by"]].push(event["kind"], terminal, Passing(event["op"]), told)
            case _:
                pass

    def _take(self, terminal: str, meters: Sequence[Mapping[str, Any]]) -> None:
        """Keep values and hand on the new ones, in one message a utility."""
        new: dict[str, list[Json]] = {}
        for part in meters:
            meter, values = str(part["meter"]), part["values"]
            passed = terminal in self._transparent
            fresh = [v for v in values if passed or self._kept(meter, v["mark_ns"], v["index"])]
            owner = next((link.utility for link in self.links.values() if link.owns(meter)), None)
            if fresh and owner is not None:
                new.setdefault(owner, []).append({"meter": meter, "values": fresh})
        for utility, told in new.items():
            self.links[utility].push("readings", terminal, Passing.UPLOAD, {"meters": told})

    def _kept(self, meter: str, mark_ns: int, index: int) -> bool:
        """Keep a value; whether it was new."""
        kept = self._faults.keeps("keep_at_server", Value(meter, mark_ns, index))
        return kept and self.store.take(meter, mark_ns, index)

    def _filled(self, terminal: str, event: Mapping[str, Any]) -> None:
        request = str(event["request"])
        if event.get("values"):
            self._take(terminal, [{"meter": event["meter"], "values": event["values"]}])
        if "parts" in event and request in self._spans:
            told = self._parts.setdefault(request, set())
            told.add(event["part"])
            if len(told) == event["parts"]:  # parts come in any order: the last one says nothing of the others
                del self._parts[request]
                self.gaps.answered(*self._spans.pop(request))

    def _tell(self, meter: str, kind: str, terminal: str, passing: Passing, data: Mapping[str, Json]) -> None:
        for link in self.links.values():
            if link.owns(meter):
                link.push(kind, terminal, passing, data)
