"""What the console, meter and panel drivers share: a labgrid driver whose wire the pump reads.

labgrid builds and activates the driver; ``connect`` then opens its wire and takes it into the rig's clock. The driver's
labgrid name is the port's name (``console.t1``), so one name serves environment, barrier, timeline and messages.

**No line is an answer because it comes next.** A device may be late, answer twice, or talk; a wire may echo. So each
command says what its answer looks like (``fits``), other lines are passed over, and where two answers could look alike
the line is first proved to be in step: ``ID`` is asked, whose answer looks like no other, and what was said before that
answer belongs to earlier commands, for a wire keeps order.

**A port that is gone is waited for**, for as long as the rig says (``patience_s``; not at all on a virtual rig). What
is repeated then is declared by command: reading and setting absolutely are harmless, pressing a key is not.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import attr
from labgrid.driver import Driver

from bench import kinds
from bench.drive.clock import Clock
from bench.drive.pump import NoAnswer
from bench.errors import BenchError, KenshinError
from bench.records import Json
from bench.sockets import pause
from devices.wires.opening import open_wire
from devices.wires.wire import LineChannel, Wire

PROVE_S: Final = (1.0, 2.0, 2.0)
"""Real seconds for each try of ``ID``: some boxes are deaf for two seconds after their port was opened."""
LONGEST_GAP_S: Final = 0.4
"""Real seconds between two commands, at most, to a device that has lost one."""
REMEMBERED: Final = 256
"""Lines kept while an answer is awaited."""

Fits = Callable[[list[str]], bool]


@attr.s(eq=False)
class LineDriver(Driver):  # type: ignore[misc]  # labgrid has no types
    """A driver over a line-based wire. ``subject`` is whom its observations are about."""

    bindings = {"wire": {"SerialPort", "NetworkSerialPort", "ConsoleProtocol"}}  # noqa: RUF012 -- labgrid's way
    prompt = b""

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self.wire: Any
        self.subject = ""
        self._clock: Clock | None = None
        self._answers: deque[str] = deque(maxlen=REMEMBERED)
        self._proved = False
        self._gap_s = 0.0

    @property
    def port(self) -> str:
        """The port's name."""
        return str(self.name)

    @property
    def clock(self) -> Clock:
        if self._clock is None:
            raise BenchError(f"{self.port}: not connected to a rig")
        return self._clock

    def connect(self, clock: Clock, subject: str) -> None:
        """Open the wire and take it into the rig. Raises ``BenchError`` when the port cannot be opened."""
        self._clock, self.subject, self._proved = clock, subject, False
        wire = open_wire(self.port, self.wire)
        clock.attach(
            LineChannel(self.port, wire, self.on_line, self.prompt, self.on_prompt, self.on_noise, self._on_found)
        )

    def disconnect(self) -> None:
        """Close the wire; the port leaves the barrier."""
        if self._clock is not None:
            self._clock.detach(self.port)
        self._clock = None

    def on_deactivate(self) -> None:
        """labgrid deactivates the driver: let go of the port; that it is dead already is no news then."""
        with contextlib.suppress(KenshinError):
            self.disconnect()

    def on_line(self, text: str) -> None:
        """A whole line from the device; by default the answer to the last command."""
        self._answers.append(text)

    def on_prompt(self) -> None:
        """The device is ready for the next command (where there is a prompt)."""

    def on_noise(self, octets: int) -> None:
        """So many octets came without a line end, and were dropped."""
        self.clock.pump.publish("bench", self.port, kinds.BENCH_NOISE, {"port": self.port, "octets": octets})

    def on_found(self, wire: Wire) -> None:
        """The port is there again after it was gone."""

    def publish(self, kind: str, data: dict[str, Json]) -> None:
        """One observation of this port about its subject."""
        self.clock.pump.publish(self.port, self.subject, kind, data)

    def send(self, text: str) -> None:
        """Send one command line. Raises ``BenchError`` when the port is gone."""
        pump = self.clock.pump
        if not pump.is_open(self.port):
            raise BenchError(f"{self.port}: the port is gone (sending {text!r})")
        pump.exchange(self.port)
        channel = pump.channels[self.port]
        assert isinstance(channel, LineChannel)
        try:
            channel.write(text.encode() + b"\n")
        except BenchError:
            pump.lose(self.port, "closed by the device")
            raise

    def wait_for_port(self) -> None:
        """Let time pass until a port that is gone is back, or the rig's patience is over."""
        for _moment in self.clock.moments(self.port) if not self.clock.pump.is_open(self.port) else ():
            if self.clock.pump.is_open(self.port):
                return

    def ask(self, text: str, fits: Fits, harmless: bool = False, tied: bool = False) -> list[str]:
        """Send one command and return the words of its one-line answer, the first line whose words ``fits``.

        ``harmless``: it may be repeated. ``tied``: no other command's answer fits, so a line that is in step needs no
        new proof. Raises ``BenchError`` when the device refuses (``ERR reason``), answers oddly, does not answer, or
        may have done what cannot be repeated.
        """
        answer = self._ask_once(text, fits, harmless, tied)
        if isinstance(answer, list):
            return answer
        for _moment in self.clock.moments(self.port):
            if not self.clock.pump.is_open(self.port):
                continue
            again = self._ask_once(text, fits, harmless, tied)
            if isinstance(again, list):
                return again
            answer = again
        raise answer

    def _ask_once(self, text: str, fits: Fits, harmless: bool, tied: bool) -> list[str] | BenchError:
        """The answer, or what went wrong where another try is harmless."""
        try:
            if not (self._proved and tied and harmless):
                self._prove()
        except BenchError as error:
            return self._failed(error)
        try:
            return self._exchange(text, fits)
        except (NoAnswer, _Gone) as error:
            failed = self._failed(error)
            if not harmless:
                raise failed from None
            return failed

    def _failed(self, error: BenchError) -> BenchError:
        """Nothing is known of the line any more; where a port may come back, this one is opened anew."""
        self._proved = False
        if isinstance(error, NoAnswer) and self.clock.patience_s:
            self.widen_gap()
            self.clock.pump.lose(self.port, "does not answer")
        return error

    def widen_gap(self) -> None:
        """A command was lost: some lose what comes too soon after another, so the next ones give it more time."""
        self._gap_s = min(LONGEST_GAP_S, max(0.1, 2 * self._gap_s))

    def keep_gap(self) -> None:
        """Before a command: the time that the device has been found to need, in real seconds."""
        pause(self._gap_s)

    def _prove(self) -> None:
        """Bring the line in step: what comes after the answer to ``ID`` answers what is asked after it."""
        self._proved = False
        for within_s in PROVE_S:
            try:
                self._exchange("ID", lambda words: words[:1] == ["ID"] and len(words) > 1, within_s)
            except NoAnswer as error:
                silent = error
            else:
                self._proved = True
                return
        raise silent

    def _exchange(self, text: str, fits: Fits, within_s: float | None = None) -> list[str]:
        self._answers.clear()
        self.keep_gap()
        try:
            self.send(text)
            found: list[list[str]] = []
            odd: list[str] = []

            def answered() -> bool:
                while self._answers and not found:
                    line = self._answers.popleft()
                    words = line.split()
                    if words[:1] == ["ERR"] or fits(words):
                        found.append(words)
                    elif line != text:  # an echo is no odd answer
                        odd.append(line[:100])
                return bool(found)

            self.clock.pump.until(self.port, answered, f"answer to {text!r}", within_s)
        except NoAnswer:
            if odd:
                raise _OddAnswer(f"{self.port}: odd answer to {text!r}: {odd[-1]!r}") from None
            raise
        except BenchError as error:
            if self.clock.pump.is_open(self.port):
                raise
            raise _Gone(str(error)) from None
        if found[0][0] == "ERR":
            self._proved = False
            raise BenchError(f"{self.port}: refused {text!r}: {' '.join(found[0][1:])}")
        return found[0]

    def _on_found(self, wire: Wire) -> None:
        self._proved = False
        self.on_found(wire)


class _OddAnswer(NoAnswer):
    """Lines came, and none of them answers the command."""


class _Gone(BenchError):
    """The port ended in the middle of an exchange."""
