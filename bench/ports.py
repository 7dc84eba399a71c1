"""What an impersonator may know of the twin: a named port to speak through, and a model to speak for.

A lab's device sits behind a pty, a TCP socket or an HTTP server. Its impersonator (in ``devices/``, beside the driver)
implements the *protocol on the wire* and nothing else; the twin owns the transport (pty, socket), the counts of
design section 3 rule 6, and the physics. Impersonators import this module only and are named by dotted path in the
topology, so ``devices`` and ``bench.twin`` never import each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Port(Protocol):
    """The twin's end of one wire. Whatever is said here is counted and wakes or streams as the port declares."""

    name: str

    def say(self, data: bytes) -> None:
        """Queue octets towards the bench; never blocks."""

    def now_ns(self) -> int:
        """Rig time, for devices that stamp what they say themselves."""


class ByteImpersonator(Protocol):
    """A device on a pty or a TCP connection."""

    def on_bytes(self, data: bytes) -> None:
        """Octets from the bench. The answer must be said before this returns (rule 3: zero virtual time)."""

    def on_connect(self) -> None:
        """A new epoch of the wire: forget half lines."""


class OutputModel(Protocol):
    """One output channel of a supply, as its SCPI impersonator sees it (SI units: volt, ampere, hertz)."""

    set_volts: float
    set_amps: float
    on: bool

    def switch(self, on: bool) -> None: ...
    def volts(self) -> float:
        """Measured output voltage."""

    def amps(self) -> float:
        """Measured output current."""


class SupplyModel(Protocol):
    """A supply: one model string and its channels in order."""

    serial: str
    channels: Sequence[OutputModel]


class ConsoleRefused(Exception):
    """The terminal does not do what its console was asked; the text goes into ``[Failed: ...]``."""


class ConsoleModel(Protocol):
    """The terminal behind a node CLI (devices.md 2.6). Dark (no supply) means it neither hears nor speaks."""

    def powered(self) -> bool: ...
    def join(self) -> bool:
        """Start joining (``wisun join_fan11``); False when it is joining already or powerless.

        ``[Connecting to "..."]`` and the join states come as unsolicited lines.
        """

    def disconnect(self) -> bool: ...
    def clear_credential_cache(self) -> None: ...
    def reset(self) -> None: ...
    def get(self, section: str) -> list[tuple[str, str]]:
        """Names and values of a ``section`` (``wisun``, ``app``, ``statistics.phy``) or of one ``section.setting``,
        as the CLI prints them; empty where there is none."""

    def set(self, name: str, value: str) -> None:
        """Set ``section.setting`` in RAM; raises :class:`ConsoleRefused`."""

    def save(self) -> None:
        """Keep the settings in flash."""

    def reset_statistics(self) -> None: ...
    def filter_mac(self, allow: bool, mac: str) -> None:
        """``wisun mac_allow`` or ``mac_deny``; raises :class:`ConsoleRefused`."""

    def ping(self, address: str) -> str:
        """Start a ping and return its first line; what takes time comes as unsolicited lines.

        Raises :class:`ConsoleRefused`.
        """

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with each unsolicited line, e.g. ``[Join state: Operational (5)]``."""


class MeterModel(Protocol):
    """A gas or water meter's register, in the register's own least count (an integer that never clips)."""

    serial: str

    def set_index(self, index: int) -> None: ...
    def index(self) -> int: ...
    def raise_alarm(self, code: str) -> None: ...
    def valve_state(self) -> str:
        """``open``, ``shut`` or ``checking`` (a leak check before it is open again); ``none`` without a valve."""

    def set_leak(self, leak: bool) -> None:
        """Have gas lost behind the valve, so that no leak check passes. ValueError without a valve."""

    def on_told(self, listener: Callable[[int], None]) -> None:
        """Call ``listener`` with the index whenever the meter tells it to its terminal: what a tap hears."""

    def on_valve(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the valve's new state at each change."""


