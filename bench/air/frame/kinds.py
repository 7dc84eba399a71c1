"""The words of `Frame.kind` and `Frame.mic`: one list for filters and for the column index."""

from __future__ import annotations

from typing import Final

from bench.air.mac.frame import FrameType
from bench.air.wisun.element import WisunFrameType

KINDS: Final = ("damaged", *(kind.name.lower() for kind in FrameType), *(kind.name for kind in WisunFrameType))
"""`Frame.kind`."""
MICS: Final = ("none", "ok", "bad", "no key")
"""`Frame.mic`."""
