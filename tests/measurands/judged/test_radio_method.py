"""``radio.method`` at its edges: which frames show that nothing was missed, which message is a datum's, and when so
much is open that nothing is judged. What it is about is in `test_air_rules`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from bench import kinds
from bench.measurands.air.sightings.sighting import Carried, Content, Datagram, Echo, Sighting
from bench.measurands.judged import radio_method
from bench.measurands.judged.air_rules import WINDOW_NS
from bench.measurands.judged.explain import AirView
from bench.measurands.judged.radio_method import AGAIN_NS, TELLS, Heard
from bench.records import NS_PER_DAY, NS_PER_S, Measurement
from tests.measurands.judged.test_air_rules import FAN, PARENT, carrying, datagram, frame, heard, uploads
from tests.measurands.judged.test_air_rules import method as measured
from tests.measurands.judged.test_air_rules import run as run
from tests.measurands.synthetic import MIDNIGHT_NS, T1, Run

KEY, OTHER_KEY, OTHER_WORLD = (0, 1), (0, 2), (1, 1)


def counted(*counters: int | tuple[int, tuple[int, int]]) -> Heard:
    """A frame every 10 ns from 0 on, with these counters; under another key or in another world where it is said."""
    pairs = [one if isinstance(one, tuple) else (one, KEY) for one in counters]
    return Heard((), tuple((10 * n, key, counter) for n, (counter, key) in enumerate(pairs)))


@pytest.mark.parametrize(
    ("frames", "since_ns", "until_ns", "missed"),
    [
        (counted(5, 6, 7, 8), 10, 20, False),
        (counted(5, 6), 0, 10, False),
        (counted(5, 6), -1, 10, True),
        (counted(5, 6), 0, 11, True),
        (counted(5), 0, 0, True),
        (counted(), 0, 0, True),
        (counted(1, 5, 6, 7), 10, 20, True),
        (counted(1, 5, 6, 7), 11, 20, False),
        (counted(1, 5, 6, 7), 20, 30, False),
        (counted(1, 2, 3, 9), 0, 10, False),
        (counted(1, 2, 3, 9), 0, 19, False),
        (counted(1, 2, 3, 9), 0, 20, True),
        (counted(1, 2, 4, 5), 10, 19, True),
        (counted(3, 2, 1, 0), 10, 10, True),
        (counted(1, 1, 1, 1), 10, 10, True),
        (counted(1, 2, (3, OTHER_KEY), (4, OTHER_KEY)), 10, 20, True),
        (counted(1, 2, (3, OTHER_WORLD), (4, OTHER_WORLD)), 10, 20, True),
        (counted((1, OTHER_KEY), (2, OTHER_KEY), (3, OTHER_KEY)), 10, 10, False),
    ],
)
def test_counters_show_whether_a_frame_was_missed(frames: Heard, since_ns: int, until_ns: int, missed: bool) -> None:
    """From the last frame before the interval to the first after it each counter is one more."""
    assert frames.missed(since_ns, until_ns) is missed


@pytest.mark.parametrize(
    ("said", "registered", "messages"),
    [
        ([(0, 7), (AGAIN_NS - 1, 7)], [], [[0, AGAIN_NS - 1]]),
        ([(0, 7), (AGAIN_NS, 7)], [], [[0], [AGAIN_NS]]),
        ([(0, 7), (AGAIN_NS - 1, 7), (AGAIN_NS, 7)], [], [[0, AGAIN_NS - 1, AGAIN_NS]]),
        ([(0, 7), (1, 8), (2, 7)], [], [[0, 2], [1]]),
        ([(0, 7), (5, 7)], [5], [[0, 5]]),
        ([(0, 7), (6, 7)], [5], [[0], [6]]),
    ],
)
def test_what_is_repeated_within_the_hour_is_one_message_until_a_registration(
    said: list[tuple[int, int]], registered: list[int], messages: list[list[int]]
) -> None:
    found = Heard(tuple((start, 0, identity) for start, identity in said), ()).messages(registered)
    assert found == messages
    worlds = Heard(tuple((start, n, identity) for n, (start, identity) in enumerate(said)), ())
    assert worlds.messages(registered) == [[start] for start, _ in said], "another world repeats nothing"


@pytest.mark.parametrize(
    ("messages", "asked", "takes"),
    [
        ([[0]], [WINDOW_NS], [True]),
        ([[0]], [WINDOW_NS + 1], [False]),
        ([[5]], [5, 5], [True, False]),
        ([[5]], [4, 5], [False, True]),
        ([[0, 10, 100], [40, 50]], [100, WINDOW_NS + 100], [True, True]),
        ([[40, 50], [0, 10, 100]], [100, WINDOW_NS + 100], [True, True]),
        ([[0, 10, 100], [40, 50]], [100, 100, 100], [True, True, False]),
    ],
)
def test_a_datum_takes_of_the_messages_in_its_window_the_one_that_is_over_first(
    messages: list[list[int]], asked: list[int], takes: list[bool]
) -> None:
    free = radio_method._Free(messages)
    assert [free.takes(at_ns) for at_ns in asked] == takes


GROUP: Final = bytes.fromhex("ff03") + bytes(14)
LINK: Final = bytes.fromhex("fe80") + bytes(6)
ROUTED: Final = bytes.fromhex("fd00") + bytes(6)
INTERFACE: Final = bytes.fromhex("367856fffebc9ade")
EUI64: Final = bytes.fromhex("347856fffebc9ade")
PING: Final = Echo(False, 1, 1, 8, None)


def packet(src: bytes, dst: bytes, message: Any = None) -> Datagram:
    return Datagram(src + INTERFACE, dst, (), 0, 100, message, 77)


@pytest.mark.parametrize(
    ("content", "told_as"),
    [
        (packet(ROUTED, ROUTED + bytes(8)), "wi-sun-fan-1.1"),
        (packet(ROUTED, ROUTED + bytes(8), PING), ""),
        (packet(ROUTED, GROUP), ""),
        (packet(LINK, LINK + bytes(8)), "wi-sun-enhanced-han"),
        (packet(LINK, LINK + bytes(8), PING), ""),
        (packet(LINK, GROUP), ""),
        (attrs.evolve(packet(LINK, LINK + bytes(8)), src=LINK + EUI64), ""),
        (attrs.evolve(packet(LINK, LINK + bytes(8)), src=LINK + bytes(1) + INTERFACE[1:]), ""),
        (attrs.evolve(packet(LINK, LINK + bytes(8)), src=LINK + INTERFACE[:7] + bytes(1)), ""),
        (Carried(EUI64, bytes(8), True, 77), "u-bus-air"),
        (Carried(EUI64, bytes(8), False, 77), ""),
        (Carried(PARENT, bytes(8), True, 77), ""),
        (None, ""),
    ],
)
def test_a_message_is_one_methods_alone(content: Content | None, told_as: str) -> None:
    """The interface identifier of an EUI-64 has the universal bit the other way round (RFC 4291, appendix A)."""
    for method in ("wi-sun-fan-1.1", "wi-sun-enhanced-han", "u-bus-air"):
        assert TELLS[method](content, EUI64) == (77 if method == told_as else None)


def of_messages(at: Sequence[float], lost: Sequence[float] = ()) -> list[Sighting]:
    """A frame every 100 s and one with a datagram at each of these times, less those that the sniffers missed."""
    return [one for one in carrying(*at) if one.start_ns not in {MIDNIGHT_NS + round(t * NS_PER_S) for t in lost}]


@pytest.mark.parametrize(
    ("data", "without", "missed", "value", "heard"),
    [
        (5, 0, 0, 0.0, 5),
        (5, 0, 1, 0.0, 4),
        (4, 0, 1, None, 3),
        (6, 0, 2, None, 4),
        (6, 1, 2, 1.0, 3),
        (2, 1, 1, 1.0, 0),
        (1, 0, 1, None, 0),
        (0, 0, 0, None, 0),
    ],
)
def test_one_in_five_may_be_missed_where_nothing_took_another_way(
    run: Run, monkeypatch: pytest.MonkeyPatch, data: int, without: int, missed: int, value: float | None, heard: int
) -> None:
    """Of so many uploads the last ones came without a message, and the messages of the first ones were missed."""
    times = [500.0 * (n + 1) for n in range(data)]
    uploads(run, *times)
    own = [at - 1.0 for at in times[: data - without]]
    found = measured(run, monkeypatch, of_messages(own, own[:missed]))
    assert (found.value, found.bench_error) == (value, False)
    assert (found.conditions["data"], found.conditions["heard"]) == (data, heard)
    why = f"of {data} data {heard} were heard on the air, and the sniffers missed frames beside the others"
    assert found.gate == (why if value is None else "")
    if value is not None:
        assert (found.u, found.conditions["left_out"]) == (0.0, missed)


def test_data_are_taken_in_order_of_time_and_not_of_arrival(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The later one was heard of first: it leaves the only message to the earlier one that may be its own."""
    uploads(run, 1290.0, 1250.0)
    assert measured(run, monkeypatch, of_messages([1001.0, 1280.0])).value == 0.0


