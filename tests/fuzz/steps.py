"""What decoding costs, counted and not timed: bytecode instructions and calls into C, the same on every machine.

A clock cannot be asserted in a test, and hides a quadratic loop among short frames; a count can. Families of inputs
grow one thing that an attacker may repeat (options, tunnels, elements, fragments); the cost of each must stay below a
straight line of its octets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, ParamSpec

P = ParamSpec("P")


def steps(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> int:
    """Instructions of Python that ``work(...)`` takes, and calls into C, all it calls included."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        work(*args, **kwargs)
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return count
