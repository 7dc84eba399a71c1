"""The guideline as data, and as tests: a file a chapter, a function a requirement.

A test names its requirement and lets the bench judge. Which episodes that takes, limits, measurands and words stand in
``guideline-*.yaml``, never in a test.

* `requirement`: marks the test that judges a row
"""

from __future__ import annotations

import pytest

__all__ = ["requirement"]


def requirement(requirement_id: str) -> pytest.MarkDecorator:
    """Mark a test as the one that judges this row of the guideline file."""
    return pytest.mark.requirement(requirement_id)
