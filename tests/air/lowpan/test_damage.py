"""Damage in 6LoWPAN, and contexts that nobody gave: what stands before is told, in row, jsonl, tree, columns and
filters alike, with what is wrong; nothing is made of what stands behind, and `measure` judges by none of it."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.tables import fields
from bench.air.frame.decoder import Decoder, Frame, decode_frames
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import recoverable, sixlorh
from bench.air.lowpan.contexts import ROOT
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.sighting import Datagram
from tests.air.bulk.test_table import bulk_table, full_table
from tests.air.fields.differences import write_capture
from tests.air.frame.test_air_cases import A, B, columns, data, decoded, frame_of, tree
from tests.air.ip import packets
from tests.air.tshark_oracle import NO_TSHARK, values

ONE, FIVE, SIX = (IPv6Address(f"fd00::{n}").packed for n in (1, 5, 6))
PORTS = bytes.fromhex("03e807d0")
UDP = b"\xf0" + PORTS + bytes.fromhex("1234") + b"hello"
UNKNOWN = bytes.fromhex("7ed050") + ONE[8:] + FIVE
"""From context 5, with 8 octets of the address, to fd00::5, more headers compressed."""
KNOWN = b"\x7e\x00" + ONE + FIVE
RPI = bytes.fromhex("f1830502")
INNER = b"\xee\x7e\x00" + FIVE
PLAIN = b"\x41\x60" + bytes(5) + b"\x3b\x40" + ONE
HC1 = bytes.fromhex("420240") + ONE + FIVE
MESH = lowpan.build_mesh(lowpan.Mesh(9, A, B))
TUNNEL = bytes.fromhex("f1 a1 06 3f".replace(" ", ""))
"""An IP-in-IP-6LoRH from the root."""
HOP_BY_HOP = bytes.fromhex("e106") + bytes.fromhex("6304 8007 0180".replace(" ", ""))


def frag1(size: int, content: bytes) -> bytes:
    return bytes((0xC0 | size >> 8, size & 0xFF, 0, 7)) + content


@attrs.frozen
class Case:
    """A payload, and what must be told of it: addresses and source port in the packet and in 6LoWPAN's own fields, and
    the words of the mark."""

    name: str
    payload: bytes
    says: str
    ipv6: tuple[str | None, str | None] = ("fd00::1", "fd00::5")
    port: int | None = None
    lowpan: tuple[str | None, str | None] | None = None
    outer: tuple[str | None, str | None] | None = None

    @property
    def sent(self) -> tuple[str | None, str | None]:
        """In 6LoWPAN's own fields, of the outermost packet."""
        return self.lowpan or self.outer or self.ipv6


