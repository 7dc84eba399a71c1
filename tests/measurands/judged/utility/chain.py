"""What a good chain leaves of a utility's end, and hands to spoil it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import attrs

from bench.measurands.judged.setup import Setup
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Json
from tests.measurands.synthetic import MIDNIGHT_NS, MINUTE_NS, SETUP, T1, Run, day_marks, true_index, upload

LINKS = {"t1.gas": "mdms.gas", "t1.water": "mdms.water"}


def setup(**changed: object) -> Setup:
    """The synthetic runs' setup with what an agreement adds."""
    return attrs.evolve(SETUP, **changed)  # type: ignore[arg-type]


def link(run: Run, t_ns: int, state: str, ports: Collection[str] = ("mdms.gas", "mdms.water")) -> None:
    for port in ports:
        run.see(t_ns, port, port.partition(".")[2], "mdms.link", state=state)


def mdms(run: Run, t_ns: int, whose: str, kind: str, subject: str = "t1", **data: Any) -> None:
    """A message that came to the MDMS of the meter ``whose``."""
    run.events += 1
    run.see(t_ns, LINKS[whose], subject, f"mdms.{kind}", id=run.events, terminal=subject, **data)


def values_of(marks: Collection[int], wrong: dict[int, int] | None = None) -> list[Json]:
    return [{"mark_ns": mark, "index": (wrong or {}).get(mark, true_index(mark))} for mark in marks]


def push(run: Run, t_ns: int, meter: str, marks: Collection[int], wrong: dict[int, int] | None = None) -> None:
    mdms(run, t_ns, meter, "readings", meters=[{"meter": meter, "values": values_of(marks, wrong)}])


def pull(
    run: Run,
    t_ns: int,
    meter: str,
    marks: Collection[int],
    wrong: dict[int, int] | None = None,
    stored_at: str = "server",
    before: Sequence[Json] = (),
) -> None:
    """A pull of a meter; ``before``: what it gives ahead of these marks."""
    values: list[Json] = [*before, *values_of(marks, wrong)]
    data: dict[str, Any] = {"meter": meter, "from_ns": 0, "to_ns": t_ns, "values": values}
    port = LINKS[meter]
    run.see(t_ns, port, port.partition(".")[2], "mdms.pulled", stored_at=stored_at, **data)


def ask(
    run: Run,
    t_ns: int,
    meter: str,
    fresh: int,
    answered: int | None,
    took_s: float = 5.0,
    n: int = 1,
    turned: str = "",
    **says: Any,
) -> None:
    """A request for a reading; ``answered`` None: no answer; ``says``: what else the answer tells. ``turned``: when a
    person turned the register for it."""
    run.requests += 1
    request = f"r{run.requests}"
    by_hand: dict[str, Json] = {"turned": turned} if turned else {}
    run.see(t_ns, LINKS[meter], "gas", "mdms.accepted", request=request, op="read", meter=meter)
    run.mark(t_ns, "mdms", "ask", terminal="t1", meter=meter, request=request, fresh=fresh, n=n, **by_hand)
    if answered is not None:
        t_ns += round(took_s * NS_PER_S)
        mdms(run, t_ns, meter, "answer", request=request, op="read", meter=meter, index=answered, **says)


BEGIN = MIDNIGHT_NS - NS_PER_HOUR
UPLOADED = MIDNIGHT_NS + NS_PER_DAY + 20 * MINUTE_NS
GAP = UPLOADED + 6 * NS_PER_HOUR
FILLED = GAP + 23 * NS_PER_HOUR
END = FILLED + NS_PER_HOUR
REMOVED = day_marks(0)[-6:]


def mdms_day(
    run: Run,
    *,
    pushed: Collection[int] | None = None,
    push_wrong: dict[int, int] | None = None,
    pulled: Collection[int] | None = None,
    pull_wrong: dict[int, int] | None = None,
    filled: Collection[int] = tuple(REMOVED),
    fill_wrong: dict[int, int] | None = None,
    gone: bool = True,
    opened_ns: int = BEGIN,
) -> None:
    """The episode as it is driven: a day's upload, pushed and pulled; a gap of the gas meter, filled the next day."""
    marks = day_marks(0)
    run.begin(BEGIN, "mdms")
    link(run, opened_ns, "open")
    run.mark(BEGIN, "mdms", "begin")
    upload(run, UPLOADED, marks)
    for meter in T1.meters:
        push(run, UPLOADED + 1, meter, marks if pushed is None else pushed, push_wrong)
    pull(run, GAP - 1, "t1.gas", marks)
    span: dict[str, Any] = {"from_ns": REMOVED[0], "to_ns": REMOVED[-1]}
    run.see(GAP, "gate", "gate", "gate.removed", meter="t1.gas", removed=len(REMOVED), **span)
    pull(run, GAP + 1, "t1.gas", [mark for mark in marks if not gone or mark not in REMOVED])
    if filled:
        push(run, FILLED, "t1.gas", filled, fill_wrong)
    for meter in T1.meters:
        pull(run, END - 1, meter, marks if pulled is None else pulled, pull_wrong)
    run.end(END, "mdms")
