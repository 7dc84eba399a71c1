"""The topology file: which nodes, terminals, meters, sniffers and supplies the virtual rig has, and how they are wired.

Written by people (YAML 1.2), checked here, read by everything else of the twin. One file and one seed fix a whole run.
Stand-ins: EUI-64s are locally administered, the network name and keys are made up, RSSI figures are round numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from bench.errors import InputError
from bench.records import NS_PER_S
from bench.twin import faults
from bench.twin.faults import Place
from bench.twin.heard import Interference, Link, Sniffer
from bench.twin.methods import U_BUS_AIR, HanNetwork, NodeKind, RadioMethod, UBusNetwork
from bench.twin.pan import Network, Timers
from bench.twin.written import Count, DottedClass, Eui64, Instant, Name, Positive
from bench.yamlfile import FileModel, Source, check, load_source

LAB: Final = "lab"
"""Where somebody stands who walks about."""
CONCENTRATOR: Final = "concentrator"
SERVER: Final = "server"
"""How a fault names the only ones of their kind."""


LFN_LISTENS_S: Final = 5.0
"""The shortest listening interval of a settled LFN (profile TEST, domain.md 5.6)."""


class StoreType(StrEnum):
    """Whether a terminal keeps hourly values itself (蓄積型) or only relays the meter (透過型)."""

    STORE = "store"
    TRANSPARENT = "transparent"


class BorderRouter(FileModel):
    """Concentrator (集約装置) with the border router. On no supply its mains are always there."""

    id: Name
    eui64: Eui64
    load_watts: Annotated[float, Field(gt=0)] = 10.0
    battery_minutes: Count = 0
    """How long it runs on after AC off."""


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
    valve: bool = False
    """A gas meter that can be shut off and reopened by command."""


class Terminal(FileModel):
    """A wireless terminal of the joint reading (無線端末) under test."""

    id: Name
    eui64: Eui64
    parent: Name
    """The smart meter (or concentrator) that it hangs on, or a terminal of its method that relays for it. It hears that
    one, and those that ``links`` name."""
    rssi_dbm: Annotated[int, Field(ge=-110, le=0)] = -55
    radio: RadioMethod = RadioMethod.FAN11
    node: NodeKind = NodeKind.FFN
    """What it is in a FAN."""
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
    installed: bool = False
    """It was installed before the virtual rig starts, as a reference terminal is: it joins by itself when it is fed."""
    load_milliamps: Annotated[float, Field(gt=0)] = 45.0
    """Mean supply current while powered."""
    console: DottedClass | None = None
    """Impersonator of its maintenance console, nothing when it has none."""
    panel: DottedClass | None = None
    meter_port: DottedClass | None = None
    """Impersonator that each of its meters' ports has."""
    faults: tuple[str | dict[str, Any], ...] = ()
    """Seeded faults by name or ``package.module:Class``, or ``{name: {option: value}}``."""


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


class Wire(StrEnum):
    """How a device is reached."""

    PTY = "pty"
    TCP = "tcp"


class ServerTls(FileModel):
    """PEM files of a server that is reached by https: its own certificate and key, and the CA of its clients'."""

    certificate: str
    key: str
    client_ca: str


class ServerDrop(FileModel):
    """A server that hands out its log, a file a day: ``writer(model: bench.ports.ServerModel, folder: Path)``, which
    writes the last day at ``finish()``."""

    writer: DottedClass
    folder: str


class StoredAt(StrEnum):
    """Where readings are kept (guideline 1-4, ※): the connection server, or the operator's own MDMS."""

    SERVER = "server"
    MDMS = "mdms"