STRANGER: Final = "02:4b:42:ff:fe:00:02:99"


@pytest.mark.parametrize(
    ("said", "strange"),
    [
        ({}, False),
        ({"eui64": T1.eui64.upper()}, False),
        ({"eui64": T1.eui64.replace(":", "")}, False),
        ({"eui64": STRANGER}, True),
    ],
)
@pytest.mark.parametrize("lost", [True, False])
def test_another_unit_stays_another_one_whatever_the_bench_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], strange: bool, lost: bool
) -> None:
    run.server(MIDNIGHT_NS + 1000 * NS_PER_S, "terminal.reachable", **said)
    if lost:
        run.bench(MIDNIGHT_NS + 2000 * NS_PER_S, kinds.BENCH_LOST_PORT, "server", port="server", reason="gone")
    found = measured(run, monkeypatch, of_messages([999.0]))
    if strange:
        assert found.value == 1.0
        (breach,) = _breaches(found)
        assert (breach["rule"], breach["said"]) == ("another unit", f"server.terminal.reachable of EUI-64 {STRANGER}")
    else:
        assert (found.value, found.bench_error) == ((None, True) if lost else (0.0, False))
        assert found.gate == ("the bench lost server: gone" if lost else "")


def _breaches(found: Measurement) -> list[Any]:
    breaches: Any = found.detail["breaches"]
    return list(breaches)


