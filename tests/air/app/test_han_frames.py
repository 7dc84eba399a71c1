"""The HAN's messages that the bench builds, read by tshark and by the bench's decoder: the fields as they were set.

tshark 4.0 has dissectors for PANA, CoAP, beacons and MAC commands; it reads 6LoRH too where it is told that the PAN
speaks 6LoWPAN, since it does not take a paging dispatch for one by itself. ECHONET Lite it does not know.
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from bench.air.app import coap, echonet, pana
from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.tables import fields, tree
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.ip import packet as ipv6
from bench.air.ip.extensions import HopByHop, Rpi
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.keys.security import protect
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import sixlorh
from bench.air.mac import beacon, command, header_ies, mlme
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.air.mac.ies import HT1, PAYLOAD_TERMINATION, Ie, SubIe, write_sub_ies
from tests.air.app import han_vectors as vectors
from tests.skips import ONCE

METER, TERMINAL = vectors.METER, vectors.TERMINAL
SRC, DST = ipv6.link_local(TERMINAL), ipv6.link_local(METER)
PAN = 0xABCD
RPI = Packet(SRC, DST, Udp(61616, 61617, b"hello"), 64, headers=(HopByHop((Rpi(0, 512),)),))
LOCAL_RPI = Packet(SRC, DST, Udp(61616, 61617, b"hello"), 64, headers=(HopByHop((Rpi(0x81, 0x0203, 0xA0),)),))
ROUTE = (sixlorh.SourceRoute((b"\0\2", b"\0\3")), sixlorh.PacketInformation(7, 256, 0x80), sixlorh.IpInIp(63))


def applications() -> list[tuple[int, bytes]]:
    """Port and UDP payload of every application message, PANA first."""
    return [
        *((pana.PORT, pana.build(message)) for message in vectors.PANA.values()),
        *((coap.PORT, coap.build(message)) for message in vectors.COAP.values()),
    ]


def mac_frames() -> list[bytes]:
    """Beacons, commands and 6LoRH data frames of version 0, in that order."""
    beacons = [
        MacFrame(FrameType.BEACON, 0, 1, src_pan=PAN, src=METER, payload=beacon.build(record))
        for _words, record in vectors.BEACONS.values()
    ]
    commands = [_command(record) for _words, record, _line in vectors.COMMANDS.values()]
    return [encode_mac(frame) for frame in (*beacons, *commands, *map(_data, routed()))]


def routed() -> list[bytes]:
    """6LoRH payloads."""
    return [
        lowpan.compress_routed(ipv6.build(RPI), TERMINAL, METER),
        lowpan.compress_routed(ipv6.build(LOCAL_RPI), TERMINAL, METER),
        lowpan.compress_routed(ipv6.build(Packet(SRC, DST, Udp(1, 2, b"x"))), TERMINAL, METER, routing=ROUTE),
    ]


def _frame(kind: FrameType, payload: bytes) -> MacFrame:
    return MacFrame(
        kind, 0, 1, dst_pan=PAN, dst=METER, src=TERMINAL, pan_id_compression=True, ack_request=True, payload=payload
    )


def _command(record: command.Command) -> MacFrame:
    """A command between the addresses that its clause asks for."""
    payload = command.build(record)
    everybody = MacFrame(FrameType.COMMAND, 0, 1, dst_pan=0xFFFF, dst=b"\xff\xff", payload=payload)
    match command.identifier(record):
        case command.CommandId.BEACON_REQUEST:
            return everybody
        case command.CommandId.COORDINATOR_REALIGNMENT:
            return attrs.evolve(everybody, src_pan=PAN, src=METER)
        case command.CommandId.GTS_REQUEST:
            return MacFrame(FrameType.COMMAND, 0, 1, src_pan=PAN, src=b"\0\2", ack_request=True, payload=payload)
    return _frame(FrameType.COMMAND, payload)


def _data(payload: bytes) -> MacFrame:
    return _frame(FrameType.DATA, payload)


def _pcap(path: Path, link_type: int, packets: Sequence[bytes]) -> Path:
    with path.open("wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type))
        for number, octets in enumerate(packets):
            out.write(struct.pack("<IIII", number, 0, len(octets), len(octets)) + octets)
    return path


@pytest.fixture(scope="module")
def udp_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    packets = [ipv6.build(Packet(SRC, DST, Udp(port, port, payload))) for port, payload in applications()]
    return _pcap(tmp_path_factory.mktemp("han") / "udp.pcap", 229, packets)


@pytest.fixture(scope="module")
def mac_capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _pcap(tmp_path_factory.mktemp("han") / "mac.pcap", 230, mac_frames())


def _run(arguments: list[str]) -> str:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    return subprocess.run([program, "-n", *arguments], capture_output=True, text=True, check=True, timeout=500).stdout


def tshark(path: Path, *fields: str) -> list[list[str]]:
    """Rows of fields, all occurrences of each."""
    arguments = ["-r", str(path), "-d", f"wpan.panid=={PAN},6lowpan", "-T", "fields", "-E", "aggregator=;"]
    return [
        line.split("\t")
        for line in _run([*arguments, *(word for field in fields for word in ("-e", field))]).splitlines()
    ]


@ONCE
def test_tshark_finds_nothing_malformed(udp_capture: Path, mac_capture: Path) -> None:
    for path, count in ((udp_capture, len(applications())), (mac_capture, len(mac_frames()))):
        rows = tshark(path, "_ws.malformed", "frame.protocols")
        assert len(rows) == count
        assert [row for row in rows if row[0]] == []


def test_tshark_reads_pana(udp_capture: Path) -> None:
    rows = tshark(udp_capture, "pana.type", "pana.sid", "pana.seq", "pana.avp.code")
    for row, message in zip(rows, vectors.PANA.values(), strict=False):
        kind, session, sequence = (int(cell.split(";")[0], 0) for cell in row[:3])
        assert (kind, session, sequence) == (message.type, message.session, message.sequence)
        inside = message.relayed.avps if message.relayed else ()
        codes = [avp.code for avp in (*message.avps, *inside) if isinstance(avp, pana.Avp)]
        assert [
            int(code) for code in row[3].split(";") if code not in ("", "0")
        ] == codes  # 0: the value of Result-Code


def test_tshark_reads_the_flags_of_pana(udp_capture: Path) -> None:
    """From its tree: as a field it shows the lower octet only."""
    text = _run(["-r", str(udp_capture), "-O", "pana"])
    flags = [int(found, 16) for found in re.findall(r"^    Flags: 0x(\w+)$", text, re.MULTILINE)]
    assert flags == [message.flags for message in vectors.PANA.values()]


def test_tshark_reads_coap(udp_capture: Path) -> None:
    rows = tshark(
        udp_capture, "coap.type", "coap.code", "coap.mid", "coap.token", "coap.opt.name", "coap.opt.uri_path_recon"
    )[len(vectors.PANA) :]
    for row, message in zip(rows, vectors.COAP.values(), strict=True):
        assert (int(row[0]), int(row[1]), int(row[2])) == (message.type, message.code, message.message_id)
        assert row[3].replace(":", "") == message.token.hex()
        if message.path:
            assert row[5] == f"coap://meter{message.path}"
        names = [name.split(": ")[1] for name in row[4].split(";") if name]
        assert names == [name_in_tshark(option) for option in message.options if isinstance(option, coap.Option)]


def name_in_tshark(option: coap.Option) -> str:
    known = option.number in set(coap.OptionNumber)
    return option.name if known else f"Unknown Option ({option.number})"


def test_tshark_reads_beacons(mac_capture: Path) -> None:
    rows = tshark(
        mac_capture,
        *("wpan.beacon_order", "wpan.superframe_order", "wpan.bcn_coord", "wpan.assoc_permit", "wpan.gts.count"),
        *("wpan.gts.address", "wpan.gts.permit", "wpan.pending16", "wpan.pending64"),
    )
    for row, (_words, record) in zip(rows, vectors.BEACONS.values(), strict=False):
        flags = (record.pan_coordinator, record.association_permit, record.gts_permit)
        assert (int(row[0]), int(row[1])) == (record.beacon_order, record.superframe_order)
        assert tuple(bool(int(row[at])) for at in (2, 3, 6)) == flags
        assert int(row[4]) == len(record.slots)
        assert [int(each, 0) for each in row[5].split(";") if each] == [slot.address for slot in record.slots]
        short = [each for each in record.pending if len(each) == 2]
        assert [int(each, 0) for each in row[7].split(";") if each] == [int.from_bytes(each, "big") for each in short]
        assert row[8].replace(":", "") == "".join(each.hex() for each in record.pending if len(each) == 8)


def test_tshark_names_the_commands(mac_capture: Path) -> None:
    rows = tshark(mac_capture, "wpan.cmd", "wpan.realign.channel", "wpan.gtsreq.length")[len(vectors.BEACONS) :]
    for row, (_words, record, _line) in zip(rows, vectors.COMMANDS.values(), strict=False):
        assert int(row[0], 0) == command.identifier(record)
        assert row[1] == ("11" if isinstance(record, command.Realignment) else "")
        assert row[2] == ("2" if isinstance(record, command.GtsRequest) else "")


def test_tshark_reads_6lorh(mac_capture: Path) -> None:
    rows = tshark(
        mac_capture,
        *("6lowpan.pagenb", "6lowpan.rpl.instance", "6lowpan.sender.rank", "6lowpan.6loRH.bitO"),
        *("6lowpan.6loRH.bitI", "6lowpan.6loRH.bitK", "6lowpan.rhhop.limit", "udp.dstport"),
    )[-len(routed()) :]
    assert {int(row[0], 0) for row in rows} == {1}
    assert [int(row[1] or "0", 0) for row in rows] == [0, 0x81, 7]
    assert [row[3] for row in rows] == ["0", "1", "1"]
    assert [row[4] for row in rows] == ["1", "0", "0"]
    assert [row[5] for row in rows] == ["1", "0", "1"]
    assert [int(row[2], 0) for row in rows] == [512 >> 8, 0x0203, 256 >> 8]
    assert [int(row[6] or "0", 0) for row in rows] == [0, 0, 63]


# ---- the same frames through the bench's decoder ------------------------------------------------------------------


def _decoded(payload: bytes) -> Frame:
    """The bench's view of one 6LoWPAN payload from terminal to meter."""
    return _decode(encode_mac(_data(payload)))