PART = (None, None)
"""A first fragment is no packet yet."""
BOTH = ("fd00::1", "fd00::5")
THEIRS = ("::1", "fd00::5")
"""An unknown context is zeros in 6LoWPAN's own field, as in Wireshark."""
CONTEXT = "context 5 is not known"
CASES = [
    Case("context", UNKNOWN + UDP, CONTEXT, (None, "fd00::5"), 1000, THEIRS),
    Case("context behind RPI", RPI + UNKNOWN + UDP, CONTEXT, (None, "fd00::5"), 1000, THEIRS),
    Case("context behind IP-in-IP", TUNNEL + UNKNOWN + UDP, CONTEXT, (None, "fd00::5"), 1000, THEIRS),
    Case("context in FRAG1", frag1(120, UNKNOWN + UDP + bytes(19)), CONTEXT, PART, None, THEIRS),
    Case("RPI in FRAG1", frag1(120, RPI + UNKNOWN + UDP + bytes(11)), CONTEXT, PART, None, THEIRS),
    Case("context behind mesh", MESH + UNKNOWN + UDP, CONTEXT, (None, "fd00::5"), 1000, THEIRS),
    Case("GHC extension", KNOWN + b"\xb1\x03abc\x61", "reserved code 0x61"),
    Case("GHC hop-by-hop, inner", KNOWN + HOP_BY_HOP + b"\xb1\x7f", "reserved code 0x7f"),
    Case("GHC UDP", KNOWN + b"\xd0" + PORTS + b"\x12\x34\x03abc\x7f", "reserved code 0x7f", BOTH, 1000),
    Case("GHC UDP, far copy", KNOWN + b"\xd0" + PORTS + b"\x12\x34\xa7\xaf\xff", "before the dictionary", BOTH, 1000),
    Case("GHC UDP, too many", KNOWN + b"\xd0" + PORTS + b"\x12\x34\x01a\x90bc", "2 octets too many", BOTH, 1000),
    Case("GHC ICMPv6", KNOWN + b"\xdf\x04\x80\x00\x12\x34\x7f", "reserved code 0x7f"),
    Case("reserved multicast", b"\x7a\x0d\x3a" + ONE + b"\1\2abcdef", "reserved multicast", ("fd00::1", None)),
    Case("reserved destination", b"\x7a\x04\x3a" + ONE + FIVE, "reserved destination", ("fd00::1", None)),
    Case("no destination", b"\x7a\x00\x3a" + ONE + FIVE[:9], "16 octets wanted, 9 left", ("fd00::1", None)),
    Case("UDP ends early", KNOWN + b"\xf0\x03\xe8\x07", "2 octets wanted, 1 left"),
    Case("no UDP checksum", KNOWN + b"\xf0" + PORTS + b"\x12", "2 octets wanted, 1 left", BOTH, 1000),
    Case("no NHC", KNOWN, "1 octet wanted, 0 left"),
    Case("unknown NHC", KNOWN + b"\xea\x00", "unknown header 0xea"),
    Case("unknown NHC behind RPI", RPI + KNOWN + b"\xea\x00", "unknown header 0xea"),
    Case("NHC extension cut", KNOWN + HOP_BY_HOP + b"\xe7\x09\x01", "9 octets wanted, 1 left"),
    Case("NHC extension without length", KNOWN + HOP_BY_HOP + b"\xe7", "1 octet wanted, 0 left"),
    Case("NHC fragment cut", KNOWN + b"\xe4\x3a\x00\x00", "7 octets wanted, 2 left"),
    Case("NHC routing of 5", KNOWN + b"\xe2\x3b\x05" + bytes(5), "routing header of 5 octets"),
    Case("tunnel, inner dispatch", KNOWN + b"\xee\x41\x60", "dispatch 0x41"),
    Case("tunnel, NHC", KNOWN + INNER + SIX + b"\xea", "unknown header", ("fd00::5", "fd00::6"), outer=BOTH),
    Case("tunnel, no destination", KNOWN + INNER, "0 left", ("fd00::5", None), outer=BOTH),
    Case("behind mesh", MESH + KNOWN + b"\xea", "unknown header"),
    Case("behind broadcast", b"\x50\x07" + KNOWN + b"\xea", "unknown header"),
    Case("FRAG1, NHC", frag1(120, KNOWN + b"\xea"), "unknown header", PART, None, BOTH),
    Case("FRAG1, destination", frag1(120, b"\x7e\x00" + ONE), "0 left", PART, None, ("fd00::1", None)),
    Case("FRAG1, an octet more", frag1(200, KNOWN + UDP + bytes(36)), "ends at 89 of 200", PART, None, BOTH),
    Case("FRAG1 larger than all", frag1(50, KNOWN + UDP), "53 octets of a datagram of 50", PART, None, BOTH),
    Case("FRAG1 of 30", frag1(30, KNOWN + UDP), "UDP length -10", PART, None, BOTH),
    Case("FRAG1 of a tunnel", frag1(120, TUNNEL + KNOWN + UDP), "fragmented packet behind", PART, None, BOTH),
    Case("HC1 without its end", HC1[:-4], "64 bits wanted", ("fd00::1", None)),
    Case("HC1, no class", b"\x42\x00\x40" + ONE + FIVE, "8 bits wanted"),
    Case("HC2 cut", b"\x42\x0b\x00\x40" + ONE + FIVE + PORTS + b"\x00", "16 bits wanted", BOTH, 1000),
    Case("plain, cut", PLAIN + FIVE[:9], "16 octets wanted", ("fd00::1", None), None, PART),
]
NAMES = ("ipv6.src", "ipv6.dst", "udp.srcport", "6lowpan.src", "6lowpan.dst")
ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """All cases, a frame a second."""
    packets_ = [(at * 10**9, data(case.payload, sequence=at)) for at, case in enumerate(CASES, 1)]
    return write_capture(tmp_path / "damage.pcapng", packets_)


