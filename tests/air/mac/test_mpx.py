"""MPX fragments put together: as sent, repeated, lost, aborted, mixed and lying."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.air.capture.capture import Record, read_capture
from bench.air.capture.pcapng import PcapngWriter
from bench.air.errors import Malformed
from bench.air.frame.decoder import Decoder
from bench.air.keys.security import protect
from bench.air.keys.table import KeyTable
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.mac.mpx import KMP, LOWPAN, Mpx, MpxReassembler, Transfer, encode_mpx
from bench.air.wisun import frames as wisun

A, B = bytes.fromhex("024b42fffe000001"), bytes.fromhex("024b42fffe000101")
KEY = bytes(range(16))
DATAGRAM = bytes.fromhex("41600000000030 3b40") + A + A + B + B + bytes(range(48))


def fragments(octets: bytes, room: int, transaction: int = 5, multiplex_id: int = LOWPAN) -> list[Mpx]:
    pieces = [octets[at : at + room] for at in range(0, len(octets), room)]
    first = Mpx(multiplex_id, pieces[0], Transfer.FRAGMENT, transaction, 0, len(octets))
    middle = [Mpx(None, piece, Transfer.FRAGMENT, transaction, n) for n, piece in enumerate(pieces[1:-1], 1)]
    return [first, *middle, Mpx(None, pieces[-1], Transfer.LAST_FRAGMENT, transaction, len(pieces) - 1)]


def frame(mpx: Mpx, sequence: int = 7) -> MacFrame:
    whole = wisun.data(B, A, b"", sequence)
    return attrs.evolve(whole, payload_ies=(whole.payload_ies[0], encode_mpx(mpx)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_interleaved_transfers_with_repeats_come_out_whole(data: st.DataObject) -> None:
    sent: dict[tuple[bytes, int], bytes] = {}
    queues: list[tuple[bytes, list[Mpx]]] = []
    for source in (A, B):
        for transaction in data.draw(st.sets(st.integers(0, 31), max_size=3)):
            octets = data.draw(st.binary(min_size=2, max_size=60))
            sent[source, transaction] = octets
            room = data.draw(st.integers(1, len(octets) - 1))
            queues.append((source, fragments(octets, room, transaction)))
    reassembler, whole = MpxReassembler(), {}
    while queues:
        at = data.draw(st.integers(0, len(queues) - 1))
        source, rest = queues[at]
        repeats = 1 if len(rest) == 1 else data.draw(st.integers(1, 2))
        for _ in range(repeats):
            found = reassembler.add(rest[0], source, None, 0)
            if found is not None:
                whole[source, found.transaction] = found.body
        queues[at] = (source, rest[1:])
        queues = [queue for queue in queues if queue[1]]
    assert whole == sent
    assert reassembler.dropped == 0


def test_what_does_not_fit_is_named_and_forgotten() -> None:
    first, second, third, last = fragments(bytes(40), 10)
    reassembler = MpxReassembler()

    def add(mpx: Mpx, t_ns: int = 0) -> Mpx | None:
        return reassembler.add(mpx, B, A, t_ns)

    with pytest.raises(Malformed, match="fragment 1 of a transfer whose begin"):
        add(second)
    add(first)
    with pytest.raises(Malformed, match="fragment 2, expected 1"):
        add(third)
    with pytest.raises(Malformed, match="begin was not heard"):
        add(second)
    add(first)
    add(second)
    with pytest.raises(Malformed, match="expected 2"):
        add(last)
    add(first)
    add(second)
    with pytest.raises(Malformed, match="sum to 30 octets, 40 announced"):
        add(attrs.evolve(third, transfer=Transfer.LAST_FRAGMENT))
    add(first)
    with pytest.raises(Malformed, match="sum to 60 octets, 40 announced"):
        add(attrs.evolve(second, body=bytes(50)))
    assert reassembler.dropped == 4
    add(first)
    assert add(Mpx(None, b"", Transfer.ABORT, 5)) is None
    with pytest.raises(Malformed, match="begin was not heard"):
        add(second)
    add(first)
    with pytest.raises(Malformed, match="begin was not heard"):
        add(second, t_ns=60_000_000_001)
    add(first)
    add(attrs.evolve(first, body=b"other"))
    assert reassembler.dropped == 7
    full = Mpx(KMP, b"x")
    assert add(full) is full


def test_open_transfers_are_bounded() -> None:
    reassembler = MpxReassembler(limit=2)
    for transaction in range(4):
        reassembler.add(fragments(bytes(9), 3, transaction)[0], B, A, 0)
    assert reassembler.dropped == 2
    with pytest.raises(Malformed):
        reassembler.add(fragments(bytes(9), 3, 1)[1], B, A, 0)
    assert reassembler.add(fragments(bytes(9), 3, 3)[1], B, A, 0) is None


def test_the_decoder_reads_a_datagram_out_of_secured_fragments() -> None:
    decoder = Decoder(KeyTable([(1, KEY)]))
    pieces = fragments(DATAGRAM, 30)
    records = [protect(frame(mpx, n), KEY, 10 + n, 1) for n, mpx in enumerate(pieces)]
    frames = [decoder.decode(Record(n, n, 230, psdu)) for n, psdu in enumerate(records, 1)]
    assert [f.info for f in frames[:-1]] == [f"MPX fragment {n}, transaction 5" for n in range(len(pieces) - 1)]
    assert [f.layers for f in frames[:-1]] == [("802.15.4", "wi-sun", "mpx")] * (len(pieces) - 1)
    assert frames[-1].layers == ("802.15.4", "wi-sun", "mpx", "6lowpan", "ipv6")
    assert frames[-1].ipv6_src == A + A
    alone = Decoder().decode(Record(1, 1, 230, encode_mac(frame(pieces[1]))))
    assert alone.info == "malformed: MPX fragment 1 of a transfer whose begin was not heard"
    abort = Decoder().decode(Record(1, 1, 230, encode_mac(frame(Mpx(None, b"\x28\x00", Transfer.ABORT, 9)))))
    assert abort.info == "MPX abort, transaction 9"


def test_tshark_reads_the_same_fragments(tmp_path: Path) -> None:
    program = shutil.which("tshark")
    if program is None:
        pytest.skip("tshark is not installed")
    path = tmp_path / "mpx.pcapng"
    pieces = [*fragments(DATAGRAM, 30), Mpx(None, b"\x28\x00", Transfer.ABORT, 9)]
    with path.open("wb") as out:
        writer = PcapngWriter(out)
        writer.section("mpx")
        for number, mpx in enumerate(pieces):
            writer.packet(encode_mac(frame(mpx, number)), 10**18 + number)
    names = ("transfer_type", "transaction_id", "fragment_number", "total_frame_size", "multiplex_id")
    fields = [word for name in names for word in ("-e", f"wpan.mpx.{name}")]
    done = subprocess.run([program, "-r", str(path), "-n", "-T", "fields", *fields], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [[int(cell, 0) if cell else None for cell in line.split("\t")] for line in done.stdout.splitlines()]
    wanted = [[mpx.transfer, mpx.transaction, mpx.fragment, mpx.total, mpx.multiplex_id] for mpx in pieces]
    wanted[-1][3] = 0x28  # an abort tells the whole's length in its body
    assert rows == wanted
    assert len(list(read_capture(path))) == len(pieces)
