"""Captured frames changed at random (`tests.fuzz.differ`): where both we and tshark read on, we say the same.

Where a frame is malformed each stops where it notices; `test_differences_tshark` has what must still be said there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.air.fields.tables import FIELDS, Kind
from tests.air.mac_captures import need
from tests.air.tshark_oracle import NO_TSHARK
from tests.fuzz.differ import contradicts, differ

RESERVED = {
    *("icmpv6.rpl.dio.flag", "icmpv6.rpl.dao.flag", "icmpv6.rpl.daoack.flag", "wisun.lgtkhashie.flags"),
    "wisun.nrie.nr_id",
    *("wpan.aux_sec.asn_in_nonce", "wpan.aux_sec.frame_counter_suppression"),
}
"""Octets whose reserved bits our records leave out; tshark gives them as sent, those of older frames too."""


GUESSED = "wisun.eapol_relay.direction"
"""Nothing in a relay datagram tells it; of an EAPOL packet that is none, each guesses otherwise."""


def _is_settled(name: str) -> bool:
    """Text that is no UTF-8 we write with its octets as escapes, tshark with a sign for each."""
    return name == GUESSED or name in RESERVED or FIELDS[name].kind is Kind.TEXT or name.startswith("wisun.wsie")


@NO_TSHARK
@pytest.mark.parametrize("seed", [1, 3])
@pytest.mark.parametrize("capture", ["line2-clear", "star3-clear", "pomrpi-clear", "contiki-rpl-lite-line4"])
def test_nothing_is_contradicted(tmp_path: Path, capture: str, seed: int) -> None:
    found = [
        (octets.hex(), each.name, each.ours, each.tsharks)
        for octets, each in differ(need(f"{capture}.pcapng"), tmp_path / "changed.pcapng", seed)
        if contradicts(each) and not each.malformed and "malformed" not in each.frame.info
    ]
    assert [each for each in found if not _is_settled(each[1])] == []
