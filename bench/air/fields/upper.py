"""Fields of what UDP and MPX carry: EAPOL, EAP, EAPOL-Key, the EAPOL relay, DHCPv6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.air.app import ports as udp_application
from bench.air.broken import Broken
from bench.air.errors import Malformed
from bench.air.fields.base import (
    Field,
    Table,
    Tables,
    Trouble,
    bit,
    bits,
    eui64,
    flag,
    number,
    octets,
    tables,
    u8,
    u16,
    u24,
    u32,
    words,
)
from bench.air.fields.base import ipv6 as address
from bench.air.fields.ies import KMP_IDS, KMP_IDS_THEIRS
from bench.air.frozen import frozen
from bench.air.ip import dhcpv6
from bench.air.ip.udp import Udp
from bench.air.keys.eapol import (
    EAP_IDENTITY,
    EAP_TLS,
    RELAY_PORT,
    Eap,
    EapCode,
    Eapol,
    EapolRelay,
    EapolType,
    EapTls,
    KeyFrame,
    KeyInfo,
    decode_eap_tls,
    decode_eapol,
    decode_relay,
    encode_eap,
    encode_eapol,
    tls_records,
)

_EAPOL_TYPES: Final = {kind.value: kind.name.lower() for kind in EapolType}
_EAP_CODES: Final = {code.value: code.name.lower() for code in EapCode}
_EAP_TYPES: Final = {1: "identity", 3: "NAK", 13: "EAP-TLS"}
_EAP_TYPES_THEIRS: Final = {3: "Legacy Nak (Response Only)", 13: "TLS EAP (EAP-TLS)"}
_MESSAGES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in dhcpv6.MessageType}
_MESSAGES_THEIRS: Final = {12: "Relay-forw"}
_OPTIONS: Final = {
    1: "client id",
    2: "server id",
    3: "addresses",
    5: "address",
    8: "elapsed time",
    9: "relayed message",
    13: "status",
    14: "rapid commit",
    17: "vendor options",
    18: "interface id",
}
_OPTIONS_THEIRS: Final = {
    1: "Client Identifier",
    2: "Server Identifier",
    3: "Identity Association for Non-temporary Address",
    5: "IA Address",
    9: "Relay Message",
    13: "Status code",
    17: "Vendor-specific Information",
    18: "Interface-Id",
}


@frozen
class DhcpOption:
    """A DHCPv6 option as framed."""

    option: dhcpv6.Option

    @property
    def code(self) -> int:
        """The option's code."""
        if isinstance(self.option, Broken):
            return int.from_bytes(self.option.octets[:2], "big")
        return self.option.code if isinstance(self.option, dhcpv6.RawOption) else self.option.CODE

    @property
    def length(self) -> int:
        """Octets of its content."""
        return len(dhcpv6.build_options((self.option,))) - 4


@frozen
class TlsRecords:
    """Names of the TLS records in an EAP-TLS fragment."""

    names: tuple[str, ...]


def application(udp: Udp) -> Iterator[object]:
    """What a UDP datagram carries, where its port says so. Raises `Malformed`."""
    if RELAY_PORT in (udp.src_port, udp.dst_port):
        yield decode_relay(udp.payload)
    message = udp_application.of(udp)
    if message is not None:
        yield message


def _relay_inside(relay: EapolRelay) -> Iterator[object]:
    yield decode_eapol(relay.pdu)


def _upward(relay: EapolRelay) -> bool | None:
    """Whether the supplicant speaks: the PDU shows it, the ports do not. None where the PDU cannot be read."""
    try:
        pdu = decode_eapol(relay.pdu)
    except Malformed:
        return None
    if pdu.key is not None:
        return not pdu.key.information & KeyInfo.ACK
    return pdu.eap.code == EapCode.RESPONSE if pdu.eap is not None else pdu.type == EapolType.START


def _eapol_inside(pdu: Eapol) -> Iterator[object]:
    yield from (part for part in (pdu.eap, pdu.key) if part is not None)


def _eap_inside(eap: Eap) -> Iterator[object]:
    if eap.type == EAP_TLS:
        yield decode_eap_tls(eap)


def _tls_inside(tls: EapTls) -> Iterator[object]:
    names = tls_records(tls.data)
    if names:
        yield TlsRecords(names)


