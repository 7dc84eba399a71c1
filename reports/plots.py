"""A plot for each verdict, as SVG text that is the same every time.

Layout is measured with the font that matplotlib brings, so it does not depend on the machine; the text stays text and
the browser picks a font with Japanese glyphs. What a plot needs beyond the figure it finds in ``Measurement.detail``
(``reports.detail``); without it there is no plot. matplotlib is imported inside the functions (0.5 s).
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bench.records import JST_OFFSET_NS, NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement, Verdict
from reports import detail, figures
from reports.glossary import glossary, term

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 11.0
"""Full width of the report; the browser scales it."""

FONTS = "'Helvetica Neue', Arial, 'Hiragino Sans', 'Noto Sans CJK JP', 'Noto Sans JP', 'Yu Gothic', Meiryo, sans-serif"

INK, QUIET, LIMIT, BAD = "#1f2328", "#8c959f", "#b42318", "#b42318"
UNKNOWN = "#d9d9d9"
PHASE_COLOURS = {
    "start to first solicitation": "#e3e6ea",
    "discovery": "#9ecae1",
    "discovery and authentication": "#9ecae1",
    "authentication": "#fdae6b",
    "configuration": "#a1d99b",
    "routing": "#bcbddc",
    "confirmation": "#f2d7a0",
}
"""By the names that ``bench.measurands.judged.explain`` gives the phases; an unknown one is grey."""
STATES = {
    "ok": ("#cfe8d5", ""),
    "excluded": ("#eef0f2", "·"),
    "missing": ("#f4a59d", "–"),
    "wrong": ("#f7c873", "≠"),
    "duplicated": ("#b9a5e6", "2"),
}
"""Fill and sign of a cell: the sign says it on a black-and-white printer."""


def plot_for(verdict: Verdict) -> str | None:
    """The SVG that explains this verdict, chosen by its measurand; None where its detail does not suffice."""
    measurement = verdict.measurement
    if measurement is None:
        return None
    limit_s = verdict.limit if measurement.unit == "s" else None  # a count of misses has none on a scale of seconds
    return next((svg for draw in _PLOTS if (svg := draw(measurement, limit_s))), None)


def caption(measurement: Measurement) -> str:
    """What the plot of a measurement shows, in both languages: ``t1: 参入時間 join time``."""
    family = measurement.measurand.partition(".")[0]
    words = {
        "join": "join_time",
        "roundtrip": "round_trip",
        "alarm": "alarm",
        "upload": "daily_upload",
        "hourmark": "hour_mark_error",
        "reading": "round_trip",
        "control": "control",
        "cutoff": "cut_off",
        "backup": "backup",
    }
    word = "storage" if family == "storage" else words.get(family, "hourly_value")
    return f"{measurement.subject}: {term(word)}"


def join_timeline(measurement: Measurement, limit_s: float | None = None) -> str | None:
    """Join attempts as phase bars from the start edge, with the mark on site and the limit."""
    attempts = detail.attempts(measurement)
    if not attempts:
        return None
    with _figure(1.15 + _row_in(len(attempts)) * len(attempts)) as (figure, (axes,)):
        for row, attempt in enumerate(attempts):
            _draw_attempt(axes, row, attempt)
        if limit_s is not None:
            _limit_line(axes, limit_s)
        axes.set_yticks(range(len(attempts)), [a.label or f"{i + 1}" for i, a in enumerate(attempts)])
        axes.set_ylim(len(attempts) - 0.4, -0.6)
        axes.set_xlim(0, 1.12 * max(limit_s or 0, *(_span_s(attempt) for attempt in attempts), 1))
        axes.set_xlabel("s after the start (installation key or supply edge) 設置操作からの秒数")
        _legend(figure, axes)
        return _svg(figure)


def _row_in(rows: int) -> float:
    """Height of a row in inches; many rows move together."""
    return 0.4 if rows <= 12 else 0.22


def _span_s(attempt: detail.Attempt) -> float:
    ends = [*(phase.to_ns for phase in attempt.phases), attempt.stop_ns or attempt.start_ns]
    return (max(ends) - attempt.start_ns) / NS_PER_S


def _draw_attempt(axes: Axes, row: int, attempt: detail.Attempt) -> None:
    for phase in attempt.phases:
        left, right = ((t - attempt.start_ns) / NS_PER_S for t in (phase.from_ns, phase.to_ns))
        label = str(term(phase.name)) if phase.name in glossary() else phase.name
        colour = PHASE_COLOURS.get(phase.name, UNKNOWN)
        axes.barh(row, right - left, left=left, height=0.5, color=colour, edgecolor="white", linewidth=0.5, label=label)
    if attempt.stop_ns is None:
        axes.annotate("never 未参入", (0, row), xytext=(6, 0), textcoords="offset points", va="center", color=BAD)
        return
    onsite = (attempt.stop_ns - attempt.start_ns) / NS_PER_S
    axes.plot([0, onsite], [row, row], color=INK, linewidth=1.0, zorder=3)
    axes.plot([onsite], [row], "D", color=INK, markersize=6, zorder=4, linestyle="none", label=str(term("on_site")))
    text = f"{figures.number(onsite, 1)} s"
    axes.annotate(text, (onsite, row), xytext=(9, 0), textcoords="offset points", va="center", color=INK, weight="bold")


def roundtrip_distribution(measurement: Measurement, limit_s: float | None = None) -> str | None:
    """Round trips of one subject as strip and box: left the spread in detail, right on the scale of the limit."""
    trips = detail.round_trips(measurement)
    if not trips:
        return None
    hops = measurement.conditions.get("hops")
    subject = detail.text(measurement.subject)
    label = subject if hops is None else f"{subject}\n{hops} hop" + "s" * (hops != 1)
    with _figure(1.9, columns=2, width_ratios=(3, 1)) as (figure, (near, far)):
        for axes in (near, far):
            _draw_trips(axes, trips, measurement.conditions.get("unanswered"))
        near.set_yticks([0.15], [label])
        near.set_xlabel("s from request sent to answer received at the server 接続サーバでの往復秒数")
        far.set_yticks([])
        far.set_xlim(0, 1.06 * max(*trips, limit_s or 0))
        if limit_s is not None:
            _limit_line(far, limit_s)
        far.set_xlabel("s")
        _legend(figure, far)
        return _svg(figure)


def _draw_trips(axes: Axes, trips: Sequence[float], unanswered: object) -> None:
    axes.boxplot(
        [trips], orientation="horizontal", positions=[0], widths=0.34, showfliers=False, whis=(0, 100),
        medianprops={"color": INK, "linewidth": 2}, boxprops={"color": QUIET}, whiskerprops={"color": QUIET},
        capprops={"color": QUIET},
    )  # fmt: skip
    jitter = [0.34 + 0.22 * (index * 0.7549 % 1) for index in range(len(trips))]
    silent = f", {unanswered} unanswered" if unanswered else ""
    label = f"round trips (n = {len(trips)}{silent}), box: quartiles and median"
    axes.plot(trips, jitter, "o", color="#2f6fab", markersize=4, alpha=0.75, markeredgewidth=0, label=label)
    axes.set_ylim(-0.4, 0.75)


def buffering_strip(measurement: Measurement, _limit: float | None = None) -> str | None:
    """Hour x day grid per meter: ok, missing, wrong, duplicated, left out. The mark 24:00 belongs to its day."""
    marks = sorted(detail.marks(measurement), key=lambda mark: (mark.meter, mark.mark_ns))
    if not marks:
        return None
    meters = {meter: list(group) for meter, group in groupby(marks, key=lambda mark: mark.meter)}
    days = sorted({_day_hour(mark.mark_ns)[0] for mark in marks})
    good = {"upload": "delivered", "storage": "kept"}.get(measurement.measurand.partition(".")[0], "ok")
    columns = min(2, len(meters))
    rows = -(-len(meters) // columns)
    with _figure(0.5 + rows * (0.7 + 0.2 * len(days)), rows, columns) as (figure, all_axes):
        for axes in all_axes[len(meters) :]:
            axes.remove()
        for axes, (meter, own) in zip(all_axes, meters.items(), strict=False):
            _draw_strip(axes, meter, own, days, good)
        _legend(figure, *all_axes[: len(meters)])
        return _svg(figure)


def _draw_strip(axes: Axes, meter: str, marks: Sequence[detail.Mark], days: Sequence[int], good: str) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    cells = [(*_day_hour(mark.mark_ns), mark.state) for mark in marks]
    for state, (colour, sign) in STATES.items():
        own = [(hour, days.index(day)) for day, hour, each in cells if each == state]
        if not own:
            continue
        squares = [Path([(h - 0.46, d - 0.42), (h + 0.46, d - 0.42), (h + 0.46, d + 0.42), (h - 0.46, d + 0.42),
                         (h - 0.46, d - 0.42)], closed=True) for h, d in own]  # fmt: skip
        label = f"{sign} {term(good if state == 'ok' else state)}".strip()
        axes.add_patch(PathPatch(Path.make_compound_path(*squares), facecolor=colour, linewidth=0, label=label))
        for hour, row in own if sign else ():
            axes.text(hour, row, sign, ha="center", va="center", fontsize=8, color=INK, in_layout=False)
    axes.set_xlim(0.4, 24.6)
    axes.set_ylim(len(days) - 0.5, -0.5)
    axes.set_xticks(range(3, 25, 3), [f"{hour}:00" for hour in range(3, 25, 3)])
    axes.set_yticks(range(len(days)), [_date(day) for day in days])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    tally = {good if state == "ok" else state: sum(1 for *_, each in cells if each == state) for state in STATES}
    counts = ", ".join(f"{n} {term(word).en}" for word, n in tally.items() if n)
    axes.set_title(f"{meter}: {counts}", loc="left", fontsize=10, color=INK)


def alarm_timeline(measurement: Measurement, limit_s: float | None = None) -> str | None:
    """Each alarm from stimulus to arrival; one raised in an outage gets a second panel from 'usable again' on."""
    alarms = detail.alarms(measurement)
    if not alarms:
        return None
    in_outage = [alarm for alarm in alarms if alarm.outage_ns]
    with _figure(1.1 + _row_in(len(alarms)) * len(alarms), columns=2 if in_outage else 1) as (figure, all_axes):
        if in_outage:
            _draw_outage(all_axes[0], alarms)
        _draw_delays(all_axes[-1], alarms, limit_s)
        _legend(figure, *all_axes)
        return _svg(figure)


def _draw_outage(axes: Axes, alarms: Sequence[detail.Alarm]) -> None:
    origin = min(alarm.outage_ns[0] for alarm in alarms if alarm.outage_ns)

    def hours(t_ns: int) -> float:
        return (t_ns - origin) / NS_PER_HOUR

    for row, alarm in enumerate(alarms):
        if alarm.outage_ns:
            begin, end = (hours(t) for t in alarm.outage_ns)
            axes.barh(row, end - begin, left=begin, height=0.6, color="#e3e6ea", label=str(term("outage")))
        _mark(axes, hours(alarm.stimulus_ns), row, "v", INK, "stimulus アラーム発生")
        if alarm.usable_ns is not None:
            _mark(axes, hours(alarm.usable_ns), row, "|", "#2f6fab", str(term("usable_again")))
        if alarm.arrival_ns is not None:
            _mark(axes, hours(alarm.arrival_ns), row, "D", "#1a7f37", "at the server サーバ到着")
    _alarm_rows(axes, alarms)
    axes.set_xlabel("h after the network went down 停電からの時間")


def _draw_delays(axes: Axes, alarms: Sequence[detail.Alarm], limit_s: float | None) -> None:
    for row, alarm in enumerate(alarms):
        begin = alarm.stimulus_ns if alarm.usable_ns is None else max(alarm.usable_ns, alarm.stimulus_ns)
        if alarm.arrival_ns is None:
            axes.annotate("never arrived 未到着", (0, row), xytext=(6, 0), textcoords="offset points", va="center",
                          color=BAD)  # fmt: skip
            continue
        delay = (alarm.arrival_ns - begin) / NS_PER_S
        axes.plot([0, delay], [row, row], color=INK, linewidth=1)
        _mark(axes, delay, row, "D", "#1a7f37", "at the server サーバ到着")
        text = (
            f"{figures.number(delay, 1 if delay >= 10 else 2)} s"
            if alarm.time_kept
            else "time of occurrence changed 発生時刻の相違"
        )
        colour = INK if alarm.time_kept else BAD
        axes.annotate(
            text, (delay, row), xytext=(9, 0), textcoords="offset points", va="center", color=colour, weight="bold"
        )
    if limit_s is not None:
        _limit_line(axes, limit_s)
    _alarm_rows(axes, alarms)
    axes.margins(x=0.12)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))  # one that came before the network counts as usable is negative
    usable = any(alarm.usable_ns is not None for alarm in alarms)
    axes.set_xlabel(
        "s after the network was usable again 網復旧からの秒数" if usable else "s after the stimulus 発生からの秒数"
    )


def _alarm_rows(axes: Axes, alarms: Sequence[detail.Alarm]) -> None:
    axes.set_yticks(range(len(alarms)), [alarm.label or f"{i + 1}" for i, alarm in enumerate(alarms)])
    axes.set_ylim(len(alarms) - 0.4, -0.6)


def _mark(axes: Axes, x: float, row: int, marker: str, colour: str, label: str) -> None:
    size, edge = (9, 2) if marker == "|" else (6, 0)
    axes.plot([x], [row], marker, color=colour, markersize=size, markeredgewidth=edge, label=label, zorder=4,
              clip_on=False, linestyle="none")  # fmt: skip


def hour_mark_sides(measurement: Measurement, limit_s: float | None = None) -> str | None:
    """Each swept step beside its mark, a row a meter: on which side of it the delivered value was read."""
    sides = detail.sides(measurement)
    if not sides:
        return None
    meters = sorted({side.meter for side in sides})
    with _figure(1.1 + 0.4 * len(meters)) as (figure, (axes,)):
        for side in sides:
            colour = BAD if side.beyond else "#1a7f37"
            label = str(term("read_after" if side.after else "read_before"))
            _mark(axes, side.delta_s, meters.index(side.meter), "<" if side.after else ">", colour, label)
        axes.axvline(0, color=INK, linewidth=1.0)
        for end in (-limit_s, limit_s) if limit_s is not None else ():
            _limit_line(axes, end)
        axes.set_yticks(range(len(meters)), meters)
        axes.set_ylim(len(meters) - 0.4, -0.6)
        axes.margins(x=0.06)
        axes.set_xlabel("s of the register's step from the hour mark 正時からの指針変化の時刻差")
        _legend(figure, axes)
        return _svg(figure)


def control_commands(measurement: Measurement, _limit: float | None = None) -> str | None:
    """Each command from its acceptance: forwarded, where the valve stood, and the meter's last answer."""
    commands = detail.items(measurement, "commands")
    if not commands:
        return None
    with _figure(1.1 + _row_in(len(commands)) * len(commands)) as (figure, (axes,)):
        for row, command in enumerate(commands):
            _draw_command(axes, row, command)
        names = [detail.text(f"{one.get('command')} {one.get('meter')}") for one in commands]
        axes.set_yticks(range(len(commands)), names)
        axes.set_ylim(len(commands) - 0.4, -0.6)
        axes.set_xlabel("s after the MDMS asked 上位要求からの秒数")
        _legend(figure, axes)
        return _svg(figure)


