"""Every plain record against octets written by hand after its document: codec, rows and scapy layer share one layout,
so that nothing else in a clone without tshark would see a wrong width or order."""

from __future__ import annotations

from typing import Any, Final

import pytest
from scapy.packet import Packet

from bench.air.fields.tables import FIELDS, TABLES
from bench.air.ip import dhcpv6, nd
from bench.air.layout import Plain
from bench.air.mac import header_ies, tsch
from bench.air.rpl import messages as rpl
from bench.air.scapy_layers.base import Part
from bench.air.scapy_layers.plain import content
from bench.air.wisun import frames as wisun

A: Final = bytes.fromhex("fd000000000000000200000000000001")
B: Final = bytes.fromhex("fe800000000000000200000000000002")
E: Final = bytes.fromhex("000d6ffffe030001")
RIG: Final = "02 02 16 0a00"
"""Channels of the virtual rig: fixed channel 10 of Japan's plan 22."""

VECTORS: Final[list[tuple[Plain, str]]] = [
    (wisun.Utt(4, 0x010203), "04 030201"),
    (wisun.Bt(0x0102, 0x030405), "0201 050403"),
    (wisun.Fc(1, 2), "01 02"),
    (wisun.Ea(E), "000d6ffffe030001"),
    (wisun.Us(255, 254, 100), "ff fe 64" + RIG),
    (wisun.Bs(1020, 0x0102, 255, 254, 100), "fc030000 0201 ff fe 64" + RIG),
    (wisun.PanVersion(0x0102), "0201"),
    (wisun.Lutt(4, 0x0102, 0x030405), "04 0201 050403"),
    (wisun.Lbt(0x0102, 0x030405), "0201 050403"),
    (wisun.Lus(0x010203, 4), "030201 04"),
    (wisun.Flus(1, 2), "01 02"),
    (wisun.Lbs(0x010203, 0x0405, 6, 7), "030201 0504 06 07"),
    (wisun.Lnd(1, 0x020304, 5, 6, 0x0708), "01 040302 05 06 0807"),
    (wisun.Lto(0x010203, 0x040506), "030201 060504"),
    (wisun.PanId(0x0102), "0201"),
    (wisun.Lbc(0x010203, 4), "030201 04"),
    (wisun.Lcp(1, wisun.Schedule()), "01" + RIG),
    (wisun.Lbats(1, 0x0203), "01 0302"),
    (wisun.LfnVersion(0x0102), "0201"),
    (nd.AddressRegistration(E, 0x0102, 3, 4, 5, 6), "03 04 05 06 0102 000d6ffffe030001"),
    (nd.PrefixInformation(A, 64, 0xC0, 0x01020304, 0x05060708, 9), f"40 c0 01020304 05060708 00000009 {A.hex()}"),
    (nd.RedirectedHeader(b"\x60\x01", 7), "000000000007 6001"),
    (nd.Mtu(1280, 0x0102), "0102 00000500"),
    (nd.Nonce(b"\1\2\3\4\5\6"), "010203040506"),
    (nd.RouteInformation(A[:8], 64, 0x18, 0x01020304), "40 18 01020304 fd00000000000000"),
    (nd.DnsServers((A, B), 0x01020304, 5), f"0005 01020304 {A.hex()} {B.hex()}"),
    (nd.BorderRouter(0x0102, A, 0x0304, 0x0506), f"0102 0304 0506 {A.hex()}"),
    (nd.Context(5, A[:8], 64, True, 0x0102, 6, 0x0304), "40 d5 0304 0102 fd00000000000000"),
    (nd.Capabilities(0x010203040506), "010203040506"),
    (nd.RouterSolicitation((nd.Mtu(1280),), 1), "00000001 0501 0000 00000500"),
    (nd.RouterAdvertisement(64, 0xC0, 0x0102, 0x03040506, 0x0708090A), "40 c0 0102 03040506 0708090a"),
    (nd.NeighborSolicitation(B, reserved=2), f"00000002 {B.hex()}"),
    (nd.NeighborAdvertisement(B, 0xE0, reserved=3), f"e0 000003 {B.hex()}"),
    (nd.Redirect(B, A, reserved=4), f"00000004 {B.hex()} {A.hex()}"),
    (dhcpv6.ClientId(dhcpv6.duid_of(E)), "0003 001b 000d6ffffe030001"),
    (dhcpv6.ServerId(dhcpv6.duid_of(E, 6)), "0003 0006 000d6ffffe030001"),
    (dhcpv6.ElapsedTime(0x0102), "0102"),
    (dhcpv6.StatusCode(2, b"none"), "0002 6e6f6e65"),
    (dhcpv6.RapidCommit(), ""),
    (dhcpv6.VendorOptions(0x01020304, b"\5"), "01020304 05"),
    (rpl.RouteInformation(64, 0x01020304, A[:8], 8), "40 08 01020304 fd00000000000000"),
    (
        rpl.Configuration(1, 2, 3, 0x0405, 0x0607, 0x0809, 10, 0x0B0C, 13, 14, b"\xff"),
        "0d 01 02 03 0405 0607 0809 0e 0a 0b0c ff",
    ),
    (rpl.SolicitedInformation(1, A, 2, 0xE0, b"\xff"), f"01 e0 {A.hex()} 02 ff"),
    (rpl.PrefixInformation(A, 64, 0xE0, 0x01020304, 0x05060708, 9), f"40 e0 01020304 05060708 00000009 {A.hex()}"),
    (rpl.TargetDescriptor(0x01020304), "01020304"),
    (tsch.Synchronization(0x0102030405, 6), "0504030201 06"),
    (tsch.Link(0x0102, 0x0304, 0x0F), "0201 0403 0f"),
    (header_ies.Rit(1, 2, 0x0304), "01 02 0403"),
    (header_ies.GlobalTime(0x01020304), "04030201"),
]
_NAMES: Final = [type(record).__name__ for record, _ in VECTORS]


