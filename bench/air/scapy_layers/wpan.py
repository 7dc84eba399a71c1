"""scapy layer of an 802.15.4 MAC frame: versions 0 to 2, address table 7-2, security header, information elements.

A frame that a key of `settings` opens is shown in clear text, and built sealed again with that key: the octets are
those of the air in both directions, also after a field was changed. Fields are named after Wireshark's ``wpan.*``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

import attrs
from scapy.fields import (
    BitEnumField,
    BitField,
    ByteEnumField,
    ByteField,
    ConditionalField,
    LEIntField,
    PacketField,
    PacketListField,
    XLEShortField,
    XStrField,
)
from scapy.packet import Raw

from bench.air.capture.link import FCS, WITH_FCS, make_record
from bench.air.errors import Malformed
from bench.air.keys.security import MicError, protect, unprotect
from bench.air.keys.table import KeyTable
from bench.air.mac.command import CommandId
from bench.air.mac.frame import (
    FrameType,
    decode_mac,
    encode_mac,
    mic_octets,
    pans_present,
)
from bench.air.mac.ies import HT1
from bench.air.octets import counted as counted_octets
from bench.air.scapy_layers.base import (
    AirPacket,
    Beside,
    DerivedBits,
    Layer,
    LinkAddress,
    Octets,
    Part,
    Trailer,
    address_octets,
    fields,
)
from bench.air.scapy_layers.ies import ends_in_mpx, next_header_ie, next_payload_ie
from bench.air.scapy_layers.tap import WpanTap

_OCTETS: Final = (0, 0, 2, 8)
_MODES: Final = {0: 0, 2: 2, 8: 3}


@attrs.define(slots=True)
class Settings:
    """What dissection cannot read from a frame: link keys, and IPHC contexts (number to prefix)."""

    keys: KeyTable = attrs.field(factory=KeyTable)
    contexts: dict[int, bytes] = attrs.field(factory=dict)


settings: Final = Settings()
"""The settings of all dissection in this process, as scapy's own ``conf`` is."""


@contextmanager
def using(keys: KeyTable | None, contexts: Mapping[int, bytes] | None) -> Iterator[None]:
    """Other settings for a while; what is dissected in it stays as it is afterwards."""
    before = settings.keys, settings.contexts
    settings.keys, settings.contexts = keys or KeyTable(), dict(contexts or {})
    try:
        yield
    finally:
        settings.keys, settings.contexts = before


class AuxSecurity(Part):
    """Auxiliary security header, IEEE 802.15.4-2015 clause 9.4; ``key_source`` in the order of the air."""

    name = "Auxiliary Security Header"
    fields_desc = fields(
        BitField("reserved", 0, 1),
        BitField("asn_in_nonce", 0, 1),
        BitField("frame_counter_suppression", 0, 1),
        BitField("key_id_mode", 1, 2),
        BitField("level", 6, 3),
        ConditionalField(LEIntField("frame_counter", 0), lambda aux: aux.counted),
        ConditionalField(
            Octets("key_source", b"", length_from=lambda aux: 4 * (aux.key_id_mode - 1)),
            lambda aux: aux.key_id_mode > 1,
        ),
        ConditionalField(ByteField("key_index", 1), lambda aux: aux.key_id_mode > 0),
    )

    @property
    def counted(self) -> bool:
        """Whether the frame counter is there; before version 2 it always is."""
        return not self.frame_counter_suppression or (self.parent is not None and self.parent.version < 2)


def _address_mode(name: str) -> Any:
    return lambda frame: _MODES[len(address_octets(frame.getfieldval(name)) or b"")]


def _is_open(frame: Any) -> bool:
    """Whether the payload is in clear text."""
    aux = frame.aux_sec
    return bool(frame.clear or aux is None or not aux.level & 4)


def _has_payload_ies(frame: Any) -> bool:
    ies = frame.header_ies if frame.ie else None
    return bool(ies and getattr(ies[-1], "id", None) == HT1 and _is_open(frame))


