"""The decoder under damage, missing keys and cut frames; what it reads right is in test_oracle."""

from __future__ import annotations

from functools import cache

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import Record, read_capture
from bench.air.capture.link import make_record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys.security import protect
from bench.air.keys.table import GroupKey, KeyTable, gak
from bench.air.mac.frame import MacFrame, decode_mac, encode_mac
from bench.air.mac.mpx import KMP, Mpx, encode_mpx
from bench.air.wisun import frames as wisun
from tests.air.mac_captures import CONTIKI_CONTEXTS, keys_of, need

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
KEY = bytes(range(16))
DATAGRAM = bytes.fromhex("416000000000003b40") + A + A + B + B


def decode(psdu: bytes, keys: KeyTable | None = None) -> Frame:
    return Decoder(keys).decode(make_record(1, 0, 230, psdu, len(psdu)))


def test_a_secured_frame_with_each_state_of_its_key() -> None:
    clear = wisun.data(B, A, DATAGRAM, 7, bt=wisun.Bt(1, 2))
    psdu = protect(clear, KEY, 5, 1)
    right, wrong, other = (decode(psdu, KeyTable([k])) for k in ((1, KEY), (1, bytes(16)), (2, KEY)))
    assert (right.mic, wrong.mic, other.mic) == ("ok", "bad", "no key")
    assert right.ipv6_src == A + A
    assert right.layers == ("802.15.4", "wi-sun", "mpx", "6lowpan", "ipv6")
    for frame in (wrong, other):
        assert frame.packet is None
        assert frame.layers == ("802.15.4", "wi-sun")
        assert (frame.kind, frame.ies, frame.frame_counter, frame.key_index) == ("DATA", ("UTT", "BT"), 5, 1)
    assert all(frame.secured for frame in (right, wrong, other))
    assert right.length_octets == len(psdu) + 4


def test_several_keys_of_one_index_are_all_tried() -> None:
    psdu = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1)
    assert decode(psdu, KeyTable([(1, bytes(16)), (1, KEY)])).mic == "ok"


def test_one_changed_octet_and_nothing_inside_is_read() -> None:
    psdu = bytearray(protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1))
    psdu[-12] ^= 1
    frame = decode(bytes(psdu), KeyTable([(1, KEY)]))
    assert (frame.mic, frame.packet, frame.ie(wisun.Us)) == ("bad", None, None)
    assert "MIC" in frame.info


def test_authenticated_but_not_encrypted_frames_are_read_without_a_key() -> None:
    psdu = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1, level=2)
    assert decode(psdu).mic == "no key"
    assert decode(psdu).packet is not None
    assert decode(psdu, KeyTable([(1, bytes(16))])).packet is None


def test_encryption_without_a_mic_is_not_trusted() -> None:
    """Decrypted where there is one key, and marked; no counter, no key and no fragment of it is kept."""
    psdu = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1, level=4)
    frame = decode(psdu, KeyTable([(1, KEY)]))
    assert (frame.mic, frame.secured, frame.unauthenticated, frame.freshness) == ("none", True, True, None)
    assert frame.packet == decode(protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1), KeyTable([(1, KEY)])).packet
    assert frame.info.endswith("[decrypted without a MIC: not authenticated]")
    for keys, why in (([], "no key"), ([(1, KEY), (1, bytes(16))], "which of 2 keys fits cannot be told, not opened")):
        closed = decode(psdu, KeyTable(keys))
        assert (closed.packet, closed.unauthenticated) == (None, False)
        assert closed.info == f"encrypted without a MIC: {why}"


def test_nothing_is_kept_of_what_no_mic_proves() -> None:
    """At level 4, and of a frame that the capture cut: no network name, no authenticator, no fragment, no counter."""
    gtk, name = bytes(range(16)), "a network"
    data = protect(wisun.data(B, A, DATAGRAM, 7), gak(name, gtk), 5, 1)
    notice = attrs.evolve(wisun.pa(B, 1, name, wisun.Pan(1, 2, True, True, False, 1)), security=None)
    for level, missing, mic in ((4, 0, "no key"), (2, 8, "no key"), (6, 0, "ok")):
        decoder = Decoder(KeyTable([(2, KEY)], group_keys=[GroupKey(1, gtk)]))
        psdu = protect(notice, KEY, 5, 2, level=level)
        first = decoder.decode(make_record(1, 0, 230, psdu[: len(psdu) - missing], len(psdu)))
        assert "NETNAME" in first.ies
        assert decoder.decode(make_record(2, 1, 230, data, len(data))).mic == mic


