"""``cutoff.holds``: probes before, in the window and after, as a good gate leaves them, and each way to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from bench.measurands.judged.setup import TerminalSetup
from bench.measurands.judged.utility.cutoff import cutoff_holds
from bench.records import NS_PER_S, Measurement
from tests.measurands.judged.utility.chain import LINKS, link, mdms, setup
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, T1, Run

BEGIN = MIDNIGHT_NS
CUT = BEGIN + 5 * MINUTE_NS
RECONNECT = CUT + 15 * MINUTE_NS
END = RECONNECT + 60 * MINUTE_NS
SCOPE = "utility gas"
PHASES = {"before": BEGIN + MINUTE_NS, "window": CUT + MINUTE_NS, "after": RECONNECT + MINUTE_NS}
CODES = {"before": "tamper", "window": "leak1", "after": "reverse"}
UNTIL = {"before": CUT, "window": RECONNECT, "after": END}
Probe = tuple[str, str, str]
"""Phase, meter, ``alarm`` or ``read``."""
RIGHT: frozenset[Probe] = frozenset(
    {(phase, "t1.gas", what) for phase in ("before", "after") for what in ("alarm", "read")}
    | {(phase, "t1.water", what) for phase in PHASES for what in ("alarm", "read")}
)
"""What passes where gas is cut off."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def drive(
    run: Run,
    passed: Collection[Probe] = RIGHT,
    reconnected: bool = True,
    within: Callable[[Run], None] = lambda _run: None,
    cut: Mapping[str, Any] = MappingProxyType({"utility": "gas"}),
) -> None:
    """The episode as it is driven; ``within``: what else comes in the window; ``cut``: what the gate was told."""
    run.begin(BEGIN, "cut-off")
    link(run, BEGIN, "open")
    for phase, at_ns in PHASES.items():
        if phase == "window":
            run.see(CUT, "gate", "gate", "gate.cut_off", **cut)
            run.mark(CUT, "cut-off", "cut off", scope=SCOPE)
            within(run)
        elif phase == "after" and reconnected:
            run.mark(RECONNECT, "cut-off", "reconnect", scope=SCOPE)
            run.see(RECONNECT, "gate", "gate", "gate.reconnected", **cut)
        for n, meter in enumerate(LINKS):
            for what in ("alarm", "read"):
                run.requests += 1
                probe_ns = at_ns + n * 10 * NS_PER_S
                told = {"code": CODES[phase]} if what == "alarm" else {"request": f"r{run.requests}"}
                passes = phase != "window" or meter == "t1.water"
                run.mark(
                    probe_ns,
                    "cut-off",
                    "probe",
                    scope=SCOPE,
                    phase=phase,
                    terminal="t1",
                    meter=meter,
                    what=what,
                    passes=passes,
                    until_ns=UNTIL[phase],
                    **told,
                )
                if (phase, meter, what) in passed:
                    seen_ns = probe_ns + 5 * NS_PER_S
                    if what == "alarm":
                        mdms(run, seen_ns, meter, "alarm", meter=meter, code=CODES[phase], occurred_ns=probe_ns)
                    else:
                        mdms(run, seen_ns, meter, "answer", meter=meter, op="read", index=1, **told)
    run.end(END, "cut-off")


def held(run: Run) -> Measurement:
    (one,) = cutoff_holds([run.evidence().episode("cut-off")], setup(), "count")
    return one


def test_a_gate_that_holds_and_lets_go(run: Run) -> None:
    drive(run)
    found = held(run)
    assert found.value == 0.0
    told = {key: found.conditions[key] for key in ("window_s", "held", "neighbours_passed", "controls_passed")}
    assert told == {"window_s": 900.0, "held": 2, "neighbours_passed": 2, "controls_passed": 8}


@pytest.mark.parametrize(
    "changed",
    [
        ("window", "t1.gas", "alarm"),  # leaks
        ("window", "t1.gas", "read"),
        ("window", "t1.water", "read"),  # touches a neighbour
        ("after", "t1.gas", "alarm"),  # is not undone
    ],
)
def test_one_probe_that_does_otherwise_is_one(changed: Probe, run: Run) -> None:
    drive(run, RIGHT ^ {changed})
    found = held(run)
    assert found.value == 1.0
    leaks: Any = found.detail["leaks"]
    assert [(leak["phase"], leak["meter"], leak["what"]) for leak in leaks] == [changed]


def test_without_a_positive_control_before_nothing_is_shown(run: Run) -> None:
    drive(run, RIGHT - {("before", "t1.gas", "read")})
    assert "did not pass before the cut-off" in held(run).gate


