"""The mesh's part of `kenshin measure`: routing over time, links, coverage and forwarding, computed once and named.

`mesh_report` computes from what `report.measure` has already; `mesh_json` gives the contract's form under ``mesh``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from operator import itemgetter
from typing import TypeAlias

import attrs

from bench.air.ip import packet as ipv6
from bench.air.mac.frame import format_address
from bench.measurands.air.figures.hops import Routes
from bench.measurands.air.figures.latency import Journeys, Passage
from bench.measurands.air.figures.mesh import Dodag, Mesh, MeshWatch
from bench.measurands.air.sightings.digest import Digest
from bench.measurands.air.sightings.passes import Measurand
from bench.measurands.air.sightings.samples import Samples
from bench.measurands.air.sniffers.airtime import Phy
from bench.measurands.air.sniffers.coverage import Counting, Coverage, Interval
from bench.measurands.air.sniffers.merge import Air
from bench.measurands.air.sniffers.transfers import Link, Links, Share, Transfers

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


@attrs.frozen(slots=True)
class MeshReport:
    """The mesh of one capture (or of several merged). ``stamped``: what of a frame the capture stamps ("start", "end"),
    where that could be told; all figures are of starts."""

    mesh: Mesh
    links: tuple[Link, ...]
    forwarding: Forwarding
    coverage: Coverage
    stamped: str | None


class Forwarding:
    """What journeys of datagrams add up to. ``looped``: number, first hop's start and nodes of those that came to a
    node twice; ``waits_ns``: by node, how long it kept what it sent on; ``hops_ns``: by link, how long a confirmed hop
    took."""

    def __init__(self) -> None:
        self.followed = self.complete = self.duplicates = 0
        self.looped: list[tuple[int, int, tuple[bytes, ...]]] = []
        self.waits_ns: dict[bytes, Samples[int]] = defaultdict(lambda: Samples(int))
        self.hops_ns: dict[tuple[bytes, bytes], Samples[int]] = defaultdict(lambda: Samples(int))

    def add(self, passage: Passage) -> None:
        """One more."""
        self.followed += 1
        self.complete += passage.complete
        self.duplicates += passage.duplicates
        if passage.looped:
            self.looped.append((passage.number, passage.hops[0].first_ns, passage.nodes))
        for node, wait_ns in passage.waits_ns:
            self.waits_ns[node].add(wait_ns)
        for hop in passage.hops:
            if hop.confirmed:
                self.hops_ns[hop.src, hop.dst].add(hop.latency_ns)


class MeshMeasurands:
    """All that make up a report, to be taken through a digest of start stamps together."""

    def __init__(self, seen: Digest, found: Routes, radio: Phy) -> None:
        self._mesh = MeshWatch(seen, found)
        self._links = Links(seen)
        self._coverage = Counting(seen)
        self._forwarding = Forwarding()
        self._journeys = Journeys(found.book, radio, self._forwarding.add)
        takers = (self._mesh.take, self._links.take, self._coverage.take, self._journeys.take)
        self.all: tuple[Measurand, ...] = (self._mesh, self._links, self._coverage, Transfers(seen, *takers))

    def report(self, stamped: str | None = None) -> MeshReport:
        """What they found, once they were taken through."""
        self._journeys.close()
        return MeshReport(self._mesh.mesh(), self._links.all(), self._forwarding, self._coverage.coverage(), stamped)


def mesh_json(report: MeshReport) -> dict[str, Json]:
    """EUI-64s as text, stamps in Unix ns, durations in ms, shares from 0 to 1 with their 95 % interval."""
    retransmissions: Counter[bytes] = Counter()
    for link in report.links:
        retransmissions[link.src] += link.retransmissions
    return {
        "dodag": [_dodag(dodag) for dodag in report.mesh.dodags],
        "changes": _changes(report.mesh),
        "loops": [
            {"from_ns": loop.from_ns, "to_ns": loop.to_ns, "nodes": [_name(node) for node in loop.nodes]}
            for loop in report.mesh.loops
        ],
        "orphans": [
            {
                "node": _name(orphan.eui64),
                "from_ns": orphan.from_ns,
                "to_ns": orphan.to_ns,
                "why": orphan.why,
                "at": _name(orphan.at),
            }
            for orphan in report.mesh.orphans
        ],
        "retransmissions": {_name(node) or "?": count for node, count in sorted(retransmissions.items())},
        "links": [_link(link) for link in report.links],
        "datagrams": _datagrams(report.forwarding),
        "forwarding": _forwarding(report.forwarding),
        "coverage": _coverage(report.coverage),
        "stamped": report.stamped,
    }


def sniffers_json(air: Air) -> list[dict[str, Json]]:
    """How each sniffer's clock stands against the first one's, with standard uncertainties; null where unknown."""
    return [
        {
            "sniffer": name,
            "reference": clock.reference,
            "common_frames": clock.pairs,
            "rejected": clock.rejected,
            "offset_ns": clock.offset_ns if clock.known else None,
            "u_offset_ns": None if clock.u_offset_ns is None else round(clock.u_offset_ns, 1),
            "at_ns": clock.middle_ns if clock.known else None,
            "drift_ppm": round(clock.drift_ppm, 6) if clock.known else None,
            "u_drift_ppm": None if clock.u_drift_ppm is None else round(clock.u_drift_ppm, 6),
            "scatter_ns": round(clock.scatter_ns, 1),
            "stamps_later_by_ns_per_octet": round(clock.octet_ns, 1),
        }
        for name, clock in air.clocks.items()
    ]


def _name(eui64: bytes | None) -> str | None:
    return format_address(eui64) if eui64 else None


def _dodag(dodag: Dodag) -> Json:
    return {
        "dodag_id": ipv6.text(dodag.dodag_id),
        "instance": dodag.instance,
        "root": _name(dodag.root),
        "min_hop_rank_increase": dodag.step,
        "versions": [{"version": version, "t_ns": t_ns, "told_by": _name(by)} for version, t_ns, by in dodag.versions],
        "members": [_name(node) for node in sorted(dodag.members)],
    }


def _changes(found: Mesh) -> list[Json]:
    """Parents, ranks and hop counts in one order of time; of one moment in the order cause, effect."""
    rows: list[tuple[int, int, bytes, dict[str, Json]]] = []
    for node, parents in found.parents.items():
        rows += [(c.t_ns, 0, node, {"parent": _name(c.parent), "evidence": c.evidence}) for c in parents]
    for node, ranks in found.ranks.items():
        rows += [(r.t_ns, 1, node, {"rank": r.rank, "version": r.version}) for r in ranks]
    for node, depths in found.depths.items():
        rows += [(d.t_ns, 2, node, {"hops": d.hops}) for d in depths]
    rows.sort(key=lambda row: row[:3])
    return [{"t_ns": t_ns, "node": _name(node), **what} for t_ns, _, node, what in rows]


def _link(link: Link) -> Json:
    return {
        "src": _name(link.src),
        "dst": _name(link.dst),
        "transfers": link.transfers,
        "attempts": link.attempts,
        "retransmissions": link.retransmissions,
        "duplicates": link.needless,
        "acknowledged": _share(link.clear),
        "unclear": link.unclear,
        "etx": None if link.etx is None else round(link.etx, 3),
        "rsl_dbm": link.rsl_dbm,
        "rssi_at_sniffer_dbm": link.rssi_dbm,
    }


def _share(share: Share) -> dict[str, Json]:
    bounds = share.interval
    return {
        "part": share.part,
        "of": share.whole,
        "share": None if share.share is None else round(share.share, 6),
        "low": None if bounds is None else round(bounds[0], 6),
        "high": None if bounds is None else round(bounds[1], 6),
    }


def _datagrams(found: Forwarding) -> Json:
    """How many journeys of datagrams were followed, and which came to a node twice."""
    return {
        "followed": found.followed,
        "complete": found.complete,
        "duplicates": found.duplicates,
        "looped": [
            {"first_ns": first_ns, "nodes": [_name(node) for node in nodes]}
            for _, first_ns, nodes in sorted(found.looped)
        ],
    }


def _forwarding(found: Forwarding) -> Json:
    """By node: how long it kept the datagrams that it sent on; by link: how long they took over it."""
    waits = sorted(found.waits_ns.items(), key=itemgetter(0))
    hops = sorted(found.hops_ns.items(), key=itemgetter(0))
    return {
        "wait_ms": {_name(node) or "?": _figures(values) for node, values in waits},
        "hop_ms": [{"src": _name(src), "dst": _name(dst), **_figures(values)} for (src, dst), values in hops],
    }


def _figures(values_ns: Samples[int]) -> dict[str, Json]:
    return {
        "n": values_ns.n,
        "min": round(values_ns.least() / 1e6, 3),
        "median": round(values_ns.median() / 1e6, 3),
        "max": round(values_ns.greatest() / 1e6, 3),
    }


def _coverage(found: Coverage) -> Json:
    return {
        **_share(found.share),
        "interval_s": found.interval_ns / 1e9,
        "intervals": _intervals(found.intervals),
        "senders": {
            _name(sender.eui64) or "?": {
                "method": sender.method,
                "captured": sender.captured,
                "missed": sender.missed,
                "restarts": sender.restarts,
                "doubtful_gaps": sender.doubtful,
                **_share(sender.share),
                "intervals": _intervals(sender.intervals),
            }
            for sender in found.senders
        },
        "acknowledged_frames": _share(found.acked_frames),
        "acknowledged_frames_by_sender": {
            _name(eui64) or "?": _share(share) for eui64, share in found.acked_frames_by_sender.items()
        },
        "acknowledgements": _share(found.acknowledgements),
    }


def _intervals(found: Iterable[Interval]) -> list[Json]:
    return [{"from_ns": part.from_ns, "to_ns": part.to_ns, **_share(part.share)} for part in found]
