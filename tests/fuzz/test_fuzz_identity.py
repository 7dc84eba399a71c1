"""Built, parsed and built again: the codecs whose round trip no other file holds to (the list: tests/fuzz/README.md).

Whole frames and captures stand here too: any frame sealed and opened, any frame through scapy, any record through the
files that the bench writes.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import attrs
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from scapy.packet import Raw

from bench.air.capture.capture import read_stream
from bench.air.capture.link import TAP, Record, make_record, write_tap
from bench.air.capture.marked import Mark, write_marked
from bench.air.capture.pcapng import PcapngWriter
from bench.air.capture.tap import Tap
from bench.air.ip import extensions
from bench.air.keys import eapol
from bench.air.keys.security import MicError, protect, unprotect
from bench.air.keys.table import GroupKey, KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.mac import header_ies
from bench.air.mac.frame import AuxSecurity, FrameType, MacFrame, decode_mac, encode_mac, mic_octets
from bench.air.mac.ies import HT1, MPX_GROUP, PAYLOAD_TERMINATION, Ie
from bench.air.scapy_layers import Wpan
from bench.air.wisun import frames as wisun
from bench.air.wisun.frames import Element
from tests.air.ip.packets import LINK_DST, LINK_SRC, octets, u
from tests.air.mac.test_mac import elements, mac_frames
from tests.air.scapy_layers.scapy_records import mac_frame

quick = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
blob = st.binary(max_size=40)
KEY = bytes(range(16))
flags = st.booleans()


# ---- elements and headers ----------------------------------------------------------------------------------------

listening = st.one_of(
    st.builds(header_ies.Csl, u(2), u(2), st.none() | u(2)),
    st.builds(header_ies.Rit, u(1), u(1), u(2)),
    st.builds(header_ies.TimeCorrection, st.integers(-2048, 2047), flags),
)


@quick
@given(listening)
def test_listening_elements(element: header_ies.Element) -> None:
    ie = element.ie()
    found = header_ies.read(ie)
    assert found == element
    assert found.ie() == ie


@quick
@given(st.builds(lowpan.Mesh, u(1), octets(2) | octets(8), octets(2) | octets(8)), st.binary(min_size=40, max_size=60))
def test_mesh_headers(mesh: lowpan.Mesh, packet: bytes) -> None:
    built = lowpan.build_mesh(mesh)
    read = lowpan.decompress(built + lowpan.compress(packet, mesh.originator, mesh.final), None, None)
    assert isinstance(read, lowpan.Datagram)
    assert (read.mesh, read.packet) == (mesh, packet)
    assert lowpan.build_mesh(read.mesh or mesh) == built


@quick
@given(st.builds(eapol.EapolRelay, octets(8), u(1), blob))
def test_relayed_pdus(relay: eapol.EapolRelay) -> None:
    assert eapol.decode_relay(eapol.encode_relay(relay)) == relay


options = st.lists(
    st.one_of(
        st.builds(extensions.Rpi, u(1), u(2), u(1), st.sampled_from(extensions.RPI_TYPES), blob),
        st.builds(
            extensions.Mpl, u(1), st.sampled_from([b"", b"ab", bytes(8), bytes(16)]), flags, st.integers(0, 31), blob
        ),
        st.builds(extensions.Pad, st.integers(1, 9)),
        st.builds(extensions.RawOption, st.integers(2, 255).filter(lambda kind: kind not in (0x63, 0x23, 0x6D)), blob),
        st.builds(extensions.RawOption, st.just(1), st.binary(min_size=1, max_size=9).filter(any)),
    ),
    max_size=5,
)


@quick
@given(options)
def test_options_of_extension_headers(found: list[extensions.HeaderOption]) -> None:
    """Padding at the end that building would add again is not part of the record; all else comes back."""
    built = extensions.build_options(found)
    assert (len(built) + 2) % 8 == 0
    read = extensions.parse_options(built)
    assert extensions.build_options(read) == built
    assert list(read) == found[: len(read)]
    assert all(isinstance(option, extensions.Pad) for option in found[len(read) :])


@quick
@given(st.integers(0, 255), st.integers(0, 15), st.integers(0, 15), st.integers(0, 12), octets(16), st.data())
def test_routing_headers_of_type_3(
    left: int, inner: int, last: int, count: int, dst: bytes, data: st.DataObject
) -> None:
    hops = [dst[:inner] + data.draw(octets(16 - inner)) for _ in range(count - 1)]
    ends = [dst[:last] + data.draw(octets(16 - last))] if count else []
    header = extensions.SourceRoute(min(left, count), (*hops, *ends), inner, last)
    built = extensions.build_routing(header)
    assert (len(built) + 2) % 8 == 0
    assert extensions.parse_routing(built, dst) == header
    other = extensions.RoutingHeader(2, left, data.draw(blob))
    assert extensions.parse_routing(extensions.build_routing(other), dst) == other


# ---- whole frames ------------------------------------------------------------------------------------------------


@quick
@given(mac_frames(), st.integers(1, 7), st.integers(0, 3), st.none() | u(4), st.data())
def test_any_frame_sealed_is_opened_to_itself(
    frame: MacFrame, level: int, mode: int, counter: int | None, data: st.DataObject
) -> None:
    """Every version, addressing, level and key id mode; with a slot number in place of the counter, too."""
    assume(frame.version and (counter is not None or frame.version == 2))
    assume(frame.frame_type not in (FrameType.BEACON, FrameType.COMMAND) or frame.version == 2)
    last = frame.header_ies[-1].id if frame.header_ies else None
    assume(last != HT1 or not frame.payload_ies or frame.payload_ies[-1].id == PAYLOAD_TERMINATION or not frame.payload)
    clear = attrs.evolve(frame, security=None, mic=b"")
    source = data.draw(octets((0, 0, 4, 8)[mode]))
    index = data.draw(u(1)) if mode else None
    asn = data.draw(st.integers(0, (1 << 40) - 1)) if counter is None else None
    if last == HT1 and not clear.payload_ies:
        clear = attrs.evolve(
            clear, payload_ies=(Ie(PAYLOAD_TERMINATION),)
        )  # else the payload would be read as elements
    sealed = protect(clear, KEY, counter, index, level=level, eui64=LINK_SRC, key_source=source, asn=asn)
    raw = decode_mac(sealed)
    assert raw.security == AuxSecurity(level, mode, counter, source, index, counter is None)
    assert encode_mac(raw) == sealed
    opened = unprotect(sealed, raw, KEY, eui64=LINK_SRC, asn=asn)
    assert attrs.evolve(opened, security=None, mic=b"") == clear
    again = protect(opened, KEY, counter, index, level=level, eui64=LINK_SRC, key_source=source, asn=asn)
    assert again == sealed
    if mic_octets(level):
        with pytest.raises(MicError):
            unprotect(sealed, raw, bytes(16), eui64=LINK_SRC, asn=asn)


def with_elements(*found: Ie, payload: bytes = b"") -> MacFrame:
    return MacFrame(sequence=1, dst_pan=1, dst=b"ab", header_ies=(Ie(HT1),), payload_ies=found, payload=payload)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(mac_frames())
@example(with_elements(Ie(MPX_GROUP)))  # an MPX-IE of zero octets has no head that could be read, nor a cut one
@example(with_elements(Ie(MPX_GROUP), Ie(PAYLOAD_TERMINATION), payload=b"\1\2"))
@example(with_elements(Ie(MPX_GROUP, b"\0\xed")))
@example(with_elements(Ie(MPX_GROUP, b"\2\0\1"), Ie(MPX_GROUP, b"\7")))
def test_any_frame_through_scapy(frame: MacFrame) -> None:
    sent = encode_mac(frame)
    packet = Wpan(sent)
    fresh = Wpan(sent)
    fresh.clear_cache()
    assert bytes(fresh) == sent
    read = (*(packet.header_ies or ()), *(packet.payload_ies or ()))
    if not any(isinstance(element, Raw) for element in read):  # content that its layer cannot read is `Raw`
        assert mac_frame(packet) == frame


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(elements, min_size=1, max_size=4))
def test_any_elements_through_scapy(found: list[Element]) -> None:
    headers = tuple(wisun.header_ie(element) for element in found if element.FORM == "header")
    nested = [element for element in found if element.FORM != "header"]
    assume(len(wisun.payload_ie(*nested).content) < 2048)
    frame = attrs.evolve(
        wisun.data(LINK_SRC, LINK_DST, b"\x41", 7, us=None), header_ies=(*headers, Ie(HT1)),
        payload_ies=(wisun.payload_ie(*nested),),
    )  # fmt: skip
    sent = encode_mac(frame)
    fresh = Wpan(sent)
    fresh.clear_cache()
    assert bytes(fresh) == sent
    assert mac_frame(fresh) == frame


# ---- captures and key files --------------------------------------------------------------------------------------

reals = st.floats(width=32, allow_nan=False, allow_infinity=False)  # an infinite level was not measured
taps = st.builds(
    Tap,
    bit_rate_bps=st.none() | u(4),
    sun_phy=st.none() | st.tuples(u(1), u(1), u(1)),
    asn=st.none() | u(8),
    slot_start_ns=st.none() | u(8),
    slot_us=st.none() | u(4),
    lqi=st.none() | u(1),
    frequency_khz=st.none() | reals,
    plan=st.none() | st.tuples(reals, reals, u(2)),
    others=st.lists(st.tuples(st.sampled_from([13, 14, 900]), st.binary(max_size=9)), max_size=2).map(tuple),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Records as a TAP capture has them."""
    psdu, fcs_octets = draw(st.binary(max_size=120)), draw(st.sampled_from([0, 2, 4]))
    packet = write_tap(
        psdu,
        fcs=fcs_octets > 0,
        rssi_dbm=draw(st.none() | reals),
        channel=draw(st.none() | u(2)),
        start_ns=draw(st.none() | u(8)),
        end_ns=draw(st.none() | u(8)),
        tlvs=draw(taps).tlvs(),
        fcs_octets=fcs_octets or 4,
    )
    record = make_record(1, draw(u(8)), TAP, packet, len(packet))
    assert record.data == psdu
    assert record.fcs_octets == fcs_octets
    assert record.fcs_ok is (True if fcs_octets else None)
    comments = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
    return attrs.evolve(record, comments=tuple(draw(st.lists(comments, max_size=2))))


