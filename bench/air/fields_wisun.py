"""Fields of the Wi-SUN information elements, under Wireshark's names; the elements that it does not know (JM, LBATS,
LBC, the sync period of LBS) have names in its style."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from bench.air import wisun
from bench.air.fields_base import Field, Table, Tables, eui64, flag, number, octets, words
from bench.air.schedule import Schedule
from bench.air.wisun_element import WisunFrameType

_FRAME_TYPES: Final = {kind.value: kind.name for kind in WisunFrameType}
_PLANS: Final = {0: "domain and operating class", 1: "explicit", 2: "domain and channel plan id"}
_FUNCTIONS: Final = {0: "fixed", 1: "TR51CF", 2: "DH1CF", 3: "vendor"}
_EXCLUSIONS: Final = {0: "none", 1: "ranges", 2: "mask"}
_ROLES: Final = {0: "border router", 1: "router", 2: "LFN"}
_FIRST_OFDM: Final = 2
_PHY_TYPES: Final = {0: "FSK", 1: "FSK with FEC", **{2 + n: f"OFDM option {1 + n}" for n in range(4)}}


def _control(schedule: Schedule) -> int:
    return schedule.plan | schedule.function << 3 | schedule.exclusion << 6


@attrs.frozen(slots=True)
class Metric:
    """One join metric: its number and its data."""

    id: int
    data: bytes

    @property
    def load(self) -> int | None:
        """The PAN load factor, %, where it is that."""
        return self.data[0] if self.id == wisun.Jm.LOAD and len(self.data) == 1 else None


@attrs.frozen(slots=True)
class PhyMode:
    """One PHY operating mode as sent: its type above, what that type makes of the lower four bits."""

    id: int

    @property
    def type(self) -> int:
        """0 and 1 FSK, 2 to 5 OFDM options 1 to 4 (Wireshark takes what follows for OFDM, too)."""
        return self.id >> 4

    @property
    def is_fsk(self) -> bool:
        """Whether the type is one of FSK."""
        return self.type < _FIRST_OFDM


def _hashes(name: str, count: int) -> tuple[Field, ...]:
    return tuple(octets(f"wisun.{name}{n}", f"Hash {n}", _hash(n)) for n in range(count))


def _hash(index: int) -> Callable[[wisun.GtkHash | wisun.LgtkHash], bytes | None]:
    return lambda element: element.hashes[index]


def _holds(index: int) -> Callable[[wisun.LgtkHash], bool]:
    return lambda element: element.hashes[index] is not None


_SCHEDULE: Final = Table(
    "wisun.schedule",
    "Channels",
    (
        number("wisun.usie.channel", "Channel control", _control, digits=2, hidden=True),
        number("wisun.usie.channel.plan", "Channel plan", "plan", names=_PLANS),
        number("wisun.usie.channel.function", "Channel function", "function", names=_FUNCTIONS),
        number("wisun.usie.channel.exclude", "Excluded channels", "exclusion", names=_EXCLUSIONS),
        number("wisun.usie.domain", "Regulatory domain", lambda s: s.domain if s.plan != 1 else None),
        number("wisun.usie.class", "Operating class", lambda s: s.plan_id if s.plan == 0 else None),
        number("wisun.usie.channel_plan_id", "Channel plan id", lambda s: s.plan_id if s.plan == 2 else None),
        number("wisun.usie.explicit.frequency", "Channel 0", lambda s: s.ch0_khz if s.plan == 1 else None, unit="kHz"),
        number("wisun.usie.explicit.spacing", "Spacing code", lambda s: s.spacing & 0x0F if s.plan == 1 else None),
        number("wisun.usie.num_channels", "Channels", lambda s: s.channels if s.plan == 1 else None),
        number("wisun.usie.fixed_channel", "Fixed channel", "fixed_channel"),
        number("wisun.usie.hop_count", "Listed hops", lambda s: len(s.hops) if s.function == 3 else None),
        number("wisun.usie.hop_list", "Hop", lambda s: tuple(s.hops)),
        number(
            "wisun.usie.num_ranges", "Excluded ranges", lambda s: len(s.excluded_ranges) if s.exclusion == 1 else None
        ),
        number("wisun.usie.exclude.range", "Excluded from", lambda s: tuple(first for first, _ in s.excluded_ranges)),
        number("wisun.usie.exclude.last", "Excluded to", lambda s: tuple(last for _, last in s.excluded_ranges)),
        octets("wisun.usie.exclude.mask", "Excluded mask", lambda s: s.excluded_mask if s.exclusion == 2 else None),
    ),
)


def _timing(dwell: str = "dwell_ms") -> tuple[Field, ...]:
    return (
        number("wisun.usie.dwell", "Dwell", dwell, unit="ms"),
        number("wisun.usie.drift", "Clock drift", "drift_ppm", unit="ppm", names={255: "not given"}),
        number("wisun.usie.accuracy", "Timing accuracy", "accuracy", unit="x 10 us"),
    )


TABLES: Final[Tables] = {
    wisun.Utt: Table(
        "wisun.uttie",
        "UTT: unicast timing",
        (
            number("wisun.uttie.type", "Frame type", "frame_type", names=_FRAME_TYPES),
            number("wisun.uttie.ufsi", "Fractional sequence interval", "ufsi"),
        ),
    ),
    wisun.Bt: Table(
        "wisun.btie",
        "BT: broadcast timing",
        (
            number("wisun.btie.slot", "Broadcast slot", "slot"),
            number("wisun.btie.bio", "Offset in the interval", "offset_ms", unit="ms"),
        ),
    ),
    wisun.Fc: Table(
        "wisun.fcie",
        "FC: flow control",
        (
            number("wisun.fcie.tx", "Transmit time", "tx_ms", unit="ms"),
            number("wisun.fcie.rx", "Receive time", "rx_ms", unit="ms"),
        ),
    ),
    wisun.Rsl: Table(
        "wisun.rslie",
        lambda rsl: f"RSL: heard at {rsl.dbm} dBm",
        (number("wisun.rslie.rsl", "Received level (dBm + 174)", lambda rsl: rsl.dbm + 174),),
    ),
    wisun.Ea: Table("wisun.eaie", "EA: EAPOL authenticator", (eui64("wisun.eaie.eui", "Authenticator", "eui64"),)),
    wisun.Lutt: Table(
        "wisun.luttie",
        "LUTT: LFN unicast timing",
        (
            number("wisun.uttie.type", "Frame type", "frame_type", names=_FRAME_TYPES),
            number("wisun.luttie.usn", "Unicast slot", "slot"),
            number("wisun.luttie.uio", "Offset in the interval", "offset", unit="ms"),
        ),
    ),
    wisun.Lbt: Table(
        "wisun.lbtie",
        "LBT: LFN broadcast timing",
        (
            number("wisun.lbtie.slot", "Broadcast slot", "slot"),
            number("wisun.lbtie.bio", "Offset in the interval", "offset", unit="ms"),
        ),
    ),
    wisun.Nr: Table(
        "wisun.nrie",
        "NR: node role",
        (
            number("wisun.nrie.nr_id", "Role", "role", names=_ROLES),
            number("wisun.usie.drift", "Clock drift", "drift_ppm", unit="ppm", names={255: "not given"}),
            number("wisun.nrie.timing_accuracy", "Timing accuracy", "accuracy", unit="x 10 us"),
            number("wisun.nriw.listening_interval_min", "Listening interval from", "listen_min", unit="ms"),
            number("wisun.nriw.listening_interval_max", "Listening interval to", "listen_max", unit="ms"),
        ),
    ),
    wisun.Lus: Table(
        "wisun.lusie",
        "LUS: LFN unicast schedule",
        (
            number("wisun.lusie.listen", "Listening interval", "listen_interval_ms", unit="ms"),
            number("wisun.lusie.channeltag", "Channel plan tag", "tag"),
        ),
    ),
    wisun.Flus: Table(
        "wisun.flusie",
        "FLUS: unicast schedule for LFNs",
        (
            number("wisun.flusie.dwell", "Dwell", "dwell_ms", unit="ms"),
            number("wisun.flusie.channeltag", "Channel plan tag", "tag"),
        ),
    ),
    wisun.Lbs: Table(
        "wisun.lbsie",
        "LBS: LFN broadcast schedule",
        (
            number("wisun.lbsie.broadcast", "Broadcast interval", "interval_ms", unit="ms"),
            number("wisun.lbsie.broadcast_id", "Schedule id", "schedule_id"),
            number("wisun.lbsie.channeltag", "Channel plan tag", "tag"),
            number("wisun.lbsie.sync_period", "Sync period", "sync_period", unit="intervals"),
        ),
    ),
    wisun.Lnd: Table(
        "wisun.lndie",
        "LND: LFN network discovery",
        (
            number("wisun.lndie.response_threshold", "Response threshold", "threshold"),
            number("wisun.lndie.response_delay", "Response delay", "delay", unit="ms"),
            number("wisun.lndie.discovery_slot_time", "Discovery slot", "slot_time"),
            number("wisun.lndie.discovery_slots", "Discovery slots", "slots"),
            number("wisun.lndie.discovery_first_slot", "First slot", "first_slot"),
        ),
    ),
    wisun.Lto: Table(
        "wisun.ltoie",
        "LTO: LFN timing offset",
        (
            number("wisun.ltoie.offset", "Offset", "offset", unit="ms"),
            number("wisun.ltoie.listening_interval", "Adjusted listening interval", "listening_interval", unit="ms"),
        ),
    ),
    wisun.PanId: Table("wisun.panidie", "PANID", (number("wisun.panidie.panid", "PAN ID", "pan_id", digits=4),)),
    wisun.Lbc: Table(
        "wisun.lbcie",
        "LBC: LFN broadcast configuration",
        (
            number("wisun.lbcie.interval", "Broadcast interval", "interval_ms", unit="ms"),
            number("wisun.lbcie.sync_period", "Sync period", "sync_period", unit="intervals"),
        ),
    ),
    wisun.Us: Table("wisun.usie", "US: unicast schedule", _timing(), lambda us: (us.schedule,)),
    wisun.Bs: Table(
        "wisun.bsie",
        "BS: broadcast schedule",
        (
            number("wisun.bsie.interval", "Broadcast interval", "interval_ms", unit="ms"),
            number("wisun.bsie.schedule", "Schedule id", "bsi"),
            *_timing(),
        ),
        lambda bs: (bs.schedule,),
    ),
    wisun.Lcp: Table(
        "wisun.lcpie",
        "LCP: LFN channel plan",
        (number("wisun.lusie.channeltag", "Tag", "tag"),),
        lambda lcp: (lcp.schedule,),
    ),
    Schedule: _SCHEDULE,
    wisun.Pan: Table(
        "wisun.panie",
        "PAN: PAN information",
        (
            number("wisun.panie.size", "PAN size", "size", unit="nodes"),
            number("wisun.panie.cost", "Routing cost", "routing_cost"),
            number("wisun.panie.flags", "Flags", lambda pan: pan.encode()[4], digits=2, hidden=True),
            flag("wisun.panie.flags.parent_bsie", "Use parent's broadcast schedule", "use_parent_bs"),
            number(
                "wisun.panie.flags.routing_method",
                "Routing method",
                lambda pan: int(pan.rpl),
                names={0: "MHDS", 1: "RPL"},
            ),
            number("wisun.panie.flags.lfn_window_style", "LFN window style", lambda pan: int(pan.lfn_style)),
            number("wisun.panie.flags.version", "FAN TPS version", "tps_version"),
        ),
    ),
    wisun.NetName: Table("wisun.netnameie", "NETNAME: network name", (words("wisun.netnameie.name", "Name", "name"),)),
    wisun.PanVersion: Table(
        "wisun.panverie", "PANVER: PAN version", (number("wisun.panverie.version", "PAN version", "version"),)
    ),
    wisun.GtkHash: Table("wisun.gtkhashie", "GTKHASH: hashes of the group keys", _hashes("gtkhashie.gtk", 4)),
    wisun.Pom: Table(
        "wisun.pomie",
        "POM: PHY operating modes",
        (
            number("wisun.pomie.number_operating_modes", "Modes", lambda pom: len(pom.phy_modes)),
            number("wisun.pomie.mdr_command_capable_flag", "Mode switch by command", lambda p: int(p.mdr_capable)),
        ),
        lambda pom: map(PhyMode, pom.phy_modes),
    ),
    PhyMode: Table(
        "wisun.pomie.mode",
        lambda mode: f"PHY mode {mode.id:#04x}",
        (
            number("wisun.pomie.phy_mode_id", "PHY mode", "id", digits=2),
            number("wisun.pomie.phy_type", "PHY type", "type", names=_PHY_TYPES),
            number("wisun.pomie.phy_mode_fsk", "FSK mode", lambda mode: mode.id & 0x0F if mode.is_fsk else None),
            number(
                "wisun.pomie.phy_mode_ofdm", "OFDM modulation", lambda mode: None if mode.is_fsk else mode.id & 0x0F
            ),
        ),
    ),
    wisun.Lbats: Table(
        "wisun.lbatsie",
        "LBATS: LFN broadcast additional transmissions",
        (
            number("wisun.lbatsie.additional", "Additional transmissions", "additional"),
            number("wisun.lbatsie.delay", "Delay to the next", "delay", unit="ms"),
        ),
    ),
    wisun.Jm: Table(
        "wisun.jmie",
        "JM: join metrics",
        (number("wisun.jmie.version", "Content version", "version"),),
        lambda jm: (Metric(*each) for each in jm.metrics),
    ),
    Metric: Table(
        "wisun.jmie.metric",
        lambda metric: f"Metric {metric.id}",
        (
            number("wisun.jmie.metric.id", "Metric", "id", names={wisun.Jm.LOAD: "PAN load factor"}),
            octets("wisun.jmie.metric.data", "Data", "data"),
            number("wisun.jmie.plf", "PAN load factor", "load", unit="%"),
        ),
    ),
    wisun.LfnVersion: Table(
        "wisun.lfnverie", "LFNVER: LFN version", (number("wisun.lfnverie.version", "LFN version", "version"),)
    ),
    wisun.LgtkHash: Table(
        "wisun.lgtkhashie",
        "LGTKHASH: hashes of the LFN group keys",
        (
            number("wisun.lgtkhashie.flags", "Flags", lambda e: e.encode()[0], digits=2),
            *(flag(f"wisun.lgtkhashie.flag.includes_lgtk{n}", f"LGTK{n} there", _holds(n)) for n in range(3)),
            number("wisun.lgtkhashie.flag.active_lgtk_index", "Active LGTK", "active"),
            *_hashes("lgtkhashie.lgtk", 3),
        ),
    ),
}
