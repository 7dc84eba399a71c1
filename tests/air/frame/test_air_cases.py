"""Captures that were once read wrong, and their kin: what is there is shown, the same in row, tree, columns, filter and
measure; what is not there is no value."""

from __future__ import annotations

import io
import json
import random
import re
import struct
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.fcs import of_records
from bench.air.capture.link import NO_FCS, TAP, WITH_FCS, Record, Tlv, make_record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.eapol import MESSAGE_1, Eapol, EapolType, KeyFrame, encode_eapol
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac, fcs16, fcs32
from bench.air.mac.ies import HT1, Ie, write_payload_ies
from bench.air.mac.mpx import KMP, LOWPAN, Mpx, encode_mpx
from bench.air.sequence import Capture
from bench.air.show.command import decode_command
from bench.air.wisun import frames as wisun
from bench.cli.measure import measure_command
from bench.cli.write import write_command
from tests.air.fields.differences import write_capture
from tests.air.mac_captures import need
from tests.skips import ONCE

CASES = Path(__file__).parents[2] / "data" / "air_cases"
A, B = bytes.fromhex("0200000000000001"), bytes.fromhex("0200000000000002")
ROOT, FIVE = IPv6Address("fd00::1").packed, IPv6Address("fd00::5").packed


def decoded(path: Path, fmt: str = "jsonl", **options: object) -> tuple[list[dict[str, object]], str]:
    """The lines of `kenshin decode`, and what it says beside them."""
    out, err = io.StringIO(), io.StringIO()
    decode_command(str(path), None, fmt, options.pop("expr", None), out, err=err, **options)  # type: ignore[arg-type]
    return [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def tree(path: Path, number: int = 1) -> str:
    out = io.StringIO()
    decode_command(str(path), None, "table", None, out, number=number)
    return out.getvalue()


def columns(path: Path, *names: str) -> list[dict[str, object]]:
    return decoded(path, names=",".join(names))[0]


def measured(path: Path) -> tuple[dict[str, object], str]:
    out, err = io.StringIO(), io.StringIO()
    measure_command(str(path), None, "json", out, err=err)
    return json.loads(out.getvalue()), err.getvalue()


def frame_of(octets: bytes, **record: object) -> Frame:
    return Decoder().decode(Record(1, 0, NO_FCS, octets, original_length=len(octets), **record))  # type: ignore[arg-type]


def data(payload: bytes, **fields: object) -> bytes:
    known = {"version": 1, "sequence": 1, "dst_pan": 0xABCD, "dst": B, "src": A, "pan_id_compression": True}
    return encode_mac(MacFrame(**known | {"payload": payload} | fields))  # type: ignore[arg-type]


def iphc(protocol: int, payload: bytes) -> bytes:
    """From fd00::1 to fd00::5, addresses in full."""
    return bytes((0x7A, 0x00, protocol)) + ROOT + FIVE + payload


def rpl_dao(options: bytes) -> bytes:
    return data(iphc(58, bytes((155, 2, 0, 0, 30, 0x80, 0, 9)) + options))


TARGET = b"\x05\x12\x00\x80" + IPv6Address("fd00::2").packed


# ---- an FCS that is not there ---------------------------------------------------------------------------------------


def test_level_and_crc_bit_in_place_of_the_fcs() -> None:
    path = CASES / "A1_lt195_ti_metadata.pcap"
    rows, said = decoded(path)
    assert [(row["src"], row["dst"], row["seq"]) for row in rows] == [
        ("02:00:00:00:00:00:00:01", "02:00:00:00:00:00:00:02", number) for number in range(8)
    ]
    assert all(str(row["info"]).startswith("Echo request") for row in rows)
    assert all("FCS wrong" in str(row["info"]) for row in rows)
    assert said.count("\n") == 1
    assert "the FCS of all 8 frames is wrong" in said
    assert "TI CC24xx" in said
    found, told = measured(path)
    assert told == said
    assert found["wrong_fcs"] == {
        str(path): {"frames": 8, "right_by_chance": 0, "probably": said.strip().partition(" is wrong: ")[2]},
    }


def test_the_table_says_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    decode_command(
        str(CASES / "A1_lt195_ti_metadata.pcap"), None, "table", None, out := io.StringIO(), err=io.StringIO()
    )
    assert out.getvalue().count("[FCS wrong]") == 8


def test_an_fcs_that_was_not_captured() -> None:
    path = CASES / "A2_lt195_fcs_not_captured.pcap"
    rows, said = decoded(path)
    assert [row["length_octets"] for row in rows] == [34] * 4
    assert all(str(row["info"]).startswith("Echo request") for row in rows)
    assert {row["ipv6_src"] for row in rows} == {"fe80::1"}
    assert columns(path, "wpan.fcs_ok", "wpan.fcs") == [{"wpan.fcs_ok": None, "wpan.fcs": None}] * 4
    assert said == ""


PSDU = data(b"\x00opaque")
WISUN = encode_mac(wisun.pas(A, "kenshin"))


@pytest.mark.parametrize(
    ("psdu", "fcs", "captured", "whole"),
    [
        (PSDU, fcs16, 0, True),
        (PSDU, fcs16, 1, True),
        (PSDU, fcs16, -1, False),
        (WISUN, fcs32, 0, True),
        (WISUN, fcs32, 1, True),
        (WISUN, fcs32, 2, True),
        (WISUN, fcs32, 3, True),
        (WISUN, fcs32, -1, False),
    ],
)
def test_what_is_left_of_an_fcs_is_no_part_of_the_frame(
    psdu: bytes, fcs: Callable[[bytes], bytes], captured: int, whole: bool
) -> None:
    sent = psdu + fcs(psdu)
    kept = sent[: len(psdu) + captured]
    record = make_record(1, 0, WITH_FCS, kept, len(sent))
    assert record.cut is not whole
    assert record.data == (psdu if whole else kept)
    assert record.fcs_ok is None
    assert Decoder().decode(record).length_octets == len(sent)


@pytest.mark.parametrize("octets", [2, 4])
@pytest.mark.parametrize("missing", [1, 2])
def test_tap_says_how_long_the_fcs_is(octets: int, missing: int) -> None:
    header = struct.pack("<BBHHHI", 0, 0, 12, Tlv.FCS_TYPE, 1, octets // 2)
    sent = header + PSDU + (fcs16(PSDU) if octets == 2 else fcs32(PSDU))
    record = make_record(1, 0, TAP, sent[:-missing], len(sent))
    assert (record.data, record.cut, record.original_length) == (PSDU, False, len(PSDU) + octets)


@pytest.mark.parametrize(
    ("tails", "probably"),
    [
        ((b"\xd0\xe0", b"\xd1\xff", b"\xc0\x80"), "TI CC24xx"),
        ((b"\xd0\x60", b"\xd1\x7f"), "without one"),
        ((b"\0\0", b"\0\0"), "zeros"),
    ],
)
def test_what_stands_in_place_of_every_fcs(tails: Sequence[bytes], probably: str) -> None:
    records = [make_record(1, 0, WITH_FCS, PSDU + tail, len(PSDU) + 2) for tail in tails]
    told = of_records(records)
    assert told is not None
    assert probably in str(told)
    right = make_record(1, 0, WITH_FCS, PSDU + fcs16(PSDU), len(PSDU) + 2)
    assert of_records([*records, right]) is None


def with_fcs(psdu: bytes, tail: bytes) -> Record:
    return make_record(1, 0, WITH_FCS, psdu + tail, len(psdu) + len(tail))


def right() -> Record:
    return with_fcs(PSDU, fcs16(PSDU))


def of_ti(count: int) -> list[Record]:
    """Two octets of a CC24xx radio; each frame of another length of data."""
    return [with_fcs(PSDU, bytes((0xD0 | n % 16, 0x80 | n % 128))) for n in range(count)]


def damaged(count: int) -> list[Record]:
    """What a bad radio hears: one octet is another one, so the last two are those of another frame."""
    return [with_fcs(bytes((*PSDU[:-2], n % 256, n // 256)), fcs16(PSDU)) for n in range(count) if n != 0x100]


@pytest.mark.parametrize(
    ("records", "by_chance"),
    [
        (lambda: [*of_ti(25), right(), *of_ti(25)], 1),
        (lambda: [*of_ti(6), right(), *of_ti(50)], 1),
        (lambda: [right(), *of_ti(50)], None),
        (lambda: [*of_ti(50), right(), right()], None),
        (lambda: [*of_ti(2000), right(), right()], 2),
        (lambda: [*of_ti(2), right()], None),
        (lambda: [*of_ti(15), right()], None),
        (lambda: [right(), right(), *of_ti(50)], None),
        (lambda: [right()], None),
        (lambda: [*damaged(50), right()], None),
        (lambda: [*damaged(500), right()], None),
        (lambda: [*damaged(3000), right()], 1),
        (lambda: [*damaged(3000), *([right()] * 4)], None),
    ],
    ids=[
        "one of 51 by chance",
        "the seventh by chance",
        "the first one",
        "two of 52",
        "two of 2,002",
        "too few of a form",
        "one of 16",
        "the first two",
        "nothing but a right one",
        "a bad radio",
        "a worse radio",
        "a radio that hears nothing",
        "four of 3,000",
    ],
)
def test_an_fcs_that_chance_made_right(records: Callable[[], list[Record]], by_chance: int | None) -> None:
    told = of_records(records())
    assert (None if told is None else told.by_chance) == by_chance
    if told is not None:
        assert f"of {told.frames - told.by_chance} of {told.frames} frames is wrong" in str(told)


@ONCE
def test_in_a_long_capture_chance_makes_some_right() -> None:
    """196,608 frames, each right by chance once in 65,536."""
    drawn = random.Random(1)
    wrong = (Record(n, n, WITH_FCS, PSDU, not drawn.randrange(1 << 16), 2, fcs=b"\xd0\xe0") for n in range(3 << 16))
    told = of_records(wrong)
    assert told is not None
    assert 0 < told.by_chance < 12
    numbers = (n.to_bytes(2, "little") for n in range(20_000))
    bad = (Record(1, 1, WITH_FCS, PSDU, not drawn.randrange(200), 2, fcs=fcs) for fcs in numbers)
    assert of_records(bad) is None


def test_of_a_wrong_fcs_nothing_is_learnt() -> None:
    """Half of a datagram with a wrong FCS: the other half does not complete it."""
    head = struct.pack(">HH", 0xC000 | 48, 7)
    first = data(head + b"\x41" + bytes((0x60, 0, 0, 0, 0, 8, 59, 64)) + ROOT + FIVE)
    last = data(struct.pack(">HHB", 0xE000 | 48, 7, 5) + bytes(8))
    decoder = Decoder()
    broken = decoder.decode(Record(1, 0, WITH_FCS, first, False, 2, original_length=len(first) + 2))
    assert broken.info.startswith("fragment 0-40 of 48")
    assert decoder.decode(Record(2, 1, WITH_FCS, last, True, 2, original_length=len(last) + 2)).packet is None
    assert decoder.decode(Record(3, 2, WITH_FCS, first, True, 2, original_length=len(first) + 2)).packet is not None


# ---- not measured ----------------------------------------------------------------------------------------------------


def test_a_level_that_was_not_measured() -> None:
    path = CASES / "A3_rsl_255.pcap"
    rows, _ = decoded(path)
    acks = [row for row in rows if row["kind"] == "ACK"]
    assert [row["info"] for row in acks] == ["level not measured"] * 20
    assert {row["wisun.rslie.rsl"] for row in columns(path, "wisun.rslie.rsl")} == {None}
    assert decoded(path, expr="wisun.rslie.rsl")[0] == []
    assert len(decoded(path, expr="wisun.rslie")[0]) == 20
    assert "not measured" in tree(path, 2)
    mesh = measured(path)[0]["mesh"]
    assert [link["rsl_dbm"] for link in mesh["links"]] == [None]  # type: ignore[index]


def ies(*elements: wisun.Element) -> bytes:
    return encode_mac(
        MacFrame(
            sequence=1,
            src=A,
            pan_id_compression=True,
            header_ies=(wisun.header_ie(wisun.Utt(0)), Ie(HT1)),
            payload_ies=(wisun.payload_ie(*elements),),
        )
    )


@pytest.mark.parametrize(
    ("element", "field", "known", "info"),
    [
        (wisun.Pan(0xFFFF, 0xFFFF), "wisun.panie.size", wisun.Pan(7, 0xFFFF), "size 7"),
        (wisun.Pan(0xFFFF, 0xFFFF), "wisun.panie.cost", wisun.Pan(0xFFFF, 9), "cost 9"),
        (wisun.Jm(1, ((1, b"\xff"),)), "wisun.jmie.plf", wisun.Jm(1, ((1, b"\x64"),)), "load 100 %"),
        (wisun.Us(drift_ppm=255), "wisun.usie.drift", wisun.Us(drift_ppm=20), ""),
    ],
)
def test_elements_without_a_value(
    tmp_path: Path, element: wisun.Element, field: str, known: wisun.Element, info: str
) -> None:
    path = write_capture(tmp_path / "two.pcapng", [(0, ies(element)), (1, ies(known))])
    none, some = columns(path, field)
    assert none[field] is None
    assert some[field] is not None
    assert [row["number"] for row in decoded(path, expr=field)[0]] == [2]
    assert [row["info"] for row in decoded(path)[0]] == ["", info]


def test_a_sniffer_without_a_level() -> None:
    header = struct.pack("<BBHHHf", 0, 0, 12, Tlv.RSS, 4, float("nan"))
    record = make_record(1, 0, TAP, header + PSDU, len(header + PSDU))
    assert record.rssi_dbm is None
    assert record.data == PSDU


# ---- damage hides nothing before it ----------------------------------------------------------------------------------


def test_a_snap_length_inside_udp() -> None:
    path = CASES / "A4_snaplen_70_of_122.pcap"
    (row,), _ = decoded(path)
    assert (row["ipv6_src"], row["ipv6_dst"]) == ("fd00::1", "fd00::5")
    assert row["info"] == "UDP 1000 > 2000 [cut by the capture to 70 octets]"
    assert columns(path, "udp.srcport", "udp.dstport", "udp.length") == [
        {"udp.srcport": 1000, "udp.dstport": 2000, "udp.length": 68}
    ]
    assert [row["number"] for row in decoded(path, expr="udp.port == 2000 and ipv6.dst == fd00::5")[0]] == [1]
    assert "UDP 1000 > 2000" in tree(path)


def test_the_header_chain_is_read_behind_a_broken_source_route() -> None:
    path = CASES / "A8_srh_pad_over_length.pcap"
    (row,), _ = decoded(path)
    assert (row["ipv6_src"], row["ipv6_dst"]) == ("fd00::1", "fd00::5")
    assert str(row["info"]).startswith("Echo request")
    assert "7 octets of padding in 0 octets" in str(row["info"])
    assert "-7" not in tree(path)


@pytest.mark.parametrize(
    ("options", "info"),
    [
        (TARGET + b"\x06\x14\x00", "RPL option 6: 20 octets wanted, 1 left"),
        (TARGET + b"\x06", "RPL option 6: no length, 0 left"),
        (TARGET + b"\x04\x02\x00\x00", "icmpv6.rpl.opt.config: 14 octets wanted, 2 there"),
    ],
)
def test_a_broken_option_of_a_dao_costs_itself(tmp_path: Path, options: bytes, info: str) -> None:
    path = write_capture(tmp_path / "dao.pcapng", [(0, rpl_dao(options))])
    (row,), _ = decoded(path)
    assert row["info"] == f"RPL DAO seq=9 target=fd00::2/128 [checksum wrong] [malformed: {info}]"
    assert columns(path, "icmpv6.rpl.opt.target.prefix")[0] == {"icmpv6.rpl.opt.target.prefix": "fd00::2"}
    assert [row["number"] for row in decoded(path, expr="icmpv6.rpl.dao.sequence == 9")[0]] == [1]
    assert f"[malformed: {info}]" in tree(path)


def test_an_unknown_context_costs_one_address(tmp_path: Path) -> None:
    """Source by context 3, destination in full."""
    octets = bytes((0x7A, 0xD0, 0x30, 17)) + bytes(7) + b"\x09" + FIVE
    path = write_capture(tmp_path / "context.pcapng", [(0, data(octets + struct.pack(">HHHH", 1, 2, 8, 0)))])
    (row,), _ = decoded(path)
    assert (row["ipv6_src"], row["ipv6_dst"]) == (None, "fd00::5")
    assert row["info"] == "UDP 1 > 2 len=0 [malformed: IPHC: context 3 is not known: --context 3=PREFIX]"
    assert columns(path, "ipv6.src", "ipv6.dst", "udp.dstport") == [
        {"ipv6.src": None, "ipv6.dst": "fd00::5", "udp.dstport": 2}
    ]


@pytest.mark.parametrize("kept", range(2, 31))
def test_a_header_is_shown_as_far_as_it_goes(kept: int) -> None:
    whole = data(b"\x00")
    frame = (
        frame_of(whole[:kept], cut=True)
        if kept >= 21
        else Decoder().decode(Record(1, 0, NO_FCS, whole[:kept], original_length=len(whole), cut=True))
    )
    assert (frame.seq, frame.pan, frame.dst, frame.src) == (
        1 if kept >= 3 else None,
        0xABCD if kept >= 5 else None,
        B if kept >= 13 else None,
        A if kept >= 21 else None,
    )
    assert frame.bug == ""


def test_octets_behind_a_length() -> None:
    packet = bytes((0x60, 0, 0, 0, 0, 8, 17, 64)) + ROOT + FIVE + struct.pack(">HHHH", 1, 2, 8, 0)
    frame = frame_of(data(b"\x41" + packet + b"tail"))
    assert (frame.ipv6_src, frame.ipv6_dst) == (ROOT, FIVE)
    assert frame.info.startswith("UDP 1 > 2")
    assert "payload length 8, 12 octets there" in frame.info


def test_a_cut_element_shows_what_is_in_it() -> None:
    mpx = encode_mpx(Mpx(LOWPAN, iphc(17, struct.pack(">HHHH", 1, 2, 40, 0) + bytes(32))))
    whole = encode_mac(
        MacFrame(
            sequence=1,
            src=A,
            dst=B,
            pan_id_compression=True,
            header_ies=(wisun.header_ie(wisun.Utt(4)), Ie(HT1)),
            payload_ies=(mpx,),
        )
    )
    kept = len(whole) - len(write_payload_ies((mpx,))) + 2 + 3 + 35 + 8
    frame = Decoder().decode(Record(1, 0, NO_FCS, whole[:kept], original_length=len(whole), cut=True))
    assert (frame.kind, frame.ipv6_src, frame.ipv6_dst) == ("DATA", ROOT, FIVE)
    assert frame.info == f"UDP 1 > 2 [cut by the capture to {kept} octets]"


@pytest.mark.parametrize(("octets", "info"), [(8, "Key 1/4"), (30, "Key 1/4"), (5, "EAPOL type 3")])
def test_a_cut_key_message_keeps_its_name(octets: int, info: str) -> None:
    pdu = encode_eapol(Eapol(3, EapolType.KEY, key=KeyFrame(MESSAGE_1)))
    mpx = encode_mpx(Mpx(KMP, b"\x06" + pdu))
    whole = encode_mac(
        MacFrame(
            sequence=1,
            src=A,
            dst=B,
            pan_id_compression=True,
            header_ies=(wisun.header_ie(wisun.Utt(wisun.WisunFrameType.EAPOL)), Ie(HT1)),
            payload_ies=(mpx,),
        )
    )
    kept = len(whole) - len(pdu) + octets
    frame = Decoder().decode(Record(1, 0, NO_FCS, whole[:kept], original_length=len(whole), cut=True))
    assert frame.info == f"{info} [cut by the capture to {kept} octets]"
    assert frame.eapol is not None
    assert frame.eapol.length == len(pdu) - 4


# ---- newer and rarer fields ------------------------------------------------------------------------------------------


def test_a_target_with_its_owner() -> None:
    path = CASES / "A5_rfc9010_target_rovr.pcap"
    (row,), _ = decoded(path)
    assert row["info"] == "RPL DAO seq=9 target=fd00::2/128 parent=fd00::1"
    assert columns(path, "icmpv6.rpl.opt.target.rovr", "icmpv6.rpl.opt.transit.parent") == [
        {"icmpv6.rpl.opt.target.rovr": "01:02:03:04:05:06:07:08", "icmpv6.rpl.opt.transit.parent": "fd00::1"}
    ]


def test_a_realignment_names_two_addresses() -> None:
    path = CASES / "A6_realignment_short_address.pcap"
    assert columns(path, "wpan.realign.addr") == [{"wpan.realign.addr": [0x0001, 0x1234]}]
    assert "0x1234" in tree(path).partition("\n")[2]


def test_a_multipurpose_frame() -> None:
    (row,), _ = decoded(CASES / "A7_multipurpose.pcap")
    assert (row["kind"], row["src"], row["dst"], row["seq"]) == ("multipurpose", "0x5678", "0x1234", 9)
    assert row["info"] == "multipurpose, 3 octets"


# ---- a key that comes later ------------------------------------------------------------------------------------------


def _handed_out(tmp_path: Path) -> tuple[Path, Path]:
    """line2 with frames of its key before the handshake that hands it out, and a key file with the PMKs, and another
    key of the same index."""
    records = list(read_capture(need("line2.pcapng")))
    secured = [record for record in records if decode_mac(record.data).security][-20:]
    packets = [(records[0].time_ns - 10**9 + place, record.data) for place, record in enumerate(secured)]
    path = write_capture(tmp_path / "later.pcapng", [*packets, *((record.time_ns, record.data) for record in records)])
    pmks = dict.fromkeys(re.findall(r"install pmk=([0-9a-f:]+)", need("line2.keys.txt").read_text("utf-8")))
    keys = tmp_path / "keys.txt"
    other = "".join(f'"{"00" * 16}","{index}","No hash"\n' for index in range(1, 8))
    keys.write_text(other + "".join(f"# kenshin pmk {pmk}\n" for pmk in pmks), "utf-8")
    return path, keys


def test_frames_before_their_key_are_not_bad(tmp_path: Path) -> None:
    path, keys = _handed_out(tmp_path)
    out = io.StringIO()
    decode_command(str(path), str(keys), "jsonl", None, out, err=io.StringIO())
    mics = [json.loads(line)["mic"] for line in out.getvalue().splitlines()]
    assert "bad" not in mics
    assert mics[:20] == ["ok"] * 20
    assert [frame.mic for frame in Capture(path, keys)] == mics
    table = io.StringIO()
    decode_command(str(path), str(keys), "table", None, table, err=io.StringIO())
    assert " bad " not in table.getvalue()
    found = io.StringIO()
    measure_command(str(path), str(keys), "json", found, err=io.StringIO())
    assert json.loads(found.getvalue())["mic"].get("bad", 0) == 0
    again = tmp_path / "again.pcapng"
    again.write_bytes(path.read_bytes())
    for captures in ([path], [path, again]):
        written = tmp_path / f"written{len(captures)}.pcapng"
        write_command([*map(str, captures)], str(written), str(keys), "mic == ok", say=lambda line: None)
        assert len(list(read_capture(written))) == mics.count("ok")
    # In a stream nobody can look ahead: what is not opened yet is not forged.
    live = [Decoder(KeyTable.read(keys)).decode(record).mic for record in list(read_capture(path))[:20]]
    assert live == ["no key"] * 20


# ---- a bug is no damage ----------------------------------------------------------------------------------------------


def test_a_bug_of_ours_is_told_as_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What was read before it stands, all frames are shown, and the bench says that it failed."""
    from bench.air.frame import decoder
    from bench.errors import BenchError

    def broken(packet: object) -> str:
        raise KeyError("injected")

    monkeypatch.setattr(decoder, "describe", broken)
    path = write_capture(tmp_path / "dao.pcapng", [(0, rpl_dao(TARGET)), (1, PSDU)])
    out = io.StringIO()
    with pytest.raises(BenchError, match=r"a bug in the decoder, in 1 frame \(first frame 1: KeyError: 'injected'"):
        decode_command(str(path), None, "jsonl", None, out, err=io.StringIO())
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [row["number"] for row in rows] == [1, 2]
    assert (rows[0]["src"], rows[0]["ipv6_src"]) == ("02:00:00:00:00:00:00:01", "fd00::1")
    assert "malformed" not in rows[0]["info"]
    with pytest.raises(BenchError, match="bug in the decoder"):
        measure_command(str(path), None, "json", io.StringIO(), err=io.StringIO())
    with pytest.raises(BenchError, match="bug in the decoder"):
        Capture(path).walk().must_next("icmpv6")
