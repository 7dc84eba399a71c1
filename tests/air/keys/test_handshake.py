"""Handshakes of real stacks opened with their PMKs, and whole captures read from a PMK or a GTK alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import Record, read_capture
from bench.air.capture.link import NO_FCS, make_record
from bench.air.fields.tables import Value, fields
from bench.air.frame.decoder import Decoder, Frame, decode_frames
from bench.air.frame.settle import settle_records
from bench.air.keys import eapol, fourway
from bench.air.keys.eapol import Eap, EapCode, Eapol, EapTls, KeyFrame
from bench.air.keys.fourway import WISUN_OUI
from bench.air.keys.handshake import Handshakes, Kde
from bench.air.keys.security import protect
from bench.air.keys.table import GroupKey, KeyTable, gak
from bench.air.mac.frame import encode_mac
from bench.air.mac.mpx import KmpId, Mpx, Transfer, decode_mpx, encode_mpx
from bench.air.wisun import frames as wisun
from bench.errors import InputError
from bench.records import NS_PER_S
from tests.air.mac_captures import need

BR, R1 = bytes.fromhex("000d6ffffe030001"), bytes.fromhex("000d6ffffe031002")
HOLDERS = ("line2", "star3", "fixedch", "twopan", "mcast", "pomrpi", "hiftrace")
"""Captures with full handshakes whose PMKs the daemons printed."""


def secrets(capture: str, name: str) -> list[bytes]:
    """The secrets of a name in a capture's trace, each once, in order."""
    text = need(f"{capture}.keys.txt").read_text("utf-8")
    found = re.findall(rf"install {name}=([0-9a-f:]+)", text)
    return list(dict.fromkeys(bytes.fromhex(digits.replace(":", "")) for digits in found))


@cache
def opened(capture: str) -> tuple[Frame, ...]:
    """The frames of a capture, read with nothing but its PMKs."""
    keys = KeyTable(pmks=secrets(capture, "pmk"))
    return tuple(decode_frames(read_capture(need(f"{capture}.pcapng")), keys))


@pytest.mark.parametrize("capture", HOLDERS)
def test_every_message_of_every_handshake_opens(capture: str) -> None:
    messages = [frame.key_message for frame in opened(capture) if frame.key_message is not None]
    assert {message.mic for message in messages} == {"none", "ok"}
    assert all(message.mic == "ok" for message in messages if message.message not in ("request", "1/4"))
    elements = {(message.message, *(kde.name for kde in message.kdes)) for message in messages}
    assert elements - {("group 1/2", "LGTKL", "LGTK", "lifetime"), ("group 2/2",)} == {
        ("request", "GTKL", "LGTKL", "NR"),
        ("1/4", "PMKID"),
        ("2/4",),
        ("3/4", "GTKL", "GTK", "lifetime"),
        ("4/4",),
    }
    given = {key.gtk for message in messages for key in message.group_keys}
    assert given <= {*secrets(capture, r"gtk\[0\]"), *secrets(capture, r"lgtk\[0\]")}
    assert set(secrets(capture, r"gtk\[0\]")) <= given


@pytest.mark.parametrize("capture", HOLDERS)
def test_the_pmks_alone_open_what_follows_the_first_handshake(capture: str) -> None:
    """The GTK from the first message 3, and the network name heard before, make the GAK."""
    frames = opened(capture)
    first = next(f.number for f in frames if f.key_message and f.key_message.group_keys)
    before = Counter(frame.mic for frame in frames if frame.secured and frame.number < first)
    assert set(before) <= {"no key"}
    if capture != "twopan":
        assert {frame.mic for frame in frames if frame.secured and frame.number > first} == {"ok"}
    assert sum(frame.packet is not None for frame in frames) > 20


