"""The MAC on the air: acknowledgements, retries, frame counters, replay, duplicates, darkness."""

from __future__ import annotations

import random
from collections import Counter

from bench.air.keys import security
from bench.air.mac.frame import FrameType, MacFrame, decode_mac, encode_mac
from bench.air.wisun import frames as wisun
from bench.twin.core.kernel import Kernel
from bench.twin.mesh import LinkPlan, SnifferPlan
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import COUNTER_BLOCK, Flash
from bench.twin.mesh.mac_layer import Heard, MacLayer, Stamp, Template
from bench.twin.mesh.medium import Medium

A, B = bytes.fromhex("024b42fffe00000a"), bytes.fromhex("024b42fffe00000b")
GTK = bytes(range(16))


class Pair:
    """Two radios with the network's key, a sniffer that hears both."""

    def __init__(self, loss: float = 0.0) -> None:
        self.kernel = Kernel(0)
        self.sniffed: list[bytes] = []
        sink = lambda _name, _start, _end, psdu, _rssi, _channel: self.sniffed.append(psdu)  # noqa: E731
        links, sniffers = (LinkPlan("a", "b", -60, loss),), (SnifferPlan("s", {"a": -60, "b": -60}),)
        self.medium = Medium(self.kernel, random.Random(5), links, sniffers, sink, 10)
        self.heard: list[Heard] = []
        self.flash = {name: Flash("net") for name in "ab"}
        self.agendas = {name: Agenda(self.kernel) for name in "ab"}
        self.mac = {name: self._mac(name, eui64) for name, eui64 in (("a", A), ("b", B))}
        for name in "ab":
            self.flash[name].store_keys(GTK, 1)
            self.mac[name].power(True)

    def _mac(self, name: str, eui64: bytes) -> MacLayer:
        on_frame = self.heard.append if name == "b" else lambda _heard: None
        agenda, flash = self.agendas[name], self.flash[name]
        return MacLayer(agenda, self.medium, name, eui64, random.Random(name), flash, 0, on_frame)

    def send(self, *, secured: bool = True) -> list[bool]:
        done: list[bool] = []
        self.mac["a"].send(data(), secured=secured, done=done.append)
        return done

    def run(self) -> None:
        while self.kernel.peek_ns() is not None:
            self.kernel.step()

    def sent(self, kind: FrameType) -> list[MacFrame]:
        return [frame for frame in map(decode_mac, self.sniffed) if frame.frame_type == kind]


def data(payload: bytes = b"\x41hello") -> Template:
    def build(stamp: Stamp) -> MacFrame:
        return wisun.data(A, B, payload, stamp.sequence, bt=stamp.bt, ufsi=stamp.ufsi)

    return build


def test_a_secured_frame_arrives_in_clear_and_its_acknowledgement_is_secured() -> None:
    pair = Pair()
    done = pair.send()
    pair.run()
    assert done == [True]
    assert [(h.kind, h.src, h.secured) for h in pair.heard] == [(wisun.WisunFrameType.DATA, A, True)]
    (ack,) = pair.sent(FrameType.ACK)
    assert ack.security is not None
    assert (ack.src, ack.dst, ack.sequence) == (B, A, pair.sent(FrameType.DATA)[0].sequence)
    gak = pair.flash["a"].gak
    assert gak is not None
    clear = security.unprotect(pair.sniffed[1], ack, gak)
    assert wisun.element(clear, wisun.Rsl) == wisun.Rsl(-60)


def test_a_frame_in_clear_is_acknowledged_in_clear() -> None:
    pair = Pair()
    pair.send(secured=False)
    pair.run()
    assert [frame.security for frame in pair.sent(FrameType.ACK)] == [None]


def test_retries_keep_the_sequence_number_and_take_new_counters() -> None:
    pair = Pair()
    pair.mac["b"].power(False)
    done = pair.send()
    pair.run()
    frames = pair.sent(FrameType.DATA)
    assert done == [False]
    assert len(frames) == 8
    assert len({frame.sequence for frame in frames}) == 1
    counters = [frame.security.frame_counter for frame in frames if frame.security]
    assert counters == sorted(set(counters))  # type: ignore[type-var]


def test_a_lost_acknowledgement_does_not_deliver_twice() -> None:
    pair = Pair(loss=0.4)
    results = []
    for _ in range(100):
        done = pair.send()
        pair.run()
        results += done
    acknowledged = results.count(True)
    assert acknowledged > 95
    assert len(pair.sent(FrameType.DATA)) > 130, "the loss must have caused retries"
    assert acknowledged <= len(pair.heard) <= 100


def test_a_replayed_frame_is_neither_acknowledged_nor_delivered() -> None:
    pair = Pair()
    pair.send()
    pair.run()
    acks = len(pair.sent(FrameType.ACK))
    pair.medium.transmit("a", pair.sniffed[0])
    pair.run()
    assert len(pair.heard) == 1
    assert len(pair.sent(FrameType.ACK)) == acks


def test_a_changed_frame_is_dropped() -> None:
    pair = Pair()
    pair.send()
    pair.run()
    changed = bytearray(pair.sniffed[0])
    changed[-1] ^= 1
    pair.medium.transmit("a", bytes(changed))
    pair.run()
    assert len(pair.heard) == 1


def test_without_the_key_nothing_secured_is_heard_or_sent() -> None:
    pair = Pair()
    pair.flash["b"].forget_keys()
    done = pair.send()
    pair.run()
    assert done == [False]
    assert not pair.heard
    assert not pair.sent(FrameType.ACK)


def test_power_off_is_silence_in_mid_exchange() -> None:
    pair = Pair()
    pair.mac["b"].power(False)
    pair.send()
    while not pair.sniffed:
        pair.kernel.step()
    pair.mac["a"].power(False)
    pair.agendas["a"].clear()
    before = len(pair.sniffed)
    pair.run()
    assert len(pair.sniffed) == before


def test_no_nonce_is_used_twice_across_power_cuts_and_key_erasure() -> None:
    flash = Flash("net")
    used: Counter[int] = Counter()
    for cycle in range(5):
        flash.store_keys(GTK, 1)
        assert flash.gak is not None
        used.update(flash.next_counter(flash.gak) for _ in range(COUNTER_BLOCK + 7))
        flash.power_cut()
        if cycle % 2:
            flash.forget_keys()
    assert max(used.values()) == 1


def test_a_frame_cut_short_by_power_off_reaches_nobody() -> None:
    pair = Pair()
    pair.send()
    while pair.medium.frames == 0:
        pair.kernel.step()
    pair.mac["a"].power(False)
    pair.agendas["a"].clear()
    pair.run()
    assert not pair.sniffed
    assert not pair.heard


def test_an_acknowledgement_in_clear_does_not_confirm_a_secured_frame() -> None:
    pair = Pair()
    pair.mac["b"].power(False)
    done = pair.send()
    while not pair.sniffed:
        pair.kernel.step()
    forged = wisun.ack(decode_mac(pair.sniffed[0]), B, rsl_dbm=-60)
    pair.medium.transmit("b", encode_mac(forged))
    pair.run()
    assert done == [False]
