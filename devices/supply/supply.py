"""A supply over SCPI: set, read back, and say what was read back. Needs no labgrid, so the watchdog uses it as it is.

Nothing is clipped and nothing is believed: a value outside the instrument's limits is refused before it is sent, each
set is read back, the error queue is emptied after each command, and a read-back that differs in the end is a bench
error. What a real instrument does on the way (closes idle sessions, swallows a command, shows a set value late, keeps
somebody else's errors) is no error: see :class:`Supply`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Protocol, TypeVar

import attrs

from bench.errors import BenchError, InputError
from bench.sockets import Deadline, pause
from devices.supply.dialect import DIALECTS, Dialect, Limits
from devices.wires.session import Fits, ScpiSession, SessionLost

T = TypeVar("T")

SETTLE_S: Final = 2.0
"""Real seconds in which a read-back must come to show what was set."""
ASK_TIMES: Final = 3
READ_AGAIN_S: Final = 0.05
PAUSES_S: Final = (0.0, 0.15, 0.5)
"""Before each try of a set: an instrument that wants a gap between commands swallows one that comes too soon."""
PROOF_PAUSES_S: Final = (0.0, 0.0, 0.15, 0.5)
"""Before each try to have a state told behind a proof."""
LONGEST_QUEUE: Final = 40
"""Entries of an error queue that are read after one command; instruments keep 20 or so."""
_ON: Final = {"ON": True, "1": True, "+1": True, "OFF": False, "0": False, "+0": False}


@attrs.frozen(slots=True)
class Output:
    """One channel as the instrument itself reports it: state, set values (V, A) and measured values (V, A)."""

    channel: int
    on: bool
    volts: float | None
    """None where it sets none: a switch."""
    amps: float | None
    measured_volts: float | None
    """None where the instrument did not tell."""
    measured_amps: float | None


class SupplyProtocol(ABC):
    """A programmable supply or AC source with channels from 1; volts and amperes (rms on an AC source)."""

    @abstractmethod
    def set_volts(self, channel: int, volts: float) -> float:
        """Set the voltage, return the read-back. ``InputError`` outside the limits."""

    @abstractmethod
    def set_amps(self, channel: int, amps: float) -> float:
        """Set the current limit, return the read-back. ``InputError`` outside the limits."""

    @abstractmethod
    def switch(self, channel: int, on: bool) -> bool:
        """Switch the output, return the read-back."""

    @abstractmethod
    def output(self, channel: int) -> Output:
        """What the channel reports now."""


class Safe(StrEnum):
    """What is safe for a channel: a terminal's feed is held (a dark terminal loses hours), the rest goes off."""

    HOLD = "hold"
    OFF = "off"


class Bare(Protocol):
    """An instrument without clock, labgrid and record: for the way out, when none of them can be relied on."""

    @property
    def name(self) -> str: ...
    def act_off(self, channel: int) -> None: ...
    def set_volts(self, channel: int, volts: float) -> float: ...
    def set_amps(self, channel: int, amps: float) -> float: ...
    def switch(self, channel: int, on: bool) -> bool: ...
    def state(self, channel: int) -> bool: ...
    def output(self, channel: int) -> Output: ...
    def proven_state(self, channel: int) -> bool: ...
    def close(self) -> None: ...


def make_safe(supply: Bare, channel: int, safe: Safe, volts: float, amps: float) -> Output:
    """Bring one channel into its safe state, whatever state the session is in, and return what it then reports.

    ``hold`` is on at ``volts`` with the current limited to ``amps``; ``off`` touches nothing but the switch, and its
    command goes out before anything is asked. ``BenchError`` where the instrument does not confirm the state: the
    session is closed then, and another try begins anew.
    """
    try:
        if safe is Safe.OFF:
            supply.act_off(channel)
        else:
            supply.set_amps(channel, amps)
            supply.set_volts(channel, volts)
        supply.switch(channel, safe is Safe.HOLD)
        on = supply.proven_state(channel)
        if on is not (safe is Safe.HOLD):
            raise BenchError(f"{supply.name} channel {channel}: is {_word(on)} again")
    except BaseException:
        supply.close()
        raise
    try:
        return supply.output(channel)
    except BenchError:  # it is safe; that it cannot be measured is another matter
        return Output(channel, on, volts, amps, None, None)


