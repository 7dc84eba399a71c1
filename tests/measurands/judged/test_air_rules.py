"""``air.rules`` and ``radio.method`` over sightings made by hand: what is right, and each rule broken once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from bench.evidence.worlds import Worlds
from bench.measurands.air.sightings.digest import settle
from bench.measurands.air.sightings.sighting import Carried, Content, Datagram, Echo, Sighting
from bench.measurands.judged import air_rules, radio_method
from bench.measurands.judged.explain import AirView
from bench.measurands.judged.setup import Setup
from bench.records import NS_PER_DAY, NS_PER_HOUR, NS_PER_S, Measurement
from tests.measurands.synthetic import MIDNIGHT_NS, SETUP, T1, Run

MS = 1_000_000
TERMINAL = bytes.fromhex(T1.eui64.replace(":", ""))
PARENT = bytes.fromhex("024b42fffe000101")
FAN = attrs.evolve(SETUP, radio_methods=("wi-sun-fan-1.1",))


def frame(
    n: int,
    at_s: float,
    *,
    counter: int | None = -1,
    body: int | None = None,
    air_ms: float = 10.0,
    kind: str = "DATA",
    content: Content | None = None,
    src: bytes = TERMINAL,
) -> Sighting:
    """The ``n``-th frame, ``at_s`` after midnight; its counter is ``n`` where none is given, None: not secured."""
    return Sighting(
        ordinal=n,
        number=n + 1,
        start_ns=MIDNIGHT_NS + round(at_s * NS_PER_S),
        air_ns=round(air_ms * MS),
        src=src,
        dst=PARENT,
        seq=n % 256,
        pan=None,
        kind=kind,
        octets=100,
        plan=None,
        asks=False,
        key_index=None if counter is None else 1,
        counter=n if counter == -1 else counter,
        body=n if body is None else body,
        rssi_dbm=-50.0,
        rsl_dbm=None,
        mic="none" if counter is None else "ok",
        content=content,
    )


def datagram(identity: int, at_s: float, local: bool = False) -> Datagram:
    src = bytes.fromhex("fe80" if local else "fd00") + bytes(6) + TERMINAL
    return Datagram(src, bytes.fromhex("fd00") + bytes(13) + b"\x01", (), round(at_s * NS_PER_S), 100, None, identity)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.begin(MIDNIGHT_NS, "steady")
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    return run


def heard(monkeypatch: pytest.MonkeyPatch, frames: Sequence[Sighting], shut: Sequence[Sighting] = ()) -> None:
    view = AirView(seen=settle([one._replace(ordinal=n) for n, one in enumerate(frames)]), shut=tuple(shut))
    for module in (air_rules, radio_method):
        monkeypatch.setattr(module, "air_view", lambda evidence, until_ns: view)


def rules(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    frames: Sequence[Sighting],
    shut: Sequence[Sighting] = (),
    setup: Setup = FAN,
) -> Measurement:
    heard(monkeypatch, frames, shut)
    (measured,) = air_rules.air_rules([run.evidence().episode("steady")], setup, "count")
    return measured


def test_frames_as_they_should_be_break_no_rule(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    again = frame(9, 10.5)._replace(counter=8, body=8)  # the MAC repeats what was not acknowledged
    acks = [frame(20, 30.0, counter=None, kind="ACK"), frame(21, 30.0106, counter=21)]
    other = frame(30, 40.0, counter=None, src=PARENT)
    measured = rules(run, monkeypatch, [*(frame(n, 1.0 + n) for n in range(9)), again, *acks, other])
    assert (measured.value, measured.gate) == (0.0, "")
    assert measured.conditions["other_senders"] == 1


@pytest.mark.parametrize(
    ("spoilt", "rule"),
    [
        ([frame(11, 21.0, counter=None)], "clear text"),
        ([frame(11, 21.0, counter=3)], "counter used twice"),
        ([frame(11, 100.0, counter=3, body=3)], "replayed"),
        ([frame(11, 21.0, air_ms=4001.0)], "too long on the air"),
        ([frame(11, 21.0), frame(12, 21.0119)], "no pause"),
        ([frame(11, 21.0, air_ms=500.0), frame(12, 21.549)], "no pause"),
        ([frame(11, 21.0, air_ms=400.000001), frame(12, 21.4021)], "no pause"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_broken_once(run: Run, monkeypatch: pytest.MonkeyPatch, spoilt: list[Sighting], rule: str) -> None:
    measured = rules(run, monkeypatch, [*(frame(n, 1.0 + n) for n in range(10)), *spoilt])
    assert (measured.value, measured.detail["rules_broken"]) == (1.0, {rule: 1})


def shut(at_s: float, src: bytes = TERMINAL, index: int = 1) -> Sighting:
    """A whole frame that no key opens."""
    return frame(50, at_s, counter=900, src=src)._replace(mic="bad", body=None, key_index=index)


def test_a_frame_that_no_key_opens_among_those_that_are_opened(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [frame(n, 10.0 + 10 * n) for n in range(5)]
    measured = rules(run, monkeypatch, opened, [shut(15.0), shut(25.0)])
    assert (measured.value, measured.detail["rules_broken"]) == (2.0, {"unknown key": 2})
    breaches: Any = measured.detail["breaches"]
    assert "no key of index 1 opens it" in breaches[0]["said"]


@pytest.mark.parametrize(
    "strange",
    [
        [shut(5.0)],  # before any that is opened: the key may be handed out later
        [shut(55.0)],  # behind the last: renewed, and the run does not know the new one
        [shut(25.0, index=2)],  # of an index under which none of its frames is opened
        [shut(25.0), shut(26.0, src=PARENT)],  # shut for all the mesh: a key that the run does not know
        [shut(25.0, src=PARENT)],  # another's
        [shut(25.0), shut(20.0, src=PARENT)],  # shut for all the mesh, from the frame before on
        [shut(25.0), shut(30.0, src=PARENT)],  # and to the one behind
    ],
)
def test_a_key_that_the_run_may_not_know_is_no_breach(
    run: Run, monkeypatch: pytest.MonkeyPatch, strange: list[Sighting]
) -> None:
    opened = [frame(n, 10.0 + 10 * n) for n in range(5)]
    assert rules(run, monkeypatch, opened, strange).value == 0.0


def test_a_shut_frame_of_another_one_at_another_time_excuses_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [frame(n, 10.0 + 10 * n) for n in range(5)]
    assert rules(run, monkeypatch, opened, [shut(15.0), shut(26.0, src=PARENT), shut(16.0, PARENT, 2)]).value == 1.0


def test_what_was_shut_before_the_frame_ahead_excuses_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [frame(n, 10.0 + 10 * n) for n in range(5)]
    assert rules(run, monkeypatch, opened, [shut(25.0), shut(15.0, src=PARENT)]).value == 1.0


def test_what_is_opened_of_another_one_is_not_the_terminals(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mesh goes on under a key that the run knows; of the terminal nothing is opened any more."""
    opened = [frame(n, 10.0 + 10 * n, src=TERMINAL if n < 3 else PARENT) for n in range(5)]
    assert rules(run, monkeypatch, opened, [shut(35.0)]).value == 0.0