def test_a_network_name_that_is_no_utf_8_makes_the_key_of_its_octets() -> None:
    """The name is shown escaped; one that is spelt like that escape is another name."""
    gtk, name = bytes(range(16)), b"mesh\xff\x1b"
    for sent, mic in ((name, "ok"), (rb"mesh\xff\x1b", "no key"), (b"mesh", "no key")):
        decoder = Decoder(KeyTable(group_keys=[GroupKey(1, gtk)]))
        psdu = encode_mac(attrs.evolve(wisun.pas(B, ""), payload_ies=(wisun.payload_ie(wisun.NetName(sent)),)))
        notice = decoder.decode(make_record(1, 0, 230, psdu, len(psdu)))
        found = notice.ie(wisun.NetName)
        assert found is not None
        assert (found.octets, found.encode()) == (sent, sent)
        if sent == name:
            assert (found.name, notice.info) == ("mesh\\xff\x1b", "name mesh\\xff\\x1b")
        data = protect(wisun.data(B, A, DATAGRAM, 7), gak(name, gtk), 5, 1)
        assert decoder.decode(make_record(2, 1, 230, data, len(data))).mic == mic


def test_fragments_that_no_mic_proves_are_not_put_together() -> None:
    packet = DATAGRAM[1:]
    pieces = (b"\xc0\x28\0\1" + DATAGRAM[:-16], b"\xe0\x28\0\1\x03" + packet[24:])
    for level, whole in ((4, False), (6, True)):
        decoder = Decoder(KeyTable([(2, KEY)]))
        frames = []
        for number, piece in enumerate(pieces, 1):
            psdu = protect(wisun.data(B, A, piece, number), KEY, number, 2, level=level)
            frames.append(decoder.decode(make_record(number, number, 230, psdu, len(psdu))))
        assert (frames[1].packet is not None) is whole
        assert frames[0].info.startswith("fragment 0-24 of 40, tag 1")


def test_a_secured_acknowledgement_without_source_opens_by_the_frame_it_answers() -> None:
    data = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1)
    ack = attrs.evolve(wisun.ack(decode_mac(data), A, rsl_dbm=-70), src=None, dst_pan=None)
    psdu = protect(ack, KEY, 6, 1, eui64=A)
    decoder = Decoder(KeyTable([(1, KEY)]))
    first, second = (decoder.decode(Record(i, 0, 230, octets)) for i, octets in enumerate((data, psdu), 1))
    assert (first.mic, second.mic, second.src) == ("ok", "ok", None)
    assert decode(psdu, KeyTable([(1, KEY)])).mic == "no key"


def test_a_frame_cut_by_the_capture_says_so_in_its_line() -> None:
    psdu = encode_mac(wisun.data(B, A, DATAGRAM, 7))
    frame = Decoder().decode(make_record(1, 0, 230, psdu, len(psdu) + 50))
    assert (frame.src, frame.cut) == (B, True)
    assert f"[cut by the capture to {len(psdu)} octets]" in frame.info
    assert frame.length_octets == len(psdu) + 54


def test_a_cut_frame_is_read_up_to_where_it_ends() -> None:
    """At any length that holds the addresses: no guess of a MIC, and the elements that are whole."""
    psdu = protect(wisun.data(B, A, DATAGRAM, 7, bt=wisun.Bt(1, 2)), KEY, 5, 1)
    for length in range(25, len(psdu)):
        frame = Decoder(KeyTable([(1, KEY)])).decode(make_record(1, 0, 230, psdu[:length], len(psdu)))
        assert (frame.src, frame.dst, frame.frame_counter, frame.mic) == (B, A, 5, "none")
        assert frame.info == f"encrypted [cut by the capture to {length} octets]"
        assert frame.mac is not None
        assert (frame.mac.mic, frame.packet, frame.freshness) == (b"", None, None)
        assert ("UTT", "BT")[: len(frame.ies)] == frame.ies
    assert frame.ies == ("UTT", "BT")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (Record(1, 0, 283, b"", damage="TAP header cut"), "TAP header cut"),
        (Record(1, 0, 230, b""), "MAC header"),
    ],
)
def test_what_cannot_be_read_says_why(record: Record, words: str) -> None:
    frame = Decoder().decode(record)
    assert frame.kind == "damaged"
    assert frame.info.startswith("malformed: ")
    assert words in frame.info
    assert frame.mac is None


def test_an_empty_kmp_is_malformed_not_unforeseen() -> None:
    whole = wisun.eapol(B, A, 1, b"", 7)
    empty = attrs.evolve(whole, payload_ies=(whole.payload_ies[0], encode_mpx(Mpx(KMP, b""))))
    assert decode(encode_mac(empty)).info == "malformed: KMP without id"
    assert decode(encode_mac(whole)).info.startswith("malformed: EAPOL")


