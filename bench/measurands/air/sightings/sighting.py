"""What the measurands of this room ask of a frame: one small record each.

A `Frame` holds every octet and every header; a `Sighting` keeps addresses, times and the one thing that the frame said
(an echo, a DAO, a step of authentication). `reading` makes them of frames, `digest` keeps those of a whole capture.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import attrs

from bench.air.ip import packet as ipv6


@attrs.frozen(slots=True)
class PanNotice:
    """PA, PAS, PC, PCS and their LFN forms: the routing cost to the border router, and the network's name."""

    routing_cost: int | None
    network: str | None


@attrs.frozen(slots=True)
class AuthenticationStep:
    """One EAPOL frame on the supplicant's own link. ``step``: "request", "1/4" ... "group 2/2" of the key handshakes,
    or "eap request", "eap response", "eap success", "eap failure", or "other". ``supplicant`` sent or received it."""

    step: str
    supplicant: bytes
    authenticator: bytes


@attrs.frozen(slots=True)
class Echo:
    """An ICMPv6 echo. ``octets`` of data; ``host_ns``: the time that ping put into them (Unix ns), if it did."""

    request: bool
    identifier: int
    sequence: int
    octets: int
    host_ns: int | None


@attrs.frozen(slots=True)
class Advertised:
    """A DAO: per target its parent (None: no path any more, or storing mode), and the sequence number."""

    sequence: int
    routes: tuple[tuple[bytes, bytes | None], ...]
    withdrawn: tuple[bytes, ...]


@attrs.frozen(slots=True)
class Acknowledged:
    """A DAO-ACK; ``accepted`` unless it rejects the route (RFC 6550 6.5.3)."""

    sequence: int
    accepted: bool


@attrs.frozen(slots=True)
class Rank:
    """A DIO. ``root``: its sender is the root (its rank is MinHopRankIncrease); None where it cannot be told.
    ``step``: that MinHopRankIncrease, where the DIO holds it."""

    dodag_id: bytes
    root: bool | None
    instance: int
    version: int
    rank: int
    step: int | None


@attrs.frozen(slots=True)
class AddressRequest:
    """A DHCPv6 solicit, from the client itself."""


@attrs.frozen(slots=True)
class RouteRequest:
    """A DIS."""


@attrs.frozen(slots=True)
class AddressOwner:
    """A node says, or is told, that an address is its own (DHCPv6 reply, address registration)."""

    address: bytes
    eui64: bytes


@attrs.frozen(slots=True)
class Registered:
    """A node is told by its parent that its registration of an address holds (NA with EARO), unless it is refused."""

    address: bytes
    eui64: bytes
    accepted: bool


Message: TypeAlias = Echo | Advertised | Acknowledged | Rank | AddressRequest | RouteRequest | AddressOwner | Registered


@attrs.frozen(slots=True)
class Datagram:
    """The innermost IPv6 packet of a frame. ``dst`` is its final destination; ``ahead`` the source-routed addresses
    from the one that this frame goes to, on to the last. ``first_ns``: start of its first fragment, or of the frame.
    ``first_octets``: how long that is, with FCS. ``identity``: a hash of what no hop changes (end points, protocol,
    payload with its checksum)."""

    src: bytes
    dst: bytes
    ahead: tuple[bytes, ...]
    first_ns: int
    first_octets: int
    message: Message | None
    identity: int

    @property
    def local(self) -> bool:
        """Link-local: such a packet is never forwarded, so the frame's addresses are its end points."""
        return self.src[:8] == ipv6.LINK_LOCAL_PREFIX or self.dst[:8] == ipv6.LINK_LOCAL_PREFIX

    @property
    def end_to_end(self) -> bool:
        """Carries an application's data (or an echo) between two nodes, beyond the neighbour if need be."""
        return not self.local and not self.multicast and (self.message is None or isinstance(self.message, Echo))

    @property
    def multicast(self) -> bool:
        """Goes to a group."""
        return self.dst[0] == 0xFF


@attrs.frozen(slots=True)
class Carried:
    """A message of U-bus Air's stand-in (`bench.air.app.u_bus_standin`), by its two ends (EUI-64). ``data``: it carries
    the application's octets. ``identity``: a hash of what no hop changes."""

    origin: bytes
    final: bytes
    data: bool
    identity: int


Content: TypeAlias = PanNotice | AuthenticationStep | Datagram | Carried


class Sighting(NamedTuple):
    """One frame on the air. ``ordinal`` counts in the order given; ``number`` is the frame's own in its capture, and
    frames of several sniffers may share one. ``start_ns`` is the capture's stamp unless it holds a start of its own;
    ``air_ns`` its duration where the capture says. ``src`` and ``dst`` are EUI-64s; ``octets`` the PSDU with FCS.

    ``asks``: for an acknowledgement. ``key_index`` and ``counter``: of a secured frame. ``body``: a checksum of its
    clear payload, which attempts have in common; None where it was not read. ``rssi_dbm``: at the sniffer; ``rsl_dbm``:
    what an acknowledgement says of the frame it answers, at its receiver. ``mic``, ``key``: as `Frame`.

    A named tuple, because each pass over a capture makes one for each frame, and other records cost five times that.
    """

    ordinal: int
    number: int
    start_ns: int
    air_ns: int | None
    src: bytes | None
    dst: bytes | None
    seq: int | None
    pan: int | None
    kind: str
    octets: int
    plan: tuple[int, int] | None
    asks: bool
    key_index: int | None
    counter: int | None
    body: int | None
    rssi_dbm: float | None
    rsl_dbm: int | None
    mic: str
    key: int | None = None
    content: Content | None = None

    @property
    def is_ack(self) -> bool:
        """An immediate acknowledgement, Wi-SUN's or the MAC's own."""
        return self.kind in ("ACK", "ack")
