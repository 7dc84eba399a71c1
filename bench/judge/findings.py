"""What to look at first: the line of a missed requirement names the meter, hour, alarm, request or day that missed it.

``values-hourly t3: 1 > 0`` sends a reader searching through a week; what was found, where, and what was expected there
stands in the measurement's ``detail`` already, and is said here in one phrase. It explains a verdict and decides none:
``verdicts.json`` stays as it is, and verdicts of older runs are explained as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.records import JST_OFFSET_NS, NS_PER_S, Measurement, Outcome, Verdict

_Item = Mapping[str, Any]


MISSED: Final = frozenset({Outcome.FAIL, Outcome.CONDITIONAL_FAIL, Outcome.TARGET_MISSED, Outcome.NOT_FOLLOWED})
"""Verdicts that ask for a place to look at."""


def explained(verdict: Verdict) -> str:
    """The verdict's reason for people; where it missed, with what to look at first."""
    found = finding(verdict.measurement) if verdict.outcome in MISSED and verdict.measurement is not None else ""
    return f"{verdict.reason}: {found}" if found else verdict.reason


def finding(measurement: Measurement) -> str:
    """The first or worst thing that missed, and how many more there are; empty where the detail names none."""
    for key, (said, wrong) in _READERS.items():
        items = measurement.detail.get(key)
        if isinstance(items, Sequence) and not isinstance(items, str):
            found = wrong([item for item in items if isinstance(item, Mapping)])
            if found:
                more = f" and {len(found) - 1} more" if len(found) > 1 and key in _COUNTED else ""
                return said(found[0]) + more
    return ""


def _all(items: list[_Item]) -> list[_Item]:
    return items


def _worst(key: str) -> Callable[[list[_Item]], list[_Item]]:
    """Those with no figure at all, then those with the largest."""

    def of(items: list[_Item]) -> list[_Item]:
        figured = [item for item in items if key in item]
        return sorted(figured, key=lambda item: float("-inf") if item[key] is None else -float(item[key]))

    return of


def _value(item: _Item) -> str:
    where = f"{item['meter']} {_minute(item['mark_ns'])}"
    if item.get("state") in _UNASKED:
        return f"{where}: {_UNASKED[item['state']]}, delivered {item.get('index')} ({item.get('cited')})"
    doubled = " again" if item.get("state") == "duplicated" else ""
    return f"{where}: register {item.get('truth')}, delivered {item.get('index')}{doubled} ({item.get('cited')})"


_UNASKED: Final = {
    "foreign meter": "no meter of this terminal",
    "future": "a mark that was still to come",
    "no hour mark": "no hour mark",
}
"""States of values that nobody asked for."""


def _missing(item: _Item) -> str:
    return f"{item['meter']} {_minute(item['mark_ns'])}: not delivered after the outage"


def _missed_day(item: _Item) -> str:
    return f"{item['meter']} {item['day']}: {item['hours_missing']} of 24 hours not there by the deadline"


def _alarm_that_missed(items: list[_Item]) -> list[_Item]:
    """Those that never came, else those whose time of occurrence changed on the way, else the latest first. Without a
    delay are those that were passed on to the MDMS or not: lists of their own say which were not."""
    items = [item for item in items if "delay_s" in item]
    changed = [item for item in items if item["delay_s"] is not None and item["occurred_ns"] != item["stimulus_ns"]]
    return _worst("delay_s")(items) if any(item["delay_s"] is None for item in items) or not changed else changed


def _alarm(item: _Item) -> str:
    raised = f"alarm {item['code']} of {item['meter']}, raised {_second(item['stimulus_ns'])}"
    delay_s = item["delay_s"]
    if delay_s is not None and item["occurred_ns"] not in (None, item["stimulus_ns"]):
        return f"{raised}: after {delay_s:.6g} s it told {_second(item['occurred_ns'])} as its time of occurrence"
    if delay_s is None and item.get("arrival_ns") is not None and item["occurred_ns"] is not None:
        return f"{raised}: it told {_second(item['occurred_ns'])} as its time of occurrence"
    return f"{raised}: " + ("it never arrived" if delay_s is None else f"it took {delay_s:.6g} s")


def _unasked_alarm(item: _Item) -> str:
    said = f"alarm {item.get('code')} of {item.get('meter')}, at the server {_second(item['arrival_ns'])}"
    return f"{said}: {item.get('why')} ({item.get('cited')})"


