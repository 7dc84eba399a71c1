"""The maintenance console of a terminal (devices.md 2.6): settings, statistics, filter, ping, unsolicited lines."""

from __future__ import annotations

import pytest

from bench.ports import ConsoleRefused
from tests.twin.twin_rigs import Bench

OWN = "fd00:4b42::4b:42ff:fe00:201"


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    for output in bench.rig.supplies["dc"].channels:
        output.switch(True)
    return bench


def listen(bench: Bench) -> list[tuple[float, str]]:
    """What t1's console says unasked from now on, with its second."""
    said: list[tuple[float, str]] = []
    start_s = bench.now_s
    bench.rig.consoles["t1"].subscribe(lambda line: said.append((bench.now_s - start_s, line)))
    return said


def value(bench: Bench, name: str) -> str:
    ((found, text),) = bench.rig.consoles["t1"].get(name)
    assert found == name
    return text


def test_connecting_comes_before_the_first_state(bench: Bench) -> None:
    said = listen(bench)
    assert bench.rig.consoles["t1"].join()
    bench.run(30)
    lines = [line for _, line in said]
    assert lines[:2] == ['[Connecting to "kenshin-twin"]', "[Join state: Select PAN (1)]"]
    assert lines[-3] == "[Join state: Operational (5)]"
    assert lines[-2:] == [f"GLOBAL           : {OWN}", "[4 s]"]


def test_after_darkness_it_connects_and_has_lost_nothing(bench: Bench) -> None:
    """A terminal that was dark does not know that it was connected; one that stayed lit does."""
    bench.install()
    said = listen(bench)
    output = bench.rig.supplies["dc"].channels[0]
    output.switch(False)
    bench.run(10)
    output.switch(True)
    bench.run(30)
    assert said[0][1] == '[Connecting to "kenshin-twin"]'
    assert not [line for _, line in said if line.startswith("[Connection lost")]


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("wisun.tx_power", "-7", "-7"),
        ("wisun.regulation", "0", "None (0)"),
        ("wisun.regulation", "arib", "ARIB (1)"),
        ("wisun.lfn_profile", "2", "Eco (2)"),
        ("wisun.allowed_channels", "4-12,17", "4-12,17"),
        ("wisun.network_name", "kenshin-twin", '"kenshin-twin"'),
        ("wisun.network_size", "test", "Test (5)"),
        ("wisun.phy_mode_id", "0x05", "0x05"),
        ("app.printable_data_as_hex", "1", "1"),
    ],
)
def test_settings_are_kept(bench: Bench, name: str, given: str, kept: str) -> None:
    bench.rig.consoles["t1"].set(name, given)
    assert value(bench, name) == kept


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("wisun.network_size", "6", "expected 0 to 5"),
        ("wisun.chan_plan_id", "20", "expected 21 to 24"),
        ("wisun.chan_plan_id", "21", "fixed to 22"),
        ("wisun.regulation", "2", "expected 0 to 1"),
        ("wisun.lfn_profile", "x", "expected 0 to 2"),
        ("wisun.device_type", "1", "fixed to FFN"),
        ("wisun.network_name", "other", "fixed to"),
        ("wisun.tx_power", "9" * 900, "expected -128 to 127"),
        ("wisun.tx_power", "\u0663", "expected -128 to 127"),
        ("wisun.allowed_channels", "9-4", "expected channels"),
        ("wisun.allowed_channels", "0-256", "expected channels"),
        ("wisun.allowed_channels", "0-9", "keeps to channel 10"),
        ("wisun.join_state", "5", "cannot be set"),
        ("wisun", "5", "cannot be set"),
        ("statistics.network.connections", "5", "cannot be set"),
    ],
)
def test_settings_out_of_range_are_refused(bench: Bench, name: str, given: str, says: str) -> None:
    console = bench.rig.consoles["t1"]
    before = console.get(name)
    with pytest.raises(ConsoleRefused, match=says):
        console.set(name, given)
    assert console.get(name) == before