def test_keys_of_other_methods_are_each_session_s_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = [frame(n, 10.0 + 10 * n) for n in range(5)]
    han = attrs.evolve(SETUP, radio_methods=("wi-sun-enhanced-han",))
    assert rules(run, monkeypatch, opened, [shut(25.0)], han).value == 0.0


@pytest.mark.parametrize(("pause_ms", "air_ms"), [(2.0, 10.0), (2.0, 400.0), (50.0, 500.0)])
def test_a_pause_that_is_just_long_enough(
    run: Run, monkeypatch: pytest.MonkeyPatch, pause_ms: float, air_ms: float
) -> None:
    frames = [frame(0, 1.0, air_ms=air_ms), frame(1, 1.0 + (air_ms + pause_ms) / 1000)]
    assert rules(run, monkeypatch, frames).value == 0.0


def renewed(key: int | None, mic: str = "ok") -> list[Sighting]:
    """Ten frames, and ten more whose counters begin anew, under another key of the same index."""
    frames = [frame(n, 1.0 + n, counter=n) for n in range(10)]
    frames += [frame(n, 71.0 + n, counter=n - 10) for n in range(10, 20)]
    frames = [one._replace(body=None) for one in frames] if mic == "no key" else frames
    return [one._replace(key=key if n >= 10 else 0 if mic == "ok" else None, mic=mic) for n, one in enumerate(frames)]


