"""Sightings of a merged air by the bulk decoder against those of the full decoder: every value, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from bench.air.bulk.decoder import BulkDecoder
from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import Decoder, Frame, decode_frames
from bench.air.ip import dhcpv6, icmpv6
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.table import KeyTable
from bench.air.lowpan.datagram import compress
from bench.air.mac.frame import FrameType, decode_mac, encode_mac
from bench.air.mac.ies import Ie
from bench.air.mac.mpx import Transfer
from bench.air.wisun import frames as wisun
from bench.air.wisun.schedule import Schedule
from bench.measurands.air.sightings import heard
from bench.measurands.air.sightings.heard import OURS, AskedInOrderError, Shut, bulk_rows, decoded_rows
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.spool import Row, Spool, pack, place_of, unpack
from bench.measurands.air.sightings.stamps import start_ns
from bench.measurands.air.sniffers.merge import merge
from tests.air.mac_captures import WISUN, keys_of, need
from tests.measurands.air.radio import SECOND, T0, Radio, address, eui, ping_data

SHARED = [(name, form) for name in WISUN for form in ("", "-tap-fcs32", "-clear") if name != "mbed-line2"]


def merged(name: str, form: str = "") -> list[Record]:
    """What two sniffers heard, one of them every third frame damaged and every second not at all."""
    records = list(read_capture(need(f"{name}{form}.pcapng")))
    poor = [
        attrs.evolve(record, fcs_ok=False, data=record.data[:-1] + b"\x00") if index % 3 == 0 else record
        for index, record in enumerate(records)
        if index % 2
    ]
    return [sent.record for sent in merge({"poor": poor, "good": records})]


@pytest.mark.parametrize(("name", "form"), SHARED)
def test_every_row_is_that_of_the_decoded_frame(name: str, form: str) -> None:
    records = merged(name, form)
    for keys in (keys_of(name), None):
        assert list(bulk_rows(records, keys)) == list(decoded_rows(records, keys))


def test_decoded_rows_are_the_sightings_of_frames_that_the_keys_open() -> None:
    records, keys = merged("fixedch"), keys_of("fixedch")
    ours = [sighting for sighting in sightings(decode_frames(records, keys)) if sighting.mic in OURS]
    rows = list(decoded_rows(records, keys))
    assert rows == [pack(sighting) for sighting in ours]
    assert len(rows) > 100


def test_what_no_key_opens_is_left_out_both_ways() -> None:
    records, wrong = merged("fixedch"), KeyTable([(index, bytes(16)) for index in range(1, 5)])
    found = list(bulk_rows(records, wrong))
    assert found == list(decoded_rows(records, wrong))
    assert 0 < len(found) < len(records)
    assert {unpack(row, 0).mic for row in found} == {"none"}


@pytest.mark.parametrize("rows", [bulk_rows, decoded_rows])
@pytest.mark.parametrize(
    ("spoilt", "told"),
    [
        ({}, True),
        ({"fcs_ok": False}, False),  # damaged
        ({"fcs_ok": None, "fcs_octets": 0}, False),  # nobody can say
        ({"fcs_octets": 2}, False),  # one damaged frame of 65,536 has a right one
    ],
)
def test_a_frame_of_a_node_that_no_key_opens_is_told_apart(
    rows: Callable[[list[Record], KeyTable, Shut], Iterator[Row]], spoilt: dict[str, Any], told: bool
) -> None:
    keys = keys_of("fixedch")
    records = sure("fixedch")
    sent = [frame for frame in decode_frames(records, keys) if frame.mic == "ok" and len(frame.src or b"") == 8]
    frame = sent[len(sent) // 2]
    right = next(one for one in records if one.time_ns == frame.time_ns)
    wrong = attrs.evolve(right, data=right.data[:-1] + bytes((right.data[-1] ^ 1,)), **spoilt)
    records.insert(records.index(right) + 1, wrong)
    shut = Shut(keys)
    found = list(rows(records, keys, shut))
    assert [(one.src, one.counter, one.mic) for one in shut.sightings] == (
        [(frame.src, frame.frame_counter, "bad")] if told else []
    )
    without = list(rows([one for one in records if one is not wrong], keys, Shut(keys)))
    assert _opened(found) == _opened(without), "and tells nothing else"


def _opened(rows: list[Row]) -> list[Row]:
    return [row for row in rows if unpack(row, 0).mic == "ok"]


FCS: dict[str, Any] = {"fcs_ok": True, "fcs_octets": 4, "fcs_counted": 4}


def sure(name: str) -> list[Record]:
    """A capture as a sniffer has it that hands on an FCS of four octets."""
    return [
        attrs.evolve(one, time_ns=start_ns(one), original_length=len(one.data) + 4, **FCS)
        for one in read_capture(need(f"{name}.pcapng"))
    ]


WRONG = KeyTable([(index, bytes(16)) for index in range(1, 5)])


@pytest.mark.parametrize("rows", [bulk_rows, decoded_rows])
def test_a_neighbours_frames_are_not_kept(rows: Callable[[list[Record], KeyTable, Shut], Iterator[Row]]) -> None:
    """None of its frames is opened, though some are sent in clear."""
    shut = Shut(WRONG)
    assert list(rows(sure("fixedch"), WRONG, shut))
    assert not shut.sightings


@pytest.mark.parametrize("to_us", [False, True])
def test_what_a_neighbour_sends_is_not_told_apart_whomever_it_is_for(to_us: bool) -> None:
    """Only who sent a frame had its key."""
    keys, records = keys_of("fixedch"), sure("fixedch")
    frames = list(decode_frames(records, keys))
    at, ours = next((at, one) for at, one in enumerate(frames) if one.mic == "ok" and one.dst and len(one.dst) == 8)
    shut = Shut(keys)
    shut.opened(pack(next(sightings([ours]))))
    data = records[at].data
    theirs = data.replace(ours.src[::-1], eui(9)[::-1]) if ours.src else b""
    if to_us and ours.src and ours.dst:
        theirs = theirs.replace(ours.dst[::-1], ours.src[::-1])
    shut.take(attrs.evolve(records[at], data=theirs))
    assert not shut.sightings
    shut.take(attrs.evolve(records[at], data=data[:-1] + bytes((data[-1] ^ 1,))))
    assert [one.src for one in shut.sightings] == [ours.src]


@pytest.mark.parametrize("rows", [bulk_rows, decoded_rows])
def test_a_frame_in_clear_that_no_key_verifies_is_told_apart_as_well(
    rows: Callable[[list[Record], KeyTable, Shut], Iterator[Row]],
) -> None:
    """It is not encrypted: the bulk decoder leaves such security levels to the full one."""
    keys, records = keys_of("fixedch"), sure("fixedch")
    sent = [place for place, one in enumerate(decode_frames(records, keys)) if one.mic == "ok" and one.kind == "ACK"]
    one = records[sent[-1]]
    mac = decode_mac(one.data)
    assert mac.security is not None
    clear = attrs.evolve(mac, security=attrs.evolve(mac.security, level=mac.security.level & 3))
    wrong = attrs.evolve(one, data=encode_mac(clear))
    shut = Shut(keys)
    found = list(rows([*records, wrong], keys, shut))
    assert [(seen.src, seen.mic) for seen in shut.sightings] == [(mac.src, "bad")]
    assert found == list(rows(records, keys, Shut(keys)))


@pytest.mark.parametrize("captured", [2, 0])
def test_an_fcs_of_two_octets_counts_as_two(captured: int) -> None:
    """Where the frame's own version would have four; also one that the capture cut off, which cuts nothing of it."""
    keys = keys_of("fixedch")
    records = [
        attrs.evolve(one, fcs_octets=captured, fcs_counted=2, original_length=len(one.data) + 2)
        for one in sure("fixedch")
    ]
    found = list(bulk_rows(records, keys))
    assert found == list(decoded_rows(records, keys))
    assert [unpack(row, 0).octets for row in found] == [len(one.data) + 2 for one in records]


