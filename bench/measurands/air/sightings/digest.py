"""A capture boiled down: its sightings, and what became of each frame. What every measurand of this room stands on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import attrs

from bench.air.frame.decoder import Frame
from bench.measurands.air.sightings.acks import Ledger, Outcomes
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.samples import Pairs
from bench.measurands.air.sightings.sighting import Sighting
from bench.measurands.air.sightings.spool import Row, Shift, Sightings, Spool, pack, unpack


@attrs.frozen(slots=True)
class Digest:
    """All sightings of a capture, in its order, and what the acknowledgements say about them.

    ``ack_delays``: octets of the frame, ns from its start to the start of its acknowledgement; ``stamped``: octets of a
    frame, ns that it was on the air as the sniffer stamped it; ``plans``: regulatory domains and channel plans that
    senders name; ``mics``: how many frames by `Frame.mic`.
    """

    sightings: Sightings
    outcomes: Outcomes
    ack_delays: Pairs
    stamped: Pairs
    plans: frozenset[tuple[int, int]]
    mics: Mapping[str, int]

    def acked(self, sighting: Sighting) -> bool:
        """Whether the frame's acknowledgement was captured."""
        return self.outcomes.acked(sighting.ordinal)

    def gave_up(self, sighting: Sighting) -> bool:
        """Whether the attempt is known to have failed."""
        return self.outcomes.failed(sighting.ordinal) and not self.outcomes.acked(sighting.ordinal)

    def arrived(self, sighting: Sighting) -> bool:
        """Whether the frame reached its receiver, as far as the capture tells: not known to have failed."""
        return not self.outcomes.failed(sighting.ordinal)

    def sender(self, sighting: Sighting) -> bytes | None:
        """Who sent the frame, an acknowledgement without source too."""
        return sighting.src or self.outcomes.sender(sighting.ordinal)


class Collector:
    """Makes a digest, sighting by sighting; ``told`` is called with each."""

    def __init__(self, *told: Callable[[Sighting], None]) -> None:
        self._spool = Spool()
        self._ledger = Ledger()
        self._stamped = Pairs()
        self._plans: set[tuple[int, int]] = set()
        self._mics: Counter[str] = Counter()
        self._told = told

    def take(self, sighting: Sighting) -> None:
        """The next sighting."""
        self._spool.add(pack(sighting))
        self._note(sighting)

    def take_rows(self, rows: Iterable[Row]) -> None:
        """The next sightings, packed."""
        for row in rows:
            sighting = unpack(row, len(self._spool))
            self._spool.add(row)
            self._note(sighting)

    def _note(self, sighting: Sighting) -> None:
        self._ledger.enter(sighting)
        self._mics[sighting.mic] += 1
        if sighting.air_ns is not None:
            self._stamped.add(sighting.octets, sighting.air_ns)
        if sighting.plan is not None:
            self._plans.add(sighting.plan)
        for tell in self._told:
            tell(sighting)

    def done(self) -> Digest:
        """The digest of all that were taken."""
        ledger = self._ledger
        ledger.close()
        mics = dict(sorted(self._mics.items()))
        plans = frozenset(self._plans)
        return Digest(Sightings(self._spool), ledger.outcomes, ledger.delays, self._stamped, plans, mics)


def digest(frames: Iterable[Frame], *told: Callable[[Sighting], None]) -> Digest:
    """Boils frames down, in one pass and in linear time; ``told`` is called with each sighting."""
    return settle(sightings(frames), *told)


def settle(found: Iterable[Sighting], *told: Callable[[Sighting], None]) -> Digest:
    """Sightings with their acknowledgements matched: by addresses where the acknowledgement has them, else by sequence
    number and time."""
    collector = Collector(*told)
    for sighting in found:
        collector.take(sighting)
    return collector.done()


def moved(seen: Digest, shift: Shift) -> Digest:
    """The same with every stamp ``shift`` earlier, acknowledgements matched anew."""
    ledger = Ledger()
    earlier = Sightings(seen.sightings.spool, shift)
    for sighting in earlier:
        ledger.enter(sighting)
    ledger.close()
    return attrs.evolve(seen, sightings=earlier, outcomes=ledger.outcomes, ack_delays=ledger.delays)
