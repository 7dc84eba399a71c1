"""``join.onsite.2`` at its edges: one attempt or supply edge of several, an instant, what is on the air."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.evidence.clocks import Clocks
from bench.measurands.air.figures.join import Join, Kind, Phase
from bench.measurands.judged import join_onsite
from bench.measurands.judged.explain import Place
from bench.records import NS_PER_S, Measurement
from tests.measurands.judged.test_join_onsite import begins, ends, feed, lamp, measure, one_attempt, press
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run, join_attempt

AT = MIDNIGHT_NS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(AT, "join")
    return run


def joined(run: Run, at_ns: int, n: int = 1, **end: Any) -> Measurement:
    """Indicator and server at once; the attempt and the episode end."""
    run.server(at_ns, "terminal.reachable")
    lamp(run, at_ns, "on")
    ends(run, at_ns + 1, n)
    run.end(at_ns + MINUTE_NS, "join")
    return measure(run)


# -- where it starts --------------------------------------------------------------------------------------------------


def test_a_supply_that_comes_at_the_instant_of_the_attempt_starts_it(run: Run) -> None:
    feed(run, AT, False)
    begins(run, AT + MINUTE_NS)
    feed(run, AT + MINUTE_NS, True)
    assert joined(run, AT + 2 * MINUTE_NS).value == 60.0


def test_what_began_with_its_supply_counts_from_the_last_time_that_it_came(run: Run) -> None:
    for at_ns in (AT, AT + MINUTE_NS):
        feed(run, at_ns, False)
        feed(run, at_ns + 30 * NS_PER_S, True)
    lamp(run, AT + 100 * NS_PER_S, "blinking")
    begins(run, AT + 2 * MINUTE_NS)
    press(run, AT + 2 * MINUTE_NS)
    assert joined(run, AT + 3 * MINUTE_NS).value == 90.0


def test_a_lamp_that_blinked_before_it_was_dark_for_the_last_time_is_of_another_join(run: Run) -> None:
    feed(run, AT, False)
    feed(run, AT + 1, True)
    lamp(run, AT + 2, "blinking")
    feed(run, AT + 3, False)
    feed(run, AT + 4, True)
    begins(run, AT + MINUTE_NS)
    press(run, AT + MINUTE_NS)
    assert joined(run, AT + 2 * MINUTE_NS).value == 60.0


@pytest.mark.parametrize(("at_ns", "value"), [(AT - 1, None), (AT, 120.0)])
def test_a_supply_that_came_before_the_preparation_began_starts_nothing(
    run: Run, at_ns: int, value: float | None
) -> None:
    """It is told once more, as it stands, after five seconds: that is no edge."""
    feed(run, AT - 10, False)
    feed(run, at_ns, True)
    feed(run, AT + 5 * NS_PER_S, True)
    lamp(run, AT + 10 * NS_PER_S, "blinking")
    begins(run, AT + MINUTE_NS)
    press(run, AT + MINUTE_NS)
    found = joined(run, AT + 2 * MINUTE_NS)
    assert found.value == value
    assert ("nothing began with the key" in found.gate) is (value is None)


@pytest.mark.parametrize(
    ("order", "began"), [("gone told press", True), ("told gone press", False), ("gone press", False)]
)
def test_a_terminal_that_the_server_heard_of_between_erasing_and_the_key_was_joined_before(
    run: Run, order: str, began: bool
) -> None:
    """All at one instant: the rows are in the order in which things became known."""
    begins(run, AT + 1)
    for step in order.split():
        if step == "gone":
            run.bench(AT + 1, "intent.deregister", "t1")
        elif step == "told":
            run.server(AT + 1, "terminal.reachable")
        else:
            press(run, AT + 1)
    lamp(run, AT + MINUTE_NS, "on")
    found = joined(run, AT + 1 if order == "gone press" else AT + MINUTE_NS)
    assert ("joined before the key was pressed (server.terminal.reachable)" in found.gate) is began


# -- its class --------------------------------------------------------------------------------------------------------


def test_what_prepared_one_attempt_prepares_no_other_that_begins_as_it_ends(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5) - MINUTE_NS
    begins(run, at, 2)
    press(run, at)
    found = joined(run, at + 12 * NS_PER_S, 2)
    assert "1 joins only, at least 2 are needed (its supply was not seen off" in found.gate


@pytest.mark.parametrize(("did", "start"), [("unfeed", "cold"), ("erase", "cold"), ("press", "unknown")])
def test_a_person_who_took_the_cell_out_made_it_dark(run: Run, did: str, start: str) -> None:
    press(run, AT, 10.0)
    run.see(AT + 1, "operator.people", "t1", "operator.done", task=1, do=did)
    run.bench(AT + 2, "intent.deregister", "t1")
    begins(run, AT + MINUTE_NS)
    press(run, AT + MINUTE_NS)
    assert joined(run, AT + 2 * MINUTE_NS).conditions["start"] == start


# -- where it stops ---------------------------------------------------------------------------------------------------


def test_one_attempt_of_two_whose_indicator_is_seen_stops_at_both(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5, cold=False)
    run.mark(at, "join", "attempt", terminal="t1", n=2, stop="server")
    press(run, at)
    assert joined(run, at + MINUTE_NS, 2).conditions["stop"] == "indicator and server"


@pytest.mark.parametrize(("after_s", "lies"), [(65.0, True), (65.000_000_001, False)])
def test_an_indicator_that_goes_out_within_five_seconds_of_the_end_lies(run: Run, after_s: float, lies: bool) -> None:
    """The attempt ends a minute after the press."""
    found = one_attempt(run, (40, "server"), (41, "on"), (after_s, "off"))
    assert found.value == (None if lies else 41.0)


@pytest.mark.parametrize(
    ("signs", "lies"),
    [
        ("on press off", False),
        ("on off press", True),
        ("on off press off", True),
        ("off on", False),
        ("on off on", True),
    ],
)
def test_an_indicator_that_goes_out_by_itself_lies(run: Run, signs: str, lies: bool) -> None:
    """All within one instant: the rows are in the order in which things became known."""
    begins(run, AT)
    press(run, AT)
    run.server(AT + MINUTE_NS, "terminal.reachable")
    for sign in signs.split():
        if sign == "press":
            press(run, AT + MINUTE_NS)
        else:
            lamp(run, AT + MINUTE_NS, sign)
    ends(run, AT + 2 * MINUTE_NS)
    run.end(AT + 3 * MINUTE_NS, "join")
    assert measure(run).value == (None if lies else 60.0)


def test_an_indicator_that_was_lit_before_its_supply_went_off_does_not_lie(run: Run) -> None:
    feed(run, AT, False)
    feed(run, AT + 1, True)
    lamp(run, AT + 2, "on")
    feed(run, AT + 3, False)
    begins(run, AT + MINUTE_NS)
    press(run, AT + MINUTE_NS)
    assert joined(run, AT + 2 * MINUTE_NS).value == 60.0


def test_an_indicator_that_is_lit_since_its_supply_came_lies_whichever_was_told_first(run: Run) -> None:
    feed(run, AT, False)
    lamp(run, AT + 1, "on")
    feed(run, AT + 1, True)
    begins(run, AT + MINUTE_NS)
    press(run, AT + MINUTE_NS)
    assert "on 120 s before the server confirmed it" in str(joined(run, AT + 2 * MINUTE_NS).detail["never"])


# -- what is on the air -----------------------------------------------------------------------------------------------

HEARD = Join(Kind.COLD, 0, None, None, None, None, None, Phase.OPERATIONAL, 0, 1, b"parent", None)


@attrs.frozen(slots=True)
class Heard:
    """What stands in for an `AirView`: the join of each attempt, of which one begins every ten minutes."""

    joins: dict[int, Join]
    places: dict[bytes, Place] = attrs.field(factory=lambda: {b"parent": Place(1, 0, 2), b"other": Place(3, 0, 4)})
    seen: object = "something"
    clocks: Clocks = attrs.field(factory=Clocks)

    def join_in(self, eui64: str, since_ns: int, until_ns: int) -> Join | None:
        assert eui64 == T1.eui64
        return self.joins.get((since_ns - AT) // (10 * MINUTE_NS))

    def place(self, eui64: str, terminals: frozenset[str], parent: bytes | None = None) -> Place | None:
        return self.places.get(parent or b"")


def heard(run: Run, monkeypatch: pytest.MonkeyPatch, *joins: Join | None) -> Measurement:
    """Cold attempts ten minutes apart, and what the air shows of each."""
    for n in range(len(joins)):
        join_attempt(run, AT + 10 * n * MINUTE_NS, n + 1, 41.5)
    run.end(AT + 10 * len(joins) * MINUTE_NS, "join")
    view = Heard({n: join for n, join in enumerate(joins) if join is not None})
    monkeypatch.setattr(join_onsite, "air_view", lambda evidence, until_ns: view)
    (found,) = join_onsite.join_onsite([run.evidence().episode("join")], SETUP, "maximum")
    return found


@pytest.mark.parametrize(("kind", "kept"), [(Kind.COLD, False), (None, False), (Kind.RECONNECT, True)])
def test_one_join_with_kept_keys_leaves_the_row_open(
    run: Run, monkeypatch: pytest.MonkeyPatch, kind: Kind | None, kept: bool
) -> None:
    found = heard(run, monkeypatch, HEARD, attrs.evolve(HEARD, kind=kind))
    assert (found.gate, found.bench_error) == (join_onsite.KEPT if kept else "", False)
    assert found.value == (None if kept else 41.5)
    assert found.conditions.get("joins_on_air") == (None if kept else 2)


@pytest.mark.parametrize(
    ("parents", "hops", "hops_from"),
    [
        ((b"parent", b"parent"), 1, "air"),
        ((b"parent", None), 1, "air"),
        ((b"other",), 3, "air"),
        ((b"parent", b"other"), None, "air: changed between attempts"),
        ((None,), 1, "rig description"),
        ((b"unknown",), 1, "rig description"),
    ],
)
def test_hops_are_those_of_the_joins_on_the_air(
    run: Run, monkeypatch: pytest.MonkeyPatch, parents: tuple[bytes | None, ...], hops: int | None, hops_from: str
) -> None:
    found = heard(run, monkeypatch, *(attrs.evolve(HEARD, parent=parent) for parent in parents))
    assert (found.conditions["hops"], found.conditions["hops_from"]) == (hops, hops_from)


def test_attempts_that_nobody_heard_are_not_counted_as_heard(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    found = heard(run, monkeypatch, HEARD, None, None)
    assert (found.value, found.conditions["joins_on_air"]) == (41.5, 1)