VALVE_COLOURS = {"open": "#a1d99b", "checking": "#fdae6b", "shut": "#9ecae1"}


def _draw_command(axes: Axes, row: int, command: Mapping[str, Any]) -> None:
    at_ns = command["at_ns"]
    answered_ns = command.get("answered_ns")
    moved = [(t_ns, state) for t_ns, state in command.get("moved", ())]
    ends = [t_ns for t_ns, _ in moved[1:]] + [max([answered_ns or at_ns, *(t for t, _ in moved)]) + 5 * NS_PER_S]
    for (t_ns, state), end_ns in zip(moved, ends, strict=False):
        left, right = (t_ns - at_ns) / NS_PER_S, (end_ns - at_ns) / NS_PER_S
        axes.barh(row, right - left, left=left, height=0.5, color=VALVE_COLOURS.get(state, UNKNOWN), label=state)
    if answered_ns is None or command.get("why"):
        axes.annotate(
            detail.text(command.get("why", "")), (0, row), xytext=(6, 0), textcoords="offset points", color=BAD
        )
    if answered_ns is not None:
        answer_s = (answered_ns - at_ns) / NS_PER_S
        axes.plot([answer_s], [row], "D", color=INK, markersize=6, linestyle="none", label=str(term("last_answer")))


def cut_off_probes(measurement: Measurement, _limit: float | None = None) -> str | None:
    """Probes of each cut-off by phase: filled where one passed, red where it should have done otherwise."""
    probes = detail.items(measurement, "probes")
    if not probes:
        return None
    scopes = list(dict.fromkeys(str(one.get("scope")) for one in probes))
    phases = ("before", "window", "after")
    with _figure(1.0 + 0.9 * len(scopes)) as (figure, (axes,)):
        for row, (scope, phase) in enumerate([(scope, phase) for scope in scopes for phase in phases]):
            own = [one for one in probes if one.get("scope") == scope and one.get("phase") == phase]
            for column, one in enumerate(own):
                _draw_probe(axes, column, row, one)
        axes.set_yticks(
            range(3 * len(scopes)), [f"{scope}: {term(f'cut_off.{p}')}" for scope in scopes for p in phases]
        )
        axes.set_ylim(3 * len(scopes) - 0.4, -0.6)
        axes.set_xticks([])
        axes.set_xlim(-0.5, max(8, len(probes) / max(1, 3 * len(scopes))) + 0.5)
        _legend(figure, axes)
        return _svg(figure)


