"""The topology file: which nodes, terminals, meters, sniffers and supplies the virtual rig has, and how they are wired.

Written by people (YAML 1.2), checked here, read by everything else of the twin. One file and one seed fix a whole run.
Stand-ins: EUI-64s are locally administered, the network name and keys are made up, RSSI figures are round numbers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, PlainSerializer

from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin import faults
from bench.yamlfile import FileModel, Source, check, load_source

JST: Final = "+09:00"


def _hex_octets(count: int, text: str) -> str:
    plain = text.replace(":", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{2 * count}}}", plain):
        raise ValueError(f"'{text}' is no {count}-octet value; expected {2 * count} hex digits, colons allowed")
    return ":".join(re.findall("..", plain))


def _jst(text: str) -> str:
    try:
        if datetime.fromisoformat(text).tzinfo is not None:
            return text
    except ValueError:
        pass
    raise ValueError(f"'{text}' is no instant; expected ISO 8601 with its offset, like 2026-03-31T22:00:00{JST}")


def _dotted(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise ValueError(f"'{text}' names no class; expected package.module:Class")
    return text


def _prefix(text: str) -> str:
    try:
        if ipaddress.IPv6Network(text).prefixlen == 64:
            return text
    except ValueError:
        pass
    raise ValueError(f"'{text}' is no prefix; expected an IPv6 /64 like fd00:4b42::/64")


Eui64 = Annotated[str, AfterValidator(lambda v: _hex_octets(8, v))]
Gtk = Annotated[str, AfterValidator(lambda v: _hex_octets(16, v))]
Instant = Annotated[str, AfterValidator(_jst)]
DottedClass = Annotated[str, AfterValidator(_dotted)]
Prefix64 = Annotated[str, AfterValidator(_prefix), PlainSerializer(str)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]


class Timers(StrEnum):
    """Join timer profiles (domain.md 5.4)."""

    TEST = "TEST"
    SMALL = "SMALL"
    MEDIUM = "MEDIUM"


class StoreType(StrEnum):
    """Whether a terminal keeps hourly values itself (蓄積型) or only relays the meter (透過型)."""

    STORE = "store"
    TRANSPARENT = "transparent"


class RadioMethod(StrEnum):
    """Radio methods of the guideline that the twin can play; one so far."""

    FAN11 = "fan11"


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


class Link(FileModel):
    """Two radios that hear each other, both ways alike."""

    between: Annotated[tuple[Name, Name], Field()]
    rssi_dbm: Annotated[int, Field(ge=-110, le=0)] = -60
    loss: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of frames lost whatever the level is."""


class BorderRouter(FileModel):
    """Concentrator (集約装置) with the border router; its mains are not on the bench's AC source."""

    id: Name
    eui64: Eui64


class SmartMeter(FileModel):
    """A smart electricity meter of the mesh, fed by the AC source."""

    id: Name
    eui64: Eui64
    load_watts: Annotated[float, Field(gt=0)] = 3.0
    battery_minutes: Count = 0
    """How long it runs on after AC off."""


class Meter(FileModel):
    """A gas or water meter on a wire of the terminal (reading is instantaneous here)."""

    id: Name
    serial: str
    index: Count = 0
    """The register at the start, in its own least count."""


