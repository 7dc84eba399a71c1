"""Fields of the Wi-SUN information elements, under Wireshark's names; the elements that it does not know (JM, LBATS,
LBC, the sync period of LBS) have names in its style."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bench.air.fields.base import Field, Table, Tables, flag, number, octets, table, tables, u8, u16, u24, u32, words
from bench.air.frozen import frozen
from bench.air.wisun import frames as wisun
from bench.air.wisun.ffn import NOT_GIVEN
from bench.air.wisun.schedule import Schedule

_PLANS: Final = {0: "domain and operating class", 1: "explicit", 2: "domain and channel plan id"}
_PLANS_THEIRS: Final = {
    0: "Regulatory Domain and Operating Class",
    1: "Explicit Spacing and Number",
    2: "Regulatory Domain and Channel Plan ID",
}
_FUNCTIONS: Final = {0: "fixed", 1: "TR51CF", 2: "DH1CF", 3: "vendor"}
_FUNCTIONS_THEIRS: Final = {
    0: "Fixed Channel",
    1: "TR51 Channel Function",
    2: "Direct Hash Channel Function",
    3: "Vendor Defined Channel Function",
}
_EXCLUSIONS: Final = {0: "none", 1: "ranges", 2: "mask"}
_ROLES: Final = {0: "border router", 1: "router", 2: "LFN"}
_NOT_MEASURED: Final = {wisun.Rsl.NOT_MEASURED: "not measured"}
_ROLES_THEIRS: Final = {0: "FFN Border Router", 1: "FFN Router"}
_FIRST_OFDM: Final = 2
_PHY_TYPES: Final = {0: "FSK", 1: "FSK with FEC", **{2 + n: f"OFDM option {1 + n}" for n in range(4)}}
_PHY_TYPES_THEIRS: Final = {
    0: "FSK without FEC",
    1: "FSK with NRNSC FEC",
    **{2 + n: f"OFDM Option{1 + n}" for n in range(4)},
}


def _control(schedule: Schedule) -> int:
    return schedule.plan | schedule.function << 3 | schedule.exclusion << 6


@frozen
class Metric:
    """One join metric: its number and its data."""

    id: int
    data: bytes

    @property
    def load(self) -> int | None:
        """The PAN load factor, %, where it is that."""
        return wisun.Jm.load_of(self.id, self.data)


@frozen
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
        u8("wisun.usie.channel", "Channel control", _control, digits=2, hidden=True),
        u8("wisun.usie.channel.plan", "Channel plan", "plan", names=_PLANS, theirs=_PLANS_THEIRS),
        u8("wisun.usie.channel.function", "Channel function", "function", names=_FUNCTIONS, theirs=_FUNCTIONS_THEIRS),
        u8("wisun.usie.channel.exclude", "Excluded channels", "exclusion", names=_EXCLUSIONS, theirs={2: "Bitmask"}),
        u8("wisun.usie.domain", "Regulatory domain", lambda s: s.domain if s.plan != 1 else None),
        u8("wisun.usie.class", "Operating class", lambda s: s.plan_id if s.plan == 0 else None),
        u8("wisun.usie.channel_plan_id", "Channel plan id", lambda s: s.plan_id if s.plan == 2 else None),
        u32("wisun.usie.explicit.frequency", "Channel 0", lambda s: s.ch0_khz if s.plan == 1 else None, unit="kHz"),
        u32("wisun.usie.explicit.spacing", "Spacing code", lambda s: s.spacing & 0x0F if s.plan == 1 else None),
        u16("wisun.usie.num_channels", "Channels", lambda s: s.channels if s.plan == 1 else None),
        u16("wisun.usie.fixed_channel", "Fixed channel", "fixed_channel"),
        u8("wisun.usie.hop_count", "Listed hops", lambda s: len(s.hops) if s.function == 3 else None),
        u8("wisun.usie.hop_list", "Hop", lambda s: tuple(s.hops)),
        u8("wisun.usie.num_ranges", "Excluded ranges", lambda s: len(s.excluded_ranges) if s.exclusion == 1 else None),
        u16("wisun.usie.exclude.range", "Excluded from", lambda s: tuple(first for first, _ in s.excluded_ranges)),
        number("wisun.usie.exclude.last", "Excluded to", lambda s: tuple(last for _, last in s.excluded_ranges)),
        octets("wisun.usie.exclude.mask", "Excluded mask", lambda s: s.excluded_mask if s.exclusion == 2 else None),
    ),
)


TABLES: Final[Tables] = {
    **tables(
        *(wisun.Utt, wisun.Bt, wisun.Fc, wisun.Ea, wisun.Lutt, wisun.Lbt, wisun.Lus, wisun.Flus, wisun.Lbs, wisun.Lnd),
        *(wisun.Lto, wisun.PanId, wisun.Lbc, wisun.PanVersion, wisun.Lbats, wisun.LfnVersion),
    ),
    **{element: table(element, lambda found: (found.schedule,)) for element in (wisun.Us, wisun.Bs, wisun.Lcp)},
    wisun.Rsl: Table(
        "wisun.rslie",
        lambda rsl: "RSL" if rsl.dbm is None else f"RSL: heard at {rsl.dbm} dBm",
        (u8("wisun.rslie.rsl", "Received level (dBm + 174)", "sent", codes=_NOT_MEASURED),),
    ),
    wisun.Nr: Table(
        "wisun.nrie",
        "NR: node role",
        (
            u8("wisun.nrie.nr_id", "Role", "role", names=_ROLES, theirs=_ROLES_THEIRS),
            u8("wisun.usie.drift", "Clock drift", "drift_ppm", unit="ppm", codes=NOT_GIVEN),
            u8("wisun.nrie.timing_accuracy", "Timing accuracy", "accuracy", unit="x 10 us"),
            u24("wisun.nriw.listening_interval_min", "Listening interval from", "listen_min", unit="ms"),
            u24("wisun.nriw.listening_interval_max", "Listening interval to", "listen_max", unit="ms"),
        ),
    ),
    Schedule: _SCHEDULE,
    wisun.Pan: Table(
        "wisun.panie",
        "PAN: PAN information",
        (
            u16("wisun.panie.size", "PAN size", "size", unit="nodes", codes={wisun.Pan.UNKNOWN: "not known"}),
            u16("wisun.panie.cost", "Routing cost", "routing_cost", codes={wisun.Pan.UNKNOWN: "not known"}),
            u8("wisun.panie.flags", "Flags", "flags", digits=2, hidden=True),
            flag("wisun.panie.flags.parent_bsie", "Use parent's broadcast schedule", "use_parent_bs"),
            u8(
                "wisun.panie.flags.routing_method",
                "Routing method",
                lambda pan: int(pan.rpl),
                names={0: "MHDS", 1: "RPL"},
            ),
            u8("wisun.panie.flags.lfn_window_style", "LFN window style", lambda pan: int(pan.lfn_style)),
            u8("wisun.panie.flags.version", "FAN TPS version", "tps_version"),
        ),
    ),
    wisun.NetName: Table("wisun.netnameie", "NETNAME: network name", (words("wisun.netnameie.name", "Name", "name"),)),
    wisun.GtkHash: Table("wisun.gtkhashie", "GTKHASH: hashes of the group keys", _hashes("gtkhashie.gtk", 4)),
    wisun.Pom: Table(
        "wisun.pomie",
        "POM: PHY operating modes",
        (
            u8("wisun.pomie.number_operating_modes", "Modes", lambda pom: len(pom.phy_modes)),
            u8("wisun.pomie.mdr_command_capable_flag", "Mode switch by command", lambda p: int(p.mdr_capable)),
        ),
        lambda pom: map(PhyMode, pom.phy_modes),
    ),
    PhyMode: Table(
        "wisun.pomie.mode",
        lambda mode: f"PHY mode {mode.id:#04x}",
        (
            u8("wisun.pomie.phy_mode_id", "PHY mode", "id", digits=2),
            u8("wisun.pomie.phy_type", "PHY type", "type", names=_PHY_TYPES, theirs=_PHY_TYPES_THEIRS),
            u8("wisun.pomie.phy_mode_fsk", "FSK mode", lambda mode: mode.id & 0x0F if mode.is_fsk else None),
            u8("wisun.pomie.phy_mode_ofdm", "OFDM modulation", lambda mode: None if mode.is_fsk else mode.id & 0x0F),
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
    wisun.LgtkHash: Table(
        "wisun.lgtkhashie",
        "LGTKHASH: hashes of the LFN group keys",
        (
            u8("wisun.lgtkhashie.flags", "Flags", "flags", digits=2),
            *(flag(f"wisun.lgtkhashie.flag.includes_lgtk{n}", f"LGTK{n} there", _holds(n)) for n in range(3)),
            u8("wisun.lgtkhashie.flag.active_lgtk_index", "Active LGTK", "active"),
            *_hashes("lgtkhashie.lgtk", 3),
        ),
    ),
}
