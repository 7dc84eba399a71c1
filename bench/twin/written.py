"""Words of a topology file that are checked as they are read: addresses, keys, instants, names, numbers.

Each type raises ValueError with what was expected; pydantic adds the file's line (`bench.yamlfile`).
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, Field, PlainSerializer

JST: Final = "+09:00"
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100
"""Virtual time stays within what stamps in ns (64 bits: until 2262) and certificates can say."""


def _hex_octets(count: int, text: str) -> str:
    plain = text.replace(":", "").lower()
    if not re.fullmatch(rf"[0-9a-f]{{{2 * count}}}", plain):
        raise ValueError(f"'{text}' is no {count}-octet value; expected {2 * count} hex digits, colons allowed")
    return ":".join(re.findall("..", plain))


def _jst(text: str) -> str:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError(f"'{text}' is no instant; expected ISO 8601 with its offset, like 2026-03-31T22:00:00{JST}")
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"'{text}' is far away; expected an instant of the years {FIRST_YEAR} to {LAST_YEAR}")
    return text


def _dotted(text: str) -> str:
    if not re.fullmatch(r"[\w.]+:\w+", text):
        raise ValueError(f"'{text}' names no class; expected package.module:Class")
    return text


def _prefix(text: str) -> str:
    try:
        if ipaddress.IPv6Network(text).prefixlen == 64:
            return text
    except ValueError:
        pass
    raise ValueError(f"'{text}' is no prefix; expected an IPv6 /64 like fd00:4b42::/64")


Eui64 = Annotated[str, AfterValidator(lambda v: _hex_octets(8, v))]
Gtk = Annotated[str, AfterValidator(lambda v: _hex_octets(16, v))]
Instant = Annotated[str, AfterValidator(_jst)]
DottedClass = Annotated[str, AfterValidator(_dotted)]
Prefix64 = Annotated[str, AfterValidator(_prefix), PlainSerializer(str)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
