"""How a node's own frames are built, and by which way they leave: what differs between full-function nodes and LFNs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bench.air.mac.frame import MacFrame
from bench.air.wisun import frames as wisun
from bench.twin.mesh.eapol.flash import Flash
from bench.twin.mesh.mac_layer import MacLayer, Stamp, Template

Done = Callable[[bool], None]


class Voice(Protocol):
    """Templates of a node's frames, and their way to a neighbour (EUI-64) or to all (None)."""

    def data(self, piece: bytes, neighbour: bytes | None) -> Template:
        """6LoWPAN octets."""

    def eapol(self, neighbour: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> Template:
        """An EAPOL PDU; a parent names the authenticator in EA-IE."""

    def send(self, neighbour: bytes | None, template: Template, *, secured: bool, done: Done | None = None) -> None:
        """Send a frame; ``done`` gets whether it was acknowledged, or sent."""


class FfnVoice:
    """A full-function node's; ``bs`` is what a border router tells in EAPOL and broadcasts, as the real one does."""

    def __init__(self, mac: MacLayer, flash: Flash, us: wisun.Us, bs: wisun.Bs | None) -> None:
        self.mac, self._flash, self.us, self.bs = mac, flash, us, bs

    def timing(self, neighbour: bytes | None, stamp: Stamp) -> tuple[wisun.Lbt | wisun.Lto, ...]:
        """What a frame for that neighbour says besides: an LFN is told the time."""
        return ()

    def data(self, piece: bytes, neighbour: bytes | None) -> Template:
        pan_id, bs = (self._flash.pan_id, self.bs) if neighbour is None else (None, None)

        def build(stamp: Stamp) -> MacFrame:
            return wisun.data(
                self.mac.eui64,
                neighbour,
                piece,
                stamp.sequence,
                pan_id=pan_id,
                us=self.us,
                bs=bs,
                bt=stamp.bt,
                lfn=self.timing(neighbour, stamp),
                ufsi=stamp.ufsi,
            )

        return build

    def eapol(self, neighbour: bytes, kmp: int, pdu: bytes, authenticator: bytes | None) -> Template:
        def build(stamp: Stamp) -> MacFrame:
            return wisun.eapol(
                self.mac.eui64,
                neighbour,
                kmp,
                pdu,
                stamp.sequence,
                authenticator=authenticator,
                us=self.us,
                bs=self.bs,
                bt=stamp.bt if authenticator is not None else None,
                lfn=self.timing(neighbour, stamp),
                ufsi=stamp.ufsi,
            )

        return build

    def send(self, neighbour: bytes | None, template: Template, *, secured: bool, done: Done | None = None) -> None:
        self.mac.send(template, secured=secured, done=done)
