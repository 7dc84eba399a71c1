"""The clocks: virtual time against a scripted control channel with real wires, wall time against a real one."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import attrs
import pytest

from bench.drive import host
from bench.drive.clock import ANCHOR_EVERY_NS, TwinClock, WallClock
from bench.drive.host import Continued, Discipline
from bench.drive.pump import Bus, Channel, PortLost, Stamp
from bench.errors import BenchError, InputError
from bench.records import NS_PER_S, Observation

T0 = 1_775_000_000_000_000_000

Request = dict[str, Any]
Script = Callable[[Request], "Request | None"]


@attrs.define
class Seen:
    """Met when ``count`` observations satisfied ``match``; keeps those in ``found``."""

    match: Callable[[Observation], bool]
    ports: frozenset[str] = frozenset()
    count: int = 1
    found: list[Observation] = attrs.field(factory=list)

    @property
    def met(self) -> bool:
        return len(self.found) >= self.count

    def feed(self, observation: Observation) -> None:
        if not self.met and self.match(observation):
            self.found.append(observation)


class PipeChannel(Channel):
    """A port for tests: octets of a socket pair, each one an observation."""

    def __init__(self, clock: Any, port: str, stamp: Stamp) -> None:
        super().__init__(port, stamp)
        self.clock = clock
        self.near, self.far = socket.socketpair()
        self.near.setblocking(False)

    def fileno(self) -> int:
        return self.near.fileno()

    def read(self, limit: int) -> None:
        data = self.near.recv(min(limit, 4096) if self.stamp is Stamp.HOST else 4096)
        if not data:
            raise PortLost("closed by the device")
        self.count += len(data)
        self.clock.pump.publish(self.port, "x", "heard", {"text": data.decode()})

    def close(self) -> None:
        self.near.close()
        self.far.close()


class FakeTwin:
    """A control channel that answers by a script; ``advance`` is scripted by the test, the rest has defaults."""

    def __init__(self) -> None:
        self.now_ns = T0
        self.requests: list[Request] = []
        self.on_advance: Script = lambda request: {"now_ns": request["until_ns"], "reason": "deadline", "ports": {}}
        self.hello: Request = {}
        self.declares = {"meter": {"stamp": "host"}, "sniffer": {"stamp": "device"}}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        try:
            self.connection, _ = self._listener.accept()
            with self.connection, self.connection.makefile("rb") as lines:
                for line in lines:
                    request = json.loads(line)
                    self.requests.append(request)
                    answer = self._answer(request)
                    if answer is not None:
                        self.connection.sendall(json.dumps({"id": request["id"], **answer}).encode() + b"\n")
        except (OSError, ValueError):
            return

    def _answer(self, request: Request) -> Request | None:
        match request["op"]:
            case "hello":
                return {"now_ns": self.now_ns, "ports": {}, "declares": self.declares, **self.hello}
            case "attach":
                return {"epoch": 1, "n": 0}
            case "advance":
                return self.on_advance(request)
        return {}

    def asked(self, op: str) -> list[Request]:
        return [r for r in self.requests if r["op"] == op]

    def close(self) -> None:
        for s in (self._listener, self.connection):
            if s is not None:
                s.close()


@pytest.fixture
def twin() -> Iterator[FakeTwin]:
    fake = FakeTwin()
    yield fake
    fake.close()


def test_an_unknown_control_channel_is_refused_by_name(twin: FakeTwin) -> None:
    twin.hello = {"format": 99}
    with pytest.raises(InputError, match=rf"^twin at {twin.address}: control channel version 99; expected 1 or 2"):
        TwinClock(twin.address, Bus())
    assert twin.asked("hello")[0]["format"] == 2


@pytest.fixture
def clock(twin: FakeTwin) -> Iterator[TwinClock]:
    made = TwinClock(twin.address, Bus())
    yield made
    made.close()


@pytest.fixture
def seen(clock: TwinClock) -> list[Observation]:
    rows: list[Observation] = []
    clock.bus.subscribe(rows.append)
    return rows


def counts(**ports: tuple[int, int]) -> dict[str, dict[str, int]]:
    return {port: {"epoch": 1, "before": before, "now": now} for port, (before, now) in ports.items()}


class TestTwinClock:
    def test_time_goes_to_the_deadline(self, clock: TwinClock, twin: FakeTwin) -> None:
        assert clock.now_ns() == T0
        clock.sleep_until(T0 + 5)
        assert clock.now_ns() == T0 + 5
        assert [(r["until_ns"], r["wake"]) for r in twin.asked("advance")] == [(T0 + 5, [])]

    def test_octets_before_the_advance_carry_the_old_time(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        meter = PipeChannel(clock, "meter", Stamp.HOST)
        clock.attach(meter)
        meter.far.sendall(b"OLD")  # said at T0, in answer to something

        def advance(request: Request) -> Request:
            meter.far.sendall(b"new!")
            return {"now_ns": T0 + 9, "reason": "wake", "ports": counts(meter=(3, 7))}

        twin.on_advance = advance
        clock.step(T0 + 100)
        assert [(o.data["text"], o.t_ns) for o in seen] == [("OLD", T0), ("new!", T0 + 9)]
        assert clock.now_ns() == T0 + 9

    def test_the_bench_waits_for_octets_that_are_still_on_their_way(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        meter = PipeChannel(clock, "meter", Stamp.HOST)
        clock.attach(meter)

        def advance(request: Request) -> Request:
            threading.Timer(0.05, meter.far.sendall, (b"late",)).start()
            return {"now_ns": T0 + 1, "reason": "wake", "ports": counts(meter=(0, 4))}

        twin.on_advance = advance
        clock.step(T0 + 100)
        assert "".join(str(o.data["text"]) for o in seen) == "late"

    def test_octets_that_never_come_name_the_port(
        self, clock: TwinClock, twin: FakeTwin, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock.attach(PipeChannel(clock, "meter", Stamp.HOST))
        twin.on_advance = lambda r: {"now_ns": T0 + 1, "reason": "wake", "ports": counts(meter=(0, 4))}
        monkeypatch.setattr("bench.drive.pump.Pump.drain_to.__defaults__", (0.05,))
        with pytest.raises(BenchError, match=r"^meter \(0 of 4\): said by the device, but did not arrive"):
            clock.step(T0 + 100)

    def test_a_condition_names_its_wake_set_and_stops_the_wait(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        sniffer = PipeChannel(clock, "sniffer", Stamp.DEVICE)
        clock.attach(sniffer)

        def advance(request: Request) -> Request:
            sniffer.far.sendall(b"f")
            n = len(twin.asked("advance"))
            return {"now_ns": T0 + 10 * n, "reason": "wake", "ports": counts(sniffer=(n - 1, n))}

        twin.on_advance = advance
        third = Seen(lambda o: o.kind == "heard", frozenset({"sniffer"}), count=3)
        assert clock.wait_for(third, T0 + 1000) is True
        assert clock.now_ns() == T0 + 30
        assert [r["wake"] for r in twin.asked("advance")] == [["sniffer"]] * 3
        assert len(seen) == len(third.found) == 3

    def test_a_condition_that_is_not_met_ends_at_its_deadline(self, clock: TwinClock) -> None:
        assert clock.wait_for(Seen(lambda o: True), T0 + 7) is False
        assert clock.now_ns() == T0 + 7

    def test_after_a_command_the_present_instant_is_looked_at_first(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        """A command to one device may make another speak at the same instant; time must not run past that."""
        lamp = PipeChannel(clock, "meter", Stamp.HOST)
        clock.attach(lamp)
        lamp.far.sendall(b"!")
        clock.pump.exchange("supply")
        twin.on_advance = lambda r: {"now_ns": r["until_ns"], "reason": "deadline", "ports": counts(meter=(1, 1))}
        clock.step(T0 + 50)
        assert (clock.now_ns(), [o.t_ns for o in seen]) == (T0, [T0])
        clock.step(T0 + 50)
        assert clock.now_ns() == T0 + 50
        assert [r["until_ns"] for r in twin.asked("advance")] == [T0, T0 + 50]

    def test_time_waits_for_what_was_written_without_waiting_for_an_answer(
        self, clock: TwinClock, twin: FakeTwin
    ) -> None:
        meter, sniffer = PipeChannel(clock, "meter", Stamp.HOST), PipeChannel(clock, "sniffer", Stamp.DEVICE)
        for channel in (meter, sniffer):
            clock.attach(channel)
        meter.sent += 12
        twin.on_advance = lambda r: {"now_ns": r["until_ns"], "reason": "deadline", "ports": counts(meter=(0, 0))}
        clock.step(T0 + 5)
        assert twin.asked("advance")[-1]["sent"] == {"meter": 12}
        meter.attached(2, 0)  # opened once more: the twin counts anew
        assert meter.sent == 0

    def test_a_port_that_left_the_barrier_is_lost_and_the_rest_goes_on(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        for port, stamp in (("meter", Stamp.HOST), ("sniffer", Stamp.DEVICE)):
            clock.attach(PipeChannel(clock, port, stamp))
        twin.on_advance = lambda r: {"now_ns": r["until_ns"], "reason": "deadline", "ports": counts(sniffer=(0, 0))}
        clock.step(T0 + 5)
        assert [(o.kind, o.source, o.data) for o in seen] == [
            ("bench.lost_port", "bench", {"port": "meter", "reason": "closed by the device"})
        ]
        assert set(clock.pump.channels) == {"sniffer"}
        clock.step(T0 + 6)
        assert clock.now_ns() == T0 + 6

    def test_a_new_epoch_is_another_connection(self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]) -> None:
        clock.attach(PipeChannel(clock, "meter", Stamp.HOST))
        twin.on_advance = lambda r: {
            "now_ns": r["until_ns"],
            "reason": "deadline",
            "ports": {"meter": {"epoch": 2, "before": 0, "now": 0}},
        }
        clock.step(T0 + 5)
        assert [o.kind for o in seen] == ["bench.lost_port"]

    def test_streams_are_read_while_the_twin_runs(
        self, clock: TwinClock, twin: FakeTwin, seen: list[Observation]
    ) -> None:
        sniffer = PipeChannel(clock, "sniffer", Stamp.DEVICE)
        clock.attach(sniffer)
        big = b"x" * (4 << 20)  # more than any socket buffer: the twin would wait for ever if nobody read

        def advance(request: Request) -> Request:
            sniffer.far.sendall(big)
            return {"now_ns": T0 + 1, "reason": "deadline", "ports": counts(sniffer=(0, len(big)))}

        twin.on_advance = advance
        clock.step(T0 + 1)
        assert sniffer.count == len(big)

    def test_a_dead_twin_is_one_line(self, clock: TwinClock, twin: FakeTwin) -> None:
        def die(request: Request) -> Request | None:
            assert twin.connection is not None
            twin.connection.shutdown(socket.SHUT_RDWR)
            return None

        twin.on_advance = die
        with pytest.raises(BenchError, match=r"^the twin died"):
            clock.step(T0 + 5)

    def test_no_twin_is_one_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
        for wrong in (address, "nonsense"):
            with pytest.raises(BenchError, match=r"^no twin answers"):
                TwinClock(wrong, Bus())

    def test_a_refusal_is_passed_on(self, clock: TwinClock, twin: FakeTwin) -> None:
        twin.on_advance = lambda r: {"error": "until_ns is in the past"}
        with pytest.raises(BenchError, match=r"^the twin refused 'advance': until_ns is in the past$"):
            clock.step(T0 + 5)

    def test_ports_must_be_what_the_driver_takes_them_for(self, clock: TwinClock) -> None:
        with pytest.raises(BenchError, match="the twin says host-stamped, the driver device-stamped"):
            clock.attach(PipeChannel(clock, "meter", Stamp.DEVICE))
        with pytest.raises(BenchError, match="no such port"):
            clock.attach(PipeChannel(clock, "camera", Stamp.HOST))

    def test_an_interrupt_stops_time_before_it_is_passed_on(self, clock: TwinClock, twin: FakeTwin) -> None:
        advancing = threading.Event()
        original = twin._answer

        def answer(request: Request) -> Request | None:
            if request["op"] == "advance":
                advancing.set()
                return None  # it takes long
            if request["op"] == "stop":
                assert twin.connection is not None
                assert advancing.is_set()
                n = twin.asked("advance")[-1]["id"]
                stopped = {"id": n, "now_ns": T0 + 42, "reason": "stopped", "ports": {}}
                twin.connection.sendall(json.dumps(stopped).encode() + b"\n")
            return original(request)

        twin._answer = answer  # type: ignore[method-assign]

        def interrupt() -> None:
            advancing.wait(5)
            os.kill(os.getpid(), signal.SIGINT)

        interrupter = threading.Thread(target=interrupt, daemon=True)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            clock.step(T0 + 100)
        interrupter.join()
        assert clock.now_ns() == T0 + 42
        assert len(twin.asked("stop")) == 1
        clock.detach("nothing")  # the channel is in step again
        twin._answer = original  # type: ignore[method-assign]
        clock.step(T0 + 50)
        assert clock.now_ns() == T0 + 50

    def test_polling_is_an_error_until_time_moves(self, clock: TwinClock) -> None:
        for _ in range(100):
            clock.pump.exchange("meter")
        with pytest.raises(BenchError, match=r"^meter: 101 exchanges without a clock step"):
            clock.pump.exchange("meter")
        clock.step(T0 + 1)
        clock.pump.exchange("meter")


class TestWallClock:
    def test_a_host_stamped_port_ends_a_step(self) -> None:
        clock = WallClock(Bus())
        rows: list[Observation] = []
        clock.bus.subscribe(rows.append)
        meter, sniffer = (PipeChannel(clock, *p) for p in (("meter", Stamp.HOST), ("sniffer", Stamp.DEVICE)))
        clock.attach(meter)
        clock.attach(sniffer)
        sniffer.far.sendall(b"s")
        threading.Timer(0.05, meter.far.sendall, (b"m",)).start()
        far = clock.now_ns() + 60_000_000_000
        clock.step(far)  # the sniffer streams, the meter wakes
        assert [o.source for o in rows] == ["sniffer", "meter"]
        assert clock.now_ns() < far
        assert all(o.u_ns >= WallClock.u_ns > 0 for o in rows)
        sniffer.far.sendall(b"s")
        assert clock.wait_for(Seen(lambda o: o.source == "sniffer", frozenset({"sniffer"})), far)
        clock.close()

    def test_who_looks_each_second_is_called_in_the_middle_of_a_long_step(self) -> None:
        clock = WallClock(Bus())
        calls: list[int] = []
        clock.each_second.append(lambda: calls.append(clock.now_ns()))
        clock.step(clock.now_ns() + NS_PER_S + NS_PER_S // 5)
        assert len(calls) >= 2
        assert calls[1] - calls[0] >= NS_PER_S
        clock.close()

    def test_while_the_bench_is_busy_ports_are_read_and_stamped_on_arrival(self) -> None:
        clock = WallClock(Bus())
        rows: list[Observation] = []
        clock.bus.subscribe(rows.append)
        meter, panel = (PipeChannel(clock, name, Stamp.HOST) for name in ("meter", "panel"))
        clock.attach(meter)
        clock.attach(panel)
        with clock.attended():
            meter.far.sendall(b"m")
            panel.far.close()
            deadline = time.monotonic() + 30
            while not meter.count:
                assert time.monotonic() < deadline
            read_ns = clock.now_ns()
            assert rows == []  # whoever records them is busy
        while len(rows) < 2:
            clock.step(clock.now_ns() + 1_000_000)
        said = next(o for o in rows if o.source == "meter")
        assert said.t_ns <= read_ns
        assert [(o.kind, o.data["port"]) for o in rows if o.source == "bench"] == [("bench.lost_port", "panel")]
        clock.close()

    def test_a_deadline_ends_a_step(self) -> None:
        clock = WallClock(Bus())
        until = clock.now_ns() + 20_000_000
        clock.sleep_until(until)
        assert until <= clock.now_ns() < until + 5_000_000_000

    def test_utc_moves_and_rig_time_does_not(self) -> None:
        time_is = HostTime()
        clock = WallClock(Bus(), time_is.utc, time_is.monotonic, discipline=lambda: Discipline(True, 2_000_000))
        rows: list[Observation] = []
        clock.bus.subscribe(rows.append)
        press = clock.now_ns()
        for moved_ns in (1200, -120 * NS_PER_S, 0, 7200 * NS_PER_S, -900_000):
            time_is.passes(ANCHOR_EVERY_NS, moved_ns)
            clock._anchor_if_due()
        assert clock.now_ns() - press == 5 * ANCHOR_EVERY_NS
        assert clock.utc_ns() == time_is.utc()
        assert [(o.data["change"], o.data["step_ns"]) for o in rows] == [
            ("none", 1200),
            ("step", -120 * NS_PER_S),
            ("none", 0),
            ("step", 7200 * NS_PER_S),
            ("slew", -900_000),
        ]
        assert [o.t_ns for o in rows] == [press + n * ANCHOR_EVERY_NS for n in range(1, 6)]
        assert all(
            o.data["offset_ns"] == sum(int(str(r.data["step_ns"])) for r in rows[: n + 1]) for n, o in enumerate(rows)
        )
        assert {o.data["max_error_ns"] for o in rows} == {2_000_000}

    def test_a_step_is_recorded_before_the_minute_is_over(self) -> None:
        time_is = HostTime()
        clock = WallClock(Bus(), time_is.utc, time_is.monotonic)
        rows: list[Observation] = []
        clock.bus.subscribe(rows.append)
        time_is.passes(NS_PER_S, 10**6)
        clock._anchor_if_due()
        assert rows == []
        time_is.passes(NS_PER_S, 20 * NS_PER_S)
        clock._anchor_if_due()
        assert [o.data["change"] for o in rows] == ["step"]

    @staticmethod
    def first_anchors(time_is: HostTime, left: Continued) -> list[Observation]:
        rows: list[Observation] = []
        bus = Bus()
        bus.subscribe(rows.append)
        WallClock(bus, time_is.utc, time_is.monotonic, continued=left)
        return rows

    def test_what_is_no_step_is_none_in_a_resumed_run_either(self) -> None:
        time_is = HostTime()
        left = Continued(host.boot(), time_is.monotonic(), time_is.utc(), 0, time_is.utc())
        time_is.passes(3600 * NS_PER_S, 900_000)
        (anchor,) = self.first_anchors(time_is, left)
        assert (anchor.data["change"], anchor.data["step_ns"]) == ("first", 0)

    def test_a_wait_ends_when_the_patience_with_a_port_is_over(self) -> None:
        """Nothing else would say so: who waits for an answer by a port that is gone may wait for ten minutes."""
        clock = WallClock(Bus())
        clock.patience_s = 0.2
        meter = PipeChannel(clock, "meter", Stamp.HOST)
        clock.attach(meter)
        meter.far.close()
        far_ns = clock.now_ns() + 600 * NS_PER_S
        while "meter" not in clock.given_up():
            clock.step(far_ns)
        assert clock.now_ns() < far_ns
        clock.close()

    @pytest.mark.slow
    def test_what_stays_away_costs_its_patience_once(self) -> None:
        """However often it is asked for. A killed exporter takes thirty ports: each for itself would be hours."""
        clock = WallClock(Bus())
        clock.patience_s = 3600.0
        for port in ("meter.t1.gas", "meter.t3.gas"):
            clock.pump.gone(port, "closed by the device")
            clock.pump.lost_ns[port] -= 3600 * NS_PER_S

        def looked(port: str, since_ns: int | None = None) -> int:
            return len([*islice(clock.moments(port, since_ns), 2)])

        assert [looked("meter.t1.gas"), looked("meter.t3.gas")] == [1, 1]
        assert looked("server", clock.now_ns() - 3600 * NS_PER_S) == 1
        assert looked("server") == 2, "it has only just gone"
        clock.close()

    def test_a_resumed_run_goes_on_in_the_same_rig_time(self) -> None:
        time_is = HostTime()
        first = WallClock(Bus(), time_is.utc, time_is.monotonic)
        time_is.passes(100 * NS_PER_S, 0)
        left = Continued(host.boot(), time_is.monotonic(), first.now_ns(), 0, first.now_ns())
        time_is.passes(7 * NS_PER_S, -3600 * NS_PER_S)
        again = WallClock(Bus(), time_is.utc, time_is.monotonic, continued=left)
        assert again.now_ns() == left.anchor_ns + 7 * NS_PER_S, "within one boot UTC has no say"
        (anchor,) = self.first_anchors(time_is, left)
        assert (anchor.data["change"], anchor.data["step_ns"]) == ("step", -3600 * NS_PER_S), (
            "nobody was there to see it"
        )
        elsewhere = attrs.evolve(left, boot="another")
        late = WallClock(Bus(), time_is.utc, time_is.monotonic, continued=elsewhere)
        assert late.now_ns() == left.last_ns + 1, "UTC lies behind the last stamp: time does not run backwards"
        assert [one.data["change"] for one in self.first_anchors(time_is, elsewhere)] == ["boot"]
        time_is.passes(0, 7200 * NS_PER_S)
        assert WallClock(Bus(), time_is.utc, time_is.monotonic, continued=elsewhere).now_ns() == time_is.utc()

    def test_a_port_that_nobody_looked_at_has_an_uncertain_stamp(self) -> None:
        """The driving thread was busy elsewhere: what is there at once may have been said at any time meanwhile."""
        clock = WallClock(Bus())
        rows: list[Observation] = []
        clock.bus.subscribe(rows.append)
        meter = PipeChannel(clock, "meter", Stamp.HOST)
        clock.attach(meter)
        clock.step(clock.now_ns() + 1_000_000)
        meter.far.sendall(b"m")
        busy_until = time.monotonic() + 0.05
        while time.monotonic() < busy_until:
            pass
        clock.step(clock.now_ns() + NS_PER_S)
        assert rows[0].u_ns > 0.05 / 3**0.5 * NS_PER_S > 10 * WallClock.u_ns
        threading.Timer(0.05, meter.far.sendall, (b"m",)).start()
        clock.step(clock.now_ns() + 60 * NS_PER_S)
        assert rows[1].u_ns == WallClock.u_ns
        clock.close()


class HostTime:
    """A host whose monotonic time and UTC a test moves apart."""

    def __init__(self) -> None:
        self._monotonic_ns, self._utc_ns = 5 * NS_PER_S, T0

    def monotonic(self) -> int:
        return self._monotonic_ns

    def utc(self) -> int:
        return self._utc_ns

    def passes(self, ns: int, moved_ns: int) -> None:
        self._monotonic_ns += ns
        self._utc_ns += ns + moved_ns


def test_the_kernel_says_how_utc_is_kept() -> None:
    state = host.read_discipline()
    assert (state.max_error_ns is not None) == (state.synchronised is True)
    reading = host.read_utc(time.time_ns, time.monotonic_ns)
    assert 0 <= reading.half_ns < NS_PER_S
    assert abs(time.time_ns() - time.monotonic_ns() - reading.difference_ns) < NS_PER_S


class TestBus:
    def test_seq_counts_per_source(self) -> None:
        bus = Bus()
        rows: list[Observation] = []
        bus.subscribe(rows.append)
        for source in ("meter", "panel", "meter"):
            bus.publish(Observation(T0, source, "x", "k"))
        assert [(o.source, o.seq) for o in rows] == [("meter", 1), ("panel", 1), ("meter", 2)]
