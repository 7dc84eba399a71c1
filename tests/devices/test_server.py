"""The connection server: driver against impersonator over real HTTP (uvicorn), and against servers that fail."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from bench import kinds
from bench.errors import BenchError, InputError
from bench.evidence.timeline import Recorder
from bench.ports import RequestRefused
from bench.records import NS_PER_S, Json, Observation
from devices.server.driver import ConnectionServer, ConnectionServerDriver
from devices.server.impersonator import server_app
from devices.server.stamping import TRUE_TIME, Stamping
from devices.server.stream import EventChannel, EventParser
from tests.devices.device_bench import T0_NS, StillClock, build

Event = dict[str, Json]


class FakeModel:
    """A server with one terminal; ``emit`` makes events, from whatever thread."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.listeners: list[Callable[[Event], None]] = []
        self.bodies: list[Mapping[str, Json]] = []
        self.registered = True

    def now_ns(self) -> int:
        return T0_NS

    def emit(self, kind: str, terminal: str = "t1", **data: Json) -> None:
        n = len(self.events) + 1
        event: Event = {"id": n, "t_ns": T0_NS + n, "kind": kind, "terminal": terminal, **data}
        self.events.append(event)
        for listener in list(self.listeners):
            listener(event)

    @property
    def last_id(self) -> int:
        return len(self.events)

    def events_after(self, event_id: int) -> list[Event]:
        return self.events[event_id:]

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def status(self) -> Event:
        return {
            "now_ns": T0_NS,
            "terminals": [{"id": "t1", "eui64": "02:..", "registered": self.registered, "reachable": True}],
        }

    def request(self, terminal: str, body: Mapping[str, Json]) -> Event:
        if terminal != "t1":
            raise RequestRefused(404, f"no terminal {terminal}")
        self.bodies.append(body)
        return {"request": f"r{len(self.bodies)}", "accepted_ns": T0_NS}

    def deregister(self, terminal: str) -> None:
        self.registered = False


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@contextlib.contextmanager
def served(model: FakeModel, stamping: Stamping = TRUE_TIME) -> Iterator[str]:
    """The impersonator's application behind uvicorn on a real socket; its URL."""
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(server_app(model, stamping), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        sock.close()


@pytest.fixture
def url(model: FakeModel) -> Iterator[str]:
    with served(model) as url:
        yield url


def driver_at(url: str) -> ConnectionServerDriver:
    driver: ConnectionServerDriver = build(ConnectionServer, ConnectionServerDriver, "server", url=url)
    return driver


@pytest.fixture
def driver(url: str) -> Iterator[ConnectionServerDriver]:
    driver = driver_at(url)
    yield driver
    driver.disconnect()


class TestEvents:
    def test_events_are_observations_with_the_servers_stamp(
        self, model: FakeModel, driver: ConnectionServerDriver
    ) -> None:
        model.emit("terminal.reachable", eui64="02:..")
        clock = StillClock()
        driver.connect(clock)
        model.emit(
            "upload",
            upload_seq=7,
            delivery="scheduled",
            meters=[{"meter": "t1.gas", "values": [{"mark_ns": 1, "index": 2}]}],
        )
        clock.pump.drain_to({"server": 2})
        assert [(o.t_ns, o.source, o.subject, o.kind, o.u_ns) for o in clock.seen] == [
            (T0_NS + 1, "server", "t1", "server.terminal.reachable", 0),
            (T0_NS + 2, "server", "t1", "server.upload", 0),
        ]
        assert clock.seen[1].data == {
            "id": 2,
            "terminal": "t1",
            "upload_seq": 7,
            "delivery": "scheduled",
            "meters": [{"meter": "t1.gas", "values": [{"mark_ns": 1, "index": 2}]}],
        }
        assert driver.last_event_id == 2

    @pytest.mark.parametrize(
        ("event", "why", "subject", "t_ns"),
        [
            ({"id": 1, "kind": "heartbeat"}, "no stamp 't_ns'", "server", T0_NS),
            ({"id": 1, "t_ns": 5, "kind": "heartbeat", "terminal": "t1"}, "unknown kind 'heartbeat'", "t1", 5),
            ({"id": 1, "t_ns": 5, "kind": "odd", "terminal": "t1"}, "unknown kind 'odd'", "t1", 5),
            ({"id": 1, "t_ns": 5, "kind": "alarm", "terminal": "t1", "meter": "t1.gas"}, "no field 'code'", "t1", 5),
        ],
    )
    def test_an_event_that_is_none_of_ours_is_kept_aside(
        self, event: Event, why: str, subject: str, t_ns: int, model: FakeModel, driver: ConnectionServerDriver
    ) -> None:
        """A server's next version must not end a run; what it said is on record, and nobody judges by it."""
        clock = StillClock()
        driver.connect(clock)
        model.events.append(event)
        for listener in model.listeners:
            listener(event)
        clock.pump.drain_to({"server": 1})
        (seen,) = clock.seen
        assert (seen.kind, seen.subject, seen.t_ns) == ("server.odd", subject, t_ns)
        assert seen.data == {"id": 1, "event": json.dumps(event, sort_keys=True), "why": why}
        kinds.check(seen)

    @pytest.mark.parametrize("text", ["[1]", '"x"', "null", '{"id": NaN}', '{"t_ns": 1, "id": null}'])
    def test_an_event_that_is_no_event_is_kept_aside(self, text: str, driver: ConnectionServerDriver) -> None:
        clock = StillClock()
        driver.connect(clock)
        channel = clock.pump.channels["server"]
        assert isinstance(channel, EventChannel)
        channel._parser.feed(f"data: {text}\n\n".encode())
        assert [seen.kind for seen in clock.seen] == ["server.odd"]
        kinds.check(clock.seen[0])
        assert channel.count == 0

    def test_the_stream_resumes_after_the_last_event_seen(
        self, model: FakeModel, driver: ConnectionServerDriver
    ) -> None:
        for _ in range(300):
            model.emit("alarm", meter="t1.gas", code="leak1", occurred_ns=1)
        first, second = StillClock(), StillClock()
        driver.connect(first, after=297)
        first.pump.drain_to({"server": 300})
        assert [o.data["id"] for o in first.seen] == [298, 299, 300]
        driver.disconnect()
        model.emit("alarm", meter="t1.gas", code="tamper", occurred_ns=1)
        driver.connect(second, after=300)
        second.pump.drain_to({"server": 301})
        assert [o.data["code"] for o in second.seen] == ["tamper"]

    @pytest.mark.parametrize("after", [3, 2**64, 10**400])
    def test_an_id_above_the_last_one_is_refused(
        self, model: FakeModel, driver: ConnectionServerDriver, after: int
    ) -> None:
        """The ids began anew: a stream that waits for them to catch up would be silent, and nobody would know why."""
        for _ in range(2):
            model.emit("alarm", meter="t1.gas", code="leak1", occurred_ns=1)
        with pytest.raises(BenchError, match="status 409"):
            driver.connect(StillClock(), after=after)
        driver.connect(StillClock(), after=2)

    @pytest.mark.parametrize("size", [1, 5, 1000])
    def test_parser(self, size: int) -> None:
        text = b': hello\r\n\r\nid: 1\nevent: x\ndata: {"a":\ndata: 1}\n\ndata: {"b": "\xe6\x97\xa5"}\n\n'
        events: list[tuple[str, Any]] = []
        parser = EventParser(lambda number, data: events.append((number, json.loads(data))))
        for at in range(0, len(text), size):
            parser.feed(text[at : at + size])
        assert events == [("1", {"a": 1}), ("1", {"b": "日"})], "the stream's id stands until the next one"


class TestCommands:
    def test_requests(self, model: FakeModel, driver: ConnectionServerDriver) -> None:
        driver.connect(StillClock())
        assert driver.is_reachable("t1")
        assert not driver.is_reachable("t9")
        assert driver.request("t1", {"op": "read", "meter": "t1.gas"}) == "r1"
        assert model.bodies == [{"op": "read", "meter": "t1.gas"}]
        driver.deregister("t1")
        assert model.registered is False

    def test_a_refused_request_is_one_line(self, driver: ConnectionServerDriver) -> None:
        driver.connect(StillClock())
        with pytest.raises(BenchError) as caught:
            driver.request("t9", {"op": "read"})
        assert str(caught.value) == "server: POST /v1/terminals/t9/requests refused: no terminal t9"


class TestFailures:
    def test_no_server_is_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        with pytest.raises(BenchError, match=r"^server: 127\.0\.0\.1:\d+: Connection refused$"):
            driver_at(f"http://127.0.0.1:{port}").connect(StillClock())

    @pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://x:99999"])
    def test_a_wrong_url_is_wrong_input(self, url: str) -> None:
        with pytest.raises(InputError, match="expected http://HOST:PORT"):
            driver_at(url).connect(StillClock())

    def test_another_service_is_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=_answer_once, args=(listener, b"SSH-2.0-x\r\n\r\n"), daemon=True)
            thread.start()
            with pytest.raises(BenchError, match=r"^server: no answer to the request for events$"):
                driver_at(f"http://127.0.0.1:{listener.getsockname()[1]}").connect(StillClock())
            thread.join(5)

    def test_a_server_that_goes_is_lost_and_later_commands_are_one_line(self) -> None:
        reply = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        clock = StillClock()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=_answer_once, args=(listener, reply), daemon=True)
            thread.start()
            driver = driver_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
            driver.connect(clock)
            thread.join(5)
        clock.pump.poll(2.0)
        assert [(o.kind, o.subject) for o in clock.seen] == [("bench.lost_port", "server")]
        with pytest.raises(BenchError, match=r"^server: no answer to GET /v1/status$"):
            driver.status()
        driver.disconnect()