@ALL
def test_what_stands_before_is_told(case: Case, tmp_path: Path) -> None:
    path = write_capture(tmp_path / "one.pcapng", [(0, data(case.payload))])
    [row] = columns(path, *NAMES)
    told = {name: value[0] if isinstance(value, list) else value for name, value in row.items()}
    assert (told["ipv6.src"], told["ipv6.dst"], told["udp.srcport"]) == (*(case.outer or case.ipv6), case.port)
    assert (told["6lowpan.src"], told["6lowpan.dst"]) == case.sent
    [line], _ = decoded(path)
    assert (line["ipv6_src"], line["ipv6_dst"]) == case.ipv6
    assert str(line["info"]).endswith("]")
    assert case.says in str(line["info"])
    assert case.says in tree(path)
    for name, value in told.items():
        if value is not None:
            assert len(decoded(path, expr=f"{name} == {value}")[0]) == 1
    assert not frame_of(data(case.payload)).bug


def test_lengths_that_nobody_knows_are_none(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "one.pcapng", [(0, data(KNOWN + b"\xd0" + PORTS + b"\x12\x34\x03abc\x7f"))])
    [row] = columns(path, "ipv6.plen", "udp.length", "udp.checksum", "udp.payload", "udp.checksum.status")
    assert row == {
        "ipv6.plen": None,
        "udp.length": None,
        "udp.checksum": 0x1234,
        "udp.payload": "61:62:63",
        "udp.checksum.status": None,
    }


def test_a_next_header_that_nobody_knows_is_none(tmp_path: Path) -> None:
    frames = [data(KNOWN + HOP_BY_HOP + b"\xea"), data(KNOWN + b"\xea"), data(b"\x7a\x00\x3b" + ONE + FIVE)]
    path = write_capture(tmp_path / "three.pcapng", [(0, frame) for frame in frames])
    rows = columns(path, "ipv6.nxt", "ipv6.hopopts.nxt", "ipv6.hopopts.len_oct")
    assert [row["ipv6.nxt"] for row in rows] == [0, None, 59]
    assert (rows[0]["ipv6.hopopts.nxt"], rows[0]["ipv6.hopopts.len_oct"]) == (None, 8)


def test_options_before_the_damage(tmp_path: Path) -> None:
    path = write_capture(tmp_path / "one.pcapng", [(0, data(KNOWN + HOP_BY_HOP + b"\xea"))])
    assert columns(path, "ipv6.opt.rpl.instance_id", "6lowpan.nhc.ext.eid") == [
        {"ipv6.opt.rpl.instance_id": 7, "6lowpan.nhc.ext.eid": 0}
    ]


def test_routing_headers_before_the_damage(tmp_path: Path) -> None:
    """An RPI-6LoRH before a critical one of unknown type, and a recoverable fragment that is too short."""
    piece = recoverable.build(recoverable.Fragment(9, 0, 0, bytes(20), 60))[:-3]
    frames = [RPI + b"\x83\x09\x00", RPI + b"\x61", piece, b"\xe0\x78\x00\x07"]
    path = write_capture(tmp_path / "one.pcapng", [(0, data(payload)) for payload in frames])
    rows = columns(path, "layers", "6lowpan.rfrag.tag", "6lowpan.frag.size", "info")
    assert [row["6lowpan.rfrag.tag"] for row in rows] == [None, None, 9, None]
    assert [row["6lowpan.frag.size"] for row in rows] == [None, None, None, 120]
    assert [("rpi-6lorh" in str(row["layers"])) for row in rows] == [True, True, False, False]
    assert ["malformed" in str(row["info"]) for row in rows] == [True] * 4
    assert "RPI" in tree(path, 1)


def test_the_bulk_decoder_gives_the_same_table(capture: Path) -> None:
    """With contexts, too: then those that lack one are whole."""
    for contexts in (None, {5: ONE[:8]}, {5: ONE[:8], ROOT: ONE}, {ROOT: ONE}):
        table = full_table(capture, None, contexts)
        assert bulk_table(capture, None, contexts) == table
        assert table.count(CONTEXT) == (0 if contexts and 5 in contexts else 6)


