"""An option, AVP or property that cannot be read costs itself: what stands before is read and shown, what is wrong is
said in table, tree and jsonl, and the message is built again as it came. One case a list; RPL's stand in
``test_air_cases``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from bench.air.app import coap, echonet, pana
from bench.air.capture.capture import read_capture
from bench.air.errors import Malformed
from bench.air.ip import dhcpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.icmpv6 import PROTOCOL as ICMPV6
from bench.air.ip.udp import COAP_PORT, DHCPV6_SERVER_PORT, ECHONET_PORT, PANA_PORT
from bench.air.show.command import decode_command
from bench.cli.write import write_command
from tests.air.app import han_vectors as vectors
from tests.air.fields.differences import write_capture
from tests.air.frame.test_air_cases import columns, data, decoded, tree

ONE, TWO = IPv6Address("fd00::1").packed, IPv6Address("fd00::2").packed
EUI64 = bytes.fromhex("000d6ffffe030001")


def frame(protocol: int, upper: bytes) -> bytes:
    """A clear data frame of that packet, uncompressed; the checksum is right."""
    at = {ICMPV6: 2, 17: 6}[protocol]
    total = ipv6.checksum(ONE, TWO, protocol, upper).to_bytes(2, "big")
    upper = upper[:at] + total + upper[at + 2 :]
    head = (6 << 28).to_bytes(4, "big") + len(upper).to_bytes(2, "big") + bytes((protocol, 64))
    return data(b"\x41" + head + ONE + TWO + upper)


def datagram(port: int, payload: bytes) -> bytes:
    """The same over UDP."""
    ports = 2 * port.to_bytes(2, "big")
    return frame(17, ports + (8 + len(payload)).to_bytes(2, "big") + bytes(2) + payload)


REGISTRATION = nd.build_option(nd.AddressRegistration(EUI64, 40))
SOLICITATION = bytes((135, 0, 0, 0)) + bytes(4) + TWO + REGISTRATION
CLIENT = dhcpv6.build_options((dhcpv6.ClientId(dhcpv6.duid_of(EUI64)),))
SOLICIT = b"\x01\x00\x00\x0a" + CLIENT
GET = coap.build(coap.Message(0, 1, 7, options=(coap.Option(11, b"meter"),)))
LIFETIME = pana.build(pana.Message(2, 0x8000, 1, 2, (pana.number_avp(pana.Code.SESSION_LIFETIME, 60),)))
GOT = "1081 0001 028801 05FF01 72 02 E704000001F8"


def avp(code: int, octets: str) -> bytes:
    """A PANA message of a lifetime and one more AVP, whose length field is right."""
    message = LIFETIME + code.to_bytes(2, "big") + bytes.fromhex(octets)
    return message[:2] + len(message).to_bytes(2, "big") + message[4:]


CASES: dict[str, tuple[bytes, str, str, str, object]] = {
    "nd, cut": (
        frame(ICMPV6, SOLICITATION + b"\x01\x02\x00"),
        "Neighbor solicitation target=fd00::2 register=00:0d:6f:ff:fe:03:00:01 status=0 lifetime=40min",
        "ND option 1: 16 octets wanted, 3 left",
        "icmpv6.opt.aro.registration_lifetime",
        40,
    ),
    "nd, length 0": (
        frame(ICMPV6, SOLICITATION + b"\x05\x00\x00\x00"),
        "Neighbor solicitation target=fd00::2 register=00:0d:6f:ff:fe:03:00:01 status=0 lifetime=40min",
        "ND option 5: length 0",
        "icmpv6.opt.aro.registration_lifetime",
        40,
    ),
    "dhcpv6, cut": (
        datagram(DHCPV6_SERVER_PORT, SOLICIT + b"\x00\x08\x00\x02\x00"),
        "DHCPv6 Solicit xid=0x00000a",
        "DHCPv6 option 8: 2 octets wanted, 1 left",
        "dhcpv6.duid.type",
        3,
    ),
    "dhcpv6, too short for its type, and one behind it": (
        datagram(DHCPV6_SERVER_PORT, b"\x01\x00\x00\x0a" + b"\x00\x03\x00\x02\xab\xcd" + CLIENT),
        "DHCPv6 Solicit xid=0x00000a",
        "DHCPv6 option 3: 4 octets wanted, 2 left",
        "dhcpv6.duid.type",
        3,
    ),
    "dhcpv6, in a relayed message": (
        datagram(
            DHCPV6_SERVER_PORT,
            b"\x0c\x00" + ONE + TWO + b"\x00\x09" + (len(SOLICIT) + 3).to_bytes(2, "big") + SOLICIT + b"\x00\x08\x00",
        ),
        "DHCPv6 Relay-forward peer=fd00::2: DHCPv6 Solicit xid=0x00000a",
        "DHCPv6 option 8: no length, 0 left",
        "dhcpv6.duid.type",
        3,
    ),
    "coap, cut": (
        datagram(COAP_PORT, GET + b"\x05ind"),
        "CoAP CON GET mid=0x0007 /meter",
        "CoAP option: 5 octets wanted, 3 left",
        "coap.opt.uri_path",
        "meter",
    ),
    "coap, no block": (
        datagram(COAP_PORT, GET + b"\xc1\x07\xffhi"),
        "CoAP CON GET mid=0x0007 /meter len=2",
        "CoAP Block2: 07 is no block",
        "coap.opt.uri_path",
        "meter",
    ),
    "coap, a marker alone": (
        datagram(COAP_PORT, GET + b"\xff"),
        "CoAP CON GET mid=0x0007 /meter",
        "CoAP: a payload marker and no payload",
        "coap.opt.uri_path",
        "meter",
    ),
    "pana, cut": (
        datagram(PANA_PORT, avp(7, "0000 0004 0000 00")),
        "PANA Auth-Request seq=2 lifetime=60s",
        "PANA AVP: 4 octets wanted, 1 left",
        "pana.avp.data_length",
        4,
    ),
    "pana, a number of one octet": (
        datagram(PANA_PORT, avp(9, "0000 0001 0000 01000000")),
        "PANA Auth-Request seq=2 lifetime=60s",
        "PANA Termination-Cause: 4 octets wanted, 1 there",
        "pana.avp.code",
        [8, 9],
    ),
    "pana, EAP that ends early": (
        datagram(PANA_PORT, avp(2, "0000 0004 0000 01010009")),
        "PANA Auth-Request seq=2 lifetime=60s",
        "EAP: length 9 in 4 octets",
        "pana.avp.code",
        [8, 2],
    ),
    "pana, another length": (
        datagram(PANA_PORT, LIFETIME[:2] + b"\x00\x30" + LIFETIME[4:]),
        "PANA Auth-Request seq=2 lifetime=60s",
        "PANA: length 48 in 28 octets",
        "pana.avp.code",
        8,
    ),
    "echonet, cut": (
        datagram(ECHONET_PORT, bytes.fromhex(GOT + "E005 00")),
        "ECHONET Lite Get_Res low-voltage smart meter > controller tid=1 instantaneous power=504 W",
        "ECHONET Lite: 5 octets wanted, 1 left",
        "echonet.epc",
        0xE7,
    ),
    "echonet, octets behind": (
        datagram(ECHONET_PORT, bytes.fromhex(GOT.replace("72 02", "72 01") + "00")),
        "ECHONET Lite Get_Res low-voltage smart meter > controller tid=1 instantaneous power=504 W",
        "ECHONET Lite: 1 octet too many",
        "echonet.epc",
        0xE7,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_broken_after_whole_fields_costs_itself(case: str, tmp_path: Path) -> None:
    octets, line, trouble, field, value = CASES[case]
    path = write_capture(tmp_path / "broken.pcapng", [(0, octets)])
    (row,), _ = decoded(path)
    assert row["info"] == f"{line} [malformed: {trouble}]"
    assert columns(path, field) == [{field: value}]
    assert f"[malformed: {trouble}]" in tree(path)
    out = io.StringIO()
    decode_command(str(path), None, "table", None, out)
    assert f"{line} [malformed: {trouble}]" in out.getvalue()


NESTED = dhcpv6.Relay(
    12, 0, ONE, TWO, (dhcpv6.RelayMessage(dhcpv6.Message(7, 9, (dhcpv6.IaNa(1, options=(dhcpv6.IaAddress(ONE),)),))),)
)
WHOLE: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes], bytes]] = {
    "nd": (nd.parse_options, nd.build_options, REGISTRATION + nd.build_option(nd.Mtu(1280))),
    "dhcpv6": (dhcpv6.parse, dhcpv6.build, dhcpv6.build(NESTED)),
    **{f"pana {name}": (pana.parse, pana.build, pana.build(made)) for name, made in vectors.PANA.items()},
    **{f"coap {name}": (coap.parse, coap.build, coap.build(made)) for name, made in vectors.COAP.items()},
    **{
        f"echonet {name}": (echonet.parse, echonet.build, bytes.fromhex(words))
        for name, (words, _, _) in vectors.ECHONET.items()
    },
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_message_cut_anywhere_is_built_again_as_it_came(name: str) -> None:
    """Refused where not even its header is there; else read as far as it goes, and what is missing is said."""
    parse, build, octets = WHOLE[name]
    module = {"nd": None, "dhcpv6": dhcpv6, "pana": pana, "coap": coap, "echonet": echonet}[name.split()[0]]
    read = 0
    for end in range(len(octets) + 1):
        try:
            found = parse(octets[:end])
        except Malformed:
            assert end < {"nd": 0, "dhcpv6": 34, "pana": 16, "coap": 12, "echonet": 11}[name.split()[0]]
            continue
        read += 1
        assert build(found) == octets[:end]
        if end == len(octets) and module is not None:
            assert module.trouble(found) == ""
    assert read


def test_a_written_capture_says_it_beside_the_frame(tmp_path: Path) -> None:
    octets, _, trouble, _, _ = CASES["nd, cut"]
    path, out = write_capture(tmp_path / "broken.pcapng", [(0, octets)]), tmp_path / "written.pcapng"
    write_command([str(path)], str(out), say=lambda line: None)
    (record,) = read_capture(out)
    assert record.comments == (f"kenshin: malformed: {trouble}",)