def _answer_once(listener: socket.socket, reply: bytes) -> None:
    peer, _ = listener.accept()
    with peer:
        peer.recv(4096)
        peer.sendall(reply)


class WallStill(StillClock):
    """A real rig's clock that tests set by hand: the server has a clock of its own."""

    devices_share_it = False


def fed(clock: StillClock, *texts: str) -> list[Observation]:
    """What the driver makes of these events as they come over the wire."""
    driver = driver_at("http://192.0.2.1")
    driver._clock = clock
    channel = EventChannel("server", 0, driver.take_event)
    for text in texts:
        channel._parser.feed(f"data: {text}\n\n".encode("utf-8", "surrogatepass"))
    return clock.seen


ALARM = '"kind": "alarm", "terminal": "t1", "meter": "t1.gas", "code": "leak1", "occurred_ns": 5'
ODD = {
    "no JSON": "hello",
    "no object": "[1]",
    "no id": '{"kind": "heartbeat"}',
    "no kind": '{"id": 1, "t_ns": 5}',
    "a kind that is none": '{"id": 1, "t_ns": 5, "kind": ["x"]}',
    "a terminal that is none": '{"id": 1, "t_ns": 5, "kind": "terminal.reachable", "eui64": "02", "terminal": {}}',
    "an id that is a word": '{"id": "1", "t_ns": 5, ' + ALARM + "}",
    "not a number": '{"id": 1, "t_ns": 5, ' + ALARM + ', "x": 1e999}',
    "too large": '{"id": 1, "t_ns": 5, ' + ALARM + ', "x": 36893488147419103232}',
    "too many digits": '{"id": 1, "t_ns": 5, ' + ALARM + ', "x": ' + "9" * 5000 + "}",
    "half a character": '{"id": 1, "t_ns": 5, ' + ALARM + ', "x": "\\ud800"}',
    "too deep": '{"id": 1, "t_ns": 5, ' + ALARM + ', "x": ' + "[" * 5000 + "]" * 5000 + "}",
}


