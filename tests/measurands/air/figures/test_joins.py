"""Joins that no capture here shows: restarts, lost acknowledgements, captures that begin in the middle."""

from __future__ import annotations

import attrs
import pytest

from bench.air.keys.eapol import EapCode
from bench.measurands.air.figures.hops import depth_at
from bench.measurands.air.figures.join import Join, Kind, NodeRecord, Phase, joins
from tests.measurands.air.radio import SECOND, T0, Radio, eui


def record(radio: Radio, n: int, keep: range | None = None) -> NodeRecord:
    return joins(radio.frames(keep))[eui(n)]


def only(node: NodeRecord) -> Join:
    [join] = node.joins
    return join


@pytest.fixture
def radio() -> Radio:
    """A border router that is there before anybody asks."""
    radio = Radio()
    radio.pa(0, 0, 0)
    radio.dio(0.5, 0, 128)
    return radio


def test_a_cold_join_phase_by_phase(radio: Radio) -> None:
    end = radio.join(10, (1, 0))
    join = only(record(radio, 1))
    assert join.kind is Kind.COLD
    assert join.first_solicitation_ns == T0 + 10 * SECOND
    assert join.operational_ns == end
    assert join.join_ns == end - (T0 + 10 * SECOND)
    assert join.authenticated_ns is not None
    assert T0 + 11.7 * SECOND < join.authenticated_ns < T0 + 11.8 * SECOND
    assert join.configured_ns is not None
    assert T0 + 13.5 * SECOND < join.configured_ns < T0 + 13.6 * SECOND
    assert (join.hops, join.parent, join.reached) == (1, eui(0), Phase.OPERATIONAL)


def test_over_two_hops_the_last_hop_to_the_node_counts(radio: Radio) -> None:
    radio.join(10, (1, 0))
    end = radio.join(30, (2, 1, 0))
    node = record(radio, 2)
    assert only(node).operational_ns == end
    assert (node.hops, node.parent) == (2, eui(1))
    # The relay was operational before; the DAO-ACK that passes it is not its own.
    assert len(record(radio, 1).joins) == 1


