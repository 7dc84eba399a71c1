"""A sniffer of the twin followed live by `kenshin decode --follow`, as a person at the bench would."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.air.keys.table import gak
from bench.twin.topology import load, octets
from tests.air.capture.followed import WAIT_S, Start, programs
from tests.skips import ONCE
from tests.twin.twin_process import DEFAULT, Twin, twin

pytestmark = ONCE

SNIFFER = "sniffer.s1"


@pytest.fixture
def program() -> Iterator[Start]:
    with programs() as start:
        yield start


def attach_when_connected(rig: Twin) -> None:
    """A sniffer without a listener keeps nothing: time may move when the follower is there."""
    deadline = time.monotonic() + WAIT_S
    while "error" in rig.control.ask("attach", port=SNIFFER):
        assert time.monotonic() < deadline, "nobody connected"


def test_every_frame_that_the_twins_sniffer_hears_is_shown(program: Start, tmp_path: Path) -> None:
    network = load(DEFAULT).network
    keys = tmp_path / "keys"
    keys.write_text(f'"{gak(network.name, octets(network.gtk)).hex()}","1","No hash"\n')
    with twin(tmp_path, mesh="bench.twin.mesh:build") as rig:
        source = f"tcp://{rig.ports[SNIFFER]}"
        running = program(source, "--keys", str(keys))
        attach_when_connected(rig)
        heard = rig.advance(1200.0)["ports"][SNIFFER]["now"]
        shown = [json.loads(running.line()) for _ in range(heard)]
        heard += rig.advance(600.0)["ports"][SNIFFER]["now"] - heard
        shown += [json.loads(running.line()) for _ in range(heard - len(shown))]
        rig.control.ask("shutdown")
        assert running.end() == (0, f"kenshin: {source}: the stream ended after {heard} frames, {heard} shown\n")
    assert [line["number"] for line in shown] == list(range(1, heard + 1))
    assert {line["mic"] for line in shown if line["secured"]} == {"ok"}
    assert {"DATA", "ACK"} <= {line["kind"] for line in shown}
    assert sorted(line["time_ns"] for line in shown) == [line["time_ns"] for line in shown]
