"""A list of information elements that breaks, and a frame control that is reserved, hide nothing that stands before:
the same in row, tree, columns, filter and fast table. What is told so is for people: no figure stands on it, and
nothing is learnt of it."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.bulk.decoder import BulkDecoder
from bench.air.bulk.payloads import line_decoder
from bench.air.bulk.rows import Pending, line_row
from bench.air.bulk.table import write_table
from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, Record, make_record
from bench.air.fields.rows import Row
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.security import ccm_star_encrypt, protect
from bench.air.keys.table import KeyTable
from bench.air.lowpan.fragment import fragment
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac, mic_octets
from bench.air.mac.ies import HT1, HT2, Ie, write_header_ies, write_payload_ies
from bench.air.mac.mpx import LOWPAN, Mpx, encode_mpx
from bench.air.show import command as show
from bench.air.wisun import frames as wisun
from bench.measurands.air.sightings.bulk import SightingVisitor
from bench.measurands.air.sightings.reading import Reader
from bench.measurands.air.sightings.spool import pack
from tests.air.fields.differences import write_capture
from tests.air.frame.test_air_cases import columns, decoded, tree
from tests.air.mac_captures import keys_of, need
from tests.fuzz.families import FAMILIES

KEY = bytes(range(16))
KEYS = KeyTable([(1, KEY)])
UTT = wisun.header_ie(wisun.Utt(4, 197121))
US = wisun.payload_ie(wisun.Us())
_DATAGRAM = decode_mac(FAMILIES["RPL targets"](3))
MPX = next(ie for ie in _DATAGRAM.payload_ies if ie.id == 3)
WHOLE = attrs.evolve(_DATAGRAM, header_ies=(UTT, Ie(HT1)), payload_ies=(US, MPX), payload=b"")
NAMES = ("wisun.uttie.ufsi", "wisun.usie.dwell", "ipv6.src", "icmpv6.type")

BEHIND = {
    "an octet": (b"\x00", "payload IE cut at octet"),
    "two empty octets": (b"\x00\x00", "a header IE stands among the payload IEs at octet"),
    "an element longer than the frame": (b"\x28\xa0ab", "says 40 octets, 2 there"),
}


def frame_of(psdu: bytes, keys: KeyTable | None = None) -> Frame:
    return Decoder(keys).decode(make_record(1, 0, NO_FCS, psdu, len(psdu)))


def sealed(clear: MacFrame, behind: bytes, level: int) -> bytes:
    """A secured frame with octets behind its last element, the MIC over them right."""
    whole = protect(clear, KEY, 5, 1, level=level)
    tag, private = mic_octets(level), write_payload_ies(clear.payload_ies)
    head = whole[: len(whole) - tag - len(private)]
    assert clear.src is not None
    nonce = clear.src + struct.pack(">IB", 5, level)
    return head + ccm_star_encrypt(KEY, nonce, head, private + behind, level)


@pytest.mark.parametrize("name", BEHIND)
def test_what_stands_behind_the_last_element_hides_none(tmp_path: Path, name: str) -> None:
    behind, said = BEHIND[name]
    psdu = encode_mac(WHOLE)
    path = write_capture(tmp_path / "broken.pcapng", [(0, psdu), (1, psdu + behind)])
    whole, broken = columns(path, *NAMES)
    assert broken == whole
    assert None not in broken.values()
    (first, second), _ = decoded(path)
    assert second["kind"] == "DATA"
    assert str(second["info"]).startswith(f"{first['info']} [malformed: ")
    assert said in str(second["info"])
    assert f"{said}" in tree(path, 2)
    assert "[wisun.usie]" in tree(path, 2)
    assert len(decoded(path, expr="icmpv6.type == 155 and wisun.uttie")[0]) == 2


@pytest.mark.parametrize("level", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("name", BEHIND)
def test_a_right_mic_opens_what_stands_before(name: str, level: int) -> None:
    behind, said = BEHIND[name]
    found, clear = frame_of(sealed(WHOLE, behind, level), KEYS), frame_of(encode_mac(WHOLE))
    assert (found.mic, found.freshness) == ("ok", "fresh")
    assert found.packet == clear.packet
    assert found.packet is not None
    assert found.ie(wisun.Us) == wisun.Us()
    assert said in found.info


def test_without_a_mic_elements_must_be_whole_for_a_key_to_be_believed() -> None:
    found = frame_of(sealed(WHOLE, b"\0", 4), KEYS)
    assert found.packet is None
    assert "malformed under the only key" in found.info


@pytest.mark.parametrize("level", [0, 2, 6])
def test_header_elements_before_the_one_that_breaks_are_told(level: int) -> None:
    """And no more: where what is encrypted begins nobody knows."""
    clear = attrs.evolve(WHOLE, header_ies=(UTT, wisun.header_ie(wisun.Bt(1, 2)), Ie(HT2)), payload_ies=())
    psdu = protect(clear, KEY, 5, 1, level=level) if level else encode_mac(clear)
    at = psdu.index(write_header_ies((Ie(HT2),)))
    broken = psdu[:at] + b"\x3f\x15\x09" + psdu[at + 2 :]
    found = frame_of(broken, None if level == 2 else KEYS)
    assert found.kind == "DATA"
    assert found.ie(wisun.Utt) is not None
    assert found.ie(wisun.Bt) is not None
    assert found.packet is None
    assert "malformed: header IE at octet" in found.info
    assert {"wisun.uttie.ufsi", "wisun.btie.slot"} <= set(Row(found).names)


def test_a_length_of_the_datagrams_element_that_is_too_great_hides_no_datagram() -> None:
    psdu = encode_mac(WHOLE)
    at = len(psdu) - len(MPX.content) - 2
    found = frame_of(psdu[:at] + bytes((psdu[at] ^ 0x40,)) + psdu[at + 1 :])
    assert found.packet is not None
    assert found.packet.dst == frame_of(psdu).packet.dst  # type: ignore[union-attr]
    assert "says" in found.info


def test_no_figure_stands_on_a_broken_list() -> None:
    """Unless a right MIC shows that it was sent so: then its header counts, as if nothing were known of the rest."""
    bare = Reader().read(frame_of(encode_mac(WHOLE) + b"\0"))
    assert (bare.kind, bare.src, bare.content, bare.plan, bare.seq) == ("damaged", None, None, None, None)
    sure = Reader().read(frame_of(sealed(WHOLE, b"\0", 6), KEYS))
    assert (sure.kind, sure.src, sure.mic, sure.counter) == ("DATA", WHOLE.src, "ok", 5)
    assert (sure.content, sure.plan) == (None, None)


def test_sightings_by_the_bulk_decoder_are_the_same_again() -> None:
    """What was said of a broken payload is not remembered as what a whole frame says."""
    psdu = encode_mac(WHOLE) + b"\0"
    visitor, reader = SightingVisitor(NO_FCS), Reader()
    bulk = BulkDecoder(NO_FCS, visitor.payloads)
    for number in (1, 2, 3):
        row = bulk.decode(number, 0, 0, psdu, len(psdu))
        assert not isinstance(row, Pending)
        record = make_record(number, 0, NO_FCS, psdu, len(psdu))
        assert visitor.sighting(row, psdu, 0, len(psdu)) == pack(reader.read(Decoder().decode(record)))


@pytest.mark.parametrize(("behind", "completed"), [(b"", True), (b"\0", False)])
def test_nothing_is_learnt_of_a_broken_list(behind: bytes, completed: bool) -> None:
    """A fragment in it is shown, and completes no datagram."""
    packet = frame_of(encode_mac(WHOLE)).datagram
    first, *rest = [
        encode_mac(attrs.evolve(WHOLE, payload_ies=(encode_mpx(Mpx(LOWPAN, piece)),)))
        for piece in fragment(packet + bytes(200), 120, 7, WHOLE.src, WHOLE.dst)
    ]
    decoder = Decoder()
    frames = [decoder.decode(make_record(1, 0, NO_FCS, psdu, len(psdu))) for psdu in (first + behind, *rest)]
    assert "frag1" in frames[0].layers
    assert bool(frames[-1].datagram) == completed


RESERVED = {
    "a reserved frame type": (0xDC44, 4, 1, 3),
    "a fragment": (0xDC46, 6, None, None),
    "an extended frame": (0xDC47, 7, None, None),
    "a reserved version": (0xFC41, 1, 3, 3),
    "a reserved destination mode": (0xD441, 1, 1, 3),
    "a reserved source mode": (0x5C41, 1, 1, 3),
}
"""Frame control; then frame type, version and sequence number. What a fragment's other bits mean is not read."""


