"""The decoder against tshark and against the stacks' own logs, on every capture of a real stack."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from ipaddress import IPv6Address
from typing import TypeVar

import pytest

from bench.air.capture.capture import Record, read_capture
from bench.air.frame.decoder import Decoder, Frame, decode_frames
from bench.air.ip.extensions import SourceRoute
from bench.air.ip.packet import chain, innermost
from bench.air.ip.udp import Udp
from bench.air.keys import eapol
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import decode_mac, encode_mac, format_address
from bench.air.mac.ies import write_payload_ies
from bench.air.wisun import frames as wisun
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, UNOPENED, WISUN, keys_of, need, table
from tests.skips import ONCE

pytestmark = ONCE

T = TypeVar("T")

EVERY = (*WISUN, *CONTIKI)


@cache
def frames(capture: str) -> list[Frame]:
    contexts = CONTIKI_CONTEXTS if capture in CONTIKI else None
    return list(decode_frames(read_capture(need(f"{capture}.pcapng")), keys_of(capture), contexts))


def number(text: str) -> int | None:
    return int(text.split(";")[0], 0) if text else None


@pytest.mark.parametrize("capture", EVERY)
def test_headers_and_security_as_tshark_says(capture: str) -> None:
    rows = list(table(f"{capture}.tshark.tsv.gz"))
    assert len(rows) == len(frames(capture))
    for frame, row in zip(frames(capture), rows, strict=True):
        assert frame.mac is not None
        where = f"{capture} frame {frame.number}"
        assert frame.number == int(row["frame.number"]), where
        assert frame.mac.frame_type == number(row["wpan.frame_type"]), where
        assert frame.mac.version == number(row["wpan.version"]), where
        assert frame.seq == number(row["wpan.seq_no"]), where
        assert frame.mac.src_pan == number(row["wpan.src_pan"]), where
        assert frame.mac.dst_pan == number(row["wpan.dst_pan"]), where
        assert format_address(frame.src) == (row["wpan.src64"] or row["wpan.src16"] or None), where
        assert format_address(frame.dst) == (row["wpan.dst64"] or row["wpan.dst16"] or None), where
        assert frame.secured == (row["wpan.security"] == "1"), where
        assert frame.frame_counter == number(row["wpan.aux_sec.frame_counter"]), where
        assert frame.key_index == number(row["wpan.aux_sec.key_index"]), where
        assert frame.mic == ("ok" if frame.secured else "none"), where
        if frame.secured:
            assert frame.mac.mic.hex() == row["wpan.mic"].replace("0x", "").replace(":", "").rjust(16, "0"), where
        assert "malformed" not in frame.info, where


def of(kind: type[T], get: Callable[[T], int | None]) -> Callable[[Frame], int | None]:
    """Takes a number out of a frame's element of that kind; None where the frame has none."""

    def value(frame: Frame) -> int | None:
        element = frame.ie(kind)
        return None if element is None else get(element)

    return value


ELEMENT_NUMBERS: dict[str, Callable[[Frame], int | None]] = {
    "wisun.uttie.type": of(wisun.Utt, lambda utt: utt.frame_type),
    "wisun.uttie.ufsi": of(wisun.Utt, lambda utt: utt.ufsi),
    "wisun.btie.slot": of(wisun.Bt, lambda bt: bt.slot),
    "wisun.btie.bio": of(wisun.Bt, lambda bt: bt.offset_ms),
    "wisun.rslie.rsl": of(wisun.Rsl, lambda rsl: rsl.sent),
    "wisun.usie.dwell": of(wisun.Us, lambda us: us.dwell_ms),
    "wisun.usie.channel.plan": of(wisun.Us, lambda us: us.schedule.plan),
    "wisun.usie.channel.function": of(wisun.Us, lambda us: us.schedule.function),
    "wisun.usie.domain": of(wisun.Us, lambda us: us.schedule.domain),
    "wisun.usie.class": of(wisun.Us, lambda us: us.schedule.plan_id if us.schedule.plan == 0 else None),
    "wisun.usie.channel_plan_id": of(wisun.Us, lambda us: us.schedule.plan_id if us.schedule.plan == 2 else None),
    "wisun.usie.fixed_channel": of(wisun.Us, lambda us: us.schedule.fixed_channel),
    "wisun.bsie.interval": of(wisun.Bs, lambda bs: bs.interval_ms),
    "wisun.bsie.schedule": of(wisun.Bs, lambda bs: bs.bsi),
    "wisun.panie.size": of(wisun.Pan, lambda pan: pan.size),
    "wisun.panie.cost": of(wisun.Pan, lambda pan: pan.routing_cost),
    "wisun.panie.flags": of(wisun.Pan, lambda pan: pan.encode()[4]),
    "wisun.panverie.version": of(wisun.PanVersion, lambda panver: panver.version),
    "wisun.lfnverie.version": of(wisun.LfnVersion, lambda lfnver: lfnver.version),
    "wisun.pomie.phy_mode_id": of(wisun.Pom, lambda pom: pom.phy_modes[0]),
    "wisun.gtkhashie.gtk0": of(wisun.GtkHash, lambda found: int.from_bytes(found.hashes[0], "big")),
    "wisun.gtkhashie.gtk1": of(wisun.GtkHash, lambda found: int.from_bytes(found.hashes[1], "big")),
}