class Sealed(AirPacket):
    """The payload of a frame that no key opens."""

    name = "802.15.4 sealed payload"
    fields_desc = fields(XStrField("ciphertext", b""))


class WpanBeacon(AirPacket):
    """Fields of a beacon before version 2, as `beacon.Beacon`; the beacon payload follows."""

    name = "802.15.4 Beacon"
    fields_desc = fields(
        BitField("association_permit", 0, 1, tot_size=-2),
        BitField("pan_coordinator", 0, 1),
        BitField("reserved", 0, 1),
        BitField("battery_extension", 0, 1),
        BitField("final_slot", 15, 4),
        BitField("superframe_order", 15, 4),
        BitField("beacon_order", 15, 4, end_tot_size=-2),
        BitField("gts_permit", 0, 1),
        BitField("gts_reserved", 0, 4),
        BitField("gts_count", 0, 3),
        ConditionalField(ByteField("gts_directions", 0), lambda beacon: beacon.gts_count),
        Octets("gts_list", b"", length_from=lambda beacon: 3 * beacon.gts_count),
        BitField("pending_reserved", 0, 1),
        BitField("pending_long", 0, 3),
        BitField("pending_reserved2", 0, 1),
        BitField("pending_short", 0, 3),
        Octets("pending", b"", length_from=lambda beacon: 2 * beacon.pending_short + 8 * beacon.pending_long),
    )


class WpanCommand(AirPacket):
    """The identifier of a MAC command; its content follows."""

    name = "802.15.4 Command"
    fields_desc = fields(ByteEnumField("cmd_id", int(CommandId.DATA_REQUEST), CommandId))


