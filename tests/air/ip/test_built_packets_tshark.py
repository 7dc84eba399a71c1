"""Packets that the bench builds, read by tshark: no malformed packet, no wrong checksum, the fields as they were set.

The captures of real stacks show that what is parsed is built again; this shows it for records that they do not hold.
"""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.duplicate_address import DuplicateAddress
from bench.air.ip.extensions import DestinationOptions, FragmentHeader, HopByHop, Mpl, Rpi, source_route
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl.secured import Secured

EUI = [bytes.fromhex(f"024b42fffe00{n:04x}") for n in (1, 0x101, 0x102, 0x103, 0x203)]
PREFIX = IPv6Address("fd00:4b42::").packed
ADDRESS = [ipv6.address_from_eui64(PREFIX, eui) for eui in EUI]
LOCAL = [ipv6.link_local(eui) for eui in EUI]
ROOT, M1, M2, M3, T3 = ADDRESS
CLIENT = dhcpv6.ClientId(dhcpv6.duid_of(EUI[4]))
SERVER = dhcpv6.ServerId(dhcpv6.duid_of(EUI[0]))
SOLICIT = dhcpv6.Message(
    dhcpv6.MessageType.SOLICIT,
    0x123456,
    (dhcpv6.ElapsedTime(0), CLIENT, dhcpv6.RapidCommit(), dhcpv6.IaNa(1), dhcpv6.VendorOptions(1, b"\0\x01\0\x01x")),
)
REPLY = dhcpv6.Message(
    dhcpv6.MessageType.REPLY,
    0x123456,
    (SERVER, CLIENT, dhcpv6.RapidCommit(), dhcpv6.IaNa(1, options=(dhcpv6.IaAddress(T3),)), dhcpv6.StatusCode(0)),
)
DIO = rpl.Dio(
    instance=0,
    version=240,
    rank=256,
    dodag_id=ROOT,
    options=(
        rpl.MetricContainer((rpl.Metric(rpl.Metric.ETX, 0, (160).to_bytes(2, "big")),)),
        rpl.RouteInformation(64, 3600, PREFIX[:8]),
        rpl.Configuration(),
        rpl.PrefixInformation(ROOT),
        rpl.Padding(1),
        rpl.Padding(4),
    ),
)
DAO = rpl.Dao(0, 241, options=(rpl.Target(T3), rpl.TargetDescriptor(7), rpl.Transit(M3, 240)))
LOCAL_DAO = rpl.Dao(0x81, 5, False, ROOT, (rpl.Target(PREFIX[:8], 64), rpl.Transit(None, 1, 0)))
ARO = nd.AddressRegistration(EUI[4], 120)


def _source_routed(payload: Any) -> Packet:
    first, route = source_route([M1, M2, M3, T3])
    return Packet(ROOT, first, Packet(ROOT, T3, payload), headers=(route,))


PACKETS: dict[str, Packet] = {
    "dis": Packet(LOCAL[1], ipv6.ALL_RPL_NODES, rpl.Dis((rpl.SolicitedInformation(0, ROOT, 240, 0xE0),)), 255),
    "dio": Packet(LOCAL[1], ipv6.ALL_RPL_NODES, DIO, 255),
    "dao": Packet(T3, ROOT, Packet(T3, ROOT, DAO), headers=(HopByHop((Rpi(0, 512),)),)),
    "dao-local": Packet(T3, ROOT, LOCAL_DAO),
    "dao-ack": _source_routed(rpl.DaoAck(0, 241)),
    "ns": Packet(T3, LOCAL[3], nd.NeighborSolicitation(LOCAL[3], (nd.LinkLayerAddress(1, EUI[4]), ARO)), 255),
    "na": Packet(LOCAL[3], T3, nd.NeighborAdvertisement(LOCAL[3], 0xC0, (nd.LinkLayerAddress(2, EUI[3]), ARO)), 255),
    "rs": Packet(LOCAL[1], ipv6.ALL_NODES, nd.RouterSolicitation(), 255),
    "ra": Packet(
        LOCAL[0],
        ipv6.ALL_NODES,
        nd.RouterAdvertisement(options=(nd.PrefixInformation(PREFIX), nd.Mtu(1280), nd.Context(0, PREFIX[:8]))),
        255,
    ),
    "ra-options": Packet(
        LOCAL[0],
        ipv6.ALL_NODES,
        nd.RouterAdvertisement(
            options=(
                nd.Nonce(bytes(range(6))),
                nd.RouteInformation(PREFIX[:8], 64, 0x18, 600),
                nd.DnsServers((ROOT, M1), 300),
                nd.BorderRouter(1, ROOT, 2, 60),
                nd.Capabilities(1 << 32),
            )
        ),
        255,
    ),
    "redirect": Packet(
        LOCAL[0], LOCAL[1], nd.Redirect(LOCAL[2], T3, (nd.RedirectedHeader(ipv6.build(Packet(M1, T3, b""))),)), 255
    ),
    "dar": Packet(M1, ROOT, DuplicateAddress(157, T3, EUI[4], 120)),
    "dco": Packet(ROOT, M3, rpl_dco.Dco(0, 9, 1, True, options=(rpl.Target(T3), rpl.Transit(None, 241)))),
    "dco-ack": Packet(M3, ROOT, rpl_dco.DcoAck(0, 9)),
    "secured": Packet(LOCAL[1], ipv6.ALL_RPL_NODES, Secured(0x80, 0, 0, 0, 7, b"\1", body=bytes(2))),
    "solicit": Packet(LOCAL[4], LOCAL[3], Udp(546, 547, dhcpv6.build(SOLICIT))),
    "relay-forward": Packet(
        M3, ROOT, Udp(547, 547, dhcpv6.build(dhcpv6.Relay(12, 0, M3, LOCAL[4], (dhcpv6.RelayMessage(SOLICIT),))))
    ),
    "relay-reply": _source_routed(
        Udp(547, 547, dhcpv6.build(dhcpv6.Relay(13, 0, M3, LOCAL[4], (dhcpv6.RelayMessage(REPLY),))))
    ),
    "echo": Packet(ROOT, T3, icmpv6.EchoRequest(0x1234, 7, b"kenshin")),
    "mpl": Packet(ROOT, IPv6Address("ff03::1").packed, Udp(61616, 61616, b"x"), headers=(HopByHop((Mpl(3),)),)),
    "fragment": Packet(ROOT, T3, b"x" * 16, headers=(FragmentHeader(9, 8, True),), next_header=17),
    "destination": Packet(ROOT, T3, Udp(1, 2, b"odd"), headers=(DestinationOptions(),)),
}

