"""Fields of information elements as framed: header and payload IEs, Wi-SUN's nested ones, MPX, what is not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from bench.air.errors import Malformed
from bench.air.fields import tsch as fields_tsch
from bench.air.fields.base import Table, Tables, octets, u8, u16, u32, words
from bench.air.frozen import frozen
from bench.air.mac import mpx
from bench.air.mac.ies import HT1, HT2, MPX_GROUP, PAYLOAD_TERMINATION, WISUN_GROUP, WISUN_HEADER_ID, Ie, SubIe
from bench.air.mac.mpx import Mpx
from bench.air.wisun import frames as wisun


@frozen
class HeaderIe:
    """A header IE as framed."""

    ie: Ie


@frozen
class PayloadIe:
    """A payload IE as framed."""

    ie: Ie


@frozen
class Nested:
    """An element nested in the Wi-SUN payload IE as framed, and as read."""

    sub: SubIe
    element: object

    @property
    def head(self) -> int:
        """The two octets before the content."""
        if self.sub.long:
            return 0x8000 | self.sub.id << 11 | len(self.sub.content)
        return self.sub.id << 8 | len(self.sub.content)


@frozen
class Unread:
    """Octets behind what a Wi-SUN element's record holds."""

    octets: bytes


_HEADER_IDS: Final = {
    0x00: "vendor",
    0x1A: "CSL",
    0x1B: "RIT",
    0x1C: "DSME PAN descriptor",
    0x1D: "rendezvous time",
    0x1E: "time correction",
    0x29: "global time",
    WISUN_HEADER_ID: "Wi-SUN",
    HT1: "termination 1",
    HT2: "termination 2",
}
_PAYLOAD_IDS: Final = {
    0x0: "ESDU",
    0x1: "MLME",
    0x2: "vendor",
    MPX_GROUP: "MPX",
    WISUN_GROUP: "Wi-SUN",
    0x5: "IETF",
    PAYLOAD_TERMINATION: "termination",
}
_MULTIPLEX: Final = {mpx.KMP: "KMP", mpx.WISUN: "Wi-SUN", mpx.LOWPAN: "6LoWPAN"}
_TRANSFERS: Final = {kind.value: kind.name.lower().replace("_", " ") for kind in mpx.Transfer}
_TRANSFERS_THEIRS: Final = {
    0: "Full Frame",
    1: "Full frame with compressed Multiplex ID",
    2: "Non-last Fragment",
}
KMP_IDS: Final = {1: "802.1X", 6: "4-way handshake", 7: "group key handshake"}
KMP_IDS_THEIRS: Final = {1: "IEEE 802.1X/MKA", 6: "IEEE 802.11/4WH", 7: "IEEE 802.11/GKH"}


def _ie_length(view: HeaderIe | PayloadIe) -> int:
    """As sent: what a capture cut off is counted, too."""
    return len(view.ie.content) + view.ie.missing


def _header_inside(view: HeaderIe) -> Iterator[object]:
    if view.ie.id == WISUN_HEADER_ID:
        yield from _with_rest(wisun.read_header_element(view.ie), view.ie.content[1:])
    else:
        yield from fields_tsch.header_inside(view.ie)


def _with_rest(element: wisun.Element | wisun.Opaque, content: bytes) -> Iterator[object]:
    """An element, and the octets behind what its record holds: those of a later edition, or of a vendor."""
    yield element
    if rest := wisun.unread(element, content):
        yield Unread(rest)


def _nested_inside(view: Nested) -> Iterator[object]:
    if isinstance(view.element, (wisun.Element, wisun.Opaque)):
        yield from _with_rest(view.element, view.sub.content)


def _payload_inside(view: PayloadIe) -> Iterator[object]:
    if view.ie.id == WISUN_GROUP:
        framed, trouble = wisun.read_framed_elements(view.ie.content)
        yield from (Nested(sub, element) for sub, element in framed)
        if trouble:
            raise Malformed(trouble)
    elif view.ie.id == MPX_GROUP:
        yield mpx.decode_mpx(view.ie.content)
    else:
        yield from fields_tsch.payload_inside(view.ie)


def _kmp_id(view: Mpx) -> int | None:
    return view.body[0] if view.multiplex_id == mpx.KMP and view.body else None


def _transaction(view: Mpx) -> int | None:
    """Its bits are the multiplex id where that is compressed."""
    return None if view.transfer == mpx.Transfer.FULL_COMPRESSED else view.transaction


_HEADER_IE: Final = Table(
    "wpan.header_ie",
    lambda v: f"Header IE: {_HEADER_IDS.get(v.ie.id, 'unknown')}",
    (
        u16("wpan.header_ie.id", "Id", "ie.id", digits=2),
        u16("wpan.header_ie.length", "Length", _ie_length, unit="octets"),
        u8(
            "wisun.subid",
            "Sub-id",
            lambda v: v.ie.content[0] if v.ie.id == WISUN_HEADER_ID and v.ie.content else None,
            digits=2,
        ),
    ),
    _header_inside,
)