class Wpan(AirPacket):
    """A MAC frame. ``clear``: the payload of a secured frame is in clear text; ``key`` then seals it when it is built.

    ``mic`` and ``fcs`` are what follows the payload. An FCS is there where TAP's FCS type says so (or in `WpanFcs`);
    while it is None it is computed. ``mic`` is kept as it is unless ``key`` makes a new one.
    """

    MULTIPURPOSE: ClassVar[Layer]
    """The layer of frames of the other format, with an FCS where this one has it."""
    name = "802.15.4"
    fields_desc = fields(
        DerivedBits("src_addr_mode", 2, _address_mode("src"), tot_size=-2),
        BitField("version", 2, 2),
        DerivedBits("dst_addr_mode", 2, _address_mode("dst")),
        DerivedBits("ie_present", 1, lambda frame: bool(frame.getfieldval("header_ies"))),
        DerivedBits("seqno_suppression", 1, lambda frame: frame.version == 2 and frame.getfieldval("seq_no") is None),
        BitField("reserved", 0, 1),
        BitField("pan_id_compression", 0, 1),
        BitField("ack_request", 0, 1),
        BitField("pending", 0, 1),
        DerivedBits("security", 1, lambda frame: frame.getfieldval("aux_sec") is not None),
        BitEnumField("frame_type", int(FrameType.DATA), 3, FrameType, end_tot_size=-2),
        ConditionalField(ByteField("seq_no", None), lambda frame: frame.has("seq_no")),
        ConditionalField(XLEShortField("dst_pan", 0xFFFF), lambda frame: frame.pans[0]),
        LinkAddress("dst", lambda frame: _OCTETS[frame.dst_addr_mode]),
        ConditionalField(XLEShortField("src_pan", 0xFFFF), lambda frame: frame.pans[1]),
        LinkAddress("src", lambda frame: _OCTETS[frame.src_addr_mode]),
        ConditionalField(PacketField("aux_sec", None, AuxSecurity), lambda frame: frame.has("aux_sec")),
        ConditionalField(PacketListField("header_ies", [], next_cls_cb=next_header_ie), lambda frame: frame.ie),
        ConditionalField(PacketListField("payload_ies", [], next_cls_cb=next_payload_ie), _has_payload_ies),
        Trailer("mic", b""),
        Trailer("fcs", None),
        Beside("clear", False),
        Beside("key", None),
    )

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *args: Any, **kargs: Any) -> Layer:
        """`Raw` for what is no frame: cut, reserved version or mode, other frame types; a multipurpose frame has a
        layer of its own."""
        if _pkt is None:
            return cls
        if _pkt[:1] and _pkt[0] & 7 == FrameType.MULTIPURPOSE:
            return cls.multipurpose(_pkt)
        fcf = int.from_bytes(_pkt[:2], "little")
        reserved = fcf >> 12 & 3 == 3 or 1 in (fcf >> 10 & 3, fcf >> 14 & 3)
        unnumbered = fcf >> 12 & 3 == 2 and fcf & 0x100
        shortest = 2 if unnumbered else 3
        return Raw if len(_pkt) < shortest or reserved or fcf & 7 > FrameType.COMMAND else cls

    @classmethod
    def multipurpose(cls, octets: bytes) -> Layer:
        """The layer of a multipurpose frame; `Raw` for one that is cut, or has a reserved version or mode."""
        control, more = octets[0], octets[1] if octets[0] & 8 and len(octets) > 1 else 0
        reserved = more >> 4 & 3 or 1 in (control >> 4 & 3, control >> 6)
        cut = len(octets) < 2 + (bool(control & 8) and not more & 4)
        return Raw if reserved or cut else cls.MULTIPURPOSE

    @classmethod
    def opened(cls, octets: bytes) -> Any:
        """The frame in these octets, whose payload is in clear text though its security header says otherwise."""
        kind = cls.MULTIPURPOSE if octets[0] & 7 == FrameType.MULTIPURPOSE else cls
        frame = kind(clear=True)
        frame.dissect(octets)
        return frame

    def bits(self, name: str) -> int:
        """A field of the frame control, derived from the other fields where it is not set."""
        value = self.getfieldval(name)
        return int(self.get_field(name).i2m(self, value) if value is None else value)

    def has(self, name: str) -> bool:
        """Whether the sequence number or the security header is there."""
        if name == "seq_no":
            return self.version < 2 or not self.bits("seqno_suppression")
        return bool(self.bits("security"))

    @property
    def ie(self) -> bool:
        """Whether information elements are there."""
        return self.version == 2 and bool(self.bits("ie_present"))

    @property
    def pans(self) -> tuple[bool, bool]:
        """Whether the PAN IDs of destination and source are there: table 7-2."""
        ends = (_OCTETS[self.bits("dst_addr_mode")], _OCTETS[self.bits("src_addr_mode")])
        return pans_present(self.version, *ends, bool(self.pan_id_compression))

    @property
    def fcs_octets(self) -> int:
        """Octets of the FCS that belongs behind this frame: TAP says it, or the FCS that is there."""
        if isinstance(self.underlayer, WpanTap):
            return self.underlayer.fcs_octets
        return len(self.fcs or b"")

    @property
    def fcs_ok(self) -> bool | None:
        """Whether the FCS is right, None where there is none."""
        if not self.fcs:
            return None
        return bool(FCS[len(self.fcs)](bytes(self)[: -len(self.fcs)]) == self.fcs)

    def do_dissect(self, s: bytes) -> bytes:
        body, fcs = self.split_fcs(s)
        if fcs:
            self.fields["fcs"] = fcs
        level, key_index, start = _security(body)
        if level and not self.clear:
            body = self._opened(body, level, key_index)
        end = len(body) - mic_octets(level)
        if end < start:
            raise ValueError(f"{counted_octets(len(body))} leave no room for the MIC")
        self.fields["mic"] = body[end:]
        rest: bytes = super().do_dissect(body[:end])
        self.raw_packet_cache = None  # what stands behind the payload is not in it
        return rest

    def split_fcs(self, octets: bytes) -> tuple[bytes, bytes]:
        """The frame without its FCS, and the FCS."""
        end = len(octets) - (self.underlayer.fcs_octets if isinstance(self.underlayer, WpanTap) else 0)
        return octets[:end], octets[end:]

    def _opened(self, body: bytes, level: int, key_index: int | None) -> bytes:
        """The frame in clear text where a key of the settings opens it and would seal it again to these octets."""
        keys = settings.keys.candidates(key_index)
        if len(keys) > 1 and not mic_octets(level):
            return body  # no trial is possible
        for key in keys:
            try:
                opened = opened_octets(body, key)
                if seal(opened, key) != body:
                    continue
            except (MicError, Malformed, ValueError):
                continue
            self.fields["clear"], self.fields["key"] = True, key
            return opened
        return body

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        octets = pkt + pay + bytes(self.mic)
        if self.clear and self.key:
            octets = seal(octets if self.mic else octets + bytes(mic_octets(self.aux_sec.level)), self.key)
        if self.fcs is not None:
            return bytes(octets + self.fcs)
        return bytes(octets + (FCS[self.fcs_octets](octets) if self.fcs_octets else b""))

    def guess_payload_class(self, payload: bytes) -> Layer:
        if not _is_open(self):
            return Sealed
        if _has_payload_ies(self) and ends_in_mpx(payload):
            return NEXT["mpx"]
        if self.frame_type == FrameType.COMMAND:
            return WpanCommand
        if self.frame_type == FrameType.BEACON and self.version < 2:
            return WpanBeacon
        return NEXT["6lowpan"] if self.frame_type == FrameType.DATA and payload[0] >> 6 else Raw

    def mysummary(self) -> str:
        kind = FrameType(self.frame_type).name.lower()
        return f"802.15.4 {kind} {self.src or '-'} > {self.dst or '-'}"