def test_a_frame_from_before_the_first_key_was_handed_out_is_not_bad() -> None:
    """A capture begins under an older GTK of the same index, whose handshakes nobody heard; later it is a wrong one."""
    records = list(read_capture(need("line2.pcapng")))
    mac = wisun.data(R1, BR, bytes.fromhex("417a3b3a"), 1)
    older = [protect(mac, bytes(16), counter, 1) for counter in range(3)]
    keys = settle_records(records, KeyTable(pmks=secrets("line2", "pmk")))
    assert keys is not None
    handed = next(f.number for f in opened("line2") if f.key_message and f.key_message.group_keys)
    at = [records[0].time_ns - 10 * NS_PER_S, records[handed - 1].time_ns - 1, records[-1].time_ns]
    strange = [make_record(0, when, NO_FCS, psdu, len(psdu)) for when, psdu in zip(at, older, strict=True)]
    assert [Decoder(keys).decode(one).mic for one in strange] == ["no key", "no key", "bad"], "read alone"
    every = sorted([*records, *strange], key=lambda one: one.time_ns)
    settled = settle_records(every, KeyTable(pmks=secrets("line2", "pmk")))
    mics = Counter(frame.mic for frame in decode_frames(every, settled) if frame.secured)
    assert mics == Counter(f.mic for f in decode_frames(records, keys) if f.secured) + Counter({"no key": 2, "bad": 1})
    assert mics["ok"] > 100


def test_a_key_that_was_given_is_known_all_the_time() -> None:
    handed_out, given = GroupKey(1, bytes(16)), GroupKey(1, bytes(16), "net")
    table = KeyTable()
    table.learn_name(b"net")
    table.learn(handed_out, 7)
    assert [table.known_by(1, at_ns) for at_ns in (6, 7, 8)] == [False, True, True]
    table.learn(handed_out, 9)
    table.learn_name(b"other")
    assert [table.copy().known_by(1, at_ns) for at_ns in (6, 7)] == [False, True], "the earlier moment counts"
    table.learn(handed_out, 5)
    assert table.known_by(1, 5)
    more = KeyTable()
    more.add(table)
    assert [more.known_by(1, at_ns) for at_ns in (4, 5)] == [False, True]
    more.learn(given)
    assert more.known_by(1, 0)
    more.learn(handed_out, 3)
    assert more.known_by(1, 0)
    assert not more.known_by(2, 99)


def test_two_networks_of_one_name_share_a_key_index() -> None:
    last = max(f.number for f in opened("twopan") if f.key_message and f.key_message.message == "3/4")
    frames = [frame for frame in opened("twopan") if frame.secured and frame.number > last]
    assert {frame.mic for frame in frames} == {"ok"}
    assert {frame.pan for frame in frames if frame.pan is not None} == {0xA0C1, 0xB1C2}
    assert {frame.key_index for frame in frames} == {1}


def test_the_relayed_half_is_the_same_conversation() -> None:
    relayed = [frame for frame in opened("line2") if frame.relay and frame.key_message]
    assert [frame.key_message.message for frame in relayed if frame.key_message] == [
        *("request", "1/4", "2/4", "3/4", "4/4", "group 1/2", "group 2/2")
    ]
    assert {frame.key_message.authenticator for frame in relayed[2:] if frame.key_message} == {BR}
    assert relayed[3].info == "Key 3/4, relayed, MIC ok, GTK of index 1"


def test_the_opened_elements_stand_in_the_tree() -> None:
    """Message 3 and the group message of line2, against the secrets that the daemons printed."""
    gtks, lgtks = secrets("line2", r"gtk\[0\]"), secrets("line2", r"lgtk\[0\]")
    found = {frame.key_message.message: fields_of(frame) for frame in opened("line2") if frame.key_message}
    assert found["3/4"]["eapol.key_message.mic"] == ["ok"]
    assert found["3/4"]["eapol.key_message.authenticator"] == [BR]
    assert found["3/4"]["wlan.rsn.ie.gtk_kde.key_id"] == [0]
    assert found["3/4"]["wlan.rsn.ie.gtk_kde.gtk"] == gtks[-1:]
    assert found["3/4"]["wlan.rsn.ie.kde.data_type"] == [1, 7]
    (lifetime_s,) = found["3/4"]["wlan.rsn.ie.key_lifetime_kde.lifetime"]
    assert isinstance(lifetime_s, int)
    assert 0 <= 30 * 86_400 - lifetime_s < 600  # the key is as old as the daemon, some minutes
    assert (found["3/4"]["wisun.kde.gtkl"], found["3/4"]["wisun.kde.gtkl.gtk1"]) == ([1], [False])
    assert found["group 1/2"]["wisun.kde.lgtk.key"] == lgtks[-1:]
    assert found["group 1/2"]["wisun.kde.lgtkl.lgtk0"] == [True]
    (supplicant,) = found["1/4"]["eapol.key_message.supplicant"]
    assert isinstance(supplicant, bytes)
    named = {fourway.pmkid(pmk, BR, supplicant) for pmk in secrets("line2", "pmk")}
    assert found["1/4"]["wlan.rsn.ie.pmkid"][0] in named
    assert found["1/4"]["eapol.key_message.mic"] == ["none"]
    assert found["request"]["wisun.kde.role"] == [1]