def test_a_key_that_was_renewed_under_its_index_is_no_breach(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules(run, monkeypatch, renewed(1)).value == 0.0
    broken = rules(run, monkeypatch, renewed(0)).detail["rules_broken"]
    assert set(broken) == {"counter fell back", "counter used twice"}  # type: ignore[arg-type]


def test_a_fall_that_may_be_a_new_key_is_no_breach(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = renewed(None, "no key")
    assert rules(run, monkeypatch, unread).value == 0.0
    beside = [one._replace(src=PARENT, counter=500 + n) for n, one in enumerate(unread)]  # goes on: the same key
    both = sorted([*unread, *beside], key=lambda one: one.start_ns)
    assert rules(run, monkeypatch, both).detail["rules_broken"] == {"counter fell back": 1}


def test_a_counter_that_fell_back_is_one_breach(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [frame(n, 1.0 + n, counter=1000 + n) for n in range(10)]
    frames += [frame(n, 1.0 + n, counter=n) for n in range(10, 20)]
    assert rules(run, monkeypatch, frames).detail["rules_broken"] == {"counter fell back": 1}


@pytest.mark.parametrize(("sendings", "value"), [(100, 0.0), (101, 1.0), (200, 1.0)])
def test_six_minutes_within_an_hour(run: Run, monkeypatch: pytest.MonkeyPatch, sendings: int, value: float) -> None:
    """3.6 s each, one every 18 s: 100 of them are 360 s in half an hour."""
    measured = rules(run, monkeypatch, [frame(n, 18.0 * n, air_ms=3600.0) for n in range(sendings)])
    assert measured.value == value


def test_an_hour_that_slides_forgets(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules(run, monkeypatch, [frame(n, 40.0 * n, air_ms=3900.0) for n in range(500)]).value == 0.0


def test_a_terminal_that_nobody_heard_is_open(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "heard nothing of it" in rules(run, monkeypatch, [frame(0, 1.0, src=PARENT)]).gate


@pytest.mark.parametrize(
    ("heard_to_s", "every_nth", "says"),
    [
        (4000.0, 1, None),
        (3100.0, 1, None),
        (2900.0, 1, "nothing of it in the five minutes before 2 of its 5 data"),
        (4000.0, 2, "missed frames before 39 of the 40 that they heard"),
    ],
    ids=["all", "all but one datum's", "all but two data's", "every other frame"],
)
def test_what_was_not_heard_breaks_no_rule_and_keeps_none(
    run: Run, monkeypatch: pytest.MonkeyPatch, heard_to_s: float, every_nth: int, says: str | None
) -> None:
    uploads(run, 1000.0, 2000.0, 3000.0, 3350.0, 3900.0)
    sent = [frame(n, 50.0 * n) for n in range(80)]
    left = sent[: round(heard_to_s / 50) : every_nth]
    measured = rules(run, monkeypatch, left)
    if says is None:
        assert measured.value == 0.0
    else:
        assert measured.value is None
        assert says in measured.gate
    broken = [*left, frame(90, 100.0 * len(left) + 1.0, counter=None)]
    assert rules(run, monkeypatch, broken).value == 1.0, "a breach that was heard stays one"


def test_counters_that_go_ahead_once_are_no_missing_frames(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that starts again leaves some out, so as to repeat none."""
    frames = [frame(n, 50.0 * n, counter=n + 1000 * (n >= 5)) for n in range(10)]
    assert rules(run, monkeypatch, frames).value == 0.0


def test_no_sniffer_is_open(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(air_rules, "air_view", lambda evidence, until_ns: AirView())
    (measured,) = air_rules.air_rules([run.evidence().episode("steady")], FAN, "count")
    assert measured.gate == "no sniffer"


def method(run: Run, monkeypatch: pytest.MonkeyPatch, frames: Sequence[Sighting], setup=FAN) -> Measurement:  # type: ignore[no-untyped-def]
    heard(monkeypatch, frames)
    monkeypatch.setattr(radio_method, "_no_keys", lambda evidence: None)
    (measured,) = radio_method.radio_method([run.evidence().episode("steady")], setup, "count")
    return measured


def uploads(run: Run, *at_s: float, by: str = "t1") -> None:
    for n, at in enumerate(at_s):
        run.server(MIDNIGHT_NS + round(at * NS_PER_S), "upload", by, upload_seq=n, meters=[])


def carrying(*at_s: float) -> list[Sighting]:
    """Frames of a terminal, one every 100 s, and at these times with a datagram of its own."""
    times = sorted([*(100.0 * n for n in range(60)), *at_s])
    return [frame(n, at, content=datagram(n, at) if at in at_s else None) for n, at in enumerate(times)]


def test_each_datum_has_a_datagram_of_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1000.0, 1001.0, 3000.0)
    measured = method(run, monkeypatch, carrying(999.0, 999.5, 2990.0))
    assert (measured.value, measured.conditions["heard"]) == (0.0, 3)


def test_one_datagram_does_not_carry_two_uploads(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1000.0, 1001.0, 3000.0)
    measured = method(run, monkeypatch, carrying(999.0, 2990.0))
    assert measured.value == 1.0
    assert [one["rule"] for one in measured.detail["breaches"]] == ["no frame on the air"]  # type: ignore[union-attr, index, call-overload]


def said(*messages: tuple[int, float], echo: bool = False) -> list[Sighting]:
    """Frames of a terminal, one every 100 s, and messages: identity and time."""
    times = sorted([*((100.0 * n, 0) for n in range(160)), *((at, identity) for identity, at in messages)])
    ping = Echo(False, 1, 1, 8, None) if echo else None
    return [
        frame(n, at, content=attrs.evolve(datagram(identity, at), message=ping) if identity else None)
        for n, (at, identity) in enumerate(times)
    ]


def test_a_message_that_is_repeated_carries_one_datum(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer, repeated 30 s and 90 s later for nobody acknowledged it, and an alarm that no message brought."""
    uploads(run, 1001.0, 1200.0)
    assert method(run, monkeypatch, said((7, 1000.0), (7, 1030.0), (7, 1090.0))).value == 1.0
    assert method(run, monkeypatch, said((7, 1000.0), (7, 1030.0), (7, 1090.0), (8, 1199.0))).value == 0.0


def test_a_message_that_was_held_carries_its_datum_when_it_is_repeated(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off, the server takes it only after the pauses between its repetitions have grown beyond the window."""
    uploads(run, 2281.0)
    held = [(7, at) for at in (1000.0, 1010.0, 1030.0, 1070.0, 1150.0, 1310.0, 1630.0, 2280.0)]
    assert method(run, monkeypatch, said(*held)).value == 0.0


def test_a_datum_whose_own_message_was_missed_takes_none_that_another_needs(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An alarm is held and repeated; meanwhile an answer comes whose frame the sniffers missed."""
    uploads(run, 1005.0, 2281.0, *(3000.0 + 1000.0 * n for n in range(8)))
    held = [(7, at) for at in (1000.0, 1010.0, 1030.0, 1070.0, 1150.0, 1310.0, 1630.0, 2280.0)]
    others = [(20 + n, 2999.0 + 1000.0 * n) for n in range(8)]
    frames = said(*held, (8, 1004.0), *others)
    lost = next(n for n, one in enumerate(frames) if one.start_ns == MIDNIGHT_NS + 1004 * NS_PER_S)
    measured = method(run, monkeypatch, [*frames[:lost], *frames[lost + 1 :]])
    assert (measured.value, measured.conditions["left_out"]) == (0.0, 1)


def test_a_datum_takes_the_message_that_is_over_first(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second datum comes too late for the first message: it is the first one's."""
    uploads(run, 1250.0, 1310.0)
    assert method(run, monkeypatch, said((7, 1000.0), (8, 1200.0))).value == 0.0


def test_the_same_octets_an_hour_later_are_another_message(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1001.0, 4601.0)
    assert method(run, monkeypatch, said((7, 1000.0), (7, 4599.0))).value == 1.0
    assert method(run, monkeypatch, said((7, 1000.0), (7, 4600.0))).value == 0.0


def test_a_terminal_that_begins_anew_may_say_what_it_said_before(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for at_s in (1001, 1301):
        run.server(MIDNIGHT_NS + at_s * NS_PER_S, "terminal.reachable", eui64=T1.eui64)
    assert method(run, monkeypatch, said((7, 1000.0), (7, 1300.0))).value == 0.0


def test_an_echo_carries_no_datum(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1001.0)
    assert method(run, monkeypatch, said((7, 1000.0), echo=True)).value == 1.0


def test_a_datum_that_the_sniffers_may_have_missed_is_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter leaves out a frame just before the second upload."""
    uploads(run, 500.0, 1000.0, 1500.0, 2000.0, 2500.0, 3000.0)
    frames = carrying(499.0, 999.0, 1499.0, 1999.0, 2499.0, 2999.0)
    lost = next(n for n, one in enumerate(frames) if one.start_ns == MIDNIGHT_NS + 999 * NS_PER_S)
    measured = method(run, monkeypatch, [*frames[:lost], *frames[lost + 1 :]])
    assert (measured.value, measured.conditions["left_out"]) == (0.0, 1)


def test_sniffers_that_miss_much_leave_it_open(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 500.0, 1000.0, 1500.0)
    frames = [one for one in carrying(499.0, 999.0, 1499.0) if one.content is None]
    assert "the sniffers missed frames" in method(run, monkeypatch, frames).gate


def test_link_local_frames_carry_no_datum(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1000.0)
    frames = carrying()
    frames = [one._replace(content=datagram(n, 0.0, local=True)) for n, one in enumerate(frames)]
    assert method(run, monkeypatch, frames).value == 1.0


HAN = attrs.evolve(SETUP, radio_methods=("wi-sun-enhanced-han",))
U_BUS = attrs.evolve(SETUP, radio_methods=("u-bus-air",))
ROUTER = bytes((TERMINAL[0] ^ 2,)) + TERMINAL[1:]
"""The interface identifier of the terminal's EUI-64."""


def within_han(identity: int, at_s: float, interface: bytes = ROUTER) -> Datagram:
    """A datagram between two nodes of a HAN."""
    link_local = bytes.fromhex("fe80") + bytes(6)
    return Datagram(link_local + interface, link_local + bytes(8), (), round(at_s * NS_PER_S), 100, None, identity)


@pytest.mark.parametrize(
    ("setup", "content", "other"),
    [
        (HAN, within_han(1, 0.0), within_han(1, 0.0, bytes(8))),
        (U_BUS, Carried(TERMINAL, bytes(8), True, 1), Carried(PARENT, bytes(8), True, 1)),
        (U_BUS, Carried(TERMINAL, bytes(8), True, 1), Carried(TERMINAL, bytes(8), False, 1)),
        (HAN, within_han(1, 0.0), datagram(1, 0.0)),
    ],
    ids=["HAN", "U-bus Air", "U-bus Air registration", "FAN's are no HAN's"],
)
def test_other_methods_carry_data_of_their_own(
    run: Run, monkeypatch: pytest.MonkeyPatch, setup: object, content: Content, other: Content
) -> None:
    """A terminal's own message carries an upload; what it passes on for another, or says beside, does not."""
    uploads(run, 1000.0)
    times = sorted([*(100.0 * n for n in range(60)), 999.0])

    def frames(said: Content) -> list[Sighting]:
        return [frame(n, at, kind="data", content=said if at == 999.0 else None) for n, at in enumerate(times)]

    assert method(run, monkeypatch, frames(content), setup).value == 0.0
    assert method(run, monkeypatch, frames(other), setup).value == 1.0


@pytest.mark.parametrize("setup", [HAN, U_BUS], ids=["HAN", "U-bus Air"])
def test_counters_count_in_every_method(run: Run, monkeypatch: pytest.MonkeyPatch, setup: object) -> None:
    heard(monkeypatch, [*(frame(n, 1.0 + n, kind="data") for n in range(10)), frame(3, 30.0, kind="data", body=99)])
    (measured,) = air_rules.air_rules([run.evidence().episode("steady")], setup, "count")  # type: ignore[arg-type]
    assert measured.detail["rules_broken"] == {"counter used twice": 1}
    assert measured.conditions["rules"] == "ARIB STD-T108 and frame counters"


def test_another_unit_at_the_server_counts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.server(MIDNIGHT_NS + 1000 * NS_PER_S, "terminal.reachable", eui64="02:4b:42:ff:fe:00:02:99")
    measured = method(run, monkeypatch, carrying(999.0))
    assert (measured.value, measured.conditions["heard"]) == (1.0, 1)


def test_a_second_method_that_is_not_heard_leaves_it_open(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1000.0, 1001.0)
    both = attrs.evolve(FAN, radio_methods=("wi-sun-fan-1.1", "lte-m"))
    assert "may have come by lte-m" in method(run, monkeypatch, carrying(999.0), both).gate


def test_window_of_a_datagram(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent an hour before is no proof of how this one came."""
    uploads(run, 1000.0 + NS_PER_HOUR / NS_PER_S)
    assert method(run, monkeypatch, carrying(999.0)).value == 1.0


def test_an_episode_that_was_broken_off_proves_no_absence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(tmp_path)
    run.begin(MIDNIGHT_NS, "steady")
    uploads(run, 1000.0)
    assert "did not end" in method(run, monkeypatch, carrying(999.0)).gate
    assert "did not end" in rules(run, monkeypatch, [frame(0, 1.0)]).gate
    assert rules(run, monkeypatch, [frame(0, 1.0, counter=None)]).value == 1.0


SEAM_S = 50.0
TWIN: dict[str, list[str]] = {"terminals": []}


def gone_on(path: Path, topology: object, takeover: str = "too late", anew: bool = True, again: bool = False) -> Run:
    """A run that was killed ``SEAM_S`` after midnight and went on; ``anew``: with another server. What the server has
    is another terminal's: of this one a test hears what it needs."""
    run, at_ns = Run(path, topology=topology), MIDNIGHT_NS + round(SEAM_S * NS_PER_S)
    run.begin(MIDNIGHT_NS, "steady")
    uploads(run, 10.0, 20.0, by="t9")
    run.bench(at_ns, "bench.safe", "bench", reason="interrupted", failed=[])
    run.resumed(at_ns, at_ns, takeover, anew)
    uploads(run, 1000.0, by="t9")
    if again:  # the same twin is found again: its numbers are below those of the first one, and go on
        run.resumed(at_ns + 1100 * NS_PER_S, at_ns + 1100 * NS_PER_S, takeover)
        uploads(run, 2000.0, by="t9")
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    return run


def two_series(first: int = 30) -> list[Sighting]:
    """Counters that begin anew behind the seam, with the same octets: the same seed under the same keys."""
    return [frame(n, 1.0 + n + 60.0 * (n >= first), counter=n % first, body=n % first) for n in range(2 * first)]


def test_a_new_simulated_world_counts_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gone_on(tmp_path, TWIN)
    assert rules(run, monkeypatch, two_series()).value == 0.0
    fell = [*two_series(), *(frame(n, 300.0 + n, counter=n - 100) for n in range(100, 110))]
    assert rules(run, monkeypatch, fell).value != 0.0, "within one world a counter must not fall"


@pytest.mark.parametrize(
    ("topology", "takeover", "anew"),
    [(None, "too late", True), (TWIN, "in time", False), (TWIN, "too late", False)],
    ids=["a physical rig", "in time", "the same twin"],
)
def test_a_bench_that_was_started_again_is_no_new_world(
    topology: object, takeover: str, anew: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = gone_on(tmp_path, topology, takeover, anew)
    broken = rules(run, monkeypatch, two_series()).detail["rules_broken"]
    assert set(broken) == {"counter fell back", "replayed"}  # type: ignore[arg-type]


def test_a_twin_that_was_found_again_goes_on_in_its_world(tmp_path: Path) -> None:
    assert len(Worlds.of(gone_on(tmp_path, TWIN, again=True).evidence()).rows) == 1


def test_a_datum_right_behind_a_seam_is_no_datum_of_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter happens to go on over the seam, so nothing seems to be missed."""
    run = Run(tmp_path, topology=TWIN)
    run.begin(MIDNIGHT_NS, "steady")
    uploads(run, 500.0, 1000.0, 1500.0, 2000.0, 2500.0)
    seam_ns = MIDNIGHT_NS + 2950 * NS_PER_S
    run.bench(seam_ns, "bench.safe", "bench", reason="interrupted", failed=[])
    run.resumed(seam_ns, seam_ns, "too late", anew=True)
    uploads(run, 3000.0)
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    measured = method(run, monkeypatch, carrying(499.0, 999.0, 1499.0, 1999.0, 2499.0))
    assert (measured.value, measured.conditions["left_out"]) == (0.0, 1)
