"""An MDMS link and the operator's gate: driver against impersonator over real HTTP, and against what refuses."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import pytest
import uvicorn

from bench import kinds
from bench.errors import BenchError, InputError
from bench.ports import RequestRefused
from bench.records import Json
from devices.gate.driver import GateDriver, OperatorGate
from devices.gate.impersonator import gate_app
from devices.mdms.driver import Link, MdmsDriver, MdmsLink
from devices.mdms.impersonator import mdms_app
from devices.wires.rest import RestRefused
from tests.devices.device_bench import T0_NS, StillClock, build

Message = dict[str, Json]


class FakeLink:
    """A connection server's place for one utility; ``emit`` makes messages, from whatever thread."""

    utility = "gas"

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.listeners: list[Callable[[Message], None]] = []
        self.bodies: list[Mapping[str, Json]] = []
        self.t_ns = T0_NS
        self.refuses: tuple[int, str] | None = None

    def now_ns(self) -> int:
        return self.t_ns

    def emit(self, kind: str, **data: Json) -> None:
        self.messages.append({"id": len(self.messages) + 1, "t_ns": self.t_ns, "kind": kind, "terminal": "t1", **data})
        for listener in list(self.listeners):
            listener(self.messages[-1])

    @property
    def last_id(self) -> int:
        return len(self.messages)

    def messages_after(self, number: int) -> list[Message]:
        return self.messages[number:]

    def subscribe(self, listener: Callable[[Message], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def meters(self) -> Message:
        return {"now_ns": self.t_ns, "utility": "gas", "meters": {"t1.gas": "t1"}}

    def readings(self, meter: str, from_ns: int, to_ns: int) -> Message:
        self._refuse()
        values: list[Json] = [{"mark_ns": from_ns, "index": 7, "arrived_ns": self.t_ns}]
        return {"now_ns": self.t_ns, "meter": meter, "stored_at": "server", "values": values}

    def request(self, body: Mapping[str, Json]) -> Message:
        self._refuse()
        self.bodies.append(body)
        return {"request": f"r{len(self.bodies)}", "accepted_ns": self.t_ns}

    def _refuse(self) -> None:
        if self.refuses is not None:
            raise RequestRefused(*self.refuses)


@attrs.define
class FakeGate:
    """An operator's gate that remembers what it was asked."""

    asked: list[tuple[str, Any]] = attrs.field(factory=list)

    def cut_off(self, what: Mapping[str, Any]) -> Message:
        if "terminal" in what and what["terminal"] != "t1":
            raise RequestRefused(422, f"no terminal {what['terminal']!r}")
        self.asked.append(("cut off", dict(what)))
        return {}

    def reconnect(self, what: Mapping[str, Any]) -> Message:
        self.asked.append(("reconnect", dict(what)))
        return {}

    def remove(self, meter: str, from_ns: int, to_ns: int) -> Message:
        self.asked.append(("remove", (meter, from_ns, to_ns)))
        return {"removed": 3}


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """An application behind uvicorn on a real socket; its URL."""
    sock = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@pytest.fixture
def model() -> FakeLink:
    return FakeLink()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def mdms(model: FakeLink, clock: StillClock) -> Iterator[MdmsDriver]:
    with served(mdms_app(model)) as url:
        driver: MdmsDriver = build(MdmsLink, MdmsDriver, "mdms.gas", url=url)
        driver.connect(clock, "gas")
        yield driver
        driver.disconnect()


def said(clock: StillClock, kind: str) -> list[Mapping[str, Json]]:
    for observation in clock.seen:
        kinds.check(observation)  # the recorder will take it
    return [observation.data for observation in clock.seen if observation.kind == kind]


def test_a_link_is_shut_until_it_is_opened_and_says_so(mdms: MdmsDriver, clock: StillClock) -> None:
    assert said(clock, kinds.MDMS_LINK) == [{"state": "shut"}]
    with pytest.raises(BenchError, match="the link is shut"):
        mdms.pull("t1.gas", 0, 1)
    assert "mdms.gas" not in clock.pump.channels
    mdms.set_link(Link.PULL)
    mdms.set_link(Link.PULL)
    assert [told["state"] for told in said(clock, kinds.MDMS_LINK)] == ["shut", "pull"]
    assert "mdms.gas" not in clock.pump.channels, "nothing is pushed"


def test_what_is_pushed_is_an_observation_with_the_servers_stamp(
    mdms: MdmsDriver, model: FakeLink, clock: StillClock
) -> None:
    mdms.set_link(Link.OPEN)
    parts: list[Json] = [{"meter": "t1.gas", "values": [{"mark_ns": 1, "index": 2}]}]
    model.emit("readings", meters=parts)
    clock.pump.drain_to({"mdms.gas": 1})
    pushed = clock.seen[-1]
    assert (pushed.kind, pushed.source, pushed.subject, pushed.t_ns) == ("mdms.readings", "mdms.gas", "t1", T0_NS)
    assert pushed.data == {"id": 1, "terminal": "t1", "meters": parts}


def test_a_link_that_was_shut_takes_up_where_it_was_and_stamps_what_waited_now(
    mdms: MdmsDriver, model: FakeLink, clock: StillClock
) -> None:
    mdms.set_link(Link.OPEN)
    model.emit("alarm", meter="t1.gas", code="leak1", occurred_ns=5)
    clock.pump.drain_to({"mdms.gas": 1})
    mdms.set_link(Link.SHUT)
    model.emit("alarm", meter="t1.gas", code="leak2", occurred_ns=6)
    model.t_ns += 7 * 86400 * 1_000_000_000
    mdms.set_link(Link.OPEN)
    clock.pump.drain_to({"mdms.gas": 2})
    alarms = [observation for observation in clock.seen if observation.kind == kinds.MDMS_ALARM]
    assert [alarm.data["code"] for alarm in alarms] == ["leak1", "leak2"], "each once"
    assert [alarm.t_ns for alarm in alarms] == [T0_NS, model.t_ns]


def test_a_resumed_run_goes_on_after_its_last_message(model: FakeLink, clock: StillClock) -> None:
    for code in ("leak1", "leak2"):
        model.emit("alarm", meter="t1.gas", code=code, occurred_ns=5)
    with served(mdms_app(model)) as url:
        driver: MdmsDriver = build(MdmsLink, MdmsDriver, "mdms.gas", url=url)
        driver.connect(clock, "gas", after=1)
        driver.set_link(Link.OPEN)
        clock.pump.drain_to({"mdms.gas": 2})
        assert [alarm["code"] for alarm in said(clock, kinds.MDMS_ALARM)] == ["leak2"]
        driver.disconnect()


def test_a_pull_and_a_request_are_recorded(mdms: MdmsDriver, model: FakeLink, clock: StillClock) -> None:
    mdms.set_link(Link.PULL)
    assert mdms.meters() == {"t1.gas": "t1"}
    assert mdms.pull("t1.gas", 3, 4) == [{"mark_ns": 3, "index": 7}]
    span = {"meter": "t1.gas", "from_ns": 3, "to_ns": 4}
    assert said(clock, kinds.MDMS_PULLED) == [{**span, "values": [{"mark_ns": 3, "index": 7}], "stored_at": "server"}]
    assert mdms.request({"op": "control", "meter": "t1.gas", "command": "shut"}) == "r1"
    assert model.bodies == [{"op": "control", "meter": "t1.gas", "command": "shut"}]
    assert said(clock, kinds.MDMS_ACCEPTED) == [{"request": "r1", "op": "control", "meter": "t1.gas"}]


def test_a_refusal_is_recorded_and_no_error(mdms: MdmsDriver, model: FakeLink, clock: StillClock) -> None:
    mdms.set_link(Link.OPEN)
    model.refuses = (403, "cut off by the operator")
    assert mdms.request({"op": "read", "meter": "t1.gas"}) is None
    assert mdms.pull("t1.gas", 0, 1) == []
    told = {"meter": "t1.gas", "status": 403, "why": "cut off by the operator"}
    assert said(clock, kinds.MDMS_REFUSED) == [{"op": "read", **told}, {"op": "pull", **told}]


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("mail", {}, "unknown kind 'mail'"),
        ("odd", {}, "unknown kind 'odd'"),
        ("alarm", {"meter": "t1.gas"}, "no field 'code'"),
        ("readings", {"meters": "all"}, "field 'meters' is 'all'"),
    ],
)
def test_a_message_that_is_none_of_ours_is_kept_aside(
    kind: str, data: Message, why: str, mdms: MdmsDriver, model: FakeLink, clock: StillClock
) -> None:
    mdms.set_link(Link.OPEN)
    model.emit(kind, **data)
    clock.pump.drain_to({"mdms.gas": 1})
    (odd,) = said(clock, kinds.MDMS_ODD)
    assert why in str(odd["why"])