class TestOddEvents:
    @pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
    @pytest.mark.parametrize("make", [StillClock, WallStill])
    def test_what_is_none_of_ours_is_kept_aside(self, make: type[StillClock], text: str, tmp_path: Path) -> None:
        seen = fed(make(), text, f'{{"id": 2, "t_ns": 7, {ALARM}}}')
        assert [o.kind for o in seen] == ["server.odd", "server.alarm"]
        assert seen[0].data["why"]
        recorder = Recorder(tmp_path / "timeline.sqlite")
        for observation in seen:
            recorder.observe(observation)
        recorder.close()

    def test_nan_is_text(self) -> None:
        (alarm,) = fed(StillClock(), f'{{"id": 1, "t_ns": 5, {ALARM}, "index": NaN}}')
        assert alarm.data["index"] == "not a number: NaN"

    @pytest.mark.parametrize(
        "stamp", ["", '"t_ns": null,', '"t_ns": true,', '"t_ns": -4,', '"t_ns": 1e18,', '"t_ns": "5",']
    )
    def test_an_event_without_a_stamp_is_known_by_its_arrival(self, stamp: str) -> None:
        text = f'{{"id": 1, {stamp} {ALARM}}}'
        odd, alarm = fed(WallStill(), text)
        assert (odd.kind, odd.data["id"], alarm.kind, alarm.t_ns) == ("server.odd", 1, "server.alarm", T0_NS)
        assert "stamp_ns" not in alarm.data

    def test_an_event_that_is_said_twice_is_one(self) -> None:
        text = f'{{"id": 3, "t_ns": 7, {ALARM}}}'
        assert len(fed(StillClock(), text, text, text.replace('"id": 3', '"id": 2'))) == 1

    def test_a_heartbeat_that_nobody_knows_does_not_fill_the_disk(self) -> None:
        assert len(fed(WallStill(), *['{"kind": "heartbeat"}'] * 3000)) == 1000


