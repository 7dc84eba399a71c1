"""Group keys in the twin's mesh: handed out, exchanged while the mesh runs, asked for by who missed it, refused.

What is asked and given is held to the capture ``mix-twk1``, in which a real border router rotates its GTK and a real
router follows.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import attrs
import pytest

from bench.air.capture.capture import read_capture
from bench.air.capture.link import NO_FCS, Record
from bench.air.frame.decoder import Decoder, Frame
from bench.air.keys import fourway
from bench.air.keys.eapol import (
    EAP_TLS,
    GROUP_1,
    EapCode,
    Eapol,
    EapTls,
    KeyFrame,
    decode_eap_tls,
    decode_eapol,
    encode_eap_tls,
)
from bench.air.keys.table import KeyTable, gak
from bench.air.wisun import frames as wisun
from bench.records import NS_PER_S
from bench.twin.core.kernel import Kernel
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.authenticator import Authenticator
from bench.twin.mesh.eapol.flash import Flash, Pairwise
from bench.twin.mesh.eapol.supplicant import Supplicant, eap_pdu
from bench.twin.mesh.member import Terminal
from bench.twin.mesh.plan import KeyCalendar
from bench.twin.mesh.timers import TEST
from bench.twin.terminal.network import JoinState
from tests.air.mac_captures import keys_of, need
from tests.skips import ONCE
from tests.twin.mesh.air import GTK, NAME, NODES, Air, plan, write_pcap
from tests.twin.mesh.test_join import join

pytestmark = ONCE

HOUR = 3600
LIFE_H = 10
FURTHER = (bytes(range(16, 32)), bytes(range(32, 48)))
KEYS = [(index, gak(NAME, gtk)) for index, gtk in enumerate((GTK, *FURTHER), 1)]


def rotating(seed: int = 1) -> Air:
    return Air(attrs.evolve(plan(seed), calendar=KeyCalendar(LIFE_H * HOUR * NS_PER_S, FURTHER)))


def pmk_of(air: Air, name: str) -> bytes:
    terminal = air.mesh.terminals[name]
    assert isinstance(terminal, Terminal)
    shared = terminal.flash.pairwise
    assert shared is not None
    return shared.pmk


def decoded(air: Air, *names: str) -> list[Frame]:
    """All frames, by the GAKs and the PMKs of the named terminals."""
    decoder = Decoder(KeyTable(KEYS, pmks=[pmk_of(air, name) for name in names]))
    return [decoder.decode(Record(n, c.end_ns, NO_FCS, c.psdu)) for n, c in enumerate(air.frames(), 1)]


def messages(frames: list[Frame], what: str, src: bytes | None = None) -> list[tuple[str, ...]]:
    """Names of the KDEs in each key message of a kind, as it leaves the supplicant or comes to it over the last hop."""
    found = (f for f in frames if f.kind == "EAPOL" and f.key_message is not None and f.key_message.message == what)
    return [tuple(kde.name for kde in f.key_message.kdes) for f in found if src in (None, f.src) and f.key_message]


def forms(frames: list[Frame]) -> set[tuple[str, int, int, bool, int | None]]:
    """Of each key message: flags, key length, whether it has a nonce, and by which protocol (KMP) it goes."""
    keys = ((f, f.eapol.key) for f in frames if f.kind == "EAPOL" and f.eapol is not None and f.eapol.key is not None)
    return {(key.message, key.information, key.key_length, any(key.nonce), f.kmp_id) for f, key in keys}


@pytest.fixture(scope="module")
def air() -> Air:
    """Two lives and a half; t3 is dark from before the first exchange until after it."""
    air = rotating()
    join(air, "t1", "t3", within_s=HOUR)
    air.mesh.terminals["t3"].power_off()
    air.run(14 * HOUR)
    air.mesh.terminals["t3"].power_on()
    air.mesh.terminals["t3"].start_join()
    air.run(10 * HOUR)
    return air


def test_every_node_follows_two_exchanges(air: Air) -> None:
    got: list[bytes] = []
    air.mesh.head_end.on_datagram(lambda _eui64, payload: got.append(payload))
    for name in ("t1", "t3"):
        assert air.state(name) is JoinState.OPERATIONAL
        assert air.mesh.terminals[name].send(name.encode())
        air.run(10)
    assert got == [b"t1", b"t3"]
    assert [f for f in decoded(air, "t1") if f.mic not in ("ok", "none")] == []


def test_keys_are_used_one_after_another_and_the_pan_version_tells_each_change(air: Air) -> None:
    """As in mix-twk1: +1 where a key is installed, used, withdrawn; no frame under a withdrawn key."""
    start, root = air.frames()[0].start_ns, bytes.fromhex(NODES["br"])
    said: dict[int, tuple[int | None, int]] = {}
    ends = {1: LIFE_H, 2: 2 * LIFE_H}
    for frame, caught in zip(decoded(air, "t1"), air.frames(), strict=True):
        hours = (caught.start_ns - start) / NS_PER_S / HOUR
        if frame.key_index in ends and frame.src != bytes.fromhex(NODES["t3"]):
            assert hours < ends[frame.key_index] + 0.1, "it takes some minutes until all have heard"
        version, hashes = frame.ie(wisun.PanVersion), frame.ie(wisun.GtkHash)
        if frame.kind == "PC" and frame.src == root and version is not None and hashes is not None:
            listed = sum(1 << slot for slot, one in enumerate(hashes.hashes) if one != bytes(8))
            said.setdefault(version.version, (frame.key_index, listed))
    assert said == {
        1: (1, 0b001),
        2: (1, 0b011),
        3: (2, 0b011),
        4: (2, 0b010),
        5: (2, 0b110),
        6: (3, 0b110),
        7: (3, 0b100),
    }


def test_a_key_is_asked_for_and_given_as_real_stacks_do(air: Air) -> None:
    table = keys_of("mix-twk1")
    text = need("mix-twk1.keys.txt").read_text("utf-8")
    pmks = [
        bytes.fromhex(line.split("pmk=")[1].replace(":", "")) for line in text.splitlines() if "install pmk=" in line
    ]
    with_pmks = KeyTable([(i, k) for i in range(1, 8) for k in table.candidates(i)], pmks=pmks)
    decoder = Decoder(with_pmks)
    real = [decoder.decode(record) for record in read_capture(need("mix-twk1.pcapng"))]
    ours = decoded(air, "t1", "t3")
    wanted = [tuple(n for n in names if n != "LGTKL") for names in messages(real, "request") if "PTKID" in names]
    assert wanted
    asked = messages(ours, "request", bytes.fromhex(NODES["t1"]))
    assert asked[1:] == wanted * 2
    assert set(messages(ours, "3/4")) == set(messages(real, "3/4")) == {("GTKL", "GTK", "lifetime")}
    given = set(messages(real, "group 1/2")) - {("LGTKL", "LGTK", "lifetime")}
    assert set(messages(ours, "group 1/2")) - {()} == given  # (): a meter's, whose handshake was before the capture
    assert messages(ours, "group 2/2")
    assert forms(ours) == forms(real)


def test_who_was_away_gets_the_key_without_a_new_authentication(air: Air) -> None:
    """t3's keys open nothing when it is back; its PTK is still good, so no EAP is spoken."""
    t3 = bytes.fromhex(NODES["t3"])
    spoken = [f for f in decoded(air, "t3") if f.kind == "EAPOL" and f.src == t3]
    words = [f.info.split(",")[0] for f in spoken]
    assert words.count("EAP response") == 1, "the identity, once"
    assert words.count("Key request") >= 3


