"""What both ends of compression know and no frame holds, as people give it: ``0=fd00::/64`` for IPHC's context 0 (RFC
6282 section 3.1.2), ``root=fd00::1`` for the DODAG's root, which 6LoRH addresses are cut against (RFC 8138).

Wi-SUN FAN uses neither; other 6LoWPAN networks hand contexts out in router advertisements (`nd.Context`) that a capture
may not hold, and without them their addresses cannot be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network
from typing import Final

from bench.errors import InputError

ROOT: Final = 16
"""Where a table of contexts holds the address of the DODAG's root (16 octets): the number after IPHC's last."""

_EXPECTED: Final = "expected NUMBER=PREFIX, such as 0=fd00::/64, with a number from 0 to 15, or root=ADDRESS"


def parse_context(text: str) -> tuple[int, bytes]:
    """Context number and the 8 octets of its prefix, zeros after a shorter one; `ROOT` and its 16. Raises `InputError`.

    A prefix longer than 64 bits is refused: the decoder takes interface identifiers from the frame alone.
    """
    number, sign, prefix = text.partition("=")
    if number.strip() == "root":
        try:
            return ROOT, IPv6Address(prefix.strip()).packed
        except ValueError as error:
            raise InputError(f"context {text!r}: {error}; {_EXPECTED}") from None
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
            raise InputError(f"context {'root' if number == ROOT else number} is given twice")
        contexts[number] = prefix
    return contexts
