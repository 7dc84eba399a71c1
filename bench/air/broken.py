"""Where a list of options breaks: what was read before stays, and this stands for the octets that could not be read.

A snap length, a length octet that points behind the end, or a content too short for its type would otherwise cost the
whole message it hangs on. Lists of RPL, neighbour discovery, DHCPv6, CoAP and IPv6 header options, and PANA's AVPs, end
in (or hold) one.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.air.frozen import frozen


@frozen
class Broken:
    """``octets`` from the option's type on, to be built again as they came; ``trouble`` says what is wrong."""

    octets: bytes
    trouble: str

    @property
    def type(self) -> int:
        """The option's type: at least that octet is there."""
        return self.octets[0]

    @property
    def length(self) -> int | None:
        """The length octet as sent, None where that is not there."""
        return self.octets[1] if len(self.octets) > 1 else None


def first_trouble(options: Iterable[object]) -> str:
    """What is wrong with the first broken option of a list, "" where none is."""
    return next((option.trouble for option in options if isinstance(option, Broken)), "")