def test_tshark_opens_every_frame_of_every_key(air: Air, tmp_path: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "rotation.pcap"
    write_pcap(path, air.frames())
    options = [part for index, key in KEYS for part in ("-o", f'uat:ieee802154_keys:"{key.hex()}","{index}","No hash"')]
    command = ["tshark", "-n", "-r", str(path), *options, "-Y", "wpan.security == 1", "-T", "fields"]
    command += ["-e", "wpan.aux_sec.key_index", "-e", "wpan.key_number", "-e", "_ws.malformed"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    opened = Counter(tuple(row.split("\t")) for row in rows)
    assert {index for index, _, _ in opened} == {"0x01", "0x02", "0x03"}
    assert all(number and not malformed for _, number, malformed in opened)


def test_an_alert_ends_in_eap_failure() -> None:
    """RFC 5216, 2.1.3: a peer that refuses the server's certificate sends an alert, and the server EAP-Failure."""
    kernel = Kernel(0)
    agenda, rng = Agenda(kernel), random.Random(1)
    flash = Flash(NAME)
    flash.store_keys(GTK, 1)
    authenticator = Authenticator(agenda, rng, bytes(8), flash, lambda _slot: 60)
    said: list[Eapol] = []
    down = lambda _kmp, pdu: said.append(decode_eapol(pdu))  # noqa: E731
    up = Supplicant(
        agenda, rng, bytes(7) + b"\1", TEST, Flash(NAME), lambda _kmp, pdu: heard.append(decode_eapol(pdu)),
        lambda _keys, _live, _asked: None, lambda: None,
    )  # fmt: skip
    heard: list[Eapol] = []
    up.start()
    while not heard:
        kernel.step()
    for _ in range(3):
        authenticator.receive(bytes(7) + b"\1", heard[-1], down)
        up.receive(said[-1], bytes(8))
    request = said[-1].eap
    assert request is not None
    assert request.type == EAP_TLS
    assert decode_eap_tls(request).data
    alert = EapTls(bytes.fromhex("15 0303 0002 02 30"))
    pdu = eap_pdu(encode_eap_tls(EapCode.RESPONSE, request.identifier, alert))
    authenticator.receive(bytes(7) + b"\1", decode_eapol(pdu), down)
    answer = said[-1].eap
    assert answer is not None
    assert answer.code == EapCode.FAILURE
    count = len(said)
    while kernel.peek_ns() is not None and kernel.now_ns < 100 * NS_PER_S:
        kernel.step()
    assert len(said) == count, "the session is over"


def test_a_node_sends_under_the_key_that_secures_what_it_hears_of_the_pan() -> None:
    """The new key is in use 1/720 of a life before the old one is withdrawn: four minutes of two days."""
    life_s = 48 * HOUR
    air = Air(attrs.evolve(plan(), calendar=KeyCalendar(life_s * NS_PER_S, FURTHER[:1])))
    join(air, "t1", within_s=HOUR)
    air.run(life_s - life_s / 720 - HOUR - 60)
    before_ns = air.kernel.now_ns
    assert air.mesh.terminals["t1"].send(b"under the old one")
    air.run(120)
    assert air.mesh.terminals["t1"].send(b"under the new one")
    air.run(5)
    t1 = bytes.fromhex(NODES["t1"])
    sent = [f for f in decoded(air, "t1") if f.time_ns > before_ns and f.kind == "DATA" and f.src == t1]
    assert [f.key_index for f in sent] == [1, 2]


def test_a_message_with_an_lgtk_alone_is_answered_and_changes_nothing() -> None:
    """Real border routers hand out LGTKs by group key handshake, too, also while a node waits for a GTK."""
    kernel, flash, heard = Kernel(0), Flash(NAME), list[Eapol]()
    given: list[object] = []
    authenticator, supplicant = bytes(8), bytes(7) + b"\1"
    ptk = fourway.derive_ptk(bytes(32), authenticator, supplicant, bytes(32), bytes(32))
    flash.pairwise = Pairwise(authenticator, bytes(32), ptk, 0)
    up = Supplicant(
        Agenda(kernel),
        random.Random(1),
        supplicant,
        TEST,
        flash,
        lambda _kmp, pdu: heard.append(decode_eapol(pdu)),
        lambda *keys: given.append(keys),
        lambda: None,
    )
    up.start()
    while not heard:
        kernel.step()
    lgtk = bytes.fromhex("dd160c5a9e05 0000") + bytes(16)
    data = fourway.encrypt_key_data(ptk, fourway.lgtk_liveness_kde(1) + lgtk)
    message = decode_eapol(fourway.seal(3, KeyFrame(GROUP_1, 16, 1, key_data=data), ptk))
    up.receive(message, authenticator)
    answer = heard[-1].key
    assert answer is not None
    assert (answer.message, answer.replay_counter) == ("group 2/2", 1)
    assert fourway.mic_ok(3, answer, ptk)
    assert (given, up.busy) == ([], True)
