"""`kenshin measure`: joins, hops, round trips, air time and links from bare captures, for people or for programs.

Works on decoded frames only: no run folder, no rig. What was measured is printed before an error of the file is raised,
so a truncated capture still gives its whole frames.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from bench.air.capture.capture import CaptureFile, captures_of
from bench.air.capture.fcs import all_wrong
from bench.air.frame.bugs import Bugs
from bench.air.frame.decoder import decode_frames
from bench.air.frame.settle import settle
from bench.air.ip import packet as ipv6
from bench.air.keys.table import KeyTable
from bench.air.lowpan.contexts import parse_contexts
from bench.air.octets import counted
from bench.errors import InputError
from bench.formats import FIGURES, KEY
from bench.measurands.air.figures.hops import AddressBook
from bench.measurands.air.figures.join import Join, NodeRecord
from bench.measurands.air.figures.mesh_report import Json, sniffers_json
from bench.measurands.air.figures.report import Measured, as_json, measure, measure_digest, node_name, statistics_ms
from bench.measurands.air.figures.roundtrip import RoundTrips
from bench.measurands.air.sightings.bulk import collect
from bench.measurands.air.sightings.digest import Collector
from bench.measurands.air.sniffers.merge import Air
from bench.measurands.air.sniffers.transfers import Link

FORMATS = ("table", "json")
_CLOCKS: Final = (
    "\n  What requests waited before the air is in their round trips, and told by two clocks, host's and sniffer's: if"
    "\n  these drift apart, that is in it, too. Round trips on the sniffer's clock alone: rtt_air_ms in the JSON."
)


def measure_command(
    path: str | Sequence[str],
    keys: str | None,
    fmt: str,
    out: TextIO,
    bitrate_bps: int | None = None,
    contexts: Sequence[str] = (),
    err: TextIO | None = None,
) -> None:
    """Writes the measurands of the capture at ``path`` to ``out`` as "table" or "json".

    Several paths are several sniffers of one air: each transmission counts once, on the first one's clock.
    ``keys``: a Wireshark ``ieee802154_keys`` file. ``bitrate_bps``: bit rate of the radio in bit/s, where the capture
    does not show it. ``contexts``: what 6LoWPAN addresses are compressed against, as texts (`parse_contexts`). Raises
    `InputError` for a wrong file, key file or option; after printing where the capture is truncated or no secured frame
    verifies under the keys; `BenchError` after printing where the decoder failed. That no FCS of a capture is right is
    said on ``err`` (default: standard error), and under ``wrong_fcs`` in the JSON.
    """
    if fmt not in FORMATS:
        raise InputError(f"--format: {fmt!r}; expected one of {', '.join(FORMATS)}")
    if bitrate_bps is not None and not 1_000 <= bitrate_bps <= 10_000_000:
        raise InputError(f"--bitrate: {bitrate_bps}; expected bit/s between 1000 and 10000000")
    table = KeyTable.read(Path(keys)) if keys is not None else None
    known = parse_contexts(contexts)
    paths = [path] if isinstance(path, str) else list(path)
    captures = captures_of(paths)
    air = Air.of(captures) if len(captures) > 1 else None
    bugs = Bugs()
    if air is None:
        measured = _measure_one(paths[0], captures[paths[0]], table, known, bitrate_bps, bugs)
    else:
        measured = measure(bugs.watch(air.frames(settle(paths, table, known), known)), bitrate_bps)
    error = next((records.error for records in captures.values() if records.error is not None), None)
    if error is not None and not measured.frames:
        raise error
    wrong = {name: told for name in paths if (told := all_wrong(name)) is not None}
    for name, told in wrong.items():
        (err or sys.stderr).write(f"kenshin: {name}: {told}\n")
    if fmt == "json":
        heard = {} if air is None else {"sniffers": _heard(air, captures)}
        found = {KEY: FIGURES.version} | as_json(measured) | heard
        found["wrong_fcs"] = {
            path: {"frames": told.frames, "right_by_chance": told.by_chance, "probably": told.probably}
            for path, told in wrong.items()
        }
        json.dump(found, out, indent=2, ensure_ascii=False)
        out.write("\n")
    else:
        out.write(as_table(measured, [] if air is None else _heard(air, captures)))
    if error is not None:
        raise error
    bugs.close()
    if keys is not None and measured.mics.get("ok", 0) == 0 and _unread(measured):
        raise InputError(
            f"{keys}: none of the {counted(_unread(measured), 'secured frame')} of {', '.join(paths)} verifies;"
            " expected its GAKs"
        )


def _measure_one(
    path: str,
    records: CaptureFile,
    keys: KeyTable | None,
    contexts: Mapping[int, bytes],
    bitrate_bps: int | None,
    bugs: Bugs,
) -> Measured:
    """One capture: on all cores where it can be cut, else frame after frame."""
    book = AddressBook()
    collector = Collector(book.learn)
    if collect(path, records, keys, collector, contexts=contexts):
        return measure_digest(collector.done(), book, bitrate_bps)
    return measure(bugs.watch(decode_frames(records, settle((path,), keys, contexts), contexts)), bitrate_bps)


def _unread(measured: Measured) -> int:
    """Secured frames that were not read."""
    return measured.mics.get("bad", 0) + measured.mics.get("no key", 0)


def _heard(air: Air, captures: Mapping[str, CaptureFile]) -> list[dict[str, Json]]:
    """What `sniffers_json` says of each sniffer, and how many frames it heard."""
    return [{**told, "frames": captures[str(told["sniffer"])].frames} for told in sniffers_json(air)]


def as_table(measured: Measured, sniffers: Sequence[Mapping[str, Json]] = ()) -> str:
    """The measurands for people: aligned columns, units in the headings, "-" where unknown.

    ``sniffers``: of several captures, what the JSON has of each."""
    parts = [
        _heading(measured),
        _sniffers(sniffers),
        _nodes(measured),
        _joins(measured),
        _round_trips(measured.round_trips),
        _links(measured.mesh.links),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(measured: Measured) -> str:
    if measured.from_ns is None or measured.to_ns is None:
        return "no frames"
    began = datetime.fromtimestamp(measured.from_ns // 1_000_000_000, UTC)
    rate = measured.radio.bitrate_bps
    lines = [
        f"{counted(measured.frames, 'frame')} in {(measured.to_ns - measured.from_ns) / 1e9:.3f} s"
        f" from {began:%Y-%m-%d %H:%M:%S} UTC (times below count from there)"
    ]
    if rate is None:
        lines.append(f"PHY: {measured.radio.note}")
    else:
        lines.append(f"PHY: {rate / 1000:g} kbit/s ({measured.radio.source}; {measured.radio.note})")
    captured = measured.mesh.coverage.share
    if captured.share is not None and (bounds := captured.interval) is not None:
        lines.append(
            f"captured: {captured.part} of {counted(captured.whole, 'transmission')} that counters and numbers tell of"
            f" ({captured.share:.2%}; 95 % interval {bounds[0]:.2%} to {bounds[1]:.2%})"
        )
    if unread := _unread(measured):
        lines.append(
            f"{counted(unread, 'secured frame')} not read (no key, or a wrong one): what they carry is missing below"
        )
    return "\n".join(lines)


def _sniffers(sniffers: Sequence[Mapping[str, Json]]) -> str:
    """Each sniffer's clock against the first one's; u: standard uncertainties."""
    columns = (("offset_ns", 1e6, 6), ("u_offset_ns", 1e6, 6), ("drift_ppm", 1, 4), ("u_drift_ppm", 1, 4))
    rows = [
        (
            str(one["sniffer"]),
            str(one["frames"]),
            "-" if one["sniffer"] == one["reference"] else str(one["common_frames"]),
            *(_scaled(one[name], unit, digits) for name, unit, digits in columns),
        )
        for one in sniffers
    ]
    head = ("capture", "frames heard", "used for its clock", "offset ms", "u ms", "drift ppm", "u ppm")
    return _columns("Sniffers (clocks against the first one's)", head, rows, right=(1, 2, 3, 4, 5, 6))


def _scaled(value: Json, unit: float, digits: int) -> str:
    return f"{value / unit:.{digits}f}" if isinstance(value, (int, float)) else "-"


def _nodes(measured: Measured) -> str:
    rows = [
        (
            node_name(eui64),
            "-" if node.pan is None else f"0x{node.pan:04x}",
            _text(node.hops),
            "border router" if node.border_router else _node(node.parent),
            "-" if node.reached is None else node.reached.name.lower(),
            _seconds(measured.airtime_s.get(eui64), 3),
            node.why or "",
        )
        for eui64, node in measured.nodes.items()
    ]
    return _columns("Nodes", ("EUI-64", "PAN", "hops", "parent", "reached", "air time s", ""), rows, right=(2, 5))


def _joins(measured: Measured) -> str:
    begin = measured.from_ns or 0
    rows = [row for node in measured.nodes.values() for row in _join_rows(node, begin)]
    head = ("EUI-64", "kind", "solicits s", "authenticated s", "configured s", "operational s", "join s", "hops")
    return _columns("Joins", head, rows, right=(2, 3, 4, 5, 6, 7))


def _join_rows(node: NodeRecord, begin: int) -> Iterator[tuple[str, ...]]:
    for join in node.joins:
        stamps = (join.first_solicitation_ns, join.authenticated_ns, join.configured_ns)
        yield (
            node_name(node.eui64),
            join.kind.value if join.kind else "-",
            *(_since(stamp, begin) for stamp in stamps),
            _operational(join, begin),
            _seconds(None if join.join_ns is None else join.join_ns / 1e9, 3),
            _text(join.hops),
        )


def _operational(join: Join, begin: int) -> str:
    if join.operational_ns is None and join.operational_by_ns is not None:
        return f"<= {_since(join.operational_by_ns, begin)}"
    return "never" if join.operational_ns is None else _since(join.operational_ns, begin)


def _round_trips(series: Sequence[RoundTrips]) -> str:
    rows = []
    for trips in series:
        figures = statistics_ms(trips.rtt_ns) or {}
        rows.append(
            (
                _end(trips.src, trips.src_address),
                _end(trips.dst, trips.dst_address),
                _text(trips.hops),
                str(trips.octets),
                str(trips.sent),
                _text(trips.answered),
                *(_ms(figures.get(name)) for name in ("min", "median", "p95", "max")),
                trips.clock,
                _waited(trips),
            )
        )
    head = ("from", "to", "hops", "octets", "sent", "answered", "min ms", "median ms", "p95 ms", "max ms")
    table = _columns("Round trips (ICMPv6 echo)", (*head, "from clock", "waited ms"), rows, right=tuple(range(2, 10)))
    return table + _CLOCKS if any(len(trips.wait_ns) for trips in series) else table


def _waited(trips: RoundTrips) -> str:
    if not trips.wait_ns:
        return "-"
    return f"{min(trips.wait_ns) / 1e6:.1f} to {max(trips.wait_ns) / 1e6:.1f}"


def _links(links: Sequence[Link]) -> str:
    rows = [
        (
            node_name(link.src),
            node_name(link.dst),
            str(link.transfers),
            str(link.attempts),
            "-" if link.clear.share is None else f"{link.clear.share:.1%}",
            str(link.unclear),
            str(link.needless),
            "-" if link.rsl_dbm is None else f"{link.rsl_dbm:.0f}",
        )
        for link in links
    ]
    head = ("from", "to", "frames", "attempts", "acknowledged", "unclear", "duplicates", "level dBm")
    return _columns("Links", head, rows, right=tuple(range(2, 8)))


def _end(eui64: bytes | None, address: bytes) -> str:
    return node_name(eui64) if eui64 is not None else ipv6.text(address)


def _node(eui64: bytes | None) -> str:
    return "-" if eui64 is None else node_name(eui64)


def _text(value: int | None) -> str:
    return "-" if value is None else str(value)


def _seconds(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _since(stamp_ns: int | None, begin: int) -> str:
    return "-" if stamp_ns is None else f"{(stamp_ns - begin) / 1e9:.3f}"


def _ms(value: Json) -> str:
    return f"{value:.1f}" if isinstance(value, (int, float)) else "-"


def _columns(title: str, head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> str:
    """A table of aligned columns under a title; nothing without rows."""
    if not rows:
        return ""
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]
    lines = [title]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)