def _decode(psdu: bytes) -> Frame:
    return next(decode_frames([make_record(1, 0, NO_FCS, psdu, len(psdu))]))


@pytest.mark.parametrize("name", vectors.PANA)
def test_decoder_reads_pana(name: str) -> None:
    message = vectors.PANA[name]
    frame = _over_udp(pana.PORT, pana.build(message))
    assert frame.content == message
    assert frame.layers == ("802.15.4", "6lowpan", "iphc", "ipv6", "udp", "pana")
    assert frame.info == pana.describe(message)


@pytest.mark.parametrize("name", vectors.COAP)
def test_decoder_reads_coap(name: str) -> None:
    message = vectors.COAP[name]
    frame = _over_udp(coap.PORT, coap.build(message))
    assert (frame.content, frame.layers[-1], frame.info) == (message, "coap", coap.describe(message))


@pytest.mark.parametrize("name", vectors.ECHONET)
def test_decoder_reads_echonet(name: str) -> None:
    words, message, line = vectors.ECHONET[name]
    frame = _over_udp(echonet.PORT, bytes.fromhex(words))
    assert (frame.content, frame.layers[-1], frame.info) == (message, "echonet-lite", line)


def _over_udp(port: int, payload: bytes) -> Frame:
    packet = ipv6.build(Packet(SRC, DST, Udp(port, port, payload)))
    return _decoded(lowpan.compress(packet, TERMINAL, METER))


