"""How wide the number fields are: a value that a field cannot have is a mistake, not a filter that finds nothing.

Widths stand with the fields (`fields.base.Field.bits`); fields that are only ours have no limits.
"""

from __future__ import annotations

from typing import Final

from bench.air.fields.tables import FIELDS

_UNLIMITED: Final = (1 << 64) - 1
_COUNTS: Final = dict.fromkeys(("len()", "count()"), (1 << 32) - 1)
"""What the functions that count give."""


def greatest(name: str) -> int:
    """The greatest number that a field may have, as far as its width says."""
    field = FIELDS.get(name)
    known = _COUNTS.get(name) if field is None else field.greatest
    return _UNLIMITED if known is None else known


def octets_wide(name: str) -> int:
    """Octets that hold a field's numbers."""
    return (greatest(name).bit_length() + 7) // 8


def is_unsigned(name: str) -> bool:
    """Whether a field is known to have no negative numbers."""
    field = FIELDS.get(name)
    return name in _COUNTS if field is None else bool(field.bits) and not field.signed


def reckoned(name: str) -> range:
    """What arithmetic on a field may give: as Wireshark, in 32 bits with or without a sign, or in 64."""
    bits = 32 if greatest(name) < 1 << 32 else 64
    return range(-(1 << bits - 1), 1 << bits)