def test_a_root_moves_what_is_not_known(tmp_path: Path) -> None:
    """Behind an IP-in-IP-6LoRH the packet's own header stands behind that of the tunnel."""
    path = write_capture(tmp_path / "one.pcapng", [(0, data(TUNNEL + UNKNOWN + UDP))])
    frames = full_frames(path, {ROOT: ONE})
    outer = frames[0].packet
    assert outer is not None
    inner = ipv6.innermost(outer)
    assert (outer.src, inner.src, inner.dst) == (ONE, b"", FIVE)


def test_a_route_without_its_end_is_left_apart(tmp_path: Path) -> None:
    """Where the destination's context is not known, no end is made up for a source route."""
    route = b"\xf1" + sixlorh.build((sixlorh.SourceRoute((b"\x09",)),))
    payload = route + b"\x7e\x85\x05" + ONE + FIVE[8:] + UDP
    [frame] = full_frames(write_capture(tmp_path / "one.pcapng", [(0, data(payload))]), {ROOT: ONE})
    assert (frame.ipv6_src, frame.ipv6_dst) == (ONE, None)


def test_a_datagram_whose_context_is_unknown_is_put_together(tmp_path: Path) -> None:
    first, rest = frag1(80, UNKNOWN + UDP + bytes(11)), b"\xe0\x50\x00\x07\x08" + bytes(16)
    path = write_capture(tmp_path / "two.pcapng", [(0, data(first)), (1, data(rest, sequence=2))])
    rows = columns(path, "ipv6.src", "ipv6.dst", "udp.srcport", "info")
    assert rows[1]["ipv6.dst"] == "fd00::5"
    assert (rows[1]["ipv6.src"], rows[1]["udp.srcport"]) == (None, 1000)
    assert CONTEXT in str(rows[1]["info"])


def test_a_damaged_fragment_is_no_part_of_a_datagram(tmp_path: Path) -> None:
    """The next attempt, which is whole, is."""
    good = frag1(96, KNOWN + UDP + bytes(35))
    rest = b"\xe0\x60\x00\x07\x0b" + bytes(8)
    frames = [good[:-1], b"\xe0\x60\x00\x07\x0b" + bytes(99), rest, good]
    path = write_capture(tmp_path / "four.pcapng", [(at, data(p, sequence=at)) for at, p in enumerate(frames)])
    rows = columns(path, "ipv6.src", "info")
    assert [row["ipv6.src"] for row in rows] == [None, None, None, "fd00::1"]
    assert [str(row["info"]).endswith("]") for row in rows[:3]] == [True, True, False]
    assert "of frames 3, 4" in tree(path, 4)


def full_frames(path: Path, contexts: dict[int, bytes] | None = None) -> list[Frame]:
    return list(decode_frames(read_capture(path), contexts=contexts))


# ---- judged by none of it -------------------------------------------------------------------------------------------


def test_damage_is_no_evidence(capture: Path) -> None:
    """A sighting of a damaged frame says that it was there, and nothing of nodes, routes or datagrams."""
    frames = [frame for frame, case in zip(full_frames(capture), CASES, strict=True) if case.says != CONTEXT]
    assert len(frames) == len(CASES) - 6
    whole = frame_of(data(KNOWN + UDP))
    told = [sighting.content for sighting in sightings([*frames, whole])]
    assert told[:-1] == [None] * len(frames)
    assert told[-1] is not None


def test_a_damaged_first_fragment_does_not_date_a_datagram() -> None:
    """When a datagram set out is told by its first fragment that is whole."""
    good = frag1(96, KNOWN + UDP + bytes(35))
    rest = b"\xe0\x60\x00\x07\x0b" + bytes(8)
    decoder = Decoder()
    frames = [
        decoder.decode(make_record(at, at * 10**9, NO_FCS, psdu, len(psdu)))
        for at, psdu in enumerate(map(data, (good, good + b"\0", rest)), 1)
    ]
    *_, found = sightings(frames)
    assert isinstance(found.content, Datagram)
    assert found.content.first_ns == next(sightings(frames)).start_ns


# ---- tshark ---------------------------------------------------------------------------------------------------------


