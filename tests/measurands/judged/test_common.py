"""What measurands share: statistics, spans, how many trials must count, and whose fault it was that nothing came."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from bench import kinds
from bench.evidence.evidence import Evidence
from bench.measurands.judged.common import (
    Span,
    bench_trouble,
    blind_over,
    blind_spans,
    last_intent,
    least_trials,
    oddities,
    statistic_of,
    too_few,
    unfinished,
)
from bench.records import NS_PER_S
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, Run

VALUES = [float(n) for n in range(1, 201)]


@pytest.mark.parametrize(
    ("statistic", "figure"), [("maximum", 200.0), ("minimum", 1.0), ("median", 100.0), ("p95", 190.0)]
)
def test_statistics_over_attempts(statistic: str, figure: float) -> None:
    assert statistic_of(VALUES[::-1], statistic) == figure


def test_what_never_ended_is_endless() -> None:
    assert statistic_of([None, 2.0, 1.0], "maximum") is None
    assert statistic_of([None, 2.0, 1.0], "median") == 2.0
    assert statistic_of([None, 2.0, 1.0], "minimum") == 1.0


def test_a_span_meets_what_touches_its_ends() -> None:
    span = Span(10, 20)
    assert [span.meets(*ends) for ends in ((0, 9), (0, 10), (15, 16), (20, 30), (21, 30))] == [
        *(False, True, True, True, False)
    ]


def episode_of(path: Path, end: bool = True) -> tuple[Run, Evidence]:
    run = Run(path)
    run.begin(MIDNIGHT_NS, "join")
    if end:
        run.end(MIDNIGHT_NS + 10 * MINUTE_NS, "join")
    return run, run.evidence()


def test_four_in_five_of_the_trials_that_were_driven_or_planned_must_count(tmp_path: Path) -> None:
    _, evidence = episode_of(tmp_path)
    whole = evidence.episode("join")
    broken = attrs.evolve(whole, complete=False)
    assert [least_trials(whole, n, 1, 100) for n in (3, 4, 5)] == [4, 4, 5]
    assert [least_trials(broken, n, 1, planned) for n, planned in ((4, 10), (4, 0), (14, 10))] == [8, 4, 12]


def test_too_few_says_how_many_are_needed(tmp_path: Path) -> None:
    _, evidence = episode_of(tmp_path)
    why = unfinished(attrs.evolve(evidence.episode("join"), complete=False))
    assert why is not None
    assert (why.why, why.bench) == ("episode 'join' did not end", False)
    few = too_few(evidence.episode("join"), 0, [why], "joins")
    assert few is not None
    assert few.why == "0 joins only, at least 1 are needed (episode 'join' did not end)"
    assert too_few(evidence.episode("join"), 4, [why], "joins") is None


def not_ready(run: Run, episode: str = "join", subject: str = "t1") -> None:
    from bench.records import Observation

    data = {"name": episode, "why": "not joined"}
    run.recorder.observe(Observation(MIDNIGHT_NS, "bench", subject, "episode.not_ready", data, episode=episode))


def test_a_terminal_that_was_not_joined_at_the_beginning_is_no_failure_of_the_bench(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    not_ready(run)
    found = bench_trouble(run.evidence(), {"t1", "join"}, MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS)
    assert found is not None
    assert (found.why, found.bench) == ("not joined", False)
    assert bench_trouble(run.evidence(), {"t3", "join"}, MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS) is None
    assert bench_trouble(run.evidence(), {"t1", "alarm"}, MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS) is None
    run.bench(MIDNIGHT_NS + 1, "episode.void", "join", name="join")
    assert bench_trouble(run.evidence(), {"t1", "join"}, MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS) is None, "driven anew"
    not_ready(run)
    assert bench_trouble(run.evidence(), {"t1", "join"}, MIDNIGHT_NS, MIDNIGHT_NS + MINUTE_NS) is not None, "again"


def test_an_error_before_counts_while_its_port_is_silent(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    since = MIDNIGHT_NS + MINUTE_NS
    run.see(MIDNIGHT_NS, "panel.t1", "t1", "panel.lamp", state="on")
    run.bench(MIDNIGHT_NS + 1, "bench.error", "join", what="it broke", touches=["panel.t1", "t1"])
    assert bench_trouble(run.evidence(), {"t1"}, since, since) is None, "no port: at its own time alone"
    found = bench_trouble(run.evidence(), {"panel.t1"}, since, since)
    assert found is not None
    assert found.bench
    assert bench_trouble(run.evidence(), {"t1"}, MIDNIGHT_NS + 1, since) is not None, "at its own time"
    run.see(MIDNIGHT_NS + 2, "panel.t1", "t1", "panel.lamp", state="on")
    assert bench_trouble(run.evidence(), {"panel.t1"}, since, since) is None, "it spoke again"
    assert bench_trouble(run.evidence(), {"panel.t1"}, MIDNIGHT_NS + 2, since) is None, "at that very moment"


def test_what_a_port_said_at_the_moment_of_its_loss_is_no_return(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    run.bench(MIDNIGHT_NS, "bench.lost_port", "panel.t1", port="panel.t1", reason="gone")
    run.see(MIDNIGHT_NS, "panel.t1", "t1", "panel.lamp", state="on")
    assert bench_trouble(run.evidence(), {"panel.t1"}, MIDNIGHT_NS + MINUTE_NS, MIDNIGHT_NS + MINUTE_NS) is not None
    run.see(MIDNIGHT_NS + 1, "panel.t1", "t1", "panel.lamp", state="on")
    assert bench_trouble(run.evidence(), {"panel.t1"}, MIDNIGHT_NS + MINUTE_NS, MIDNIGHT_NS + MINUTE_NS) is None


def test_a_port_that_is_found_at_the_beginning_was_gone_then(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    run.bench(MIDNIGHT_NS, "bench.lost_port", "panel.t1", port="panel.t1", reason="gone")
    found_ns = MIDNIGHT_NS + NS_PER_S
    run.bench(found_ns, "bench.found_port", "panel.t1", port="panel.t1")
    assert blind_over(run.evidence(), found_ns, found_ns + MINUTE_NS, {"panel.t1"}) is not None
    assert blind_over(run.evidence(), found_ns + 1, found_ns + MINUTE_NS, {"panel.t1"}) is None


def test_a_blind_time_has_both_ends(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    run.blind(MIDNIGHT_NS, MIDNIGHT_NS + NS_PER_S)
    assert [(span.from_ns, span.to_ns) for span in blind_spans(run.evidence())] == [
        (MIDNIGHT_NS, MIDNIGHT_NS + NS_PER_S)
    ]


def test_what_nobody_could_read_is_no_failure_of_the_bench(tmp_path: Path) -> None:
    run, _ = episode_of(tmp_path)
    run.see(MIDNIGHT_NS, "server", "t1", "server.odd", event="?", why="no JSON")
    found = oddities(run.evidence(), "t1", MIDNIGHT_NS, MIDNIGHT_NS)
    assert found is not None
    assert (found.why, found.bench) == ("the server said something that cannot be read: no JSON", False)


@pytest.mark.parametrize(("meter", "at_s"), [("t1.gas", 1), ("t1.water", 2), ("t2.gas", None)])
def test_what_a_milestone_came_of_is_the_last_intent_of_its_own_before_it(
    meter: str, at_s: int | None, tmp_path: Path
) -> None:
    """Another meter is asked in between, and each once more at the very stamp of the milestone, behind it."""
    run = Run(tmp_path)
    run.begin(MIDNIGHT_NS, "mdms")
    for n, asked in enumerate(("t1.gas", "t1.gas", "t1.water")):
        run.bench(MIDNIGHT_NS + n * NS_PER_S, kinds.INTENT_ASK, "gas", op="read", meter=asked)
    end_ns = MIDNIGHT_NS + 3 * NS_PER_S
    run.mark(end_ns, "mdms", "ask", meter=meter)
    for asked in ("t1.gas", "t1.water"):
        run.bench(end_ns, kinds.INTENT_ASK, "gas", op="read", meter=asked)
    run.end(end_ns, "mdms")
    episode = run.evidence().episode("mdms")
    found = last_intent(episode, kinds.INTENT_ASK, episode.marks("ask")[0], meter=meter)
    assert (found and found.t_ns) == (None if at_s is None else MIDNIGHT_NS + at_s * NS_PER_S)
