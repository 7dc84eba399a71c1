"""Every duration of the mesh in one place: join timers by profile, settled timers, MAC timing.

The profiles follow domain.md 5.4 (implementation choices of open stacks, not text of a specification). Where that table
has "-", the value is the twin's own choice and says so. Settled timers run in long phases on purpose: a rig of six
nodes costs about 1,500 frames a virtual day, acknowledgements included, so that weeks stay cheap.
"""

from __future__ import annotations

from typing import Final

import attrs

from bench.errors import InputError
from bench.records import NS_PER_S

MS: Final = 1_000_000
MINUTE: Final = 60 * NS_PER_S


@attrs.frozen(slots=True)
class JoinTimers:
    """How a node joins. All in ns.

    ``discovery_min_ns``: first interval of the PAS and PCS trickles (DISC_IMIN) and of the routers' PA and PC.
    ``discovery_max_ns``: longest PCS interval (DISC_IMAX); PAS goes on doubling up to ``Settled.isolated_max_ns``.
    ``choose_pan_ns``: the PAN is chosen at the end of the PAS interval in which the first PA came, at the latest this
    long after it. ``first_key_max_ns``: the first EAPOL key request leaves after a uniform delay up to this;
    ``key_retry_ns``: again when authentication stalls. ``dis_first_ns``/``dis_retry_ns``: DIS after the PAN
    configuration, and its repetition. ``choose_parent_ns``: wait for further DIOs after the first.
    ``solicit_max_ns``: uniform delay before the DHCPv6 solicit, also its first retransmission time. ``dao_ns``: delay
    and retransmission time of the DAO, ``dao_tries`` of them before discovery starts over.
    """

    name: str
    discovery_min_ns: int
    discovery_max_ns: int
    choose_pan_ns: int
    first_key_max_ns: int
    key_retry_ns: int
    dis_first_ns: int
    dis_retry_ns: int
    choose_parent_ns: int
    solicit_max_ns: int
    dao_ns: int = 3 * NS_PER_S
    dao_tries: int = 3


TEST: Final = JoinTimers(
    name="TEST",
    discovery_min_ns=8 * NS_PER_S,  # "-" in the table: the twin's own choice
    discovery_max_ns=32 * NS_PER_S,  # own choice
    choose_pan_ns=8 * NS_PER_S,  # own choice
    first_key_max_ns=3 * NS_PER_S,
    key_retry_ns=18 * NS_PER_S,
    dis_first_ns=2 * NS_PER_S,  # own choice, as SMALL
    dis_retry_ns=5 * NS_PER_S,
    choose_parent_ns=2 * NS_PER_S,  # own choice; the real stack took 5 s
    solicit_max_ns=5 * NS_PER_S,  # own choice; the real stack waits up to 60 s
)
SMALL: Final = JoinTimers(
    name="SMALL",
    discovery_min_ns=15 * NS_PER_S,
    discovery_max_ns=60 * NS_PER_S,
    choose_pan_ns=30 * NS_PER_S,  # own choice: as good as always the end of the second interval
    first_key_max_ns=60 * NS_PER_S,
    key_retry_ns=60 * NS_PER_S,
    dis_first_ns=2 * NS_PER_S,
    dis_retry_ns=5 * NS_PER_S,
    choose_parent_ns=8 * NS_PER_S,  # measured on the real stack: median 9 s from DIS to choice
    solicit_max_ns=60 * NS_PER_S,
)
MEDIUM: Final = JoinTimers(
    name="MEDIUM",
    discovery_min_ns=60 * NS_PER_S,
    discovery_max_ns=960 * NS_PER_S,
    choose_pan_ns=60 * NS_PER_S,  # own choice
    first_key_max_ns=180 * NS_PER_S,
    key_retry_ns=180 * NS_PER_S,
    dis_first_ns=60 * NS_PER_S,
    dis_retry_ns=5 * NS_PER_S,
    choose_parent_ns=8 * NS_PER_S,  # as SMALL, own choice
    solicit_max_ns=60 * NS_PER_S,
)
LARGE: Final = JoinTimers(
    name="LARGE",
    discovery_min_ns=120 * NS_PER_S,
    discovery_max_ns=1536 * NS_PER_S,
    choose_pan_ns=120 * NS_PER_S,  # own choice
    first_key_max_ns=300 * NS_PER_S,
    key_retry_ns=300 * NS_PER_S,
    dis_first_ns=60 * NS_PER_S,  # "-" in the table: as MEDIUM
    dis_retry_ns=5 * NS_PER_S,
    choose_parent_ns=8 * NS_PER_S,  # as SMALL, own choice
    solicit_max_ns=60 * NS_PER_S,
)
PROFILES: Final = {timers.name: timers for timers in (TEST, SMALL, MEDIUM, LARGE)}


