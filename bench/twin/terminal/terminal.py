"""The wireless terminal's application (stand-in): reads meters, stores, uploads, reports alarms, answers requests.

What it does follows the best public analogue (domain.md 4.3): each hour mark is read and stored; once a day, at an
offset that is fixed per device, the previous day's 01:00..24:00 go up; alarms go up at once. What was not acknowledged
is repeated with back-off, and after an outage delivered in order (recovery: all that was never acknowledged).

Time: the clock is ideal and survives darkness (an RTC with its own cell), but a dark terminal reads nothing, so it
misses those hours. Darkness loses RAM, flash (``bench/twin/terminal/flash.py``) stays. Storing starts with the first
registration. A battery terminal hears its downlink once in a listen interval, at a phase drawn at each boot, and for
three seconds after it sent something itself; that wait is modelled here, above the radio.

A transparent terminal (透過型) stores no values and asks for none: it passes on what its meters call with
(``bench/twin/terminal/transparent.py``), once and at once, and requests and answers as they come. An alarm that it
cannot send now stays with its meter.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Final, TypeVar

import attrs

from bench.air.octets import counted
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.core.kernel import Call, Kernel
from bench.twin.faults import NO_FAULTS, Hooks, Memory
from bench.twin.terminal.control import Controls
from bench.twin.terminal.flash import Flash, Key, PendingUpload, jst_day_of_mark, jst_midnight
from bench.twin.terminal.meter import Meter
from bench.twin.terminal.network import JoinState, TerminalRadio
from bench.twin.terminal.standin import (
    MAX_VALUES,
    MESSAGES,
    Ack,
    Alarm,
    Confirm,
    ControlRequest,
    Hello,
    HistoryAnswer,
    HistoryRequest,
    Malformed,
    Message,
    ReadAnswer,
    ReadRequest,
    Upload,
    Value,
    decode,
    encode,
)
from bench.twin.terminal.transparent import MeterCalls
from bench.twin.topology import StoreType
from bench.twin.topology import Terminal as TerminalPlan

T = TypeVar("T")
AWAKE_AFTER_SENDING_NS: Final = 3 * NS_PER_S
VALUES_A_MESSAGE: Final = 72
PART_VALUES: Final = 72
LONG_PRESS_S: Final = 10.0
FURTHEST_CLOCK_S: Final = 366 * 86400.0
LAMP_STATES: Final = ("off", "blinking", "on")


class Terminal:
    """One terminal. ``power`` is its supply, ``press_key`` its key, ``indicator`` its lamp."""

    def __init__(
        self,
        kernel: Kernel,
        plan: TerminalPlan,
        radio: TerminalRadio,
        meters: Mapping[str, Meter],
        rng: random.Random,
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self.plan, self.radio = plan, radio
        self.meters = dict(meters)
        self.flash = Flash(tuple(meters), plan.storage_marks)
        self.powered = False
        self.confirmed = False
        self._kernel, self._faults, self._rng = kernel, faults, rng
        self._boot = 0
        self._installing = False
        self._register_from_ns = 0
        self._recovering = False
        self._was_operational = False
        self._awake_until_ns = 0
        self._listen_phase_ns = 0
        self._in_flight: Hello | Alarm | PendingUpload | None = None
        self._retry: Call | None = None
        self._lamp = self._shown = "off"
        self._dark_since_ns: int | None = None
        self._edges: list[Call] = []
        self._read_before: dict[Key, int] = {}
        self._held_back: set[Key] = set()
        self._lamp_listeners: list[Callable[[str], None]] = []
        self._state_listeners: list[Callable[[JoinState], None]] = []
        self._controls = Controls(self.meters, lambda: self._own_ns, self.send)
        self._stores = plan.type is StoreType.STORE
        if not self._stores:
            self._calls = MeterCalls(kernel, self.meters, plan.upload_offset_s, self._pass_on)
        radio.on_join_state(self._on_join_state)
        radio.on_datagram(self._on_datagram)
        for meter in meters.values():
            meter.connect(self._take_alarm)

    # Supply, key, lamp

    @property
    def boots(self) -> int:
        """Changes with each boot and each darkness: what was in RAM before is gone."""
        return self._boot

    def power(self, on: bool) -> None:
        """Feed it, or cut its feed: dark at once, RAM lost."""
        for call in self._edges:
            call.cancel()
        self._edges = []
        for delay_ns, edge in self._faults.several("supply_edge", on, kind=bool):
            if delay_ns:
                self._edges.append(self._kernel.after(delay_ns, partial(self.feed, edge)))
            else:
                self.feed(edge)

    def feed(self, on: bool) -> None:
        """Dark, or booting, in this instant."""
        if on == self.powered:
            return
        self._boot += 1
        self.powered = on
        if on:
            self._boot_up()
        else:
            self._dark_since_ns = self._kernel.now_ns
            self.radio.power_off()
            self._forget_ram()
            self._lamp = "off"
            self._display("off")  # no supply, no light
        self._show()

    def reboot(self) -> None:
        """Reset by command: RAM lost, supply kept."""
        if self.powered:
            self.feed(False)
            self.feed(True)

    def _boot_up(self) -> None:
        interval_ns = round(self.plan.listen_interval_s * NS_PER_S)
        self._listen_phase_ns = self._rng.randrange(interval_ns) if interval_ns else 0
        if self._dark_since_ns is not None:
            dark_s = (self._kernel.now_ns - self._dark_since_ns) / NS_PER_S
            self.forget(*self._faults.words("memory_lost", tuple(Memory), dark_s))
        self.radio.power_on()
        self._plan_mark(self._own_ns - self._own_ns % NS_PER_HOUR + NS_PER_HOUR)
        self._after(self._next_upload_ns() - self._own_ns, self._upload_time)
        for meter in self.meters.values():
            meter.offer()
        if self.flash.installed and self.plan.auto_start:
            self.start_installation()

    def _forget_ram(self) -> None:
        """What darkness does to RAM."""
        self.confirmed = self._installing = self._recovering = self._was_operational = False
        self._in_flight, self._retry = None, None
        self._awake_until_ns = 0
        self._read_before.clear()
        self._held_back.clear()

    def forget(self, *memory: str) -> None:
        """Lose parts of flash (`bench.twin.faults.Memory`)."""
        flash = self.flash
        for part in map(Memory, memory):
            match part:
                case Memory.REGISTRATION:
                    flash.installed = False
                case Memory.KEYS:
                    self.radio.erase_keys()
                case Memory.VALUES:
                    flash.forget_values()
                case Memory.ALARMS:
                    flash.alarms.clear()
                case Memory.DELIVERED:
                    flash.delivered.clear()

    def press_key(self, duration_s: float) -> None:
        """Short press: start installation at its release. From 10 s on: erase keys and registration first."""
        if self.powered:
            for delay_ns, pressed_s in self._faults.several("key_pressed", duration_s, kind=float):
                held_ns = round(min(pressed_s, LONG_PRESS_S) * NS_PER_S)
                erases = pressed_s >= LONG_PRESS_S
                self._after(delay_ns + held_ns, self.reinstall if erases else self.start_installation)

    def start_installation(self) -> None:
        """Join the mesh; nothing happens when it is joining or joined."""
        if not self.powered or self._installing or self.radio.join_state is not JoinState.DISCONNECTED:
            return
        self._installing = True
        idle_s = self._faults.seconds("registers_after_s")
        self._register_from_ns = self._kernel.now_ns + round(idle_s * NS_PER_S)
        self._show()
        self.radio.start_join()

    def disconnect(self) -> bool:
        """Leave the mesh by command; False when there is nothing to leave."""
        if not self.powered or (self.radio.join_state is JoinState.DISCONNECTED and not self._installing):
            return False
        self._installing = False
        self.radio.leave()
        self._show()
        return True

    def erase(self) -> None:
        """Forget keys and registration. Stored values stay: they belong to the meter's readings, not to the network."""
        self.radio.leave()
        self.radio.erase_keys()
        self.flash.installed = False
        self._installing = False

    def reinstall(self) -> None:
        """Erase, then install anew."""
        self.erase()
        self.start_installation()

    @property
    def indicator(self) -> str:
        """``off``, ``blinking`` (installing, joining, or lost), ``on`` (communicable: the server confirmed)."""
        return self._shown if self._faults.has("lamp_shown") else self._true_lamp()

    def _true_lamp(self) -> str:
        if not self.powered:
            return "off"
        if self.confirmed:
            return "on"
        return "blinking" if self._installing or self.radio.join_state is not JoinState.DISCONNECTED else "off"

    def on_indicator(self, listener: Callable[[str], None]) -> None:
        self._lamp_listeners.append(listener)

    def on_join_state(self, listener: Callable[[JoinState], None]) -> None:
        self._state_listeners.append(listener)

    def _show(self) -> None:
        lamp = self._true_lamp()
        if lamp == self._lamp:
            return
        self._lamp = lamp
        self._each(self._faults.several("lamp_shown", lamp, kind=str, allowed=LAMP_STATES), self._display)

    def _display(self, lamp: str) -> None:
        if lamp != self._shown:
            self._shown = lamp
            for listener in self._lamp_listeners:
                listener(lamp)

    def show_lamp(self, lamp: str) -> None:
        """Show something else than the truth until that changes."""
        if lamp not in LAMP_STATES:
            raise ValueError(f"no lamp state {lamp!r}; expected one of {', '.join(LAMP_STATES)}")
        self._display(lamp)

    # Network

    @property
    def operational(self) -> bool:
        return self.powered and self.radio.join_state is JoinState.OPERATIONAL

    def _on_join_state(self, state: JoinState) -> None:
        for listener in self._state_listeners:
            listener(state)
        if not self.powered:
            return
        if state is JoinState.OPERATIONAL:
            self._was_operational = True
            self._after(max(0, self._register_from_ns - self._kernel.now_ns), self._register)
        elif self._was_operational:
            self._lost_network()
        self._show()

    def _register(self) -> None:
        """Tell the server that it is there; the lamp waits for the confirmation."""
        if self.operational and not self.confirmed and self._in_flight is None:
            self.flash.join_seq += 1
            self._transmit(Hello(self.flash.join_seq))

    def _lost_network(self) -> None:
        self._was_operational = self.confirmed = self._recovering = False
        self._drop_in_flight()
        kept = {s: a for s, a in self.flash.alarms.items() if self._faults.keeps("keep_alarm", a, False)}
        self.flash.alarms = kept

    def _on_datagram(self, payload: bytes) -> None:
        """Heard by the radio; the application hears it when it listens."""
        try:
            message = decode(payload)
        except Malformed:
            return
        interval_ns = round(self.plan.listen_interval_s * NS_PER_S)
        now_ns = self._kernel.now_ns
        if now_ns <= self._awake_until_ns or not interval_ns:
            self._on_message(message)
        else:
            self._after((self._listen_phase_ns - now_ns) % interval_ns, lambda: self._on_message(message))

    def _on_message(self, message: Message) -> None:
        self._each(self._faults.several("message_in", message, self.plan.id, kind=MESSAGES), self.hear)

    def hear(self, message: Message) -> None:
        """Act on a message of the server."""
        match message:
            case Confirm(seq) if isinstance(self._in_flight, Hello) and self._in_flight.seq == seq:
                self._confirmed()
            case Ack(seq):
                self._acknowledged(seq)
            case ReadRequest(seq, meter) if meter in self.meters:
                self._answer(message, (ReadAnswer(seq, meter, self.meters[meter].told(), self._own_ns),))
            case HistoryRequest(seq, meter, from_ns, to_ns) if meter in self.meters and self._stores:
                parts = _history_parts(seq, meter, self.flash.rings[meter].between(from_ns, to_ns))
                self._answer(message, parts)
            case ControlRequest() if message.meter in self.meters:
                self._controls.take(message)
            case _:
                pass  # an answer to something that is settled already

    def read_on_site(self, meter: str) -> int | None:
        """A handy terminal asks for a meter, network or not; None where it is dark, or says nothing."""
        if not self.powered:
            return None
        found = self._faults.all_of("read_on_site", (self.meters[meter].told(),), meter, kind=int)
        return found[0][1] if found else None

    def _answer(self, request: ReadRequest | HistoryRequest, answers: tuple[Message, ...]) -> None:
        self._each(self._faults.all_of("answers_to", answers, request, kind=MESSAGES), self.send)

    def _confirmed(self) -> None:
        self._drop_in_flight()
        self.confirmed, self._installing = True, False
        self.flash.installed = True
        self._recovering = bool(self.flash.undelivered(self._due_ns()))
        if self.flash.pending is not None:
            self.flash.pending.recovery = True
        self._show()
        if not self._stores:
            for meter in self.meters.values():
                meter.offer()
        self._work()

    # Hour marks and uploads

    def _pass_on(self, values: tuple[Value, ...]) -> None:
        """A meter's call, to the server: now or not at all."""
        if self.confirmed and values:
            self.send(Upload(self.flash.next_seq(), False, values))

    @property
    def _own_ns(self) -> int:
        """The time of its own clock."""
        now_ns = self._kernel.now_ns
        if not self._faults.has("clock_offset_s"):
            return now_ns
        ahead_s = self._faults.seconds("clock_offset_s", now_ns, low=-FURTHEST_CLOCK_S, high=FURTHEST_CLOCK_S)
        return max(0, now_ns + round(ahead_s * NS_PER_S))

    def _plan_mark(self, mark_ns: int) -> None:
        """The hour mark that its clock shows next."""
        wait_ns = max(0, mark_ns - self._own_ns)
        self._after(wait_ns, lambda: self._hour_mark(mark_ns))
        for name in self.meters if self._faults.has("read_offset_s") else ():
            before_ns = -min(0, self._offset_ns(name, mark_ns))
            if before_ns:
                self._after(max(0, wait_ns - before_ns), partial(self._read_early, name, mark_ns))

    def _offset_ns(self, meter: str, mark_ns: int) -> int:
        most_s = NS_PER_HOUR / NS_PER_S - 1
        return round(self._faults.seconds("read_offset_s", meter, mark_ns, low=-most_s, high=most_s) * NS_PER_S)

    def _read_early(self, name: str, mark_ns: int) -> None:
        self._read_before[(name, mark_ns)] = self.meters[name].told()

    def _hour_mark(self, mark_ns: int) -> None:
        own_ns = self._own_ns
        if own_ns < mark_ns - NS_PER_S:  # set back since it was planned
            self._plan_mark(mark_ns)
            return
        later_ns = mark_ns + NS_PER_HOUR
        self._plan_mark(later_ns if own_ns < later_ns else own_ns - own_ns % NS_PER_HOUR + NS_PER_HOUR)
        if not self.flash.installed or not self._stores:
            return
        for name in self.meters:
            late_ns = max(0, self._offset_ns(name, mark_ns)) if self._faults.has("read_offset_s") else 0
            self._soon(late_ns, partial(self._store, name, mark_ns))

    def _store(self, name: str, mark_ns: int) -> None:
        before = self.flash.rings[name].get(mark_ns - NS_PER_HOUR)
        index = self._read_before.pop((name, mark_ns), None)
        value = Value(name, mark_ns, self.meters[name].told() if index is None else index)
        previous = before.index if before else None
        value = self._faults.changed("mark_value", value, previous, self.operational, kind=Value)
        if self._faults.keeps("keep_mark", value, self.operational) and value.meter in self.flash.rings:
            self.flash.store(value)
        if self._faults.has("stored_values"):
            ring = self.flash.rings[name]
            ring.replace(self._faults.plain("stored_values", tuple(ring), name, kind=Value))

    def _due_ns(self) -> int:
        """The newest 24:00 mark whose upload time has come."""
        return jst_midnight(self._own_ns - self.plan.upload_offset_s * NS_PER_S)

    def _next_upload_ns(self) -> int:
        return self._due_ns() + NS_PER_DAY + self.plan.upload_offset_s * NS_PER_S

    def _upload_time(self) -> None:
        self._after(max(1, self._next_upload_ns() - self._own_ns), self._upload_time)
        self._held_back.clear()
        self._work()

    def _next_upload(self) -> PendingUpload | None:
        """The message that is due: one again if it was never acknowledged, else the oldest day's values."""
        pending = self.flash.pending
        if pending is not None and (pending.altered or self.flash.read(pending.keys)):
            return pending
        self.flash.pending = None
        values = self.flash.undelivered(self._own_ns if self._recovering else self._due_ns())
        while values := [v for v in values if (v.meter, v.mark_ns) not in self._held_back]:
            _, day = next(groupby(values, key=lambda v: jst_day_of_mark(v.mark_ns)))
            right = tuple(sorted(tuple(day)[:VALUES_A_MESSAGE], key=lambda v: (v.meter, v.mark_ns)))
            self.flash.pending = self._upload_of(right)
            if self.flash.pending is not None:
                return self.flash.pending
        self._recovering = False
        return None

    def _upload_of(self, right: tuple[Value, ...]) -> PendingUpload | None:
        """The message of these values as faults leave it; None where nothing is left, until the next upload time.

        Values that a message carries in none of their places wait until then as well, or it would be made for ever.
        """
        chosen = self._faults.plain("values_to_upload", right, self._recovering, kind=Value)
        if len(chosen) > MAX_VALUES:
            self._faults.blame("values_to_upload", f"{counted(len(chosen), 'value')}; expected {MAX_VALUES} at most")
            chosen = right
        keys = [(v.meter, v.mark_ns) for v in chosen]
        own = [(v.meter, v.mark_ns) for v in right]
        if not set(own) & set(keys):
            self._held_back.update(own)
        if not chosen:
            return None
        known = [key for key in keys if key[0] in self.meters]
        return PendingUpload(self.flash.next_seq(), self._recovering, known, () if chosen == right else chosen)

    # Alarms

    def _take_alarm(self, meter: str, code: str, occurred_ns: int) -> bool:
        if not self.powered or not (self._stores or self.confirmed):
            return False
        occurred_ns += self._own_ns - self._kernel.now_ns
        alarm = Alarm(self.flash.next_seq(), meter, code, occurred_ns)
        numbers: set[int] = set()
        for delay_ns, taken in self._faults.several("alarm_taken", alarm, self.operational, kind=Alarm):
            if taken.seq in numbers:
                taken = attrs.evolve(taken, seq=self.flash.next_seq())
            numbers.add(taken.seq)
            self._soon(delay_ns, partial(self._keep, taken))
        return True

    def _keep(self, alarm: Alarm) -> None:
        if self._faults.keeps("keep_alarm", alarm, self.operational):
            self.flash.alarms[alarm.seq] = alarm
            if isinstance(self._in_flight, PendingUpload):
                self._drop_in_flight()  # an alarm does not wait behind an upload's back-off
            self._work()

    def invent_alarm(self, meter: str, code: str, occurred_ns: int | None) -> None:
        """Take an alarm that no meter raised."""
        if self.powered:
            self._keep(Alarm(self.flash.next_seq(), meter, code, self._own_ns if occurred_ns is None else occurred_ns))

    # Stop and wait: one message at a time until its ack

    def _work(self) -> None:
        """Send what is to be sent next: alarms, then uploads."""
        if not self.confirmed or self._in_flight is not None:
            return
        message = next(iter(self.flash.alarms.values()), None) or self._next_upload()
        if message is not None:
            self._transmit(message)

    def _transmit(self, message: Hello | Alarm | PendingUpload, timeout_s: int | None = None) -> None:
        """Send, and again with doubled waits until it is acknowledged or the network is lost."""
        timeout_s = timeout_s or self.plan.ack_timeout_s
        self._in_flight = message
        if isinstance(message, PendingUpload):
            values = message.altered or self.flash.read(message.keys)
            self.send(Upload(message.seq, message.recovery, values))
        else:
            self.send(message)
        longer_s = min(2 * timeout_s, self.plan.ack_timeout_max_s)
        self._retry = self._after(timeout_s * NS_PER_S, lambda: self._transmit(message, longer_s))

    def _drop_in_flight(self) -> None:
        self._in_flight = None
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    def _acknowledged(self, seq: int) -> None:
        message = self._in_flight
        if isinstance(message, Hello) or message is None or message.seq != seq:
            return
        self._drop_in_flight()
        if isinstance(message, PendingUpload):
            self.flash.mark_delivered(message.keys)
            self.flash.pending = None
        else:
            self.flash.alarms.pop(seq, None)
        self._work()

    def send(self, message: Message) -> None:
        """Say something to the server."""
        self._each(self._faults.several("message_out", message, self.plan.id, kind=MESSAGES), self.say)

    def say(self, message: Message) -> None:
        """Put a message into the air, as it is."""
        payload = self._faults.tried(partial(encode, message))
        if payload is not None and self.radio.send(payload):
            self._awake_until_ns = self._kernel.now_ns + AWAKE_AFTER_SENDING_NS

    def _each(self, things: Sequence[tuple[int, T]], fn: Callable[[T], None]) -> None:
        for delay_ns, thing in things:
            self._soon(delay_ns, partial(fn, thing))

    def _soon(self, delay_ns: int, fn: Callable[[], None]) -> None:
        """Now, or later unless a power cut comes first."""
        if delay_ns:
            self._after(delay_ns, fn)
        else:
            fn()

    def _after(self, delay_ns: int, fn: Callable[[], None]) -> Call:
        """A call that a power cut cancels."""
        boot = self._boot

        def run() -> None:
            if self._boot == boot:
                fn()

        return self._kernel.after(delay_ns, run)


def _history_parts(seq: int, meter: str, values: Sequence[Value]) -> tuple[Message, ...]:
    """The answer to a history request, in as many parts as it takes."""
    cuts = range(0, max(1, len(values)), PART_VALUES)
    return tuple(
        HistoryAnswer(seq, meter, part, len(cuts), tuple(values[cut : cut + PART_VALUES]))
        for part, cut in enumerate(cuts, start=1)
    )
