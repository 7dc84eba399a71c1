"""One frame whole: what `kenshin decode --frame` prints, held to what is known of that frame."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path
from random import Random

import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, WITH_FCS, make_record
from bench.air.capture.marked import Mark, write_marked
from bench.air.fields.rows import Row
from bench.air.fields.tree import frame_lines, hex_lines
from bench.air.frame.decoder import Decoder, decode_frames
from bench.air.index import selection
from bench.air.lowpan.datagram import Fragment
from bench.air.mac.frame import fcs32
from bench.air.show.command import decode_command
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI_CONTEXTS, need


def shown(capture: str, number: int, fmt: str = "table", *, keys: bool = True) -> str:
    out = io.StringIO()
    file = str(need(f"{capture.removesuffix('-tap-fcs32')}.ieee802154_keys")) if keys else None
    contexts = None if keys else CONTIKI_CONTEXTS
    decode_command(str(need(f"{capture}.pcapng")), file, fmt, None, out, contexts, number=number)
    return out.getvalue()


def dump(text: str, title: str) -> bytes:
    """The octets under a heading such as ``Decrypted (104 octets)``."""
    after = re.search(rf"^{title} \((\d+) octets\)\n((?:[0-9a-f]{{4}}  .*\n)+)", text, re.MULTILINE)
    assert after, title
    octets = bytes.fromhex("".join(line[6:53] for line in after[2].splitlines()))
    assert len(octets) == int(after[1])
    return octets


def test_a_dao_from_the_sniffers_notes_to_its_options() -> None:
    text = shown("line2-tap-fcs32", 62)
    lines = text.splitlines()
    assert lines[0].startswith("DATA 00:0d:6f:ff:fe:03:10:02 > 00:0d:6f:ff:fe:03:00:01 | MIC right | RPL DAO seq=240")
    for name, value in {
        "wpan-tap.ch_num": "18",
        "wpan.seq_no": "203",
        "wpan.aux_sec.frame_counter": "13",
        "wisun.uttie.type": "4 (DATA)",
        "6lowpan.hops": "100",
        "icmpv6.checksum.status": "1 (right)",
        "icmpv6.rpl.opt.transit.parent": "fd12:3456::20d:6fff:fe03:1",
    }.items():
        assert any(line.endswith(f" {name}") and f" {value} " in line for line in lines), name
    layers = [line.split("  [")[1][:-1] for line in lines if line.endswith("]")]
    assert [
        n for n in layers if n in ("wpan-tap", "wpan", "wpan.aux_sec", "wpan.mpx", "6lowpan", "ipv6", "icmpv6")
    ] == [*("wpan-tap", "wpan", "wpan.aux_sec", "wpan.mpx", "6lowpan", "ipv6", "icmpv6")]
    assert len(dump(text, "Captured, without FCS")) == 154
    clear, plain = dump(text, "Decrypted"), dump(text, "Decompressed")
    assert plain[0] >> 4 == 6
    assert plain[40:].startswith(b"\x9b\x02")
    assert plain[40:] in clear  # ICMPv6 is not compressed


def test_fragments_put_together() -> None:
    text = shown("contiki-rpl-lite-line4", 80, keys=False)
    whole = dump(text, "Put together of its fragments")
    assert len(whole) == 343
    assert "6lowpan.reassembled.length" in text
    assert re.search(r"Payload: +68:65:6c:6c:6f:20:33:64:64:64 \.\.\. \(287\) +udp.payload$", text, re.MULTILINE)


def lines_of(psdu: bytes, link_type: int = NO_FCS) -> list[str]:
    """The tree's lines of a frame, blanks folded."""
    record = make_record(1, 0, link_type, psdu, len(psdu), 2)
    lines = frame_lines(Row(Decoder().decode(record), record), record)
    return [re.sub(" +", " ", line.strip()) for line in lines]