class Server(FileModel):
    """Head end and connection server (接続サーバ). With ``tls`` it wants a client certificate."""

    app: DottedClass
    """Factory of the HTTP application: ``app(model: bench.ports.ServerModel) -> ASGI application``."""
    head_end_delay_ms: Count = 500
    """Queueing between connection server and mesh, each way."""
    request_timeout_s: Positive = 300
    keep_days: Positive = 7
    """How long it keeps hourly values after they arrived, and its log."""
    tls: ServerTls | None = None
    drop: ServerDrop | None = None
    storage_at: StoredAt = StoredAt.SERVER
    gap_filling_at_s: Annotated[int, Field(ge=0, lt=86400)] | None = None
    """Seconds after 00:00 JST at which it asks for hours that it lacks, each day; None: it fills no gaps."""
    gate: DottedClass | None = None
    """Factory of the application of the operator's gate: ``app(model: bench.ports.GateModel) -> ASGI application``."""


class Utility(FileModel):
    """A gas or water utility, whose MDMS the bench plays."""

    id: Name
    meters: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Its meters by their names at the terminals: ``[gas]``."""
    app: DottedClass
    """Factory of its link's HTTP application: ``app(model: bench.ports.MdmsModel) -> ASGI application``."""


class Extra(FileModel):
    """A device of a family that the twin has no place of its own for: a port, and an impersonator behind it."""

    port: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*(\.[a-z][a-z0-9_-]*)+$")]
    """The port's name, ``FAMILY.NAME``."""
    impersonator: DottedClass
    """``impersonator(port, model)`` of ``bench.ports``; what the model is follows from ``stands_at``."""
    wire: Wire = Wire.PTY
    stands_at: str | None = None
    """A terminal (a ``PanelModel``), one of its meters, ``t1.gas`` (a ``MeterModel``), the ``lab`` as a whole (a
    ``LabModel``), or nothing (None)."""


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


FaultSpec = str | dict[str, Any]
"""A seeded fault by name or ``package.module:Class``, or ``{name: {option: value}}``."""


