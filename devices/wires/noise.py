"""What a wire adds to a line, and what is not part of it: NUL and 0xff at power-up, colour codes, backspaces.

One definition for every driver: an answer is compared and parsed only after :func:`clean`.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI sequences: colours, cursor movement (ECMA-48, 5.4)
    rb"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: window titles (ECMA-48, 8.3.89)
    rb"|\x1b[ -/]*[0-Z\\^-~]"  # two-octet escapes, but for the two that begin the longer ones above
)
_NOISE: Final = bytes([*range(0x09), *range(0x0B, 0x0D), *range(0x0E, 0x20), 0x7F, 0xFF])
"""Control octets but tab, LF, CR; 0xff is no part of any UTF-8 text."""
LONGEST_ESCAPE: Final = 64
"""Octets of an escape sequence that may still be on their way; a longer one is noise."""


def clean(line: bytes) -> str:
    """The text of a line without escape sequences and control octets; what is no UTF-8 shows as U+FFFD."""
    if b"\x1b" in line:
        line = _ESCAPE.sub(b"", line)
    return line.translate(None, _NOISE).decode("utf-8", "replace")


def strip_noise(octets: bytes) -> tuple[bytes, bytes]:
    """Octets without noise, and the begin of an escape sequence at their end that may go on in the next ones."""
    rest = b""
    if b"\x1b" in octets:
        octets = _ESCAPE.sub(b"", octets)
        begun = octets.find(b"\x1b")
        if begun >= 0 and len(octets) - begun < LONGEST_ESCAPE and b"\n" not in octets[begun:]:
            octets, rest = octets[:begun], octets[begun:]
    return octets.translate(None, _NOISE), rest