@pytest.mark.parametrize("name", RESERVED)
def test_a_reserved_frame_control_is_shown(tmp_path: Path, name: str) -> None:
    control, kind, version, sequence = RESERVED[name]
    psdu = struct.pack("<HB", control, 3) + bytes.fromhex("cdab") + bytes(16) + b"\x7a\x33"
    path = write_capture(tmp_path / "reserved.pcapng", [(0, psdu)])
    assert columns(path, "wpan.fcf", "wpan.frame_type", "wpan.version", "wpan.seq_no") == [
        {"wpan.fcf": control, "wpan.frame_type": kind, "wpan.version": version, "wpan.seq_no": sequence}
    ]
    assert "[wpan]" in tree(path)
    assert "[malformed: " in tree(path)
    assert len(decoded(path, expr=f"wpan.frame_type == {kind}")[0]) == 1
    assert Reader().read(frame_of(psdu)).src is None


@pytest.mark.parametrize("octets", ["fd1003", "dd0003", "d503", "7d4203"])
def test_a_reserved_control_of_a_multipurpose_frame_is_shown(octets: str) -> None:
    psdu = bytes.fromhex(octets) + bytes(16)
    record = make_record(1, 0, NO_FCS, psdu, len(psdu))
    told = Row(Decoder().decode(record), record)
    assert told.values("wpan.frame_type") == [5]
    assert told.values("wpan.seq_no") == [3]
    assert list(told.values("wpan.security")) == ([] if octets == "d503" else [octets == "7d4203"])


