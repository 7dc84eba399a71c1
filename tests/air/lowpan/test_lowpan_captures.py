"""6LoWPAN, IPv6 and above on captures of real stacks, byte for byte against tshark.

The captures were made by SiliconLabs wsbrd/wsrd, ARM nanostack and Contiki-NG; the oracle is tshark, live where it is
installed (decompressed and reassembled octets) and its stored field dump otherwise.
"""

from __future__ import annotations

import csv
import gzip
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from ipaddress import IPv6Address

import pytest

from bench.air.ip import dhcpv6, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import SourceRoute
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan.datagram import Datagram, Fragment
from bench.air.lowpan.fragment import Reassembler, fragment
from bench.air.rpl import messages as rpl
from tests.air.lowpan.lowpan_captures import CONTIKI, CONTIKI_CONTEXTS, WISUN, Payload, payloads
from tests.air.mac_captures import UNOPENED
from tests.places import CAPTURES
from tests.skips import ONCE

ALL = (*WISUN, CONTIKI)


def _contexts(name: str) -> dict[int, bytes]:
    return CONTIKI_CONTEXTS if name == CONTIKI else {}


def _pieces(name: str) -> list[tuple[Payload, Datagram | Fragment]]:
    contexts = _contexts(name)
    return [(p, lowpan.decompress(p.data, p.src, p.dst, contexts)) for p in payloads(name)]


def _datagrams(name: str) -> list[tuple[Payload, Datagram]]:
    """Every IPv6 packet with the payload that completed it."""
    reassembler = Reassembler()
    found = []
    for payload, piece in _pieces(name):
        whole = reassembler.add(piece, payload.src, payload.dst, payload.t_ns) if isinstance(piece, Fragment) else piece
        if whole is not None:
            found.append((payload, whole))
    assert reassembler.dropped == 0
    return found


