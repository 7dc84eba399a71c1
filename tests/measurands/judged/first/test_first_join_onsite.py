"""``join.onsite``: start, stop, cold and what does not count."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import ClassVar

import attrs
import pytest

from bench.measurands.air.figures.join import Join, Kind
from bench.measurands.air.figures.phases import Phase
from bench.measurands.judged import join_onsite as newer
from bench.measurands.judged.explain import AirView, Place
from bench.measurands.judged.first import join_onsite as first
from bench.measurands.judged.first.join_onsite import join_onsite
from bench.records import NS_PER_S, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run, join_attempt

AT = MIDNIGHT_NS


def measure(run: Run, statistic: str = "maximum", *, indicator: bool = True) -> Measurement:
    setup = attrs.evolve(SETUP, terminals=(attrs.evolve(T1, indicator=indicator),))
    (measured,) = join_onsite([run.evidence().episode("join")], setup, statistic)
    return measured


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(AT, "join")
    return run


def test_slowest_of_all_cold_joins(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    at = join_attempt(run, at, 2, 60.25)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value == 60.25
    assert measured.conditions["start"] == "cold"
    assert measured.conditions["n"] == 2
    assert measured.conditions["hops"] == 1
    assert measured.conditions["hops_from"] == "rig description"
    assert measured.conditions["dodag_depth"] == 2
    assert not measured.gate
    # Every citation is a row of the timeline that is one of the four stamps.
    rows = {event.citation: event for event in run.evidence().events()}
    assert [rows[row].kind for row in measured.cited] == ["panel.press", "panel.lamp"] * 2


def test_median_is_a_value_that_was_measured(run: Run) -> None:
    at = AT
    for n, seconds in enumerate((30.0, 90.0, 50.0), start=1):
        at = join_attempt(run, at, n, seconds)
    run.end(at, "join")
    assert measure(run, "median").value == 50.0


def test_without_indicator_the_server_ends_the_join(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    run.end(at, "join")
    measured = measure(run, indicator=False)
    assert measured.value == 41.5
    assert measured.conditions["stop"] == "server"


def test_supply_edge_starts_where_no_key_is_pressed(run: Run) -> None:
    run.see(AT, "supply.dc", "t1", "supply.output", channel=1, on=False)
    run.mark(AT + MINUTE_NS, "join", "attempt", terminal="t1", n=1)
    run.see(AT + 2 * MINUTE_NS, "supply.dc", "t1", "supply.output", channel=1, on=True)
    run.see(AT + 3 * MINUTE_NS, "panel.t1", "t1", "panel.lamp", state="on")
    run.mark(AT + 3 * MINUTE_NS, "join", "attempt.end", terminal="t1", n=1, reason="joined")
    run.end(AT + 4 * MINUTE_NS, "join")
    measured = measure(run)
    assert measured.value == 60.0
    assert measured.conditions["start"] == "unknown", "the supply was off, but nobody erased the keys"


def test_the_last_stimulus_before_the_indication_is_the_start(run: Run) -> None:
    run.mark(AT, "join", "attempt", terminal="t1", n=1)
    run.see(AT + MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.see(AT + 2 * MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.see(AT + 3 * MINUTE_NS, "panel.t1", "t1", "panel.lamp", state="on")
    run.see(AT + 4 * MINUTE_NS, "panel.t1", "t1", "panel.press", duration_s=1.0)
    run.mark(AT + 5 * MINUTE_NS, "join", "attempt.end", terminal="t1", n=1, reason="joined")
    run.end(AT + 5 * MINUTE_NS, "join")
    assert measure(run).value == 60.0


def test_a_join_without_preparation_is_warm(run: Run) -> None:
    at = join_attempt(run, AT, 1, 12.0, cold=False)
    run.end(at, "join")
    assert measure(run).conditions["start"] == "warm"


def test_a_terminal_that_never_joins_has_no_value_and_no_gate(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    at = join_attempt(run, at, 2, None)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value is None
    assert not measured.gate
    assert measured.detail["never"] == "1 of 2 attempts never joined"


def test_stamps_give_the_uncertainty(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5, u_ns=NS_PER_S // 10)
    run.end(at, "join")
    assert measure(run).u == pytest.approx(0.1 * 2**0.5)


def test_a_blind_bench_leaves_the_attempt_out(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    blind = at + 2 * MINUTE_NS + 10 * NS_PER_S
    run.bench(blind, "bench.blind", from_ns=blind, to_ns=blind + NS_PER_S)
    at = join_attempt(run, at, 2, 500.0)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value == 41.5
    assert measured.conditions["attempts_left_out"] == 1


def test_a_lost_panel_is_a_bench_error_for_later_attempts_only(run: Run) -> None:
    at = join_attempt(run, AT, 1, 41.5)
    run.bench(at, "bench.lost_port", "panel.t1", port="panel.t1", reason="closed")
    run.mark(at + 1, "join", "attempt", terminal="t1", n=2)
    assert measure(run).value == 41.5


def test_a_lost_panel_from_the_start_is_an_error(run: Run) -> None:
    run.bench(AT, "bench.lost_port", "panel.t1", port="panel.t1", reason="closed")
    run.mark(AT + 1, "join", "attempt", terminal="t1", n=1)
    measured = measure(run)
    assert measured.bench_error
    assert "panel.t1" in measured.gate


def test_the_console_changes_nothing(run: Run) -> None:
    run.see(AT, "console.t1", "t1", "console.join_state", state=1)
    at = join_attempt(run, AT, 1, 41.5)
    before = measure(run)
    run.see(at, "console.t1", "t1", "console.join_state", state=5)
    run.end(at, "join")
    assert measure(run) == before


@pytest.mark.parametrize("indicator", [True, False])
@pytest.mark.parametrize("joined", [True, False])
def test_what_nobody_could_read_may_have_been_the_servers_confirmation_alone(
    run: Run, indicator: bool, joined: bool
) -> None:
    run.see(AT + 3 * MINUTE_NS, "server", "t1", "server.odd", event="not JSON", why="no JSON")
    at = join_attempt(run, AT, 1, 61.0 if joined else None)
    run.end(at, "join")
    measured = measure(run, indicator=indicator)
    assert measured.value == (61.0 if joined else None)
    assert ("cannot be read" in measured.gate) is (not indicator and not joined)


def test_a_terminal_that_was_confirmed_before_the_key_did_not_begin_with_it(run: Run) -> None:
    """It was de-registered, joined by itself and was confirmed twice; the last time is cited."""
    run.bench(AT, "intent.deregister", "t1")
    for n in range(3):
        run.server(AT + n * MINUTE_NS, "terminal.reachable", eui64=T1.eui64)
    at = join_attempt(run, AT + 3 * MINUTE_NS, 1, 10.0, cold=False)
    run.end(at, "join")
    measured = measure(run, indicator=False)
    assert "the server confirmed it before the key was pressed" in measured.gate
    last, press = (
        [row.citation for row in run.evidence().events(kind, until_ns=AT + 5 * MINUTE_NS)][-1]
        for kind in ("server.terminal.reachable", "panel.press")
    )
    assert (measured.value, measured.bench_error, measured.cited) == (None, False, (last, press))


@pytest.mark.parametrize(("do", "dark"), [("unfeed", True), ("erase", True), ("watch", False)])
def test_who_takes_the_cell_out_ends_what_was_before(run: Run, do: str, dark: bool) -> None:
    run.see(AT, "panel.t1", "t1", "panel.lamp", state="on")
    run.see(AT + 1, "operator.lab", "t1", "operator.done", task=1, do=do)
    at = join_attempt(run, AT + MINUTE_NS, 1, 10.0, cold=False)
    run.end(at, "join")
    measured = measure(run)
    assert measured.value == (10.0 if dark else None)
    assert ("nothing began with the key" in measured.gate) is not dark
    assert measured.conditions.get("start") == ("unknown" if dark else None)


def heard_join(kind: Kind | None = Kind.COLD, parent: bytes | None = b"parent") -> Join:
    """A join on the air that reached nothing in particular."""
    return Join(kind, AT, None, None, None, None, None, Phase.OPERATIONAL, 0, None, parent, None)


class Air(AirView):
    """An air in which each attempt's join was heard as it is said here; hops by the parent."""

    heard: ClassVar[list[Join | None]] = []
    hops: ClassVar[dict[bytes, Place | None]] = {b"parent": Place(1, 0, 2), b"other": Place(2, 0, 3), b"unseen": None}

    def join_in(self, eui64: str, since_ns: int, until_ns: int) -> Join | None:
        """The join of the attempt within which the interval ends."""
        return self.heard[(until_ns - AT) // (10 * MINUTE_NS)]

    def place(self, eui64: str, terminals: frozenset[str], parent: bytes | None = None) -> Place | None:
        assert parent is not None
        return self.hops[parent]


@pytest.mark.parametrize("edition", [first, newer], ids=["first", "second"])
@pytest.mark.parametrize(
    ("heard", "starts", "hops"),
    [
        ([heard_join(), heard_join()], "cold", (1, "air", None)),
        ([heard_join(), heard_join(parent=b"other")], "cold", (None, "air: changed between attempts", [1, 2])),
        ([heard_join(), heard_join(parent=None)], "cold", (1, "air", None)),
        ([heard_join(), heard_join(parent=b"unseen")], "cold", (1, "air", None)),
        ([heard_join(), None], "cold", (1, "air", None)),
        ([None, None], "cold", (7, "rig description", None)),
        ([heard_join(None), heard_join(None)], "cold", (1, "air", None)),
        ([heard_join(Kind.RECONNECT), heard_join(Kind.RECONNECT)], "warm", (1, "air", None)),
    ],
)
def test_the_air_tells_hops_and_kept_keys(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    edition: ModuleType,
    heard: list[Join | None],
    starts: str,
    hops: tuple[object, ...],
) -> None:
    monkeypatch.setattr(Air, "heard", heard)
    monkeypatch.setattr(edition, "air_view", lambda evidence, until_ns: Air())
    for n, _ in enumerate(heard):
        join_attempt(run, AT + n * 10 * MINUTE_NS, n + 1, 60.0)
    run.end(AT + 30 * MINUTE_NS, "join")
    setup = attrs.evolve(SETUP, terminals=(attrs.evolve(T1, hops=7),))
    (measured,) = edition.join_onsite([run.evidence().episode("join")], setup, "maximum")
    if starts == "warm" and edition is newer:
        assert "kept keys" in measured.gate
    else:
        said = [measured.conditions.get(key) for key in ("hops", "hops_from", "hops_seen")]
        assert (measured.value, measured.conditions["start"], tuple(said)) == (60.0, starts, hops)
