"""The summary at the end of a run, and the line while it runs."""

from __future__ import annotations

import io

import attrs

from reports.model import RunReport
from reports.terminal import Progress, print_summary, summary_table
from tests.reports.report_sample import EPOCH


def test_every_verdict_has_its_row(sample: RunReport) -> None:
    table = summary_table(sample, width=140)
    row = next(" ".join(line.split()) for line in table.splitlines() if "TARGET MISSED" in line and "join" not in line)
    assert "t3 (3 hops, cold, TEST)" in row
    assert "110.40 s ± 0.58 s ≤ 90 s" in row
    assert "U (k = 2)" in table.splitlines()[1]
    assert "3 wrong or doubled ± 0 ≤ 0 FAIL" in " ".join(table.split())
    assert "120 values not known ≥ 168 values" in " ".join(table.split())
    assert " ".join(table.split()).count("Network join time") == 1, "the requirement is named once"
    assert sum(verdict.outcome.value in table for verdict in sample.verdicts) == len(sample.verdicts)


def test_a_narrow_terminal_loses_no_word(sample: RunReport) -> None:
    table = summary_table(sample, width=80)
    words = set(table.split())
    assert "…" not in table
    assert {"Network", "(3", "hops,", "cold,", "TEST)", "doubled", "known", "CONDITIONAL"} <= words
    assert {"±", "0.58", "≤", "90", "s"} <= words


def test_missed_targets_stand_on_the_last_lines(sample: RunReport) -> None:
    lines = summary_table(sample).rstrip().splitlines()
    assert lines[-1] == "TARGET MISSED: join-time t3: 110.4 s is beyond 90 s"
    assert "FAILED: hourly-values t1: 3 values differ from the meter" in lines


def test_an_altered_run_is_told_below_its_verdicts(sample: RunReport) -> None:
    words = "altered since it was sealed: timeline.sqlite rows 90 to 99: changed"
    assert words in summary_table(attrs.evolve(sample, altered=words)).splitlines()
    assert "sealed" not in summary_table(sample)


def test_no_colour_codes_where_nobody_sees_colours(sample: RunReport) -> None:
    out = io.StringIO()
    print_summary(sample, out)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue() == summary_table(sample)


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_tty_gets_one_line_in_place() -> None:
    out = Tty()
    with Progress(out) as progress:
        for second in range(5):
            progress.update("outage", EPOCH, float(second), f"hour {second}")
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("\r\x1b[K") == 5
    assert out.getvalue().endswith("hour 4\n")


def test_a_log_gets_changes_and_a_sign_of_life() -> None:
    out = io.StringIO()
    with Progress(out, every_s=10.0) as progress:
        for second in range(25):
            progress.update("steady", EPOCH, float(second))
        progress.update("outage", EPOCH, 25.0, "mains off")
    lines = out.getvalue().splitlines()
    assert [line.split()[-2] for line in lines[:-1]] == ["0.0", "10.0", "20.0"]
    assert lines[-1].endswith("25.0 s  mains off")
    assert "2026-04-01 00:00:00 JST" in lines[0]
