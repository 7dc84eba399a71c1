"""Fields where tshark 4.0.17 is no oracle (facts: decode.md 4): each hole, and our reading of octets written by hand.

The octets stand here as the standards lay them out, field by field; nothing of them is made by the codec under test,
but for the last two, whose cipher needs it.
"""

from __future__ import annotations

from collections import defaultdict

import pytest

from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.tables import FIELDS, GROUPS, Value, fields, tree
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import FrameType, MacFrame
from bench.air.wisun import frames as wisun

HERE, THERE = bytes.fromhex("024b42fffe000101"), bytes.fromhex("024b42fffe000001")
KEY = bytes(range(16))
HEADER = (
    bytes.fromhex("01 ee 07 cd ab")  # data, version 2, PAN ID compression off, IEs, both addresses; sequence 7; PAN ID
    + THERE[::-1]
    + HERE[::-1]
)
UTT = bytes.fromhex("05 15 01 04 e9 67 00")  # 5 octets, header IE 0x2a, sub-id 1, type 4 (DATA), UFSI
HT1 = bytes.fromhex("00 3f")


def decoded(*psdus: bytes, keys: KeyTable | None = None) -> list[Frame]:
    decoder = Decoder(keys)
    records = (make_record(n, n, NO_FCS, psdu, len(psdu)) for n, psdu in enumerate(psdus, 1))
    return [decoder.decode(record) for record in records]


def named(frame: Frame) -> dict[str, list[Value]]:
    found: dict[str, list[Value]] = defaultdict(list)
    for name, value in fields(frame):
        found[name].append(value)
    assert not frame.info.startswith("malformed"), frame.info
    return found


def with_header_ie(content: str) -> bytes:
    octets = bytes.fromhex(content)
    head = (len(octets) | 0x2A << 7).to_bytes(2, "little")
    return HEADER + UTT + head + octets


def with_payload_ies(content: str) -> bytes:
    octets = bytes.fromhex(content)
    head = (0x8000 | 0x4 << 11 | len(octets)).to_bytes(2, "little")
    return HEADER + UTT + HT1 + head + octets


def with_lowpan(octets: bytes, transaction: bytes = bytes.fromhex("00 ed a0")) -> bytes:
    content = transaction + octets
    return HEADER + UTT + HT1 + (0x8000 | 0x3 << 11 | len(content)).to_bytes(2, "little") + content


def test_join_metrics_stand_as_framed() -> None:
    """A short element's head has 8 bits of length below 7 of id; tshark reads that of JM as a long one's."""
    # JM: id 0x0a, 3 octets: version 2, metric 1 with one octet (length code 1), 25 %; then PANVER 0x0102
    found = named(decoded(with_payload_ies("03 0a 02 41 19  02 06 02 01"))[0])
    assert found["wisun.wsie.id"] == [0x0A, 0x06]
    assert found["wisun.wsie.length"] == [3, 2]
    assert found["wisun.wsie.type"] == [0, 0]
    assert found["wisun.jmie.version"] == [2]
    assert found["wisun.jmie.metric.id"] == [1]
    assert found["wisun.jmie.metric.data"] == [b"\x19"]
    assert found["wisun.jmie.plf"] == [25]
    assert found["wisun.panverie.version"] == [0x0102]


def test_each_metric_and_each_mode_is_a_node() -> None:
    """JM: metric 2 with two octets, metric 1 with one; POM: an FSK mode and an OFDM mode."""
    frame = decoded(with_payload_ies("06 0a 02 82 10 20 41 19  03 08 02 02 54"))[0]
    nodes = [inner for layer in tree(frame) for inner in layer.walk()]
    metrics, modes = ([n for n in nodes if n.name == name] for name in ("wisun.jmie.metric", "wisun.pomie.mode"))
    assert [[(field.name.split(".")[-1], value) for field, value in metric.values] for metric in metrics] == [
        [("id", 2), ("data", b"\x10\x20")],
        [("id", 1), ("data", b"\x19"), ("plf", 25)],
    ]
    assert [[(field.name.split(".")[-1], value) for field, value in mode.values] for mode in modes] == [
        [("phy_mode_id", 0x02), ("phy_type", 0), ("phy_mode_fsk", 2)],
        [("phy_mode_id", 0x54), ("phy_type", 5), ("phy_mode_ofdm", 4)],
    ]