@pytest.mark.parametrize("capture", WISUN)
def test_wisun_elements_as_tshark_says(capture: str) -> None:
    for frame, row in zip(frames(capture), table(f"{capture}.tshark.tsv.gz"), strict=True):
        where = f"{capture} frame {frame.number}"
        for column, value in ELEMENT_NUMBERS.items():
            text = row[column]
            if column.startswith("wisun.gtkhashie") and text:
                text = "0x" + text.replace(":", "")
            assert value(frame) == number(text), f"{where} {column}"
        utt, ea, name = frame.ie(wisun.Utt), frame.ie(wisun.Ea), frame.ie(wisun.NetName)
        assert utt is not None, where
        assert frame.kind == wisun.WisunFrameType(utt.frame_type).name, where
        assert (format_address(ea.eui64) if ea else "") == row["wisun.eaie.eui"], where
        assert (name.name if name else "") == row["wisun.netnameie.name"], where


@pytest.mark.parametrize("capture", WISUN)
def test_eapol_as_tshark_says(capture: str) -> None:
    seen = 0
    for frame, row in zip(frames(capture), table(f"{capture}.tshark.tsv.gz"), strict=True):
        where = f"{capture} frame {frame.number}"
        pdu = frame.eapol
        if capture == "mbed-line2" and frame.kind == "DATA" and pdu is None and row["eapol.type"]:
            pytest.fail(f"{where}: tshark sees EAPOL in it")
        assert (pdu.type if pdu else None) == number(row["eapol.type"]), where
        if pdu is None:
            continue
        seen += 1
        if pdu.key:
            assert pdu.key.replay_counter == number(row["eapol.keydes.replay_counter"]), where
        if pdu.eap:
            assert pdu.eap.code == number(row["eap.code"]), where
            assert pdu.eap.identifier == number(row["eap.id"]), where
            assert pdu.eap.type == number(row["eap.type"]), where
            assert len(eapol.encode_eapol(pdu)) - 4 == number(row["eap.len"]), where
        if frame.relay:
            assert format_address(frame.relay.supplicant) == row["wisun.eapol_relay.sup"], where
            assert frame.relay.kmp_id == number(row["wisun.eapol_relay.kmp_id"]), where
    assert seen >= 28


@pytest.mark.parametrize("capture", EVERY)
def test_ipv6_as_tshark_says(capture: str) -> None:
    seen = 0
    for frame, row in zip(frames(capture), table(f"{capture}.tshark.tsv.gz"), strict=True):
        where = f"{capture} frame {frame.number}"
        sources = [IPv6Address(text) for text in row["ipv6.src"].split(";") if text]
        if frame.packet is None:
            assert not sources, where
            continue
        seen += 1
        # An ICMPv6 error quotes the packet it is about, which tshark lists too.
        packets = list(chain(frame.packet))
        assert [IPv6Address(packet.src) for packet in packets] == sources[: len(packets)], where
        inner = innermost(frame.packet)
        assert frame.ipv6_src == inner.src, where
        route = next((h for p in packets for h in p.headers if isinstance(h, SourceRoute)), None)
        if route is None:
            assert frame.ipv6_dst == inner.dst, where
        if isinstance(inner.upper, Udp):
            assert inner.upper.dst_port == number(row["udp.dstport"]), where
    assert seen > 10