def _draw_probe(axes: Axes, column: int, row: int, probe: Mapping[str, Any]) -> None:
    passed = probe.get("passed_ns") is not None
    wrong = passed is not bool(probe.get("expected"))
    colour = BAD if wrong else "#2f6fab"
    label = str(term("cut_off.passed" if passed else "cut_off.held"))
    axes.plot([column], [row], "o" if passed else "x", color=colour, linestyle="none", markersize=7, label=label)
    said = detail.text(f"{probe.get('what')} {probe.get('meter')}")
    axes.annotate(said, (column, row), xytext=(6, -3), textcoords="offset points", fontsize=7, color=QUIET)


def backup_bracket(measurement: Measurement, limit_s: float | None = None) -> str | None:
    """Each request by its time without mains: answered or not, the bracket between, and the agreed time."""
    requests = detail.items(measurement, "unpowered")
    found = [
        (float(t), bool(one.get("answered"))) for one in requests if isinstance(t := one.get("after_s"), int | float)
    ]
    if not found:
        return None
    with _figure(1.1) as (figure, (axes,)):
        if measurement.bounds is not None:
            low, high = measurement.bounds
            axes.axvspan(low, high, color=UNKNOWN, label=str(term("bracket")))
        for after_s, answered in found:
            label = str(term("answered" if answered else "unanswered"))
            _mark(axes, after_s, 0, "o" if answered else "X", "#1a7f37" if answered else QUIET, label)
        if limit_s is not None:
            _limit_line(axes, limit_s)
        axes.set_yticks([])
        axes.set_xlim(left=0)
        axes.set_xlabel("s without mains 停電からの秒数")
        _legend(figure, axes)
        return _svg(figure)