@quick
@given(taps)
def test_tap_headers(tap: Tap) -> None:
    packet = write_tap(b"\x01\0\7", tlvs=tap.tlvs())
    record = make_record(1, 0, TAP, packet, len(packet))
    found = Tap.of(record)
    assert found == tap
    assert write_tap(b"\x01\0\7", tlvs=found.tlvs()) == packet


@quick
@given(st.lists(records(), max_size=5), st.lists(st.builds(Mark, u(8), st.sampled_from(["one", "two"])), max_size=3))
def test_captures_written_are_read_and_written_alike(found: list[Record], marks: list[Mark]) -> None:
    numbered = [attrs.evolve(record, number=number) for number, record in enumerate(found, 1)]
    first, second, plain = io.BytesIO(), io.BytesIO(), io.BytesIO()
    write_marked(numbered, [], plain)
    assert list(read_stream(io.BytesIO(plain.getvalue()), "first")) == numbered
    write_marked(numbered, marks, first)
    back = list(read_stream(io.BytesIO(first.getvalue()), "first"))
    assert [attrs.evolve(record, comments=()) for record in back] == [attrs.evolve(r, comments=()) for r in numbered]
    assert [record.tlvs for record in back] == [record.tlvs for record in numbered]
    write_marked(back, [], second)
    assert second.getvalue() == first.getvalue() or not back


