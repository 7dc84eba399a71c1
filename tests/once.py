"""What tests marked `ONCE` (`tests.skips`) are spared: further Pythons, and tracing.

Branch coverage is measured by a tracer that makes a run twice as long, and of a run of the twin or of ten thousand
frames it learns nothing that the small tests did not show. Loaded by ``tests/conftest.py``.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from tests.skips import ELSEWHERE

_CHILDREN: Final = "COVERAGE_PROCESS_CONFIG"
"""Coverage's word to the processes that a test starts."""


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    if "KENSHIN_ELSEWHERE" in os.environ:
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(pytest.mark.skip(reason=ELSEWHERE))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    if item.get_closest_marker("once") is None or _CHILDREN not in os.environ:
        return (yield)
    with _untraced():
        return (yield)


@contextmanager
def _untraced() -> Iterator[None]:
    from coverage import Coverage

    current, told = Coverage.current(), os.environ.pop(_CHILDREN)
    if current is not None:
        current.stop()
    try:
        yield
    finally:
        os.environ[_CHILDREN] = told
        if current is not None:
            current.start()