def test_a_server_that_is_gone_is_one_line(clock: StillClock) -> None:
    driver: MdmsDriver = build(MdmsLink, MdmsDriver, "mdms.gas", url="http://127.0.0.1:9")
    driver.connect(clock, "gas")
    driver.set_link(Link.PULL)
    with pytest.raises(BenchError, match=r"^mdms\.gas: no answer to GET /v1/meters$"):
        driver.meters()
    with pytest.raises(InputError, match="url 'ftp://x'; expected http"):
        build(MdmsLink, MdmsDriver, "mdms.water", url="ftp://x").connect(clock, "water")


def test_the_gate_does_what_it_is_asked_and_reconnects_when_it_is_made_safe(clock: StillClock) -> None:
    model = FakeGate()
    with served(gate_app(model)) as url:
        gate: GateDriver = build(OperatorGate, GateDriver, "gate", url=url)
        gate.connect(clock, "bench")
        gate.cut_off(terminal="t1", message="alarm")
        gate.cut_off(utility="gas")
        gate.reconnect(utility="gas")
        assert gate.remove("t1.gas", 1, 9) == 3
        with pytest.raises(RestRefused, match="no terminal 't9'"):
            gate.cut_off(terminal="t9")
        gate.make_safe()
        what = {"terminal": "t1", "message": "alarm"}
        assert model.asked == [
            ("cut off", what),
            ("cut off", {"utility": "gas"}),
            ("reconnect", {"utility": "gas"}),
            ("remove", ("t1.gas", 1, 9)),
            ("reconnect", what),
        ]
        gate.disconnect()
    assert said(clock, kinds.GATE_CUT_OFF) == [what, {"utility": "gas"}]
    assert said(clock, kinds.GATE_REMOVED) == [{"meter": "t1.gas", "from_ns": 1, "to_ns": 9, "removed": 3}]
