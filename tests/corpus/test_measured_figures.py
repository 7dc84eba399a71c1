"""All that `kenshin measure` says of the captures of real stacks is what is stored."""

from __future__ import annotations

from typing import Final

import pytest

from tests.corpus.figures import Measured, all_measured, read_figures
from tests.corpus.shown import differences

STORED: Final = read_figures()


def test_each_is_stored() -> None:
    assert sorted(one.id for one in all_measured()) == sorted(STORED)


@pytest.mark.parametrize("one", all_measured(), ids=lambda one: one.id)
def test_the_figures_are_as_stored(one: Measured) -> None:
    found = list(differences(STORED[one.id], one.figures()))
    assert not found, "\n".join([*found, "`python -m tests.corpus` shows all; --write takes them"])
