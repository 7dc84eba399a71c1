"""The mesh as a whole: builds nodes from a plan, switches mains, and hands radios to terminals and head end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from bench.twin.kernel import Kernel
from bench.twin.network import HeadEndRadio, TerminalRadio

CaptureSink: TypeAlias = Callable[[str, int, int, bytes, int, int], None]
"""``sink(sniffer_name, start_ns, end_ns, psdu_without_fcs, rssi_dbm, channel)``, called at the end of each frame."""


class Mesh:
    """A built mesh. ``terminals`` by node name; ``head_end`` sits behind the border router."""

    terminals: Mapping[str, TerminalRadio]
    head_end: HeadEndRadio

    def mains(self, node_name: str, on: bool) -> None:
        """Switch a smart meter's mains: off is instant darkness, on boots and rejoins with the keys in its flash."""
        raise NotImplementedError


def build(kernel: Kernel, topology: Any, rng: random.Random, capture_sink: CaptureSink) -> Mesh:
    """Build the mesh of ``topology`` on ``kernel``. ``rng`` seeds every node's own generator, together with its name.

    ``topology`` is a ``bench.twin.topology`` model or a :class:`MeshPlan`.
    """
    raise NotImplementedError