def test_what_does_not_open_is_said_in_the_tree() -> None:
    frames = list(decode_frames(read_capture(need("line2.pcapng"))))
    third = [fields_of(frame) for frame in frames if frame.key_message and frame.key_message.message == "3/4"]
    assert third
    for found in third:
        assert found["eapol.key_message.mic"] == ["no key"]
        assert "wlan.rsn.ie.gtk_kde.gtk" not in found


def fields_of(frame: Frame) -> dict[str, list[Value]]:
    """A frame's fields by name."""
    found: dict[str, list[Value]] = {}
    for name, value in fields(frame):
        found.setdefault(name, []).append(value)
    return found


def test_other_pmks_open_nothing_and_a_known_one_shows_a_wrong_mic() -> None:
    line2 = list(read_capture(need("line2.pcapng")))
    other = [frame for frame in decode_frames(line2, KeyTable(pmks=[bytes(32)])) if frame.key_message]
    assert {frame.key_message.mic for frame in other if frame.key_message} == {"none", "no key"}
    assert not any(frame.key_message.group_keys for frame in other if frame.key_message)
    handshakes = Handshakes(secrets("line2", "pmk"))
    handshakes.heard_authenticator(BR)
    found = []
    for frame in opened("line2"):
        if frame.eapol and frame.eapol.key and {frame.src, frame.dst} == {BR, R1} and not frame.relay:
            key = frame.eapol.key
            forged = attrs.evolve(key, mic=bytes(16)) if key.message == "2/4" else key
            found.append(handshakes.open(3, forged, R1).mic)
    # Message 2 does not prove the PTK; message 3 does, from the nonces.
    assert found == ["none", "none", "bad", "ok", "ok", "ok", "ok"]


def test_a_handshake_without_pmkid_is_found_by_trial() -> None:
    pmk, anonce, snonce = b"\7" * 32, b"\1" * 32, b"\2" * 32
    ptk = fourway.derive_ptk(pmk, BR, R1, anonce, snonce)
    handshakes = Handshakes([bytes(32), pmk])
    for node in (R1, BR, bytes(8)):
        handshakes.heard_authenticator(node)
    kdes = fourway.gtk_kde(2, bytes(range(16))) + fourway.lifetime_kde(60)

    def mic(information: int, nonce: bytes = bytes(32), data: bytes = b"") -> str:
        sealed = fourway.seal(3, KeyFrame(information, 16, 1, nonce, key_data=data), ptk)
        key = eapol.decode_eapol(sealed).key
        assert key is not None
        if not information & eapol.KeyInfo.MIC:
            key = attrs.evolve(key, mic=bytes(16))
        message = handshakes.open(3, key, R1)
        if message.message == "3/4":
            assert message.group_keys == (GroupKey(3, bytes(range(16))),)
            assert message.authenticator == BR
        return message.mic

    steps = [mic(eapol.MESSAGE_1, anonce), mic(eapol.MESSAGE_2, snonce)]
    steps += [mic(eapol.MESSAGE_3, anonce, fourway.encrypt_key_data(ptk, kdes)), mic(eapol.MESSAGE_4)]
    assert steps == ["none", "ok", "ok", "ok"]


def test_elements_have_names() -> None:
    lgtk = Kde(WISUN_OUI, 5, bytes((2, 0)) + bytes(16))
    assert (lgtk.name, lgtk.group_key) == ("LGTK", GroupKey(7, bytes(16)))
    assert Kde(WISUN_OUI, 5, bytes(17)).group_key is None
    assert Kde(b"abc", 9, b"").name == "616263-09"


