"""The lines to a server: TLS with client certificates, a stream that does not stand, and events that are asked for."""

from __future__ import annotations

import contextlib
import datetime as dt
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.drive.clock import Clock
from bench.errors import BenchError, InputError
from devices.server.driver import ConnectionServer, ConnectionServerDriver
from devices.server.impersonator import polled_app, server_app
from devices.server.poll import PollChannel
from devices.server.stream import EventChannel
from tests.devices.device_bench import StillClock, build
from tests.devices.test_server import FakeModel, WallStill

PATIENCE_S = 20.0


@attrs.frozen
class Issued:
    """A certificate and its key, as files and as what signs with them."""

    certificate: Path
    key: Path
    x509: x509.Certificate
    private: ec.EllipticCurvePrivateKey


def issue(folder: Path, name: str, by: Issued | None = None, *, host: str = "127.0.0.1") -> Issued:
    """A certificate for ``name``, signed by ``by``, or by itself (a CA)."""
    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    import ipaddress

    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.x509.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        # Python 3.13 asks for these (RFC 5280, 4.2.1.1 to 4.2.1.3).
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=by is None,
                crl_sign=by is None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((private if by is None else by.private).public_key()),
            critical=False,
        )
    )
    made = builder.sign(private if by is None else by.private, hashes.SHA256())
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return Issued(certificate, key, made, private)


@attrs.frozen
class Papers:
    """A laboratory's own CA, a server's certificate and a bench's; and those of somebody else."""

    folder: Path
    ca: Issued
    server: Issued
    bench: Issued
    stranger: Issued

    @classmethod
    def made(cls, folder: Path) -> Papers:
        ca, other = issue(folder, "ca"), issue(folder, "other-ca")
        issued = (issue(folder, "server", ca), issue(folder, "bench", ca), issue(folder, "stranger", other))
        return cls(folder, ca, *issued)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers.made(tmp_path_factory.mktemp("papers"))


@contextlib.contextmanager
def serving(app: Any, papers: Papers | None = None) -> Iterator[int]:
    """An application on a real socket, with TLS and client certificates where there are papers; its TCP port."""
    sock = socket.create_server(("127.0.0.1", 0))
    tls: dict[str, Any] = {}
    if papers is not None:
        tls = {
            "ssl_certfile": str(papers.server.certificate),
            "ssl_keyfile": str(papers.server.key),
            "ssl_ca_certs": str(papers.ca.certificate),
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
        }
    config = uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, **tls)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        thread.join(10)
        sock.close()


def driver_of(**resource: Any) -> ConnectionServerDriver:
    driver: ConnectionServerDriver = build(ConnectionServer, ConnectionServerDriver, "server", **resource)
    return driver


def secured(port: int, papers: Papers, **more: str) -> ConnectionServerDriver:
    told = {"ca": "ca.pem", "certificate": "bench.pem", "key": "bench.key", **more}
    driver = driver_of(url=f"https://127.0.0.1:{port}", **told)
    driver.beside = papers.folder
    return driver


