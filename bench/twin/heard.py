"""What of the air a topology file says: who hears whom, who else sends, and what a sniffer hears.

How it behaves: `bench.twin.mesh.medium` and `bench.twin.mesh.interference`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.twin.written import Name
from bench.yamlfile import FileModel


class Link(FileModel):
    """Two radios that hear each other, both ways alike."""

    between: Annotated[tuple[Name, Name], Field()]
    rssi_dbm: Annotated[int, Field(ge=-110, le=0)] = -60
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of frames lost whatever the level is."""


class Interference(FileModel):
    """Somebody else on the air, who sends bursts on a channel whatever the mesh does, and where that is heard."""

    id: Name
    channel: Annotated[int, Field(ge=4, le=17)]
    share: Annotated[float, Field(gt=0, le=1)]
    """Of the time, in which it sends."""
    burst_ms: Annotated[int, Field(ge=1, le=4000)] = 20
    """Length of a burst; ARIB STD-T108 allows 4 s at most (domain.md 5.1)."""
    heard_at: Annotated[dict[str, int], Field(min_length=1)]
    """Node or sniffer -> received level in dBm: there the channel is busy meanwhile, and frames are spoilt that are not
    10 dB stronger."""


class Sniffer(FileModel):
    """A one-channel sniffer and what it hears (node -> received level in dBm)."""

    id: Name
    hears: Annotated[dict[str, int], Field(min_length=1)]
    channel: Annotated[int, Field(ge=4, le=17)] | None = None
    """Channel that it listens on; None: the mesh's, all of them where the mesh hops."""
