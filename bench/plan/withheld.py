"""What is never kept with a run: passwords, tokens, keys of the air, addresses with credentials.

A run is handed to others, and ``run.yaml`` holds the rig file by value. So what lets somebody in is taken out of it
before it is written: by the name of its key, and by the form of an address. The rig file itself is untouched, and a run
that goes on reads it again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

WITHHELD: Final = "(not kept in the run)"
_SECRET: Final = re.compile(
    r"pass(word|phrase|wd)?|secret|token|credentials?|api_?key|private_?key|l?gtks?|psk|pin", re.I
)
_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_IN_QUERY: Final = re.compile(r"(?<=[?&])([\w.-]*(?:token|password|secret|key)[\w.-]*)=[^&#\s]*", re.I)


def withheld(value: Any) -> Any:
    """Plain data with whatever is secret in it replaced by words that say so."""
    if isinstance(value, Mapping):
        return {key: _hidden(part) if _SECRET.fullmatch(str(key)) else withheld(part) for key, part in value.items()}
    if isinstance(value, list):
        return [withheld(part) for part in value]
    if isinstance(value, str):
        return _IN_QUERY.sub(rf"\1={WITHHELD}", _IN_ADDRESS.sub(WITHHELD, value))
    return value


def _hidden(value: Any) -> Any:
    """Nothing of a secret but that it was there, and how many."""
    if isinstance(value, list):
        return [WITHHELD for _ in value]
    return value if value is None or isinstance(value, bool) else WITHHELD