class PanelModel(Protocol):
    """Installation key and local indicator of a terminal (what a fitter presses and looks at)."""

    def press_key(self, duration_s: float) -> None:
        """A short press starts installation; a press of 10 s or more erases keys and registration first."""

    def indicator(self) -> str:
        """``off``, ``blinking`` (joining) or ``on`` (communicable, 通信可能)."""

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the new state at each change of the indicator."""


class LabModel(Protocol):
    """The whole laboratory, for somebody who walks about in it: an operator. By names of terminals and meters."""

    seed: int
    panels: Mapping[str, PanelModel]
    meters: Mapping[str, MeterModel]

    def switch(self, load: str, on: bool) -> None:
        """Connect or take out a terminal's cell; give or take the ``mesh`` by a device in its way."""

    def breaker(self, fed: str, on: bool) -> None:
        """Open or close the breaker of the smart meters (``mesh``), or that of the ``concentrator``: what has a battery
        goes on for a while."""

    def after(self, delay_ns: int, call: Callable[[], None]) -> None:
        """Do something later: people take time."""

    def read_on_site(self, meter: str) -> int | None:
        """Read a meter at its terminal, with a handy terminal; None where the terminal gives nothing."""

    def request(self, terminal: str, body: Mapping[str, Any]) -> str:
        """Make a request at the connection server, as its staff do; its id. Raises `RequestRefused`."""


class RequestRefused(Exception):
    """The connection server does not take a request: unknown terminal or meter, or a body that makes no sense.

    ``status`` is the HTTP status that a server answers with (404, 409, 422).
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ServerModel(Protocol):
    """The connection server behind its HTTP interface (stand-in). An event is a plain JSON object.

    Every event has ``id`` (int, 1, 2, 3 ... without gaps), ``t_ns`` (the server's own stamp), ``kind`` and
    ``terminal``; the kinds and their further keys are those of ``bench.kinds`` without the prefix ``server.``.
    """

    def now_ns(self) -> int:
        """The server's clock."""

    @property
    def last_id(self) -> int:
        """Id of the newest event, 0 before the first."""

    def events_after(self, event_id: int) -> list[dict[str, Any]]:
        """All stored events with an id above ``event_id``, oldest first (the server stores seven days)."""

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call ``listener`` with each new event, inside the instant in which it happens; returns the unsubscriber.

        The listener must not block: it queues. Several streams may be open at once.
        """

    def status(self) -> dict[str, Any]:
        """``{"now_ns":.., "terminals": [{"id":.., "eui64":.., "registered": bool, "reachable": bool}, ...]}``."""

    def request(self, terminal: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a request (``op`` = ``read`` or ``history``): ``{"request": "r17", "accepted_ns":..}``.

        Raises :class:`RequestRefused`. The request leaves at the accept time (event ``request.sent``).
        """

    def deregister(self, terminal: str) -> None:
        """Forget the terminal's registration; raises :class:`RequestRefused` (404) when there is no such terminal."""


class MdmsModel(Protocol):
    """The connection server as one utility's MDMS meets it (stand-in). A message is a plain JSON object.

    Every message has ``id`` (int, 1, 2, 3 ... without gaps), ``t_ns`` (when it was sent), ``kind`` and ``terminal``;
    the kinds and their further keys are those of ``bench.kinds`` without the prefix ``mdms.``.
    """

    utility: str

    def now_ns(self) -> int:
        """The server's clock."""

    @property
    def last_id(self) -> int:
        """Number of the newest message, 0 before the first."""

    def messages_after(self, number: int) -> list[dict[str, Any]]:
        """Messages with a number above ``number`` that are still kept, oldest first."""

    def subscribe(self, listener: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """As `ServerModel.subscribe`."""

    def meters(self) -> dict[str, Any]:
        """``{"now_ns":.., "utility":.., "meters": {METER: TERMINAL}}``: the utility's own."""

    def readings(self, meter: str, from_ns: int, to_ns: int) -> dict[str, Any]:
        """``{"now_ns":.., "meter":.., "stored_at":.., "values": [{"mark_ns", "index", "arrived_ns"}]}``, kept values.

        Raises :class:`RequestRefused`.
        """

    def request(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Pass a request on: ``op`` = ``read``, ``history`` or ``control``, ``meter``; answered as a message.

        ``{"request":.., "accepted_ns":..}``; raises :class:`RequestRefused`.
        """


class GateModel(Protocol):
    """The operator's gate at the connection server (stand-in): cut-off, reconnection, and a gap made on purpose.

    ``what`` names a ``utility``, a ``terminal``, a kind of ``message``, or several. All raise :class:`RequestRefused`.
    """

    def cut_off(self, what: Mapping[str, Any]) -> dict[str, Any]: ...
    def reconnect(self, what: Mapping[str, Any]) -> dict[str, Any]: ...
    def remove(self, meter: str, from_ns: int, to_ns: int) -> dict[str, Any]:
        """Take stored hours away: ``{"removed": count, ..}``."""
