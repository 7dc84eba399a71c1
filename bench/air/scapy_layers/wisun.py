"""scapy layers of every Wi-SUN element that has a record (`wisun.frames.ELEMENTS`), and of the opaque ones with a name.

Plain elements are made from their records' layouts (`wisun.element.PlainElement`); the fields of the others stand
here, with the record's names, and the tests hold both against each other.
"""

from __future__ import annotations

from typing import Any, Final

from scapy.fields import (
    BitEnumField,
    BitField,
    ByteField,
    ConditionalField,
    Field,
    FieldLenField,
    LEShortField,
    PacketListField,
    StrField,
)

from bench.air.mac.ies import WISUN_HEADER_ID
from bench.air.scapy_layers.base import Counted, Layer, Needed, Octets, Part, fields
from bench.air.scapy_layers.ies import (
    HEADER_LAYERS,
    LONG_LAYERS,
    SHORT_LAYERS,
    WisunHeaderIe,
    WisunLongIe,
    WisunShortIe,
    group_head,
    header_head,
    short_head,
)
from bench.air.scapy_layers.plain import content
from bench.air.wisun import frames as wisun
from bench.air.wisun.element import Form, PlainElement
from bench.air.wisun.frames import Element, WisunFrameType
from bench.air.wisun.schedule import ChannelFunction


class ChannelRange(Part):
    """Excluded channels, first and last."""

    name = "Channel Range"
    fields_desc = fields(LEShortField("first", 0), LEShortField("last", 0))


def _mask_octets(schedule: Any) -> int:
    """Only an explicit plan says how long the mask of excluded channels is; else the mask ends the element."""
    return (schedule.channels + 7) // 8 if schedule.plan == 1 else -1


class _Mask(Octets):
    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, bytes]:
        return super().getfield(pkt, s) if _mask_octets(pkt) >= 0 else (b"", s)


class ChannelSchedule(Part):
    """Channel control and what it announces, as `schedule.Schedule`."""

    name = "Channels"
    fields_desc = fields(
        BitEnumField("exclusion", 0, 2, {0: "none", 1: "ranges", 2: "mask"}),
        BitEnumField("function", int(ChannelFunction.FIXED), 3, ChannelFunction),
        BitField("plan", 2, 3),
        ConditionalField(ByteField("domain", 2), lambda schedule: schedule.plan in (0, 2)),
        ConditionalField(ByteField("plan_id", 22), lambda schedule: schedule.plan in (0, 2)),
        ConditionalField(Counted("ch0_khz", 0, 3), lambda schedule: schedule.plan == 1),
        ConditionalField(ByteField("spacing", 0), lambda schedule: schedule.plan == 1),
        ConditionalField(LEShortField("channels", 0), lambda schedule: schedule.plan == 1),
        ConditionalField(
            LEShortField("fixed_channel", 10), lambda schedule: schedule.function == ChannelFunction.FIXED
        ),
        ConditionalField(
            FieldLenField("hop_count", None, length_of="hops", fmt="B"),
            lambda schedule: schedule.function == ChannelFunction.VENDOR,
        ),
        ConditionalField(
            Octets("hops", b"", length_from=lambda schedule: schedule.hop_count),
            lambda schedule: schedule.function == ChannelFunction.VENDOR,
        ),
        ConditionalField(
            FieldLenField("range_count", None, count_of="excluded_ranges", fmt="B"),
            lambda schedule: schedule.exclusion == 1,
        ),
        ConditionalField(
            PacketListField("excluded_ranges", [], ChannelRange, count_from=lambda schedule: schedule.range_count),
            lambda schedule: schedule.exclusion == 1,
        ),
        ConditionalField(
            _Mask("excluded_mask", b"", length_from=_mask_octets), lambda schedule: schedule.exclusion == 2
        ),
    )


class JoinMetric(Part):
    """One join metric: number, and data of 0, 1, 2 or 4 octets."""

    name = "Join Metric"
    fields_desc = fields(
        BitField("size", 0, 2),
        BitField("id", 0, 6),
        Octets("data", b"", length_from=lambda metric: (0, 1, 2, 4)[metric.size]),
    )


