"""``control.function`` and ``control.success``: the four events of a command, each missing or wrong in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.judge.statistics import lower_bound, upper_bound
from bench.measurands.judged.utility.control import control_function, control_success
from bench.records import NS_PER_S, Json, Measurement
from tests.measurands.judged.utility.chain import link, mdms, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run

BEGIN = MIDNIGHT_NS
SHUT = BEGIN + MINUTE_NS
OPEN = BEGIN + 10 * MINUTE_NS
LEAK = BEGIN + 20 * MINUTE_NS
END = BEGIN + 40 * MINUTE_NS
Moves = tuple[tuple[float, str], ...]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(BEGIN, "control")
    link(run, BEGIN, "open")
    for meter in ("t1.gas", "t1.water"):
        run.see(BEGIN, f"meter.{meter}", meter, "meter.valve", state="open")
    return run


def command(
    run: Run,
    at_ns: int,
    what: str,
    *,
    expected: str = "",
    accepted: bool = True,
    forwarded: bool = True,
    answer: tuple[float, str] | None = (6.0, ""),
    moves: Moves = ((5.0, "shut"),),
    meter: str = "t1.gas",
    answered_for: str = "t1.gas",
    at_ns_told: int | None = None,
) -> None:
    """A command and what became of it; ``answer`` and ``moves`` in seconds after it."""
    run.requests += 1
    request = f"r{run.requests}" if accepted else None
    if accepted:
        run.see(at_ns, "mdms.gas", "gas", "mdms.accepted", request=request, op="control", meter="t1.gas")
    told: dict[str, Json] = {"meter": "t1.gas", "command": what, "expected": expected or what, "request": request}
    run.mark(at_ns, "control", "command", terminal="t1", n=1, until_ns=at_ns + 9 * MINUTE_NS, **told)
    if forwarded and accepted:
        run.server(at_ns, "request.sent", request=request, op="control", meter="t1.gas")
    for after_s, state in moves:
        run.see(at_ns + round(after_s * NS_PER_S), f"meter.{meter}", meter, "meter.valve", state=state)
    if answer is not None and accepted:
        said = answer[1] or expected or what
        data: dict[str, Any] = {"request": request, "op": "control", "meter": answered_for, "state": said}
        data |= {} if at_ns_told is None else {"at_ns": at_ns_told}
        mdms(run, at_ns + round(answer[0] * NS_PER_S), "t1.gas", "answer", final=True, **data)


REOPENED: Moves = ((5.0, "checking"), (185.0, "open"))


def controlled(run: Run) -> Measurement:
    run.end(END, "control")
    (one,) = control_function([run.evidence().episode("control")], setup(), "count")
    return one


def why(run: Run) -> str:
    found = controlled(run)
    assert found.value == 1.0
    return str(found.detail["uncontrolled"][0]["why"])  # type: ignore[index, call-overload]


def test_a_shut_off_a_reopening_and_a_leak(run: Run) -> None:
    command(run, SHUT, "shut")
    command(run, OPEN, "open", answer=(186.0, ""), moves=REOPENED)
    command(run, LEAK, "open", expected="leak", answer=(186.0, ""), moves=((5.0, "checking"), (185.0, "shut")))
    found = controlled(run)
    assert (found.value, found.conditions["n"], found.conditions["slowest_answer_s"]) == (0.0, 3, 186.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"accepted": False, "moves": ()}, "not accepted by the server"),
        ({"forwarded": False}, "not forwarded to the terminal"),
        ({"answer": None}, "no final answer came to the MDMS"),
        ({"answer": (6.0, "open")}, "answered open for t1.gas, expected shut"),
        ({"answered_for": "t1.water"}, "answered shut for t1.water, expected shut"),
        ({"moves": ()}, "the valve is not shut"),
        ({"answer": (3.0, "")}, "answered before the valve was shut"),
        ({"moves": ((5.0, "shut"), (60.0, "open"))}, "the valve is not shut"),
    ],
)
def test_a_shut_off_that_is_wrong(wrong: dict[str, object], said: str, run: Run) -> None:
    command(run, SHUT, "shut", **wrong)  # type: ignore[arg-type]
    assert why(run) == said


@pytest.mark.parametrize(
    ("at_s", "said"),
    [
        (-60.0, ""),
        (66.0, ""),
        (-61.0, "says that it was carried out 61 s before it was asked for"),
        (7206.0, "says that it was carried out 7200 s after it came"),
        (-60.000_000_001, "says that it was carried out 60 s before it was asked for"),
        (66.000_000_001, "says that it was carried out 60 s after it came"),
    ],
)
def test_an_answer_says_when_it_was_done(run: Run, at_s: float, said: str) -> None:
    command(run, SHUT, "shut", at_ns_told=SHUT + round(at_s * NS_PER_S))
    if said:
        assert why(run) == said
    else:
        assert controlled(run).value == 0.0


@pytest.mark.parametrize(
    ("answer_s", "moves", "said"),
    [
        (6.0, REOPENED, "answered before the valve was open"),
        (16.0, ((5.0, "checking"), (15.0, "open")), "the leak check took 10 s only"),
        (6.0, ((5.0, "open"),), "no leak check"),
        (186.0, ((5.0, "checking"), (185.0, "shut")), "the valve is not open"),
    ],
)
def test_a_reopening_that_is_wrong(answer_s: float, moves: Moves, said: str, run: Run) -> None:
    command(run, OPEN, "open", answer=(answer_s, ""), moves=moves)
    assert why(run) == said


def test_a_valve_that_opens_onto_a_leak_is_wrong_even_where_it_shuts_again(run: Run) -> None:
    moves: Moves = ((5.0, "checking"), (185.0, "open"), (186.0, "shut"))
    command(run, LEAK, "open", expected="leak", answer=(190.0, ""), moves=moves)
    assert why(run) == "the valve opened onto a leak"


def test_another_valve_that_moves_is_wrong(run: Run) -> None:
    command(run, SHUT, "shut")
    run.see(SHUT + 7 * NS_PER_S, "meter.t1.water", "t1.water", "meter.valve", state="shut")
    assert why(run) == "the valve of t1.water moved"


def test_a_position_that_is_read_again_is_no_move(run: Run) -> None:
    command(run, SHUT, "shut")
    run.see(SHUT + 7 * NS_PER_S, "meter.t1.water", "t1.water", "meter.valve", state="open")
    assert controlled(run).value == 0.0


def test_a_valve_that_tells_again_that_it_is_shut_was_shut_before(run: Run) -> None:
    """Its port came back and said so, after the answer."""
    command(run, SHUT, "shut", moves=((5.0, "shut"), (60.0, "shut")))
    assert controlled(run).value == 0.0


@pytest.mark.parametrize(
    ("asked_s", "said"), [(-70.0, ""), (0.0, "says that it was carried out 65 s before it was asked for")]
)
def test_what_the_server_accepted_late_may_be_done_by_then(asked_s: float, said: str, run: Run) -> None:
    """It was asked for when the bench meant to ask, and not when it heard that the server accepts it."""
    ask(run, OPEN + round(asked_s * NS_PER_S), "t1.gas", "shut")
    command(run, OPEN, "shut", at_ns_told=OPEN - 65 * NS_PER_S)
    found = controlled(run)
    assert [one["why"] for one in found.detail["uncontrolled"]] == ([said] if said else [])  # type: ignore[union-attr, index, call-overload]


def ask(run: Run, at_ns: int, meter: str, what: str) -> None:
    """The bench's intent to ask for a command, or for what puts a valve right between commands."""
    run.bench(at_ns, "intent.ask", meter.split(".")[1], op="control", meter=meter, command=what)