class Terminal(FileModel):
    """A wireless terminal of the joint reading (無線端末) under test."""

    id: Name
    eui64: Eui64
    parent: Name
    """The smart meter (or concentrator) that it hangs on: the only one it hears."""
    rssi_dbm: Annotated[int, Field(ge=-110, le=0)] = -55
    radio: RadioMethod = RadioMethod.FAN11
    type: StoreType = StoreType.STORE
    timers: Timers = Timers.TEST
    meters: Annotated[tuple[Meter, ...], Field(min_length=1)]
    storage_marks: Positive = 180
    """Hourly values kept per meter; the oldest is overwritten. 168 are recommended."""
    upload_offset_s: Annotated[int, Field(ge=60, lt=86400)] = 1200
    """Fixed offset of the daily upload after 00:00 JST."""
    listen_interval_s: Annotated[float, Field(ge=0, le=300)] = 5.0
    """A battery terminal hears its downlink once in this time (0: always)."""
    ack_timeout_s: Positive = 10
    """First wait for the server's acknowledgement; doubles at each retry."""
    ack_timeout_max_s: Positive = 640
    auto_start: bool = True
    """Join by itself at power-on when it was installed before (flash holds a registration or keys)."""
    load_milliamps: Annotated[float, Field(gt=0)] = 45.0
    """Mean supply current while powered."""
    console: DottedClass | None = None
    """Impersonator of its maintenance console, nothing when it has none."""
    panel: DottedClass | None = None
    meter_port: DottedClass | None = None
    """Impersonator that each of its meters' ports has."""
    faults: tuple[str | dict[str, Any], ...] = ()
    """Seeded faults by name or ``package.module:Class``, or ``{name: {option: value}}``."""


class Sniffer(FileModel):
    """A one-channel sniffer and what it hears (node -> received level in dBm)."""

    id: Name
    hears: Annotated[dict[str, int], Field(min_length=1)]


class Channel(FileModel):
    """One output of a supply and what it feeds."""

    feeds: Annotated[tuple[Name, ...], Field(min_length=1)]
    volts: Annotated[float, Field(ge=0)]
    """Set value at the start."""
    amps: Annotated[float, Field(ge=0)]
    """Current limit at the start."""
    on: bool = False
    min_volts: Annotated[float, Field(ge=0)] = 0.0
    """Below this the loads are dark."""


class Supply(FileModel):
    """A supply or AC source on the bench, with a TCP port."""

    id: Name
    serial: str
    impersonator: DottedClass
    ac: bool = False
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]


class Server(FileModel):
    """Head end and connection server (接続サーバ)."""

    app: DottedClass
    """Factory of the HTTP application: ``app(model: bench.ports.ServerModel) -> ASGI application``."""
    head_end_delay_ms: Count = 500
    """Queueing between connection server and mesh, each way."""
    request_timeout_s: Positive = 300
    keep_days: Positive = 7


class Failure(StrEnum):
    """How a port breaks down."""

    CLOSE = "close"  # the wire is pulled: connection reset, pty hung up, server gone
    MUTE = "mute"  # the wire holds, the device never answers again


class Breakdown(FileModel):
    """A port that breaks down on purpose, so that the bench's handling of dead devices can be tested."""

    port: str
    """Name as in the port table: ``console.t1``, ``supply.dc``, ``server``."""
    after_s: Count
    """Virtual time after the start."""
    how: Failure