@pytest.mark.parametrize("port", [pana.PORT, coap.PORT, echonet.PORT])
def test_decoder_says_what_is_malformed(port: int) -> None:
    frame = _over_udp(port, b"\xff")
    assert frame.info.startswith(f"UDP {port} > {port} len=1 [malformed: ")
    assert frame.content is None


def test_decoder_reads_beacons_and_commands() -> None:
    frames = [_decode(psdu) for psdu in mac_frames()]
    beacons, commands = frames[: len(vectors.BEACONS)], frames[len(vectors.BEACONS) : -len(routed())]
    assert [frame.content for frame in beacons] == [record for _words, record in vectors.BEACONS.values()]
    assert beacons[0].info == "PAN coordinator, association not permitted, no superframe"
    assert beacons[1].info == (
        "PAN coordinator, association permitted, beacon order 8, superframe order 3, guaranteed slots: 2, "
        "pending: 0c:0d, 02:4b:42:ff:fe:00:02:01, 2 octets"
    )
    assert [frame.content for frame in commands] == [record for _words, record, _line in vectors.COMMANDS.values()]
    assert {frame.layers for frame in commands} == {("802.15.4", "command")}
    assert commands[-4].info == "RIT data request"


def test_decoder_reads_enhanced_beacons() -> None:
    mlme_ie = Ie(mlme.GROUP, write_sub_ies([mlme.EbFilter(True).sub_ie(), SubIe(0x68, False, bytes(8))]))
    frame = _decode(
        encode_mac(
            MacFrame(
                FrameType.BEACON, 2, 5, dst_pan=0xFFFF, dst=b"\xff\xff", src=METER, pan_id_compression=True,
                header_ies=(Ie(HT1),), payload_ies=(mlme_ie, Ie(PAYLOAD_TERMINATION)), payload=b"ab",
            )
        )
    )  # fmt: skip
    assert (frame.kind, frame.ies, frame.layers) == ("beacon", ("MLME",), ("802.15.4", "beacon"))
    assert frame.info == "enhanced, EB-filter, MLME-68, 2 octets"


