"""Measurands against the run logs of real stacks: what the daemons wrote about themselves is the truth.

The logs (`NAME.run.json.gz`, times from the start of the run) were written by the nodes' own join states and by `ping`;
the code under test sees nothing but frames and keys.
"""

from __future__ import annotations

import gzip
import io
import json
from functools import cache
from statistics import median
from typing import Any

import pytest

from bench.cli.measure import measure_command
from tests.places import CAPTURES

LOGGED = ("line2", "star3", "fixedch", "twopan", "mcast", "pomrpi", "hiftrace", "badauth")
RATES = {"line2": 100_000, "star3": 50_000, "fixedch": 50_000, "twopan": 50_000, "mcast": 100_000, "pomrpi": 150_000}


@cache
def measured(name: str, form: str = "", keys: bool = True) -> Any:
    out = io.StringIO()
    key_file = CAPTURES / f"{name}.ieee802154_keys"
    measure_command(str(CAPTURES / f"{name}{form}.pcapng"), str(key_file) if keys else None, "json", out)
    return json.loads(out.getvalue())


class Log:
    """The run log of one capture."""

    def __init__(self, name: str) -> None:
        with gzip.open(CAPTURES / f"{name}.run.json.gz") as file:
            self.run = json.load(file)
        self.nodes: dict[str, str] = self.run["nodes"]
        self.t0 = float(self.run["t0"])

    def states(self, node: str) -> list[tuple[float, str]]:
        """Join states of a node: wall time, text."""
        return [
            (self.t0 + t, data[1])
            for t, what, *rest in self.run["events"]
            if what == "join_state"
            for data in rest
            if data[0] == node
        ]

    def reached(self, node: str, state: str) -> float:
        """When it entered a state first, wall time."""
        return next(t for t, text in self.states(node) if text.startswith(state))

    @property
    def joined(self) -> list[str]:
        return sorted(self.run["joined"])

    @property
    def pings(self) -> list[dict[str, Any]]:
        return [rest[0] for t, what, *rest in self.run["events"] if what == "ping"]

    def node_of(self, address: str) -> str | None:
        """The node whose EUI-64 an address ends in (these stacks make addresses so)."""
        tail = address.split("%")[0].split(":")[-1].zfill(4)
        return next((n for n, eui in self.nodes.items() if eui.replace(":", "").endswith(tail)), None)


def joined_nodes() -> list[tuple[str, str]]:
    return [(name, node) for name in LOGGED for node in Log(name).joined]


@pytest.mark.parametrize(("name", "node"), joined_nodes())
@pytest.mark.parametrize("form", ["", "-tap-fcs32"])
def test_operational_within_a_second_of_the_log(name: str, node: str, form: str) -> None:
    log = Log(name)
    [join] = measured(name, form)["nodes"][log.nodes[node]]["joins"]
    assert join["kind"] == "cold"
    assert join["operational_ns"] / 1e9 == pytest.approx(log.reached(node, "5"), abs=1.0)


@pytest.mark.parametrize(("name", "node"), joined_nodes())
def test_phases_within_a_second_of_the_log(name: str, node: str) -> None:
    log = Log(name)
    [join] = measured(name)["nodes"][log.nodes[node]]["joins"]
    assert join["authenticated_ns"] / 1e9 == pytest.approx(log.reached(node, "3"), abs=1.0)
    # A PC goes out on every channel, one after the other; these captures keep the first copy only. 129 channels of
    # 23 ms are 3 s, and the node listens to one of them.
    copies_s = 3.0 if name in ("star3", "twopan") else 0.0
    after_s = log.reached(node, "4") - join["configured_ns"] / 1e9
    assert -1.0 < after_s < 1.0 + copies_s
    if join["first_solicitation_ns"] is None:
        assert join["join_s"] is None
    else:
        assert log.reached(node, "1") < join["first_solicitation_ns"] / 1e9 < log.reached(node, "2")
        assert join["join_s"] == pytest.approx((join["operational_ns"] - join["first_solicitation_ns"]) / 1e9)


