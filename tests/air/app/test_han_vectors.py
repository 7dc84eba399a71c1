"""HAN vectors: each record built is the octets written out by hand, and each parsed is the record, from the standards.

ECHONET Lite has no other reader here (tshark 4.0 has no dissector), so its vectors are those of the public
specification and of real meters; PANA, CoAP, beacons and commands are held against tshark in ``test_han_frames``.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from bench.air.app import coap, echonet, pana
from bench.air.app.echonet_classes import PROPERTIES
from bench.air.app.echonet_values import At, Day, Hours, Run, Special
from bench.air.errors import Malformed
from bench.air.fields.app import Said
from bench.air.mac import beacon, command, mlme
from bench.air.mac.ies import SubIe
from tests.air.app import han_vectors as vectors


def h(words: str) -> bytes:
    return bytes.fromhex(words)


@pytest.mark.parametrize("name", vectors.ECHONET)
def test_echonet_frames(name: str) -> None:
    words, message, line = vectors.ECHONET[name]
    assert echonet.parse(h(words)) == message
    assert echonet.build(message) == h(words)
    assert echonet.describe(message) == line


@pytest.mark.parametrize("name", vectors.BEACONS)
def test_beacons(name: str) -> None:
    words, record = vectors.BEACONS[name]
    assert beacon.parse(h(words)) == record
    assert beacon.build(record) == h(words)


@pytest.mark.parametrize("name", vectors.COMMANDS)
def test_commands(name: str) -> None:
    words, record, line = vectors.COMMANDS[name]
    assert command.parse(h(words)) == record
    assert command.build(record) == h(words)
    assert command.describe(record).startswith(line)


DAY = tuple(Decimal(n) for n in range(48))
DATE, STAMP = "07ea0401", "07ea0401 0a1e0f"
AT = datetime(2026, 4, 1, 10, 30, 15)
MINUTE = datetime(2026, 4, 1, 10, 30)


def _u32(*values: int) -> str:
    return "".join(f"{value:08x}" for value in values)


VALUES: list[tuple[int, int, str, Any]] = [
    (0x0288, 0x80, "30", "on"),
    (0x0288, 0x82, "00004600", "F0"),
    (0x0288, 0x88, "42", "no fault"),
    (0x0288, 0x89, "03e8", Decimal(1000)),
    (0x0288, 0x8A, "000016", h("000016")),
    (0x0288, 0x8D, "303030303030303030313233", "000000000123"),
    (0x0288, 0x8E, DATE, date(2026, 4, 1)),
    (0x0288, 0x93, "41", "not through a public network"),
    (0x0288, 0x97, "173b", time(23, 59)),
    (0x0288, 0x98, DATE, date(2026, 4, 1)),
    (0x0288, 0x9D, "03 80 81 88", (0x80, 0x81, 0x88)),
    (0x0EF0, 0x82, "010d0100", (1, 13, 1)),
    (0x0EF0, 0xD3, "000002", Decimal(2)),
    (0x0EF0, 0xD4, "0003", Decimal(3)),
    (0x0EF0, 0xD6, "02 028801 028101", (0x028801, 0x028101)),
    (0x0EF0, 0xD7, "01 0288", (0x0288,)),
    (0x0288, 0xD0, STAMP + _u32(100, 7), At(AT, (Decimal(100), Decimal(7)))),
    (0x0288, 0xD3, "00000001", Decimal(1)),
    (0x0288, 0xD7, "06", Decimal(6)),
    (0x0288, 0xE0, "0001e240", Decimal(123456)),
    (0x0288, 0xE0, "fffffffe", Special.NO_DATA),
    (0x0288, 0xE0, "ffffffff", Special.OVERFLOW),
    (0x0288, 0xE1, "02", Decimal("0.01")),
    (0x0288, 0xE1, "0b", Decimal(100)),
    (0x0288, 0xE2, "0001" + _u32(*range(48)), Day(1, DAY)),
    (0x0288, 0xE4, "00ff" + _u32(*[0xFFFFFFFE] * 48), Day(None, (Special.NO_DATA,) * 48)),
    (0x0288, 0xE5, "63", Decimal(99)),
    (0x0288, 0xE7, "ffffff9c", Decimal(-100)),
    (0x0288, 0xE7, "7ffffffe", Special.NO_DATA),
    (0x0288, 0xE7, "80000000", Special.UNDERFLOW),
    (0x0288, 0xE8, "001b 7ffe", (Decimal("2.7"), Special.NO_DATA)),
    (0x0288, 0xEA, STAMP + _u32(123456), At(AT, (Decimal(123456),))),
    (
        0x0288,
        0xEC,
        "07ea0401 0a1e 02" + _u32(1, 2, 3, 0xFFFFFFFE),
        Run(MINUTE, 2, ((Decimal(1), Decimal(2)), (Decimal(3), Special.NO_DATA))),
    ),
    (0x0288, 0xED, "07ea0401 0a1e 0c", Run(MINUTE, 12)),
    (0x0282, 0xE0, "0001e240", Decimal("123.456")),
    (0x0282, 0xE2, _u32(*range(48)), tuple(n * Decimal("0.001") for n in range(48))),
    (0x0281, 0xD0, "30", "water"),
    (0x0281, 0xE0, "00000064", Decimal(100)),
    (0x0281, 0xE1, "04", Decimal("0.0001")),
    (0x0281, 0xE3, "41", "detected"),
    (0x0281, 0xE4, "80000001", h("80000001")),
    (0x0281, 0xE6, "323033303034", "203004"),
    (0x0289, 0xD0, STAMP + _u32(5000), At(AT, (Decimal("5.000"),))),
    (
        0x0289,
        0xD1,
        STAMP + _u32(*range(24)) + _u32(777) + "003c",
        Hours(AT, tuple(Decimal(n) for n in range(24)), Decimal(777), 60),
    ),
    (0x0289, 0xE8, "41", "closed"),
    (0x0289, 0xEB, "42", "closed"),
]


@pytest.mark.parametrize(("class_code", "epc", "words", "value"), VALUES)
def test_echonet_values(class_code: int, epc: int, words: str, value: Any) -> None:
    message = echonet.Message(1, class_code << 8 | 1, 0x05FF01, echonet.Esv.GET_RES, (echonet.Property(epc, h(words)),))
    assert message.value(epc) == value
    assert echonet.property_of(class_code, epc, value) == echonet.Property(epc, h(words))
    assert "not in its format" not in echonet.describe(message)


def _told(epc: int, words: str) -> tuple[str | None, tuple[str, ...]]:
    """What the tree says of a smart meter's property: in a line, and each number of a history."""
    said = Said(0x0288, echonet.Property(epc, h(words)))
    return said.value, said.series