LISTENING: list[tuple[header_ies.Element, str, str]] = [
    (header_ies.Rit(5, 2, 16), "05021000", "RIT first=5 repeats=2 interval=16"),
    (header_ies.Csl(100, 500), "6400f401", "CSL phase=100 period=500"),
    (header_ies.Csl(0, 500, 3), "0000f4010300", "CSL phase=0 period=500"),
    (header_ies.TimeCorrection(-20), "ec0f", "time correction -20 µs"),
    (header_ies.TimeCorrection(7, nack=True), "0780", "time correction 7 µs, not accepted"),
]


@pytest.mark.parametrize(("element", "words", "line"), LISTENING)
def test_decoder_says_when_a_receiver_listens(element: header_ies.Element, words: str, line: str) -> None:
    ie = element.ie()
    assert ie.content == bytes.fromhex(words)
    assert header_ies.read(ie) == element
    frame = _decode(encode_mac(_acknowledgement(ie)))
    assert (frame.kind, frame.info) == ("ack", line)
    cut = attrs.evolve(ie, content=ie.content[:-1])
    said = _decode(encode_mac(_acknowledgement(cut))).info
    assert re.match(r"malformed: (header IE 0x|wpan\.header_ie\.)\w+: \d octets? (wanted|too many)", said), said


def _acknowledgement(ie: Ie) -> MacFrame:
    return MacFrame(FrameType.ACK, 2, 5, dst_pan=PAN, dst=METER, header_ies=(ie,))


def test_tshark_reads_when_a_receiver_listens(tmp_path: Path) -> None:
    """Its signed fields agree; of RIT it knows the name only."""
    frames = [encode_mac(_acknowledgement(element.ie())) for element, _words, _line in LISTENING]
    path = _pcap(tmp_path / "listening.pcap", 230, frames)
    rows = tshark(
        path,
        *("wpan.header_ie.id", "wpan.header_ie.csl.phase", "wpan.header_ie.csl.period"),
        *("wpan.header_ie.csl.rendezvous_time", "wpan.header_ie.time_correction.value"),
    )
    assert [int(row[0], 0) for row in rows] == [element.ID for element, _words, _line in LISTENING]
    assert [row[1:4] for row in rows[1:3]] == [["100", "500", ""], ["0", "500", "3"]]
    assert [row[4] for row in rows[3:]] == ["-20", "7"]