def test_what_took_another_way_stays_so_whatever_the_bench_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads(run, 1000.0, 1001.0)
    run.bench(MIDNIGHT_NS + 2000 * NS_PER_S, kinds.BENCH_LOST_PORT, "server", port="server", reason="gone")
    found = measured(run, monkeypatch, of_messages([999.0]))
    (breach,) = _breaches(found)
    assert (found.value, breach["rule"], breach["said"]) == (1.0, "no frame on the air", "server.upload")
    assert found.cited == (breach["cited"],)


@pytest.mark.parametrize("strange", [True, False])
@pytest.mark.parametrize("way", [True, False], ids=["another way", "all heard"])
def test_a_method_that_is_not_heard_may_have_carried_what_is_missing(
    run: Run, monkeypatch: pytest.MonkeyPatch, strange: bool, way: bool
) -> None:
    uploads(run, 1000.0, *([1001.0] if way else []))
    if strange:
        run.server(MIDNIGHT_NS + 3000 * NS_PER_S, "terminal.reachable", eui64=STRANGER)
    both = attrs.evolve(FAN, radio_methods=("wi-sun-fan-1.1", "lte-m"))
    found = measured(run, monkeypatch, of_messages([999.0, 2999.0]), both)
    if way and not strange:
        missing = run.evidence().events(kinds.SERVER_UPLOAD)[-1].citation
        said = "1 data may have come by lte-m, which is not heard"
        assert (found.value, found.gate, found.bench_error, found.cited) == (None, said, False, (missing,))
    else:
        assert (found.value, found.gate) == (float(strange + way), "")


@pytest.mark.parametrize(
    ("methods", "air", "why"),
    [
        (("lte-m",), True, "frames of lte-m are not told on the air yet"),
        (("wi-sun-fan-1.1",), False, "no sniffer"),
        (("wi-sun-fan-1.1",), True, "no keys of the air: what a frame carried is not known"),
        (("wi-sun-fan-1.1", "lte-m"), True, "no keys of the air: what a frame carried is not known"),
    ],
)
def test_without_ears_or_keys_nothing_is_judged(
    run: Run, monkeypatch: pytest.MonkeyPatch, methods: tuple[str, ...], air: bool, why: str
) -> None:
    uploads(run, 1000.0)
    heard(monkeypatch, of_messages([999.0]))
    if not air:
        monkeypatch.setattr(radio_method, "air_view", lambda evidence, until_ns: AirView())
    setup = attrs.evolve(FAN, radio_methods=methods)
    (found,) = radio_method.radio_method([run.evidence().episode("steady")], setup, "count")
    assert (found.value, found.gate, found.bench_error) == (None, why, False)


def test_frames_without_a_counter_tell_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not secured may be anybody's: it carries no datum, and interrupts no series of counters."""
    uploads(run, 1000.0, 2000.0)
    clear = frame(7, 1999.0, counter=None, content=datagram(99, 1999.0))
    frames = sorted([*of_messages([999.0]), clear], key=lambda one: one.start_ns)
    found = measured(run, monkeypatch, frames)
    assert (found.value, found.conditions["left_out"]) == (1.0, 0)


@pytest.mark.parametrize("changed", ["key_index", "world"])
def test_another_key_or_world_shows_nothing_of_what_was_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """The counter goes on over the seam as if nothing had been missed there."""
    seam_s = 5050.0
    run = Run(tmp_path, topology={"terminals": []})
    run.begin(MIDNIGHT_NS, "steady")
    uploads(run, *(1000.0 * n for n in range(1, 6)))
    seam_ns = MIDNIGHT_NS + round(seam_s * NS_PER_S)
    if changed == "world":
        run.bench(seam_ns, "bench.safe", "bench", reason="interrupted", failed=[])
        run.resumed(seam_ns, seam_ns, "too late", anew=True)
    uploads(run, 5100.0)
    run.end(MIDNIGHT_NS + NS_PER_DAY, "steady")
    frames = of_messages([1000.0 * n - 1.0 for n in range(1, 6)])
    if changed == "key_index":
        frames = [one._replace(key_index=2) if one.start_ns > seam_ns else one for one in frames]
    found = measured(run, monkeypatch, frames)
    assert (found.value, found.conditions["left_out"]) == (0.0, 1)