def test_values_are_put_in_words() -> None:
    """A PAN of one node, a rendezvous-time element, an IPHC header whose modes are named, and no FCS."""
    head = bytes.fromhex("01 e3 34 12") + bytes(range(8))
    rendezvous, pan = bytes.fromhex("05 15 1d 01 00 02 00"), bytes.fromhex("07 a0 05 04 01 00 80 00 43")
    advertisement = lines_of(head + rendezvous + bytes.fromhex("00 3f") + pan)
    assert "PAN size: 1 node wisun.panie.size" in advertisement
    assert "RT: rendezvous time [wisun.opaque]" in advertisement
    assert "Rendezvous: 1 unit of 10 symbols wisun.rtie.rendezvous" in advertisement
    assert "Wake-up interval: 2 units of 10 symbols wisun.rtie.wakeup" in advertisement
    assert not any("wpan.fcs" in line for line in advertisement)
    ping = bytes.fromhex("41 88 07 34 12 02 00 01 00 7e 3b 01 f3 12") + b"hi"  # the last two are the checksum
    named = lines_of(ping)
    assert "Traffic class and flow label: 3 (zero, left out) 6lowpan.iphc.tf" in named
    assert "Source mode: 3 (left out) 6lowpan.iphc.sam" in named
    assert "Destination mode: 3 (ff02::00xx) 6lowpan.iphc.dam" in named
    assert "Port form: 3 (both 0xf0bx) 6lowpan.nhc.udp.ports" in named


@pytest.mark.parametrize("right", [False, True])
def test_the_fcs_is_told_where_there_is_one(right: bool) -> None:
    psdu = next(iter(read_capture(need("star3-clear.pcapng")))).data
    lines = lines_of(psdu + (fcs32(psdu) if right else bytes(4)), WITH_FCS)
    assert f"FCS right: {'true' if right else 'false'} wpan.fcs_ok" in lines
    record = make_record(1, 0, NO_FCS, psdu, len(psdu))
    assert Row(Decoder().decode(record), record).values("wpan.fcs_ok") == [True]  # as Wireshark has it


@pytest.mark.parametrize("sent", ["right", "wrong", "wrong and short"])
def test_a_wrong_fcs_hides_nothing_that_can_be_read(sent: str) -> None:
    psdu = next(iter(read_capture(need("star3-clear.pcapng")))).data[: 5 if "short" in sent else None]
    packet = psdu + (fcs32(psdu) if sent == "right" else b"\x01\x02\x03\x04")
    record = make_record(1, 0, WITH_FCS, packet, len(packet), 2)
    lines = list(frame_lines(Row(Decoder().decode(record), record), record))
    assert ("FCS wrong" in lines[0]) == (sent != "right")
    assert any("wpan.fcf" in line for line in lines)
    assert any("wpan.payload_ie.id" in line for line in lines) == ("short" not in sent)
    assert any("malformed" in line for line in lines) == ("short" in sent)


def test_without_keys_nothing_is_read_of_what_is_encrypted() -> None:
    out = io.StringIO()
    decode_command(str(need("line2.pcapng")), None, "table", None, out, number=62)
    assert "no key" in out.getvalue().splitlines()[0]
    assert "6lowpan" not in out.getvalue()
    assert "Decrypted" not in out.getvalue()


def test_all_fields_as_json() -> None:
    fields = json.loads(shown("line2", 62, "jsonl"))
    assert fields["icmpv6.rpl.opt.type"] == [5, 6]
    assert fields["wpan.src64"] == "00:0d:6f:ff:fe:03:10:02"
    assert (fields["wpan.security"], fields["frame.number"]) == (True, 62)
    out = io.StringIO()
    keys, names = str(need("line2.ieee802154_keys")), ",".join(fields)
    decode_command(str(need("line2.pcapng")), keys, "jsonl", "number == 62", out, names=names)
    assert json.loads(out.getvalue()) == fields
    assert list(fields)[:3] == ["frame.number", "frame.len", "frame.time_epoch"]


def test_a_frame_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match=r"line2\.pcapng: no frame 479; expected 1 to 478"):
        shown("line2", 479)


def test_a_network_name_cannot_move_the_cursor() -> None:
    from bench.air.fields.base import node
    from bench.air.fields.tables import TABLES
    from bench.air.wisun import frames as wisun

    (field, value), *_ = node(wisun.NetName("a\x1b[2Jb\n"), TABLES).values
    assert field.show(value) == r"a\x1b[2Jb\n"


def test_a_network_name_that_is_no_utf8_can_be_written(tmp_path: Path) -> None:
    octets = need("line2.pcapng").read_bytes().replace(b"Wi-SUN Peer", b"Wi-SUN\xffPeer")
    path = tmp_path / "name.pcapng"
    path.write_bytes(octets)
    out = io.TextIOWrapper(io.BytesIO(), "utf-8")
    decode_command(str(path), None, "jsonl", "wisun.netnameie", out, names="wisun.netnameie.name")
    out.seek(0)
    assert {"wisun.netnameie.name": r"Wi-SUN\xffPeer"} in [json.loads(line) for line in out]