def test_hops_and_parents_of_every_joined_node() -> None:
    """join-times.tsv names them; the two it leaves open are told by the links that the run log allows."""
    rows = [line.split("\t") for line in (CAPTURES / "join-times.tsv").read_text().splitlines()[1:]]
    told = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    told["twopan", "r3"], told["hiftrace", "r1"], told["hiftrace", "r2"] = ("1", "br2"), ("1", "br"), ("2", "r1")
    checked = 0
    for (name, node), (hops, parent) in told.items():
        log = Log(name)
        found = measured(name)["nodes"][log.nodes[node]]
        assert (found["hops"], found["parent"]) == (int(hops), log.nodes[parent]), (name, node)
        assert found["route_from"] == "DAO"
        checked += 1
    assert checked == 17


@pytest.mark.parametrize("name", LOGGED)
def test_border_routers_are_hop_0_and_join_nothing(name: str) -> None:
    log = Log(name)
    for node, eui64 in log.nodes.items():
        found = measured(name)["nodes"][eui64]
        assert found["border_router"] is node.startswith("br")
        if node.startswith("br"):
            assert (found["hops"], found["parent"], found["joins"]) == (0, None, [])


@pytest.mark.parametrize("form", ["", "-tap-fcs32"])
@pytest.mark.parametrize("name", LOGGED)
def test_pings_are_counted_right_and_take_as_long(name: str, form: str) -> None:
    log = Log(name)
    found = [trips for trips in measured(name, form)["round_trips"] if not trips["dst"].startswith("ff03")]
    pings = [ping for ping in log.pings if not ping["dst"].startswith("ff03")]
    assert len(found) == len(pings)
    for trips, ping in zip(found, pings, strict=True):
        destination = log.node_of(ping["dst"])
        assert destination is not None
        assert (trips["src"], trips["dst"], trips["octets"]) == (
            log.nodes[ping["src"]],
            log.nodes[destination],
            ping["size"],
        )
        assert (trips["sent"], trips["answered"]) == (ping["sent"], ping["got"])
        assert trips["rtt_ms"]["median"] == pytest.approx(median(ping["rtt_ms"]), abs=25)
        assert trips["rtt_ms"]["min"] == pytest.approx(min(ping["rtt_ms"]), abs=25)
        assert trips["rtt_ms"]["max"] == pytest.approx(max(ping["rtt_ms"]), abs=25)


def test_the_way_of_a_ping_is_counted_in_links() -> None:
    """Router to router: up to the border router and down again in a star, straight to the parent in a line."""
    star, line = Log("star3").nodes, Log("line2").nodes
    hops = {(t["src"], t["dst"]): t["hops"] for name in ("star3", "line2") for t in measured(name)["round_trips"]}
    assert hops[star["r1"], star["r2"]] == 2
    assert hops[star["r3"], star["br"]] == 1
    assert hops[line["br"], line["r2"]] == 2
    assert hops[line["r2"], line["r1"]] == 1


def test_a_group_is_asked_once_and_answers_count_by_node() -> None:
    """Four echoes to ff03::1, repeated by MPL on every node; ping's own `got` of 7 holds 4 answers of its own host."""
    log = Log("mcast")
    [trips] = [trips for trips in measured("mcast")["round_trips"] if trips["dst"] == "ff03::1"]
    assert (trips["src"], trips["sent"], trips["answered"]) == (log.nodes["br"], 4, 4)
    assert trips["answers"] == sum(trips["answers_by"].values()) == 6
    assert trips["answers_by"]["fd12:3456::20d:6fff:fe0e:1002"] == 4
    assert trips["answers_by"]["fd12:3456::20d:6fff:fe0e:2003"] == 2


def test_strangers_never_join_and_show_how_far_they_came() -> None:
    log = Log("badauth")
    foreign, elsewhere = (measured("badauth")["nodes"][log.nodes[node]] for node in ("r2", "r3"))
    assert (foreign["joined"], foreign["reached"], foreign["hops"], foreign["parent"]) == (
        False,
        "authentication",
        None,
        None,
    )
    failures = sum(text.startswith("1") for _, text in log.states("r2")) - 1
    assert foreign["authentication_failures"] == failures
    assert "EAP-Failure" in foreign["why"]
    assert (elsewhere["joined"], elsewhere["reached"], elsewhere["authentication_failures"]) == (False, "discovery", 0)
    assert elsewhere["network"] in elsewhere["why"]
    for stranger in (foreign, elsewhere):
        assert [join["operational_ns"] for join in stranger["joins"]] == [None]
        assert stranger["joins"][0]["join_s"] is None
        assert stranger["joins"][0]["first_solicitation_ns"] is not None


