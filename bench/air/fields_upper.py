"""Fields of what UDP and MPX carry: EAPOL, EAP, EAPOL-Key, the EAPOL relay, DHCPv6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from bench.air import application as udp_application
from bench.air import dhcpv6
from bench.air.eapol import (
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
from bench.air.errors import Malformed
from bench.air.fields_base import Field, Kind, Table, Tables, bit, bits, eui64, flag, number, octets, words
from bench.air.fields_base import ipv6 as address
from bench.air.fields_mac import KMP_IDS
from bench.air.udp import Udp

_EAPOL_TYPES: Final = {kind.value: kind.name.lower() for kind in EapolType}
_EAP_CODES: Final = {code.value: code.name.lower() for code in EapCode}
_EAP_TYPES: Final = {1: "identity", 3: "NAK", 13: "EAP-TLS"}
_MESSAGES: Final = {kind.value: kind.name.lower().replace("_", "-") for kind in dhcpv6.MessageType}
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


@attrs.frozen(slots=True)
class DhcpOption:
    """A DHCPv6 option as framed."""

    option: dhcpv6.Option

    @property
    def code(self) -> int:
        """The option's code."""
        return self.option.code if isinstance(self.option, dhcpv6.RawOption) else self.option.CODE

    @property
    def length(self) -> int:
        """Octets of its content."""
        return len(dhcpv6.build_options((self.option,))) - 4


@attrs.frozen(slots=True)
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
    return map(DhcpOption, message.options)


def _dhcp_inside(view: DhcpOption) -> Iterator[object]:
    if isinstance(view.option, dhcpv6.RelayMessage):
        yield view.option.message
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
    number("dhcpv6.duid.type", "DUID type", lambda o: int.from_bytes(o.duid[:2], "big")),
    number("dhcpv6.duidll.hwtype", "Hardware type", _hardware),
)

