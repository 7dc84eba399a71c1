"""Wi-SUN FAN 1.1 on the MAC: its information elements read and written, and builders of whole frames.

Element records stand in `wisun.ffn` and `wisun.lfn` and are all found here. Builders return clear `MacFrame`s, which
`security.protect` secures where the open stacks do (PC, DATA, ACK of a secured frame); which elements a frame holds
and how it is addressed follows them too (facts: domain.md 5.2, checked on the captures in the tests).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.mac.frame import FrameType, MacFrame
from bench.air.mac.ies import HT1, WISUN_GROUP, WISUN_HEADER_ID, Ie, SubIe, each_sub_ie, write_sub_ies
from bench.air.mac.mpx import KMP, LOWPAN, Mpx, encode_mpx
from bench.air.wisun.element import Element, Form, WisunFrameType
from bench.air.wisun.ffn import Bs, Bt, Ea, Fc, GtkHash, Jm, NetName, Pan, PanVersion, Pom, Rsl, Us, Utt
from bench.air.wisun.lfn import Flus, Lbats, Lbc, Lbs, Lbt, Lcp, LfnVersion, LgtkHash, Lnd, Lto, Lus, Lutt, Nr, PanId
from bench.air.wisun.schedule import ChannelFunction, Schedule

__all__ = [
    "ELEMENTS",
    "Bs",
    "Bt",
    "ChannelFunction",
    "Ea",
    "Element",
    "Fc",
    "Flus",
    "GtkHash",
    "Jm",
    "Lbats",
    "Lbc",
    "Lbs",
    "Lbt",
    "Lcp",
    "LfnVersion",
    "LgtkHash",
    "Lnd",
    "Lto",
    "Lus",
    "Lutt",
    "NetName",
    "Nr",
    "Opaque",
    "Pan",
    "PanId",
    "PanVersion",
    "Pom",
    "Rsl",
    "Schedule",
    "Us",
    "Utt",
    "WisunFrameType",
    "ack",
    "data",
    "eapol",
    "element",
    "elements",
    "frame_type",
    "header_ie",
    "pa",
    "pas",
    "payload_ie",
    "pc",
    "pcs",
    "read_framed_elements",
    "read_header_element",
    "read_payload_elements",
    "unread",
    "utt",
]

E = TypeVar("E", bound=Element)


@frozen
class Opaque:
    """An element that is not read further: vendor ones (VH, VP) and those this module does not know."""

    sub_id: int
    form: Form
    content: bytes

    @property
    def name(self) -> str:
        """ "VH", "RT" ..., or ``WH-1f``, ``WP-33``, ``WPL-9`` for a number without a name here."""
        prefix = {"header": "WH", "short": "WP", "long": "WPL"}[self.form]
        return _OPAQUE_NAMES.get((self.form, self.sub_id), f"{prefix}-{self.sub_id:02x}")


_OPAQUE_NAMES: dict[tuple[Form, int], str] = {
    ("header", 0x05): "MHDS",
    ("header", 0x06): "VH",
    ("header", 0x07): "NFT",
    ("header", 0x08): "LQI",
    ("header", 0x1D): "RT",
    ("long", 0x3): "VP",
}

ELEMENTS: tuple[type[Element], ...] = (
    *(Utt, Bt, Fc, Rsl, Ea, Lutt, Lbt, Nr, Lus, Flus, Lbs, Lnd, Lto, PanId, Lbc),
    *(Us, Bs, Lcp, Pan, NetName, PanVersion, GtkHash, Pom, Lbats, Jm, LfnVersion, LgtkHash),
)
"""Every element that has a record."""

_BY_ID: dict[tuple[Form, int], type[Element]] = {(kind.FORM, kind.SUB_ID): kind for kind in ELEMENTS}


def header_ie(element: Element | Opaque) -> Ie:
    """The Wi-SUN header IE of one element."""
    sub_id = element.sub_id if isinstance(element, Opaque) else element.SUB_ID
    content = element.content if isinstance(element, Opaque) else element.encode()
    return Ie(WISUN_HEADER_ID, bytes((sub_id,)) + content)


def payload_ie(*elements: Element | Opaque) -> Ie:
    """One Wi-SUN payload IE of nested elements."""
    return Ie(
        WISUN_GROUP,
        write_sub_ies(
            SubIe(e.sub_id, e.form == "long", e.content)
            if isinstance(e, Opaque)
            else SubIe(e.SUB_ID, e.FORM == "long", e.encode())
            for e in elements
        ),
    )


def read_header_element(ie: Ie) -> Element | Opaque:
    """The element of a header IE with id `WISUN_HEADER_ID`. Raises `Malformed`."""
    if not ie.content:
        raise Malformed("Wi-SUN header IE without sub-ID")
    return _element("header", ie.content[0], ie.content[1:])


@lru_cache(maxsize=1024)
def read_payload_elements(content: bytes) -> tuple[Element | Opaque, ...]:
    """The elements of a Wi-SUN payload IE's content; remembered, since schedules repeat. Raises `Malformed`."""
    found, trouble = read_framed_elements(content)
    if trouble:
        raise Malformed(trouble)
    return tuple(element for _, element in found if element is not None)