def test_tshark_reads_deep_hops(tmp_path: Path) -> None:
    """RFC 4944 5.2: 15 in the hops field announces an octet more."""
    inner = lowpan.compress(ipv6.build(Packet(SRC, DST, Udp(1, 2, b"x"))), TERMINAL, METER)
    meshes = [lowpan.Mesh(hops, TERMINAL, far) for hops in (1, 14, 15, 16, 255) for far in (METER, b"\0\2")]
    payloads = [lowpan.build_mesh(mesh) + inner for mesh in meshes]
    rows = tshark(
        _pcap(tmp_path / "mesh.pcap", 230, [encode_mac(_data(payload)) for payload in payloads]),
        *(
            "6lowpan.mesh.hops",
            "6lowpan.mesh.hops8",
            "6lowpan.mesh.orig64",
            "6lowpan.mesh.dest64",
            "6lowpan.mesh.dest16",
        ),
    )
    for row, mesh, payload in zip(rows, meshes, payloads, strict=True):
        assert int(row[1] or row[0], 0) == mesh.hops_left
        assert int(row[2], 0) == int.from_bytes(TERMINAL, "big")
        assert int(row[3] or row[4], 0) == int.from_bytes(mesh.final, "big")
        frame = _decoded(payload)
        assert isinstance(frame.piece, lowpan.Datagram)
        assert frame.piece.mesh == mesh
        assert "mesh" in frame.layers


def test_decoder_calls_opaque_what_is_no_6lowpan() -> None:
    frame = _decoded(bytes.fromhex("00112233"))
    assert (frame.kind, frame.layers) == ("data", ("802.15.4",))
    assert frame.info == "opaque: 4 octets, no 6LoWPAN"


@pytest.mark.parametrize("payload", ["00112233", "f2112233", "4f112233"])
def test_a_payload_that_nobody_reads_stands_as_data(payload: str) -> None:
    """No 6LoWPAN, a page and a dispatch that nobody here knows: the octets, and no empty layer."""
    layers = tree(_decoded(bytes.fromhex(payload)))
    assert [layer.name for layer in layers[2:]] == ["data"]
    assert [(field.name, value) for field, value in layers[2].values] == [("data.octets", bytes.fromhex(payload))]
    assert layers[2].title == "Data (4 octets)"


def test_what_an_encrypted_frame_carries_is_no_data() -> None:
    octets = protect(_frame(FrameType.DATA, bytes.fromhex("00112233")), bytes(16), 7, 1)
    (frame,) = decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))])
    assert frame.mic == "no key"
    assert "data" not in {layer.name for layer in tree(frame)}


def test_a_beacons_payload_stands_in_the_tree() -> None:
    sent = MacFrame(FrameType.BEACON, 0, 1, src_pan=PAN, src=METER, payload=beacon.build(beacon.Beacon(payload=b"NW1")))
    octets = encode_mac(sent)
    (frame,) = decode_frames([make_record(1, 0, NO_FCS, octets, len(octets))])
    assert ("wpan.beacon.payload", b"NW1") in fields(frame)


def test_decoder_puts_the_packet_information_back() -> None:
    for packet, rpi in ((RPI, Rpi(0, 512)), (LOCAL_RPI, Rpi(0x81, 0x0203, 0xA0))):
        payload = lowpan.compress_routed(ipv6.build(packet), TERMINAL, METER)
        frame = _decoded(payload)
        assert frame.layers[:4] == ("802.15.4", "6lowpan", "rpi-6lorh", "iphc")
        assert frame.packet == packet
        assert frame.packet is not None
        assert frame.packet.rpi == rpi
        assert frame.packet.checksum_ok
        assert frame.datagram == ipv6.build(packet)


def test_decoder_keeps_tunnel_and_source_route() -> None:
    frame = _decoded(routed()[2])
    assert frame.layers == ("802.15.4", "6lowpan", "srh-6lorh", "rpi-6lorh", "ipip-6lorh", "iphc", "ipv6", "udp")
    assert isinstance(frame.piece, lowpan.Datagram)
    assert frame.piece.routing == ROUTE
    assert frame.packet == Packet(SRC, DST, Udp(1, 2, b"x"))  # the outer header's packet information is not its own