def profile(name: str) -> JoinTimers:
    """The profile of that name; raises InputError naming the ones that exist."""
    try:
        return PROFILES[name.upper()]
    except KeyError:
        raise InputError(f"timer profile {name!r} is unknown; expected one of {', '.join(PROFILES)}") from None


@attrs.frozen(slots=True)
class Settled:
    """Timers of a mesh at rest, in ns. Real stacks advertise every minute; these long phases are the twin's choice.

    ``advert_max_ns``: ceiling of the PA and PC trickles. ``dio_interval_min``/``dio_doublings``: DIO trickle, as
    DODAG configuration has it (2 ** 15 ms, seven times doubled).
    ``registration_ns``: NS with EARO to the parent (lifetime 40 min in the option); also the longest time in which an
    idle node overlooks the loss of its parent. ``dao_ns``: DAO refresh, 90 % of the route lifetime of 2 h.
    ``gtk_request_max_ns``: after a PC that names a GTK which the node lacks, it asks after a uniform delay up to this.
    ``isolated_max_ns``: ceiling of the PAS interval of a node without network. ``probe_ns``: after a failed
    transmission to the parent the next NS follows this soon; ``lost_after`` failures in a row: the parent is lost.
    """

    advert_max_ns: int = 64 * MINUTE
    dio_interval_min: int = 15
    dio_doublings: int = 7
    gtk_request_max_ns: int = 64 * MINUTE
    registration_ns: int = 36 * MINUTE
    registration_lifetime_min: int = 40
    dao_ns: int = 108 * MINUTE
    route_lifetime_units: int = 6
    lifetime_unit_s: int = 1200
    isolated_max_ns: int = 30 * MINUTE
    probe_ns: int = 5 * NS_PER_S
    lost_after: int = 3

    @property
    def dio_min_ns(self) -> int:
        """Shortest interval of the DIO trickle."""
        return (1 << self.dio_interval_min) * MS

    @property
    def dio_max_ns(self) -> int:
        """Longest interval of the DIO trickle."""
        return self.dio_min_ns << self.dio_doublings


SETTLED: Final = Settled()


@attrs.frozen(slots=True)
class MacTiming:
    """The medium access of the twin's radio: CSMA with 1-8 ms first backoff, as behind the tests' captures."""

    backoff_unit_ns: int = 1 * MS
    min_be: int = 3
    max_be: int = 5
    turnaround_ns: int = 1 * MS
    ack_margin_ns: int = 1 * MS
    pause_ns: int = 2 * MS  # ARIB STD-T108: pause after a transmission (domain.md 5.1)
    attempts: int = 8  # 1 + 7 retries, as wsbrd
    boot_ns: int = 1_500 * MS  # power edge to firmware running: own choice


MAC: Final = MacTiming()
EAPOL_RETRANSMIT_NS: Final = 30 * NS_PER_S
EAPOL_RETRANSMITS: Final = 3
"""The authenticator repeats its last message after 30 s, three times (domain.md 5.4)."""
BROADCAST_INTERVAL_MS: Final = 1020
UNICAST_DWELL_MS: Final = 255
