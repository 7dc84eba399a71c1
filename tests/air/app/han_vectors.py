"""Messages of a HAN's life as records: what the tests build, what tshark reads, what hypothesis varies."""

from __future__ import annotations

from ipaddress import IPv6Address

from bench.air.app import coap, echonet, pana
from bench.air.keys.eapol import Eap, EapCode, encode_eap
from bench.air.mac import beacon, command

METER, TERMINAL = bytes.fromhex("024b42fffe000101"), bytes.fromhex("024b42fffe000201")
CLIENT = pana.PacInformation(IPv6Address("fe80::4b42:ff:fe00:201").packed, 716)
KEY = bytes(range(32))


def _signed(message: pana.Message) -> pana.Message:
    """``message`` with its AUTH AVP at the end."""
    blank = pana.Message(
        message.type,
        message.flags,
        message.session,
        message.sequence,
        (*message.avps, pana.Avp(pana.Code.AUTH, bytes(pana.AUTH_OCTETS))),
    )
    auth = pana.Avp(pana.Code.AUTH, pana.authentication(blank, KEY))
    return pana.Message(message.type, message.flags, message.session, message.sequence, (*message.avps, auth))


def _eap(code: EapCode, identifier: int, kind: int | None = None, data: bytes = b"") -> pana.Avp:
    return pana.Avp(pana.Code.EAP_PAYLOAD, encode_eap(Eap(code, identifier, kind, data)))


_ALGORITHMS = (
    pana.number_avp(pana.Code.PRF_ALGORITHM, pana.Prf.HMAC_SHA2_256),
    pana.number_avp(pana.Code.INTEGRITY_ALGORITHM, pana.Integrity.HMAC_SHA2_256_128),
)
_R, _S, _C = pana.Flag.REQUEST, pana.Flag.START, pana.Flag.COMPLETE

PANA: dict[str, pana.Message] = {
    "initiation": pana.Message(pana.MessageType.CLIENT_INITIATION),
    "start": pana.Message(pana.MessageType.AUTH, _R | _S, 0x12345678, 0x100, _ALGORITHMS),
    "start answer": pana.Message(pana.MessageType.AUTH, _S, 0x12345678, 0x100, _ALGORITHMS),
    "identity": pana.Message(
        pana.MessageType.AUTH,
        _R,
        0x12345678,
        0x101,
        (pana.Avp(pana.Code.NONCE, bytes(range(20))), _eap(EapCode.REQUEST, 1, 1)),
    ),
    "eap-psk": pana.Message(
        pana.MessageType.AUTH, _R, 0x12345678, 0x102, (_eap(EapCode.REQUEST, 2, pana.EAP_PSK, bytes(33)),)
    ),
    "complete": _signed(
        pana.Message(
            pana.MessageType.AUTH,
            _R | _C,
            0x12345678,
            0x103,
            (
                _eap(EapCode.SUCCESS, 3),
                pana.number_avp(pana.Code.RESULT_CODE, pana.Result.SUCCESS),
                pana.number_avp(pana.Code.KEY_ID, 1),
                pana.number_avp(pana.Code.SESSION_LIFETIME, 86400),
            ),
        )
    ),
    "ping": _signed(pana.Message(pana.MessageType.NOTIFICATION, _R | pana.Flag.PING, 0x12345678, 0x104)),
    "termination": _signed(
        pana.Message(
            pana.MessageType.TERMINATION,
            _R,
            0x12345678,
            0x105,
            (pana.number_avp(pana.Code.TERMINATION_CAUSE, pana.Cause.LOGOUT),),
        )
    ),
    "vendor": pana.Message(pana.MessageType.AUTH, 0, 1, 2, (pana.Avp(5, b"odd", 0xABCD), pana.Avp(200, b"x"))),
}
PANA["relay"] = pana.relay(CLIENT, PANA["identity"])

COAP: dict[str, coap.Message] = {
    "get": coap.Message(
        coap.Type.CONFIRMABLE,
        1,
        0x7D34,
        b"\x20",
        (
            coap.Option(coap.OptionNumber.URI_HOST, b"meter"),
            coap.Option(coap.OptionNumber.OBSERVE),
            coap.Option(coap.OptionNumber.URI_PATH, b"meter"),
            coap.Option(coap.OptionNumber.URI_PATH, b"index"),
            coap.Option(coap.OptionNumber.URI_QUERY, b"u=" + b"x" * 20),
            coap.block_option(coap.OptionNumber.BLOCK2, coap.Block(1, False, 64)),
        ),
    ),
    "content": coap.Message(
        coap.Type.ACKNOWLEDGEMENT,
        0x45,
        0x7D34,
        b"\x20",
        (
            coap.Option(coap.OptionNumber.CONTENT_FORMAT, b"\x2a"),
            coap.block_option(coap.OptionNumber.BLOCK2, coap.Block(1, True, 64)),
            coap.Option(coap.OptionNumber.SIZE1, b"\x01\x00"),
            coap.Option(2048, bytes(300)),
        ),
        b"1" * 64,
    ),
    "empty": coap.Message(coap.Type.RESET, 0, 1),
    "not found": coap.Message(coap.Type.NON_CONFIRMABLE, 0x84, 2, bytes(8)),
}