def test_what_was_seen_to_be_wrong_stays_wrong(run: Run) -> None:
    """A second cut-off whose control before fails, because the first one was not undone, takes nothing back."""
    drive(run, RIGHT - {("after", "t1.gas", "alarm")}, within=_probe_of_another)
    assert held(run).value == 1.0


def _probe_of_another(run: Run) -> None:
    scope, told = "utility water", {"meter": "t1.water", "what": "read", "phase": "before", "request": "r99"}
    run.mark(CUT, "cut-off", "probe", scope=scope, terminal="t1", passes=True, until_ns=END, **told)


def test_without_a_reconnection_nothing_is_shown(run: Run) -> None:
    drive(run, reconnected=False)
    assert "no cut-off with a reconnection was driven" in held(run).gate


def test_an_upload_that_is_pushed_in_the_window_is_a_leak(run: Run) -> None:
    drive(run, within=lambda run: mdms(run, CUT + 30 * NS_PER_S, "t1.gas", "readings", meters=[]))
    assert held(run).value == 1.0


def test_an_upload_of_the_neighbour_is_none(run: Run) -> None:
    drive(run, within=lambda run: mdms(run, CUT + 30 * NS_PER_S, "t1.water", "readings", meters=[]))
    assert held(run).value == 0.0


REQUESTED: dict[str, Any] = {"request": "r77", "meter": "t1.water"}
PASSED_AT_SERVER = [
    ("upload", {"meters": []}, "upload"),
    ("alarm", {"meter": "t1.water", "code": "leak1", "occurred_ns": CUT}, "alarm"),
    ("request.sent", {**REQUESTED, "op": "history"}, "history"),
    ("answer", {**REQUESTED, "op": "read", "index": 7}, "read"),
]


@pytest.mark.parametrize(("kind", "told", "message"), PASSED_AT_SERVER)
@pytest.mark.parametrize("cut", ["terminal", "its message", "another message", "utility"])
def test_what_passes_between_server_and_terminal_is_a_leak_where_they_are_cut_off(
    kind: str, told: dict[str, Any], message: str, cut: str, run: Run
) -> None:
    """Though no MDMS hears of it; where a utility is cut off, the operator's own dealings with terminals go on."""
    other = "control" if message != "control" else "read"
    what = {
        "terminal": {"terminal": "t1"},
        "its message": {"terminal": "t1", "message": message},
        "another message": {"terminal": "t1", "message": other},
        "utility": {"utility": "gas"},
    }[cut]
    # of the utility's probes only those at the MDMS are meant: they are no leaks of what is cut off here
    drive(run, within=lambda run: run.server(CUT + 30 * NS_PER_S, kind, **told), cut=what)
    leaks: Any = held(run).detail["leaks"]
    seen = [leak for leak in leaks if leak["what"].startswith("server.")]
    assert [leak["what"] for leak in seen] == ([f"server.{kind}"] if cut in ("terminal", "its message") else [])


@pytest.mark.parametrize("at_ns", [CUT - 1, CUT, RECONNECT, RECONNECT + 1])
def test_what_passes_there_before_or_afterwards_is_none(at_ns: int, run: Run) -> None:
    drive(run, cut={"terminal": "t1"})
    run.server(at_ns, "upload", meters=[])
    leaks: Any = held(run).detail["leaks"]
    assert not [leak for leak in leaks if leak["what"].startswith("server.")]


@pytest.mark.parametrize(("answered", "value"), [(False, 0.0), (True, 1.0)])
def test_a_utility_that_is_cut_off_pulls_nothing(answered: bool, value: float, run: Run) -> None:
    """A pull is answered, or refused, before its milestone; one of before says nothing of it."""

    def pulled(run: Run) -> None:
        span: Any = {"meter": "t1.gas", "from_ns": 0, "to_ns": CUT, "values": [], "stored_at": "server"}
        told: Any = {"scope": SCOPE, "terminal": "t1", "meter": "t1.gas", "what": "pull", "until_ns": RECONNECT}
        run.see(CUT - 1, "mdms.gas", "gas", "mdms.pulled", **span)
        run.mark(CUT - 1, "cut-off", "probe", phase="before", passes=True, **told)
        if answered:
            run.see(CUT + 1, "mdms.gas", "gas", "mdms.pulled", **span)
        run.mark(CUT + 1, "cut-off", "probe", phase="window", passes=False, **told)

    drive(run, within=pulled)
    assert held(run).value == value


def test_what_was_kept_and_comes_after_the_reconnection_is_no_leak(run: Run) -> None:
    drive(run)
    window_ns = PHASES["window"]
    mdms(run, RECONNECT + 3 * MINUTE_NS, "t1.gas", "alarm", meter="t1.gas", code="leak1", occurred_ns=window_ns)
    assert held(run).value == 0.0


