"""A capture as a sequence: ``capture[i]`` is the decoded frame, ``capture[i].scapy()`` its scapy packet.

For people and tests that go to and fro in one capture of a size that memory holds; whatever walks a capture once uses
`frame.decode_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, overload

import attrs

from bench.air.capture import read_capture
from bench.air.frame import Decoder, Frame
from bench.air.keys import KeyTable
from bench.air.link import Record
from bench.errors import InputError

if TYPE_CHECKING:
    from scapy.packet import Packet


@attrs.frozen(slots=True)
class Captured(Frame):
    """A `Frame` that knows its record, and what was needed to read it."""

    record: Record | None = attrs.field(default=None, repr=False)
    keys: KeyTable | None = attrs.field(default=None, repr=False, eq=False)
    contexts: Mapping[int, bytes] | None = attrs.field(default=None, repr=False, eq=False)

    def scapy(self, decrypted: bool = True) -> Packet:
        """The frame as scapy's packet, from the MAC header on: opened where it can be, or as it was on the air.

        It is made anew each time, so it may be changed. An opened one is built sealed again with the key that opened
        it; an acknowledgement without source address, which only its capture can open, is built in clear text.
        """
        from bench.air.scapy_api import to_scapy

        if self.record is None:
            return to_scapy(self, decrypted, contexts=self.contexts)
        packet = to_scapy(self.record, decrypted, keys=self.keys, contexts=self.contexts)
        sealed = self.mic == "ok" and decrypted and not packet.fields.get("clear")
        return to_scapy(self, contexts=self.contexts) if sealed else packet

    def ipv6(self) -> Packet | None:
        """The IPv6 datagram that this frame completes as scapy's packet, None where it completes none."""
        from bench.air.scapy_layers import Ip6

        return Ip6(self.datagram) if self.datagram else None


_FRAME_FIELDS: Final = tuple(field.name for field in attrs.fields(Frame))


class Capture(Sequence[Captured]):
    """Frames of one capture, ``capture[0]`` being the frame with number 1.

    Frames are decoded when they are asked for, each once, and with it all before it: fragments and acknowledgements
    are read by what came before. ``damage`` says where a capture that is cut or damaged ends, "" where it is whole.
    """

    def __init__(
        self,
        records: Sequence[Record],
        keys: KeyTable | None = None,
        contexts: Mapping[int, bytes] | None = None,
        damage: str = "",
    ) -> None:
        self.damage = damage
        self._records = records
        self._keys = keys
        self._contexts = contexts
        self._decoder = Decoder(keys, contexts)
        self._frames: list[Captured] = []

    @classmethod
    def open(
        cls, path: Path | str, keys: KeyTable | Path | str | None = None, contexts: Mapping[int, bytes] | None = None
    ) -> Capture:
        """The capture in a file; ``keys`` is a table or Wireshark's key file.

        Raises `InputError` where the file holds no record that can be read, or the key file no key.
        """
        table = KeyTable.read(keys) if isinstance(keys, (Path, str)) else keys
        records: list[Record] = []
        damage = ""
        try:
            records.extend(read_capture(path))
        except InputError as error:
            if not records:
                raise
            damage = str(error)
        return cls(records, table, contexts, damage)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Captured: ...

    @overload
    def __getitem__(self, index: slice) -> list[Captured]: ...

    def __getitem__(self, index: int | slice) -> Captured | list[Captured]:
        wanted = range(len(self._records))[index]
        self._decode(max(wanted, default=-1) if isinstance(wanted, range) else wanted)
        return [self._frames[at] for at in wanted] if isinstance(wanted, range) else self._frames[wanted]

    def _decode(self, last: int) -> None:
        for record in self._records[len(self._frames) : last + 1]:
            frame = self._decoder.decode(record)
            known = {name: getattr(frame, name) for name in _FRAME_FIELDS}
            self._frames.append(Captured(**known, record=record, keys=self._keys, contexts=self._contexts))