_LONG: Final = (
    "ie_present",
    "ack_request",
    "frame_version",
    "pending",
    "seqno_suppression",
    "security",
    "pan_id_present",
)
"""Bits that only a frame control of two octets holds."""


def _is_long(frame: Any) -> bool:
    return bool(frame.bits("long"))


def _needs_long(frame: Any) -> bool:
    """Whether anything is said that a frame control of one octet has no bit for."""
    set_here = ("header_ies", "ack_request", "frame_version", "pending", "aux_sec", "dst_pan", "seqno_suppression")
    return frame.getfieldval("seq_no") is None or any(map(frame.getfieldval, set_here))


def _in_long(field: Any) -> Any:
    return ConditionalField(field, _is_long)


class WpanMultipurpose(Wpan):
    """A multipurpose frame (IEEE 802.15.4-2015, 7.3.5): frame control of one octet, or of two, with no PAN ID but one.

    Its security header follows the rules of frame version 2; what ``frame_version`` says is its own.
    """

    name = "802.15.4 multipurpose"
    version = 2
    fields_desc = fields(
        DerivedBits("src_addr_mode", 2, _address_mode("src")),
        DerivedBits("dst_addr_mode", 2, _address_mode("dst")),
        DerivedBits("long", 1, _needs_long),
        BitEnumField("frame_type", int(FrameType.MULTIPURPOSE), 3, FrameType),
        _in_long(DerivedBits("ie_present", 1, lambda frame: bool(frame.getfieldval("header_ies")))),
        _in_long(BitField("ack_request", 0, 1)),
        _in_long(BitField("frame_version", 0, 2)),
        _in_long(BitField("pending", 0, 1)),
        _in_long(DerivedBits("seqno_suppression", 1, lambda frame: frame.getfieldval("seq_no") is None)),
        _in_long(DerivedBits("security", 1, lambda frame: frame.getfieldval("aux_sec") is not None)),
        _in_long(DerivedBits("pan_id_present", 1, lambda frame: frame.getfieldval("dst_pan") is not None)),
        ConditionalField(ByteField("seq_no", None), lambda frame: frame.has("seq_no")),
        ConditionalField(XLEShortField("dst_pan", None), lambda frame: frame.bits("pan_id_present")),
        LinkAddress("dst", lambda frame: _OCTETS[frame.dst_addr_mode]),
        LinkAddress("src", lambda frame: _OCTETS[frame.src_addr_mode]),
        ConditionalField(PacketField("aux_sec", None, AuxSecurity), lambda frame: frame.has("aux_sec")),
        ConditionalField(PacketListField("header_ies", [], next_cls_cb=next_header_ie), lambda frame: frame.ie),
        ConditionalField(PacketListField("payload_ies", [], next_cls_cb=next_payload_ie), _has_payload_ies),
        Trailer("mic", b""),
        Trailer("fcs", None),
        Beside("clear", False),
        Beside("key", None),
    )

    def bits(self, name: str) -> int:
        return 0 if name in _LONG and not _is_long(self) else super().bits(name)