def test_two_pans_are_told_apart() -> None:
    log = Log("twopan")
    nodes = measured("twopan")["nodes"]
    pans = {node: nodes[eui64]["pan"] for node, eui64 in log.nodes.items()}
    assert pans == {"br": "0xa0c1", "r1": "0xa0c1", "r2": "0xa0c1", "br2": "0xb1c2", "r3": "0xb1c2"}


def test_the_other_stack() -> None:
    """mbed-line2: nanostack MAC, FAN 1.0, 35 copies of every asynchronous frame; figures from the captures' README."""
    found = measured("mbed-line2")
    br, near, far = (found["nodes"][f"01:02:03:04:05:06:00:0{n}"] for n in range(3))
    assert br["border_router"]
    assert (near["hops"], near["parent"]) == (1, "01:02:03:04:05:06:00:00")
    assert (far["hops"], far["parent"]) == (2, "01:02:03:04:05:06:00:01")
    assert near["joins"][0]["join_s"] == pytest.approx(60, abs=1)
    assert (far["joins"][0]["operational_ns"] - found["from_ns"]) / 1e9 == pytest.approx(153, abs=1)
    # The README counts n2 from the first solicitation of all, which is n1's; its own first is frame 222.
    assert far["joins"][0]["join_s"] == pytest.approx(153.166 - 26.367, abs=0.01)
    # The DAO-ACKs by number, as tshark shows them: straight to n1, and to n2 by its own last hop.
    assert [node["joins"][0]["frame"] for node in (near, far)] == [441, 1179]
    assert [len(node["joins"]) for node in (near, far)] == [1, 1]
    assert found["phy"]["bitrate_bps"] == 150_000
    assert all(trips["src"] == "01:02:03:04:05:06:00:00" for trips in found["round_trips"])
    counts = [(t["hops"], t["octets"], t["sent"], t["answered"]) for t in found["round_trips"]]
    assert counts == [(1, 16, 10, 10), (2, 16, 10, 10), (2, 1000, 4, 4)]


@pytest.mark.parametrize(("name", "rate"), RATES.items())
def test_the_bit_rate_is_read_off_the_air(name: str, rate: int) -> None:
    assert measured(name)["phy"]["bitrate_bps"] == rate
    assert measured(name, "-tap-fcs32")["phy"]["bitrate_bps"] == rate


@pytest.mark.parametrize("name", RATES)
def test_air_time_agrees_with_the_sniffers_own_stamps(name: str) -> None:
    """TAP captures stamp start and end of each frame; the plain ones are computed from lengths. The medium of these
    runs put 8 octets of preamble before a frame at 150 kbit/s too (pomrpi), where the mode has 12: 3.1 % here."""
    computed, stamped = measured(name)["airtime_s"], measured(name, "-tap-fcs32")["airtime_s"]
    assert computed.keys() == stamped.keys()
    for eui64, seconds in computed.items():
        assert seconds == pytest.approx(stamped[eui64], rel=0.035)


@pytest.mark.parametrize("name", ["line2", "badauth"])
def test_without_keys_what_is_in_clear_is_measured(name: str) -> None:
    with_keys, without = measured(name), measured(name, keys=False)
    for eui64, node in with_keys["nodes"].items():
        bare = without["nodes"][eui64]
        assert bare["hops"] in (None, 0)
        for join, known in zip(bare["joins"], node["joins"], strict=True):
            assert join["operational_ns"] is None
            for stamp in ("first_solicitation_ns", "authenticated_ns", "configured_ns"):
                assert join[stamp] == known[stamp]
    assert without["round_trips"] == []
    assert without["airtime_s"] == with_keys["airtime_s"]