def test_every_value_is_told() -> None:
    assert _told(0xE8, "0019 7ffe") == ("2.5 A, no data", ())
    assert _told(0xE8, "ffff 000a") == ("-0.1 A, 1.0 A", ())
    line, each = _told(0xE2, "0001" + _u32(*range(47), 0xFFFFFFFE))
    assert line == "1 day ago, 47 of 48 values"
    assert each == (*map(str, range(47)), "no data")
    assert _told(0xEC, "07ea0401 0a1e 02" + _u32(1, 2, 3, 0xFFFFFFFE))[1] == (
        "1 forward, 2 reverse",
        "3 forward, no data reverse",
    )
    assert _told(0xE0, _u32(256)) == ("256", ())


def test_property_map_of_sixteen_and_more() -> None:
    """Appendix 1's rule by hand: octet i bit n stands for (8 + n) << 4 | i."""
    codes = (0x80, 0x81, 0x82, 0x83, 0x88, 0x8A, 0x8D, 0x97, 0x98, 0x9D, 0x9E, 0x9F, 0xD3, 0xD7, 0xE0, 0xE1, 0xE7, 0xEA)
    field = bytearray(16)
    for code in codes:
        field[code % 16] |= 1 << code // 16 - 8
    made = echonet.property_of(0x0288, 0x9F, codes)
    assert made.edt == bytes((18,)) + bytes(field)
    assert made.edt[1] == 0b01000001  # 0x80 and 0xE0
    message = echonet.Message(1, 0x028801, 0x05FF01, 0x72, (made,))
    assert message.value(0x9F) == codes
    with pytest.raises(Malformed, match="properties announced: 17, there: 18"):
        PROPERTIES[0x0288][0x9F].format.read(b"\x11" + made.edt[1:])


