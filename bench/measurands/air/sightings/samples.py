"""All values of one quantity, kept exactly and small: what medians and ranks over a night of frames need.

Values that occur again and again (levels in dB, air times of equal frames) are counted; many different ones take eight
octets each. Both give the same answers.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

V = TypeVar("V", int, float)

FEW: Final = 256
"""Different values up to here are counted: a table of counts costs about 100 octets a value."""


class Samples(Generic[V]):
    """Values of one kind, int (up to 64 bits) or float, in any order."""

    __slots__ = ("_code", "_counts", "_values", "n")

    def __init__(self, kind: type[V]) -> None:
        self.n = 0
        self._code = "q" if kind is int else "d"
        self._counts: dict[V, int] = {}
        self._values: array[V] | None = None

    def add(self, value: V) -> None:
        """One more value."""
        self.n += 1
        if self._values is not None:
            self._values.append(value)
            return
        self._counts[value] = self._counts.get(value, 0) + 1
        if len(self._counts) > FEW:
            self._values = array(self._code, (each for each, count in self._counts.items() for _ in range(count)))
            self._counts = {}

    def ordered(self) -> NDArray[np.generic]:
        """All of them, rising."""
        import numpy as np

        if self._values is not None:
            values: NDArray[np.generic] = np.sort(np.frombuffer(self._values, self._code))
            return values
        ordered = sorted(self._counts)
        return np.repeat(np.array(ordered, self._code), [self._counts[value] for value in ordered])

    def least(self) -> V:
        """The smallest. Raises ValueError where there is none."""
        return min(self._counts if self._values is None else self._values)

    def greatest(self) -> V:
        """The largest. Raises ValueError where there is none."""
        return max(self._counts if self._values is None else self._values)

    def median(self) -> float:
        """The middle one, or the mean of the middle two, as `statistics.median`. Raises IndexError without values."""
        ordered, half = self.ordered(), self.n // 2
        if self.n % 2:
            middle: float = ordered[half].item()
            return middle
        mean: float = (ordered[half - 1].item() + ordered[half].item()) / 2
        return mean


class Pairs:
    """Pairs of a frame's length (octets) and a time (ns) that goes with it, as a slope over the length asks."""

    def __init__(self, pairs: Iterable[tuple[int, int]] = ()) -> None:
        self._times: dict[int, Samples[int]] = {}
        self._count = 0
        for octets, time_ns in pairs:
            self.add(octets, time_ns)

    def __len__(self) -> int:
        return self._count

    def add(self, octets: int, time_ns: int) -> None:
        """One more pair."""
        self._count += 1
        times = self._times.get(octets)
        if times is None:
            times = self._times[octets] = Samples(int)
        times.add(time_ns)

    def every(self, step: int) -> Iterator[tuple[int, int]]:
        """The first, and every ``step``-th pair after it, of all pairs in order."""
        before = 0
        for octets, times in sorted(self._times.items()):
            for time_ns in times.ordered()[-before % step :: step].tolist():
                yield octets, time_ns
            before += times.n
