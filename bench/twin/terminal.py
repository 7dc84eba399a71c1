"""The wireless terminal's application (stand-in): reads meters, stores, uploads, reports alarms, answers requests.

What it does follows the best public analogue (domain.md 4.3): each hour mark is read and stored; once a day, at an
offset that is fixed per device, the previous day's 01:00..24:00 go up; alarms go up at once. What was not acknowledged
is repeated with back-off, and after an outage delivered in order (recovery: all that was never acknowledged).

Time: the clock is ideal and survives darkness (an RTC with its own cell), but a dark terminal reads nothing, so it
misses those hours. Darkness loses RAM, flash (``bench/twin/flash.py``) stays. Storing starts with the first
registration. A battery terminal hears its downlink once in a listen interval, at a phase drawn at each boot, and for
three seconds after it sent something itself; that wait is modelled here, above the radio.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Final

from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S
from bench.twin.faults import Fault
from bench.twin.flash import Flash, PendingUpload, jst_day_of_mark, jst_midnight
from bench.twin.kernel import Call, Kernel
from bench.twin.meter import Meter
from bench.twin.network import JoinState, TerminalRadio
from bench.twin.standin import (
    Ack,
    Alarm,
    Confirm,
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
from bench.twin.topology import StoreType
from bench.twin.topology import Terminal as TerminalPlan

AWAKE_AFTER_SENDING_NS: Final = 3 * NS_PER_S
VALUES_A_MESSAGE: Final = 72
PART_VALUES: Final = 72
LONG_PRESS_S: Final = 10.0


class Terminal:
    """One terminal. ``power`` is its supply, ``press_key`` its key, ``indicator`` its lamp."""

    def __init__(
        self,
        kernel: Kernel,
        plan: TerminalPlan,
        radio: TerminalRadio,
        meters: Mapping[str, Meter],
        faults: Sequence[Fault],
        rng: random.Random,
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
        self._lamp = "off"
        self._lamp_listeners: list[Callable[[str], None]] = []
        self._state_listeners: list[Callable[[JoinState], None]] = []
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
        if on == self.powered:
            return
        self._boot += 1
        self.powered = on
        if on:
            self._boot_up()
        else:
            self.radio.power_off()
            self._forget()
        self._show()

    def reboot(self) -> None:
        """Reset by command: RAM lost, supply kept."""
        if self.powered:
            self.power(False)
            self.power(True)

    def _boot_up(self) -> None:
        interval_ns = round(self.plan.listen_interval_s * NS_PER_S)
        self._listen_phase_ns = self._rng.randrange(interval_ns) if interval_ns else 0
        self.radio.power_on()
        self._after(NS_PER_HOUR - self._kernel.now_ns % NS_PER_HOUR, self._hour_mark)
        self._after(self._next_upload_ns() - self._kernel.now_ns, self._upload_time)
        for meter in self.meters.values():
            meter.offer()
        if self.flash.installed and self.plan.auto_start:
            self.start_installation()

    def _forget(self) -> None:
        """What darkness does to RAM."""
        self.confirmed = self._installing = self._recovering = self._was_operational = False
        self._in_flight, self._retry = None, None
        self._awake_until_ns = 0

    def press_key(self, duration_s: float) -> None:
        """Short press: start installation at its release. From 10 s on: erase keys and registration first."""
        if self.powered:
            held_ns = round(min(duration_s, LONG_PRESS_S) * NS_PER_S)
            self._after(held_ns, self.reinstall if duration_s >= LONG_PRESS_S else self.start_installation)

    def start_installation(self) -> None:
        """Join the mesh; nothing happens when it is joining or joined."""
        if not self.powered or self._installing or self.radio.join_state is not JoinState.DISCONNECTED:
            return
        self._installing = True
        idle_s = max((fault.registers_after_s() for fault in self._faults), default=0.0)
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
        lamp = self.indicator
        if lamp != self._lamp:
            self._lamp = lamp
            for listener in self._lamp_listeners:
                listener(lamp)

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
        kept = {s: a for s, a in self.flash.alarms.items() if self._keeps(a, False)}
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
        match message:
            case Confirm(seq) if isinstance(self._in_flight, Hello) and self._in_flight.seq == seq:
                self._confirmed()
            case Ack(seq):
                self._acknowledged(seq)
            case ReadRequest(seq, meter) if meter in self.meters:
                now_ns = self._kernel.now_ns
                self._send(ReadAnswer(seq, meter, self.meters[meter].index(), now_ns))
            case HistoryRequest(seq, meter, from_ns, to_ns) if meter in self.meters:
                self._answer_history(seq, meter, self.flash.rings[meter].between(from_ns, to_ns))
            case _:
                pass  # an answer to something that is settled already

    def _confirmed(self) -> None:
        self._drop_in_flight()
        self.confirmed, self._installing = True, False
        self.flash.installed = True
        self._recovering = bool(self.flash.undelivered(self._due_ns()))
        if self.flash.pending is not None:
            self.flash.pending.recovery = True
        self._show()
        self._work()

    def _answer_history(self, seq: int, meter: str, values: list[Value]) -> None:
        cuts = range(0, max(1, len(values)), PART_VALUES)
        for part, cut in enumerate(cuts, start=1):
            self._send(HistoryAnswer(seq, meter, part, len(cuts), tuple(values[cut : cut + PART_VALUES])))

    # Hour marks and uploads

    def _hour_mark(self) -> None:
        now_ns = self._kernel.now_ns
        self._after(NS_PER_HOUR, self._hour_mark)
        if not self.flash.installed or self.plan.type is not StoreType.STORE:
            return
        for name, meter in self.meters.items():
            before = self.flash.rings[name].get(now_ns - NS_PER_HOUR)
            value = Value(name, now_ns, meter.index())
            for fault in self._faults:
                value = fault.mark_value(value, before.index if before else None, self.operational)
            kept = [fault.keep_mark(value, self.operational) for fault in self._faults]  # each one is asked
            if all(kept):
                self.flash.store(value)

    def _due_ns(self) -> int:
        """The newest 24:00 mark whose upload time has come."""
        return jst_midnight(self._kernel.now_ns - self.plan.upload_offset_s * NS_PER_S)

    def _next_upload_ns(self) -> int:
        return self._due_ns() + NS_PER_DAY + self.plan.upload_offset_s * NS_PER_S

    def _upload_time(self) -> None:
        self._after(NS_PER_DAY, self._upload_time)
        self._work()

    def _next_upload(self) -> PendingUpload | None:
        """The message that is due: one again if it was never acknowledged, else the oldest day's values."""
        pending = self.flash.pending
        if pending is not None and self.flash.read(pending.keys):
            return pending
        self.flash.pending = None
        values = self.flash.undelivered(self._kernel.now_ns if self._recovering else self._due_ns())
        if not values:
            self._recovering = False
            return None
        _, day = next(groupby(values, key=lambda v: jst_day_of_mark(v.mark_ns)))
        chosen = tuple(sorted(tuple(day)[:VALUES_A_MESSAGE], key=lambda v: (v.meter, v.mark_ns)))
        for fault in self._faults:
            chosen = fault.values_to_upload(self._recovering, chosen)
        keys = [(v.meter, v.mark_ns) for v in chosen]
        self.flash.pending = PendingUpload(self.flash.next_seq(), self._recovering, keys)
        return self.flash.pending

    # Alarms

    def _keeps(self, alarm: Alarm, operational: bool) -> bool:
        kept = [fault.keep_alarm(alarm, operational) for fault in self._faults]  # each one is asked
        return all(kept)

    def _take_alarm(self, meter: str, code: str, occurred_ns: int) -> bool:
        if not self.powered:
            return False
        alarm = Alarm(self.flash.next_seq(), meter, code, occurred_ns)
        if self._keeps(alarm, self.operational):
            self.flash.alarms[alarm.seq] = alarm
            if isinstance(self._in_flight, PendingUpload):
                self._drop_in_flight()  # an alarm does not wait behind an upload's back-off
            self._work()
        return True

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
            self._send(Upload(message.seq, message.recovery, self.flash.read(message.keys)))
        else:
            self._send(message)
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

    def _send(self, message: Message) -> None:
        if self.radio.send(encode(message)):
            self._awake_until_ns = self._kernel.now_ns + AWAKE_AFTER_SENDING_NS

    def _after(self, delay_ns: int, fn: Callable[[], None]) -> Call:
        """A call that a power cut cancels."""
        boot = self._boot

        def run() -> None:
            if self._boot == boot:
                fn()

        return self._kernel.after(delay_ns, run)