def test_one_file_serves_wireshark_and_us(tmp_path: Path) -> None:
    """GTK and network name, or the GTK alone and the name from the air, open what the GAK opens."""
    gtk = secrets("line2", r"gtk\[0\]")[0]
    pan = "# kenshin address 0x4b42 2 00:0d:6f:ff:fe:03:10:02"
    for words in (f"gtk 1 {gtk.hex()} Wi-SUN Peer", f"gtk 1 {gtk.hex(':')}", f"gtk 0x1 {gtk.hex()}"):
        path = tmp_path / "ieee802154_keys"
        path.write_text(f"# made by hand\n#kenshin {words}  \n{pan}\n# kenshin pmk {'07' * 32}\n", "utf-8")
        table = KeyTable.read(path)
        assert table.pmks == (b"\7" * 32,)
        assert table.eui64_of(0x4B42, b"\0\2") == R1
        assert bool(table.candidates(1)) == ("Peer" in words)
        frames = list(decode_frames(read_capture(need("line2.pcapng")), table))
        assert {frame.mic for frame in frames if frame.secured and frame.key_index == 1} == {"ok"}
        assert bool(table.candidates(1)) == ("Peer" in words)  # a decoder learns for itself
    program = shutil.which("tshark")
    if program is not None:
        # Wireshark reads its own lines in such a file, and skips ours.
        with path.open("a", encoding="utf-8") as out:
            out.write(f'"{gak("Wi-SUN Peer", gtk).hex()}","1","No hash"\n')
        words_ = [program, "-r", str(need("line2.pcapng")), "-Y", "wpan.decrypt_error || wpan.mic"]
        done = subprocess.run(
            [*words_, "-T", "fields", "-e", "wpan.decrypt_error"],
            capture_output=True,
            text=True,
            check=True,
            env={"WIRESHARK_CONFIG_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        )
        assert done.stdout.splitlines() == [""] * 397


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gtk 1", r"keys:1: expected # kenshin gtk <key index> <32 hex digits> \[<network name>\]"),
        (f"gtk 8 {'00' * 16}", "keys:1: key index '8'; expected 1 to 7"),
        (f"gtk x {'00' * 16}", "keys:1: key index 'x'; expected 1 to 7"),
        (f"gtk 1 {'00' * 15} n", "keys:1: GTK .* is not 16 octets; expected 32 hex digits"),
        (f"pmk {'00' * 31}", "keys:1: PMK .* is not 32 octets; expected 64 hex digits"),
        ("pmk", "keys:1: expected # kenshin pmk <64 hex digits>"),
        ("address 1 2", "keys:1: expected # kenshin address <PAN ID> <short address> <EUI-64>"),
        (f"address 0x10000 2 {'00' * 8}", "keys:1: PAN ID '0x10000'; expected 0 to 65535"),
        (f"address 1 2 {'00' * 7}", "keys:1: EUI-64 .* is not 8 octets"),
        ("gak 1 00", "keys:1: 'gak' after '# kenshin'; expected gtk, pmk, address"),
    ],
)
def test_a_wrong_line_of_ours_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# kenshin {line}\n", "utf-8")
    with pytest.raises(InputError, match=message):
        KeyTable.read(path)


@pytest.mark.parametrize(
    "given",
    [
        {"keys": [(1, bytes(15))]},
        {"pmks": [bytes(31)]},
        {"group_keys": [GroupKey(1, bytes(15))]},
        {"group_keys": [GroupKey(1, bytes(15), "name")]},
    ],
)
def test_keys_of_a_wrong_length_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="octets"):
        KeyTable(**given)


def test_network_names_from_the_air_are_bounded() -> None:
    table = KeyTable(group_keys=[GroupKey(1, bytes(16))])
    for number in range(1000):
        table.learn_name(b"name %d" % number)
    assert len(table.candidates(1)) == 64


@pytest.mark.parametrize("capture", ["line2", "badauth"])
def test_tls_records_as_tshark_says(capture: str) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    command = [program, "-r", str(need(f"{capture}.pcapng")), "-n", "-T", "fields", "-Y", "tls"]
    for line in need(f"{capture}.ieee802154_keys").read_text("utf-8").split("\n"):
        command += ["-o", f"uat:ieee802154_keys:{line}"] if line else []
    for field in ("frame.number", "tls.record.content_type", "tls.handshake.type"):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = {int(row[0]): row[1:] for row in (line.split("\t") for line in done.stdout.splitlines())}
    mine = {frame.number: frame.tls for frame in opened(capture) if frame.tls}
    assert set(mine) == set(theirs)
    for number, (kinds, messages) in theirs.items():
        # A message inside the handshake after Change Cipher Spec is encrypted: neither names it.
        others = ("Alert", "Change Cipher Spec", "Handshake")
        handshakes = [name for name in mine[number] if not name.startswith(others)]
        assert [eapol.HANDSHAKE_NAMES[int(text)] for text in messages.split(",") if text] == handshakes
        assert len(kinds.split(",")) == len(mine[number])