def _tshark_sources(name: str) -> dict[int, set[bytes]]:
    """Per frame number the octets of tshark's named sources of decompression and reassembly."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    command = ["tshark", "-n", "-r", str(CAPTURES / f"{name}.pcapng"), "-x", "-P", "-o", "6lowpan.context0:fd00::/64"]
    keys = CAPTURES / f"{name}.ieee802154_keys"
    for line in keys.read_text().splitlines() if keys.exists() else ():
        command += ["-o", f"uat:ieee802154_keys:{line}"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=500).stdout
    sources: dict[int, set[bytes]] = defaultdict(set)
    number, octets, named = 0, bytearray(), False
    for line in [*text.splitlines(), ""]:
        if dump := re.match(r"[0-9a-f]{4}  ((?:[0-9a-f]{2} )+)", line):
            octets += bytes.fromhex(dump[1])
            continue
        if octets and named:
            sources[number].add(bytes(octets))
        octets.clear()
        named = line.startswith(("Decompressed 6LoWPAN", "Reassembled 6LoWPAN"))
        if summary := re.match(r" *(\d+) +\d+\.\d+ ", line):
            number = int(summary[1])
    return sources


@ONCE
@pytest.mark.parametrize("name", ALL)
def test_octets_are_those_of_tshark(name: str) -> None:
    ours: dict[int, bytes] = {payload.number: whole.packet for payload, whole in _datagrams(name)}
    theirs = _tshark_sources(name)
    assert ours
    wrong = [number for number, packet in ours.items() if packet not in theirs[number]]
    # Fragments before the last make no datagram here; tshark shows the first one's octets and the whole at the last.
    unfinished = {payload.number for payload, piece in _pieces(name) if isinstance(piece, Fragment)}
    missed = (
        {number for number, octets in theirs.items() if octets}
        - set(ours)
        - unfinished
        - UNOPENED.get(name, frozenset())
    )
    assert (wrong, missed) == ([], set())


@pytest.mark.parametrize("name", ALL)
def test_parse_and_build_give_the_same_packet(name: str) -> None:
    for payload, whole in _datagrams(name):
        packet = ipv6.parse(whole.packet)
        assert ipv6.build(packet) == whole.packet, payload.number
        inner = ipv6.innermost(packet)
        assert inner.checksum_ok, payload.number
        message = dhcpv6.of(inner.upper) if isinstance(inner.upper, Udp) else None
        if message is not None:
            assert dhcpv6.build(message) == inner.payload[8:], payload.number


@pytest.mark.parametrize("name", ALL)
def test_compression_is_undone_and_mostly_that_of_the_stack(name: str) -> None:
    same = differ = 0
    for payload, whole in _datagrams(name):
        octets = lowpan.compress(whole.packet, payload.src, payload.dst, _contexts(name))
        again = lowpan.decompress(octets, payload.src, payload.dst, _contexts(name))
        assert isinstance(again, Datagram)
        assert again.packet == whole.packet
        same += octets == payload.data
        differ += octets != payload.data
    if name == "mcast":  # wsrd leaves padding of the MPL option out, wsbrd does not
        assert (same, differ) == (94, 14)
    elif name in WISUN:
        assert same
        assert not differ


@pytest.mark.parametrize("name", ["star3", CONTIKI])
@pytest.mark.parametrize("room", [96, 127])
def test_fragmenting_anew_gives_the_same_packets(name: str, room: int) -> None:
    most = 0
    for tag, (payload, whole) in enumerate(_datagrams(name)):
        reassembler = Reassembler()
        pieces = fragment(whole.packet, room, tag, payload.src, payload.dst, _contexts(name))
        assert max(map(len, pieces)) <= room
        most = max(most, len(pieces))
        got = []
        for octets in pieces:
            piece = lowpan.decompress(octets, payload.src, payload.dst, _contexts(name))
            if isinstance(piece, Fragment):
                got.append(reassembler.add(piece, payload.src, payload.dst, payload.t_ns))
            else:
                got.append(piece)
        assert [d.packet if d else None for d in got] == [None] * (len(pieces) - 1) + [whole.packet]
    assert most >= 3


def _rows(name: str) -> dict[int, dict[str, list[str]]]:
    with gzip.open(CAPTURES / f"{name}.tshark.tsv.gz", "rt") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return {int(row["frame.number"]): {k: v.split(";") if v else [] for k, v in row.items()} for row in rows}


def _addresses(words: list[str]) -> list[bytes]:
    return [IPv6Address(word).packed for word in words]


@pytest.mark.parametrize("name", WISUN)
def test_fields_are_those_of_the_stored_dump(name: str) -> None:
    rows = _rows(name)
    checked: Counter[str] = Counter()
    for payload, whole in _datagrams(name):
        row = rows[payload.number]
        packets = list(ipv6.chain(ipv6.parse(whole.packet)))
        if row["icmpv6.type"] and packets[-1].next_header == icmpv6.PROTOCOL and int(row["icmpv6.type"][0]) < 128:
            continue  # an error message: tshark's fields repeat those of the invoking packet
        assert sorted(p.src for p in packets) == sorted(_addresses(row["ipv6.src"])), payload.number
        assert sorted(p.dst for p in packets) == sorted(_addresses(row["ipv6.dst"])), payload.number
        assert sorted(p.hop_limit for p in packets) == sorted(map(int, row["ipv6.hlim"])), payload.number
        rpis = [p.rpi for p in packets if p.rpi is not None]
        assert [r.sender_rank for r in rpis] == [int(w, 0) for w in row["ipv6.opt.rpl.sender_rank"]], payload.number
        routes = [p.source_route for p in packets if p.source_route is not None]
        assert [r.segments_left for r in routes] == [int(w) for w in row["ipv6.routing.segleft"]], payload.number
        _check_upper(packets[-1].upper, row, checked)
    assert checked["DaoAck"]
    assert checked["Dio"]
    assert checked["Dao"]


def _check_upper(upper: ipv6.Upper, row: dict[str, list[str]], checked: Counter[str]) -> None:
    """The upper layer's record against the dump's fields."""
    checked[type(upper).__name__] += 1
    match upper:
        case Udp():
            got = [[str(upper.src_port)], [str(upper.dst_port)], [str(len(upper.payload) + 8)]]
            assert got == [row["udp.srcport"], row["udp.dstport"], row["udp.length"]]
            message = dhcpv6.of(upper)
            if message is not None:
                assert [str(int(dhcpv6.innermost(message).type))] == row["dhcpv6.msgtype"][-1:]
        case icmpv6.EchoRequest() | icmpv6.EchoReply():
            assert [upper.sequence] == [int(w) for w in row["icmpv6.echo.sequence_number"]]
        case rpl.Dio():
            numbers = [upper.instance, upper.version, upper.rank, upper.dtsn]
            fields = ("instance", "version", "rank", "dtsn")
            assert numbers == [int(row[f"icmpv6.rpl.dio.{f}"][0], 0) for f in fields]
            assert [upper.dodag_id] == _addresses(row["icmpv6.rpl.dio.dagid"])
        case rpl.Dao():
            assert [upper.sequence] == [int(w, 0) for w in row["icmpv6.rpl.dao.sequence"]]
            assert [t.address for t in upper.targets] == _addresses(row["icmpv6.rpl.opt.target.prefix"])
            assert [t.parent for t in upper.transits] == _addresses(row["icmpv6.rpl.opt.transit.parent"])
        case rpl.DaoAck():
            assert [upper.sequence] == [int(w, 0) for w in row["icmpv6.rpl.daoack.sequence"]]
            assert [upper.status] == [int(w, 0) for w in row["icmpv6.rpl.daoack.status"]]
        case nd.NeighborSolicitation():
            assert [upper.target] == _addresses(row["icmpv6.nd.ns.target_address"])
            aro = [o for o in upper.options if isinstance(o, nd.AddressRegistration)]
            assert [o.lifetime_min for o in aro] == [int(w) for w in row["icmpv6.opt.aro.registration_lifetime"]]
            assert [o.owner.hex(":") for o in aro] == row["icmpv6.opt.aro.eui64"]


def test_source_route_of_line2_names_the_hops() -> None:
    """Frames 157 and 159: the DAO-ACK to the second router goes by the first, which swaps itself into the header."""
    found = {payload.number: ipv6.parse(whole.packet) for payload, whole in _datagrams("line2")}
    sent, forwarded = found[157], found[159]
    near, far = (IPv6Address(f"fd12:3456::20d:6fff:fe03:{n}").packed for n in ("1002", "2003"))
    assert sent.dst == near
    assert sent.source_route == SourceRoute(1, (far,), 15, 14)
    assert sent.final_dst == far
    assert forwarded.dst == far
    assert forwarded.source_route == SourceRoute(0, (near,), 15, 14)
    assert ipv6.forward_source_route(sent).dst == far
    assert ipv6.forward_source_route(sent).source_route == forwarded.source_route
