"""Captured frames changed at random (`tests.fuzz.differ`): where both we and tshark read on, we say the same.

Where a frame is malformed each stops where it notices; `test_differences_tshark` has what must still be said there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.air.fields.tables import FIELDS, Kind
from bench.air.frame.decoder import Frame
from tests.air.mac_captures import need
from tests.air.tshark_oracle import NO_TSHARK
from tests.fuzz.differ import contradicts, differ

ROLE = "wisun.nrie.nr_id"
"""tshark takes the whole octet for the role, of which five bits are reserved (facts: domain.md 5.2)."""
SINCE_2015 = {"wpan.aux_sec.asn_in_nonce", "wpan.aux_sec.frame_counter_suppression"}
"""tshark reads these bits in frames of older versions too, where they are reserved: such a frame has its counter."""
VERSION_2015 = 2
GUESSED = "wisun.eapol_relay.direction"
"""Nothing in a relay datagram tells it; of an EAPOL packet that is none, each guesses otherwise."""


def _is_settled(name: str, frame: Frame) -> bool:
    """Text that is no UTF-8 we write with its octets as escapes, tshark with a sign for each."""
    if name in SINCE_2015:
        return frame.mac is not None and frame.mac.version < VERSION_2015
    return name in (GUESSED, ROLE) or FIELDS[name].kind is Kind.TEXT or name.startswith("wisun.wsie")


@NO_TSHARK
@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("capture", ["line2-clear", "star3-clear", "pomrpi-clear", "contiki-rpl-lite-line4"])
def test_nothing_is_contradicted(tmp_path: Path, capture: str, seed: int) -> None:
    found = [
        (octets.hex(), each.name, each.ours, each.tsharks, each.frame)
        for octets, each in differ(need(f"{capture}.pcapng"), tmp_path / "changed.pcapng", seed)
        if contradicts(each) and not each.malformed and "malformed" not in each.frame.info
    ]
    assert [each[:4] for each in found if not _is_settled(each[1], each[4])] == []
