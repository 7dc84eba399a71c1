"""The connection server (接続サーバ), a stand-in: takes what terminals send, keeps it seven days, asks for the MDMS.

Implements ``bench.ports.ServerModel``. Each event has ``id``, ``t_ns``, ``kind``, ``terminal``; kinds and their further
fields are those of ``bench.kinds``, without the prefix ``server.``.

Repeated messages are acknowledged again and logged once. An unregistered terminal's messages are neither, but its hello
registers it again. Uploads that carry one mark twice are logged as they came: the server stores, it does not judge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from typing import Final

import attrs

from bench import kinds
from bench.ports import RequestRefused
from bench.records import NS_PER_DAY, NS_PER_S, Json
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import NO_FAULTS, Hooks
from bench.twin.terminal.standin import (
    COMMANDS,
    MESSAGES,
    Ack,
    Alarm,
    Confirm,
    ControlAnswer,
    ControlRequest,
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
from bench.twin.utility.gate import Passing
from bench.twin.utility.headend import HeadEnd

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
    message: ReadRequest | HistoryRequest | ControlRequest
    by: str
    deadline: Call
    parts: set[int | str] = attrs.field(factory=set)
    """Parts of a history, or states of a control command, that came already: a repetition is no news."""


class ConnectionServer:
    """The server behind its HTTP interface."""

    def __init__(
        self,
        kernel: Kernel,
        plan: Server,
        terminals: tuple[TerminalPlan, ...],
        head_end: HeadEnd,
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self._kernel, self._plan, self._head_end, self._faults = kernel, plan, head_end, faults
        self._accounts = {t.id: _Account(t, octets(t.eui64)) for t in terminals}
        self._by_eui64 = {a.eui64: a for a in self._accounts.values()}
        self._events: deque[dict[str, Json]] = deque()
        self._listeners: list[Callable[[dict[str, Json]], None]] = []
        self._asked: dict[int, _Asked] = {}
        self._requests = 0
        self._held: Callable[[str, Passing], bool] = lambda _terminal, _kind: False
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

    def guarded_by(self, held: Callable[[str, Passing], bool]) -> None:
        """``held(terminal, kind)`` says what the operator has cut off: it is neither taken nor asked for."""
        self._held = held

    def is_reachable(self, terminal: str) -> bool:
        """Whether the terminal was heard of lately and answered its last request."""
        return self._reachable(self._account(terminal))

    def request(self, terminal: str, body: Mapping[str, Json], by: str = "") -> dict[str, Json]:
        """Take a request (read, history, control) and send it at once. Raises RequestRefused.

        ``by`` names who asked, where it was not the operator: it stands in every event of the request.
        """
        account = self._account(terminal)
        number = self._requests + 1
        message = _request_message(number, account, body)
        if not account.registered:
            raise RequestRefused(409, f"terminal {terminal} is not registered")
        if self._held(terminal, Passing(str(body["op"]))):
            raise RequestRefused(403, f"{body['op']} requests to {terminal} are cut off")
        self._requests = number
        deadline = self._kernel.after(self._plan.request_timeout_s * NS_PER_S, lambda: self._fail(number))
        op = str(body["op"])
        asked = self._asked[number] = _Asked(number, account, op, message, by, deadline)
        self._log(kinds.SERVER_REQUEST_SENT, account, **_who(asked), meter=message.meter)
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
        for delay_ns, heard in self._faults.several("message_in", message, account.plan.id, kind=MESSAGES):
            self._soon(delay_ns, partial(self._take, account, heard))

    def hear(self, message: Message, terminal: str) -> None:
        """Take this for a message of a terminal. RequestRefused where there is none."""
        self._take(self._account(terminal), message)

    def say(self, message: Message, terminal: str) -> None:
        """Send this to a terminal. RequestRefused where there is none."""
        self._head_end.send(self._account(terminal).eui64, message)

    def _send(self, account: _Account, message: Message) -> None:
        for delay_ns, said in self._faults.several("message_out", message, account.plan.id, kind=MESSAGES):
            self._soon(delay_ns, partial(self._head_end.send, account.eui64, said))

    def _soon(self, delay_ns: int, fn: Callable[[], None]) -> None:
        if delay_ns:
            self._kernel.after(delay_ns, fn)
        else:
            fn()

    def _take(self, account: _Account, message: Message) -> None:
        if isinstance(message, Hello):
            self._hello(account, message)
        if not account.registered:
            return
        account.heard_ns, account.failed_since = self._kernel.now_ns, False
        if (passing := _PASSING.get(type(message))) is not None and self._held(account.plan.id, passing):
            return
        match message:
            case Upload(seq, recovery, values):
                if self._first_time(account, seq):
                    delivery = "recovery" if recovery else "scheduled"
                    self._log(kinds.SERVER_UPLOAD, account, upload_seq=seq, delivery=delivery, meters=_by_meter(values))
            case Alarm(seq, meter, code, occurred_ns):
                if self._first_time(account, seq):
                    self._log(kinds.SERVER_ALARM, account, meter=meter, code=code, occurred_ns=occurred_ns)
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
            case ControlAnswer(seq, meter, state, final, at_ns):
                asked = self._asked.get(seq)
                if asked and state not in asked.parts:
                    asked.parts.add(state)
                    self._answer(asked, meter, state=state, final=final, at_ns=at_ns)
                    if final:
                        self._settle(asked)
            case _:
                pass

    def _hello(self, account: _Account, hello: Hello) -> None:
        if not account.registered or hello.seq != account.hello_seq:
            account.registered, account.hello_seq = True, hello.seq
            self._log(kinds.SERVER_REACHABLE, account, eui64=account.plan.eui64)
        self._send(account, Confirm(hello.seq))

    def _first_time(self, account: _Account, seq: int) -> bool:
        """Acknowledge; True when this sequence number is new."""
        self._send(account, Ack(seq))
        new = seq not in account.seen
        account.seen.add(seq)
        return new

    # Requests

    def _ask(self, number: int, resend_ns: int) -> None:
        asked = self._asked.get(number)
        if asked is not None:
            self._send(asked.account, asked.message)
            self._kernel.after(resend_ns, lambda: self._ask(number, 2 * resend_ns))

    def _answer(self, asked: _Asked, meter: str, **data: Json) -> None:
        self._log(kinds.SERVER_ANSWER, asked.account, **_who(asked), meter=meter, **data)

    def _settle(self, asked: _Asked) -> None:
        asked.deadline.cancel()
        del self._asked[asked.number]

    def _fail(self, number: int) -> None:
        asked = self._asked.pop(number)
        asked.account.failed_since = True
        self._log(kinds.SERVER_REQUEST_FAILED, asked.account, **_who(asked), reason="timeout")

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

    def _log(self, kind: kinds.Kind, account: _Account, **data: Json) -> None:
        self.tell(kind.removeprefix(kinds.SERVER), account.plan.id, data)

    def tell(self, kind: str, terminal: str, data: Mapping[str, Json]) -> None:
        """Log an event, as faults leave it."""
        right: Mapping[str, Json] = {"kind": kind, "terminal": terminal, **data}
        for delay_ns, event in self._faults.several("server_event", right, kind=Mapping):
            self._soon(delay_ns, partial(self._append, event))

    def _append(self, told: Mapping[str, Json]) -> None:
        now_ns = self._kernel.now_ns
        self.last_id += 1
        event: dict[str, Json] = {"t_ns": now_ns, **told, "id": self.last_id}
        self._events.append(event)
        oldest_ns = now_ns - self._plan.keep_days * NS_PER_DAY
        while self._events and int(str(self._events[0]["t_ns"])) < oldest_ns:
            self._events.popleft()
        for listener in tuple(self._listeners):
            listener(event)


_PASSING: Final[Mapping[type[Message], Passing]] = {
    Upload: Passing.UPLOAD,
    Alarm: Passing.ALARM,
    ReadAnswer: Passing.READ,
    HistoryAnswer: Passing.HISTORY,
    ControlAnswer: Passing.CONTROL,
}
"""What a terminal's message is at the gate; its hello always passes."""


def _who(asked: _Asked) -> dict[str, Json]:
    """A request's number, what was asked, and by whom where it was not the operator."""
    told: dict[str, Json] = {"request": f"r{asked.number}", "op": asked.op}
    return {**told, "by": asked.by} if asked.by else told


def _by_meter(values: tuple[Value, ...]) -> list[Json]:
    return [
        {"meter": meter, "values": [{"mark_ns": v.mark_ns, "index": v.index} for v in run]}
        for meter, run in groupby(values, key=lambda v: v.meter)
    ]


def _request_message(
    number: int, account: _Account, body: Mapping[str, Json]
) -> ReadRequest | HistoryRequest | ControlRequest:
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
    if op == "control":
        command = body.get("command")
        if command not in COMMANDS:
            raise RequestRefused(422, f"unknown command {command!r}; expected {' or '.join(COMMANDS)}")
        return ControlRequest(number, str(meter), str(command))
    raise RequestRefused(422, f"unknown op {op!r}; expected read, history or control")
