"""The connection server (接続サーバ), a stand-in: takes what terminals send, keeps it seven days, asks for the MDMS.

Implements ``bench.ports.ServerModel``. Events, each with ``id``, ``t_ns``, ``kind``, ``terminal``:

| kind | further keys |
|---|---|
| ``terminal.reachable`` | ``eui64``: first application contact after a (re)join, confirmed to the terminal |
| ``upload`` | ``upload_seq``, ``delivery`` (scheduled or recovery), ``meters``: [{meter, values: [{mark_ns, index}]}] |
| ``alarm`` | ``meter``, ``code``, ``occurred_ns`` |
| ``request.sent`` | ``request``, ``op``, ``meter`` |
| ``answer`` | ``request``, ``op``, ``meter``, and ``index``, ``read_ns`` or ``values``, ``part``, ``parts`` |
| ``request.failed`` | ``request``, ``op``, ``reason`` |

Repeated messages are acknowledged again and logged once. An unregistered terminal's messages are neither, but its hello
registers it again. Uploads that carry one mark twice are logged as they came: the server stores, it does not judge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import groupby
from typing import Final

import attrs

from bench.ports import RequestRefused
from bench.records import NS_PER_DAY, NS_PER_S, Json
from bench.twin.headend import HeadEnd
from bench.twin.kernel import Call, Kernel
from bench.twin.standin import (
    Ack,
    Alarm,
    Confirm,
    Hello,
    HistoryAnswer,
    HistoryRequest,
    Message,
    ReadAnswer,
    ReadRequest,
    Upload,
    Value,
)
from bench.twin.topology import Server, octets
from bench.twin.topology import Terminal as TerminalPlan

FIRST_RESEND_NS: Final = 30 * NS_PER_S
"""A request without an answer is sent again after this time, then after twice that, and so on until it fails."""
SILENT_NS: Final = 25 * 3600 * NS_PER_S
"""A terminal that said nothing for a day and an hour counts as unreachable."""


@attrs.define
class _Account:
    """What the server knows of a terminal."""

    plan: TerminalPlan
    eui64: bytes
    registered: bool = False
    hello_seq: int = 0
    heard_ns: int | None = None
    failed_since: bool = False
    seen: set[int] = attrs.field(factory=set)

    @property
    def meters(self) -> tuple[str, ...]:
        return tuple(f"{self.plan.id}.{m.id}" for m in self.plan.meters)


@attrs.define
class _Asked:
    """A request on its way."""

    number: int
    account: _Account
    op: str
    message: ReadRequest | HistoryRequest
    deadline: Call
    parts: set[int] = attrs.field(factory=set)


class ConnectionServer:
    """The server behind its HTTP interface."""

    def __init__(self, kernel: Kernel, plan: Server, terminals: tuple[TerminalPlan, ...], head_end: HeadEnd) -> None:
        self._kernel, self._plan, self._head_end = kernel, plan, head_end
        self._accounts = {t.id: _Account(t, octets(t.eui64)) for t in terminals}
        self._by_eui64 = {a.eui64: a for a in self._accounts.values()}
        self._events: deque[dict[str, Json]] = deque()
        self._listeners: list[Callable[[dict[str, Json]], None]] = []
        self._asked: dict[int, _Asked] = {}
        self._requests = 0
        self.last_id = 0
        head_end.on_message(self._on_message)

    # bench.ports.ServerModel

    def now_ns(self) -> int:
        return self._kernel.now_ns

    def events_after(self, event_id: int) -> list[dict[str, Json]]:
        """Stored events with an id above ``event_id``, oldest first."""
        first = self.last_id - len(self._events) + 1
        return [e for i, e in enumerate(self._events, start=first) if i > event_id]

    def subscribe(self, listener: Callable[[dict[str, Json]], None]) -> Callable[[], None]:
        """Call ``listener`` with each new event until the returned function is called."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def status(self) -> dict[str, Json]:
        """Registration and reachability of every terminal."""
        terminals: list[Json] = [
            {"id": a.plan.id, "eui64": a.plan.eui64, "registered": a.registered, "reachable": self._reachable(a)}
            for a in self._accounts.values()
        ]
        return {"now_ns": self._kernel.now_ns, "terminals": terminals}

    def request(self, terminal: str, body: Mapping[str, Json]) -> dict[str, Json]:
        """Take a read or history request and send it at once. Raises RequestRefused."""
        account = self._account(terminal)
        number = self._requests + 1
        message = _request_message(number, account, body)
        if not account.registered:
            raise RequestRefused(409, f"terminal {terminal} is not registered")
        self._requests = number
        deadline = self._kernel.after(self._plan.request_timeout_s * NS_PER_S, lambda: self._fail(number))
        op = str(body["op"])
        self._asked[number] = _Asked(number, account, op, message, deadline)
        self._log("request.sent", account, request=f"r{number}", op=op, meter=message.meter)
        self._ask(number, FIRST_RESEND_NS)
        return {"request": f"r{number}", "accepted_ns": self._kernel.now_ns}

    def deregister(self, terminal: str) -> None:
        """Forget the registration: only a new hello brings it back."""
        self._account(terminal).registered = False

    # From the terminals

    def _on_message(self, eui64: bytes, message: Message) -> None:
        account = self._by_eui64.get(eui64)
        if account is None:
            return
        if isinstance(message, Hello):
            self._hello(account, message)
        if not account.registered:
            return
        account.heard_ns, account.failed_since = self._kernel.now_ns, False
        match message:
            case Upload(seq, recovery, values):
                if self._first_time(account, seq):
                    delivery = "recovery" if recovery else "scheduled"
                    self._log("upload", account, upload_seq=seq, delivery=delivery, meters=_by_meter(values))
            case Alarm(seq, meter, code, occurred_ns):
                if self._first_time(account, seq):
                    self._log("alarm", account, meter=meter, code=code, occurred_ns=occurred_ns)
            case ReadAnswer(seq, meter, index, read_ns):
                if asked := self._asked.get(seq):
                    self._answer(asked, meter, index=index, read_ns=read_ns)
                    self._settle(asked)
            case HistoryAnswer(seq, meter, part, parts, values):
                asked = self._asked.get(seq)
                if asked and part not in asked.parts:
                    asked.parts.add(part)
                    plain: list[Json] = [{"mark_ns": v.mark_ns, "index": v.index} for v in values]
                    self._answer(asked, meter, values=plain, part=part, parts=parts)
                    if len(asked.parts) == parts:
                        self._settle(asked)
            case _:
                pass

    def _hello(self, account: _Account, hello: Hello) -> None:
        if not account.registered or hello.seq != account.hello_seq:
            account.registered, account.hello_seq = True, hello.seq
            self._log("terminal.reachable", account, eui64=account.plan.eui64)
        self._head_end.send(account.eui64, Confirm(hello.seq))

    def _first_time(self, account: _Account, seq: int) -> bool:
        """Acknowledge; True when this sequence number is new."""
        self._head_end.send(account.eui64, Ack(seq))
        new = seq not in account.seen
        account.seen.add(seq)
        return new

    # Requests

    def _ask(self, number: int, resend_ns: int) -> None:
        asked = self._asked.get(number)
        if asked is not None:
            self._head_end.send(asked.account.eui64, asked.message)
            self._kernel.after(resend_ns, lambda: self._ask(number, 2 * resend_ns))

    def _answer(self, asked: _Asked, meter: str, **data: Json) -> None:
        self._log("answer", asked.account, request=f"r{asked.number}", op=asked.op, meter=meter, **data)

    def _settle(self, asked: _Asked) -> None:
        asked.deadline.cancel()
        del self._asked[asked.number]

    def _fail(self, number: int) -> None:
        asked = self._asked.pop(number)
        asked.account.failed_since = True
        self._log("request.failed", asked.account, request=f"r{number}", op=asked.op, reason="timeout")

    # Bookkeeping

    def _account(self, terminal: str) -> _Account:
        try:
            return self._accounts[terminal]
        except KeyError:
            raise RequestRefused(404, f"no terminal {terminal}; expected one of {', '.join(self._accounts)}") from None

    def _reachable(self, account: _Account) -> bool:
        heard_ns = account.heard_ns
        silent = heard_ns is None or self._kernel.now_ns - heard_ns > SILENT_NS
        return account.registered and not silent and not account.failed_since

    def _log(self, kind: str, account: _Account, **data: Json) -> None:
        now_ns = self._kernel.now_ns
        self.last_id += 1
        event: dict[str, Json] = {
            "id": self.last_id,
            "t_ns": now_ns,
            "kind": kind,
            "terminal": account.plan.id,
            **data,
        }
        self._events.append(event)
        oldest_ns = now_ns - self._plan.keep_days * NS_PER_DAY
        while self._events and int(str(self._events[0]["t_ns"])) < oldest_ns:
            self._events.popleft()
        for listener in tuple(self._listeners):
            listener(event)


def _by_meter(values: tuple[Value, ...]) -> list[Json]:
    return [
        {"meter": meter, "values": [{"mark_ns": v.mark_ns, "index": v.index} for v in run]}
        for meter, run in groupby(values, key=lambda v: v.meter)
    ]


def _request_message(number: int, account: _Account, body: Mapping[str, Json]) -> ReadRequest | HistoryRequest:
    """The message of a request's body, or RequestRefused (422)."""
    op, meter = body.get("op"), body.get("meter")
    if meter not in account.meters:
        raise RequestRefused(422, f"no meter {meter!r}; expected one of {', '.join(account.meters)}")
    if op == "read":
        return ReadRequest(number, str(meter))
    if op == "history":
        from_ns, to_ns = body.get("from_ns"), body.get("to_ns")
        if not isinstance(from_ns, int) or not isinstance(to_ns, int) or not 0 <= from_ns <= to_ns < 1 << 63:
            raise RequestRefused(422, "history without a span; expected integers from_ns <= to_ns")
        return HistoryRequest(number, str(meter), from_ns, to_ns)
    raise RequestRefused(422, f"unknown op {op!r}; expected read or history")
