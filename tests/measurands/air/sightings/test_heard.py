"""Sightings of a merged air by the bulk decoder against those of the full decoder: every value, in the same order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import Record
from bench.air.frame.decoder import decode_frames
from bench.air.ip import dhcpv6, icmpv6
from bench.air.ip import packet as ipv6
from bench.air.ip.udp import Udp
from bench.air.keys.table import KeyTable
from bench.air.lowpan.datagram import compress
from bench.air.mac.ies import Ie
from bench.air.mac.mpx import Transfer
from bench.air.wisun import frames as wisun
from bench.measurands.air.sightings.heard import OURS, Shut, bulk_rows, decoded_rows
from bench.measurands.air.sightings.reading import sightings
from bench.measurands.air.sightings.spool import Row, Spool, pack, unpack
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
    records = [
        attrs.evolve(one, time_ns=start_ns(one), fcs_ok=True, fcs_octets=4)
        for one in read_capture(need("fixedch.pcapng"))
    ]
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


def test_a_neighbours_frames_are_not_kept() -> None:
    """None of its frames is opened."""
    records, wrong = merged("fixedch"), KeyTable([(index, bytes(16)) for index in range(1, 5)])
    shut = Shut(wrong)
    assert list(bulk_rows(records, wrong, shut))
    assert not shut.sightings


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
    and in place of it."""
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
    for at, elements in enumerate(
        (
            (mpx, mpx),
            (mpx, schedule),
            (schedule, mpx),
            (schedule, schedule, mpx),
            (version, schedule, mpx),
            (schedule, Ie(9, b"vendor"), mpx),
            (Ie(mpx.id, bytes((Transfer.ABORT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((Transfer.FRAGMENT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((Transfer.LAST_FRAGMENT,)) + mpx.content[1:]),),
            (Ie(mpx.id, bytes((mpx.content[0] | 0x38,)) + mpx.content[1:]),),
            (Ie(mpx.id, mpx.content[:1] + b"\x01\x02" + mpx.content[3:]),),
            (schedule,),
        )
    ):
        radio.put(40 + at, attrs.evolve(plain, payload_ies=elements))
    records = radio.records()
    rows = list(bulk_rows(records, None))
    assert rows == list(decoded_rows(records, None))
    assert rows == [pack(sighting) for sighting in sightings(radio.frames())]
