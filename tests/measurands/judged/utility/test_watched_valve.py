"""Commands to a valve that no wire tells of: a person watches it, and says what it shows whenever that changes; before
and after each command somebody looks. Whose move nobody saw blames no terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import kinds
from bench.measurands.judged.utility.control import control_function
from bench.records import NS_PER_S, Measurement
from tests.measurands.judged.utility.chain import link, mdms, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run

BEGIN = MIDNIGHT_NS
EVERY_NS = 10 * MINUTE_NS
METER = "t1.gas"


class Watched:
    """A run whose commands follow each other; what the valve shows is told by a person alone."""

    def __init__(self, run: Run) -> None:
        self.run, self.t_ns = run, BEGIN
        run.begin(BEGIN, "control")
        link(run, BEGIN, "open")

    def looked(self, state: str) -> None:
        """Somebody looked at the valve."""
        self.run.see(self.t_ns, "operator.people", METER, kinds.METER_VALVE, state=state, looked=True)

    def command(self, what: str, saw: str | None, answered: str = "") -> int:
        """Given, answered 6 s later with what was asked for or otherwise; whoever watched ``saw`` the valve move. When
        it was given."""
        self.t_ns += EVERY_NS
        self.run.requests += 1
        request = f"r{self.run.requests}"
        self.run.see(self.t_ns, "mdms.gas", "gas", kinds.MDMS_ACCEPTED, request=request, op="control", meter=METER)
        told = {"meter": METER, "command": what, "expected": what, "request": request}
        self.run.mark(self.t_ns, "control", "command", terminal="t1", n=1, **told)
        self.run.server(self.t_ns, "request.sent", request=request, op="control", meter=METER)
        if saw is not None:
            self.run.see(self.t_ns + 5 * NS_PER_S, "operator.people", METER, kinds.METER_VALVE, state=saw)
        self.t_ns += 6 * NS_PER_S
        said = {"request": request, "op": "control", "meter": METER, "state": answered or what}
        mdms(self.run, self.t_ns, METER, "answer", final=True, **said)
        return self.t_ns - 6 * NS_PER_S

    def measured(self) -> Measurement:
        self.run.end(self.t_ns + EVERY_NS, "control")
        (found,) = control_function([self.run.evidence().episode("control")], setup(), "count")
        return found


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(Run(tmp_path))


def test_a_move_that_nobody_saw_is_no_fault_of_the_terminal(watched: Watched) -> None:
    """The answer says shut, and so does the valve when somebody looks at it; between them nobody paid attention."""
    watched.looked("open")
    watched.command("shut", saw=None)
    watched.looked("shut")
    found = watched.measured()
    assert found.gate == "0 commands only, at least 1 are needed (nobody saw the valve of t1.gas move)"
    assert not found.bench_error


def test_a_valve_that_never_moved_is_the_terminals_fault(watched: Watched) -> None:
    watched.looked("open")
    watched.command("shut", saw=None)
    watched.looked("open")
    assert _why(watched) == ["the valve is not shut"]


def test_what_was_seen_to_move_and_is_found_so_is_judged(watched: Watched) -> None:
    watched.looked("open")
    watched.command("shut", saw="shut", answered="open")
    watched.looked("shut")
    assert _why(watched) == ["answered open for t1.gas, expected shut"]


def test_a_change_before_the_command_is_no_change_of_it(watched: Watched) -> None:
    """It was open when the day began, and somebody shut it: what stands before the command is what is seen last."""
    watched.looked("open")
    watched.looked("shut")
    watched.command("shut", saw=None, answered="open")
    watched.looked("shut")
    assert _why(watched) == ["answered open for t1.gas, expected shut"]


def test_what_nobody_saw_behind_a_later_command_excuses_no_earlier_one(watched: Watched) -> None:
    """The second shut the valve, and whoever watched was away; the others are wrong."""
    watched.looked("open")
    given = []
    for what, shows in (("shut", "open"), ("shut", "shut"), *3 * [("open", "shut")]):
        given.append(watched.command(what, saw=None))
        watched.looked(shows)
    found = watched.measured()
    assert (found.value, found.conditions["commands_left_out"]) == (4.0, 1)
    judged = [one["at_ns"] for one in found.detail["uncontrolled"]]  # type: ignore[union-attr, index, call-overload]
    assert judged == [given[0], *given[2:]]


def _why(watched: Watched) -> list[object]:
    found = watched.measured()
    assert not found.gate
    return [one["why"] for one in found.detail["uncontrolled"]]  # type: ignore[union-attr, index, call-overload]