class Rssi(Field[int, int]):
    """dBm, sent as dBm + 174; None where it was not measured."""

    def m2i(self, pkt: Any, x: Any) -> int | None:  # type: ignore[override]
        return None if int(x) == wisun.Rsl.NOT_MEASURED else int(x) - wisun.Rsl.OFFSET

    def i2m(self, pkt: Any, x: Any) -> int:
        return wisun.Rsl(x).sent


class Hash(Octets):
    """A key's hash: 8 octets, zeros for an absent key."""

    def __init__(self, name: str) -> None:
        super().__init__(name, bytes(8), length_from=lambda element: 8)


def _is_lfn(element: Any) -> bool:
    return bool(element.role == 2)


def _hash(bit: int) -> Any:
    return ConditionalField(Hash(f"hash{bit}"), lambda element: bool(element.present >> bit & 1))


_BY_HAND: Final[dict[type[Element], list[Any]]] = {
    wisun.Rsl: [Rssi("dbm", 0, "B")],
    wisun.Nr: [
        BitField("reserved", 0, 5),
        BitField("role", 0, 3),
        ByteField("drift_ppm", 255),
        ByteField("accuracy", 100),
        ConditionalField(Counted("listen_min", 0, 3), _is_lfn),
        ConditionalField(Counted("listen_max", 0, 3), _is_lfn),
    ],
    wisun.Pan: [
        LEShortField("size", 0),
        LEShortField("routing_cost", 0),
        BitField("tps_version", 2, 3),
        BitField("reserved", 0, 2),
        BitField("lfn_style", 0, 1),
        BitField("rpl", 1, 1),
        BitField("use_parent_bs", 1, 1),
    ],
    wisun.NetName: [StrField("netname", b"")],
    wisun.GtkHash: [Hash(f"gtk{number}") for number in range(4)],
    wisun.Pom: [
        BitField("reserved", 0, 3),
        BitField("mdr_capable", 0, 1),
        BitField("count", 0, 4),
        Octets("phy_modes", b"", length_from=lambda element: element.count),
    ],
    wisun.Jm: [ByteField("version", 0), PacketListField("metrics", [], JoinMetric)],
    wisun.LgtkHash: [
        BitField("reserved", 0, 3),
        BitField("active", 0, 2),
        BitField("present", 0, 3),
        *(_hash(bit) for bit in range(3)),
    ],
}
"""Content of the elements that have no layout, after the sub-ID."""

_FORMS: Final[dict[Form, tuple[Layer, Any, dict[int, Layer]]]] = {
    "header": (WisunHeaderIe, header_head, HEADER_LAYERS),
    "short": (WisunShortIe, short_head, SHORT_LAYERS),
    "long": (WisunLongIe, group_head, LONG_LAYERS),
}


def _content(kind: type[Element]) -> list[Any]:
    """The fields of an element: those of its layout, or what stands above."""
    if not issubclass(kind, PlainElement):
        return _BY_HAND[kind]
    frame_type = BitEnumField("frame_type", int(WisunFrameType.DATA), 8, WisunFrameType)
    return content(kind, frame_type=frame_type, schedule=Needed("schedule", ChannelSchedule(), ChannelSchedule))


def _layer(kind: type[Element]) -> Layer:
    base, head, table = _FORMS[kind.FORM]
    if kind.FORM == "header":
        fields = [*head(WISUN_HEADER_ID), ByteField("sub_id", kind.SUB_ID), *_content(kind)]
    else:
        fields = [*head(kind.SUB_ID), *_content(kind)]
    layer = type(
        f"Wisun{kind.__name__}",
        (base,),
        {"name": f"Wi-SUN {kind.NAME}-IE", "fields_desc": fields, "__doc__": kind.__doc__, "__module__": __name__},
    )
    table[kind.SUB_ID] = layer
    return layer


WISUN_LAYERS: Final[dict[type[Element], Layer]] = {kind: _layer(kind) for kind in wisun.ELEMENTS}
"""The layer of each record; their names are ``Wisun`` and the record's: WisunUtt, WisunUs, WisunPan ..."""