def test_of_a_terminal_that_no_probe_was_meant_for_nothing_is_said(run: Run) -> None:
    drive(run)
    other = TerminalSetup("t9", "02:4b:42:ff:fe:00:02:09", ("t9.gas",))
    episode, thirty = run.evidence().episode("cut-off"), setup(terminals=(T1, other))
    assert [one.subject for one in cutoff_holds([episode], thirty, "count")] == ["t1"]
    run.bench(episode.t1_ns, "episode.left_out", "t9", name="cut-off", what="cut off", why="t9: no operator's gate")
    left = cutoff_holds([run.evidence().episode("cut-off")], thirty, "count")
    assert [one.subject for one in left] == ["t1", "t9"], "one that was left out says why"


@pytest.mark.parametrize(("off_s", "passes"), [(60.0, True), (-60.0, True), (60.001, False), (-60.001, False)])
def test_an_alarm_that_passes_is_told_by_its_time_within_a_minute(off_s: float, passes: bool, run: Run) -> None:
    probe: Probe = ("after", "t1.gas", "alarm")
    drive(run, RIGHT - {probe})
    occurred_ns = PHASES["after"] + round(off_s * NS_PER_S)
    seen_ns = PHASES["after"] + 70 * NS_PER_S
    mdms(run, seen_ns, "t1.gas", "alarm", meter="t1.gas", code=CODES["after"], occurred_ns=occurred_ns)
    assert held(run).value == (0.0 if passes else 1.0)


def one_message(run: Run, window_ns: int = MINUTE_NS, scope: str = "alarms of t1") -> None:
    """A cut-off of a terminal's alarms alone, in the window of another, and a probe that it holds."""
    cut_ns = CUT + 2 * MINUTE_NS
    run.see(cut_ns, "gate", "gate", "gate.cut_off", terminal="t1", message="alarm")
    run.mark(cut_ns, "cut-off", "cut off", scope=scope)
    told = {"meter": "t1.water", "what": "read", "phase": "before", "request": "r98"}
    run.mark(BEGIN, "cut-off", "probe", scope=scope, terminal="t1", passes=True, until_ns=END, **told)
    mdms(run, BEGIN + NS_PER_S, "t1.water", "answer", request="r98", op="read", meter="t1.water", index=1)
    run.mark(cut_ns + window_ns, "cut-off", "reconnect", scope=scope)
    run.see(cut_ns + window_ns, "gate", "gate", "gate.reconnected", terminal="t1", message="alarm")


@pytest.mark.parametrize(("window_ns", "shown"), [(0, False), (1, True), (MINUTE_NS, True)])
def test_the_shortest_window_is_told_and_one_of_no_length_shows_nothing(window_ns: int, shown: bool, run: Run) -> None:
    drive(run, within=lambda run: one_message(run, window_ns))
    found = held(run)
    assert found.value == (0.0 if shown else None)
    assert ("no cut-off with a reconnection was driven (alarms of t1)" in found.gate) is not shown
    assert found.conditions.get("window_s") == (round(window_ns / NS_PER_S, 3) if shown else None)


@pytest.mark.parametrize(
    ("kind", "whose", "leaks"),
    [
        ("alarm", "t1.water", True),
        ("readings", "t1.water", False),
        ("answer", "t1.water", False),
        ("alarm", "t2.water", False),
    ],
)
def test_what_passes_a_cut_off_of_one_message_of_one_terminal_is_a_leak_where_it_fits_both(
    kind: str, whose: str, leaks: bool, run: Run
) -> None:
    """The one of water, which the other cut-off (of gas) does not hold."""
    messages: dict[str, dict[str, Any]] = {
        "alarm": {"meter": whose, "code": "leak2", "occurred_ns": CUT},
        "readings": {"meters": []},
        "answer": {"request": "r97", "op": "read", "meter": whose, "index": 1},
    }

    def within(run: Run) -> None:
        at_ns = CUT + 2 * MINUTE_NS
        run.see(at_ns, "gate", "gate", "gate.cut_off", terminal="t1", message="alarm")
        run.mark(at_ns, "cut-off", "cut off", scope="alarms of t1")
        terminal = whose.partition(".")[0]
        run.see(at_ns + NS_PER_S, "mdms.water", terminal, f"mdms.{kind}", id=999, terminal=terminal, **messages[kind])
        run.mark(at_ns + MINUTE_NS, "cut-off", "reconnect", scope="alarms of t1")

    drive(run, within=within, passed=RIGHT - {("window", "t1.water", "alarm")})
    alone = held(run).detail["leaks"]
    leaked: Any = [one for one in alone if one.get("scope") == "alarms of t1"]  # type: ignore[union-attr]
    assert [one["what"] for one in leaked] == (["mdms.alarm"] if leaks else [])