def test_answers_swap_the_objects_and_keep_the_transaction() -> None:
    request = vectors.ECHONET["get power"][1]
    power = echonet.property_of(0x0288, 0xE7, Decimal(504))
    assert echonet.build(echonet.answer(request, echonet.Esv.GET_RES, [power])) == h(vectors.ECHONET["power"][0])


def test_what_is_not_in_its_format_is_shown_as_octets() -> None:
    message = echonet.Message(
        1, 0x028801, 0x05FF01, 0x72, (echonet.Property(0xE7, b"\1"), echonet.Property(0xC5, b"\2"))
    )
    assert echonet.describe(message).endswith("instantaneous power=01 [not in its format], EPC C5=02")
    with pytest.raises(Malformed, match="4 octets wanted, 1 there"):
        message.value(0xE7)
    assert message.value(0xC5) is None


def test_arbitrary_format() -> None:
    assert echonet.parse(h("1082 0007 cafe")) == echonet.Arbitrary(7, h("cafe"))
    assert echonet.build(echonet.Arbitrary(7, h("cafe"))) == h("1082 0007 cafe")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("1181 0001 05FF01 028801 62 01 E700", "header 11 81"),
        ("1083 0001", "header 10 83"),
        ("1081 0001 05FF01 028801", "1 octet wanted"),
    ],
)
def test_echonet_refused(words: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        echonet.parse(h(words))


@pytest.mark.parametrize(
    ("words", "says", "properties"),
    [
        ("1081 0001 05FF01 028801 62 02 E700", "1 octet wanted, 0 left", 1),
        ("1081 0001 05FF01 028801 62 01 E700 00", "1 octet too many", 1),
        ("1081 0001 05FF01 028801 6E 01 E700", "1 octet wanted, 0 left", 1),
        ("1081 0001 05FF01 028801 62 01 E705 00", "5 octets wanted, 1 left", 0),
    ],
)
def test_echonet_lists_that_break(words: str, says: str, properties: int) -> None:
    message = echonet.parse(h(words))
    assert isinstance(message, echonet.Message)
    assert (echonet.trouble(message), len(message.properties)) == (f"ECHONET Lite: {says}", properties)
    assert echonet.build(message) == h(words)


# ---- PANA --------------------------------------------------------------------------------------------------------


def test_pana_octets_by_hand() -> None:
    """RFC 5191 section 6: header of 16 octets, AVP header of 8, value padded to 4 and its length not counting that."""
    message = pana.Message(2, 0x8000, 0x01020304, 5, (pana.Avp(5, b"nonce"), pana.Avp(9, b"\1", 0x1F)))
    head = "0000 0030 8000 0002 01020304 00000005"
    avps = "0005 0000 0005 0000 6e6f6e6365 000000 0009 8000 0001 0000 0000001f 01 000000"
    assert pana.build(message) == h(head + avps)
    assert pana.parse(pana.build(message)) == message


@pytest.mark.parametrize("name", vectors.PANA)
def test_pana_messages_come_back(name: str) -> None:
    message = vectors.PANA[name]
    assert pana.parse(pana.build(message)) == message


def test_pana_says_what_it_carries() -> None:
    complete = vectors.PANA["complete"]
    assert (complete.result, complete.session_lifetime_s, complete.key_id) == (0, 86400, 1)
    assert pana.describe(complete) == "PANA Auth-Request [complete] seq=259 result=SUCCESS lifetime=86400s, EAP success"
    assert pana.describe(vectors.PANA["eap-psk"]) == "PANA Auth-Request seq=258, EAP request, PSK"
    assert pana.describe(vectors.PANA["ping"]) == "PANA Notification-Request [ping] seq=260"
    assert pana.describe(vectors.PANA["termination"]) == "PANA Termination-Request seq=261 cause=LOGOUT"
    relay = vectors.PANA["relay"]
    assert relay.pac_information == vectors.CLIENT
    assert relay.relayed == vectors.PANA["identity"]
    assert pana.describe(relay) == "PANA Relay: PANA Auth-Request seq=257, EAP request, identity"


def test_pana_authentication_covers_the_whole_message() -> None:
    complete = vectors.PANA["complete"]
    assert pana.authentication(complete, vectors.KEY) == complete.auth
    assert pana.authentication(complete, bytes(32)) != complete.auth
    other = pana.Message(complete.type, complete.flags, complete.session, complete.sequence + 1, complete.avps)
    assert pana.authentication(other, vectors.KEY) != complete.auth
    with pytest.raises(ValueError, match="no AUTH"):
        pana.authentication(vectors.PANA["start"], vectors.KEY)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("0000 0011 8000 0002 00000000 00000000", "length 17 in 16 octets"),
        ("0000 0018 8000 0002 00000000 00000000 0007 0000 0004 0000", "4 octets wanted"),
        ("0000 0019 8000 0002 00000000 00000000 0007 0000 0001 0000 00", "3 octets wanted"),
        ("0000 001c 8000 0002 00000000 00000000 0007 0000 0001 0000 00000000", "Result-Code: 4 octets wanted, 1"),
        ("0000 001c 8000 0002 00000000 00000000 0002 0000 0004 0000 01010009", "EAP: length 9"),
        ("0000 001c 8000 0002 00000000 00000000 000b 0000 0004 0000 00000000", "relayed message in Auth-Request"),
        ("0000 001c 0000 0005 00000000 00000000 000b 0000 0004 0000 00000000", "PANA: 2 octets wanted, 0 left"),
    ],
)
def test_pana_says_what_is_wrong(words: str, says: str) -> None:
    message = pana.parse(h(words))
    assert re.search(says, pana.trouble(message))
    assert (message.sequence, message.result, message.eap, message.relayed) == (0, None, None, None)