def _identity(eap: Eap) -> str | None:
    return eap.data.decode("utf-8", "backslashreplace") if eap.type == EAP_IDENTITY and eap.data else None


def _relayed(message: dhcpv6.Message | dhcpv6.Relay) -> Iterator[object]:
    """The options; of one that is not whole, no more than the octets, as Wireshark has it."""
    for option in message.options:
        if isinstance(option, Broken) and int.from_bytes(option.octets[2:4], "big") != len(option.octets) - 4:
            yield from (option, Trouble(option.trouble))
        else:
            yield DhcpOption(option)


def _dhcp_inside(view: DhcpOption) -> Iterator[object]:
    if isinstance(view.option, dhcpv6.RelayMessage):
        yield view.option.message
    elif isinstance(view.option, Broken):
        yield from (view.option, Trouble(view.option.trouble))
    elif not isinstance(view.option, dhcpv6.RapidCommit):
        yield view.option


def _duid(option: dhcpv6.ClientId | dhcpv6.ServerId) -> bytes:
    return option.duid


def _hardware(option: dhcpv6.ClientId | dhcpv6.ServerId) -> int | None:
    return int.from_bytes(option.duid[2:4], "big") if option.duid[:2] == b"\0\3" else None


_KEY: Final = "wlan_rsna_eapol.keydes"


def _key_flag(name: str, title: str, mask: int) -> Field:
    return flag(f"{_KEY}.key_info.{name}", title, bit(mask, "information"))


_DUID: Final = (
    octets("dhcpv6.duid.bytes", "DUID", _duid),
    u16("dhcpv6.duid.type", "DUID type", lambda o: int.from_bytes(o.duid[:2], "big")),
    u16("dhcpv6.duidll.hwtype", "Hardware type", _hardware),
)


def _eapol_length(pdu: Eapol) -> int:
    return len(encode_eapol(pdu)) - 4 if pdu.length is None else pdu.length


