"""The border router's calendar of GTKs: each is handed out, used, and withdrawn while the next one is there already.

As a real border router does it (facts: domain.md 5.5; seen in the capture ``mix-twk1``): a new GTK is installed when
80 % of the present one's life are over, sends from 1/720 of a life before its end, and the old one is withdrawn at its
end; each of these changes raises the PAN version. The key after the last one given is none: then rotation ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs

from bench.records import NS_PER_S
from bench.twin.core.kernel import Call
from bench.twin.mesh.agenda import Agenda
from bench.twin.mesh.eapol.flash import KeyRing
from bench.twin.mesh.plan import KeyCalendar

LIFETIME_S: Final = 30 * 86_400
LFN_LIFETIME_S: Final = 90 * 86_400
"""Said of a GTK, and of an LGTK, that is never rotated (domain.md 5.5)."""
_INSTALLED_AT: Final = 0.8
_ACTIVE_BEFORE_END: Final = 720


@attrs.frozen(slots=True)
class _Change:
    """At ``at_ns`` something is done to the keys."""

    at_ns: int
    do: Callable[[], None]


class Rotation:
    """Runs a calendar that began at ``epoch_ns`` with the key in ``ring``; ``changed`` is called after each change.
    ``lifetime_s``: what is said of a key that stays."""

    def __init__(
        self,
        agenda: Agenda,
        ring: KeyRing,
        calendar: KeyCalendar | None,
        epoch_ns: int,
        changed: Callable[[], None],
        lifetime_s: int = LIFETIME_S,
    ) -> None:
        self._agenda, self._ring, self._epoch_ns, self._changed = agenda, ring, epoch_ns, changed
        self._unlimited_s = lifetime_s
        self._life_ns = calendar.lifetime_ns if calendar is not None else 0
        self._ends_ns = {0: epoch_ns + self._life_ns}
        self._changes = list(self._planned(calendar)) if calendar is not None else []
        self._next: Call | None = None
        self.version = 1

    def start(self) -> None:
        """Do what is due (the power may have been off), then go by the calendar."""
        while self._changes and self._changes[0].at_ns <= self._agenda.now_ns:
            self._do()
        self._plan()

    def lifetime_s(self, slot: int) -> int:
        """Seconds that the key of a slot has left."""
        if not self._life_ns:
            return self._unlimited_s
        return max(0, self._ends_ns.get(slot, 0) - self._agenda.now_ns) // NS_PER_S

    def _planned(self, calendar: KeyCalendar) -> Iterator[_Change]:
        life = self._life_ns
        for number, gtk in enumerate(calendar.further, 1):
            end, slot = self._epoch_ns + number * life, number % self._ring.slots
            yield _Change(end - life + round(_INSTALLED_AT * life), self._install(slot, gtk, end + life))
            yield _Change(end - life // _ACTIVE_BEFORE_END, self._use(slot))
            yield _Change(end, self._withdraw((number - 1) % self._ring.slots))

    def _install(self, slot: int, gtk: bytes, end_ns: int) -> Callable[[], None]:
        def do() -> None:
            self._ring.add(slot, gtk)
            self._ends_ns[slot] = end_ns

        return do

    def _use(self, slot: int) -> Callable[[], None]:
        return lambda: self._ring.use(slot)

    def _withdraw(self, slot: int) -> Callable[[], None]:
        return lambda: self._ring.drop(slot)

    def _plan(self) -> None:
        if self._changes:
            self._next = self._agenda.after(self._changes[0].at_ns - self._agenda.now_ns, self._turn)

    def _turn(self) -> None:
        self._do()
        self._changed()
        self._plan()

    def _do(self) -> None:
        self._changes.pop(0).do()
        self.version = self.version + 1 & 0xFFFF
