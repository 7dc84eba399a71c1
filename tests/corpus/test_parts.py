"""What is said of parts of captures with some things changed, and of several sniffers of them, is what is stored."""

from __future__ import annotations

from typing import Final

import pytest

from bench.measurands.air.sightings import expiry, samples, spool
from bench.measurands.air.sniffers import numbering
from tests.corpus.altered import Altered
from tests.corpus.parts import Kept, read_parts
from tests.corpus.shown import differences

STORED: Final = read_parts()


@pytest.mark.parametrize("kept", STORED, ids=lambda kept: kept.part.id)
def test_what_is_said_is_as_stored(kept: Kept) -> None:
    found = list(differences(kept.figures, kept.part.figures()))
    assert not found, "\n".join([*found, "`python -m tests.corpus` shows all; --write takes them"])


ORDERED: Final = [kept for kept in STORED if isinstance(kept.part, Altered) and kept.part.in_order]


@pytest.mark.parametrize("kept", ORDERED, ids=lambda kept: kept.part.id)
def test_forgetting_early_says_the_same(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tables that are swept at every entry, as in a capture of years; of frames that come nearly in order."""
    for module, name, value in (
        (expiry, "FEW", 1),
        (samples, "FEW", 1),
        (numbering, "_WAITING", 1),
        (spool, "ROWS", 7),
        (spool, "IN_MEMORY_OCTETS", 100),
    ):
        monkeypatch.setattr(module, name, value)
    assert kept.part.figures() == kept.figures


def test_many_parts_are_in_order() -> None:
    assert len(ORDERED) > 20