def read_framed_elements(content: bytes) -> tuple[tuple[tuple[SubIe, Element | Opaque | None], ...], str]:
    """The elements as framed and as read, None for one whose content is malformed, and the first trouble met, "" for
    none: each stands by itself, so what one of them says wrong hides none of the others."""
    found: list[tuple[SubIe, Element | Opaque | None]] = []
    trouble = ""
    try:
        for ie in each_sub_ie(content):
            try:
                found.append((ie, _element("long" if ie.long else "short", ie.id, ie.content)))
            except Malformed as error:
                found.append((ie, None))
                trouble = trouble or str(error)
    except Malformed as error:
        trouble = trouble or str(error)
    return tuple(found), trouble


def _element(form: Form, sub_id: int, content: bytes) -> Element | Opaque:
    kind = _BY_ID.get((form, sub_id))
    return kind.decode(content) if kind else Opaque(sub_id, form, content)


def unread(element: Element | Opaque, content: bytes) -> bytes:
    """What stands behind an element's record in its ``content`` (without the sub-ID), empty where nothing does."""
    return b"" if isinstance(element, Opaque) else content[len(element.encode()) :]


def elements(frame: MacFrame) -> tuple[Element | Opaque, ...]:
    """All Wi-SUN elements of a frame in its order, header ones first. Raises `Malformed`."""
    found = [read_header_element(ie) for ie in frame.header_ies if ie.id == WISUN_HEADER_ID]
    for ie in frame.payload_ies:
        if ie.id == WISUN_GROUP:
            found.extend(read_payload_elements(ie.content))
    return tuple(found)


def element(frame: MacFrame, kind: type[E]) -> E | None:
    """The first element of that record type in a frame, or None. Raises `Malformed`."""
    return next((found for found in elements(frame) if isinstance(found, kind)), None)


def utt(frame: MacFrame) -> Utt | None:
    """UTT-IE of a frame: what kind of Wi-SUN frame it is. Raises `Malformed`."""
    content = _header_content(frame, Utt.SUB_ID)
    return None if content is None else Utt.decode(content)


def frame_type(frame: MacFrame) -> int | None:
    """Which kind of Wi-SUN frame it is (`WisunFrameType`), by UTT-IE, or LUTT-IE where an LFN sent it. Raises
    `Malformed`."""
    timing = utt(frame)
    if timing is not None:
        return timing.frame_type
    content = _header_content(frame, Lutt.SUB_ID)
    return None if content is None else Lutt.decode(content).frame_type


def _header_content(frame: MacFrame, sub_id: int) -> bytes | None:
    for ie in frame.header_ies:
        if ie.id == WISUN_HEADER_ID and ie.content[:1] == bytes((sub_id,)):
            return ie.content[1:]
    return None


_US = Us()
_BS = Bs()
_HT1 = Ie(HT1)


def pas(src: bytes, network_name: str, *, us: Us = _US, ufsi: int = 0) -> MacFrame:
    """PAN advertisement solicit: asks for networks of a name; the only frame without a PAN ID."""
    return _async(WisunFrameType.PAS, ufsi, src, None, (), (us, NetName(network_name)))


def pa(
    src: bytes, pan_id: int, network_name: str, pan: Pan, *, us: Us = _US, jm: Jm | None = None, ufsi: int = 0
) -> MacFrame:
    """PAN advertisement: the network, its size and load, and the sender's routing cost."""
    nested = (us, pan, NetName(network_name), *((jm,) if jm else ()))
    return _async(WisunFrameType.PA, ufsi, src, pan_id, (), nested)


def pcs(src: bytes, pan_id: int, network_name: str, *, us: Us = _US, ufsi: int = 0) -> MacFrame:
    """PAN configuration solicit."""
    return _async(WisunFrameType.PCS, ufsi, src, pan_id, (), (us, NetName(network_name)))