@cache
def captured(name: str) -> tuple[Record, ...]:
    """Frames with payload elements in clear, by a capture's own keys."""
    decoder = Decoder(keys_of(name))
    found = []
    for record in read_capture(need(f"{name}-clear.pcapng")):
        frame = decoder.decode(record)
        if frame.mac is not None and frame.mac.payload_ies and frame.mac.security is None and not frame.mac.payload:
            found.append(record)
    assert len(found) > 50
    return tuple(found)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["line2", "star3"]), st.data())
def test_elements_before_any_damage_are_told(name: str, data: st.DataObject) -> None:
    """One captured frame, its list of elements changed from some element on: all before it are as they were, and the
    bulk decoder says what the full one does."""
    record = data.draw(st.sampled_from(captured(name)))
    mac = decode_mac(record.data)
    place = data.draw(st.integers(0, len(mac.payload_ies)))
    kept = mac.payload_ies[:place]
    junk = data.draw(st.one_of(st.binary(min_size=1, max_size=1), st.binary(min_size=2, max_size=40)))
    psdu = encode_mac(attrs.evolve(mac, payload_ies=kept, payload=junk))
    whole = Decoder().decode(make_record(1, 0, NO_FCS, record.data, len(record.data)))
    found = Decoder().decode(make_record(1, 0, NO_FCS, psdu, len(psdu)))
    assert found.mac is not None
    assert found.bug == ""
    assert found.mac.header_ies == mac.header_ies
    assert found.mac.payload_ies[:place] == kept
    assert encode_mac(found.mac) == psdu
    assert (found.src, found.dst, found.seq, found.kind) == (whole.src, whole.dst, whole.seq, whole.kind)
    told = [str(element) for element in whole.typed_ies]
    before = sum(1 for ie in mac.header_ies if ie.id == 0x2A) + sum(
        len(wisun.read_payload_elements(ie.content)) for ie in kept if ie.id == 4
    )
    assert [str(element) for element in found.typed_ies][:before] == told[:before]
    if (
        found.mac.broken
        and any(ie.id == 3 for ie in kept)
        and not any(ie.id == 3 for ie in found.mac.payload_ies[place:])
    ):
        assert (found.packet, found.eapol, found.layers) == (whole.packet, whole.eapol, whole.layers)
    assert not found.mac.broken or found.mac.broken in found.info
    bulk = line_decoder(NO_FCS)
    for octets in (record.data, psdu, psdu):
        row = bulk.decode(1, 0, 0, octets, len(octets))
        frame = Decoder().decode(make_record(1, 0, NO_FCS, octets, len(octets)))
        if not isinstance(row, Pending):
            full = line_row(frame, 0)
            assert (row[3], row[5:12], row[12][:2]) == (full[3], full[5:12], full[12][:2])


def test_the_fast_table_prints_the_same(tmp_path: Path) -> None:
    psdu = encode_mac(WHOLE)
    frames = [psdu, *(psdu + behind for behind, _ in BEHIND.values()), psdu, psdu + b"\0", struct.pack("<H", 0xDC44)]
    path = write_capture(tmp_path / "broken.pcapng", list(enumerate(frames)))
    fast, full = io.StringIO(), io.StringIO()
    assert write_table(str(path), None, None, fast, 1) is not None
    show._frame_by_frame(str(path), Decoder(), show._Table(), None, full)
    assert fast.getvalue() == full.getvalue()
    assert fast.getvalue().count("[malformed: ") == 4