def records(kind: type[Any] = Plain) -> set[type[Plain]]:
    """All plain records of the product: those with a layout. (attrs leaves classes without slots behind.)"""
    here = {kind} if "LAYOUT" in vars(kind) and kind.__module__.startswith("bench.") else set()
    return here.union(*(records(below) for below in kind.__subclasses__()))


def test_every_plain_record_has_a_vector() -> None:
    assert records() == {type(record) for record, _ in VECTORS}
    assert len(VECTORS) == len(records())


@pytest.mark.parametrize(("record", "octets"), VECTORS, ids=_NAMES)
def test_a_record_is_its_octets(record: Plain, octets: str) -> None:
    assert record.encode().hex() == bytes.fromhex(octets).hex()
    assert type(record).decode(bytes.fromhex(octets)) == record


@pytest.mark.parametrize(("record", "octets"), VECTORS, ids=_NAMES)
def test_the_scapy_fields_are_the_record(record: Plain, octets: str) -> None:
    """Where the layer has fields of its own in the place of the record's (schedules, options), the tests of the layers
    hold them."""
    if any(column.read for column in record.LAYOUT.columns):
        return
    layer: type[Packet] = type("Of", (Part,), {"name": "Of", "fields_desc": content(type(record))})
    packet = layer(bytes.fromhex(octets))
    assert bytes(layer(**packet.fields)).hex() == bytes.fromhex(octets).hex()
    numbers = {name: value for name, value in packet.fields.items() if isinstance(value, int) and hasattr(record, name)}
    assert numbers == {name: getattr(record, name) for name in numbers}


def test_a_row_stands_in_the_tables_under_its_name() -> None:
    rows = {column.name for record in TABLES if issubclass(record, Plain) for column in record.LAYOUT.columns}
    assert len(rows) > 60
    assert rows - {""} <= set(FIELDS)