def test_a_mac_frame_without_wisun_elements_has_the_macs_kind() -> None:
    frame = decode(bytes.fromhex("020017"))
    assert (frame.kind, frame.seq, frame.length_octets) == ("ack", 23, 5)
    assert decode(encode_mac(MacFrame(frame_type=3, version=1, sequence=1, payload=b"\7"))).kind == "command"


def test_fragments_become_a_packet_at_the_last_and_only_there() -> None:
    frames = list(map(Decoder(None, CONTIKI_CONTEXTS).decode, read_capture(need("contiki-rpl-lite-line4.pcapng"))))
    pieces = [frame for frame in frames if "frag1" in frame.layers or "fragn" in frame.layers]
    whole = [frame for frame in pieces if frame.packet]
    assert len(whole) > 10
    assert all("fragn" in frame.layers for frame in whole)
    assert all(frame.info.startswith("fragment ") for frame in pieces if not frame.packet)


@cache
def some_records() -> tuple[tuple[Record, ...], KeyTable]:
    """Frames of every kind, of three stacks, and all their keys."""
    chosen: list[Record] = []
    keys: list[tuple[int, bytes]] = []
    for name in ("line2", "mcast", "mbed-line2", "contiki-rpl-lite-line4"):
        table = keys_of(name)
        keys += [(index, key) for index in range(8) for key in table.candidates(index)]
        records = list(read_capture(need(f"{name}.pcapng")))
        chosen += records[: len(records) : max(1, len(records) // 120)]
    return tuple(chosen), KeyTable(keys)


def damaged(draw: st.DrawFn, octets: bytes) -> bytes:
    changed = bytearray(octets)
    for _ in range(draw(st.integers(1, 3))):
        if changed:
            changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    return bytes(changed[: draw(st.integers(0, len(changed)))]) if draw(st.booleans()) else bytes(changed)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_damaged_frames_never_surprise_the_decoder(data: st.DataObject) -> None:
    records, keys = some_records()
    record = data.draw(st.sampled_from(records))
    octets = data.draw(st.composite(damaged)(octets=record.data))
    frame = Decoder(keys, CONTIKI_CONTEXTS).decode(attrs.evolve(record, data=octets))
    assert not frame.bug


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_damage_inside_clear_frames_never_surprises_the_decoder(data: st.DataObject) -> None:
    """The MIC shields what is inside, so damage is put behind it: the clear text is damaged and sent unsecured."""
    records, keys = some_records()
    opened = Decoder(keys).decode(data.draw(st.sampled_from(records)))
    assert opened.mac is not None
    if opened.mic not in ("ok", "none"):
        return
    clear = encode_mac(attrs.evolve(opened.mac, security=None, mic=b""))
    octets = data.draw(st.composite(damaged)(octets=clear))
    frame = Decoder(None, CONTIKI_CONTEXTS).decode(Record(1, 0, 230, octets, original_length=len(octets)))
    assert not frame.bug


def test_the_last_resort_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(psdu: bytes, *, cut: bool, level_2003: int | None) -> MacFrame:
        raise RuntimeError("oh")

    monkeypatch.setattr("bench.air.frame.decoder.decode_readable", broken)
    frame = decode(b"123")
    assert frame.bug.startswith("RuntimeError: oh (")
    assert frame.info == f"[bug in the decoder: {frame.bug}]"


def test_a_wrong_fcs_is_a_mark() -> None:
    frame = Decoder().decode(Record(1, 0, 195, encode_mac(wisun.pas(A, "x")), fcs_ok=False))
    assert (frame.kind, frame.src, frame.fcs_ok) == ("PAS", A, False)
    assert frame.info == "name x [FCS wrong]"


def test_a_wrong_mic_under_a_wrong_fcs_says_nothing_of_keys() -> None:
    psdu = protect(wisun.data(B, A, DATAGRAM, 7), KEY, 5, 1)
    record = Record(1, 0, 195, psdu[:-1] + b"x", fcs_ok=False, fcs_octets=4, original_length=len(psdu) + 4)
    frame = Decoder(KeyTable([(1, KEY)])).decode(record)
    assert (frame.mic, frame.src, frame.info) == ("none", B, "[FCS wrong]")


def test_what_the_decoder_gives_is_what_the_mac_holds() -> None:
    psdu = encode_mac(wisun.pa(A, 0x1234, "kenshin-twin", wisun.Pan(3, 128)))
    frame = decode(psdu)
    assert frame.mac == decode_mac(psdu)
    assert (frame.pan, frame.src, frame.dst, frame.seq) == (0x1234, A, None, None)
    assert frame.ie(wisun.Pan) == wisun.Pan(3, 128)
    assert frame.ie(wisun.Bs) is None
    assert frame.info == "size 3, cost 128, name kenshin-twin"
