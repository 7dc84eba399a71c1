"""RPL options of newer editions, and broken ones: what they hang on is still read, and built again as it came."""

from __future__ import annotations

from ipaddress import IPv6Address

import pytest

from bench.air.broken import Broken
from bench.air.rpl import messages as rpl

ADDRESS = IPv6Address("fd00::2").packed
ROVR = bytes(range(1, 9))
CONFIGURATION = rpl.Configuration().encode()


def option(kind: int, content: bytes) -> bytes:
    return bytes((kind, len(content))) + content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\x81\x80" + ADDRESS + ROVR, rpl.Target(ADDRESS, 128, 0x81, ROVR)),
        (b"\x84\x80" + ADDRESS + ROVR * 4, rpl.Target(ADDRESS, 128, 0x84, ROVR * 4)),
        (b"\x02\x40" + ADDRESS[:8] + ROVR * 2, rpl.Target(ADDRESS[:8], 64, 0x02, ROVR * 2)),
        (b"\x01\x40" + ADDRESS + ROVR, rpl.Target(ADDRESS, 64, 0x01, ROVR)),
        (b"\x80\x40" + ADDRESS, rpl.Target(ADDRESS, 64, 0x80)),
        (b"\x05\x80" + ADDRESS + ROVR * 2, rpl.Target(ADDRESS, 128, 0x05, ROVR * 2)),
        (b"\x01\x80" + ADDRESS, rpl.Target(ADDRESS, 128, 0x01)),
    ],
    ids=["F", "256 bits", "a short prefix", "a longer one", "no ROVR", "size undetermined", "a reserved bit"],
)
def test_a_target_says_who_owns_it(content: bytes, expected: rpl.Target) -> None:
    """RFC 9010, 6.1."""
    assert rpl.parse_options(option(rpl.Target.TYPE, content)) == (expected,)
    assert expected.encode() == content


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (rpl.Configuration.TYPE, CONFIGURATION),
        (rpl.Transit.TYPE, rpl.Transit(ADDRESS).encode()),
        (rpl.SolicitedInformation.TYPE, rpl.SolicitedInformation(0, ADDRESS, 0).encode()),
        (rpl.PrefixInformation.TYPE, rpl.PrefixInformation(ADDRESS).encode()),
        (rpl.TargetDescriptor.TYPE, rpl.TargetDescriptor(1).encode()),
    ],
)
def test_octets_behind_what_is_known_are_kept(kind: int, content: bytes) -> None:
    octets = option(kind, content + b"\xab\xcd")
    (found,) = rpl.parse_options(octets)
    assert not isinstance(found, Broken | rpl.RawOption)
    assert (getattr(found, "rest", None), rpl.build_options((found,))) == (b"\xab\xcd", octets)


def test_a_broken_option_costs_no_other() -> None:
    transit = option(rpl.Transit.TYPE, rpl.Transit(ADDRESS).encode())
    octets = option(rpl.Configuration.TYPE, b"\0\1") + transit + b"\x05\x12\0\x80\xfd"
    short, found, cut = rpl.parse_options(octets)
    assert isinstance(short, Broken)
    assert isinstance(cut, Broken)
    assert found == rpl.Transit(ADDRESS)
    assert cut.trouble == "RPL option 5: 18 octets wanted, 3 left"
    assert rpl.build_options((short, found, cut)) == octets
