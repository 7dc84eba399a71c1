"""Routes between two nodes (RFC 6997): messages and options as tshark reads them, built again, and through scapy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from bench.air.errors import Malformed
from bench.air.ip import icmpv6
from bench.air.rpl import messages as rpl
from bench.air.rpl import p2p as rpl_p2p
from bench.air.rpl.discovery import RouteDiscovery
from bench.air.scapy_layers.rpl import RPL_MESSAGES
from tests.air.frame.built_frames import decoded, same_fields
from tests.air.ip.packets import p2p
from tests.air.rpl.test_rpl_tshark import DODAG, frame
from tests.air.tshark_oracle import NO_TSHARK

TARGET = DODAG[:-1] + b"\x99"
WAY = (DODAG[:-1] + b"\x11", DODAG[:-1] + b"\x12")
ASKED = RouteDiscovery(TARGET, WAY, 0, True, False, 2, 1, 5)
FOUND = RouteDiscovery(TARGET, WAY, 0, False, True, 1, 3, 2)
MESSAGES = [
    rpl.Dio(0x81, 240, 256, DODAG, mode=4, options=(ASKED, rpl.Configuration())),
    rpl_p2p.Dro(0x81, DODAG, 2, True, False, 7, 0x123, (FOUND,)),
    rpl_p2p.Dro(0x81, DODAG, 1, False, True),
    rpl_p2p.DroAck(0x81, DODAG, 3, 9, 0x1123),
]


@NO_TSHARK
def test_messages_are_tsharks(tmp_path: Path) -> None:
    frames = [frame(message) for message in MESSAGES]
    assert len(same_fields(tmp_path, frames, "icmpv6.rpl.p2p")) == 11
    assert len(same_fields(tmp_path, frames, "icmpv6.rpl.opt.routediscovery")) == 9


def test_lines_name_them() -> None:
    infos = [found.info for found in decoded([frame(message) for message in MESSAGES[1:]])]
    assert infos == ["RPL P2P-DRO seq=2 stop", "RPL P2P-DRO seq=1", "RPL P2P-DRO-ACK seq=3"]


def test_elided_octets_are_of_the_target_too() -> None:
    """RFC 6997, 7: Compr counts what is elided from target and addresses; tshark reads a target of 16 octets anyway."""
    short = RouteDiscovery(TARGET[8:], tuple(address[8:] for address in WAY), elided=8)
    content = bytes((0x88, 0)) + TARGET[8:] + WAY[0][8:] + WAY[1][8:]
    assert (short.encode(), RouteDiscovery.decode(content)) == (content, short)
    with pytest.raises(Malformed, match="19 octets for addresses of 8"):
        RouteDiscovery.decode(content + b"abc")
    with pytest.raises(Malformed):
        RouteDiscovery.decode(content[:9])


@settings(max_examples=200, deadline=None)
@given(p2p)
def test_built_and_parsed_it_is_the_same_for_scapy_too(message: rpl_p2p.Message) -> None:
    octets = icmpv6.build(message)
    assert icmpv6.parse(octets) == message
    layer = RPL_MESSAGES[message.CODE](octets)
    assert (layer.instance, layer.version, layer.sequence) == (message.instance, message.version, message.sequence)
    layer.clear_cache()
    assert bytes(layer) == octets
