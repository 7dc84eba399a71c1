"""A device that hears and never answers."""

from __future__ import annotations

from bench.ports import Port


class Mute:
    """Stands in for any impersonator."""

    def __init__(self, port: Port, model: object) -> None:
        """Takes what every impersonator takes."""

    def on_bytes(self, data: bytes) -> None:
        """Say nothing."""

    def on_connect(self) -> None:
        """Say nothing."""
