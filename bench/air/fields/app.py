"""Fields of what a HAN adds: beacons, MAC commands, 6LoRH, PANA, CoAP, ECHONET Lite.

Wireshark 4.0 has no ECHONET Lite: those names are ours alone. Of PANA's flags its field shows the lower octet; ours is
the whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs

from bench.air.app import coap, echonet, echonet_classes, echonet_values, pana, u_bus_standin
from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.fields.base import Field, Table, Tables, Trouble, bit, eui64, flag, number, octets, u8, u16, u32, words
from bench.air.frozen import frozen
from bench.air.keys.eapol import Eap
from bench.air.lowpan import sixlorh
from bench.air.mac import beacon, command

_CODES: Final = {code.value: command.name_of(code) for code in command.CommandId}
_PANA_TYPES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in pana.MessageType}
_U_BUS_KINDS: Final = {kind.value: kind.name.lower() for kind in u_bus_standin.Kind}
_COAP_TYPES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in coap.Type}


@frozen
class Said:
    """An ECHONET Lite property of a class of objects."""

    class_code: int
    said: echonet.Property

    @property
    def kind(self) -> echonet_classes.Kind | None:
        """What the property is, None where not listed."""
        return echonet_classes.kind_of(self.class_code, self.said.epc)

    @property
    def read(self) -> tuple[echonet_values.Format, object] | None:
        """Its format and value; None where it has none, or one that is not in its format."""
        if self.kind is None or not self.said.edt:
            return None
        try:
            return self.kind.format, self.kind.format.read(self.said.edt)
        except Malformed:
            return None

    @property
    def value(self) -> str | None:
        """Its value for people."""
        return None if self.read is None else self.read[0].text(self.read[1])

    @property
    def series(self) -> tuple[str, ...]:
        """Each number of a history."""
        return () if self.read is None else echonet_values.series(*self.read)


def _said(message: echonet.Message) -> Iterator[object]:
    yield from (Said(message.class_code, each) for each in (*message.properties, *message.gets))
    if message.trouble:
        yield Trouble(message.trouble)


def _avps(message: pana.Message) -> Iterator[object]:
    yield from _or_trouble(message.avps)
    if message.length is not None:
        yield Trouble(pana.trouble(message))


def _or_trouble(found: Iterable[object]) -> Iterator[object]:
    """A list of options or the like, and what is wrong with those that cannot be read."""
    for option in found:
        yield option
        if isinstance(option, Broken | coap.Option) and option.trouble:
            yield Trouble(option.trouble)


def _object(eoj: int) -> str:
    return f"{eoj:06x}"


def _carried(avp: pana.Avp) -> Iterator[object]:
    """What it carries; a value that has not its format is told by what reading it raises."""
    found = pana.read(avp)
    if isinstance(found, Eap | pana.Message):
        yield found


def _option_text(number_wanted: int) -> Callable[[coap.Option], object]:
    def get(option: coap.Option) -> str | None:
        return option.value.decode("utf-8", "backslashreplace") if option.number == number_wanted else None

    return get


def _block(part: str) -> Callable[[coap.Option], object]:
    def get(option: coap.Option) -> int | None:
        if option.block is None:
            return None
        return {"number": option.uint >> 4, "more": option.uint >> 3 & 1, "size": option.uint & 7}[part]

    return get


def _short(address: beacon.Beacon) -> tuple[int, ...]:
    return tuple(int.from_bytes(each, "big") for each in address.pending if len(each) == 2)


def _long(address: beacon.Beacon) -> tuple[bytes, ...]:
    return tuple(each for each in address.pending if len(each) == 8)


def _command(title: str, *fields: Field) -> Table:
    first = u8("wpan.cmd", "Command", command.identifier, digits=2, names=_CODES, theirs={5: "PAN ID Conflict"})
    return Table("wpan.cmd", title, (first, *fields, octets("data.octets", "Further octets", _further)))


def _further(sent: command.Command) -> bytes | None:
    """What stands behind the fields known here."""
    return (sent.data if isinstance(sent, command.RawCommand) else sent.rest) or None


def _wire_rank(header: sixlorh.PacketInformation) -> int:
    """The rank as sent, its lower octet left out where the K bit says so: what Wireshark shows."""
    return header.sender_rank if header.full[1] or header.sender_rank & 0xFF else header.sender_rank >> 8


TABLES: Final[Tables] = {
    beacon.Beacon: Table(
        "wpan.beacon",
        "Beacon",
        (
            u16("wpan.beacon_order", "Beacon order", "beacon_order"),
            u16("wpan.superframe_order", "Superframe order", "superframe_order"),
            flag("wpan.bcn_coord", "PAN coordinator", "pan_coordinator"),
            flag("wpan.assoc_permit", "Association permitted", "association_permit"),
            u8("wpan.gts.count", "Guaranteed slots", lambda b: len(b.slots)),
            flag("wpan.gts.permit", "Guaranteed slots permitted", "gts_permit"),
            u16("wpan.gts.address", "Slot of", lambda b: tuple(slot.address for slot in b.slots), digits=4),
            u16("wpan.pending16", "Pending", _short, digits=4),
            eui64("wpan.pending64", "Pending", _long),
            octets("wpan.beacon.payload", "Payload", lambda b: b.payload or None),
        ),
    ),
    command.AssociationRequest: _command(
        "Association request",
        flag("wpan.cinfo.alt_coord", "Alternate coordinator", bit(0x01, "capability")),
        flag("wpan.cinfo.device_type", "Full-function device", bit(0x02, "capability")),
        flag("wpan.cinfo.power_src", "Mains", bit(0x04, "capability")),
        flag("wpan.cinfo.idle_rx", "Receiver on when idle", bit(0x08, "capability")),
        flag("wpan.cinfo.fast", "Fast association", bit(0x10, "capability")),
        flag("wpan.cinfo.sec_capable", "Security capable", bit(0x40, "capability")),
        flag("wpan.cinfo.alloc_addr", "Wants a short address", bit(0x80, "capability")),
    ),
    command.AssociationResponse: _command(
        "Association response",
        number("wpan.asoc.addr", "Short address", "address", digits=4),
        u8("wpan.assoc.status", "Status", "status", digits=2),
    ),
    command.Disassociation: _command(
        "Disassociation notification", u8("wpan.disassoc.reason", "Reason", "reason", digits=2)
    ),
    command.Realignment: _command(
        "Coordinator realignment",
        u16("wpan.realign.pan", "PAN", "pan", digits=4),
        u16("wpan.realign.addr", "Coordinator", "coordinator", digits=4),
        u8("wpan.realign.channel", "Channel", "channel"),
        u16("wpan.realign.addr", "Short address", "address", digits=4),
        u8("wpan.realign.channel_page", "Channel page", "page"),
    ),
    command.GtsRequest: _command(
        "GTS request",
        u8("wpan.gtsreq.length", "Slots", "length"),
        flag("wpan.gtsreq.direction", "To receive in", "receive"),
        flag("wpan.gtsreq.type", "Asked for", "allocate"),
    ),
    command.RitDataRequest: _command(
        "RIT data request",
        number("wpan.rit.first", "To the first listening", "first_listen", unit="aBaseSuperframeDuration"),
        number("wpan.rit.repeats", "Further listenings", "repeats"),
        number("wpan.rit.interval", "Interval", "interval", unit="aBaseSuperframeDuration"),
    ),
    command.RawCommand: attrs.evolve(
        _command("MAC command"), inside=lambda raw: (Trouble(raw.trouble),) if raw.trouble else ()
    ),
    sixlorh.PacketInformation: Table(
        "6lowpan.6loRH",
        "RPI-6LoRH",
        (
            flag("6lowpan.6loRH.bitO", "Down", bit(0x80, "flags")),
            flag("6lowpan.6loRH.bitR", "Rank error", bit(0x40, "flags")),
            flag("6lowpan.6loRH.bitF", "Forwarding error", bit(0x20, "flags")),
            u8("6lowpan.rpl.instance", "Instance", "instance"),
            u8("6lowpan.sender.rank", "Sender rank as sent", _wire_rank),
        ),
    ),
    sixlorh.SourceRoute: Table(
        "6lowpan.6loRH", "SRH-6LoRH", (octets("6lowpan.6loRH.hop", "Hop", lambda header: header.hops),)
    ),
    sixlorh.IpInIp: Table(
        "6lowpan.6loRH",
        "IP-in-IP-6LoRH",
        (
            u8("6lowpan.rhhop.limit", "Hop limit", "hop_limit"),
            octets("6lowpan.6loRH.encapsulator", "Encapsulator", lambda header: header.encapsulator or None),
        ),
    ),
    sixlorh.Elective: Table("6lowpan.6loRH", "6LoRH", (octets("6lowpan.6loRH.data", "Data", "data"),)),
    pana.Message: Table(
        "pana",
        lambda message: f"PANA {message.name}",
        (
            u16("pana.length", "Length", lambda message: len(pana.build(message)), unit="octets"),
            u8("pana.flags", "Flags", "flags", digits=4),
            u16("pana.type", "Type", "type", names=_PANA_TYPES),
            u32("pana.sid", "Session", "session", digits=8),
            u32("pana.seq", "Sequence", "sequence", digits=8),
        ),
        _avps,
    ),
    pana.Avp: Table(
        "pana.avp",
        lambda avp: avp.name,
        (
            u16("pana.avp.code", "Code", "code"),
            u16("pana.avp.data_length", "Length", lambda avp: len(avp.value), unit="octets"),
            u32("pana.avp.vendorid", "Vendor", "vendor"),
            octets("pana.avp.data.bytes", "Value", lambda avp: avp.value or None),
        ),
        _carried,
    ),
    coap.Message: Table(
        "coap",
        lambda message: f"CoAP {message.code_name}",
        (
            u8("coap.version", "Version", lambda message: 1),
            u8("coap.type", "Type", "type", names=_COAP_TYPES),
            u8("coap.token_len", "Token length", lambda message: len(message.token), unit="octets"),
            u8("coap.code", "Code", "code"),
            u16("coap.mid", "Message id", "message_id"),
            octets("coap.token", "Token", lambda message: message.token or None),
            u32("coap.payload_length", "Payload", lambda message: len(message.payload) or None, unit="octets"),
        ),
        lambda message: _or_trouble(message.options),
    ),
    coap.Option: Table(
        "coap.opt",
        lambda option: option.name,
        (
            words("coap.opt.uri_host", "Host", _option_text(coap.OptionNumber.URI_HOST)),
            words("coap.opt.uri_path", "Path", _option_text(coap.OptionNumber.URI_PATH)),
            words("coap.opt.uri_query", "Query", _option_text(coap.OptionNumber.URI_QUERY)),
            words("coap.opt.location_path", "Location", _option_text(coap.OptionNumber.LOCATION_PATH)),
            u32("coap.opt.block_number", "Block", _block("number")),
            u8("coap.opt.block_mflag", "More blocks", _block("more")),
            u8("coap.opt.block_size", "Size code", _block("size")),
            octets("coap.opt.value", "Value", lambda option: option.value or None),
        ),
    ),
    echonet.Message: Table(
        "echonet",
        lambda message: f"ECHONET Lite {message.service}",
        (
            number("echonet.tid", "Transaction", "tid"),
            words("echonet.seoj", "Source object", lambda message: _object(message.seoj)),
            words("echonet.deoj", "Destination object", lambda message: _object(message.deoj)),
            number("echonet.esv", "Service", "esv", digits=2),
            flag("echonet.refused", "Refused", "refused"),
        ),
        _said,
    ),
    echonet.Arbitrary: Table(
        "echonet",
        "ECHONET Lite, arbitrary format",
        (number("echonet.tid", "Transaction", "tid"), octets("echonet.data", "Data", lambda m: m.data or None)),
    ),
    u_bus_standin.Message: Table(
        "ubus_standin",
        "U-bus Air stand-in (the twin's, not U-bus Air's own)",
        (
            u8("ubus_standin.kind", "Kind", "kind", names=_U_BUS_KINDS),
            u8("ubus_standin.hops_left", "Hops left", "hops_left"),
            u16("ubus_standin.seq", "Sequence", "sequence"),
            eui64("ubus_standin.origin", "Origin", "origin"),
            eui64("ubus_standin.final", "Final destination", "final"),
            octets("ubus_standin.data", "Data", lambda message: message.payload or None),
        ),
    ),
    Said: Table(
        "echonet.property",
        lambda said: said.kind.name if said.kind else "property",
        (
            number("echonet.epc", "EPC", "said.epc", digits=2),
            words("echonet.value", "Value", "value"),
            words("echonet.history", "One of them", "series"),
            octets("echonet.edt", "Data", lambda said: said.said.edt or None),
        ),
    ),
}
