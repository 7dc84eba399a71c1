"""Fields of what a HAN adds: beacons, MAC commands, 6LoRH, PANA, CoAP, ECHONET Lite.

Wireshark 4.0 has no ECHONET Lite: those names are ours alone. Of PANA's flags its field shows the lower octet; ours is
the whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bench.air import beacon, coap, command, echonet, echonet_classes, echonet_values, pana, sixlorh
from bench.air.errors import Malformed
from bench.air.fields_base import Field, Table, Tables, bit, eui64, flag, number, octets, words

_CODES: Final = {code.value: command.name_of(code) for code in command.CommandId}
_PANA_TYPES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in pana.MessageType}
_COAP_TYPES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in coap.Type}


@attrs.frozen(slots=True)
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
    return (Said(message.class_code, each) for each in (*message.properties, *message.gets))


def _object(eoj: int) -> str:
    return f"{eoj:06x}"


def _carried(avp: pana.Avp) -> Iterator[object]:
    if avp.vendor is None and avp.code in (pana.Code.EAP_PAYLOAD, pana.Code.RELAYED_MESSAGE):
        holder = pana.Message(pana.MessageType.RELAY, avps=(avp,))
        yield holder.eap if avp.code == pana.Code.EAP_PAYLOAD else holder.relayed


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
    first = number("wpan.cmd", "Command", command.identifier, digits=2, names=_CODES)
    return Table("wpan.cmd", title, (first, *fields))


def _wire_rank(header: sixlorh.PacketInformation) -> int:
    """The rank as sent, its lower octet left out where the K bit says so: what Wireshark shows."""
    return header.sender_rank if header.full[1] or header.sender_rank & 0xFF else header.sender_rank >> 8


TABLES: Final[Tables] = {
    beacon.Beacon: Table(
        "wpan.beacon",
        "Beacon",
        (
            number("wpan.beacon_order", "Beacon order", "beacon_order"),
            number("wpan.superframe_order", "Superframe order", "superframe_order"),
            flag("wpan.bcn_coord", "PAN coordinator", "pan_coordinator"),
            flag("wpan.assoc_permit", "Association permitted", "association_permit"),
            number("wpan.gts.count", "Guaranteed slots", lambda b: len(b.slots)),
            flag("wpan.gts.permit", "Guaranteed slots permitted", "gts_permit"),
            number("wpan.gts.address", "Slot of", lambda b: tuple(slot.address for slot in b.slots), digits=4),
            number("wpan.pending16", "Pending", _short, digits=4),
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
        number("wpan.assoc.status", "Status", "status", digits=2),
    ),
    command.Disassociation: _command(
        "Disassociation notification", number("wpan.disassoc.reason", "Reason", "reason", digits=2)
    ),
    command.Realignment: _command(
        "Coordinator realignment",
        number("wpan.realign.pan", "PAN", "pan", digits=4),
        number("wpan.realign.addr", "Coordinator", "coordinator", digits=4),
        number("wpan.realign.channel", "Channel", "channel"),
        number("wpan.realign.channel_page", "Channel page", "page"),
    ),
    command.GtsRequest: _command(
        "GTS request",
        number("wpan.gtsreq.length", "Slots", "length"),
        flag("wpan.gtsreq.direction", "To receive in", "receive"),
        flag("wpan.gtsreq.type", "Asked for", "allocate"),
    ),
    command.RitDataRequest: _command(
        "RIT data request",
        number("wpan.rit.first", "To the first listening", "first_listen", unit="aBaseSuperframeDuration"),
        number("wpan.rit.repeats", "Further listenings", "repeats"),
        number("wpan.rit.interval", "Interval", "interval", unit="aBaseSuperframeDuration"),
    ),
    command.RawCommand: _command("MAC command"),
    sixlorh.PacketInformation: Table(
        "6lowpan.6loRH",
        "RPI-6LoRH",
        (
            flag("6lowpan.6loRH.bitO", "Down", bit(0x80, "flags")),
            flag("6lowpan.6loRH.bitR", "Rank error", bit(0x40, "flags")),
            flag("6lowpan.6loRH.bitF", "Forwarding error", bit(0x20, "flags")),
            number("6lowpan.rpl.instance", "Instance", "instance"),
            number("6lowpan.sender.rank", "Sender rank as sent", _wire_rank),
        ),
    ),
    sixlorh.SourceRoute: Table(
        "6lowpan.6loRH", "SRH-6LoRH", (octets("6lowpan.6loRH.hop", "Hop", lambda header: header.hops),)
    ),
    sixlorh.IpInIp: Table(
        "6lowpan.6loRH",
        "IP-in-IP-6LoRH",
        (
            number("6lowpan.rhhop.limit", "Hop limit", "hop_limit"),
            octets("6lowpan.6loRH.encapsulator", "Encapsulator", lambda header: header.encapsulator or None),
        ),
    ),
    sixlorh.Elective: Table("6lowpan.6loRH", "6LoRH", (octets("6lowpan.6loRH.data", "Data", "data"),)),
    pana.Message: Table(
        "pana",
        lambda message: f"PANA {message.name}",
        (
            number("pana.length", "Length", lambda message: len(pana.build(message)), unit="octets"),
            number("pana.flags", "Flags", "flags", digits=4),
            number("pana.type", "Type", "type", names=_PANA_TYPES),
            number("pana.sid", "Session", "session", digits=8),
            number("pana.seq", "Sequence", "sequence", digits=8),
        ),
        lambda message: message.avps,
    ),
    pana.Avp: Table(
        "pana.avp",
        lambda avp: avp.name,
        (
            number("pana.avp.code", "Code", "code"),
            number("pana.avp.data_length", "Length", lambda avp: len(avp.value), unit="octets"),
            number("pana.avp.vendorid", "Vendor", "vendor"),
            octets("pana.avp.data.bytes", "Value", lambda avp: avp.value or None),
        ),
        _carried,
    ),
    coap.Message: Table(
        "coap",
        lambda message: f"CoAP {message.code_name}",
        (
            number("coap.version", "Version", lambda message: 1),
            number("coap.type", "Type", "type", names=_COAP_TYPES),
            number("coap.token_len", "Token length", lambda message: len(message.token), unit="octets"),
            number("coap.code", "Code", "code"),
            number("coap.mid", "Message id", "message_id"),
            octets("coap.token", "Token", lambda message: message.token or None),
            number("coap.payload_length", "Payload", lambda message: len(message.payload) or None, unit="octets"),
        ),
        lambda message: message.options,
    ),
    coap.Option: Table(
        "coap.opt",
        lambda option: option.name,
        (
            words("coap.opt.uri_host", "Host", _option_text(coap.OptionNumber.URI_HOST)),
            words("coap.opt.uri_path", "Path", _option_text(coap.OptionNumber.URI_PATH)),
            words("coap.opt.uri_query", "Query", _option_text(coap.OptionNumber.URI_QUERY)),
            words("coap.opt.location_path", "Location", _option_text(coap.OptionNumber.LOCATION_PATH)),
            number("coap.opt.block_number", "Block", _block("number")),
            number("coap.opt.block_mflag", "More blocks", _block("more")),
            number("coap.opt.block_size", "Size code", _block("size")),
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
