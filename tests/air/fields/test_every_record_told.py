"""Every record that a frame may hold has its table: none stands in the tree without fields, or as Python prints it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.fields import base
from bench.air.fields.base import node
from bench.air.fields.ip import layer_of
from bench.air.fields.tables import TABLES
from bench.air.ip import dhcpv6, extensions, icmpv6, nd
from bench.air.ip import packet as ipv6
from bench.air.mac import header_ies, tsch
from bench.air.rpl import messages as rpl
from bench.air.rpl.discovery import RouteDiscovery
from bench.air.wisun import frames as wisun
from tests.air.ip import packets

HANDED: Final[dict[str, Any]] = {
    "ND options": nd.Option,
    "RPL options": rpl.Option,
    "ICMPv6 messages": icmpv6.Message,
    "DHCPv6 options": dhcpv6.Option,
    "options of headers": extensions.HeaderOption,
    "header elements": header_ies.Element,
    "TSCH elements": tsch.Element,
}
"""What the tree hands on, as the records' own modules list it."""
ADDRESS: Final = bytes.fromhex("fd000000000000000000000000000001")
IN_A_VIEW: Final = {
    rpl.Padding: "its length, by RplOption",
    RouteDiscovery: "Discovery, which knows the message",
    dhcpv6.RelayMessage: "the message in it",
    dhcpv6.RapidCommit: "no content",
    icmpv6.RawMessage: "Quoted, Payload or an echo",
}
"""Records that stand in another one, which has a table."""


def _kinds(union: Any) -> Iterator[type]:
    for kind in get_args(union) or (union,):
        if get_args(kind):
            yield from _kinds(kind)
        else:
            yield kind


@pytest.mark.parametrize("name", HANDED)
def test_every_record_has_a_table(name: str) -> None:
    kinds = set(_kinds(HANDED[name]))
    assert len(kinds) > 2
    assert kinds - set(TABLES) - set(IN_A_VIEW) == set()


def test_every_element_has_a_table() -> None:
    assert {*wisun.ELEMENTS, wisun.Opaque} <= set(TABLES)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(packets.icmpv6_message | packets.rarer_icmpv6_message | st.builds(nd.Redirect, packets.address, packets.address))
def test_every_message_is_told_by_tables(message: icmpv6.Message) -> None:
    def untold(record: object) -> base.Node:
        raise AssertionError(f"no table: {type(record).__name__}")

    octets = ipv6.build(ipv6.Packet(ADDRESS, ADDRESS, message))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_untold", untold)
        found = node(layer_of(ipv6.parse(octets), octets), TABLES)
    assert [inner.title for inner in found.walk() if "(" in inner.title and "=" in inner.title] == []


def test_a_record_without_a_table_is_not_shown_as_python_prints_it() -> None:
    assert node(nd.Mtu(1280), {}).title == "Mtu"