def until(clock: Clock, condition: Callable[[], bool], what: str) -> None:
    """Let the clock's ports be read until something is so."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        clock.pump.poll(0.05)
        clock.pump.reopen()


def alarm(model: FakeModel, code: str = "leak1") -> None:
    model.emit("alarm", meter="t1.gas", code=code, occurred_ns=1)


class TestTls:
    def test_requests_and_events_with_a_client_certificate(self, papers: Papers) -> None:
        model, clock = FakeModel(), StillClock()
        alarm(model)
        with serving(server_app(model), papers) as port:
            driver = secured(port, papers)
            driver.connect(clock)
            assert driver.request("t1", {"op": "read", "meter": "t1.gas"}) == "r1"
            for _ in range(2000):  # more than a TLS record holds, and than one reading takes
                alarm(model)
            clock.pump.drain_to({"server": 2001})
            assert len(clock.seen) == 2001
            driver.disconnect()

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ({"certificate": "", "key": ""}, ".*it (does|may) not take the bench's certificate"),
            (
                {"certificate": "stranger.pem", "key": "stranger.key"},
                ".*it (does|may) not take the bench's certificate",
            ),
            ({"ca": "other-ca.pem"}, "its certificate is not vouched for by the CA file"),
        ],
    )
    def test_who_does_not_know_whom_is_said(self, papers: Papers, told: dict[str, str], said: str) -> None:
        with serving(server_app(FakeModel()), papers) as port:
            driver = secured(port, papers, **told)
            with pytest.raises(BenchError, match=rf"^server: {said}"):
                driver.connect(StillClock())

    @pytest.mark.parametrize("reset", [True, False], ids=["reset", "closed"])
    def test_a_server_that_hangs_up_without_a_word(self, papers: Papers, reset: bool) -> None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(papers.server.certificate, papers.server.key)
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def hang_up() -> None:
                taken = context.wrap_socket(listener.accept()[0], server_side=True)
                select.select([taken], [], [])
                if not reset:  # who closes with the request unread resets
                    taken.recv(1 << 16)
                taken.close()

            threading.Thread(target=hang_up, daemon=True).start()
            with pytest.raises(BenchError, match=r"^server: no answer .*: it may not take the bench's certificate$"):
                secured(listener.getsockname()[1], papers).connect(StillClock())

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ({"url": "https://127.0.0.1:1"}, "https without a 'ca'; expected the file of the CA"),
            ({"url": "https://127.0.0.1:1", "ca": "no.pem"}, r"no\.pem: No such file .*; expected a CA certificate"),
            ({"url": "https://127.0.0.1:1", "ca": "ca.key"}, r"ca\.key: not readable as such; expected a CA"),
            ({"url": "https://127.0.0.1:1", "ca": "ca.pem", "certificate": "bench.pem"}, "expected a certificate and"),
            ({"url": "http://127.0.0.1:1", "ca": "ca.pem"}, "certificates with http; expected an https URL"),
        ],
    )
    def test_papers_that_are_none_are_wrong_input(self, papers: Papers, told: dict[str, str], said: str) -> None:
        driver = driver_of(**told)
        driver.beside = papers.folder
        with pytest.raises(InputError, match=said):
            driver.connect(StillClock())

    def test_a_stream_that_was_cut_is_found_again_over_tls(self, papers: Papers) -> None:
        model, clock = FakeModel(), WallStill()
        with serving(Closing(server_app(model)), papers) as port:
            driver = secured(port, papers)
            driver.connect(clock)
            until(clock, lambda: "server" in clock.pump.lost_ns, "the stream ends")
            alarm(model)
            until(clock, lambda: driver.last_event_id == 1, "it is there again")
            assert isinstance(clock.pump.channels["server"], EventChannel)
            driver.disconnect()


class Closing:
    """An application whose first event stream ends at once, as a proxy does it."""

    def __init__(self, app: Any, streams: int = 1, status: int = 200) -> None:
        self._app, self._left, self._status = app, streams, status

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        stream = scope["path"] == "/v1/events" and (b"accept", b"text/event-stream") in scope["headers"]
        if not stream or self._left == 0:
            await self._app(scope, receive, send)
            return
        self._left -= 1
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": self._status, "headers": head})
        await send({"type": "http.response.body", "body": b": hello\n\n"})


class Silent(Closing):
    """An application whose event streams stand and bring nothing."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/v1/events" and (b"accept", b"text/event-stream") in scope["headers"]:
            head = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        await self._app(scope, receive, send)


