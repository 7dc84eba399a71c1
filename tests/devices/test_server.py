"""The connection server: driver against impersonator over real HTTP (uvicorn), and against servers that fail."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import uvicorn

from bench.errors import BenchError, InputError
from bench.ports import RequestRefused
from bench.records import Json
from devices.server.driver import ConnectionServer, ConnectionServerDriver, EventParser
from devices.server.impersonator import server_app
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
def served(model: FakeModel) -> Iterator[str]:
    """The impersonator's application behind uvicorn on a real socket; its URL."""
    sock = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(server_app(model), log_level="error", lifespan="off", timeout_graceful_shutdown=1)
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
        model.emit("upload", upload_seq=7, meters=[{"meter": "t1.gas", "values": [{"mark_ns": 1, "index": 2}]}])
        clock.pump.drain_to({"server": 2})
        assert [(o.t_ns, o.source, o.subject, o.kind, o.u_ns) for o in clock.seen] == [
            (T0_NS + 1, "server", "t1", "server.terminal.reachable", 0),
            (T0_NS + 2, "server", "t1", "server.upload", 0),
        ]
        assert clock.seen[1].data == {
            "id": 2,
            "terminal": "t1",
            "upload_seq": 7,
            "meters": [{"meter": "t1.gas", "values": [{"mark_ns": 1, "index": 2}]}],
        }
        assert driver.last_event_id == 2

    def test_the_stream_resumes_after_the_last_event_seen(
        self, model: FakeModel, driver: ConnectionServerDriver
    ) -> None:
        for _ in range(300):
            model.emit("alarm", code="leak1")
        first, second = StillClock(), StillClock()
        driver.connect(first, after=297)
        first.pump.drain_to({"server": 300})
        assert [o.data["id"] for o in first.seen] == [298, 299, 300]
        driver.disconnect()
        model.emit("alarm", code="tamper")
        driver.connect(second, after=300)
        second.pump.drain_to({"server": 301})
        assert [o.data["code"] for o in second.seen] == ["tamper"]

    @pytest.mark.parametrize("after", [3, 2**64, 10**400])
    def test_an_id_above_the_last_one_is_refused(
        self, model: FakeModel, driver: ConnectionServerDriver, after: int
    ) -> None:
        """The ids began anew: a stream that waits for them to catch up would be silent, and nobody would know why."""
        for _ in range(2):
            model.emit("alarm", code="leak1")
        with pytest.raises(BenchError, match="status 409"):
            driver.connect(StillClock(), after=after)
        driver.connect(StillClock(), after=2)

    @pytest.mark.parametrize("size", [1, 5, 1000])
    def test_parser(self, size: int) -> None:
        text = b': hello\r\n\r\nid: 1\nevent: x\ndata: {"a":\ndata: 1}\n\ndata: {"b": "\xe6\x97\xa5"}\n\n'
        events: list[Any] = []
        parser = EventParser(events.append)
        for at in range(0, len(text), size):
            parser.feed(text[at : at + size])
        assert events == [{"a": 1}, {"b": "日"}]


class TestCommands:
    def test_requests(self, model: FakeModel, driver: ConnectionServerDriver) -> None:
        driver.connect(StillClock())
        assert driver.is_reachable("t1")
        assert not driver.is_reachable("t9")
        assert driver.request("t1", {"op": "read", "meter": "t1.gas"}) == "r1"
        assert model.bodies == [{"op": "read", "meter": "t1.gas"}]
        driver.deregister("t1")
        assert model.registered is False

    def test_a_refusal_is_one_line(self, driver: ConnectionServerDriver) -> None:
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

    @pytest.mark.parametrize("url", ["https://x", "nonsense"])
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
