"""``storage.server`` and the air: whom sniffers heard between its isolation and the pull, and what tells nothing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from bench.air.app import pana
from bench.air.capture.pcapng import PcapngWriter
from bench.air.ip import packet as ipv6
from bench.air.ip.packet import Packet
from bench.air.ip.udp import Udp
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.records import NS_PER_S, Measurement
from tests.measurands.judged.utility.chain import pull
from tests.measurands.judged.utility.test_storage import CUT, MARKS, PULL, drive, stored
from tests.measurands.synthetic import MINUTE_NS, T1, Run
from tests.places import CAPTURES

OWN, OTHER, SERVER = bytes.fromhex(T1.eui64.replace(":", "")), bytes(7) + b"\x07", bytes(7) + b"\x01"
INITIATION = pana.build(pana.Message(pana.MessageType.CLIENT_INITIATION))
Sent = tuple[int, bytes]
"""When, and the frame."""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.folder.keys.write_bytes((CAPTURES / "fixedch.ieee802154_keys").read_bytes())
    return run


def frame(src: bytes = OWN, port: int = 61616, payload: bytes = b"hello") -> bytes:
    datagram = ipv6.build(Packet(ipv6.link_local(src), ipv6.link_local(SERVER), Udp(port, port, payload)))
    packed = lowpan.compress(datagram, src, SERVER)
    mac = MacFrame(FrameType.DATA, 0, 1, dst_pan=1, dst=SERVER, src=src, pan_id_compression=True, payload=packed)
    return encode_mac(mac)


def empty(src: bytes = OWN) -> bytes:
    """No datagram at all."""
    return encode_mac(MacFrame(FrameType.DATA, 0, 1, dst_pan=1, dst=SERVER, src=src, pan_id_compression=True))


def captured(run: Run, sniffer: str, *sent: Sent) -> None:
    with (run.folder.captures / f"{sniffer}.pcapng").open("wb") as out:
        writer = PcapngWriter(out)
        writer.section()
        for at_ns, psdu in sent:
            writer.packet(psdu, at_ns)


def cites(found: Measurement) -> tuple[str, ...]:
    return found.cited if "was heard of between its isolation and the pull" in found.gate else ()


SETTLED = CUT + 2 * MINUTE_NS


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        ((SETTLED, frame()), True),
        ((SETTLED - 1, frame()), False),
        ((PULL, frame()), True),
        ((PULL + 1, frame()), False),
        ((PULL, frame(OTHER)), False),
        ((PULL, empty()), False),
        ((PULL, frame(port=pana.PORT, payload=INITIATION)), False),
    ],
    ids=["settled", "under way", "at the pull", "later", "another's", "no datagram", "asks to be let in"],
)
def test_a_datagram_of_its_own_since_it_was_isolated_may_have_fetched_what_was_pulled(
    run: Run, sent: Sent, heard: bool
) -> None:
    drive(run)
    captured(run, "s1", sent)
    found = stored(run)
    assert cites(found) == (("captures/s1.pcapng",) if heard else ())
    assert found.value == (None if heard else 168.0)


def test_the_first_sniffer_that_heard_it_is_cited(run: Run) -> None:
    drive(run)
    captured(run, "s1", (PULL, frame(OTHER)))
    for sniffer in ("s2", "s3"):
        captured(run, sniffer, (PULL - 1, frame()), (PULL, frame()))
    assert cites(stored(run)) == ("captures/s2.pcapng",)


@pytest.mark.parametrize(("after_s", "heard"), [(0, True), (20, True), (30, True), (31, False)])
def test_what_counts_is_each_meters_own_pull(run: Run, after_s: int, heard: bool) -> None:
    """Gas is pulled twice, and water half a minute later."""

    def pulls(run: Run) -> None:
        pull(run, PULL + NS_PER_S, "t1.gas", MARKS)
        pull(run, PULL + 30 * NS_PER_S, "t1.water", MARKS)

    drive(run, meters=("t1.gas",), pulls=pulls)
    captured(run, "s1", (PULL + after_s * NS_PER_S, frame()))
    assert bool(cites(stored(run))) is heard


@pytest.mark.parametrize(
    ("sniffers", "keys", "air"),
    [
        (("s1",), True, "watched, and silent"),
        (("s1",), False, "not watched"),
        ((), True, "not watched"),
        ((), False, "not watched"),
    ],
)
def test_the_air_was_watched_where_it_was_captured_and_can_be_read(
    run: Run, sniffers: Collection[str], keys: bool, air: str
) -> None:
    drive(run)
    for sniffer in sniffers:
        captured(run, sniffer)
    if not keys:
        run.folder.keys.unlink()
    assert stored(run).conditions["air"] == air
