"""All that a bare capture gives, at once: what `kenshin measure` prints.

`measure` computes, `as_json` names it. Names of the contract (design section 10, issue of the command): `nodes` with
`hops`, `parent`, `joins`; `round_trips`; `airtime_s`; `mesh` (`mesh_report`). What stands beside them says how a figure
is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import attrs

from bench.air.frame.decoder import Frame
from bench.air.ip import packet as ipv6
from bench.air.mac.frame import format_address
from bench.measurands.air.figures.counters import Fall
from bench.measurands.air.figures.hops import AddressBook, Routes
from bench.measurands.air.figures.join import Join, NodeRecord, records_of
from bench.measurands.air.figures.mesh_report import Json, MeshMeasurands, MeshReport, mesh_json
from bench.measurands.air.figures.phases import Watcher
from bench.measurands.air.figures.roundtrip import Echoes, RoundTrips
from bench.measurands.air.sightings.digest import Digest, digest
from bench.measurands.air.sightings.passes import Measurand, run
from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.air.sniffers.airtime import Phy, Total, at_start, phy_of, stamp_point


@attrs.frozen(slots=True)
class Measured:
    """The measurands of one capture. ``mics`` counts frames by "ok", "bad", "no key", "none"."""

    frames: int
    from_ns: int | None
    to_ns: int | None
    mics: dict[str, int]
    radio: Phy
    nodes: dict[bytes, NodeRecord]
    round_trips: tuple[RoundTrips, ...]
    airtime_s: dict[bytes, float | None]
    mesh: MeshReport


def measure(frames: Iterable[Frame], bitrate_bps: int | None = None) -> Measured:
    """Everything, in one pass over the frames; ``bitrate_bps`` overrides what the capture shows."""
    book = AddressBook()
    return measure_digest(digest(frames, book.learn), book, bitrate_bps)


def measure_digest(seen: Digest, book: AddressBook, bitrate_bps: int | None = None) -> Measured:
    """The same from a digest whose sightings ``book`` has learnt."""
    book.close()
    radio = phy_of(seen, bitrate_bps)
    point = stamp_point(seen, radio)
    if point == "end":
        seen = at_start(seen, radio)
    found = Routes(book)
    span, watcher, echoes = _Span(radio), Watcher(seen, book, radio), Echoes(seen, found, radio)
    total, mesh = Total(seen, radio), MeshMeasurands(seen, found, radio)
    run(seen, found, span, watcher, echoes, total, *mesh.all)
    return Measured(
        frames=len(seen.sightings),
        from_ns=span.from_ns,
        to_ns=span.to_ns,
        mics=dict(seen.mics),
        radio=radio,
        nodes=records_of(watcher, found),
        round_trips=echoes.all(),
        airtime_s=total.seconds(),
        mesh=mesh.report(point),
    )


class _Span(Measurand):
    """From the first start of a frame to the last end of one; None without frames."""

    def __init__(self, radio: Phy) -> None:
        self.from_ns: int | None = None
        self.to_ns: int | None = None
        self._radio = radio

    def see(self, sighting: Sighting) -> None:
        start_ns, end_ns = sighting.start_ns, self._radio.end_ns(sighting)
        self.from_ns = start_ns if self.from_ns is None else min(self.from_ns, start_ns)
        self.to_ns = end_ns if self.to_ns is None else max(self.to_ns, end_ns)


def as_json(measured: Measured) -> dict[str, Json]:
    """The contract's form: EUI-64s as text, stamps in Unix ns, durations in s or ms, null where unknown."""
    return {
        "frames": measured.frames,
        "from_ns": measured.from_ns,
        "to_ns": measured.to_ns,
        "mic": dict(measured.mics),
        "phy": {
            "bitrate_bps": measured.radio.bitrate_bps,
            "source": measured.radio.source,
            "overhead_octets": measured.radio.overhead_octets,
            "note": measured.radio.note,
        },
        "nodes": {node_name(eui64): _node(node) for eui64, node in measured.nodes.items()},
        "round_trips": [_trips(trips) for trips in measured.round_trips],
        "airtime_s": {node_name(e): None if s is None else round(s, 6) for e, s in measured.airtime_s.items()},
        "mesh": mesh_json(measured.mesh),
    }


def node_name(eui64: bytes) -> str:
    """``00:0d:6f:ff:fe:03:00:01``."""
    return format_address(eui64) or "?"


def _node(node: NodeRecord) -> dict[str, Json]:
    return {
        "border_router": node.border_router,
        "pan": None if node.pan is None else f"0x{node.pan:04x}",
        "network": node.network,
        "hops": node.hops,
        "parent": format_address(node.parent),
        "route_from": node.route_from,
        "joined": any(join.operational_ns or join.operational_by_ns for join in node.joins) if node.joins else None,
        "reached": node.reached.name.lower() if node.reached else None,
        "authentication_failures": node.failures,
        "why": node.why,
        "frame_counter_fell": _fall(node.fell),
        "joins": [_join(join) for join in node.joins],
    }


def _fall(fall: Fall | None) -> Json:
    if fall is None:
        return None
    return {"from": fall.before, "to": fall.after, "frame": fall.frame, "t_ns": fall.at_ns, "doubtful": fall.doubtful}


def _join(join: Join) -> dict[str, Json]:
    return {
        "kind": join.kind.value if join.kind else None,
        "first_frame_ns": join.first_frame_ns,
        "first_solicitation_ns": join.first_solicitation_ns,
        "authenticated_ns": join.authenticated_ns,
        "configured_ns": join.configured_ns,
        "operational_ns": join.operational_ns,
        "operational_by_ns": join.operational_by_ns,
        "join_s": None if join.join_ns is None else round(join.join_ns / 1e9, 6),
        "reached": join.reached.name.lower(),
        "authentication_failures": join.failures,
        "hops": join.hops,
        "parent": format_address(join.parent),
        "frame": join.frame,
    }


def _trips(trips: RoundTrips) -> dict[str, Json]:
    return {
        "src": format_address(trips.src) or ipv6.text(trips.src_address),
        "dst": format_address(trips.dst) or ipv6.text(trips.dst_address),
        "src_ipv6": ipv6.text(trips.src_address),
        "dst_ipv6": ipv6.text(trips.dst_address),
        "identifier": trips.identifier,
        "octets": trips.octets,
        "first_ns": trips.first_ns,
        "hops": trips.hops,
        "sent": trips.sent,
        "answered": trips.answered,
        "answers": trips.answers,
        "answers_seen_only_on_the_way": trips.seen_on_the_way,
        "answers_by": {ipv6.text(address): count for address, count in trips.by},
        "rtt_ms": statistics_ms(trips.rtt_ns),
        "rtt_air_ms": statistics_ms(trips.air_ns),
        "wait_ms": statistics_ms(trips.wait_ns),
        "clock": trips.clock,
    }


def statistics_ms(values_ns: Iterable[int]) -> dict[str, Json] | None:
    """min, median, p95, max in ms; None without values. p95 is the smallest value that 95 % do not exceed (nearest
    rank): with fewer than 20 values it is the maximum."""
    ordered = sorted(values_ns)
    if not ordered:
        return None
    rank = -(-len(ordered) * 95 // 100)
    return {
        "min": _ms(ordered[0]),
        "median": _ms(median(ordered)),
        "p95": _ms(ordered[rank - 1]),
        "max": _ms(ordered[-1]),
    }


def _ms(value_ns: float) -> float:
    return round(value_ns / 1e6, 3)
