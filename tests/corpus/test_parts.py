"""What is said of parts of captures with some things changed, and of several sniffers of them, is what is stored."""

from __future__ import annotations

from typing import Final

import pytest

from tests.corpus.parts import Kept, read_parts
from tests.corpus.shown import differences

STORED: Final = read_parts()


@pytest.mark.parametrize("kept", STORED, ids=lambda kept: kept.part.id)
def test_what_is_said_is_as_stored(kept: Kept) -> None:
    found = list(differences(kept.figures, kept.part.figures()))
    assert not found, "\n".join([*found, "`python -m tests.corpus` shows all; --write takes them"])