def _not_passed_on(item: _Item) -> str:
    return (
        f"alarm {item['code']} of {item['meter']}, due at the MDMS from {_second(item['stimulus_ns'])}: {item['why']}"
    )


def _never_had(item: _Item) -> str:
    said = f"alarm {item['code']} of {item['meter']}, at the MDMS {_second(item['arrival_ns'])}"
    return f"{said}: the server never had it, or had it once ({item['cited']})"


def _breach(item: _Item) -> str:
    return f"{item.get('rule')}, {_second(item['at_ns'])}: {item.get('said')}"


def _side(item: _Item) -> str:
    step = f"register stepped {item['delta_s']:+.3g} s from the mark"
    return f"{item['meter']} {_minute(item['mark_ns'])}: {step}, read {item.get('read')}"


def _trip(item: _Item) -> str:
    asked = f"request for {item.get('meter')}, sent {_second(item['sent_ns'])}"
    return f"{asked}: " + ("no fresh answer" if item["rtt_s"] is None else f"answered after {item['rtt_s']:.6g} s")


def _join(item: _Item) -> str:
    return f"{item.get('label')}: " + (
        str(item.get("wrong") or "never joined") if item["join_s"] is None else f"joined in {item['join_s']:.6g} s"
    )


def _unread(item: _Item) -> str:
    return f"reading of {item['meter']} asked for by the MDMS {_second(item['sent_ns'])}: {item['why']}"


def _undelivered(item: _Item) -> str:
    return f"{item['meter']} {_minute(item['mark_ns'])}: {item['why']} ({item['cited']})"


def _unfilled(item: _Item) -> str:
    return f"{item['meter']} {_minute(item['mark_ns'])}: {item['why'] or 'not filled in'}"


def _unkept(item: _Item) -> str:
    return f"{item['meter']} {_minute(item['mark_ns'])}: the server did not give it as it came ({item['cited']})"


def _leak(item: _Item) -> str:
    if "phase" not in item:
        return f"{item['what']} passed while {item['scope']} was cut off ({item['cited']})"
    did = "passed" if item["passed_ns"] is not None else "did not pass"
    when = "while cut off" if item["phase"] == "window" else f"{item['phase']} the cut-off"
    return f"{item['what']} of {item['meter']}, {_second(item['sent_ns'])}: {did} {when} ({item['scope']})"


def _command(item: _Item) -> str:
    return f"{item['command']} of {item['meter']}, {_second(item['at_ns'])}: {item['why']}"


_READERS: Final[Mapping[str, tuple[Callable[[_Item], str], Callable[[list[_Item]], list[_Item]]]]] = {
    "wrong": (_value, _all),
    "missing": (_missing, _all),
    "missed": (_missed_day, _all),
    "not_asked_for": (_unasked_alarm, _all),
    "not_passed_on": (_not_passed_on, _all),
    "never_had": (_never_had, _all),
    "breaches": (_breach, _all),
    "sides": (_side, _worst("error_s")),
    "unread": (_unread, _all),
    "undelivered": (_undelivered, _all),
    "unfilled": (_unfilled, _all),
    "unkept": (_unkept, _all),
    "leaks": (_leak, _all),
    "uncontrolled": (_command, _all),
    "alarms": (_alarm, _alarm_that_missed),
    "samples": (_trip, _worst("rtt_s")),
    "attempts": (_join, _worst("join_s")),
}
"""By the key of ``Measurement.detail`` that lists what was seen: how one of it is said, and which of it missed."""
_COUNTED: Final = frozenset(
    {
        "wrong",
        "missing",
        "missed",
        "not_asked_for",
        "not_passed_on",
        "never_had",
        "breaches",
        "unread",
        "undelivered",
        "unfilled",
        "unkept",
        "leaks",
        "uncontrolled",
    }
)
"""Lists that hold nothing but what missed."""


def _second(t_ns: int) -> str:
    """``2026-04-03 07:00:12 JST``."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=(t_ns + JST_OFFSET_NS) // NS_PER_S)
    return f"{at:%Y-%m-%d %H:%M:%S} JST"


def _minute(t_ns: int) -> str:
    """``2026-04-03 07:00 JST``, for hour marks."""
    return _second(t_ns).replace(":00 JST", " JST")