def pc(
    src: bytes,
    pan_id: int,
    pan_version: int,
    gtk_hashes: GtkHash,
    *,
    bt: Bt,
    us: Us = _US,
    bs: Bs = _BS,
    pan: Pan | None = None,
    lfn: tuple[Lbc, LfnVersion, LgtkHash] | None = None,
    ufsi: int = 0,
) -> MacFrame:
    """PAN configuration: broadcast schedule, PAN version, GTK hashes; to be protected. ``lfn``: what a PAN with LFNs
    adds."""
    nested = (us, bs, *((pan,) if pan else ()), PanVersion(pan_version), gtk_hashes, *(lfn[1:] if lfn else ()))
    return _async(WisunFrameType.PC, ufsi, src, pan_id, (bt, *(lfn[:1] if lfn else ())), nested)


def data(
    src: bytes,
    dst: bytes | None,
    lowpan: bytes,
    sequence: int,
    *,
    pan_id: int | None = None,
    us: Us | None = _US,
    bs: Bs | None = None,
    bt: Bt | None = None,
    lfn: tuple[Lbt | Lto, ...] = (),
    ufsi: int = 0,
) -> MacFrame:
    """6LoWPAN over MPX: unicast, asking for an acknowledgement, or broadcast where ``dst`` is None (needs ``pan_id``).

    ``lowpan`` are the octets from the dispatch on; to be protected. A border router adds its ``bs`` to broadcasts;
    ``lfn``: timing of what goes to an LFN.
    """
    nested = (*((us,) if us else ()), *((bs,) if bs else ()))
    if dst is None and pan_id is None:
        raise ValueError("a broadcast frame carries the PAN ID")
    return MacFrame(
        frame_type=FrameType.DATA,
        sequence=sequence,
        dst=dst,
        src=src,
        src_pan=pan_id if dst is None else None,
        pan_id_compression=dst is not None,
        ack_request=dst is not None,
        header_ies=(*_headers(WisunFrameType.DATA, ufsi, *((bt,) if bt else ()), *lfn), _HT1),
        payload_ies=(*((payload_ie(*nested),) if nested else ()), encode_mpx(Mpx(LOWPAN, lowpan))),
    )


def ack(frame: MacFrame, src: bytes, *, rsl_dbm: int | None = None, bt: Bt | None = None, ufsi: int = 0) -> MacFrame:
    """Acknowledgement of ``frame`` by ``src``; to be protected when ``frame`` was."""
    extra = (*((bt,) if bt else ()), *((Rsl(rsl_dbm),) if rsl_dbm is not None else ()))
    return MacFrame(
        frame_type=FrameType.ACK,
        sequence=frame.sequence,
        dst=frame.src,
        src=src,
        pan_id_compression=True,
        header_ies=_headers(WisunFrameType.ACK, ufsi, *extra),
    )


def eapol(
    src: bytes,
    dst: bytes,
    kmp_id: int,
    pdu: bytes,
    sequence: int,
    *,
    authenticator: bytes | None = None,
    us: Us = _US,
    bs: Bs | None = None,
    pan: Pan | None = None,
    bt: Bt | None = None,
    lfn: tuple[Lbt | Lto, ...] = (),
    ufsi: int = 0,
) -> MacFrame:
    """EAPOL over MPX, in clear; ``kmp_id`` is a `mpx.KmpId`. A parent adds EA-IE by ``authenticator`` (EUI-64), and
    ``lfn``, timing, where the supplicant is an LFN."""
    extra = (*((bt,) if bt else ()), *((Ea(authenticator),) if authenticator else ()), *lfn)
    nested = (us, *((bs,) if bs else ()), *((pan,) if pan else ()))
    return MacFrame(
        frame_type=FrameType.DATA,
        sequence=sequence,
        dst=dst,
        src=src,
        pan_id_compression=True,
        ack_request=True,
        header_ies=(*_headers(WisunFrameType.EAPOL, ufsi, *extra), _HT1),
        payload_ies=(payload_ie(*nested), encode_mpx(Mpx(KMP, bytes((kmp_id,)) + pdu))),
    )


def _async(
    kind: WisunFrameType,
    ufsi: int,
    src: bytes,
    pan_id: int | None,
    headers: tuple[Element, ...],
    nested: tuple[Element, ...],
) -> MacFrame:
    """A frame sent on all channels: no destination, no sequence number."""
    return MacFrame(
        src=src,
        src_pan=pan_id,
        pan_id_compression=pan_id is None,
        header_ies=(*_headers(kind, ufsi, *headers), _HT1),
        payload_ies=(payload_ie(*nested),),
    )


def _headers(kind: WisunFrameType, ufsi: int, *more: Element) -> tuple[Ie, ...]:
    return (header_ie(Utt(kind, ufsi)), *(header_ie(element) for element in more))
