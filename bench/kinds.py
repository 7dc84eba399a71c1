"""The vocabulary of observations: every kind once, with its source, its subject and its fields.

Whoever publishes, awaits or judges imports the constant; a name that is misspelt is an import error and not a week of
silence. What a kind is, and what is refused, stands in `bench.vocabulary`; all of that is to be had here, too.

A device of somebody else's that says such a thing is no bug of ours and must not end a run: what a connection server
says out of turn is recorded as `SERVER_ODD`, with the reason.

A device family that observes something of its own declares it in its own folder (``Family.kinds``) and is known from
then on. ``python -m bench.kinds docs/formats.md`` writes the table of that page anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.vocabulary import KINDS as KINDS
from bench.vocabulary import Field as Field
from bench.vocabulary import Kind as Kind
from bench.vocabulary import Type as Type
from bench.vocabulary import WrongObservation as WrongObservation
from bench.vocabulary import check as check
from bench.vocabulary import register as register


def _kind(name: str, source: str, subject: str, *fields: Field, says: str = "", more: str = "") -> Kind:
    return register(Kind(name, source, subject, *fields, says=says, more=more))


def _server(event: str, *fields: Field, says: str = "") -> Kind:
    """An event of the connection server. Asked of it is what a judgement needs; a server may say more."""
    common = (Field("id", Type.INTEGER, "the event's number"), Field("terminal", Type.TEXT))
    return _kind(SERVER + event, "server", "terminal", *common, *fields, says=says, more="what a server adds")


_T, _I, _N, _B = Type.TEXT, Type.INTEGER, Type.NUMBER, Type.TRUTH

# -- what the bench is about to do: on disk before its stimulus --------------------------------------------------------

INTENT: Final = "intent."
"""Prefix of all intents."""

INTENT_FEED: Final = _kind("intent.feed", "bench", "terminal", Field("on", _B), says="its supply is switched")
INTENT_MAINS: Final = _kind(
    "intent.mains",
    "bench",
    "`mesh` or `concentrator`",
    Field("on", _B),
    says="the AC source of the smart meters, or of the concentrator",
)
INTENT_SITE: Final = _kind("intent.site", "bench", "meter", says="it is read on site, by a handy terminal")
INTENT_CUT: Final = _kind(
    "intent.cut",
    "bench",
    "`mesh`",
    Field("cut", _B),
    Field("outage", _T, "the kind of outage"),
    says="the mesh is taken away or given back, where its mains are not the bench's",
)
INTENT_PRESS: Final = _kind("intent.press", "bench", "terminal", Field("duration_s", _N, unit="s"))
INTENT_INDEX: Final = _kind("intent.index", "bench", "meter", Field("index", _I, "what the register is set to"))
INTENT_ALARM: Final = _kind("intent.alarm", "bench", "meter", Field("code", _T))
INTENT_REQUEST: Final = _kind(
    "intent.request",
    "bench",
    "terminal",
    Field("op", _T, "`read` or `history`"),
    Field("meter", _T, optional=True),
    Field("why", _T, "where it is a positive control", optional=True),
)
INTENT_DEREGISTER: Final = _kind("intent.deregister", "bench", "terminal", says="the server forgets it")

# -- what devices said -------------------------------------------------------------------------------------------------

SUPPLY_OUTPUT: Final = _kind(
    "supply.output",
    "the supply, `supply.dc`",
    "terminal, or `mesh`",
    Field("channel", _I),
    Field("on", _B),
    Field("volts", _N, "as set; a switch sets none", unit="V", optional=True),
    Field("amps", _N, "limit as set; a switch sets none", unit="A", optional=True),
    Field("measured_volts", _N, "where the instrument told", unit="V", optional=True),
    Field("measured_amps", _N, "where the instrument told", unit="A", optional=True),
    says="read back after each set",
)
PANEL_PRESS: Final = _kind("panel.press", "`panel.t1`", "terminal", Field("duration_s", _N, unit="s"))
PANEL_LAMP: Final = _kind(
    "panel.lamp", "`panel.t1`", "terminal", Field("state", _T, "`off`, `blinking` or `on`"), says="at each change"
)
CONSOLE_LINE: Final = _kind("console.line", "`console.t1`", "terminal", Field("text", _T), says="from the terminal")
CONSOLE_COMMAND: Final = _kind("console.command", "`console.t1`", "terminal", Field("text", _T), says="to the terminal")
CONSOLE_JOIN_STATE: Final = _kind(
    "console.join_state", "`console.t1`", "terminal", Field("state", _I, "0 to 5"), says="where a line tells it"
)
METER_INDEX: Final = _kind(
    "meter.index", "`meter.t1.gas`", "meter", Field("index", _I, "in the least count"), says="read back after each set"
)
METER_TOLD: Final = _kind(
    "meter.told", "`tap.t1.gas`", "meter", Field("index", _I, "in the least count"), says="heard by a tap of its line"
)
METER_UNKNOWN: Final = _kind(
    "meter.unknown", "`pulse.t1.gas`", "meter", Field("why", _T), says="until it is read again"
)
METER_VALVE: Final = _kind(
    "meter.valve",
    "`meter.t1.gas`",
    "meter",
    Field("state", _T, "`open`, `shut`, `checking` (leak check), or `none`"),
    Field("looked", _B, "somebody looked: since when it is so is not known", optional=True),
    says="at each change, and when it is read",
)
METER_LEAK: Final = _kind("meter.leak", "`meter.t1.gas`", "meter", Field("leak", _B, "gas is lost behind its valve"))
METER_ALARM: Final = _kind("meter.alarm", "`meter.t1.gas`", "meter", Field("code", _T), says="raised by the bench")

# -- what people did, because they were asked --------------------------------------------------------------------------

_TASK: Final = Field("task", _I, "its number")
_ACTS: Final = (
    "`press`, `lamp`, `watch`, `read`, `again`, `set`, `alarm`, `cut`, `restore`, `erase`, `feed`, `unfeed`, `move`, "
    "`request`, `receipt`, `turn`, `valve`, `moves`, `leak`, `unleak`"
)
_DO: Final = Field("do", _T, _ACTS)
_AFTER: Final = Field("after_s", _N, "since it was asked", unit="s")

OPERATOR_ASKED: Final = _kind(
    "operator.asked", "the operator port", "terminal, meter or `mesh`", _TASK, _DO, Field("ja", _T), Field("en", _T)
)
OPERATOR_DONE: Final = _kind(
    "operator.done",
    "the operator port",
    "terminal, meter or `mesh`",
    _TASK,
    _DO,
    Field("value", _T, "what was read or seen", optional=True),
    Field("name", _T, "who says so, where given", optional=True),
    says="confirmed; what was done by it stands beside it as `panel.press`, `meter.index` ...",
)
OPERATOR_PHOTO: Final = _kind(
    "operator.photo",
    "the operator port",
    "terminal, meter or `mesh`",
    _TASK,
    _DO,
    Field("file", _T, "below the run folder"),
    Field("sha256", _T),
    says="a picture that came with a confirmation",
)
OPERATOR_UNDONE: Final = _kind(
    "operator.undone",
    "the operator port",
    "terminal, meter or `mesh`",
    _TASK,
    _DO,
    _AFTER,
    says="a confirmation was taken back: I did not do that",
)
OPERATOR_CANNOT: Final = _kind(
    "operator.cannot", "the operator port", "terminal, meter or `mesh`", _TASK, _DO, Field("why", _T), _AFTER
)
OPERATOR_TIMEOUT: Final = _kind(
    "operator.timeout",
    "the operator port",
    "terminal, meter or `mesh`",
    _TASK,
    _DO,
    _AFTER,
    says="nobody answered; whether it was done is not known",
)

OPERATOR_REQUEST: Final = _kind(
    "operator.request",
    "the operator port",
    "terminal",
    Field("request", _T, "its id, by the number that the server's staff told"),
    Field("op", _T, "`read` or `history`"),
    Field("meter", _T),
    says="a request that the server's staff made, at some time between question and answer",
)

# -- what the connection server said, with its own stamp ---------------------------------------------------------------

SERVER: Final = "server."
"""Prefix of the server's events: what follows is the event's own kind."""

SERVER_REACHABLE: Final = _server(
    "terminal.reachable", Field("eui64", _T, optional=True), says="first application contact after a (re)join"
)
SERVER_UPLOAD: Final = _server(
    "upload",
    Field("upload_seq", _I, optional=True),
    Field("delivery", _T, "`scheduled` or `recovery`", optional=True),
    Field("meters", Type.OBJECTS, "`{meter, values: [{mark_ns, index}]}`"),
)
SERVER_ALARM: Final = _server("alarm", Field("meter", _T), Field("code", _T), Field("occurred_ns", _I, unit="ns"))
SERVER_REQUEST_SENT: Final = _server(
    "request.sent", Field("request", _T), Field("op", _T, optional=True), Field("meter", _T, optional=True)
)
SERVER_ANSWER: Final = _server(
    "answer",
    Field("request", _T),
    Field("op", _T, optional=True),
    Field("meter", _T, optional=True),
    Field("index", _I, "of a read", optional=True),
    Field("read_ns", _I, "of a read", unit="ns", optional=True),
    Field("values", Type.OBJECTS, "of a history: `{mark_ns, index}`", optional=True),
    Field("part", _I, optional=True),
    Field("parts", _I, optional=True),
)
SERVER_REQUEST_FAILED: Final = _server(
    "request.failed", Field("request", _T), Field("op", _T, optional=True), Field("reason", _T, optional=True)
)
SERVER_ODD: Final = _kind(
    "server.odd",
    "server",
    "terminal, or the server",
    Field("id", _I, "where it has one", optional=True),
    Field("event", _T, "as it came, JSON"),
    Field("why", _T, "what this bench cannot take it for"),
    says="an event of no kind that is known, or without what its kind has; judged by nobody",
)

EVIDENCE_DEFERRED: Final = _kind(
    "evidence.deferred",
    "server",
    "the server",
    Field("format", _T, "of the files"),
    says="the server is not heard while the bench drives: its word comes later, as files of a day each",
)
EVIDENCE_LOG: Final = _kind(
    "evidence.log",
    "server",
    "the server",
    Field("day", _T, "in Japan"),
    Field("file", _T, "below the run folder"),
    Field("sha256", _T),
    Field("events", _I, "that it brought; those that were there already are passed over"),
    says="a whole day of the server's log was added, and its events after this row",
)

# -- what came to a utility's MDMS, which the bench plays, and what the operator's gate did ----------------------------

MDMS: Final = "mdms."
"""Prefix of what passes on an MDMS link."""

_METER: Final = Field("meter", _T)
_REQUEST: Final = Field("request", _T, "its id")
_SPAN: Final = (Field("from_ns", _I, "hour mark", unit="ns"), Field("to_ns", _I, "hour mark, inclusive", unit="ns"))


def _mdms(name: str, subject: str, *fields: Field, says: str = "", more: str = "") -> Kind:
    return _kind(MDMS + name, "`mdms.gas`", subject, *fields, says=says, more=more)


def _pushed(name: str, *fields: Field, says: str = "") -> Kind:
    """A message from the connection server, with its number; a server may say more."""
    common = (Field("id", _I, "the message's number"), Field("terminal", _T))
    return _mdms(name, "terminal", *common, *fields, says=says, more="what a server adds")


INTENT_LEAK: Final = _kind("intent.leak", "bench", "meter", Field("leak", _B, "gas is lost behind its valve"))
INTENT_LINK: Final = _kind("intent.link", "bench", "utility", Field("state", _T, "`open`, `pull` or `shut`"))
INTENT_ASK: Final = _kind(
    "intent.ask", "bench", "utility", Field("op", _T), _METER, says="its MDMS asks", more="what is asked for"
)
INTENT_GATE: Final = _kind(
    "intent.gate", "bench", "`gate`", Field("do", _T, "`cut off`, `reconnect` or `remove`"), more="what it is about"
)
MDMS_LINK: Final = _mdms(
    "link", "utility", Field("state", _T, "`open`, `pull` (no push) or `shut`"), says="the bench's end, as it is now"
)
MDMS_READINGS: Final = _pushed("readings", Field("meters", Type.OBJECTS, "as in an upload"), says="pushed")
MDMS_ALARM: Final = _pushed("alarm", _METER, Field("code", _T), Field("occurred_ns", _I, unit="ns"), says="pushed")
MDMS_ANSWER: Final = _pushed("answer", _REQUEST, Field("op", _T), _METER, says="to a request of the MDMS")
MDMS_FAILED: Final = _pushed("request.failed", _REQUEST, Field("op", _T), Field("reason", _T, optional=True))
MDMS_PULLED: Final = _mdms(
    "pulled",
    "utility",
    _METER,
    *_SPAN,
    Field("values", Type.OBJECTS, "`{mark_ns, index}`"),
    Field("stored_at", _T, "who keeps them: `server` or `mdms` (the operator's)"),
    says="what the server keeps, as it was pulled",
)
MDMS_ACCEPTED: Final = _mdms("accepted", "utility", _REQUEST, Field("op", _T), _METER, says="the server took a request")
MDMS_REFUSED: Final = _mdms(
    "refused", "utility", Field("op", _T), _METER, Field("status", _I), Field("why", _T), says="the server took it not"
)
MDMS_ODD: Final = _mdms("odd", "utility", Field("message", _T, "as it came, JSON"), Field("why", _T))

_WHAT: Final = tuple(Field(name, _T, optional=True) for name in ("utility", "terminal", "message"))
GATE_CUT_OFF: Final = _kind("gate.cut_off", "`gate`", "`gate`", *_WHAT, says="what fits all of these is cut off")
GATE_RECONNECTED: Final = _kind("gate.reconnected", "`gate`", "`gate`", *_WHAT, says="it may pass again")
GATE_REMOVED: Final = _kind(
    "gate.removed", "`gate`", "`gate`", _METER, *_SPAN, Field("removed", _I, "hours"), says="a gap, made on purpose"
)

# -- what a handy terminal read, on site -------------------------------------------------------------------------------

HANDY_ASKED: Final = _kind("handy.asked", "`handy`", "meter", says="somebody at the terminal asks it for this meter")
HANDY_READING: Final = _kind("handy.reading", "`handy`", "meter", Field("index", _I), says="what it was given there")
HANDY_NOTHING: Final = _kind("handy.nothing", "`handy`", "meter", says="it was given nothing")

# -- episodes ----------------------------------------------------------------------------------------------------------

EPISODE: Final = "episode."
"""Prefix of what bounds and divides episodes."""

EPISODE_BEGIN: Final = _kind(
    "episode.begin", "bench", "episode", Field("name", _T), Field("profile", _T, optional=True)
)
EPISODE_END: Final = _kind("episode.end", "bench", "episode", Field("name", _T))
EPISODE_MILESTONE: Final = _kind(
    "episode.milestone", "bench", "episode", Field("name", _T), more="what the episode says, e.g. `terminal, n`"
)
EPISODE_NOT_READY: Final = _kind(
    "episode.not_ready",
    "bench",
    "terminal",
    Field("name", _T),
    Field("why", _T),
    says="not joined when the episode began, so nothing is judged there",
)
EPISODE_LEFT_OUT: Final = _kind(
    "episode.left_out",
    "bench",
    "terminal",
    Field("name", _T),
    Field("what", _T, "the step: `attempt`, `request`, `step`, `sweep`, `raise`, `cut`, `read`, `control`"),
    Field("why", _T),
    says="a step that could not be driven with what the rig has, so nothing is judged from it",
)
EPISODE_VOID: Final = _kind(
    "episode.void",
    "bench",
    "episode",
    Field("name", _T),
    Field("reason", _T, optional=True),
    says="an attempt that does not count and is driven again",
)

# -- the bench itself --------------------------------------------------------------------------------------------------

BENCH: Final = "bench."
"""Prefix of what befell the bench."""

BENCH_RESUMED: Final = _kind(
    "bench.resumed",
    "bench",
    "`bench`",
    Field("takeover", _T, "`in time` (outputs as they were left) or `too late`"),
)
BENCH_EXTENDED: Final = _kind(
    "bench.extended", "bench", "`bench`", says="a finished run goes on with further episodes, on a rig made ready anew"
)
BENCH_BLIND: Final = _kind(
    "bench.blind",
    "bench",
    "`bench`",
    Field("from_ns", _I, unit="ns"),
    Field("to_ns", _I, unit="ns"),
    Field("why", _T, optional=True),
    says="nobody watched",
)
BENCH_LOST_PORT: Final = _kind("bench.lost_port", "bench", "port", Field("port", _T), Field("reason", _T))
BENCH_FOUND_PORT: Final = _kind(
    "bench.found_port",
    "bench",
    "port",
    Field("port", _T),
    says="a port that was lost speaks again (real rigs; looked for every 5 s)",
)
BENCH_ERROR: Final = _kind(
    "bench.error", "bench", "episode", Field("what", _T), Field("touches", Type.TEXTS, "ports, terminals or episodes")
)
BENCH_SAFE: Final = _kind(
    "bench.safe",
    "bench",
    "`bench`",
    Field("reason", _T),
    Field("failed", Type.TEXTS, "outputs that did not obey"),
    says="outputs were made safe",
)
BENCH_WATCHDOG_LOST: Final = _kind(
    "bench.watchdog_lost",
    "bench",
    "`bench`",
    Field("reason", _T),
    says="the outputs' guard died, stood still, or had to act; another one is started",
)
BENCH_WATCHDOG_STARTED: Final = _kind("bench.watchdog_started", "bench", "`bench`", says="a fresh watchdog is armed")
BENCH_TOOK_BACK: Final = _kind(
    "bench.took_back",
    "bench",
    "`bench`",
    Field("why", _T),
    says="a bench that had stood still has its outputs again, safe and guarded: what is driven from here on counts",
)
PLACE_ACQUIRED: Final = _kind(
    "place.acquired",
    "bench",
    "`bench`",
    Field("place", _T),
    Field("resources", Type.TEXTS, "as the coordinator names them"),
    Field("by_bench", _B, "this run acquired it, and releases it"),
    says="a labgrid place that this run drives",
)
PLACE_LOST: Final = _kind(
    "place.lost",
    "bench",
    "`bench`",
    Field("place", _T),
    Field("why", _T),
    Field("holder", _T, "who has it now, where somebody has", optional=True),
    says="somebody else released or took the place: the run stops, and what is its own is made safe",
)
BENCH_NOISE: Final = _kind(
    "bench.noise",
    "bench",
    "port",
    Field("port", _T),
    Field("octets", _I, "dropped"),
    says="a port said more than a line without a line end",
)
CLOCK_ANCHOR: Final = _kind(
    "clock.anchor",
    "clock",
    "`bench`",
    Field("step_ns", _I, "what UTC had moved against rig time since the last anchor", unit="ns"),
    Field("change", _T, "`first`, `boot` (rig time led over a restart of the host by UTC), `none`, `slew`, `step`"),
    Field("offset_ns", _I, "UTC less rig time", unit="ns"),
    Field("half_ns", _I, "half of what the reading leaves open", unit="ns"),
    Field("synchronised", _B, "what the kernel says of UTC", optional=True),
    Field("max_error_ns", _I, "the kernel's bound on UTC's error, where it is synchronised", unit="ns", optional=True),
    Field("rate_ppm", _N, "how monotonic time was steered since the last anchor", unit="ppm", optional=True),
    Field("boot", _T, "names the host's run between two starts"),
    Field("monotonic_ns", _I, "the host's monotonic time", unit="ns"),
    says="where UTC stands; real rigs only, at the opening, every minute, and when UTC is seen to have moved",
)
CLOCK_EXCHANGE: Final = _kind(
    "clock.exchange",
    "clock",
    "the port",
    Field("what", _T, "`status` or `request`"),
    Field("sent_ns", _I, "rig time before it was asked", unit="ns"),
    Field("received_ns", _I, "rig time when the answer was there", unit="ns"),
    Field("stamp_ns", _I, "what the other clock read between the two", unit="ns", optional=True),
    Field("request", _T, "its id", optional=True),
    says="how a device's own clock stands; real rigs only, with each request and every minute",
)
CLOCK_SNIFFER: Final = _kind(
    "clock.sniffer",
    "clock",
    "the port",
    Field("capture", _T, "name of the capture file"),
    Field("frame", _I, "number of the last frame there that this is about; the first follows the row before"),
    Field("stamp_ns", _I, "the sniffer's stamp of the one of them that is farthest ahead of its arrival", unit="ns"),
    Field("received_ns", _I, "rig time when that one was there", unit="ns"),
    says="how a sniffer's clock stands; real rigs only, every minute in which frames came",
)

# -- the table in the docs ---------------------------------------------------------------------------------------------

BEGIN_TABLE: Final = "<!-- begin of the kinds: written by `python -m bench.kinds docs/formats.md` -->"
END_TABLE: Final = "<!-- end of the kinds -->"


def table(kinds: Iterable[Kind]) -> str:
    """The kinds as a Markdown table."""
    rows = [f"| `{kind}` | {_code(kind.source)} | {kind.subject} | {_data(kind)} |" for kind in kinds]
    return "\n".join(["| kind | source | subject | data |", "|---|---|---|---|", *rows])


def with_table(page: str) -> str:
    """``page`` with the table between its two marks written anew. ValueError where a mark is missing."""
    head, begin, rest = page.partition(BEGIN_TABLE)
    _old, end, tail = rest.partition(END_TABLE)
    if not begin or not end:
        raise ValueError(f"no place for the table; expected the lines {BEGIN_TABLE} and {END_TABLE}")
    return f"{head}{begin}\n\n{table(KINDS.values())}\n\n{end}{tail}"


def _code(source: str) -> str:
    return source if "`" in source else f"`{source}`"


def _data(kind: Kind) -> str:
    fields = [*map(_field, kind.fields), *([f"and {kind.more}"] if kind.more else [])]
    return ": ".join(part for part in (kind.says, ", ".join(fields)) if part)


def _field(field: Field) -> str:
    """`read_ns`? (integer, ns: of a read)."""
    unit = f", {field.unit}" if field.unit else ""
    says = f": {field.says}" if field.says else ""
    return f"`{field.name}`{'?' if field.optional else ''} ({field.type}{unit}{says})"


def main(paths: list[str]) -> None:
    """``python -m bench.kinds PAGE...``: write the table of each page anew."""
    for path in map(Path, paths):
        path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