EXPECTED: dict[str, dict[str, str]] = {
    "dis": {"icmpv6.code": "0", "icmpv6.rpl.opt.type": "7"},
    "dio": {"icmpv6.rpl.dio.rank": "256", "icmpv6.rpl.dio.dagid": str(IPv6Address(ROOT))},
    "dao": {
        "icmpv6.rpl.dao.sequence": "241",
        "icmpv6.rpl.opt.target.prefix": str(IPv6Address(T3)),
        "icmpv6.rpl.opt.transit.parent": str(IPv6Address(M3)),
        "ipv6.opt.rpl.sender_rank": "0x0200",
    },
    "dao-ack": {"icmpv6.rpl.daoack.sequence": "241", "ipv6.routing.segleft": "3"},
    "ns": {"icmpv6.opt.aro.registration_lifetime": "120", "icmpv6.nd.ns.target_address": str(IPv6Address(LOCAL[3]))},
    "na": {"icmpv6.nd.na.flag.s": "1", "icmpv6.opt.aro.eui64": "02:4b:42:ff:fe:00:02:03"},
    "ra-options": {
        "icmpv6.opt.route_info.flag.route_preference": "3",
        "icmpv6.opt.rdnss.lifetime": "300",
        "icmpv6.opt.6cio.flag_g": "0x0001",
        "icmpv6.opt.abro.version_low": "1",
        "icmpv6.opt.abro.version_high": "2",
        "icmpv6.opt.abro.6lbr_address": str(IPv6Address(ROOT)),
    },
    "redirect": {"icmpv6.nd.rd.target_address": str(IPv6Address(LOCAL[2]))},
    "dar": {"icmpv6.6lowpannd.da.lifetime": "120"},
    "dco": {"icmpv6.code": "7"},
    "secured": {"icmpv6.rpl.secure.counter": "7"},
    "solicit": {"dhcpv6.msgtype": "1"},
    "relay-reply": {"dhcpv6.iaaddr.ip": str(IPv6Address(T3)), "udp.dstport": "547"},
    "echo": {"icmpv6.echo.sequence_number": "7", "icmpv6.echo.identifier": "0x1234"},
    "mpl": {"ipv6.opt.mpl.sequence": "0x03", "udp.dstport": "61616"},
}


@pytest.fixture(scope="module")
def dissected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """tshark's view of all packets, in one file of link type IPv6 (229)."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path: Path = tmp_path_factory.mktemp("built") / "built.pcap"
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 229))
        for number, packet in enumerate(PACKETS.values()):
            octets = ipv6.build(packet)
            out.write(struct.pack("<IIII", number, 0, len(octets), len(octets)) + octets)
    command = ["tshark", "-n", "-r", str(path), "-T", "ek", "-o", "udp.check_checksum:TRUE"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500).stdout
    rows = [json.loads(line) for line in text.splitlines()]
    trees = [_flat(row["layers"], {}) for row in rows if "layers" in row]
    return dict(zip(PACKETS, trees, strict=True))


def _flat(tree: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Field name (underscores) to the list of its values."""
    for key, value in tree.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                _flat(each, found)
            found.setdefault(key, []).append(each)
    return found


def _values(tree: dict[str, Any], field: str) -> list[Any]:
    """The values of a field; tshark puts the protocol, or the header within it, before the name."""
    ending = field.replace(".", "_")
    return [value for key, values in tree.items() if key.endswith(f"_{ending}") for value in values]


@pytest.mark.parametrize("name", PACKETS)
def test_tshark_finds_nothing_wrong(dissected: dict[str, dict[str, Any]], name: str) -> None:
    tree = dissected[name]
    complaints = [value for key, values in tree.items() if "_ws_expert_message" in key for value in values]
    remarks = ("Seed ID is the IPv6 Source Address", "IPv6 fragment")
    assert [c for c in complaints if not str(c).startswith(remarks)] == []
    assert not any("malformed" in key for key in tree)
    statuses = [value for key, values in tree.items() if key.endswith("checksum_status") for value in values]
    assert all(status == "1" for status in statuses), statuses
    assert statuses or name == "fragment"


@pytest.mark.parametrize("name", EXPECTED)
def test_tshark_reads_the_fields(dissected: dict[str, dict[str, Any]], name: str) -> None:
    tree = dissected[name]
    for field, value in EXPECTED[name].items():
        values = _values(tree, field)
        assert value in [str(int(v)) if isinstance(v, bool) else v for v in values], (field, values)


def test_source_route_is_read_whole(dissected: dict[str, dict[str, Any]]) -> None:
    tree = dissected["dao-ack"]
    routes = _values(tree, "ipv6.routing.rpl.full_address")
    assert [IPv6Address(address).packed for address in routes] == [M2, M3, T3]