class TestAsking:
    @pytest.mark.parametrize("how", ["auto", "poll"])
    @pytest.mark.parametrize("make", [StillClock, WallStill])
    def test_a_server_without_a_stream_is_asked(self, how: str, make: type[StillClock]) -> None:
        model, clock = FakeModel(), make()
        for _ in range(2500):  # more than an answer holds
            alarm(model)
        with serving(polled_app(model)) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", events=how, poll_s=0.01)
            driver.connect(clock, after=7)
            until(clock, lambda: driver.last_event_id == 2500, "the stored events")
            alarm(model, "tamper")
            until(clock, lambda: driver.last_event_id == 2501, "one more")
            alarms = [o for o in clock.seen if o.kind == "server.alarm"]
            assert [o.data["id"] for o in alarms] == list(range(8, 2502))
            driver.disconnect()

    def test_who_wants_a_stream_is_refused(self) -> None:
        with serving(polled_app(FakeModel())) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", events="stream")
            with pytest.raises(BenchError, match=r"^server: the event stream was refused \(status 406\)$"):
                driver.connect(StillClock())

    def test_a_server_that_goes_and_comes_is_found_again(self) -> None:
        model, clock = FakeModel(), WallStill()
        with serving(polled_app(model)) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", poll_s=0.01)
            driver.connect(clock)
        until(clock, lambda: "server" in clock.pump.lost_ns, "nobody answers")
        alarm(model)
        sock_again = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(polled_app(model), log_level="critical", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock_again]}, daemon=True)
        thread.start()
        until(clock, lambda: driver.last_event_id == 1, "it is there again")
        kinds = [o.kind for o in clock.seen if o.subject == "server" and o.kind.startswith("bench.")]
        assert kinds == ["bench.lost_port", "bench.found_port"]
        driver.disconnect()
        server.should_exit = server.force_exit = True
        thread.join(10)
        sock_again.close()

    @pytest.mark.parametrize("answer", [b"[]", b'{"events": 3}', b"no json"])
    def test_who_tells_no_events_is_lost_and_says_why(self, answer: bytes) -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": answer})

        clock = StillClock()
        with serving(app) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", events="poll")
            driver.connect(clock)
            until(clock, lambda: bool(clock.seen), "it is lost")
            assert clock.seen[0].kind == "bench.lost_port"
            driver.disconnect()


class TestAStreamThatDoesNotStand:
    def test_after_three_refusals_events_are_asked_for(self) -> None:
        model, clock = FakeModel(), WallStill()
        with serving(Closing(server_app(model), streams=1)) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", poll_s=0.01)
            driver.connect(clock)
            channel = clock.pump.channels["server"]
            assert isinstance(channel, EventChannel)
            channel._tried = 3
            alarm(model)
            until(clock, lambda: driver.last_event_id == 1, "asked for")
            assert isinstance(clock.pump.channels["server"], PollChannel)
            driver.disconnect()

    def test_a_stream_is_tried_again_before_that(self) -> None:
        model, clock = FakeModel(), WallStill()
        with serving(Closing(server_app(model), streams=3)) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", poll_s=0.01)
            driver.connect(clock)
            alarm(model)
            until(clock, lambda: driver.last_event_id == 1, "the fourth stream")
            assert isinstance(clock.pump.channels["server"], EventChannel)
            driver.disconnect()

    def test_a_silent_stream_gives_way_to_asking(self) -> None:
        """A proxy that keeps a dead stream open: the server's own count of events tells."""
        model, clock = FakeModel(), WallStill()
        with serving(Silent(server_app(model))) as port:
            driver = driver_of(url=f"http://127.0.0.1:{port}", poll_s=0.01)
            driver.connect(clock)
            alarm(model)
            for _minute in range(3):
                for call in clock.each_minute:
                    call()
                assert driver._questions is not None
                assert driver._questions._waiting is not None
                driver._questions._waiting.join(10)
            for call in clock.each_minute:
                call()
            until(clock, lambda: driver.last_event_id == 1, "asked for")
            assert isinstance(clock.pump.channels["server"], PollChannel)
            (lost,) = (o for o in clock.seen if o.kind == "bench.lost_port")
            assert lost.data["reason"] == "silent, though the server has events up to 1"
            driver.disconnect()
