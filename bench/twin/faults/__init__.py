"""Seeded faults: how terminals, meters, smart meters, concentrator and server may go wrong on purpose.

A fault is a small class over open hooks: each hook is given what a right subject would do and returns what the faulty
one does. ``docs/guides/fault.md`` suffices to write one.

* `asking`: how the twin asks its faults
* `catalogue`: the faults of the bench itself
* `fault`: the interface
* `named`: names, options, files
"""

from bench.twin.faults.asking import NO_FAULTS, Context, FaultFailed, Hooks, Seeded
from bench.twin.faults.catalogue import (
    BUILT_IN,
    DoubleOnRecovery,
    DropOutageAlarm,
    LateJoin,
    LoseHour,
    ShiftHour,
)
from bench.twin.faults.fault import HOOKS, Answer, Fault, Memory, Phase, Place, SentFrame, overridden, places
from bench.twin.faults.named import classes_in, described, make, parsed, registry, split, written
from bench.twin.terminal.standin import (
    Ack,
    Alarm,
    Confirm,
    ControlAnswer,
    ControlRequest,
    Hello,
    HistoryAnswer,
    HistoryRequest,
    Message,
    ReadAnswer,
    ReadRequest,
    Upload,
    Value,
)

__all__ = [
    "BUILT_IN",
    "HOOKS",
    "NO_FAULTS",
    "Ack",
    "Alarm",
    "Answer",
    "Confirm",
    "Context",
    "ControlAnswer",
    "ControlRequest",
    "DoubleOnRecovery",
    "DropOutageAlarm",
    "Fault",
    "FaultFailed",
    "Hello",
    "HistoryAnswer",
    "HistoryRequest",
    "Hooks",
    "LateJoin",
    "LoseHour",
    "Memory",
    "Message",
    "Phase",
    "Place",
    "ReadAnswer",
    "ReadRequest",
    "Seeded",
    "SentFrame",
    "ShiftHour",
    "Upload",
    "Value",
    "classes_in",
    "described",
    "make",
    "overridden",
    "parsed",
    "places",
    "registry",
    "split",
    "written",
]