class TestClockOfTheServer:
    def test_on_a_real_rig_arrival_is_the_stamp_and_the_servers_own_is_a_datum(
        self, model: FakeModel, driver: ConnectionServerDriver
    ) -> None:
        clock = WallStill()
        driver.connect(clock)
        model.emit("alarm", meter="t1.gas", code="leak1", occurred_ns=1)
        clock.t_ns += 123
        clock.pump.drain_to({"server": 1})
        (alarm,) = (o for o in clock.seen if o.kind == "server.alarm")
        assert (alarm.t_ns, alarm.data["stamp_ns"]) == (T0_NS + 123, T0_NS + 1)

    def test_its_clock_is_read_at_the_opening_with_each_request_and_every_minute(self) -> None:
        model = FakeModel()
        with served(model, Stamping(offset_ns=-3 * NS_PER_S)) as url:
            driver, clock = driver_at(url), WallStill()
            driver.connect(clock)
            driver.request("t1", {"op": "read", "meter": "t1.gas"})
            for call in clock.each_minute:
                call()
            assert driver._questions is not None
            assert driver._questions._waiting is not None
            driver._questions._waiting.join(10)
            for call in clock.each_minute:
                call()
            driver.disconnect()
        assert clock.each_minute == []
        found = [o.data for o in clock.seen if o.kind == "clock.exchange"]
        assert [row["what"] for row in found] == ["status", "request", "status"]
        assert {row["stamp_ns"] for row in found} == {T0_NS - 3 * NS_PER_S}
        assert found[1]["request"] == "r1"

    def test_a_virtual_rig_records_nothing_of_it(self, driver: ConnectionServerDriver) -> None:
        clock = StillClock()
        driver.connect(clock)
        driver.request("t1", {"op": "read", "meter": "t1.gas"})
        assert clock.seen == []
        assert clock.each_minute == []

    def test_a_server_that_tells_no_time_gives_a_pair_without_a_stamp(self) -> None:
        model = FakeModel()
        model.status = lambda: {"terminals": [], "now_ns": "noon"}  # type: ignore[method-assign]
        with served(model) as url:
            driver, clock = driver_at(url), WallStill()
            driver.connect(clock)
            driver.disconnect()
        assert [sorted(o.data) for o in clock.seen] == [["received_ns", "sent_ns", "what"]]

    def test_a_status_without_terminals_is_one_line(self) -> None:
        model = FakeModel()
        model.status = lambda: {"now_ns": 1}  # type: ignore[method-assign]
        with served(model) as url:
            driver = driver_at(url)
            driver.connect(StillClock())
            with pytest.raises(BenchError, match=r"^server: no list of terminals in its status$"):
                driver.is_reachable("t1")
            driver.disconnect()