class Topology(FileModel):
    """A whole virtual rig."""

    seed: Count
    epoch: Instant
    network: Network
    border_router: BorderRouter
    smart_meters: tuple[SmartMeter, ...]
    links: tuple[Link, ...]
    terminals: Annotated[tuple[Terminal, ...], Field(min_length=1)]
    interference: tuple[Interference, ...] = ()
    sniffers: tuple[Sniffer, ...] = ()
    supplies: tuple[Supply, ...] = ()
    server: Server
    utilities: tuple[Utility, ...] = ()
    han: HanNetwork | None = None
    """The enhanced HANs of the smart meters."""
    u_bus_air: UBusNetwork | None = None
    """The U-bus Air networks of the smart meters."""
    devices: tuple[Extra, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    faults: dict[str, tuple[FaultSpec, ...]] = Field(default_factory=dict)
    """Seeded faults by subject: a terminal, one of its meters (``t1.gas``), a smart meter, ``concentrator``,
    ``server``. Those of a terminal may stand there as well."""
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
        names += [extra.port for extra in self.devices]
        names += [f"sniffer.{s.id}" for s in self.sniffers]
        names += [f"mdms.{utility.id}" for utility in self.utilities]
        return (*names, *(["gate"] if self.server.gate else []), "server")

    @property
    def node_ids(self) -> tuple[str, ...]:
        """Every radio: border router, smart meters, terminals."""
        return (self.border_router.id, *(m.id for m in self.smart_meters), *(t.id for t in self.terminals))

    @property
    def fault_places(self) -> dict[str, Place]:
        """Every subject at which a fault can be seeded, and what it is."""
        found = {t.id: Place.TERMINAL for t in self.terminals}
        found |= {f"{t.id}.{m.id}": Place.METER for t in self.terminals for m in t.meters}
        found |= {m.id: Place.SMART_METER for m in self.smart_meters}
        return {**found, CONCENTRATOR: Place.CONCENTRATOR, SERVER: Place.SERVER}

    @property
    def fault_specs(self) -> list[tuple[str, FaultSpec]]:
        """Every seeded fault with its subject, those that stand at terminals first."""
        own = [(t.id, spec) for t in self.terminals for spec in t.faults]
        return own + [(subject, spec) for subject, specs in self.faults.items() for spec in specs]

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
    addresses: dict[str, tuple[str | int, ...]] = {topology.border_router.eui64: ("border_router", "eui64")}
    for group in ("smart_meters", "terminals"):
        for i, node in enumerate(getattr(topology, group)):
            _unique(source, addresses, node.eui64, (group, i, "eui64"), "eui64")
    for group in ("smart_meters", "terminals", "interference", "sniffers", "supplies"):
        for i, item in enumerate(getattr(topology, group)):
            _unique(source, places, item.id, (group, i, "id"))
    for i, terminal in enumerate(topology.terminals):
        for j, meter in enumerate(terminal.meters):
            _unique(source, places, f"{terminal.id}.{meter.id}", ("terminals", i, "meters", j, "id"))
        _check_radio(source, topology, terminal, ("terminals", i))
        for j, spec in enumerate(terminal.faults):
            _seedable(source, topology, terminal.id, spec, ("terminals", i, "faults", j))
    for subject, specs in topology.faults.items():
        for j, spec in enumerate(specs):
            _seedable(source, topology, subject, spec, ("faults", subject, j))
    meters = tuple(dict.fromkeys(meter.id for terminal in topology.terminals for meter in terminal.meters))
    owners: dict[str, tuple[str | int, ...]] = {}
    for i, utility in enumerate(topology.utilities):
        _unique(source, places, utility.id, ("utilities", i, "id"))
        for j, name in enumerate(utility.meters):
            _known(source, name, meters, ("utilities", i, "meters", j))
            _unique(source, owners, name, ("utilities", i, "meters", j), "meter")
    for i, extra in enumerate(topology.devices):
        if topology.port_names.count(extra.port) > 1:
            raise source.error(("devices", i, "port"), f"port '{extra.port}' is there twice", "a name of its own")
        if extra.stands_at is not None:
            _known(source, extra.stands_at, _standing_places(topology), ("devices", i, "stands_at"))
    for i, breakdown in enumerate(topology.breakdowns):
        _known(source, breakdown.port, topology.port_names, ("breakdowns", i, "port"))
    for i, link in enumerate(topology.links):
        for j, name in enumerate(link.between):
            _known(source, name, nodes, ("links", i, "between", j))
    for i, sniffer in enumerate(topology.sniffers):
        for name in sniffer.hears:
            _known(source, name, nodes, ("sniffers", i, "hears", name), key=True)
    for i, other in enumerate(topology.interference):
        for name in other.heard_at:
            _known(
                source,
                name,
                (*nodes, *(s.id for s in topology.sniffers)),
                ("interference", i, "heard_at", name),
                key=True,
            )
    for i, supply in enumerate(topology.supplies):
        mains_fed = (topology.border_router.id, *(m.id for m in topology.smart_meters))
        loads = mains_fed if supply.ac else tuple(t.id for t in topology.terminals)
        for j, channel in enumerate(supply.channels):
            for k, name in enumerate(channel.feeds):
                _known(source, name, loads, ("supplies", i, "channels", j, "feeds", k))


def _check_radio(source: Source, topology: Topology, terminal: Terminal, place: tuple[str | int, ...]) -> None:
    """Its parent is there and of its method, the way over relays ends, and its method's network is described."""
    method = terminal.radio
    relays = {t.id: t for t in topology.terminals if method.relays and t.radio is method}
    parents = tuple(n for n in topology.node_ids if n in relays or n not in {t.id for t in topology.terminals})
    _known(source, terminal.parent, parents, (*place, "parent"))
    step, seen = terminal.parent, {terminal.id}
    while step in relays:
        if step in seen:
            raise source.error(
                (*place, "parent"), f"'{terminal.parent}' leads round in a ring", "a way to a smart meter"
            )
        seen.add(step)
        step = relays[step].parent
    if step == topology.border_router.id and method is not RadioMethod.FAN11:
        raise source.error((*place, "parent"), f"'{method}' at the concentrator", "a way to a smart meter")
    if terminal.node is NodeKind.LFN:
        _check_lfn(source, topology, terminal, place)
    lacking = {RadioMethod.ENHANCED_HAN: "han"} | dict.fromkeys(U_BUS_AIR, "u_bus_air")
    section = lacking.get(method)
    if section is not None and getattr(topology, section) is None:
        raise source.error((*place, "radio"), f"'{method}' without its network", f"a section {section}:")


def _check_lfn(source: Source, topology: Topology, terminal: Terminal, place: tuple[str | int, ...]) -> None:
    """A limited function node is played at a smart meter of a FAN that stays on its channel."""
    if terminal.radio is not RadioMethod.FAN11:
        raise source.error((*place, "node"), f"an LFN by '{terminal.radio}'", "radio: fan11")
    if topology.network.lfn is None:
        raise source.error((*place, "node"), "an LFN in a network without an LGTK", "network.lfn: {lgtk: ...}")
    if topology.network.hopping:
        raise source.error((*place, "node"), "an LFN in a hopping mesh", "network.hopping: false")
    if terminal.parent == topology.border_router.id:
        raise source.error((*place, "parent"), "an LFN at the concentrator", "a smart meter")
    if terminal.listen_interval_s < LFN_LISTENS_S:
        said = f"an LFN that listens each {terminal.listen_interval_s:g} s"
        raise source.error((*place, "listen_interval_s"), said, f"{LFN_LISTENS_S:g} s or more")


def _seedable(source: Source, topology: Topology, subject: str, spec: FaultSpec, place: tuple[str | int, ...]) -> None:
    try:
        check_fault(topology, subject, spec)
    except InputError as error:
        raise InputError(f"{source.path}:{source.line(place)}: {error}") from None


def check_fault(topology: Topology, subject: str, spec: FaultSpec) -> None:
    """InputError where the fault cannot be made, or can do nothing at this subject."""
    known = topology.fault_places
    if subject not in known:
        raise InputError(
            f"no subject '{subject}' for fault '{faults.written(spec)}'; expected one of {', '.join(known)}"
        )
    fault = faults.make(spec)
    able = faults.places(type(fault))
    if able and known[subject] not in able:
        raise InputError(
            f"fault '{faults.parsed(spec)[0]}' does nothing at {subject}, a {known[subject]}; "
            f"expected a {' or a '.join(able)}"
        )


def _standing_places(topology: Topology) -> tuple[str, ...]:
    meters = (f"{terminal.id}.{meter.id}" for terminal in topology.terminals for meter in terminal.meters)
    return (LAB, *(terminal.id for terminal in topology.terminals), *meters)


def _unique(
    source: Source,
    places: dict[str, tuple[str | int, ...]],
    name: str,
    place: tuple[str | int, ...],
    what: str = "id",
) -> None:
    if name in places:
        raise source.error(
            place, f"{what} '{name}' is taken in line {source.line(places[name])}", f"an {what} of its own"
        )
    places[name] = place


def _known(
    source: Source, name: str, known: tuple[str, ...], place: tuple[str | int, ...], *, key: bool = False
) -> None:
    if name not in known:
        raise source.error(place, f"'{name}' is not there", f"one of {', '.join(known)}", key=key)


def with_faults(topology: Topology, extra: Mapping[str, tuple[FaultSpec, ...]]) -> Topology:
    """``topology`` with further faults by subject (the command line's ``--fault t1:late-join``)."""
    for subject, specs in extra.items():
        for spec in specs:
            check_fault(topology, subject, spec)
    ids = {terminal.id for terminal in topology.terminals}
    terminals = tuple(t.model_copy(update={"faults": t.faults + extra.get(t.id, ())}) for t in topology.terminals)
    others = {
        subject: (*topology.faults.get(subject, ()), *specs) for subject, specs in extra.items() if subject not in ids
    }
    return topology.model_copy(update={"terminals": terminals, "faults": {**topology.faults, **others}})


def canonical(topology: Topology, subject: str) -> str:
    """The name of a subject; the concentrator may be called by its border router's id."""
    return CONCENTRATOR if subject == topology.border_router.id else subject