def test_only_what_was_saved_survives_darkness(bench: Bench) -> None:
    console, output = bench.rig.consoles["t1"], bench.rig.supplies["dc"].channels[0]
    console.set("wisun.tx_power", "3")
    console.save()
    console.set("wisun.tx_power", "4")
    console.set("wisun.regulation", "0")
    console.reset()
    assert (value(bench, "wisun.tx_power"), value(bench, "wisun.regulation")) == ("3", "ARIB (1)")
    console.set("wisun.tx_power", "5")
    output.switch(False)
    output.switch(True)
    assert value(bench, "wisun.tx_power") == "3"


def test_sections_are_listed(bench: Bench) -> None:
    console = bench.rig.consoles["t1"]
    wisun = [name for name, _ in console.get("wisun")]
    assert {"wisun.network_name", "wisun.tx_power", "wisun.mac", "wisun.join_state"} <= set(wisun)
    assert all(name.startswith("wisun.") for name in wisun)
    app = {name for name, _ in console.get("app")}
    assert app == {f"app.{n}" for n in ("printable_data_length", "printable_data_as_hex", "autoconnect", "pti_state")}
    for group in ("phy", "mac", "fhss", "wisun", "network", "regulation"):
        assert console.get(f"statistics.{group}"), group
    assert console.get("wisu") == console.get("") == []


def test_statistics_count_and_are_reset(bench: Bench) -> None:
    bench.install()
    assert value(bench, "statistics.network.connections") == "1"
    bench.mains(False)
    bench.run(3600)
    assert value(bench, "statistics.network.connection_losses") == "1"
    bench.rig.consoles["t1"].reset_statistics()
    assert value(bench, "statistics.network.connection_losses") == "0"


def test_ping_of_itself_comes_line_by_line(bench: Bench) -> None:
    bench.install()
    said = listen(bench)
    assert bench.rig.consoles["t1"].ping(OWN.replace("::4b:", ":0:0:4B:")) == f"PING {OWN}: 40 data bytes"
    assert said == []  # what takes time is no answer
    bench.run(10)
    assert [at_s for at_s, _ in said] == pytest.approx([0, 1, 2, 3, 4, 4])
    assert [line for _, line in said[:4]] == [f"[40 bytes from {OWN}: seq={n} time=0 ms]" for n in (1, 2, 3, 4)]
    assert said[4][1] == "Packets: Sent = 4, Received = 4, Lost = 0, (0% loss)"
    assert said[5][1] == "Minimum = 0 ms, Maximum = 0 ms, Average = 0 ms"


def test_ping_of_anybody_else_is_unreachable(bench: Bench) -> None:
    bench.install()
    said = listen(bench)
    console = bench.rig.consoles["t1"]
    console.ping("fd00:4b42::1")
    with pytest.raises(ConsoleRefused, match="a ping is running"):
        console.ping("::1")
    bench.run(10)
    assert [line for _, line in said[:4]] == ["[Destination is unreachable]"] * 4
    assert said[4][1] == "Packets: Sent = 4, Received = 0, Lost = 4, (100% loss)"
    with pytest.raises(ConsoleRefused, match="no IPv6 address"):
        console.ping("1.2.3")


def test_darkness_ends_a_ping(bench: Bench) -> None:
    bench.install()
    said = listen(bench)
    bench.rig.consoles["t1"].ping(OWN)
    bench.rig.supplies["dc"].channels[0].switch(False)
    bench.run(10)
    assert said == []
    bench.rig.supplies["dc"].channels[0].switch(True)
    bench.rig.consoles["t1"].ping(OWN)


def test_mac_filter_takes_what_it_can_keep(bench: Bench) -> None:
    console = bench.rig.consoles["t1"]
    parent, other = "02:4b:42:ff:fe:00:01:01", "02:4b:42:ff:fe:00:01:02"
    console.filter_mac(False, other)
    with pytest.raises(ConsoleRefused, match="cannot shut out"):
        console.filter_mac(True, other)  # a list of allowed ones without the parent
    console.filter_mac(True, parent)
    console.filter_mac(True, other)
    with pytest.raises(ConsoleRefused, match="cannot shut out"):
        console.filter_mac(False, parent.upper())
    with pytest.raises(ConsoleRefused, match="no MAC address"):
        console.filter_mac(True, "02:4b")
