"""TSCH beacons, 6P and plain header IEs: every field that tshark and we both know is the same, and there and back.

Elements as Contiki-NG's TSCH, its minimal schedule and its 6top send them, and each other form that the standards have.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.air.errors import Malformed
from bench.air.mac import header_ies, mlme, sixtop, tsch
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.air.mac.ies import HT1, PAYLOAD_TERMINATION, Ie, SubIe, write_payload_ies, write_sub_ies
from bench.air.scapy_layers import Wpan, rebuilt
from bench.air.scapy_layers.tsch import (
    IetfIe,
    MlmeIe,
    TimeCorrectionIe,
    TschLink,
    TschSlotframe,
    TschSlotframes,
    TschSynchronization,
)
from tests.air.frame.built_frames import decoded, same_fields
from tests.air.tshark_oracle import NO_TSHARK

NODE, OTHER = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
TIMES = tsch.Times(1800, 128, 2120, 1020, 800, 1000, 2200, 400, 192, 2400, 4256, 10000)
MINIMAL = tsch.Slotframes((tsch.Slotframe(0, 7, (tsch.Link(0, 0, 0x0F),)),))
ELEMENTS: list[tsch.Element] = [
    tsch.Synchronization(0x1234567890, 3),
    tsch.Timeslot(1, TIMES),
    tsch.Timeslot(2, tsch.Times(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 70_000, 80_000), wide=True),
    tsch.Timeslot(0),
    MINIMAL,
    tsch.Slotframes((tsch.Slotframe(1, 31), tsch.Slotframe(2, 397, (tsch.Link(9, 2, 0x11), tsch.Link(10, 3, 2))))),
    tsch.Hopping(0),
    tsch.Hopping(1, tsch.Sequence(0, 16, 0x07FFF800, b"", (16, 17, 23, 18), 2)),
    tsch.Hopping(2, tsch.Sequence(9, 18, 0, b"\x0f\xff\x01", (16, 17), 0)),
]
CELLS = (sixtop.Cell(3, 2), sixtop.Cell(9, 4))
DRAFT = sixtop.DRAFT_SUB_ID
MESSAGES = [
    sixtop.request(1, 0xF0, 3, sixtop.Said(0x1122, 7, 1, cells=CELLS), DRAFT),
    sixtop.request(2, 0, 4, sixtop.Said(1, 1, 2, cells=CELLS), DRAFT),
    sixtop.request(3, 0, 5, sixtop.Said(1, 2, moved=CELLS[:1], cells=CELLS[1:]), DRAFT),
    sixtop.request(4, 0, 6, sixtop.Said(1, 4), DRAFT),
    sixtop.request(5, 0, 7, sixtop.Said(1, 1, offset=3, most=9), DRAFT),
    sixtop.request(6, 0, 8, sixtop.Said(1, data=b"abc"), DRAFT),
    sixtop.request(7, 0, 9, sixtop.Said(1), DRAFT),
    sixtop.Message(sixtop.RESPONSE, 0, 0xF0, 3, sixtop.write_cells(CELLS), sub_id=DRAFT),
    sixtop.Message(sixtop.CONFIRMATION, 1, 0xF0, 3, sixtop.write_cells(CELLS[:1]), sub_id=DRAFT),
    sixtop.Message(sixtop.RESPONSE, 0, 0, 6, b"\x05\0", sub_id=DRAFT),
    sixtop.Message(sixtop.RESPONSE, 8, 0, 5, sub_id=DRAFT),
]
PLAIN = [
    header_ies.Csl(1, 2, 3).ie(),
    header_ies.Csl(1, 2).ie(),
    header_ies.Rendezvous(5, 6).ie(),
    header_ies.TimeCorrection(-20, nack=True).ie(),
    header_ies.TimeCorrection(2047).ie(),
    header_ies.GlobalTime(1_700_000_000).ie(),
    Ie(header_ies.VENDOR, b"\x0c\x00\x43ab"),
]
FILTERS = [mlme.EbFilter(True, 5, 50, b"\1\2"), mlme.EbFilter(), mlme.EbFilter(percent=9, attributes=b"\7")]


def beacon(*nested: SubIe) -> bytes:
    elements = (Ie(mlme.GROUP, write_sub_ies(nested)), Ie(PAYLOAD_TERMINATION))
    frame = MacFrame(
        FrameType.BEACON, dst_pan=0xABCD, dst=b"\xff\xff", src=NODE, sequence=5, pan_id_compression=True,
        header_ies=(Ie(HT1),), payload_ies=elements,
    )  # fmt: skip
    return encode_mac(frame)


def data(*elements: Ie) -> bytes:
    return encode_mac(
        MacFrame(sequence=7, dst_pan=0xABCD, dst=OTHER, src=NODE, header_ies=(Ie(HT1),), payload_ies=elements)
    )


def acknowledgement(ie: Ie) -> bytes:
    return encode_mac(MacFrame(FrameType.ACK, sequence=7, dst_pan=0xABCD, dst=OTHER, header_ies=(ie,)))


def frames() -> list[bytes]:
    """All elements above on the air."""
    return [
        beacon(*(element.sub_ie() for element in ELEMENTS)),
        *(beacon(element.sub_ie()) for element in ELEMENTS),
        *(beacon(element.sub_ie()) for element in FILTERS),
        *(data(Ie(sixtop.GROUP, message.content), Ie(PAYLOAD_TERMINATION)) for message in MESSAGES),
        data(Ie(0x2, b"\x0c\x00\x43xyz"), Ie(PAYLOAD_TERMINATION)),
        *map(acknowledgement, PLAIN),
    ]


@NO_TSHARK
def test_every_field_is_tsharks(tmp_path: Path) -> None:
    for frame in decoded(frames()):
        assert not frame.info.startswith("malformed"), frame.info
    compared = same_fields(tmp_path, frames(), "wpan.")
    assert len([name for name in compared if "tsch" in name]) == 28
    assert len([name for name in compared if "6top" in name]) == 19


@pytest.mark.parametrize("element", ELEMENTS)
def test_elements_there_and_back(element: tsch.Element) -> None:
    sub = element.sub_ie()
    assert tsch.read(sub) == element
    with pytest.raises(Malformed):
        tsch.read(SubIe(sub.id, sub.long, sub.content + b"\0"))
    frame = decoded([beacon(sub)])[0]
    assert frame.info == f"enhanced, {tsch.describe(element)}"


@pytest.mark.parametrize("sub_id", [sixtop.SUB_ID, DRAFT])
@pytest.mark.parametrize("message", MESSAGES)
def test_messages_there_and_back(message: sixtop.Message, sub_id: int) -> None:
    content = bytes((sub_id,)) + message.content[1:]
    found = sixtop.read(content)
    assert found is not None
    assert found.content == content
    assert found.said == message.said
    if message.type == sixtop.REQUEST:
        assert sixtop.request(found.code, found.function, found.sequence, found.said, sub_id) == found


def test_what_people_read() -> None:
    infos = [frame.info for frame in decoded(frames())]
    assert infos[1] == "enhanced, ASN=78187493520 join metric=3"
    assert "6P ADD request, seq 3, 2 cells" in infos
    assert "6P confirmation end of list, seq 3, 1 cell" in infos
    assert "6P busy, seq 5" in infos
    assert "rendezvous in 5, wake-up interval=6" in infos


@given(st.integers(0, 7), st.binary(max_size=40), st.booleans())
def test_noise_raises_malformed_only(kind: int, content: bytes, long: bool) -> None:
    for sub_id in (0x9, 0x1A, 0x1B, 0x1C, 0x1E):
        with suppress(Malformed):
            element = tsch.read(SubIe(sub_id, long, content))
            assert element is None or tsch.read(element.sub_ie()) == element
    with suppress(Malformed):
        message = sixtop.read(bytes((DRAFT, kind << 4)) + content)
        assert message is None or message.said is not None


def test_another_sub_id_of_the_ietf_is_left_alone() -> None:
    assert sixtop.read(b"\x02\0\0\0\0") is None
    assert decoded([data(Ie(sixtop.GROUP, b"\x02\0"), Ie(PAYLOAD_TERMINATION))])[0].info == ""


def test_scapy_layers_build_what_they_dissect() -> None:
    for psdu in frames():
        assert rebuilt(Wpan(psdu)) == psdu
    everything: Any = Wpan(frames()[0])
    assert everything[TschSynchronization].asn == 0x1234567890
    assert [link.options for link in everything[TschSlotframes].slotframes[0].links] == [0x0F]
    asked: Any = Wpan(data(Ie(sixtop.GROUP, MESSAGES[0].content), Ie(PAYLOAD_TERMINATION)))
    assert (asked[IetfIe].code, asked[IetfIe].function, asked[IetfIe].sequence) == (1, 0xF0, 3)
    late: Any = Wpan(acknowledgement(header_ies.TimeCorrection(-20).ie()))
    assert late[TimeCorrectionIe].late_us == -20


def test_scapy_layers_build_a_beacon() -> None:
    slotframe = TschSlotframe(size=7, links=[TschLink(options=0x0F)])
    element = MlmeIe(elements=[TschSynchronization(asn=9, join_metric=1), TschSlotframes(slotframes=[slotframe])])
    wanted = write_sub_ies([tsch.Synchronization(9, 1).sub_ie(), MINIMAL.sub_ie()])
    assert bytes(element) == write_payload_ies([Ie(mlme.GROUP, wanted)])


@given(st.sampled_from([mlme.GROUP, sixtop.GROUP]), st.binary(max_size=60))
def test_scapy_builds_noise_again(group: int, content: bytes) -> None:
    psdu = data(Ie(group, content), Ie(PAYLOAD_TERMINATION))
    assert rebuilt(Wpan(psdu)) == psdu