@pytest.mark.parametrize("capture", WISUN)
def test_clear_text_is_the_senders_own_octet_for_octet(capture: str) -> None:
    checked = 0
    for frame, row in zip(frames(capture), table(f"{capture}.frames.tsv.gz"), strict=True):
        assert frame.mac is not None
        clear = write_payload_ies(frame.mac.payload_ies) + frame.mac.payload
        opened = frame.number not in UNOPENED.get(capture, ())
        assert (clear.hex() == (row["clear_body_hex"] or "")) is opened, f"{capture} frame {frame.number}"
        assert format_address(frame.src) == row["from"]
        assert frame.kind == row["ws_frame"]
        checked += bool(clear)
    assert checked > 50


@pytest.mark.parametrize("capture", EVERY)
def test_encoding_gives_the_captured_octets_again(capture: str) -> None:
    for record in read_capture(need(f"{capture}.pcapng")):
        assert encode_mac(decode_mac(record.data)) == record.data


@pytest.mark.parametrize("capture", WISUN)
def test_elements_are_written_as_they_were_read(capture: str) -> None:
    for frame in frames(capture):
        assert frame.mac is not None
        for ie in frame.mac.header_ies:
            if ie.id == 0x2A:
                assert wisun.header_ie(wisun.read_header_element(ie)) == ie
        for ie in frame.mac.payload_ies:
            if ie.id == 0x4:
                assert wisun.payload_ie(*wisun.read_payload_elements(ie.content)) == ie
        if frame.eapol is not None and frame.relay is None:
            (mpx,) = (ie.content for ie in frame.mac.payload_ies if ie.id == 0x3)
            assert eapol.encode_eapol(frame.eapol) == mpx[4:]


@pytest.mark.parametrize("capture", WISUN)
def test_tap_gives_the_same_frames_with_right_fcs(capture: str) -> None:
    plain = {record.number: record for record in read_capture(need(f"{capture}.pcapng"))}
    records = list(read_capture(need(f"{capture}-tap-fcs32.pcapng")))
    assert len(records) == len(plain)
    for record in records:
        assert record.data == plain[record.number].data
        assert (record.fcs_ok, record.fcs_octets) == (True, 4)
        assert record.rssi_dbm == -60.0
        assert record.original_length == len(record.data) + 4
        assert record.start_ns is not None
        assert record.end_ns is not None
        assert record.start_ns < record.end_ns


@pytest.mark.parametrize("capture", CONTIKI)
def test_sixteen_bit_fcs_of_classic_pcap(capture: str) -> None:
    records = list(read_capture(need(f"{capture}-fcs16.pcap")))
    assert [record.data for record in records] == [r.data for r in read_capture(need(f"{capture}.pcapng"))]
    assert {(record.fcs_ok, record.fcs_octets, record.link_type) for record in records} == {(True, 2, 195)}


def test_a_capture_that_two_daemons_wrote_into_gives_what_is_whole_and_then_says_where_it_broke() -> None:
    records: list[Record] = []
    with pytest.raises(InputError, match=r"twopan-br-own\.pcapng: block at octet 5080 says 0 octets: damaged"):
        records.extend(read_capture(need("twopan-br-own.pcapng")))
    assert len(records) == 39


def test_level_0_frames_are_clear_text() -> None:
    decoded = list(decode_frames(read_capture(need("line2-br-own.pcapng"))))
    assert {frame.mic for frame in decoded} == {"none"}
    assert any("rpl" in frame.layers for frame in decoded)


@pytest.mark.parametrize("keys", [KeyTable(), KeyTable([(1, bytes(16)), (2, bytes(16))])], ids=["none", "wrong"])
def test_nothing_encrypted_is_read_without_its_key(keys: KeyTable) -> None:
    decoder = Decoder(keys)
    mics = set()
    for record in read_capture(need("mbed-line2.pcapng")):
        frame = decoder.decode(record)
        if frame.secured:
            mics.add(frame.mic)
            assert frame.packet is None
            assert frame.eapol is None
            assert frame.ie(wisun.Us) is None
            assert frame.ie(wisun.Utt) is not None
    assert mics == {"bad" if keys else "no key"}