ECHONET: dict[str, tuple[str, echonet.Message, str]] = {
    "get power": (
        "1081 0001 05FF01 028801 62 01 E700",
        echonet.Message(1, 0x05FF01, 0x028801, echonet.Esv.GET, (echonet.Property(0xE7),)),
        "ECHONET Lite Get controller > low-voltage smart meter tid=1 instantaneous power",
    ),
    "power": (
        "1081 0001 028801 05FF01 72 01 E704000001F8",
        echonet.Message(1, 0x028801, 0x05FF01, echonet.Esv.GET_RES, (echonet.Property(0xE7, b"\0\0\x01\xf8"),)),
        "ECHONET Lite Get_Res low-voltage smart meter > controller tid=1 instantaneous power=504 W",
    ),
    "announcement": (
        "1081 0001 0EF001 0EF001 73 01 D50401028801",
        echonet.Message(1, 0x0EF001, 0x0EF001, echonet.Esv.INF, (echonet.Property(0xD5, b"\x01\x02\x88\x01"),)),
        "ECHONET Lite INF node profile > node profile tid=1 instance list notification=028801",
    ),
    "set and get": (
        "1081 0102 05FF01 028801 6E 01 E50105 02 E200 D300",
        echonet.Message(
            0x0102,
            0x05FF01,
            0x028801,
            echonet.Esv.SETGET,
            (echonet.Property(0xE5, b"\x05"),),
            (echonet.Property(0xE2), echonet.Property(0xD3)),
        ),
        "ECHONET Lite SetGet controller > low-voltage smart meter tid=258 history day=5, day history, forward, "
        "coefficient",
    ),
    "refusal": (
        "1081 0003 028801 05FF01 52 02 E7040000000A C500",
        echonet.Message(
            3,
            0x028801,
            0x05FF01,
            echonet.Esv.GET_SNA,
            (echonet.Property(0xE7, b"\0\0\0\x0a"), echonet.Property(0xC5)),
        ),
        "ECHONET Lite Get_SNA low-voltage smart meter > controller tid=3 instantaneous power=10 W, EPC C5",
    ),
}

BEACONS: dict[str, tuple[str, beacon.Beacon]] = {
    "non-beacon PAN": ("ff4f 00 00", beacon.Beacon(pan_coordinator=True)),
    "superframe": (
        "38d2 82 02 3412 21 7856 53 11 0d0c 010200feff424b02 aabb",
        beacon.Beacon(
            8,
            3,
            2,
            battery_extension=True,
            pan_coordinator=True,
            association_permit=True,
            gts_permit=True,
            slots=(beacon.Gts(0x1234, 1, 2), beacon.Gts(0x5678, 3, 5, receive=True)),
            pending=(bytes.fromhex("0c0d"), bytes.fromhex("024b42fffe000201")),
            payload=b"\xaa\xbb",
        ),
    ),
}
COMMANDS: dict[str, tuple[str, command.Command, str]] = {
    "association request": ("018e", command.AssociationRequest(0x8E), "Association request capability=0x8e"),
    "association response": (
        "02020000",
        command.AssociationResponse(2, 0),
        "Association response address=0x0002 done",
    ),
    "disassociation": ("0302", command.Disassociation(2), "Disassociation notification device leaves"),
    "data request": ("04", command.RawCommand(4), "Data request"),
    "beacon request": ("07", command.RawCommand(7), "Beacon request"),
    "realignment": (
        "08cdab00000bfeff",
        command.Realignment(0xABCD, 0, 11, 0xFFFE),
        "Coordinator realignment PAN=0xabcd channel=11 coordinator=0x0000 address=0xfffe",
    ),
    "GTS request": ("0932", command.GtsRequest(2, receive=True, allocate=True), "GTS request asks for 2 slots"),
    "RIT data request": ("20", command.RitDataRequest(), "RIT data request"),
    "RIT schedule": (
        "2005021000",
        command.RitDataRequest(5, 2, 16),
        "RIT data request first=5 repeats=2 interval=16",
    ),
    "vendor": ("24010203", command.RawCommand(0x24, b"\1\2\3"), "Vendor specific, 3 octets"),
    "unknown": ("99", command.RawCommand(0x99), "command 0x99"),
}