def tls_frame(number: int, octets: bytes, *, more: bool, total: int | None = None) -> Record:
    tls = eapol.encode_eap_tls(EapCode.RESPONSE, number, EapTls(octets, more=more, total=total))
    pdu = eapol.encode_eapol(Eapol(3, eapol.EapolType.EAP, eap=Eap(tls.code, tls.identifier, tls.type, tls.data)))
    return Record(number, 0, 230, encode_mac(wisun.eapol(R1, BR, KmpId.IEEE_802_1X, pdu, number)))


def test_a_flight_in_three_fragments_one_of_them_sent_twice() -> None:
    certificate = b"\x0b" + (300).to_bytes(3, "big") + bytes(300)
    flight = b"\x16\x03\x03" + len(certificate).to_bytes(2, "big") + certificate + b"\x14\x03\x03\x00\x01\x01"
    parts = [flight[:100], flight[100:200], flight[200:]]
    records = [tls_frame(1, parts[0], more=True, total=len(flight)), tls_frame(2, parts[1], more=True)]
    records += [records[1], tls_frame(3, parts[2], more=False)]
    decoder = Decoder()
    frames = [decoder.decode(record) for record in (*records, records[-1], *records)]
    whole = ("Certificate", "Change Cipher Spec")
    assert [frame.tls for frame in frames] == [(), (), (), whole, (), (), (), (), whole]
    assert frames[1].info == "EAP-TLS response, goes on"


@cache
def eapol_frames() -> tuple[bytes, ...]:
    """Clear EAPOL frames of two joins, one relayed, and the same in MPX fragments."""
    found = []
    for frame in opened("line2"):
        if frame.eapol is None or frame.mac is None:
            continue
        clear = attrs.evolve(frame.mac, security=None, mic=b"")
        found.append(encode_mac(clear))
        if not frame.relay:
            whole = decode_mpx(clear.payload_ies[-1].content)
            pieces = (
                Mpx(whole.multiplex_id, whole.body[:40], Transfer.FRAGMENT, 3, 0, len(whole.body)),
                Mpx(None, whole.body[40:], Transfer.LAST_FRAGMENT, 3, 1),
            )
            for piece in pieces if len(whole.body) > 40 else ():
                elements = (*clear.payload_ies[:-1], encode_mpx(piece))
                found.append(encode_mac(attrs.evolve(clear, payload_ies=elements)))
    return tuple(found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_in_a_join_never_surprises_the_decoder(data: st.DataObject) -> None:
    frames = eapol_frames()
    decoder = Decoder(KeyTable(pmks=secrets("line2", "pmk")))
    begin = data.draw(st.integers(0, len(frames) - 1))
    for number, octets in enumerate(frames[begin : begin + 12], 1):
        changed = bytearray(octets)
        for _ in range(data.draw(st.integers(0, 2))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        kept = bytes(changed[: data.draw(st.one_of(st.just(len(changed)), st.integers(0, len(changed))))])
        assert not decoder.decode(Record(number, number, 230, kept)).bug


def test_a_join_in_mpx_fragments_reads_as_the_whole_one() -> None:
    decoder = Decoder(KeyTable(pmks=secrets("line2", "pmk")))
    frames = [decoder.decode(Record(n, n, 230, octets)) for n, octets in enumerate(eapol_frames(), 1)]
    whole = [f for f, after in pairwise(frames) if after.info.startswith("MPX fragment 0")]
    joined = [after for f, after in pairwise(frames) if f.info.startswith("MPX fragment 0")]
    assert len(whole) == len(joined) > 20
    assert [f.eapol for f in whole] == [f.eapol for f in joined]
    assert [f.key_message for f in whole] == [f.key_message for f in joined]
