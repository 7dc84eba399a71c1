"""What coverage-guided fuzzing found (``tests/fuzz/decode_fuzz.py``): each finding stays a test."""

from __future__ import annotations

import pytest

from tests.fuzz.decode_fuzz import one_input

FINDINGS = {
    "an RPI-6LoRH before an IPv6 header whose payload length is 65535": (
        "0041d8773aff230100000085045d94dcf19b050041d805ffffffffffff1111111111111111111111111111111111ffff"
        "ffffffffffffffffffffff5cea"
    ),
}


@pytest.mark.parametrize("octets", FINDINGS.values(), ids=FINDINGS.keys())
def test_a_finding_is_decoded_or_called_malformed(octets: str) -> None:
    one_input(bytes.fromhex(octets))
