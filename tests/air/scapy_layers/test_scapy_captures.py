"""scapy's layers on the frames of real stacks: built as they were dissected, and read as the bench's records read.

Frames that look alike (kind, elements, layers) are sampled; KENSHIN_EVERY_FRAME in the environment takes them all.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.config import conf
from scapy.packet import Packet, Raw
from scapy.utils import RawPcapNgReader, RawPcapReader

from bench.air import scapy_layers
from bench.air.keys.table import KeyTable
from bench.air.scapy_layers.base import rebuilt
from bench.air.scapy_layers.ipv6 import Ip6
from bench.air.scapy_layers.mpx import MpxIe
from bench.air.scapy_layers.packets import reassemble
from bench.air.scapy_layers.wpan import Sealed, Wpan
from bench.air.sequence import Capture, Captured
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, WISUN, keys_of, need
from tests.air.scapy_layers.scapy_records import assert_same
from tests.places import CAPTURES

ALIKE = 10**9 if os.environ.get("KENSHIN_EVERY_FRAME") else 3
FORMS = ("-clear.pcapng", "-tap-fcs32.pcapng", "-br-own.pcapng", "-fcs16.pcap")
OTHER_FILES = sorted(path.name for form in FORMS for path in CAPTURES.glob(f"*{form}"))


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    before = scapy_layers.settings.keys, scapy_layers.settings.contexts
    yield
    scapy_layers.settings.keys, scapy_layers.settings.contexts = before


def captured(name: str) -> Iterator[Captured]:
    """Frames of a capture, of those that look alike the first few."""
    seen: Counter[tuple[object, ...]] = Counter()
    contexts = CONTIKI_CONTEXTS if name in CONTIKI else None
    for frame in Capture.open(need(f"{name}.pcapng"), keys_of(name), contexts):
        looks = (frame.kind, frame.ies, frame.layers, frame.mic)
        seen[looks] += 1
        if seen[looks] <= ALIKE:
            yield frame


@pytest.mark.parametrize("name", [*WISUN, *CONTIKI])
def test_both_readings_are_the_same_and_building_gives_the_octets_of_the_air(name: str) -> None:
    with_ipv6 = 0
    for frame in captured(name):
        packet = frame.scapy()
        assert_same(packet, frame)
        assert frame.record is not None
        assert rebuilt(packet) == bytes(packet) == frame.record.data, f"frame {frame.number}"
        with_ipv6 += Ip6 in packet
    assert with_ipv6 > 10


def raw_packets(path: Path) -> Iterator[tuple[bytes, int]]:
    """Packets as captured, with their link types, by scapy's own readers."""
    reader: Any = RawPcapNgReader(str(path)) if path.suffix == ".pcapng" else RawPcapReader(str(path))
    with reader:
        for octets, about in reader:
            yield octets, getattr(about, "linktype", None) or reader.linktype


@pytest.mark.parametrize("file", OTHER_FILES)
def test_every_link_type_is_built_as_it_was_dissected(file: str) -> None:
    name = file.removesuffix(next(form for form in FORMS if file.endswith(form)))
    scapy_layers.use_keys(keys_of(name))
    scapy_layers.use_contexts(CONTIKI_CONTEXTS if name in CONTIKI else {})
    packets = list(raw_packets(CAPTURES / file))
    step = 1 if ALIKE > 1000 else max(1, len(packets) // 25)
    opened = 0
    for octets, link_type in packets[::step]:
        packet: Packet = conf.l2types[link_type](octets)
        frame: Any = packet[Wpan]
        assert rebuilt(packet) == octets
        assert Sealed not in packet
        assert frame.fcs_ok is not False
        assert (frame.fcs_ok is None) == ("fcs" not in file)
        opened += bool(frame.clear)
    if "clear" not in file and "br-own" not in file and "rpl-lite" not in file:
        assert opened > 1


@pytest.mark.parametrize("name", ["line2", "contiki-llsec-line3"])
def test_without_a_key_the_payload_stays_sealed(name: str) -> None:
    sealed = 0
    for frame in Capture.open(need(f"{name}.pcapng"))[:150]:
        packet = frame.scapy()
        sealed += Sealed in packet
        assert frame.record is not None
        assert rebuilt(packet) == frame.record.data
        assert not (frame.mic == "no key" and (MpxIe in packet or Ip6 in packet))
    assert sealed > 20


@pytest.mark.parametrize("name", CONTIKI)
def test_fragments_become_the_datagrams_that_the_bench_makes_of_them(name: str) -> None:
    capture = Capture.open(need(f"{name}.pcapng"), keys_of(name), CONTIKI_CONTEXTS)
    scapy_layers.use_contexts(CONTIKI_CONTEXTS)
    whole = [bytes(datagram) for datagram in reassemble(frame.scapy() for frame in capture)]
    expected = [frame.datagram for frame in capture if "fragn" in frame.layers and frame.datagram]
    assert whole == expected
    assert len(whole) > 15


def test_a_frame_in_clear_text_is_found_by_what_is_in_it() -> None:
    scapy_layers.use_keys(KeyTable())
    wrong = Capture.open(need("line2.pcapng"), keys_of("star3"))
    right = Capture.open(need("line2.pcapng"), keys_of("line2"))
    for bad, good in zip(wrong[100:200], right[100:200], strict=True):
        assert (bad.mic == "bad") == (good.mic == "ok")
        if bad.mic == "bad":
            assert bad.scapy() != good.scapy()
            assert not [layer for layer in bad.scapy().layers() if layer not in (Wpan, Sealed, Raw)]
