"""docs/twin.md is what the command makes of today's twin, and medians that are far off have their reason there."""

from __future__ import annotations

import pytest

from bench.twin.pan import Timers
from tests.docs import twin


@pytest.mark.slow
def test_the_page_is_what_the_command_makes() -> None:
    assert twin.PAGE.read_text(encoding="utf-8") == twin.page(), "run python -m tests.docs.twin, and look at the page"


def test_the_mark_of_what_is_far_off() -> None:
    assert twin.beside(125.0, 100.0) == "+25 %"
    assert twin.beside(126.0, 100.0) == "+26 % \\*"
    assert twin.beside(70.0, 100.0) == "-30 % \\*"


def test_joins_and_round_trips_keep_their_order() -> None:
    """A line's hops join one after the other; each hop makes a round trip longer."""
    line = twin.Line(3)
    line.run_until_all_joined()
    joined = [line.join_s(hop) for hop in twin.HOPS]
    assert joined == sorted(joined)
    settled = twin.Line(3, Timers.TEST, cold=False)
    trips = [settled.ping_ms(hop, 16, hop) for hop in twin.HOPS]
    assert trips == sorted(trips)
