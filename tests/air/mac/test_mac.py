"""MAC frames and information elements: what is written is read, what is damaged raises Malformed and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.errors import Malformed
from bench.air.mac.frame import (
    AuxSecurity,
    FrameType,
    MacFrame,
    decode_mac,
    encode_mac,
    fcs16,
    fcs32,
    format_address,
    mic_octets,
    pans_present,
)
from bench.air.mac.ies import HT1, HT2, Ie, SubIe, read_sub_ies, write_sub_ies
from bench.air.mac.mpx import Mpx, Transfer, decode_mpx, encode_mpx
from bench.air.wisun import frames as wisun
from bench.air.wisun.element import Element
from bench.air.wisun.schedule import ChannelFunction, Schedule

quick = settings(max_examples=200, deadline=None)

addresses = st.one_of(st.none(), st.binary(min_size=2, max_size=2), st.binary(min_size=8, max_size=8))
header_ie = st.builds(Ie, st.integers(0, 0x7D), st.binary(max_size=127))
payload_ie = st.builds(Ie, st.integers(0, 0xE), st.binary(max_size=300))


@st.composite
def security(draw: st.DrawFn, version: int) -> AuxSecurity:
    mode = draw(st.integers(0, 3))
    source = (0, 0, 4, 8)[mode]
    counter = st.integers(0, 2**32 - 1)
    return AuxSecurity(
        draw(st.integers(0, 7)),
        mode,
        draw(st.one_of(st.none(), counter) if version == 2 else counter),
        draw(st.binary(min_size=source, max_size=source)),
        draw(st.integers(0, 255)) if mode else None,
        draw(st.booleans()) if version == 2 else False,
    )


@st.composite
def mac_frames(draw: st.DrawFn) -> MacFrame:
    version = draw(st.integers(0, 2))
    dst, src = draw(addresses), draw(addresses)
    compression = draw(st.booleans())
    dst_pan, src_pan = pans_present(version, len(dst or b""), len(src or b""), compression)
    pan = st.integers(0, 0xFFFF)
    aux = draw(st.one_of(st.none(), security(version))) if version else None
    headers: tuple[Ie, ...] = ()
    payloads: tuple[Ie, ...] = ()
    payload = draw(st.binary(max_size=60))
    if version == 2 and draw(st.booleans()):
        headers = tuple(draw(st.lists(header_ie, max_size=3)))
        if payload or not headers:
            headers = (*headers, Ie(draw(st.sampled_from([HT1, HT2]))))
        if headers[-1].id == HT1 and not (aux and aux.level & 4):
            payloads = (*draw(st.lists(payload_ie, max_size=3)), Ie(0xF))
    return MacFrame(
        frame_type=draw(st.integers(0, 3)),
        version=version,
        sequence=draw(st.one_of(st.none(), st.integers(0, 255)) if version == 2 else st.integers(0, 255)),
        dst_pan=draw(pan) if dst_pan else None,
        dst=dst,
        src_pan=draw(pan) if src_pan else None,
        src=src,
        ack_request=draw(st.booleans()),
        frame_pending=draw(st.booleans()),
        pan_id_compression=compression,
        security=aux,
        header_ies=headers,
        payload_ies=payloads,
        payload=payload,
        mic=draw(st.binary(min_size=(n := mic_octets(aux.level) if aux else 0), max_size=n)),
    )


@quick
@given(mac_frames())
def test_a_frame_written_is_the_frame_read(frame: MacFrame) -> None:
    assert decode_mac(encode_mac(frame)) == frame


@quick
@given(st.binary(max_size=120))
def test_any_octets_give_a_frame_or_malformed(octets: bytes) -> None:
    try:
        frame = decode_mac(octets)
    except Malformed:
        return
    assert len(encode_mac(frame)) == len(octets)


# IEEE 802.15.4-2015 table 7-2: destination, source, PAN ID compression; then which PAN IDs are there.
TABLE_7_2 = [
    (0, 0, 0, False, False),
    (0, 0, 1, True, False),
    (2, 0, 0, True, False),
    (2, 0, 1, False, False),
    (8, 0, 0, True, False),
    (8, 0, 1, False, False),
    (0, 2, 0, False, True),
    (0, 2, 1, False, False),
    (0, 8, 0, False, True),
    (0, 8, 1, False, False),
    (8, 8, 0, True, False),
    (8, 8, 1, False, False),
    (2, 2, 0, True, True),
    (2, 8, 0, True, True),
    (8, 2, 0, True, True),
    (2, 8, 1, True, False),
    (8, 2, 1, True, False),
    (2, 2, 1, True, False),
]


@pytest.mark.parametrize(("dst", "src", "compression", "dst_pan", "src_pan"), TABLE_7_2)
def test_pan_ids_of_version_2(dst: int, src: int, compression: int, dst_pan: bool, src_pan: bool) -> None:
    assert pans_present(2, dst, src, bool(compression)) == (dst_pan, src_pan)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", "MAC header"),
        ("01", "MAC header"),
        ("0600", "frame type 6 .fragment."),
        ("0d10", "multipurpose frame version 1"),
        ("1509", "destination address mode 1"),
        ("4509", "source address mode 1"),
        ("0130", "version 3"),
        ("010400", "destination address mode 1"),
        ("014000", "source address mode 1"),
        ("012207", "none there"),
        ("012207ff", "header IE cut"),
        ("01220705150102", "says 5 octets, 2 there"),
        ("01220700a0", "payload IE stands among the header IEs"),
        ("012207003f0515", "header IE stands among the payload IEs"),
        ("092000060000000001020304", "no room for the MIC"),
        ("090800", "MAC header"),
    ],
)
def test_damage_is_named(octets: str, message: str) -> None:
    with pytest.raises(Malformed, match=message):
        decode_mac(bytes.fromhex(octets))


@pytest.mark.parametrize(
    "frame",
    [
        MacFrame(dst=bytes(3), sequence=1),
        MacFrame(dst=bytes(8), src=bytes(8), sequence=1),
        MacFrame(version=1, sequence=None),
        MacFrame(sequence=1, payload_ies=(Ie(4),)),
        MacFrame(sequence=1, header_ies=(Ie(0x2A, bytes(128)),)),
        MacFrame(sequence=1, security=AuxSecurity(6, 1, 1, b"", None)),
    ],
)
def test_what_cannot_be_is_not_written(frame: MacFrame) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        encode_mac(frame)


def test_check_sums() -> None:
    # The catalogue's check input; CRC-16/KERMIT 0x2189 and CRC-32 0xcbf43926, both sent low octet first.
    assert fcs16(b"123456789").hex() == "8921"
    assert fcs32(b"123456789").hex() == "2639f4cb"
    assert fcs32(b"\x01") == fcs32(b"\x01\0\0\0")  # frames under 4 octets are padded (7.2.10)


def test_addresses_as_people_write_them() -> None:
    assert format_address(bytes.fromhex("000d6ffffe030001")) == "00:0d:6f:ff:fe:03:00:01"
    assert format_address(b"\x12\x34") == "0x1234"
    assert format_address(None) is None


sub_ies = st.one_of(
    st.builds(SubIe, st.integers(0, 0x7F), st.just(False), st.binary(max_size=255)),
    st.builds(SubIe, st.integers(0, 0xF), st.just(True), st.binary(max_size=400)),
)


@quick
@given(st.lists(sub_ies, max_size=4).map(tuple))
def test_nested_elements(elements: tuple[SubIe, ...]) -> None:
    assert read_sub_ies(write_sub_ies(elements)) == elements


u8, u16, u24 = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFF)
octets8 = st.binary(min_size=8, max_size=8)
functions = st.one_of(
    st.tuples(st.just(ChannelFunction.FIXED), u16, st.just(b"")),
    st.tuples(st.sampled_from([ChannelFunction.TR51CF, ChannelFunction.DH1CF]), st.none(), st.just(b"")),
    st.tuples(st.just(ChannelFunction.VENDOR), st.none(), st.binary(max_size=6)),
)
exclusions = st.one_of(
    st.just(((), b"")),
    st.tuples(st.lists(st.tuples(u16, u16), min_size=1, max_size=3).map(tuple), st.just(b"")),
    st.tuples(st.just(()), st.binary(min_size=1, max_size=9)),
)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    function, fixed, hops = draw(functions)
    ranges, mask = draw(exclusions)
    if draw(st.booleans()):
        return Schedule(1, 0, 0, draw(u24), draw(u8), 8 * len(mask), function, fixed, hops, ranges, mask)
    plan = draw(st.sampled_from([0, 2]))
    return Schedule(plan, draw(u8), draw(u8), 0, 0, 0, function, fixed, hops, ranges, mask)


metrics = st.lists(st.tuples(st.integers(0, 63), st.sampled_from([b"", b"a", b"ab", b"abcd"])), max_size=3).map(tuple)
elements = st.one_of(
    st.builds(wisun.Utt, u8, u24),
    st.builds(wisun.Bt, u16, u24),
    st.builds(wisun.Fc, u8, u8),
    st.builds(wisun.Rsl, st.none() | st.integers(-174, 80)),
    st.builds(wisun.Ea, octets8),
    st.builds(wisun.Lutt, u8, u16, u24),
    st.builds(wisun.Lbt, u16, u24),
    st.builds(wisun.Nr, st.integers(0, 1), u8, u8, st.none(), st.none(), st.integers(0, 31)),
    st.builds(wisun.Nr, st.just(2), u8, u8, u24, u24, st.integers(0, 31)),
    st.builds(wisun.Lus, u24, u8),
    st.builds(wisun.Flus, u8, u8),
    st.builds(wisun.Lbs, u24, u16, u8, u8),
    st.builds(wisun.Lnd, u8, u24, u8, u8, u16),
    st.builds(wisun.Lto, u24, u24),
    st.builds(wisun.PanId, u16),
    st.builds(wisun.Lbc, u24, u8),
    st.builds(wisun.Us, u8, u8, u8, schedules()),
    st.builds(wisun.Bs, st.integers(0, 2**32 - 1), u16, u8, u8, u8, schedules()),
    st.builds(wisun.Lcp, u8, schedules()),
    st.builds(wisun.Pan, u16, u16, st.booleans(), st.booleans(), st.booleans(), st.integers(0, 7)),
    st.builds(wisun.NetName, st.text(max_size=8) | st.binary(max_size=32)),
    st.builds(wisun.PanVersion, u16),
    st.builds(wisun.GtkHash, st.tuples(octets8, octets8, octets8, octets8)),
    st.builds(wisun.Pom, st.lists(u8, max_size=15).map(tuple), st.booleans()),
    st.builds(wisun.Lbats, u8, u16),
    st.builds(wisun.Jm, u8, metrics),
    st.builds(wisun.LfnVersion, u16),
    st.builds(wisun.LgtkHash, st.tuples(*[st.one_of(st.none(), octets8)] * 3), st.integers(0, 2)),
)


@settings(max_examples=600, deadline=None)
@given(elements)
def test_an_element_written_is_the_element_read(element: Element) -> None:
    if element.FORM == "header":
        assert wisun.read_header_element(wisun.header_ie(element)) == element
    else:
        assert wisun.read_payload_elements(wisun.payload_ie(element).content) == (element,)


@pytest.mark.parametrize("kind", wisun.ELEMENTS, ids=lambda kind: kind.NAME)
def test_an_element_drops_no_bit(kind: type[Element]) -> None:
    """What drops a reserved bit tells that its sender sent zero."""

    @settings(max_examples=60, deadline=None)
    @given(st.binary(min_size=33, max_size=33))
    def kept(content: bytes) -> None:
        try:
            written = kind.decode(content).encode()
        except Malformed:
            return
        assert written == content[: len(written)]

    kept()


@pytest.mark.parametrize("kind", wisun.ELEMENTS, ids=lambda kind: kind.NAME)
def test_a_cut_element_is_malformed(kind: type[Element]) -> None:
    # JM and NETNAME may be as short as they like after their first octet.
    shortest = b"" if kind is not wisun.NetName else bytes(33)
    with pytest.raises(Malformed, match=kind.NAME):
        kind.decode(shortest)


@pytest.mark.parametrize("control", [0x03, 0x07, 0x22, 0xC2], ids=["plan 3", "plan 7", "function 4", "exclusion 3"])
def test_a_reserved_channel_control_is_malformed(control: int) -> None:
    with pytest.raises(Malformed, match="reserved"):
        wisun.Us.decode(bytes((255, 255, 100, control)) + bytes(8))


def test_unknown_elements_pass_through() -> None:
    ie = Ie(0x2A, b"\x1fabc")
    element = wisun.read_header_element(ie)
    assert isinstance(element, wisun.Opaque)
    assert element.name == "WH-1f"
    assert wisun.header_ie(element) == ie


mpx_elements = st.one_of(
    st.builds(
        Mpx, st.none(), st.binary(max_size=40), st.just(Transfer.FRAGMENT), st.integers(0, 31), st.integers(1, 255)
    ),
    st.builds(Mpx, u16, st.binary(max_size=40), st.just(Transfer.FULL), st.integers(0, 31)),
    st.builds(Mpx, u16, st.binary(max_size=40), st.just(Transfer.FRAGMENT), st.integers(0, 31), st.just(0), u16),
    st.builds(
        Mpx, st.none(), st.binary(max_size=40), st.just(Transfer.LAST_FRAGMENT), st.integers(0, 31), st.integers(1, 255)
    ),
)


@quick
@given(mpx_elements)
def test_mpx(mpx: Mpx) -> None:
    assert decode_mpx(encode_mpx(mpx).content) == mpx


def test_frame_types_have_their_numbers() -> None:
    assert [kind.value for kind in FrameType] == [0, 1, 2, 3, 5]


@pytest.mark.parametrize(
    ("element", "says"),
    [
        (wisun.Rsl(81), "RSL-IE: 81 dBm is none of -174 to 80"),
        (wisun.Rsl(-175), "RSL-IE: -175 dBm is none of -174 to 80"),
        (wisun.Pan(1, 0, reserved=4), "PAN-IE: reserved: 4 is none of 0 to 3"),
        (wisun.Pan(1, 0, tps_version=8), "PAN-IE: tps_version: 8 is none of 0 to 7"),
        (wisun.Pom(tuple(range(16))), "POM-IE: phy_modes: 16 is none of 0 to 15"),
        (wisun.Jm(1, ((64, b""),)), "JM-IE: metric 64: 64 is none of 0 to 63"),
    ],
)
def test_a_value_that_its_bits_do_not_hold_is_refused(element: wisun.Element, says: str) -> None:
    """81 dBm would be written as 255: not measured."""
    with pytest.raises(ValueError, match=says):
        element.encode()