def moved(run: Run, at_ns: int, meter: str, state: str) -> None:
    run.see(at_ns, f"meter.{meter}", meter, "meter.valve", state=state)


def test_a_valve_that_the_bench_opens_again_behind_a_command_is_no_fault_of_it(run: Run) -> None:
    """One that a cut-off attempt left shut, put right before its own first command."""
    moved(run, BEGIN, "t3.gas", "shut")
    ask(run, SHUT - 1, "t1.gas", "shut")
    command(run, SHUT, "shut")
    ask(run, SHUT + 30 * NS_PER_S, "t3.gas", "open")
    moved(run, SHUT + 40 * NS_PER_S, "t3.gas", "checking")
    assert controlled(run).value == 0.0


@pytest.mark.parametrize("valve", ["t1.gas", "t3.gas"])
@pytest.mark.parametrize("blind", [True, False])
def test_what_a_killed_bench_had_asked_for_may_still_come_and_blames_nobody(valve: str, blind: bool, run: Run) -> None:
    """A request of an attempt that is void: its valve moves in a later one, in the middle of another command."""
    moved(run, BEGIN, "t3.gas", "open")
    ask(run, BEGIN + 1, valve, "open")
    if blind:
        run.resumed(BEGIN + 1, BEGIN + NS_PER_S, "too late")
    run.bench(BEGIN + 2 * NS_PER_S, "episode.void", "control", name="control")
    run.begin(BEGIN + 2 * NS_PER_S, "control")
    for n in range(6):
        ask(run, SHUT + n * MINUTE_NS - 1, "t1.gas", "shut")
        moves: Moves = ((5.0, "shut"), (7.0, "open")) if n == 0 and valve == "t1.gas" else ((5.0, "shut"),)
        command(run, SHUT + n * MINUTE_NS, "shut", moves=moves)
    if valve != "t1.gas":
        moved(run, SHUT + 7 * NS_PER_S, valve, "shut")
    found = controlled(run)
    assert (found.value, found.conditions["n"]) == ((0.0, 5) if blind else (1.0, 6))