class Topology(FileModel):
    """A whole virtual rig."""

    seed: Count
    epoch: Instant
    network: Network
    border_router: BorderRouter
    smart_meters: tuple[SmartMeter, ...]
    links: tuple[Link, ...]
    terminals: Annotated[tuple[Terminal, ...], Field(min_length=1)]
    sniffers: tuple[Sniffer, ...] = ()
    supplies: tuple[Supply, ...] = ()
    server: Server
    breakdowns: tuple[Breakdown, ...] = ()
    linger_s: Annotated[float, Field(ge=0)] = 1800.0
    """Wall time that a twin without a control client waits for the next one."""

    @property
    def epoch_ns(self) -> int:
        """The start of virtual time, in ns since the Unix epoch."""
        instant = datetime.fromisoformat(self.epoch)
        return int(instant.timestamp()) * NS_PER_S + instant.microsecond * 1000

    @property
    def port_names(self) -> tuple[str, ...]:
        """Every port that the twin opens, in the order of the port table."""
        names: list[str] = []
        for t in self.terminals:
            names += [f"console.{t.id}"] if t.console else []
            names += [f"panel.{t.id}"] if t.panel else []
            names += [f"meter.{t.id}.{m.id}" for m in t.meters] if t.meter_port else []
        names += [f"supply.{s.id}" for s in self.supplies]
        return (*names, *(f"sniffer.{s.id}" for s in self.sniffers), "server")

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Every radio: border router, smart meters, terminals."""
        return (self.border_router.id, *(m.id for m in self.smart_meters), *(t.id for t in self.terminals))

    def terminal(self, terminal_id: str) -> Terminal:
        """The terminal of that id; InputError when there is none."""
        for terminal in self.terminals:
            if terminal.id == terminal_id:
                return terminal
        raise InputError(f"no terminal '{terminal_id}'; expected one of {', '.join(t.id for t in self.terminals)}")

    def links_of_all(self) -> tuple[Link, ...]:
        """The written links and one per terminal to its parent."""
        return self.links + tuple(Link(between=(t.parent, t.id), rssi_dbm=t.rssi_dbm) for t in self.terminals)


def octets(text: str) -> bytes:
    """``02:4b:...`` as bytes, left to right."""
    return bytes.fromhex(text.replace(":", ""))


def load(path: str | Path) -> Topology:
    """Read a topology. InputError ``FILE:LINE: ...; expected ...`` for anything wrong in it."""
    source = load_source(path)
    topology = check(source, Topology)
    _check_names(source, topology)
    return topology


def _check_names(source: Source, topology: Topology) -> None:
    """What no single model sees: ids are unique, and whatever is named exists."""
    nodes = topology.node_ids
    places: dict[str, tuple[str | int, ...]] = {topology.border_router.id: ("border_router", "id")}
    for group in ("smart_meters", "terminals", "sniffers", "supplies"):
        for i, item in enumerate(getattr(topology, group)):
            _unique(source, places, item.id, (group, i, "id"))
    for i, terminal in enumerate(topology.terminals):
        for j, meter in enumerate(terminal.meters):
            _unique(source, places, f"{terminal.id}.{meter.id}", ("terminals", i, "meters", j, "id"))
        parents = tuple(n for n in nodes if n not in {t.id for t in topology.terminals})
        _known(source, terminal.parent, parents, ("terminals", i, "parent"))
        for j, spec in enumerate(terminal.faults):
            try:
                faults.make(spec)
            except InputError as error:
                place = ("terminals", i, "faults", j)
                raise InputError(f"{source.path}:{source.line(place)}: {error}") from None
    for i, breakdown in enumerate(topology.breakdowns):
        _known(source, breakdown.port, topology.port_names, ("breakdowns", i, "port"))
    for i, link in enumerate(topology.links):
        for j, name in enumerate(link.between):
            _known(source, name, nodes, ("links", i, "between", j))
    for i, sniffer in enumerate(topology.sniffers):
        for name in sniffer.hears:
            _known(source, name, nodes, ("sniffers", i, "hears", name), key=True)
    for i, supply in enumerate(topology.supplies):
        loads = tuple(m.id for m in topology.smart_meters) if supply.ac else tuple(t.id for t in topology.terminals)
        for j, channel in enumerate(supply.channels):
            for k, name in enumerate(channel.feeds):
                _known(source, name, loads, ("supplies", i, "channels", j, "feeds", k))


def _unique(source: Source, places: dict[str, tuple[str | int, ...]], name: str, place: tuple[str | int, ...]) -> None:
    if name in places:
        raise source.error(place, f"id '{name}' is taken in line {source.line(places[name])}", "an id of its own")
    places[name] = place


def _known(
    source: Source, name: str, known: tuple[str, ...], place: tuple[str | int, ...], *, key: bool = False
) -> None:
    if name not in known:
        raise source.error(place, f"'{name}' is not there", f"one of {', '.join(known)}", key=key)


def with_faults(topology: Topology, extra: Mapping[str, tuple[str | dict[str, Any], ...]]) -> Topology:
    """``topology`` with further faults per terminal id (the command line's ``--fault t1:late-join``)."""
    for terminal_id in extra:
        topology.terminal(terminal_id)
    terminals = tuple(t.model_copy(update={"faults": t.faults + extra.get(t.id, ())}) for t in topology.terminals)
    return topology.model_copy(update={"terminals": terminals})