@pytest.mark.parametrize("src", [None, bytes(2)])
def test_who_sent_a_secured_frame_is_asked_of_those_before_whatever_became_of_its_link_header(
    src: bytes | None,
) -> None:
    keys, records = keys_of("fixedch"), sure("fixedch")
    at = next(at for at, one in enumerate(decode_frames(records, keys)) if one.mic == "ok" and one.kind == "DATA")
    mac = decode_mac(records[at].data)
    mac = attrs.evolve(mac, src=src, src_pan=mac.src_pan if src else None)
    records[at] = attrs.evolve(records[at], data=encode_mac(mac), damage="a TLV goes beyond the header")
    with pytest.raises(AskedInOrderError):
        list(bulk_rows(records, keys))
    assert list(decoded_rows(records, keys))


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("fcs", [True, False])
def test_the_full_decoder_is_asked_of_few_frames(opened: bool, fcs: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy air there are millions: of ours, and of a neighbour's that no key opens."""
    asked: list[int] = []
    decode = Decoder.decode

    def counted(self: Decoder, record: Record) -> Frame:
        asked.append(record.number)
        return decode(self, record)

    records = sure("line2") if fcs else list(read_capture(need("line2.pcapng")))
    monkeypatch.setattr(Decoder, "decode", counted)
    assert list(bulk_rows(records, keys_of("line2") if opened else WRONG))
    assert len(asked) < len(records) / 2


def test_what_is_remembered_is_looked_at_each_so_many_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first on, so that an air of a year takes no more memory than one of a day; and no oftener, for what is
    forgotten is to be learnt anew."""
    begun: list[int] = []
    taken = 0

    class Watched(BulkDecoder[Any]):
        def begin(self, *known: Any) -> None:
            begun.append(taken)
            super().begin(*known)

    def counted() -> Iterator[Record]:
        nonlocal taken
        for record in records:
            yield record
            taken += 1

    keys, records = keys_of("fixedch"), sure("fixedch")
    monkeypatch.setattr(heard, "BulkDecoder", Watched)
    monkeypatch.setattr(heard, "ROWS", 50)
    assert list(bulk_rows(counted(), keys)) == list(decoded_rows(records, keys))
    assert begun == [0, 50, 100, 150, 200]


def test_each_value_of_a_row_stands_at_its_place() -> None:
    sighting = next(sightings(decode_frames(sure("fixedch"), keys_of("fixedch"))))
    row = pack(sighting)
    for field in ("number", "start_ns", "src", "octets", "mic"):
        assert row[place_of(field)] == getattr(sighting, field)


def test_rows_of_an_interval_are_those_that_began_in_it() -> None:
    spool = Spool()
    rows = list(decoded_rows(merged("fixedch"), keys_of("fixedch")))
    many = [(row[0], row[1] + lap * 3_600_000_000_000, *row[2:]) for lap in range(30) for row in rows]
    for row in many:
        spool.add(row)
    assert list(spool.rows()) == many
    for first, last in (
        (0, len(many) - 1),
        (10, 20),
        (len(many) // 2, len(many) // 2 + 3000),
        (len(many) - 9, len(many) - 2),
    ):
        since_ns, until_ns = many[first][1], many[last][1]
        assert list(spool.between(since_ns, until_ns)) == [row for row in many if since_ns <= row[1] <= until_ns]
    assert list(spool.between(0, many[0][1] - 1)) == []


def test_rows_of_a_network_on_paper_are_those_of_its_frames() -> None:
    """In clear: joins, fragments, echoes; leases to and from ports of which one is DHCPv6's; elements after the payload
    and in place of it; no elements; a command that might be a datagram."""
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    radio.join(10, (1, 0))
    ping = icmpv6.EchoRequest(7, 1, ping_data(T0 + 20 * SECOND, 300))
    radio.fragments(20, ipv6.Packet(address(0), address(1), ping), 0, 1, tag=5)
    radio.echo(21, (1, 0), icmpv6.EchoReply(7, 1, ping_data(T0 + 20 * SECOND)))
    client = dhcpv6.ClientId(dhcpv6.duid_of(eui(1)))
    given = dhcpv6.IaNa(1, options=(dhcpv6.IaAddress(address(1)),))
    lease = dhcpv6.build(dhcpv6.Message(dhcpv6.MessageType.REPLY, 1, (client, given)))
    for at, ports in enumerate(((547, 9000), (9000, 546), (9000, 9001), (546, 547))):
        for times in range(2):
            radio.packet(30 + at + times / 2, ipv6.Packet(address(0), address(1), Udp(*ports, lease)), 0, 1)
    lowpan = compress(ipv6.build(ipv6.Packet(address(0), address(1), Udp(9000, 9001, b"reading"))), eui(0), eui(1))
    plain = wisun.data(eui(0), eui(1), lowpan, 9)
    *_, mpx = plain.payload_ies
    schedule, version = wisun.payload_ie(wisun.Us()), wisun.payload_ie(wisun.PanVersion(1))
    unplanned = wisun.payload_ie(wisun.Us(schedule=Schedule(plan=1, channels=10)))
    for at, elements in enumerate(
        (
            (mpx, mpx),
            (mpx, schedule),
            (schedule, mpx),
            (schedule, schedule, mpx),
            (unplanned, schedule, mpx),
            (schedule, unplanned, mpx),
            (unplanned, mpx),
            (version, schedule, mpx),
            (schedule, Ie(9, b"vendor"), mpx),
            (Ie(mpx.id, bytes((Transfer.FULL_COMPRESSED,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((Transfer.ABORT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((Transfer.FRAGMENT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((Transfer.LAST_FRAGMENT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((mpx.content[0] | 0x38,)) + mpx.content[1:]),),
            (Ie(mpx.id, mpx.content[:1] + b"\x01\x02" + mpx.content[3:]),),
            (schedule,),
        )
    ):
        radio.put(40 + at, attrs.evolve(plain, payload_ies=elements))
    for at, kind in enumerate((FrameType.DATA, FrameType.COMMAND)):
        bare = attrs.evolve(plain, frame_type=kind, header_ies=(), payload_ies=(), payload=lowpan)
        radio.put(70 + at, bare)
    records = radio.records()
    rows = list(bulk_rows(records, None))
    assert rows == list(decoded_rows(records, None))
    assert rows == [pack(sighting) for sighting in sightings(radio.frames())]
