"""Retransmissions and links, against what the simulated medium wrote of every attempt and who accepted it."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import attrs
import pytest

from bench.air.ip import icmpv6
from bench.measurands.air.sightings.acks import RETRY_WINDOW_NS
from bench.measurands.air.sightings.digest import digest, settle
from bench.measurands.air.sniffers.transfers import WAITING, Transfer, Transfers, links, transfers
from tests.measurands.air.figures.test_captures import LOGGED, Log
from tests.measurands.air.radio import Radio, eui
from tests.measurands.air.real import account, frames
from tests.measurands.air.real import eui as octets


@pytest.mark.parametrize("name", LOGGED)
def test_retransmissions_are_the_mediums_attempts(name: str) -> None:
    truth: Counter[bytes] = Counter()
    for row in account(name):
        truth[octets(row["from"])] += int(row["attempt"]) > 1
    seen = digest(frames(name))
    found: Counter[bytes] = Counter()
    for transfer in transfers(seen):
        found[transfer.src or b""] += transfer.retransmissions
    assert +found == +truth
    assert sum(transfer.needless for transfer in transfers(seen)) == 0, "this medium loses no acknowledgement"


def test_captures_with_losses_are_among_them() -> None:
    assert sum(int(row["attempt"]) > 1 for name in LOGGED for row in account(name)) >= 49


@pytest.mark.parametrize("name", LOGGED)
def test_links_succeed_where_the_receiver_accepted(name: str) -> None:
    """A unicast frame that its receiver accepted is acknowledged, and no other."""
    log = Log(name)
    truth: dict[tuple[bytes, bytes], list[bool]] = {}
    for row in account(name):
        if row["kind"] == "uc":
            accepted = row["delivered_to"].split(",")
            arrived = any(log.nodes.get(node) == row["to"] for node in accepted)
            truth.setdefault((octets(row["from"]), octets(row["to"])), []).append(arrived)
    found = links(digest(frames(name)))
    assert {(link.src, link.dst): (link.attempts, link.clear.part) for link in found} == {
        link: (len(attempts), sum(attempts)) for link, attempts in truth.items()
    }
    levels = {frozenset((log.nodes[a], log.nodes[b])): (*rest, -60)[0] for a, b, *rest in log.run["links"]}
    for link in found:
        if link.rsl_dbm is not None:
            ends = frozenset(":".join(f"{octet:02x}" for octet in end) for end in (link.src, link.dst))
            assert link.rsl_dbm == pytest.approx(levels[ends], abs=3)


def test_the_other_stacks_attempts() -> None:
    """mbed-line2: the medium wrote no attempts; equal clear bodies one after another on a link are.
    Contiki's hub answers late, so nearly all its repetitions come after an acknowledgement was on the air."""
    sent: dict[tuple[str, str], list[str]] = {}
    for row in account("mbed-line2"):
        if row["to"] != "bcast" and row["ws_frame"] in ("DATA", "EAPOL"):
            sent.setdefault((row["from"], row["to"]), []).append(row["clear_body_hex"])
    truth = sum(one == other for bodies in sent.values() for one, other in pairwise(bodies))
    assert sum(t.retransmissions for t in transfers(digest(frames("mbed-line2")))) == truth == 1
    late = transfers(digest(frames("contiki-rpl-lite-line4")))
    assert sum(t.retransmissions for t in late) == 35
    assert sum(t.needless for t in late) == 33


def test_attempts_and_an_answer_on_paper() -> None:
    radio = Radio()
    radio.echo(0, (1, 0), icmpv6.EchoRequest(1, 1, bytes(8)))
    packet = next(iter(digest(radio.frames()).sightings))
    assert packet.asks
    radio = Radio()
    radio.dao(0, (1, 0), acked=True)
    radio.dao_ack(1, (1, 0), attempts=3)
    first, second = transfers(digest(radio.frames()))
    assert (first.retransmissions, second.retransmissions) == (0, 2)
    assert second.acked == (False, False, True)
    [up, down] = sorted(links(digest(radio.frames())), key=lambda link: link.attempts)
    assert (up.clear.part, up.clear.whole, down.clear.part, down.clear.whole) == (1, 1, 1, 3)
    assert down.etx == pytest.approx(3)
    assert down.src == eui(0)


def test_the_same_counter_again_is_no_attempt() -> None:
    """One transmission that two sniffers heard, merged by nothing but its stamps."""
    radio = Radio()
    radio.dao(0, (1, 0), acked=False)
    [frame] = radio.frames()
    heard = attrs.evolve(frame, secured=True, frame_counter=7)
    twice = [heard, attrs.evolve(heard, time_ns=heard.time_ns + 2000)]
    [transfer] = transfers(digest(twice))
    assert transfer.retransmissions == 0
    again = [heard, attrs.evolve(heard, time_ns=heard.time_ns + 50_000_000, frame_counter=8)]
    [transfer] = transfers(digest(again))
    assert transfer.retransmissions == 1


def test_another_payload_with_the_same_number_is_another_frame() -> None:
    radio = Radio()
    radio.dao(0, (1, 0), acked=False)
    radio.echo(1, (1, 0), icmpv6.EchoRequest(1, 1, bytes(8)))
    dao, echo, _ = radio.frames()
    equal = [dao, attrs.evolve(echo, seq=dao.seq, length_octets=dao.length_octets)]
    assert [t.retransmissions for t in transfers(digest(equal))] == [0, 0]


@pytest.mark.parametrize(("apart_ns", "frames"), [(RETRY_WINDOW_NS - 1, 1), (RETRY_WINDOW_NS, 2)])
def test_so_long_after_the_last_attempt_it_is_another_frame(apart_ns: int, frames: int) -> None:
    radio = Radio()
    radio.dao(0, (1, 0), acked=False)
    [frame] = radio.frames()
    assert len(transfers(digest([frame, attrs.evolve(frame, time_ns=frame.time_ns + apart_ns)]))) == frames


def test_a_missed_acknowledgement_is_unclear_not_a_failure() -> None:
    radio = Radio()
    radio.dao(0, (1, 0), acked=True)
    radio.dao(20, (1, 0), sequence=241, acked=False)
    radio.dao(40, (1, 0), sequence=242, acked=True)
    [link] = links(digest(radio.frames()))
    assert (link.attempts, link.clear.part, link.clear.whole, link.unclear) == (3, 2, 2, 1)


def test_a_level_belongs_to_the_link_of_the_frame_that_was_answered() -> None:
    """Up is heard at -50 dBm, down at -80: the acknowledgement of a frame tells how its receiver heard it."""
    radio = Radio()
    radio.dao(0, (1, 0))
    radio.dao_ack(1, (1, 0))
    seen = digest(radio.frames())
    levels = {eui(0): -50, eui(1): -80}
    told = [s._replace(rsl_dbm=levels[s.src or b""]) if s.is_ack else s for s in seen.sightings]
    assert {link.src: link.rsl_dbm for link in links(settle(told))} == {eui(1): -50.0, eui(0): -80.0}


def test_what_no_attempt_can_join_is_given_while_the_capture_goes_on() -> None:
    """So that a capture of months takes no more memory than one of a day."""
    radio = Radio()
    for number in range(WAITING + 50):
        radio.dao(20 * number, (1, 0), sequence=number % 256, acked=False)
    seen, given = digest(radio.frames()), list[Transfer]()
    found = Transfers(seen, given.append)
    for number, sighting in enumerate(seen.sightings, 1):
        found.see(sighting)
        assert len(given) >= number - WAITING
    found.close()
    assert len(given) == WAITING + 50