class Supply(SupplyProtocol):
    """One instrument behind a transport, in the words of its dialect.

    Sets are absolute, so each may be repeated: after a lost session, a command that the instrument swallowed, or an
    error that an earlier one had left in its queue. What counts is the read-back, given the time to settle.
    """

    def __init__(self, transport: ScpiSession, dialect: Dialect) -> None:
        self.transport = transport
        self.dialect = dialect
        self._opened = 0

    @property
    def name(self) -> str:
        return self.transport.name

    def open(self) -> str:
        """Connect; raises ``BenchError`` when another make answers than the rig file says."""
        identity = self.transport.open()
        if self.dialect.model not in identity:
            self.transport.close()
            raise BenchError(f"{self.name}: {identity!r} answers; expected a {self.dialect.model}")
        # A queue filled by an earlier user must not be blamed on this one's first command. Every other time is enough,
        # and makes no two tries alike: one that fails at every n-th command would else fail at the same one for ever.
        self._opened += 1
        if self._opened % 2:
            self.transport.write("*CLS")
        return identity

    def close(self) -> None:
        self.transport.close()

    def act_off(self, channel: int) -> None:
        """Send "off" at once, before anything is asked: an instrument that hears but does not answer obeys, too."""
        self._limits(channel)
        self.transport.connect()
        self.transport.write(self.dialect.switch(channel, False))

    def proven_state(self, channel: int) -> bool:
        """Whether the output is on, asked behind a proof: out of step, it would be another question's answer.

        A session that gets lost on the way is begun anew; whatever it begins with is that proof."""
        failure: SessionLost | None = None
        for pause_s in PROOF_PAUSES_S:
            pause(pause_s)
            try:
                if self.transport.is_open:
                    self._check_identity()
                self.ready()
                return self._state(channel, self.transport.query)
            except SessionLost as error:
                failure = error
        assert failure is not None
        raise failure

    def _check_identity(self) -> None:
        """Prove that answers belong to their questions: this one can have but one answer. ``SessionLost`` if not."""
        answer = self.transport.query("*IDN?", lambda said: self.dialect.model in said)
        if self.dialect.model not in answer:
            self.transport.close()
            raise SessionLost(f"{self.name}: out of step: {answer!r} answers '*IDN?'")

    def set_volts(self, channel: int, volts: float) -> float:
        self._within(channel, "V", volts, self._limits(channel).volts)
        command, query = self.dialect.set_volts(channel, volts), self.dialect.ask_volts(channel)
        return self._set_number(channel, "V", volts, command, query)

    def set_amps(self, channel: int, amps: float) -> float:
        self._within(channel, "A", amps, self._limits(channel).amps)
        command, query = self.dialect.set_amps(channel, amps), self.dialect.ask_amps(channel)
        return self._set_number(channel, "A", amps, command, query)

    def switch(self, channel: int, on: bool) -> bool:
        self._limits(channel)

        def differs(got: bool) -> str:
            return f"{self.name} channel {channel}: switched {_word(on)}, reads back {_word(got)}"

        command = self.dialect.switch(channel, on)
        return self._obeyed(command, lambda: self.state(channel), lambda got: got is on, differs)

    def output(self, channel: int) -> Output:
        self._limits(channel)

        return Output(
            channel,
            self.state(channel),
            self._number(self.dialect.ask_volts(channel)),
            self._number(self.dialect.ask_amps(channel)),
            self._number(self.dialect.measure_volts(channel)),
            self._number(self.dialect.measure_amps(channel)),
        )

    # -- how a set and a read survive an instrument's habits ------------------------------------------------------

    def _set_number(self, channel: int, unit: str, wanted: float, command: str, query: str) -> float:
        def differs(got: float) -> str:
            return f"{self.name} channel {channel}: set {wanted:g} {unit}, reads back {got:g} {unit}"

        def fits(got: float) -> bool:
            return abs(got - wanted) <= self.dialect.resolution

        return self._obeyed(command, lambda: self._number(query), fits, differs)

    def _obeyed(self, command: str, read: Callable[[], T], fits: Callable[[T], bool], differs: Callable[[T], str]) -> T:
        """Send, and read back until it fits; again where it does not. The instrument's state counts, not its queue."""
        failure: BenchError | None = None
        for pause_s in PAUSES_S:
            pause(pause_s)
            refusal = ""
            self.ready()  # an instrument that does not even say who it is will not do this either
            try:
                refusal = self._command(command)
                got = self._settled(read, fits, 0.0 if refusal else SETTLE_S)
            except SessionLost as error:  # the next command connects again
                failure = self._refused(command, refusal) if refusal else error
                continue
            if fits(got):
                return got
            failure = self._refused(command, refusal) if refusal else BenchError(differs(got))
        assert failure is not None
        raise failure

    def _refused(self, command: str, refusal: str) -> BenchError:
        return BenchError(f"{self.name}: refused {command!r}: {refusal}")

    @staticmethod
    def _settled(read: Callable[[], T], fits: Callable[[T], bool], within_s: float) -> T:
        """The read-back, asked again while it does not fit: some show a set value 50 to 100 ms later."""
        deadline = Deadline(within_s)
        got = read()
        while not fits(got) and not deadline.over:
            pause(min(READ_AGAIN_S, deadline.left_s))
            got = read()
        return got

    def _command(self, command: str) -> str:
        """Send one command and empty the error queue; what stood in it, empty where nothing did."""
        self.transport.write(command)
        first = ""
        for _ in range(LONGEST_QUEUE):
            error = self._ask(":SYST:ERR?", _is_error)
            if int(self._float(error.split(",")[0], ":SYST:ERR?")) == 0:
                break
            first = first or error
        return first

    def ready(self) -> str:
        """A session with the right instrument, where there is none: after a loss another one may answer there. What it
        said that it is."""
        if self.transport.is_open:
            return self.transport.identity
        try:
            return self.open()
        except SessionLost:  # one question may get lost by itself
            return self.open()

    def _ask(self, command: str, fits: Fits) -> str:
        """The answer to a question, which is harmless: asked again in a new session where the old one was lost."""
        failure: SessionLost | None = None
        for _ in range(ASK_TIMES):
            self.ready()
            try:
                return self.transport.query(command, fits)
            except SessionLost as error:
                failure = error
        assert failure is not None
        raise failure

    def _limits(self, channel: int) -> Limits:
        if not 1 <= channel <= len(self.dialect.channels):
            raise InputError(f"{self.name}: no channel {channel}; expected 1 to {len(self.dialect.channels)}")
        return self.dialect.channels[channel - 1]

    def _within(self, channel: int, unit: str, value: float, limit: float) -> None:
        if not 0.0 <= value <= limit:
            raise InputError(f"{self.name} channel {channel}: {value:g} {unit}; expected 0 to {limit:g} {unit}")

    def state(self, channel: int) -> bool:
        """Whether the output is on, by the instrument's own answer."""
        return self._state(channel, self._ask)

    def _state(self, channel: int, ask: Callable[[str, Fits], str]) -> bool:
        command = self.dialect.ask_switch(channel)
        answer = ask(command, lambda said: said.upper() in _ON).upper()
        if answer not in _ON:
            raise self._odd(answer, command)
        return _ON[answer]

    def _number(self, command: str) -> float:
        return self._float(self._ask(command, _is_number), command)

    def _float(self, answer: str, command: str) -> float:
        try:
            value = float(answer)
        except ValueError:
            raise self._odd(answer, command) from None
        if not math.isfinite(value):
            raise self._odd(answer, command)
        return value

    def _odd(self, answer: str, command: str) -> SessionLost:
        """An answer that is none to this question: the session is out of step and ends."""
        self.transport.close()
        return SessionLost(f"{self.name}: odd answer to {command!r}: {answer[:100]!r}")


def _is_number(said: str) -> bool:
    try:
        float(said)
    except ValueError:
        return False
    return True


def _is_error(said: str) -> bool:
    """A row of an error queue: ``0,"No error"``."""
    return _is_number(said.partition(",")[0])


def _word(on: bool) -> str:
    return "on" if on else "off"


def dialect_named(model: str) -> Dialect:
    """The dialect of a rig file's ``model``; ``InputError`` names those that there are."""
    try:
        return DIALECTS[model]
    except KeyError:
        raise InputError(f"no supply model {model!r}; expected one of {', '.join(sorted(DIALECTS))}") from None
