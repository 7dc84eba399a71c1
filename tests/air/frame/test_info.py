"""The line about a frame: words that Wi-SUN people look for, held to what Wireshark says of the same frame."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bench.air.capture.capture import read_capture
from bench.air.frame.decoder import decode_frames
from bench.air.frame.describe import describe
from bench.air.frame.summary import elements
from bench.air.ip.icmpv6 import RawMessage
from bench.air.ip.packet import Packet
from bench.air.keys.eapol import tls_records
from bench.air.wisun import frames as wisun
from tests.air.mac_captures import keys_of, need
from tests.skips import ONCE


def test_what_lfns_and_ffns_hear_of_a_pan() -> None:
    found = [wisun.Pan(12, 256), wisun.PanVersion(3), wisun.LfnVersion(4), wisun.Jm(1, ((1, b"\x19"), (2, b"\0\0")))]
    assert elements(found) == "size 12, cost 256, version 3, LFN version 4, load 25 %"


def test_alerts_and_errors_have_their_names() -> None:
    assert tls_records(bytes.fromhex("15 0303 0002 02 30")) == ("Alert fatal unknown CA",)
    assert tls_records(bytes.fromhex("15 0303 0002 03 f0")) == ("Alert 3 240",)
    assert tls_records(bytes.fromhex("14 0303 0001 01 15 0303 0002 02 30")) == ("Change Cipher Spec", "Alert")
    assert describe(Packet(bytes(16), bytes(16), RawMessage(1, 4, b""))) == "Destination unreachable: port unreachable"
    assert describe(Packet(bytes(16), bytes(16), RawMessage(1, 9, b""))) == "Destination unreachable code=9"


WORDS = {
    "Unknown CA": "Alert fatal unknown CA",
    "Port unreachable": "Destination unreachable: port unreachable",
    "LFN Version: ": "LFN version ",
    "PAN Version: ": "version ",
    "Routing Cost: ": "cost ",
    "Netname: ": "name ",
    "Message 1 of 4": "Key 1/4",
    "Group Message 1 of 2": "Key group 1/2",
    "DODAG Information Object": "RPL DIO instance=",
    "Destination Advertisement Object)": "RPL DAO seq=",
    "Destination Advertisement Object Acknowledgment": "RPL DAO-ACK seq=",
    "Relay-forw": "DHCPv6 Relay-forward",
}
"""What Wireshark's Info column says and what ours says then."""


@ONCE
@pytest.mark.parametrize("name", ["line2", "badauth", "mbed-line2", "mcast"])
def test_what_wireshark_says_is_said_here(name: str) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    lines = need(f"{name}.ieee802154_keys").read_text("utf-8").splitlines()
    keys = [word for line in lines for word in ("-o", f"uat:ieee802154_keys:{line}")]
    command = [program, "-n", "-r", str(need(f"{name}.pcapng")), *keys, "-T", "fields", "-e", "_ws.col.Info"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    mine = [frame.info for frame in decode_frames(read_capture(need(f"{name}.pcapng")), keys_of(name))]
    pairs = [
        (ours, word, info)
        for info, text in zip(mine, theirs, strict=True)
        for word, ours in WORDS.items()
        if word in text
    ]
    assert len(pairs) > 20
    assert [(info, word) for ours, word, info in pairs if ours not in info] == []