def test_pana_refused() -> None:
    with pytest.raises(Malformed, match="4 octets wanted, 2 left"):
        pana.parse(h("0000 0010 8000 0002 00000000 0000"))


def test_a_relay_in_a_relay_is_refused() -> None:
    """Nested relays would let one datagram of 64 KiB nest two thousand deep."""
    twice = pana.relay(vectors.CLIENT, vectors.PANA["relay"])
    message = pana.parse(pana.build(twice))
    assert (pana.trouble(message), message.relayed) == ("PANA: a relay within a relay", None)
    assert message.pac_information == vectors.CLIENT


# ---- CoAP --------------------------------------------------------------------------------------------------------


def test_coap_octets_by_hand() -> None:
    """RFC 7252 appendix A, figure 16: CON GET /temperature, MID 0x7d34, and its answer."""
    get = h("40017d34 bb 74656d7065726174757265")
    assert coap.parse(get) == coap.Message(0, 1, 0x7D34, b"", (coap.Option(11, b"temperature"),))
    assert coap.build(coap.parse(get)) == get
    answer = h("60457d34 ff 32322e332043")
    assert coap.parse(answer) == coap.Message(2, 0x45, 0x7D34, payload=b"22.3 C")
    assert coap.describe(coap.parse(answer)) == "CoAP ACK 2.05 Content mid=0x7d34 len=6"