def test_hex_lines_show_text_and_offsets() -> None:
    assert list(hex_lines(b"kenshin\0" * 2 + b"!")) == [
        "0000  6b 65 6e 73 68 69 6e 00 6b 65 6e 73 68 69 6e 00  kenshin.kenshin.",
        "0010  21                                               !",
    ]


def test_columns_of_any_field() -> None:
    out = io.StringIO()
    keys = str(need("line2.ieee802154_keys"))
    names = "number,wpan.src64,icmpv6.rpl.opt.type,info"
    decode_command(str(need("line2.pcapng")), keys, "table", "icmpv6.rpl.dao", out, names=names)
    heading, first, *_ = out.getvalue().splitlines()
    assert heading.split() == names.split(",")
    assert first.split()[:3] == ["62", "00:0d:6f:ff:fe:03:10:02", "5,6"]
    assert first.index("RPL DAO") == heading.index("info")


@pytest.mark.parametrize(("names", "message"), [("foo", "'foo' is no field"), ("icmpv6", "is a layer, not a field")])
def test_a_wrong_column_is_said(names: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        decode_command("x", None, "table", None, io.StringIO(), names=names)


def test_damage_never_surprises_the_tree() -> None:
    random = Random(3)
    records = [record for name in ("line2-clear", "mcast-clear") for record in read_capture(need(f"{name}.pcapng"))]
    decoder = Decoder()
    for number in range(400):
        octets = bytearray(random.choice(records).data)
        for _ in range(random.randint(1, 4)):
            octets[random.randrange(len(octets))] = random.randrange(256)
        record = make_record(number, number, NO_FCS, bytes(octets), len(octets))
        assert list(frame_lines(Row(decoder.decode(record), record, 0), record))


def test_how_a_frame_was_read_is_told(tmp_path: Path) -> None:
    """The key, the counter, the comments of the capture."""
    records = list(read_capture(need("line2.pcapng")))
    path, keys = tmp_path / "again.pcapng", tmp_path / "keys"
    with path.open("wb") as file:
        write_marked([*records[:62], records[61]], [Mark(records[61].time_ns, "鍵を押した")], file)
    given = need("line2.ieee802154_keys").read_text("ascii")
    keys.write_text(f'"00112233445566778899aabbccddeeff","1","No hash"\n{given}', "ascii")
    out = io.StringIO()
    decode_command(str(path), str(keys), "table", None, out, number=62)
    told = out.getvalue().split("How it was read\n")[1].split("\n\n")[0].splitlines()
    assert [re.sub(" +", " ", line.strip()) for line in told] == [
        "Key: number 2 of 2 of the key file for key index 1",
        "Frame counter: fresh (against those of its sender and key before)",
        "Comment: 鍵を押した",
    ]
    out = io.StringIO()
    decode_command(str(path), str(keys), "table", None, out, number=63)
    assert " copy (against" in out.getvalue()
    assert "How it was read" not in shown("line2", 1)


@pytest.mark.parametrize("large", [False, True])
def test_one_frame_of_a_large_capture_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    """By the index and without: the numbers of the fragments are those with the datagram's tag on its hop."""
    path = Path(shutil.copy(need("contiki-rpl-lite-line4.pcapng"), tmp_path))
    if large:
        monkeypatch.setattr(selection, "INDEX_FROM_OCTETS", 0)
    frames = list(decode_frames(read_capture(path), None, CONTIKI_CONTEXTS))
    whole = next(frame for frame in frames if "fragn" in frame.layers and frame.packet)
    out = io.StringIO()
    decode_command(str(path), None, "table", None, out, CONTIKI_CONTEXTS, number=whole.number)
    said = re.search(r"Put together: +of frames (.*)", out.getvalue())
    assert said
    parts = [frames[int(text) - 1] for text in said[1].split(", ")]
    assert parts[-1] == whole
    assert sorted(int(p.offset) for p in (frame.piece for frame in parts) if isinstance(p, Fragment))[0] == 0
    assert sum(len(frame.piece.data) for frame in parts if isinstance(frame.piece, Fragment)) == len(whole.datagram)
    assert path.with_name(path.name + ".kbx").exists() is large
    with pytest.raises(InputError, match=f"no frame {len(frames) + 1}; expected 1 to {len(frames)}"):
        decode_command(str(path), None, "table", None, out, number=len(frames) + 1)
