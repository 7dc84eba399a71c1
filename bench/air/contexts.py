"""IPHC contexts as people give them: ``0=fd00::/64`` for context 0 (RFC 6282 section 3.1.2).

Wi-SUN FAN uses none; other 6LoWPAN networks hand them out in router advertisements (`nd.Context`) that a capture may
not hold, and without them their addresses cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Network
from typing import Final

from bench.errors import InputError

_EXPECTED: Final = "expected NUMBER=PREFIX, such as 0=fd00::/64, with a number from 0 to 15"


def parse_context(text: str) -> tuple[int, bytes]:
    """Context number and the 8 octets of its prefix, zeros after a shorter one. Raises `InputError`.

    A prefix longer than 64 bits is refused: the decoder takes interface identifiers from the frame alone.
    """
    number, sign, prefix = text.partition("=")
    if not sign or not number.isascii() or not number.isdigit() or int(number) > 15:
        raise InputError(f"context {text!r}: {_EXPECTED}")
    try:
        network = IPv6Network(prefix.strip())
    except ValueError as error:
        raise InputError(f"context {text!r}: {error}; {_EXPECTED}") from None
    if network.prefixlen > 64:
        raise InputError(f"context {text!r}: a prefix of {network.prefixlen} bits; expected at most 64")
    return int(number), network.network_address.packed[:8]


def parse_contexts(texts: Iterable[str]) -> dict[int, bytes]:
    """All contexts of a command line, as the `Decoder` takes them. Raises `InputError`, for one given twice too."""
    contexts: dict[int, bytes] = {}
    for text in texts:
        number, prefix = parse_context(text)
        if number in contexts:
            raise InputError(f"context {number} is given twice")
        contexts[number] = prefix
    return contexts