@pytest.mark.parametrize(("name", "gated"), [("function", False), ("success", True)])
def test_a_wrong_command_stays_wrong_where_a_blind_bench_leaves_too_few_for_a_rate(
    name: str, gated: bool, run: Run
) -> None:
    command(run, SHUT, "shut", answer=None)
    command(run, SHUT + 18 * MINUTE_NS, "shut")
    for n in range(21, 24):
        command(run, SHUT + n * MINUTE_NS, "shut", answer=None)
    run.blind(SHUT + 21 * MINUTE_NS, SHUT + 24 * MINUTE_NS)
    run.end(END, "control")
    measurand = control_function if name == "function" else control_success
    (found,) = measurand([run.evidence().episode("control")], setup(), "count" if name == "function" else "minimum")
    assert bool(found.gate) is gated, found.gate


def test_no_command_is_a_gate(run: Run) -> None:
    assert controlled(run).gate == "no command was given"


@pytest.mark.parametrize("statistic", ["maximum", "minimum"])
def test_the_success_rate_is_an_exact_bound(statistic: str, run: Run) -> None:
    for n in range(7):
        command(run, SHUT + n * MINUTE_NS, "shut", answer=None if n == 3 else (6.0, ""))
    run.end(END, "control")
    (found,) = control_success([run.evidence().episode("control")], setup(), statistic)
    bound = upper_bound if statistic == "maximum" else lower_bound
    assert found.value == bound(6, 7)
    assert (found.conditions["rate"], found.conditions["n"]) == (6 / 7, 7)


@pytest.mark.parametrize(
    ("u_ns", "opened_s", "right"),
    [(0, 120.0, True), (0, 119.999, False), (NS_PER_S, 116.54, True), (NS_PER_S, 116.53, False)],
)
def test_a_leak_check_takes_two_minutes_as_far_as_stamps_tell(
    u_ns: int, opened_s: float, right: bool, run: Run
) -> None:
    """Each stamp of a bench that stood still may be 1.73 s off."""
    opened = OPEN + round(opened_s * NS_PER_S)
    run.see(OPEN - 1, "meter.t1.gas", "t1.gas", "meter.valve", state="shut")
    command(run, OPEN, "open", answer=(200.0, ""), moves=())
    run.see(OPEN, "meter.t1.gas", "t1.gas", "meter.valve", u_ns, state="checking")
    run.see(opened, "meter.t1.gas", "t1.gas", "meter.valve", u_ns, state="open")
    assert controlled(run).value == (0.0 if right else 1.0)


def test_a_valve_that_was_asked_again_after_a_blind_time_is_known(run: Run) -> None:
    """Twice before the command: since the last of them nothing was missed, so what is wrong then stays wrong."""
    ask(run, BEGIN + 1, "t1.gas", "shut")
    run.blind(BEGIN + 2, BEGIN + 3)
    ask(run, BEGIN + 10, "t1.gas", "open")
    ask(run, SHUT - 1, "t1.gas", "shut")
    command(run, SHUT, "shut", moves=())
    assert why(run) == "the valve is not shut"