TABLES: Final[Tables] = {
    EapolRelay: Table(
        "wisun.eapol_relay",
        "EAPOL relay",
        (
            eui64("wisun.eapol_relay.sup", "Supplicant", "supplicant"),
            u8("wisun.eapol_relay.kmp_id", "Key management protocol", "kmp_id", names=KMP_IDS, theirs=KMP_IDS_THEIRS),
            flag("wisun.eapol_relay.direction", "Towards the border router", _upward),
        ),
        _relay_inside,
    ),
    Eapol: Table(
        "eapol",
        "EAPOL (802.1X)",
        (
            u8("eapol.version", "Version", "version"),
            u8("eapol.type", "Type", "type", names=_EAPOL_TYPES, theirs={0: "EAP Packet"}),
            u16("eapol.len", "Length", _eapol_length, unit="octets"),
        ),
        _eapol_inside,
    ),
    Eap: Table(
        "eap",
        lambda eap: f"EAP {_EAP_CODES.get(eap.code, '')}".rstrip(),
        (
            u8("eap.code", "Code", "code", names=_EAP_CODES),
            u8("eap.id", "Identifier", "identifier"),
            u16("eap.len", "Length", lambda eap: len(encode_eap(eap)), unit="octets"),
            u8("eap.type", "Type", "type", names=_EAP_TYPES, theirs=_EAP_TYPES_THEIRS),
            words("eap.identity", "Identity", _identity),
        ),
        _eap_inside,
    ),
    EapTls: Table(
        "eap.tls",
        "EAP-TLS",
        (
            u8("eap.tls.flags", "Flags", "flags", digits=2),
            flag("eap.tls.flags.len_included", "Length there", lambda tls: tls.total is not None),
            flag("eap.tls.flags.more_fragments", "More fragments", "more"),
            flag("eap.tls.flags.start", "Start", "start"),
            u32("eap.tls.len", "Length of all", "total", unit="octets"),
        ),
        _tls_inside,
    ),
    TlsRecords: Table("tls", lambda found: f"TLS: {', '.join(found.names)}"),
    KeyFrame: Table(
        "eapol.keydes",
        lambda key: f"Key frame: {key.message}",
        (
            u8("eapol.keydes.type", "Descriptor", lambda key: 2, names={2: "RSN"}, theirs={2: "EAPOL RSN Key"}),
            u16(f"{_KEY}.key_info", "Information", "information", digits=4),
            u16(f"{_KEY}.key_info.keydes_version", "Descriptor version", bits(0, 7, "information")),
            _key_flag("key_type", "Pairwise", KeyInfo.PAIRWISE),
            _key_flag("install", "Install", KeyInfo.INSTALL),
            _key_flag("key_ack", "Answer expected", KeyInfo.ACK),
            _key_flag("key_mic", "MIC there", KeyInfo.MIC),
            _key_flag("secure", "Secure", KeyInfo.SECURE),
            _key_flag("error", "Error", KeyInfo.ERROR),
            _key_flag("request", "Request", KeyInfo.REQUEST),
            _key_flag("encrypted_key_data", "Key data encrypted", KeyInfo.ENCRYPTED),
            u16("eapol.keydes.key_len", "Key length", "key_length", unit="octets"),
            number("eapol.keydes.replay_counter", "Replay counter", "replay_counter"),
            octets(f"{_KEY}.nonce", "Nonce", "nonce"),
            octets("eapol.keydes.key_iv", "IV", "iv"),
            octets(f"{_KEY}.rsc", "RSC", "rsc"),
            octets(f"{_KEY}.id", "Key id", "key_id"),
            octets(f"{_KEY}.mic", "MIC", "mic"),
            u16(f"{_KEY}.data_len", "Key data length", lambda key: len(key.key_data), unit="octets"),
            octets(f"{_KEY}.data", "Key data", lambda key: key.key_data or None),
        ),
    ),
    dhcpv6.Message: Table(
        "dhcpv6",
        lambda m: f"DHCPv6 {_MESSAGES.get(m.type, '')}".rstrip(),
        (
            u8("dhcpv6.msgtype", "Message", "type", names=_MESSAGES, theirs=_MESSAGES_THEIRS),
            u24("dhcpv6.xid", "Transaction", "transaction", digits=6),
        ),
        _relayed,
    ),
    dhcpv6.Relay: Table(
        "dhcpv6",
        lambda m: f"DHCPv6 {_MESSAGES.get(m.type, '')}".rstrip(),
        (
            u8("dhcpv6.msgtype", "Message", "type", names=_MESSAGES, theirs=_MESSAGES_THEIRS),
            u8("dhcpv6.hopcount", "Hops", "hops"),
            address("dhcpv6.linkaddr", "Link address", "link"),
            address("dhcpv6.peeraddr", "Peer address", "peer"),
        ),
        _relayed,
    ),
    DhcpOption: Table(
        "dhcpv6.option",
        lambda v: f"Option: {_OPTIONS.get(v.code, 'unknown')}",
        (
            u16("dhcpv6.option.type", "Type", "code", names=_OPTIONS, theirs=_OPTIONS_THEIRS),
            u16("dhcpv6.option.length", "Length", "length", unit="octets"),
        ),
        _dhcp_inside,
    ),
    dhcpv6.ClientId: Table("dhcpv6.duid", "Client", _DUID),
    dhcpv6.ServerId: Table("dhcpv6.duid", "Server", _DUID),
    dhcpv6.IaNa: Table(
        "dhcpv6.iana",
        "Identity association",
        (
            words("dhcpv6.iaid", "IAID", lambda o: f"{o.iaid:08x}"),
            u32("dhcpv6.iaid.t1", "Renew after", "t1_s", unit="s"),
            u32("dhcpv6.iaid.t2", "Rebind after", "t2_s", unit="s"),
        ),
        _relayed,
    ),
    dhcpv6.IaAddress: Table(
        "dhcpv6.iaaddr",
        "Assigned address",
        (
            address("dhcpv6.iaaddr.ip", "Address", "address"),
            u32("dhcpv6.iaaddr.pref_lifetime", "Preferred", "preferred_s", unit="s"),
            u32("dhcpv6.iaaddr.valid_lifetime", "Valid", "valid_s", unit="s"),
        ),
        _relayed,
    ),
    **tables(dhcpv6.ElapsedTime, dhcpv6.StatusCode, dhcpv6.VendorOptions),
    dhcpv6.RawOption: Table(
        "dhcpv6.unknown",
        "Data",
        (
            octets("dhcpv6.interface_id", "Interface id", lambda o: o.data if o.code == 18 else None),
            octets("dhcpv6.option.data", "Data", lambda o: o.data if o.code != 18 else None),
        ),
    ),
}