def test_additional_transmissions_of_lfn_broadcasts() -> None:
    found = named(decoded(with_payload_ies("03 09 02 f4 01"))[0])
    assert (found["wisun.lbatsie.additional"], found["wisun.lbatsie.delay"]) == ([2], [500])


def test_octets_behind_an_element_do_not_vanish() -> None:
    """LUTT of 6 octets and 3 more; LBATS of 3 octets and 2 more; an element as long as its record has none."""
    header = named(decoded(with_header_ie("0a 09 10 00 00 00 00 11 22 33"))[0])
    assert header["wisun.luttie.usn"] == [0x10]
    assert header["wisun.unread.octets"] == [bytes.fromhex("112233")]
    nested = named(decoded(with_payload_ies("05 09 02 f4 01 aa bb  02 06 02 01"))[0])
    assert nested["wisun.lbatsie.delay"] == [500]
    assert nested["wisun.unread.octets"] == [bytes.fromhex("aabb")]


def test_lfn_broadcast_configuration() -> None:
    found = named(decoded(with_header_ie("c0 60 ea 00 05"))[0])
    assert found["wisun.subid"] == [1, 0xC0]
    assert (found["wisun.lbcie.interval"], found["wisun.lbcie.sync_period"]) == ([60_000], [5])


def test_sync_period_of_an_lfn_broadcast_schedule() -> None:
    found = named(decoded(with_header_ie("0f 60 ea 00 34 12 03 07"))[0])
    assert found["wisun.lbsie.broadcast"] == [60_000]
    assert found["wisun.lbsie.broadcast_id"] == [0x1234]
    assert found["wisun.lbsie.channeltag"] == [3]
    assert found["wisun.lbsie.sync_period"] == [7]


def test_schedule_of_a_rit_data_request() -> None:
    """A U-bus receiver's: MAC command 0x20, then time to the first listening, repeats, interval (7.5.23)."""
    header = bytes.fromhex("63 88 09 34 12 02 00 01 00")  # command, version 0, PAN ID compression, short addresses
    found, bare = (named(frame) for frame in decoded(header + bytes.fromhex("20 05 02 10 00"), header + b"\x20"))
    assert found["wpan.cmd"] == bare["wpan.cmd"] == [0x20]
    assert (found["wpan.rit.first"], found["wpan.rit.repeats"], found["wpan.rit.interval"]) == ([5], [2], [16])
    assert bare["wpan.rit.first"] == bare["wpan.rit.repeats"] == bare["wpan.rit.interval"] == []


# IPHC, all inline but the traffic class: next header, hop limit and both addresses follow.
_ADDRESSES = bytes.fromhex("fd00" + 13 * "00" + "01" + "fd00" + 13 * "00" + "02")


def test_rpl_information_of_type_0x23() -> None:
    """RFC 9008: as type 0x63, with the two bits clear that make an unaware node drop the packet."""
    hop_by_hop = bytes.fromhex("3b 00  23 04 80 1e 01 80")
    found = named(decoded(with_lowpan(bytes.fromhex("78 00 00 40") + _ADDRESSES + hop_by_hop))[0])
    assert found["ipv6.opt.type"] == [0x23]
    assert found["ipv6.opt.length"] == [4]
    assert found["ipv6.opt.rpl.flag.o"] == [True]
    assert found["ipv6.opt.rpl.instance_id"] == [0x1E]
    assert found["ipv6.opt.rpl.sender_rank"] == [0x180]


