"""Radio methods of the IoT route (guideline 4-1) that the twin plays, and their networks in a topology file.

Values are the words of a terminal's declaration, but for ⑤, whose topology word is older. What is not public about a
method (domain.md 0) is a stand-in: its keys below, and whatever `docs/radio.md` lists.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from bench.twin.written import Gtk, Positive
from bench.yamlfile import FileModel

IotChannel = Annotated[int, Field(ge=4, le=17)]
"""Channel number of the 400 kHz raster from 922.5 MHz on (domain.md 2.1, 5.1)."""


class RadioMethod(StrEnum):
    """The guideline's methods ① to ⑤."""

    U_BUS_AIR = "u-bus-air"
    U_BUS_AIR_STAR = "u-bus-air-star"
    U_BUS_AIR_BASE = "u-bus-air-base"
    ENHANCED_HAN = "wi-sun-enhanced-han"
    FAN11 = "fan11"

    @property
    def relays(self) -> bool:
        """Whether terminals of it may hang on one another; FAN terminals of the twin are leaves, a star has no hops."""
        return self in (RadioMethod.ENHANCED_HAN, RadioMethod.U_BUS_AIR, RadioMethod.U_BUS_AIR_BASE)


class NodeKind(StrEnum):
    """What a FAN terminal is in the mesh; a leaf both ways."""

    FFN = "ffn"
    """Full-function node: its radio listens always, it has a route of its own."""
    LFN = "lfn"
    """Limited function node: it sleeps, and its smart meter stands for it."""


U_BUS_AIR: Final = (RadioMethod.U_BUS_AIR, RadioMethod.U_BUS_AIR_STAR, RadioMethod.U_BUS_AIR_BASE)


class HanNetwork(FileModel):
    """The HANs of the smart meters: each is the coordinator of a PAN of its own, on a radio beside that of the mesh."""

    channel: IotChannel = 6
    pan_id: Annotated[int, Field(ge=0, le=0xFF00)] = 0x4800
    """Of the first smart meter; each further one has the next."""
    key: Gtk
    """Network key that a smart meter hands out when a terminal has authenticated itself. Stand-in: how enhanced HAN
    derives and distributes keys is not public."""
    password: Annotated[str, Field(min_length=1, max_length=32)] = "0123456789ab"
    """Stand-in credential of every terminal (B route: an ID and a password of 12 characters)."""
    scan_duration: Annotated[int, Field(ge=1, le=14)] = 6
    """Active scan: each channel is listened to for 9.64 ms x 2^this (domain.md 2.1)."""


class UBusNetwork(FileModel):
    """The U-bus Air networks of the smart meters; all of it stands in for what is not public."""

    channel: IotChannel = 13
    network_id: Annotated[int, Field(ge=0, le=0xFF00)] = 0x5500
    """Of the first smart meter's; each further one has the next."""
    key: Gtk
    """Stand-in network key: security of U-bus Air is not public."""
    listen_interval_s: Positive = 10
    """How often a smart meter asks for data (RIT period, not public); a terminal's own is its ``listen_interval_s``."""