def test_coap_extended_deltas_and_lengths() -> None:
    """Section 3.1: 13 adds an octet, 14 adds two, counting from 13 and 269."""
    message = coap.parse(h("40010001 d003 e1 0100 aa"))
    assert message.options == (coap.Option(16), coap.Option(16 + 269 + 256, b"\xaa"))
    assert coap.build(message) == h("40010001 d003 e1 0100 aa")


@pytest.mark.parametrize("name", vectors.COAP)
def test_coap_messages_come_back(name: str) -> None:
    message = vectors.COAP[name]
    assert coap.parse(coap.build(message)) == message


def test_coap_says_path_and_blocks() -> None:
    get = vectors.COAP["get"]
    assert get.path == "/meter/index"
    assert get.blocks == (("Block2", coap.Block(1, False, 64)),)
    assert coap.describe(get) == "CoAP CON GET mid=0x7d34 token=20 /meter/index Block2=1/last/64"
    assert coap.describe(vectors.COAP["not found"]) == "CoAP NON 4.04 Not Found mid=0x0002 token=0000000000000000"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("80010001", "version 2"),
        ("49010001 000000000000000000", "token of 9 octets"),
        ("40000001 ff00", "empty message"),
    ],
)
def test_coap_refused(words: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        coap.parse(h(words))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("40010001 ff", "no payload"),
        ("40010001 f0", "15 is reserved"),
        ("40010001 b5 00", "5 octets wanted"),
        ("40010001 d1 0a 07", "is no block"),
        ("40010001 e0 ffff", "option number"),
    ],
)
def test_coap_options_that_break(words: str, says: str) -> None:
    message = coap.parse(h(words))
    assert says in coap.trouble(message)
    assert (message.message_id, message.blocks) == (1, ())
    assert coap.build(message) == h(words)


# ---- MAC ---------------------------------------------------------------------------------------------------------


def test_enhanced_beacon_filter() -> None:
    """Clause 7.4.4.6: permit joining, LQI at least 0x40, answer with 50 %, three octets of attributes."""
    record = mlme.EbFilter(permit_joining=True, min_lqi=0x40, percent=50, attributes=h("010203"))
    assert record.sub_ie() == SubIe(0x1E, False, h("1f 40 32 010203"))
    assert mlme.EbFilter.read(record.sub_ie().content) == record
    assert mlme.EbFilter.read(b"\x01") == mlme.EbFilter(permit_joining=True)
    with pytest.raises(Malformed):
        mlme.EbFilter.read(h("02"))


def test_names_of_nested_mlme_elements() -> None:
    content = h("061a 000000000000 011e 01 0168 ff 01c8 00")
    assert mlme.names(content) == ("TSCH-synchronization", "EB-filter", "MLME-68", "channel-hopping")


@pytest.mark.parametrize("words", ["", "ff", "ff4f", "ff4f01 00 3412", "ff4f0077"])
def test_beacon_refused(words: str) -> None:
    with pytest.raises(Malformed):
        beacon.parse(h(words))


def test_command_refused() -> None:
    with pytest.raises(Malformed):
        command.parse(b"")


@pytest.mark.parametrize("words", ["01", "0200", "08cdab", "2001"])
def test_a_cut_command_keeps_its_name(words: str) -> None:
    found = command.parse(h(words))
    assert isinstance(found, command.RawCommand)
    assert (found.id, found.data) == (h(words)[0], h(words)[1:])
    assert command.describe(found).startswith(f"{command.name_of(found.id)} [malformed: ")


@pytest.mark.parametrize(
    "words", ["018e", "02341200", "0301", "08cdab01000b3412", "08cdab01000b341209", "0941", "2001020300"]
)
def test_octets_behind_a_command_are_kept(words: str) -> None:
    known, more = command.parse(h(words)), command.parse(h(words) + b"\xee\xff")
    assert command.build(more) == h(words) + b"\xee\xff"
    if words != "08cdab01000b3412":  # whose next octet is the channel page
        assert type(more) is type(known)
        assert getattr(more, "rest", None) == b"\xee\xff"
