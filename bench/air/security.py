"""Frame security of IEEE 802.15.4: AES-CCM* over a `MacFrame`, both directions (clause 9.3)."""

from __future__ import annotations

from bench.air.mac import MacFrame


class MicError(ValueError):
    """The MIC does not verify under this key (or the frame was changed)."""


def protect(
    frame: MacFrame, key: bytes, frame_counter: int, key_index: int | None, *, level: int = 6, eui64: bytes | None = None
) -> bytes:
    """PSDU octets of a clear frame, secured (key id mode 1; mode 0 with ``key_index`` None).

    The nonce takes ``frame.src``, or ``eui64`` where the frame carries a short source or none.
    """
    raise NotImplementedError


def unprotect(psdu: bytes, frame: MacFrame, key: bytes, *, eui64: bytes | None = None) -> MacFrame:
    """The frame in clear text (payload IEs decoded, ``mic`` kept). Raises `MicError`."""
    raise NotImplementedError
