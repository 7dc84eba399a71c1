"""Fields of the information elements that are not Wi-SUN's: TSCH beacons, 6P, listening times, vendors' elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from bench.air.fields.base import Field, Table, Tables, flag, i16, number, octets, table, tables, u8, u16, u24
from bench.air.frozen import frozen
from bench.air.mac import header_ies, mlme, sixtop, tsch
from bench.air.mac.ies import Ie, SubIe, each_sub_ie, write_sub_ies

VENDOR_GROUP: Final = 0x2
_OUI_OCTETS: Final = 3


@frozen
class Nested:
    """An element nested in the MLME payload IE, as framed."""

    sub: SubIe

    @property
    def head(self) -> int:
        """The two octets before the content."""
        return int.from_bytes(write_sub_ies((self.sub,))[:2], "little")


@frozen
class Vendor:
    """A vendor's element; in ``header`` IEs Wireshark names the content too."""

    oui: int
    content: bytes
    header: bool


@frozen
class Opaque:
    """An element that nobody here knows."""

    content: bytes


def header_inside(ie: Ie) -> Iterator[object]:
    """The record of a header IE that is not Wi-SUN's, where it is known. Raises `Malformed`."""
    if ie.id == header_ies.VENDOR and len(ie.content) >= _OUI_OCTETS:
        yield _vendor(ie, header=True)
    else:
        found = header_ies.read(ie)
        if found is not None:
            yield found


def payload_inside(ie: Ie) -> Iterator[object]:
    """What stands in a payload IE that is neither Wi-SUN's nor MPX. Raises `Malformed`."""
    if ie.id == mlme.GROUP:
        yield from map(Nested, each_sub_ie(ie.content))
    elif ie.id == VENDOR_GROUP and len(ie.content) >= _OUI_OCTETS:
        yield _vendor(ie, header=False)
    elif ie.id == sixtop.GROUP and ie.content:
        message = sixtop.read(ie.content)
        if message is not None:
            yield message


def _vendor(ie: Ie, *, header: bool) -> Vendor:
    return Vendor(int.from_bytes(ie.content[:_OUI_OCTETS], "little"), ie.content[_OUI_OCTETS:], header)


def _nested_inside(view: Nested) -> Iterator[object]:
    if view.sub.id == mlme.EbFilter.ID and not view.sub.long:
        yield mlme.EbFilter.read(view.sub.content)
        return
    found = tsch.read(view.sub)
    yield Opaque(view.sub.content) if found is None else found


def _times(name: str) -> Field:
    titles = {"cca": "CCA", "length": "Length of the slot"}
    bits_ = 24 if name in ("max_tx", "length") else 16
    title = titles.get(name, name.replace("_", " ").capitalize())
    get = f"times.{name}"
    return number(f"wpan.tsch.timeslot.{name}", title, lambda v: v.times and _attribute(v, get), unit="µs", bits=bits_)


def _attribute(record: object, path: str) -> object:
    for name in path.split("."):
        record = getattr(record, name)
    return record


def _cell_words(cell: sixtop.Cell) -> str:
    return f"Cell: slot {cell.slot}, channel offset {cell.channel}"


def _cell_option(name: str, title: str, place: int) -> Field:
    """One bit; Wireshark has it as a number, not as a flag."""
    get = f"wpan.6top_cell_option_{name}"
    return u8(get, title, lambda said: None if said.options is None else said.options >> place & 1)


def _code_name(message: sixtop.Message) -> str:
    return sixtop.describe(message)


_HEADER: Final[Tables] = {
    header_ies.Csl: Table(
        "wpan.header_ie.csl",
        "Coordinated sampled listening",
        (
            i16("wpan.header_ie.csl.phase", "Phase", "phase", unit="units of 10 symbols"),
            i16("wpan.header_ie.csl.period", "Period", "period", unit="units of 10 symbols"),
            i16("wpan.header_ie.csl.rendezvous_time", "Rendezvous", "rendezvous", unit="units of 10 symbols"),
        ),
    ),
    header_ies.Rendezvous: Table(
        "wpan.header_ie.rdv",
        "Rendezvous",
        (
            i16("wpan.header_ie.csl.rendezvous_time", "Rendezvous", "time", unit="units of 10 symbols"),
            i16("wpan.header_ie.csl.wakeup_interval", "Wake-up interval", "interval", unit="units of 10 symbols"),
        ),
    ),
    header_ies.TimeCorrection: Table(
        "wpan.header_ie.time_correction",
        "Time correction",
        (
            i16("wpan.header_ie.time_correction.value", "The frame came late by", "late_us", unit="µs"),
            flag("wpan.nack", "Not accepted", "nack"),
        ),
    ),
    **tables(header_ies.Rit, header_ies.GlobalTime),
    Vendor: Table(
        "",
        "Vendor's element",
        (
            u24("wpan.header_ie.vendor_specific.vendor_oui", "OUI", lambda v: v.oui if v.header else None, digits=6),
            octets("wpan.header_ie.vendor_specific.content", "Content", lambda v: v.content if v.header else None),
            u24("wpan.payload_ie.vendor.oui", "OUI", lambda v: None if v.header else v.oui, digits=6),
        ),
    ),
}