TABLES: Final[Tables] = {
    EapolRelay: Table(
        "wisun.eapol_relay",
        "EAPOL relay",
        (
            eui64("wisun.eapol_relay.sup", "Supplicant", "supplicant"),
            number("wisun.eapol_relay.kmp_id", "Key management protocol", "kmp_id", names=KMP_IDS),
            flag("wisun.eapol_relay.direction", "Towards the border router", _upward),
        ),
        _relay_inside,
    ),
    Eapol: Table(
        "eapol",
        "EAPOL (802.1X)",
        (
            number("eapol.version", "Version", "version"),
            number("eapol.type", "Type", "type", names=_EAPOL_TYPES),
            number("eapol.len", "Length", lambda pdu: len(encode_eapol(pdu)) - 4, unit="octets"),
        ),
        _eapol_inside,
    ),
    Eap: Table(
        "eap",
        lambda eap: f"EAP {_EAP_CODES.get(eap.code, '')}".rstrip(),
        (
            number("eap.code", "Code", "code", names=_EAP_CODES),
            number("eap.id", "Identifier", "identifier"),
            number("eap.len", "Length", lambda eap: len(encode_eap(eap)), unit="octets"),
            number("eap.type", "Type", "type", names=_EAP_TYPES),
            words("eap.identity", "Identity", _identity),
        ),
        _eap_inside,
    ),
    EapTls: Table(
        "eap.tls",
        "EAP-TLS",
        (
            number("eap.tls.flags", "Flags", "flags", digits=2),
            flag("eap.tls.flags.len_included", "Length there", lambda tls: tls.total is not None),
            flag("eap.tls.flags.more_fragments", "More fragments", "more"),
            flag("eap.tls.flags.start", "Start", "start"),
            number("eap.tls.len", "Length of all", "total", unit="octets"),
        ),
        _tls_inside,
    ),
    TlsRecords: Table("tls", lambda found: f"TLS: {', '.join(found.names)}"),
    KeyFrame: Table(
        "eapol.keydes",
        lambda key: f"Key frame: {key.message}",
        (
            number("eapol.keydes.type", "Descriptor", lambda key: 2, names={2: "RSN"}),
            number(f"{_KEY}.key_info", "Information", "information", digits=4),
            number(f"{_KEY}.key_info.keydes_version", "Descriptor version", bits(0, 7, "information")),
            _key_flag("key_type", "Pairwise", KeyInfo.PAIRWISE),
            _key_flag("install", "Install", KeyInfo.INSTALL),
            _key_flag("key_ack", "Answer expected", KeyInfo.ACK),
            _key_flag("key_mic", "MIC there", KeyInfo.MIC),
            _key_flag("secure", "Secure", KeyInfo.SECURE),
            _key_flag("error", "Error", KeyInfo.ERROR),
            _key_flag("request", "Request", KeyInfo.REQUEST),
            _key_flag("encrypted_key_data", "Key data encrypted", KeyInfo.ENCRYPTED),
            number("eapol.keydes.key_len", "Key length", "key_length", unit="octets"),
            number("eapol.keydes.replay_counter", "Replay counter", "replay_counter"),
            octets(f"{_KEY}.nonce", "Nonce", "nonce"),
            octets("eapol.keydes.key_iv", "IV", "iv"),
            octets(f"{_KEY}.rsc", "RSC", "rsc"),
            octets(f"{_KEY}.id", "Key id", "key_id"),
            octets(f"{_KEY}.mic", "MIC", "mic"),
            number(f"{_KEY}.data_len", "Key data length", lambda key: len(key.key_data), unit="octets"),
            octets(f"{_KEY}.data", "Key data", lambda key: key.key_data or None),
        ),
    ),
    dhcpv6.Message: Table(
        "dhcpv6",
        lambda m: f"DHCPv6 {_MESSAGES.get(m.type, '')}".rstrip(),
        (
            number("dhcpv6.msgtype", "Message", "type", names=_MESSAGES),
            number("dhcpv6.xid", "Transaction", "transaction", digits=6),
        ),
        _relayed,
    ),
    dhcpv6.Relay: Table(
        "dhcpv6",
        lambda m: f"DHCPv6 {_MESSAGES.get(m.type, '')}".rstrip(),
        (
            number("dhcpv6.msgtype", "Message", "type", names=_MESSAGES),
            number("dhcpv6.hopcount", "Hops", "hops"),
            address("dhcpv6.linkaddr", "Link address", "link"),
            address("dhcpv6.peeraddr", "Peer address", "peer"),
        ),
        _relayed,
    ),
    DhcpOption: Table(
        "dhcpv6.option",
        lambda v: f"Option: {_OPTIONS.get(v.code, 'unknown')}",
        (
            number("dhcpv6.option.type", "Type", "code", names=_OPTIONS),
            number("dhcpv6.option.length", "Length", "length", unit="octets"),
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
            number("dhcpv6.iaid.t1", "Renew after", "t1_s", unit="s"),
            number("dhcpv6.iaid.t2", "Rebind after", "t2_s", unit="s"),
        ),
        _relayed,
    ),
    dhcpv6.IaAddress: Table(
        "dhcpv6.iaaddr",
        "Assigned address",
        (
            address("dhcpv6.iaaddr.ip", "Address", "address"),
            number("dhcpv6.iaaddr.pref_lifetime", "Preferred", "preferred_s", unit="s"),
            number("dhcpv6.iaaddr.valid_lifetime", "Valid", "valid_s", unit="s"),
        ),
        _relayed,
    ),
    dhcpv6.ElapsedTime: Table(
        "dhcpv6.elapsed",
        "Elapsed",
        (number("dhcpv6.elapsed_time", "Elapsed", lambda o: 10 * o.centiseconds, unit="ms"),),
    ),
    dhcpv6.StatusCode: Table(
        "dhcpv6.status",
        "Status",
        (
            number("dhcpv6.status_code", "Status", "status"),
            Field("dhcpv6.status_msg", "Text", lambda o: o.text.decode("utf-8", "backslashreplace") or None, Kind.TEXT),
        ),
    ),
    dhcpv6.VendorOptions: Table(
        "dhcpv6.vendoropts",
        "Vendor",
        (
            number("dhcpv6.vendoropts.enterprise", "Enterprise", "enterprise"),
            octets("dhcpv6.vendoropts.data", "Data", "data"),
        ),
    ),
    dhcpv6.RawOption: Table(
        "dhcpv6.unknown",
        "Data",
        (
            octets("dhcpv6.interface_id", "Interface id", lambda o: o.data if o.code == 18 else None),
            octets("dhcpv6.option.data", "Data", lambda o: o.data if o.code != 18 else None),
        ),
    ),
}