def test_a_restarted_node_joins_again_by_reconnecting(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.pas(100, 1)
    radio.pcs(100.1, 1)
    radio.pc(100.5, 0)
    end = radio.route(101, (1, 0))
    first, second = record(radio, 1).joins
    assert (first.kind, second.kind) == (Kind.COLD, Kind.RECONNECT)
    assert second.first_solicitation_ns == T0 + 100 * SECOND
    assert second.authenticated_ns is None
    assert second.configured_ns is not None
    assert second.operational_ns == end


def test_a_reconnect_that_begins_with_a_pcs_counts_from_it(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.pcs(100, 1)
    radio.pas(100.1, 1)
    radio.pc(100.5, 0)
    radio.route(101, (1, 0))
    assert record(radio, 1).joins[1].first_solicitation_ns == T0 + 100 * SECOND


def test_a_reconnect_with_a_pcs_alone_and_a_stored_address(radio: Radio) -> None:
    """Nothing but the PCS and the route tells: no PAS was needed, and the lease was kept over the restart."""
    radio.join(10, (1, 0))
    radio.pcs(100, 1)
    radio.pc(100.5, 0)
    radio.solicit_route(101, 1)
    radio.dao(104, (1, 0), 241)
    end = radio.dao_ack(105, (1, 0), 241)
    _, second = record(radio, 1).joins
    assert (second.kind, second.first_solicitation_ns) == (Kind.RECONNECT, T0 + 100 * SECOND)
    assert second.operational_ns == end


def test_a_restart_whose_solicitations_were_not_heard_is_seen_by_its_request_for_an_address(radio: Radio) -> None:
    radio.join(10, (1, 0))
    end = radio.route(101, (1, 0))
    first, second = record(radio, 1).joins
    assert (second.kind, second.first_solicitation_ns, second.join_ns) == (Kind.RECONNECT, None, None)
    assert second.first_frame_ns == T0 + 101 * SECOND
    assert second.operational_ns == end
    assert first.operational_ns is not None


def test_a_cold_restart(radio: Radio) -> None:
    radio.join(10, (1, 0))
    end = radio.join(200, (1, 0))
    assert [join.kind for join in record(radio, 1).joins] == [Kind.COLD, Kind.COLD]
    assert record(radio, 1).joins[1].operational_ns == end


def test_a_renewed_key_and_a_lost_parent_are_no_join(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.authenticate(500, 1, 0)
    radio.solicit_route(600, 1)
    radio.pa(700, 1, 128)
    radio.dao(800, (1, 0), 241)
    radio.dao_ack(801, (1, 0), 241)
    assert len(record(radio, 1).joins) == 1


def test_an_unacknowledged_dao_ack_did_not_arrive_when_the_dao_is_repeated(radio: Radio) -> None:
    """Nobody repeats the frame on the link, but the node asks again: the first DAO-ACK was lost on the way to it."""
    radio.join(10, (1, 0))
    radio.pas(99, 1)
    radio.pcs(99.1, 1)
    radio.pc(99.5, 0)
    radio.solicit_route(100, 1)
    radio.lease(101, 1, 0)
    radio.dao(104, (1, 0), 242)
    radio.dao_ack(105, (1, 0), 242, acked=False)
    radio.dao(108, (1, 0), 242)
    end = radio.dao_ack(109, (1, 0), 242)
    assert record(radio, 1).joins[1].operational_ns == end


def test_the_attempt_that_is_acknowledged_counts(radio: Radio) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao(16, (1, 0))
    end = radio.dao_ack(17, (1, 0), attempts=3)
    assert only(record(radio, 1)).operational_ns == end


def test_attempts_that_all_fail_bring_nobody_in(radio: Radio) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao(16, (1, 0))
    radio.dao_ack(17, (1, 0), attempts=8, acked=False)
    node = record(radio, 1)
    assert only(node).operational_ns is None
    assert (node.reached, node.why) == (Phase.ROUTING, "no DAO-ACK reached it")


def test_a_missed_acknowledgement_of_a_single_attempt_is_the_sniffers(radio: Radio) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao(16, (1, 0))
    end = radio.dao_ack(17, (1, 0), acked=False)
    assert only(record(radio, 1)).operational_ns == end


def test_a_dao_ack_that_ends_at_the_relay_is_not_the_nodes(radio: Radio) -> None:
    radio.join(10, (1, 0))
    end = radio.join(30, (2, 1, 0))
    frames = radio.frames()
    last_hop = max(frame.number for frame in frames if frame.dst == eui(2) and frame.kind == "DATA")
    cut = joins(frame for frame in frames if frame.number < last_hop)[eui(2)]
    assert only(cut).operational_ns is None
    whole = only(joins(frames)[eui(2)])
    assert (whole.operational_ns, whole.frame) == (end, last_hop)


def test_a_dao_ack_that_passes_a_joining_relay_is_not_the_relays(radio: Radio) -> None:
    """Node 1 forwards before its own DAO-ACK comes: what it carries for node 2 ends nothing for itself."""
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao_ack(17, (2, 1, 0))
    assert only(record(radio, 1)).operational_ns is None


def test_a_configuration_before_the_last_question_was_not_received(radio: Radio) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(12.5, 0)
    radio.pcs(13, 1)
    radio.pc(13.5, 0)
    radio.route(14, (1, 0))
    configured = only(record(radio, 1)).configured_ns
    assert configured is not None
    assert configured > T0 + 13.5 * SECOND


def test_a_key_renewed_long_before_a_restart_does_not_make_it_cold(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.authenticate(500, 1, 0)
    radio.pa(600, 1, 128)
    radio.route(700, (1, 0))
    second = record(radio, 1).joins[1]
    assert (second.kind, second.first_frame_ns) == (Kind.RECONNECT, T0 + 700 * SECOND)


def test_a_dao_ack_long_after_the_node_was_seen_in_renews_its_route(radio: Radio) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.pa(40, 1, 128)
    radio.dao(3600, (1, 0), 241)
    radio.dao_ack(3601, (1, 0), 241)
    join = only(record(radio, 1))
    assert (join.operational_ns, join.operational_by_ns) == (None, T0 + 40 * SECOND)


def test_a_router_whose_dao_ack_was_missed_is_known_to_be_in_by_its_advertisement(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.pa(40, 1, 128)
    radio.pas(90, 1)
    frames = radio.frames()
    ack = next(f.number for f in frames if f.dst == eui(1) and f.time_ns > T0 + 19 * SECOND and f.kind == "DATA")
    first, second = joins(f for f in frames if f.number != ack)[eui(1)].joins
    assert (first.operational_ns, first.join_ns, first.reached) == (None, None, Phase.OPERATIONAL)
    assert first.operational_by_ns == T0 + 40 * SECOND
    assert second.first_solicitation_ns == T0 + 90 * SECOND


def test_a_capture_that_begins_in_mid_join_says_what_it_saw(radio: Radio) -> None:
    end = radio.join(10, (1, 0))
    frames = [frame for frame in radio.frames() if frame.time_ns > T0 + 12 * SECOND]
    join = only(joins(frames)[eui(1)])
    assert (join.kind, join.authenticated_ns, join.operational_ns) == (None, None, end)
    assert (join.first_solicitation_ns, join.first_frame_ns) == (None, T0 + 13 * SECOND)
    after = [frame for frame in radio.frames() if frame.time_ns > T0 + 13.8 * SECOND]
    join = only(joins(after)[eui(1)])
    assert (join.kind, join.first_solicitation_ns, join.configured_ns, join.operational_ns) == (None, None, None, end)
    assert join.join_ns is None


def test_a_node_that_was_in_before_the_capture_joins_nothing_and_renews_its_route(radio: Radio) -> None:
    radio.pa(5, 1, 128)
    radio.dao(50, (1, 0), 250)
    radio.dao_ack(51, (1, 0), 250)
    node = record(radio, 1)
    assert (node.joins, node.reached, node.hops) == ((), Phase.OPERATIONAL, 1)


def test_failed_authentications_count_once_each_and_stay_one_join(radio: Radio) -> None:
    for at in (10, 40, 70):
        radio.pas(at, 1)
        radio.authenticate(at + 1, 1, 0, outcome=EapCode.FAILURE)
    frames = radio.frames()
    failure = next(f for f in frames if f.eapol and f.eapol.eap and f.eapol.eap.code == EapCode.FAILURE)
    again = attrs.evolve(failure, time_ns=failure.time_ns + SECOND // 20)
    node = joins(sorted([*frames, again], key=lambda frame: frame.time_ns))[eui(1)]
    assert (node.failures, node.reached) == (3, Phase.AUTHENTICATION)
    assert only(node).first_solicitation_ns == T0 + 10 * SECOND
    assert node.why == "authentication failed 3 times (EAP-Failure)"


def test_two_sniffers_may_number_their_frames_alike(radio: Radio) -> None:
    """The far sniffer hears the failed attempts, the near one the rest; all frames of both are number 1."""
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao(16, (1, 0))
    end = radio.dao_ack(17, (1, 0), attempts=3)
    frames = [attrs.evolve(frame, number=1) for frame in radio.frames()]
    assert only(joins(frames)[eui(1)]).operational_ns == end


def test_depth_follows_the_daos_over_time(radio: Radio) -> None:
    radio.join(10, (1, 0))
    radio.join(30, (2, 1, 0))
    radio.dao(100, (2, 0), 241)
    frames = radio.frames()
    assert depth_at(frames, eui(2), T0 + 20 * SECOND) is None
    assert depth_at(frames, eui(2), T0 + 60 * SECOND) == 2
    assert depth_at(frames, eui(2)) == 1
    assert depth_at(frames, eui(0)) == 0
    assert [join.hops for join in joins(frames)[eui(2)].joins] == [2]


def test_without_any_dao_the_traffic_tells_the_way(radio: Radio) -> None:
    radio.dao_ack(10, (3, 2, 1, 0))
    frames = radio.frames()
    assert [depth_at(frames, eui(n)) for n in range(4)] == [0, 1, 2, 3]
    assert joins(frames)[eui(2)].route_from == "source route"


def test_a_loop_of_parents_is_no_depth(radio: Radio) -> None:
    radio.dao(10, (1, 2), 1)
    radio.dao(11, (2, 1), 1)
    assert depth_at(radio.frames(), eui(1)) is None


def unheard(radio: Radio) -> None:
    """A join whose DAO-ACK, of number 242 and from 20 s on, is not acknowledged."""
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.dao(18, (1, 0), 242)
    radio.dao_ack(19.8, (1, 0), 242, acked=False)


@pytest.mark.parametrize(
    ("later_s", "numbers", "arrived"),
    [
        (0, (242,), True),
        (1, (242,), False),
        (1, (243,), True),
        (1, (243, 242), False),
        (1, (243, 243, 242), False),
        (59.999, (242,), False),
        (60, (242,), True),
    ],
)
def test_a_dao_of_the_same_number_soon_after_asks_again(
    radio: Radio, later_s: float, numbers: tuple[int, ...], arrived: bool
) -> None:
    unheard(radio)
    for place, number in enumerate(numbers):
        radio.dao(20 + later_s + place * 0.5, (1, 0), number)
    assert (only(record(radio, 1)).operational_ns is not None) is arrived


@pytest.mark.parametrize(("later_ns", "ends"), [(60 * SECOND, True), (60 * SECOND + 1, False)])
def test_a_dao_ack_a_minute_after_the_node_was_seen_in_still_ends_its_join(
    radio: Radio, later_ns: int, ends: bool
) -> None:
    radio.pas(10, 1)
    radio.authenticate(11, 1, 0)
    radio.pc(14, 0)
    radio.lease(15, 1, 0)
    radio.pa(40, 1, 128)
    radio.dao_ack(39.8 + later_ns / SECOND, (1, 0), 241)
    assert (only(record(radio, 1)).operational_ns is not None) is ends


@pytest.mark.parametrize(
    ("answers_s", "found_s"), [((100, 100.5), 100), ((99.9, 100.5), 100.5), ((101,), None), ((100.5, 101), 100.5)]
)
def test_a_configuration_counts_from_the_question_on_and_before_the_first_data_frame(
    radio: Radio, answers_s: tuple[float, ...], found_s: float | None
) -> None:
    """The question is at 100 s, the first data frame at 101 s: what begins with it comes too late."""
    radio.join(10, (1, 0))
    radio.pcs(100, 1)
    for at in answers_s:
        radio.pc(at, 0)
    radio.route(101, (1, 0))
    configured = record(radio, 1).joins[1].configured_ns
    assert (None if configured is None else round((configured - T0) / SECOND, 1)) == found_s


def test_what_stopped_a_join_is_told_of_the_last_one(radio: Radio) -> None:
    """An LFN waits for its registration, a router for its DAO-ACK; what it was the time before does not matter."""
    for at in (10, 100):
        radio.pas(at, 1)
        radio.authenticate(at + 1, 1, 0)
        radio.pc(at + 4, 0)
        radio.lease(at + 5, 1, 0)
        radio.dao(at + 6, (1, 0))
        if at == 10:
            radio.dao_ack(at + 7, (1, 0))
    frames = radio.frames()
    whys = []
    for first, then in (("PAS", "LPAS"), ("LPAS", "PAS")):
        kinds = {T0 + 10 * SECOND: first, T0 + 100 * SECOND: then}
        changed = [attrs.evolve(f, kind=kinds[f.time_ns]) if f.kind == "PAS" else f for f in frames]
        node = joins(changed)[eui(1)]
        whys.append((len(node.joins), node.why))
    assert whys[0] == (2, "no confirmation of its registration reached it")
    assert whys[1][1] == "no DAO-ACK reached it"