_PAYLOAD_IE: Final = Table(
    "wpan.payload_ie",
    lambda v: f"Payload IE: {_PAYLOAD_IDS.get(v.ie.id, 'unknown')}",
    (
        u16("wpan.payload_ie.id", "Id", "ie.id", digits=1),
        u16("wpan.payload_ie.length", "Length", _ie_length, unit="octets"),
    ),
    _payload_inside,
)

_NESTED: Final = Table(
    "wisun.wsie",
    lambda v: f"Nested {'long' if v.sub.long else 'short'} element",
    (
        u16("wisun.wsie", "Head", "head", digits=4, hidden=True),
        u16("wisun.wsie.type", "Form", lambda v: int(v.sub.long), names={0: "short", 1: "long"}),
        u16("wisun.wsie.id", "Id", "sub.id", digits=2),
        u16("wisun.wsie.length", "Length", lambda v: len(v.sub.content), unit="octets"),
    ),
    _nested_inside,
)

_MPX: Final = Table(
    "wpan.mpx",
    "Multiplexed data (IEEE 802.15.9)",
    (
        u8("wpan.mpx.transfer_type", "Transfer type", "transfer", names=_TRANSFERS, theirs=_TRANSFERS_THEIRS),
        u8("wpan.mpx.transaction_id", "Transaction", _transaction),
        u8("wpan.mpx.fragment_number", "Fragment", "fragment"),
        u16("wpan.mpx.total_frame_size", "Whole length", "total", unit="octets"),
        u8("wpan.mpx.multiplex_id", "Multiplex id", "multiplex_id", digits=4, names=_MULTIPLEX),
        u8("wpan.mpx.kmp.id", "Key management protocol", _kmp_id, names=KMP_IDS, theirs=KMP_IDS_THEIRS),
    ),
)


def _part(sub_id: int, form: str, at: int, octets_: int) -> Callable[[wisun.Opaque], int | None]:
    """A little-endian number in the content of one opaque element, where it is long enough."""

    def get(element: wisun.Opaque) -> int | None:
        if (element.sub_id, element.form) != (sub_id, form) or len(element.content) < at + octets_:
            return None
        return int.from_bytes(element.content[at : at + octets_], "little")

    return get


def _vendor(sub_id: int, form: str) -> Callable[[wisun.Opaque], int | None]:
    """The number that a vendor's element begins with: seven bits an octet, highest first; the top bit says that
    more follow, as Wireshark reads it; None where it does not end in 32 bits."""

    def get(element: wisun.Opaque) -> int | None:
        number = 0
        for octet in element.content if (element.sub_id, element.form) == (sub_id, form) else b"":
            number = number << 7 | octet & 0x7F
            if not octet & 0x80:
                return number if number < 1 << 32 else None
        return None

    return get


_OPAQUE_TITLES: Final = {
    "MHDS": "mesh header",
    "VH": "vendor's element",
    "NFT": "Netricity frame type",
    "LQI": "Netricity link quality",
    "RT": "rendezvous time",
    "VP": "vendor's element",
}

_OPAQUE: Final = Table(
    "wisun.opaque",
    lambda e: f"{e.name}: {_OPAQUE_TITLES.get(e.name, 'not known')}",
    (
        octets("wisun.opaque.content", "Content", "content"),
        words("wisun.opaque.form", "Form", "form"),
        u32("wisun.vhie.vid", "Vendor", _vendor(0x06, "header")),
        u8("wisun.netricity.nftie.type", "Netricity frame type", _part(0x07, "header", 0, 1)),
        u8(
            "wisun.netricity.lqiie.lqi",
            "Netricity link quality",
            _part(0x08, "header", 0, 1),
            codes={255: "not measured"},
        ),
        u16("wisun.rtie.rendezvous", "Rendezvous", _part(0x1D, "header", 0, 2), unit="units of 10 symbols"),
        u16("wisun.rtie.wakeup", "Wake-up interval", _part(0x1D, "header", 2, 2), unit="units of 10 symbols"),
        u32("wisun.vpie.vid", "Vendor", _vendor(0x3, "long")),
    ),
)

TABLES: Final[Tables] = {
    HeaderIe: _HEADER_IE,
    PayloadIe: _PAYLOAD_IE,
    Nested: _NESTED,
    Mpx: _MPX,
    wisun.Opaque: _OPAQUE,
    Unread: Table(
        "wisun.unread",
        lambda v: f"Further octets of the element, not read ({len(v.octets)})",
        (octets("wisun.unread.octets", "Octets", "octets"),),
    ),
}