_PLOTS: tuple[Callable[[Measurement, float | None], str | None], ...] = (
    join_timeline,
    roundtrip_distribution,
    buffering_strip,
    alarm_timeline,
    hour_mark_sides,
    control_commands,
    cut_off_probes,
    backup_bracket,
)


def _day_hour(mark_ns: int) -> tuple[int, int]:
    """JST day number and hour 1..24 of an hour mark: 00:00 is 24:00 of the day before (lab-practice.md 1)."""
    hours = (mark_ns + JST_OFFSET_NS) // NS_PER_HOUR - 1
    return hours // 24, hours % 24 + 1


def _date(day: int) -> str:
    return figures.jst(day * NS_PER_DAY - JST_OFFSET_NS)[:10]


def _limit_line(axes: Axes, limit: float) -> None:
    label = f"{term('limit')} {figures.number(limit)} s"
    axes.axvline(limit, color=LIMIT, linestyle=(0, (5, 3)), linewidth=1.2, label=label, zorder=1)


LEGEND_EM = 84
"""Widths of a capital M that fit beside each other in the legend's font."""


def _legend(figure: Figure, *all_axes: Axes) -> None:
    """A block of its own above the axes: areas, then marks and lines, each label once; nothing without labels."""
    from matplotlib.lines import Line2D

    once: dict[str, Any] = {}
    for axes in all_axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            once.setdefault(_padded(label), handle)
    labels = sorted(once, key=lambda label: isinstance(once[label], Line2D))
    if labels:
        rows = -(-sum(3.5 + 0.6 * len(label) for label in labels) // LEGEND_EM)
        figure.legend(
            [once[label] for label in labels], labels, loc="outside upper left", ncols=-(-len(labels) // int(rows)),
            frameon=False, fontsize=9, handlelength=1.2, columnspacing=1.0, borderaxespad=0.1,
        )  # fmt: skip


def _padded(text: str) -> str:
    """Make room for Japanese: the layout font counts 0.6 em a glyph that it lacks, the browser's font takes 1 em."""
    return text + " " * sum(1 for glyph in text if ord(glyph) > 0x2E7F)


@contextmanager
def _figure(
    height_in: float, rows: int = 1, columns: int = 1, width_ratios: Sequence[float] | None = None
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure without pyplot's global state, in the report's style, and its axes row by row."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.hashsalt": "kenshin-bench", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 10,
        "text.parse_math": False,
        "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": QUIET, "axes.labelcolor": INK,
        "xtick.color": QUIET, "ytick.color": QUIET, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    }  # fmt: skip
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # the browser has them
        figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, width_ratios=width_ratios)
        yield figure, list(axes.flat)


def _svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element: no XML prolog, no date, no fixed size in points."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    out = io.StringIO()
    # Saving draws twice, once for the layout alone, which needs no drawing.
    FigureCanvasSVG(figure)
    figure.dpi = 72  # the backend's own
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace("'DejaVu Sans'", FONTS)
    return re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2).strip()