@NO_TSHARK
def test_tshark_reads_no_more(capture: Path) -> None:
    """Every address that tshark tells of these is told here, in the field of the same name."""
    theirs = values(capture, NAMES)
    ours = columns(capture, *NAMES)
    lacking = []
    for case, mine, row in zip(CASES, ours, theirs, strict=True):
        for name in NAMES:
            told = mine[name]
            known = [str(each) for each in told] if isinstance(told, list) else [str(told)]
            missing = [value for value in row[name].split("|") if value and value not in known]
            if missing and not (case.says == CONTEXT and name == "ipv6.src"):  # it makes zeros of what is not known
                lacking.append((case.name, name, missing, known))
    assert lacking == []


# ---- any late damage ------------------------------------------------------------------------------------------------

CONTEXTS = {0: packets.PREFIX}
LINKS = (packets.LINK_SRC, packets.LINK_DST, CONTEXTS)


def plain(payload: bytes, size: int) -> bytes:
    return payload


def behind_rpi(payload: bytes, size: int) -> bytes:
    return RPI + payload


def behind_mesh(payload: bytes, size: int) -> bytes:
    mesh = lowpan.Mesh(20, packets.LINK_SRC, packets.LINK_DST)
    return lowpan.build_mesh(mesh) + b"\x50\x01" + payload


def recovered(payload: bytes, size: int) -> bytes:
    return recoverable.build(recoverable.Fragment(7, 0, 0, payload, len(payload)))


def first_fragment(payload: bytes, size: int) -> bytes:
    return frag1(min(size, 0x7FF), payload)


def damaged(draw: st.DrawFn, payload: bytes, start: int) -> bytes:
    """The payload with its octets changed, or gone, from a place behind ``start`` on."""
    at = draw(st.integers(start, max(start, len(payload))))
    kept = payload[:at]
    return kept + draw(st.just(b"") | st.binary(max_size=len(payload) - at + 3))


@st.composite
def late(draw: st.DrawFn) -> tuple[ipv6.Packet, bytes, int]:
    """A packet, its compressed octets with damage behind the addresses, how long it was, and whether UDP's ports stand
    before the damage."""
    made = draw(packets.packet())
    generic = draw(st.booleans())
    head = attrs.evolve(made, headers=(), upper=b"", next_header=ipv6.NO_NEXT_HEADER)
    octets = ipv6.build(made)
    payload = lowpan.compress(octets, *LINKS, generic=generic)
    start = len(lowpan.compress(ipv6.build(head), *LINKS))
    return made, damaged(draw, payload, min(start, len(payload))), len(octets)


@given(late(), st.sampled_from([plain, behind_rpi, behind_mesh, recovered, first_fragment]))
def test_addresses_before_any_damage(found: tuple[ipv6.Packet, bytes, int], wrap: object) -> None:
    packet, payload, size = found
    frame = decoded_of(wrap(payload, size))  # type: ignore[operator]
    assert not frame.bug
    said = fields(frame)
    names = ("6lowpan",) if wrap is first_fragment else ("6lowpan", "ipv6")
    for name in names:
        told = [[value for field, value in said if field == f"{name}.{end}"][:1] for end in ("src", "dst")]
        assert told == [[packet.src], [packet.dst]]


@given(packets.udp, packets.header_options, st.data())
def test_ports_before_any_damage(udp: Udp, options: tuple[object, ...], drawn: st.DataObject) -> None:
    made = ipv6.Packet(ONE, FIVE, udp, headers=(HopByHop(options),))  # type: ignore[arg-type]
    payload = lowpan.compress(ipv6.build(made), *LINKS)
    start = len(payload) - len(udp.payload) - 2
    at = drawn.draw(st.integers(start, len(payload)))
    broken = payload[:at] + drawn.draw(st.just(b"") | st.binary(max_size=40))
    said = fields(decoded_of(broken))
    assert [value for name, value in said if name == "udp.port"] == [udp.src_port, udp.dst_port]


def decoded_of(payload: bytes) -> Frame:
    psdu = data(payload, src=packets.LINK_SRC, dst=packets.LINK_DST)
    return Decoder(contexts=CONTEXTS).decode(make_record(1, 0, NO_FCS, psdu, len(psdu)))
