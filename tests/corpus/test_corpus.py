"""What measurands say of the timelines of the corpus is, to the last field, what is stored."""

from __future__ import annotations

from typing import Final

import pytest

from tests.corpus.asked import answered
from tests.corpus.cases import Case, read
from tests.corpus.shown import differences

CORPUS: Final = read()


@pytest.mark.parametrize("case", CORPUS.cases, ids=lambda case: case.id)
def test_the_answer_is_as_stored(case: Case) -> None:
    found = list(differences(case.answer, answered(case, CORPUS.timelines[case.timeline])))
    assert not found, "\n".join([*found, "`python -m tests.corpus` shows all; --write takes them"])