Wpan.MULTIPURPOSE = WpanMultipurpose


class WithFcs:
    """Of a frame of link type 195: an FCS whose length the one tells that is right, 16 bit where neither is."""

    def split_fcs(self, octets: bytes) -> tuple[bytes, bytes]:
        end = len(make_record(1, 0, WITH_FCS, octets, len(octets)).data)
        return octets[:end], octets[end:]

    @property
    def fcs_octets(self) -> int:
        frame: Any = self
        if frame.fcs:
            return len(frame.fcs)
        return 2 if frame.version < 2 else 4


class WpanMultipurposeFcs(WithFcs, WpanMultipurpose):
    """A multipurpose frame of link type 195."""


class WpanFcs(WithFcs, Wpan):
    """A frame of link type 195."""

    name = "802.15.4"
    MULTIPURPOSE = WpanMultipurposeFcs

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *args: Any, **kargs: Any) -> Layer:
        """As `Wpan.dispatch_hook` for a multipurpose frame; all else is a `WpanFcs`."""
        is_other = _pkt is not None and _pkt[:1] and _pkt[0] & 7 == FrameType.MULTIPURPOSE
        return cls.multipurpose(_pkt) if is_other and _pkt is not None else cls


NEXT: Final[dict[str, Layer]] = {"mpx": Raw, "6lowpan": Raw}
"""What a frame's payload is; the modules of these layers enter themselves."""


def _security(body: bytes) -> tuple[int, int | None, int]:
    """Security level, key index and the octets before the payload or IEs, found without reading what follows."""
    version, secured, at = _before_security(body)
    if not secured:
        return 0, None, at
    if at >= len(body):
        raise ValueError("security header cut")
    control = body[at]
    mode = control >> 3 & 3
    at += 1 + (0 if version == 2 and control & 0x20 else 4) + (0, 1, 5, 9)[mode]
    return control & 7, body[at - 1] if mode and at <= len(body) else None, at


def _before_security(body: bytes) -> tuple[int, bool, int]:
    """Frame version, whether a security header is there, and the octets before it."""
    if body[0] & 7 == FrameType.MULTIPURPOSE:
        long = bool(body[0] & 8)
        more = body[1] if long else 0
        addresses = _OCTETS[body[0] >> 4 & 3] + _OCTETS[body[0] >> 6]
        return 2, bool(more & 2), 1 + long + (not more & 4) + 2 * (more & 1) + addresses
    fcf = int.from_bytes(body[:2], "little")
    version = fcf >> 12 & 3
    dst, src = _OCTETS[fcf >> 10 & 3], _OCTETS[fcf >> 14 & 3]
    pans = pans_present(version, dst, src, bool(fcf & 0x40))
    return version, bool(fcf & 8), 2 + (version < 2 or not fcf & 0x100) + 2 * sum(pans) + dst + src


def opened_octets(body: bytes, key: bytes) -> bytes:
    """A sealed frame with its payload in clear text. Raises `security.MicError`, `errors.Malformed`, ValueError."""
    return encode_mac(unprotect(body, decode_mac(body), key))


def seal(opened: bytes, key: bytes) -> bytes:
    """The octets on the air of a secured frame whose payload is in clear text; its last octets stand for the MIC.

    Raises ValueError where the nonce cannot be made.
    """
    frame = decode_mac(opened)
    aux = frame.security
    if aux is None or aux.frame_counter is None:
        raise ValueError("no frame counter for the nonce")
    return protect(frame, key, aux.frame_counter, aux.key_index, level=aux.level, key_source=aux.key_source)
