"""What must not be read: octets outside the frame, and anything behind the header of a frame whose MIC is wrong."""

from __future__ import annotations

import io
import itertools
import random
import struct
from collections.abc import Callable, Iterator

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.air.bulk import lines as columns
from bench.air.bulk.table import write_table
from bench.air.capture.capture import read_stream
from bench.air.capture.link import NO_FCS, TAP, WITH_FCS
from bench.air.errors import Malformed
from bench.air.fields.rows import Row
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.security import protect
from bench.air.keys.table import SUITES_2003, KeyTable
from bench.air.mac.frame import FrameType, MacFrame, decode_mac, encode_mac, format_address, mic_octets
from bench.air.mac.ies import HT1, Ie, readable_header_ies, readable_payload_ies
from bench.air.octets import Reader
from bench.air.wisun import frames as wisun
from tests.fuzz.families import FAMILIES
from tests.fuzz.targets import CONTEXTS, KEY, A, B, psdu_record, told

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
POISONS = (b"\x00" * 64, b"\xff" * 64, bytes.fromhex("41d8") * 32)


# ---- octets outside ----------------------------------------------------------------------------------------------


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A frame of many lengths inside, with octets changed and its end cut: some of its lengths point beyond it."""
    psdu = bytearray(FAMILIES[draw(st.sampled_from(sorted(FAMILIES)))](draw(st.integers(8, 90))))
    for _ in range(draw(st.integers(0, 3))):
        psdu[draw(st.integers(0, len(psdu) - 1))] = draw(st.integers(0, 255))
    return bytes(psdu[: draw(st.integers(0, len(psdu)))])


def pcap(link_type: int, *frames: bytes) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    return head + b"".join(struct.pack("<IIII", 1, 2, len(frame), len(frame)) + frame for frame in frames)


def pcapng(link_type: int, *frames: bytes) -> bytes:
    def block(kind: int, body: bytes) -> bytes:
        length = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + length + body + length

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    blocks = (
        block(6, struct.pack("<IIIII", 0, 0, 1_000_002, len(frame), len(frame)) + frame + bytes(-len(frame) % 4))
        for frame in frames
    )
    return section + block(1, struct.pack("<HHI", link_type, 0, 0)) + b"".join(blocks)


@quick
@given(damaged(), st.sampled_from((NO_FCS, WITH_FCS, TAP)), st.sampled_from((pcap, pcapng)))
def test_a_frame_says_the_same_whatever_stands_around_it(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes, link_type: int, write: Callable[..., bytes]
) -> None:
    said: set[str] = set()
    path = tmp_path_factory.getbasetemp() / "bounds.capture"
    for before, after in itertools.product(POISONS[:2], POISONS):
        capture = write(link_type, before, octets, after)
        record = list(read_stream(io.BytesIO(capture), "bounds"))[1]
        assert record.data in octets
        frame = Decoder(None, CONTEXTS).decode(record)
        told(frame, record)
        said.add(repr(frame))
        path.write_bytes(capture)
        out = io.StringIO()
        assert write_table(str(path), None, CONTEXTS, out) is not None
        src, dst = format_address(frame.src), format_address(frame.dst)
        elapsed_ns = record.time_ns - 1_000_002_000
        alone = columns.line(2, elapsed_ns, src, dst, frame.kind, frame.seq, frame.mic, frame.info)
        assert out.getvalue().splitlines(keepends=True)[2] == alone
    assert len(said) == 1


@quick
@given(st.binary(max_size=60), st.sampled_from(POISONS), st.sampled_from(POISONS))
def test_elements_are_read_between_their_bounds(octets: bytes, before: bytes, after: bytes) -> None:
    """The MIC stands right behind them."""
    for read in (readable_header_ies, readable_payload_ies):
        found = []
        for around in ((b"", b""), (before, after)):
            start = len(around[0])
            told = read(around[0] + octets + around[1], start, start + len(octets))
            found.append((told.ies, told.stop - start, bool(told.trouble), told.short))
        assert found[0] == found[1]


@quick
@given(st.binary(max_size=20), st.lists(st.integers(-2, 12), max_size=6))
def test_a_reader_gives_its_slice_and_nothing_more(octets: bytes, counts: list[int]) -> None:
    reader, taken = Reader(octets, "slice"), b""
    for count in counts:
        left = reader.left
        if 0 <= count <= left:
            taken += reader.take(count)
        else:
            with pytest.raises(Malformed):
                reader.take(count)
            assert reader.left == left
    assert octets == taken + reader.rest()
    for read in (reader.u8, reader.peek, reader.u16, reader.u32, reader.le):
        with pytest.raises(Malformed):
            read()


# ---- a wrong MIC -------------------------------------------------------------------------------------------------

LEVELS = (1, 2, 3, 5, 6, 7)
PACKET = FAMILIES["RPL targets"](24)


def frames() -> Iterator[MacFrame]:
    """Clear frames of every kind that can be secured, with something to read in each."""
    yield decode_mac(PACKET)
    yield wisun.pc(A, 0xABCD, 7, wisun.GtkHash((bytes(8),) * 4), bt=wisun.Bt(1, 2))
    yield wisun.eapol(A, B, 1, bytes.fromhex("0300000501010005") + b"\x01", 9, authenticator=B)
    yield MacFrame(
        frame_type=FrameType.COMMAND, version=1, sequence=1, dst_pan=1, dst=B, src=A, pan_id_compression=True,
        payload=bytes((2, 0x34, 0x12, 0)),
    )  # fmt: skip
    yield MacFrame(version=1, sequence=1, dst_pan=1, dst=B, src=A, pan_id_compression=True, payload=b"\x41" + bytes(50))


@pytest.mark.parametrize("suite", SUITES_2003)
def test_a_frame_of_2003_with_any_bit_turned_is_not_opened(suite: str) -> None:
    """Whose header does not tell that it has a MIC at all: where the key file names the suite, it must be right."""
    clear = MacFrame(
        version=0, sequence=1, dst_pan=1, dst=B, src=A, pan_id_compression=True, payload=b"\x41" + bytes(50)
    )
    psdu = protect(clear, KEY, 5, None, level=SUITES_2003[suite], key_sequence=7)
    keys = KeyTable([(0, KEY)], suite=suite)
    assert sum(frame.mic == "bad" for frame in each_bit_turned(psdu, keys)) > 8 * (len(psdu) - 3)


def each_bit_turned(psdu: bytes, keys: KeyTable) -> Iterator[Frame]:
    """What is read of a frame that verifies with one bit after the other turned: none verifies, and where the MIC is
    wrong nothing is told."""
    assert Decoder(keys, CONTEXTS).decode(psdu_record(psdu)).mic == "ok"
    for bit in range(8 * len(psdu)):
        turned = bytearray(psdu)
        turned[bit // 8] ^= 1 << bit % 8
        frame = Decoder(keys, CONTEXTS).decode(psdu_record(bytes(turned)))
        assert frame.mic != "ok", bit
        if frame.mic == "bad":
            assert_unread(frame)
        yield frame


def assert_unread(frame: Frame) -> None:
    """A frame whose MIC is wrong: its header, and nothing that only its payload says."""
    assert frame.mic == "bad"
    read = (frame.packet, frame.eapol, frame.relay, frame.key_message, frame.content, frame.piece, frame.kmp_id)
    assert read == (None,) * len(read)
    assert not frame.datagram
    assert not frame.tls
    assert frame.mac is not None
    assert not frame.mac.payload_ies
    assert all(element.FORM == "header" for element in frame.typed_ies if not isinstance(element, wisun.Opaque))
    assert all(element.form == "header" for element in frame.typed_ies if isinstance(element, wisun.Opaque))
    assert frame.freshness is None
    assert frame.info == "the MIC is wrong under every key of this index" or frame.info.startswith("malformed: beacon")
    shown = {name.split(".")[0] for name in Row(frame).names}
    assert not shown & {"6lowpan", "ipv6", "icmpv6", "udp", "eapol", "eap", "coap"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("clear", list(frames()), ids=["data", "PC", "EAPOL", "command", "2006"])
def test_a_frame_with_any_bit_turned_is_not_opened(clear: MacFrame, level: int) -> None:
    """All bits of the frame, one after the other: addresses, counter, elements, payload, MIC."""
    psdu = protect(clear, KEY, 5, 1, level=level)
    keys = KeyTable([(index, KEY) for index in range(256)])
    wrong = 0
    for frame in each_bit_turned(psdu, keys):
        if frame.mic == "bad":
            wrong += 1
        elif frame.mac is not None and frame.secured:
            # another level without a MIC, no address or counter left for the nonce, or header elements that break, so
            # that nobody knows where what is encrypted begins
            assert frame.mac.security is not None
            no_mic = not mic_octets(frame.mac.security.level)
            no_nonce = frame.mac.src is None or len(frame.mac.src) != 8 or frame.mac.security.frame_counter is None
            assert no_mic or no_nonce or frame.mac.broken
            assert frame.info
            if frame.mac.security.level & 4 and not frame.unauthenticated:
                assert frame.packet is None
    assert wrong > 8 * (len(psdu) - len(encode_mac(clear)) + len(clear.payload)) - 8


def test_a_beacon_whose_clear_part_is_cut_is_not_taken_for_verified() -> None:
    """What is encrypted begins behind that part: where it cannot be found, no MIC was checked and no counter counts."""
    frame = attrs.evolve(decode_mac(PACKET), frame_type=FrameType.DATA, version=1, sequence=1, dst_pan=7)
    clear = attrs.evolve(frame, header_ies=(), payload_ies=(), payload=b"\x41\xff\xff\xff\xff")
    psdu = protect(clear, KEY, 5, 1)
    forged = bytes((psdu[0] & ~7,)) + psdu[1:]
    decoder = Decoder(KeyTable([(1, KEY)]), CONTEXTS)
    first, second = decoder.decode(psdu_record(forged, 1)), decoder.decode(psdu_record(psdu, 2))
    assert_unread(first)
    assert first.kind == "beacon"
    assert (second.mic, second.freshness) == ("ok", "fresh")


def test_elements_of_a_frame_with_a_wrong_mic_are_not_read_at_the_levels_that_do_not_encrypt() -> None:
    clear = wisun.pc(A, 0xABCD, 7, wisun.GtkHash((bytes(8),) * 4), bt=wisun.Bt(1, 2))
    for level in (1, 2, 3):
        psdu = protect(clear, KEY, 5, 1, level=level)
        right, wrong = (Decoder(KeyTable([(1, key)]), CONTEXTS).decode(psdu_record(psdu)) for key in (KEY, bytes(16)))
        assert right.ie(wisun.PanVersion) == wisun.PanVersion(7)
        assert_unread(wrong)
        assert wrong.ie(wisun.Bt) == wisun.Bt(1, 2)
        assert wrong.mac is not None
        assert encode_mac(wrong.mac) == psdu


@quick
@given(st.sampled_from(LEVELS), st.integers(0, 3), st.integers(0, 2**32 - 1), st.binary(max_size=80), st.data())
def test_every_level_and_key_id_mode_opens_under_its_key_alone(
    level: int, mode: int, counter: int, payload: bytes, data: st.DataObject
) -> None:
    source = data.draw(st.binary(min_size=(n := (0, 0, 4, 8)[mode]), max_size=n))
    index = data.draw(st.integers(1, 255)) if mode else None
    clear = attrs.evolve(
        wisun.data(A, B, b"", 7),
        header_ies=(Ie(0x2A, b"\x01\x04abc"), Ie(HT1)),
        payload_ies=(Ie(3, b"\x00\xed\xa0" + payload),),
    )
    psdu = protect(clear, KEY, counter, index, level=level, key_source=source)
    number = index or 0
    right = Decoder(KeyTable([(number, KEY)]), CONTEXTS).decode(psdu_record(psdu))
    assert right.mic == "ok"
    assert right.mac is not None
    assert right.mac.payload_ies == clear.payload_ies
    chance = random.Random(data.draw(st.integers(0, 99)))
    assert_unread(Decoder(KeyTable([(number, chance.randbytes(16))]), CONTEXTS).decode(psdu_record(psdu)))
    end = len(psdu) - data.draw(st.integers(1, len(psdu) - 30))
    shorter = Decoder(KeyTable([(number, KEY)]), CONTEXTS).decode(psdu_record(psdu[:end]))
    assert shorter.mic != "ok"
    assert shorter.packet is None