@quick
@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, (1 << 63) - 1)), max_size=6))
def test_frames_written_are_the_frames_read(frames: list[tuple[bytes, int]]) -> None:
    out = io.BytesIO()
    writer = PcapngWriter(out)
    writer.section("s1")
    for psdu, time_ns in frames:
        writer.packet(psdu, time_ns)
    read = list(read_stream(io.BytesIO(out.getvalue()), "written"))
    assert [(record.data, record.time_ns) for record in read] == frames
    assert all(record.fcs_ok for record in read)


names = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=32)
_KEYS = st.lists(st.tuples(st.integers(0, 255), octets(16)), max_size=4)
_GROUP_KEYS = st.lists(st.builds(GroupKey, st.integers(1, 7), octets(16), st.none() | names), max_size=3)


@quick
@given(_KEYS, _GROUP_KEYS, st.lists(octets(32), max_size=2), st.dictionaries(st.tuples(u(2), octets(2)), octets(8)))
def test_a_key_file_says_what_its_table_holds(
    tmp_path_factory: pytest.TempPathFactory,
    keys: list[tuple[int, bytes]],
    group_keys: list[GroupKey],
    pmks: list[bytes],
    addresses: dict[tuple[int, bytes], bytes],
) -> None:
    assume(keys or group_keys or pmks)
    lines = [f'"{key.hex()}","{index}","No hash"' for index, key in keys]
    lines += [f"# kenshin gtk {one.index} {one.gtk.hex(':')} {one.network_name or ''}".rstrip() for one in group_keys]
    lines += [f"# kenshin pmk {pmk.hex()}" for pmk in pmks]
    for (pan, short), eui64 in addresses.items():
        (number,) = struct.unpack(">H", short)
        lines.append(f"# kenshin address {pan:#06x} {number} {eui64.hex(':')}")
    path = tmp_path_factory.getbasetemp() / "identity.keys"
    Path(path).write_text("\n".join(("# a comment", *lines, "")))
    wanted = KeyTable(keys, group_keys=group_keys, pmks=pmks, addresses=addresses)
    assert KeyTable.read(path).digest() == wanted.digest()