def test_a_checksum_left_out_is_computed() -> None:
    """tshark puts 0xffff there. By hand: 2 x 0xfd00 + 1 + 2 + 0x11 + 10 + 0xf0b1 + 0xf0b2 + 10 + 0x6869, folded."""
    udp = bytes.fromhex("f7 12") + b"hi"  # NHC: checksum left out, ports 0xf0b1 and 0xf0b2 in one octet
    found = named(decoded(with_lowpan(bytes.fromhex("7c 00 40") + _ADDRESSES + udp))[0])
    total = 2 * 0xFD00 + 1 + 2 + 0x11 + 10 + 0xF0B1 + 0xF0B2 + 10 + 0x6869
    folded = (total & 0xFFFF) + (total >> 16)
    assert found["udp.checksum"] == [0xFFFF - folded]
    assert found["udp.checksum.status"] == [1]
    assert found["6lowpan.nhc.udp.checksum"] == [True]
    assert found["6lowpan.udp.checksum"] == []


def test_mpx_fragments_are_put_together() -> None:
    whole = bytes.fromhex("78 00 3b 40") + _ADDRESSES + b"the rest"
    # transfer type 2 (fragment) under transaction 3; number; in the first the length of all and the multiplex id
    first = with_lowpan(whole[:20], bytes((2 | 3 << 3, 0)) + len(whole).to_bytes(2, "little") + bytes.fromhex("ed a0"))
    last = with_lowpan(whole[20:], bytes((4 | 3 << 3, 1)))
    before, after = decoded(first, last)
    assert named(before)["wpan.mpx.total_frame_size"] == [len(whole)]
    assert named(before)["ipv6.src"] == []
    assert named(after)["wpan.mpx.fragment_number"] == [1]
    assert named(after)["ipv6.src"] == [_ADDRESSES[:16]]
    assert named(after)["data.octets"] == [b"the rest"]


def test_a_secured_acknowledgement_without_source() -> None:
    """Who acknowledges is whom the frame before was for; tshark says that there is no source address."""
    asked = MacFrame(sequence=9, dst=THERE, src=HERE, pan_id_compression=True, ack_request=True, payload=b"\x00")
    ack = MacFrame(frame_type=FrameType.ACK, sequence=9, dst=HERE, dst_pan=0xABCD)
    frames = decoded(protect(asked, KEY, 5, 1), protect(ack, KEY, 6, 1, eui64=THERE), keys=KeyTable([(1, KEY)]))
    assert frames[1].mic == "ok"
    found = named(frames[1])
    assert found["wpan.frame_type"] == [2]
    assert found["wpan.src64"] == []
    assert found["wpan.aux_sec.frame_counter"] == [6]


def test_what_cannot_be_read_is_said_in_its_place() -> None:
    from bench.air.fields.tables import tree

    frame = decoded(with_payload_ies("02 04 00 00"))[0]  # a PAN element of 2 octets, which has 5
    names = [inner.name for layer in tree(frame) for inner in layer.walk()]
    assert "_malformed" in names


@pytest.mark.parametrize(
    "name", ["icmpv6.rpl.dao", "wisun", "wisun.jmie", "6lowpan.iphc", "ipv6.opt", "eap.tls", "tls"]
)
def test_layers_and_elements_have_names(name: str) -> None:
    assert name in GROUPS


def test_names_are_unlike_those_of_a_jsonl_line() -> None:
    assert all("." in name for name in FIELDS)


def test_a_malformed_element_hides_none_of_the_others() -> None:
    # PAN version, then a unicast schedule of a reserved channel plan (7), then a network name.
    frame = decoded(with_payload_ies("02 06 34 12  06 88 ff 00 0a 17 00 00  01 05 41"))[0]
    assert [element.NAME for element in frame.typed_ies if not isinstance(element, wisun.Opaque)] == [
        "UTT",
        "PANVER",
        "NETNAME",
    ]
    assert frame.info == "malformed: channel plan 7 is reserved"
    found = dict(fields(frame))
    assert found["wisun.panverie.version"] == 0x1234
    assert found["wisun.netnameie.name"] == "A"
    # What is cut ends the list; what stands before it stays.
    frame = decoded(with_payload_ies("02 06 34 12  05 05 41"))[0]
    assert frame.ies == ("UTT", "PANVER")
    assert frame.info.startswith("malformed: nested IE at octet 4")