_MLME: Final[Tables] = {
    Nested: Table(
        "wpan.mlme.ie",
        lambda v: f"Nested {'long' if v.sub.long else 'short'} element: {mlme.name_of(v.sub)}",
        (
            u16("wpan.mlme.ie", "Head", "head", digits=4, hidden=True),
            u16("wpan.mlme.ie.type", "Form", lambda v: int(v.sub.long), names={0: "short", 1: "long"}),
            u16("wpan.mlme.ie.id", "Id", "sub.id", digits=2),
            u16("wpan.mlme.ie.length", "Length", lambda v: len(v.sub.content), unit="octets"),
        ),
        _nested_inside,
    ),
    Opaque: Table("", "Octets", (octets("wpan.mlme.data", "Content", lambda v: v.content or None),)),
    mlme.EbFilter: Table(
        "wpan.eb_filter",
        "Who is to answer",
        (
            flag("wpan.eb_filter.pjoin", "Who permits joining", "permit_joining"),
            flag("wpan.eb_filter.lqi", "Who heard well", lambda f: f.min_lqi is not None),
            flag("wpan.eb_filter.contains_prob", "Some at random", lambda f: f.percent is not None),
            u8("wpan.eb_filter.attr_id", "Octets of attributes", lambda f: len(f.attributes or b"")),
            u8("wpan.eb_filter.lqi_minimum", "Least LQI", "min_lqi"),
            u8("wpan.eb_filter.prob", "Probability", "percent", unit="%"),
            u24(
                "wpan.eb_filter.attr_id_bits",
                "Attributes",
                lambda f: None if f.attributes is None else int.from_bytes(f.attributes, "little"),
                digits=6,
            ),
        ),
    ),
    **tables(tsch.Synchronization),
    tsch.Timeslot: Table(
        "wpan.tsch.timeslot",
        "TSCH timeslot",
        (
            u8("wpan.tsch.timeslot.id", "Template", "template", digits=2),
            *map(_times, (field.name for field in attrs.fields(tsch.Times))),
        ),
    ),
    tsch.Slotframes: Table(
        "wpan.tsch",
        "TSCH slotframes and links",
        (u8("wpan.tsch.slotframe_num", "Slotframes", lambda v: len(v.slotframes)),),
        lambda v: v.slotframes,
    ),
    tsch.Slotframe: Table(
        "wpan.tsch.slotframe",
        lambda v: f"Slotframe {v.handle}",
        (
            u8("wpan.tsch.slotframe_handle", "Handle", "handle"),
            u16("wpan.tsch.slotframe_size", "Slots", "size"),
            u8("wpan.tsch.nb_links", "Links told", lambda v: len(v.links)),
        ),
        lambda v: v.links,
    ),
    tsch.Link: attrs.evolve(
        table(tsch.Link), title=lambda v: f"Link: slot {v.timeslot}, channel offset {v.channel_offset}"
    ),
    tsch.Hopping: Table(
        "wpan.channel_hopping",
        "Channel hopping",
        (
            u8("wpan.tsch.hopping_sequence_id", "Sequence", "sequence_id", digits=2),
            octets("wpan.mlme.data", "Sequence spelt out", lambda v: v.sub_ie().content[1:] or None),
        ),
        lambda v: () if v.sequence is None else (v.sequence,),
    ),
    tsch.Sequence: Table(
        "wpan.channel_hopping.sequence",
        "Sequence spelt out",
        (
            number("wpan.channel_hopping.page", "Channel page", "page"),
            number("wpan.channel_hopping.channels", "Channels", "channels"),
            number("wpan.channel_hopping.order", "Channel", "order"),
            number("wpan.channel_hopping.current", "Next place", "current"),
        ),
    ),
}

_SIXTOP: Final[Tables] = {
    sixtop.Message: Table(
        "wpan.6top",
        _code_name,
        (
            u8("wpan.ietf_ie.sub_id", "Sub-id", "sub_id"),
            u8("wpan.6top_version", "Version", "version"),
            u8("wpan.6top_type", "Type", "type", names={0: "request", 1: "response", 2: "confirmation"}),
            u8("wpan.6top_flags_reserved", "Reserved", "reserved", digits=2),
            u8("wpan.6top_code", "Code", "code", digits=2),
            u8("wpan.6top_sfid", "Scheduling function", "function", digits=2, names={0: "MSF"}),
            u8("wpan.6top_seqnum", "Sequence number", "sequence"),
        ),
        lambda message: (message.said,),
    ),
    sixtop.Said: Table(
        "wpan.6top_body",
        "What it asks or answers",
        (
            u16("wpan.6top_metadata", "Metadata", "metadata", digits=4),
            u8("wpan.6top_cell_options", "Cell options", "options", digits=2),
            _cell_option("tx", "Transmit", 0),
            _cell_option("rx", "Receive", 1),
            _cell_option("shared", "Shared", 2),
            u8("wpan.6top_num_cells", "Cells", "count"),
            u16("wpan.6top_total_num_cells", "Cells in all", "total"),
            u16("wpan.6top_offset", "From cell", "offset"),
            u16("wpan.6top_max_num_cells", "At most", "most"),
            octets("wpan.6top_payload", "Content", lambda said: said.data or None),
        ),
        lambda said: (*said.moved, *said.cells),
    ),
    sixtop.Cell: Table(
        "wpan.6top_cell",
        _cell_words,
        (
            octets("wpan.6top_cell", "As sent", lambda cell: sixtop.write_cells((cell,))),
            u16("wpan.6top_cell_slot_offset", "Slot", "slot", digits=4),
            u16("wpan.6top_channel_offset", "Channel offset", "channel", digits=4),
        ),
    ),
}

TABLES: Final[Tables] = {**_HEADER, **_MLME, **_SIXTOP}
