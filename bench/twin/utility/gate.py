"""The gate at the connection server: cuts off one utility, one terminal or one kind of message, and reconnects it.

Guideline chapter 6 asks for such a mechanism and leaves its form to the parties, so all of this is a stand-in. A rule
names a utility, a terminal, a kind of message, or several of these: what fits all that a rule names does not pass.

* A rule without a utility stands between the server and the terminals: what they send is neither taken nor
  acknowledged (so they keep it), and nothing is asked of them.
* A rule with a utility stands between the server and that utility's MDMS: nothing is pushed to it, and what it asks is
  refused. The operator's own dealings with the terminals go on.

What passes at the gate is a stand-in, too: uploads, alarms, and the three things that an MDMS asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import attrs

from bench.ports import RequestRefused
from bench.records import Json
from bench.twin.faults import NO_FAULTS, Hooks


class Passing(StrEnum):
    """Kinds of messages at the gate."""

    UPLOAD = "upload"
    ALARM = "alarm"
    READ = "read"
    HISTORY = "history"
    CONTROL = "control"


@attrs.frozen(slots=True)
class Rule:
    """What is cut off: all that fits each name that is given."""

    utility: str = ""
    terminal: str = ""
    message: str = ""

    def fits(self, terminal: str, message: str) -> bool:
        """Whether a message of this kind, from or to this terminal, is cut off by it."""
        return self.terminal in ("", terminal) and self.message in ("", message)


class Gate:
    """Implements ``bench.ports.GateModel``.

    ``remove(meter, from_ns, to_ns)`` takes stored hours away and says how many.
    """

    def __init__(
        self,
        utilities: tuple[str, ...],
        terminals: tuple[str, ...],
        now_ns: Callable[[], int],
        remove: Callable[[str, int, int], int],
        faults: Hooks = NO_FAULTS,
    ) -> None:
        self._known = {"utility": utilities, "terminal": terminals, "message": tuple(Passing)}
        self._now_ns, self._remove, self._faults = now_ns, remove, faults
        self._rules: list[Rule] = []

    def cut_off(self, what: Mapping[str, Any]) -> dict[str, Json]:
        """Cut this off from now on. Raises RequestRefused (422) for what it does not know."""
        rule = self._rule(what)
        if rule not in self._rules:
            self._rules.append(rule)
        return self._answer()

    def reconnect(self, what: Mapping[str, Any]) -> dict[str, Json]:
        """Let it pass again. Raises RequestRefused: 422 for what it does not know, 409 for what is not cut off."""
        rule = self._rule(what)
        if rule not in self._rules:
            raise RequestRefused(409, "nothing of that kind is cut off")
        self._rules.remove(rule)
        return self._answer()

    def remove(self, meter: str, from_ns: int, to_ns: int) -> dict[str, Json]:
        """Take away the stored hours of a meter with marks in ``from_ns..to_ns``, as a gap to be filled."""
        return {**self._answer(), "removed": self._remove(meter, from_ns, to_ns)}

    def holds(self, terminal: str, kind: Passing) -> bool:
        """Whether a message between server and terminal is cut off."""
        held = any(rule.fits(terminal, kind) for rule in self._rules if not rule.utility)
        return self._faults.changed("gate_holds", held, terminal, str(kind), "", kind=bool)

    def holds_for(self, utility: str, terminal: str, kind: Passing) -> bool:
        """Whether a message between server and a utility's MDMS is cut off."""
        held = any(rule.fits(terminal, kind) for rule in self._rules if rule.utility in ("", utility))
        return self._faults.changed("gate_holds", held, terminal, str(kind), utility, kind=bool)

    def _answer(self) -> dict[str, Json]:
        cut: list[Json] = [{k: v for k, v in attrs.asdict(rule).items() if v} for rule in self._rules]
        return {"now_ns": self._now_ns(), "cut_off": cut}

    def _rule(self, what: Mapping[str, Any]) -> Rule:
        if not what or set(what) - set(self._known):
            raise RequestRefused(422, f"expected one or more of {', '.join(self._known)}")
        for name, value in what.items():
            if value not in self._known[name]:
                raise RequestRefused(422, f"no {name} {value!r}; expected one of {', '.join(self._known[name])}")
        return Rule(**what)
