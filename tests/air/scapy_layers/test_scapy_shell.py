"""The layers as people meet them: scapy's own readers, a capture by index, and decoding that never loads scapy."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw
from scapy.sendrecv import sniff
from scapy.utils import rdpcap, wrpcap

from bench.air import scapy_layers
from bench.air.capture.capture import read_capture
from bench.air.capture.link import TAP, make_record
from bench.air.frame.decoder import Frame, decode_frames
from bench.air.scapy_layers import (
    RPL_MESSAGES,
    RPL_OPTIONS,
    WISUN_LAYERS,
    Sealed,
    Wpan,
    WpanTap,
    use_contexts,
    use_keys,
)
from bench.air.scapy_layers.ipv6 import Ip6
from bench.air.scapy_layers.packets import to_scapy
from bench.air.sequence import Capture
from bench.air.wisun.frames import Us, Utt
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI_CONTEXTS, CONTIKI_KEY, keys_of, need

RplDao = RPL_MESSAGES[2]
TAPPED = "pomrpi-tap-fcs32.pcapng"


@pytest.fixture(autouse=True)
def _own_settings() -> Iterator[None]:
    before = scapy_layers.settings.keys, scapy_layers.settings.contexts
    yield
    scapy_layers.settings.keys, scapy_layers.settings.contexts = before


def test_scapy_reads_a_tap_capture_and_writes_it_again(tmp_path: Path) -> None:
    use_keys(need("pomrpi.ieee802154_keys"))
    packets = rdpcap(str(need(TAPPED)))
    assert {type(packet) for packet in packets} == {WpanTap}
    dao = next(packet for packet in packets if RplDao in packet)
    assert isinstance(dao[RplDao].options[0], RPL_OPTIONS[5])
    assert dao[WISUN_LAYERS[Utt]].frame_type == 4
    assert "Transit Information" in str(dao.show(dump=True))
    assert "WpanTap / Wpan" in packets[0].summary() or "802.15.4" in packets[0].summary()
    assert dao[Wpan].fcs_ok
    wrpcap(str(tmp_path / "again.pcap"), packets)
    again = list(read_capture(tmp_path / "again.pcap"))
    assert [record.data for record in again] == [record.data for record in read_capture(need(TAPPED))]
    assert all(record.fcs_ok for record in again)


def test_sniff_offline_filters_by_what_is_inside() -> None:
    use_keys(need("pomrpi.ieee802154_keys"))
    found = sniff(offline=str(need(TAPPED)), lfilter=lambda packet: UDP in packet, count=5)
    assert len(found) == 5
    assert all(packet[IPv6].version == 6 for packet in found)
    use_keys(None)
    sealed = sniff(offline=str(need(TAPPED)), lfilter=lambda packet: Sealed in packet, count=5)
    assert len(sealed) == 5


def test_a_capture_by_index_and_slice() -> None:
    capture = Capture.open(need(TAPPED), need("pomrpi.ieee802154_keys"))
    frames = list(decode_frames(read_capture(need(TAPPED)), keys_of("pomrpi")))
    assert len(capture) == len(frames)
    assert capture[-1].number == len(frames)
    assert [frame.info for frame in capture[10:20]] == [frame.info for frame in frames[10:20]]
    assert isinstance(capture[3], Frame)
    frame = next(frame for frame in capture if "rpl" in frame.layers)
    packet = frame.scapy()
    assert int(packet.time * 1_000_000_000) == frame.time_ns
    assert bytes(packet[Ip6]) == frame.datagram
    datagram = frame.ipv6()
    assert datagram is not None
    assert bytes(datagram) == frame.datagram
    assert capture[0].ipv6() is None
    assert Sealed in frame.scapy(decrypted=False)
    with pytest.raises(IndexError):
        capture[len(frames)]


def test_a_packet_belongs_to_who_asked_for_it() -> None:
    frame = Capture.open(need(TAPPED))[0]
    one, other = frame.scapy(), frame.scapy()
    one.src = "00:00:00:00:00:00:00:01"
    assert other.src != one.src == frame.scapy().src.replace(other.src, one.src)


def test_contexts_stay_with_the_packet() -> None:
    capture = Capture.open(need("contiki-rpl-lite-line4.pcapng"), None, CONTIKI_CONTEXTS)
    frame = next(frame for frame in capture if frame.datagram and frame.piece and "frag1" not in frame.layers)
    packet = frame.scapy()
    use_contexts({})
    assert frame.record is not None
    assert scapy_layers.rebuilt(packet) == frame.record.data
    assert Ip6 in packet
    assert to_scapy(frame.record).getlayer(Ip6) is None or not frame.scapy()["LowpanIphc"].cid


def test_a_frame_without_its_record_is_given_in_clear_text_only() -> None:
    frame = next(f for f in decode_frames(read_capture(need(TAPPED)), keys_of("pomrpi")) if f.mic == "ok" and f.packet)
    packet = to_scapy(frame)
    assert bytes(packet[Ip6]) == frame.datagram
    assert packet[WISUN_LAYERS[Us]].dwell_ms == 60 or packet[WISUN_LAYERS[Us]].dwell_ms == 100
    with pytest.raises(ValueError, match="make the packet of its record"):
        to_scapy(frame, decrypted=False)
    with pytest.raises(ValueError, match="is not read"):
        to_scapy(Frame(1, 0, info="malformed: x"))


def test_damage_is_raw_and_never_an_exception(tmp_path: Path) -> None:
    assert isinstance(to_scapy(make_record(1, 0, TAP, b"\1\2", 2)), Raw)
    assert isinstance(to_scapy(make_record(1, 0, 230, b"\x41", 1)), Raw)
    assert isinstance(to_scapy(make_record(1, 0, 230, b"\x49\xdc\x01\x02", 4)), Raw)
    octets = need(TAPPED).read_bytes()
    (tmp_path / "cut.pcapng").write_bytes(octets[:5000])
    capture = Capture.open(tmp_path / "cut.pcapng")
    assert "truncated" in capture.damage
    assert len(capture) > 10
    (tmp_path / "none.pcapng").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a capture"):
        Capture.open(tmp_path / "none.pcapng")
    assert not Capture.open(need(TAPPED)).damage


def test_keys_from_a_file_or_none() -> None:
    use_keys(need("pomrpi.ieee802154_keys"))
    assert scapy_layers.settings.keys.candidates(1)
    use_keys(None)
    assert not scapy_layers.settings.keys
    use_contexts({0: "fd00::", 3: CONTIKI_KEY})
    assert scapy_layers.settings.contexts == {0: bytes.fromhex("fd00") + bytes(14), 3: CONTIKI_KEY}


SHELL = """
from scapy.all import *
from bench.air.scapy_layers import *
use_keys({keys!r})
packets = rdpcap({capture!r})
dio = [p for p in packets if RplDio in p][0]
print(dio[WisunUs].schedule.function, dio[IPv6].dst, type(dio[RplConfiguration]).__name__)
frame = Wpan(src="00:0d:6f:ff:fe:11:20:03", seq_no=1, header_ies=[HeaderIe(id=0x7e)])
made = frame / MpxIe() / LowpanIphc() / Ip6(dst="ff02::1a") / RplDis()
print(Wpan(bytes(made)).summary())
"""


def test_the_layers_from_scapys_shell() -> None:
    script = SHELL.format(keys=str(need("pomrpi.ieee802154_keys")), capture=str(need(TAPPED)))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"2 fe80::\S+ RplConfiguration", done.stdout.splitlines()[0])
    assert "RplDis" in done.stdout.splitlines()[1] or "RPL Dis" in done.stdout.splitlines()[1]


def test_decoding_never_loads_scapy() -> None:
    script = (
        "import sys; from bench.cli.decode import DecodeOptions, decode_capture\n"
        "decode_capture(DecodeOptions((sys.argv[1],)))\n"
        "from bench.air.sequence import Capture; Capture.open(sys.argv[1])[5]\n"
        "sys.exit('scapy' in sys.modules)"
    )
    command = [sys.executable, "-c", script, str(need(TAPPED))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert (done.returncode, done.stderr) == (0, "")
