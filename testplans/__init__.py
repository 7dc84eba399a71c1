"""The guideline as data, and as tests: a file a chapter, a function a requirement.

A test names its requirement, asks for the episodes that the guideline file says its measurand reads, and lets the
bench judge. Limits, measurands and words stand in ``guideline-*.yaml``, never in a test.
"""

from __future__ import annotations

import pytest


def requirement(requirement_id: str) -> pytest.MarkDecorator:
    """Mark a test as the one that judges this row of the guideline file."""
    return pytest.mark.requirement(requirement_id)
