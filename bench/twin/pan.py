"""The PAN of a topology file: its name, keys and channel, join timers, and what it has for limited function nodes.

How it behaves: `bench.twin.mesh`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from bench.twin.written import Gtk, Prefix64
from bench.yamlfile import FileModel


class Timers(StrEnum):
    """Join timer profiles (domain.md 5.4)."""

    TEST = "TEST"
    SMALL = "SMALL"
    MEDIUM = "MEDIUM"


class KeyRotation(FileModel):
    """How the network's GTK is exchanged: each lives ``lifetime_h`` hours from the start on, those of ``gtks``
    follow the network's first. A key file of the rig that is to open all frames names them all."""

    lifetime_h: Annotated[float, Field(ge=1, le=24 * 365)] = 30 * 24.0
    gtks: Annotated[tuple[Gtk, ...], Field(min_length=1, max_length=100)]


class LfnNetwork(FileModel):
    """What smart meters have for limited function nodes: the LGTK beside the GTK, and the broadcast schedule."""

    lgtk: Gtk
    broadcast_interval_s: Annotated[int, Field(ge=10, le=600)] = 60
    sync_period: Annotated[int, Field(ge=1, le=60)] = 5
    """A smart meter tells the time once in so many broadcast intervals."""
    key_rotation: KeyRotation | None = None
    """None: the LGTK stays."""


class Network(FileModel):
    """The mesh's PAN: name, keys, addressing and the one fixed channel (a recorded deviation from hopping)."""

    name: Annotated[str, Field(min_length=1, max_length=32)]
    pan_id: Annotated[int, Field(ge=0, le=0xFFFE)]
    gtk: Gtk
    prefix: Prefix64
    channel: Annotated[int, Field(ge=4, le=17)] = 10
    """Channel number of Japan plan 22 (4-17 may be used: domain.md 5.1)."""
    timers: Timers = Timers.TEST
    """Join timers of the smart meters."""
    hopping: bool = False
    """Hop over all channels of the plan by DH1CF; ``channel`` is then nobody's."""
    key_rotation: KeyRotation | None = None
    """None: the GTK stays."""
    lfn: LfnNetwork | None = None
    """What the PAN has for limited function nodes; None: no smart meter takes one."""
