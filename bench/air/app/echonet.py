"""ECHONET Lite on UDP port 3610, both directions: what a HAN (B route) and its meters say to each other.

The frame is read here; `echonet_classes` knows what properties mean. A `Property` keeps its data as octets, so that
building what was parsed gives the same octets: values come from `Message.value`. Source: ECHONET Lite specification
part 2, section 3; the answers' rules in :func:`answer`.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, Final

from bench.air.app import echonet_classes
from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.ip.udp import ECHONET_PORT
from bench.air.octets import Reader

PORT: Final = ECHONET_PORT
_EHD1: Final = 0x10
_EHD2_SPECIFIED: Final = 0x81
_EHD2_ARBITRARY: Final = 0x82


class Esv(IntEnum):
    """ECHONET Lite service, section 3.2.5: requests 6x, answers 7x, refusals 5x."""

    SETI_SNA = 0x50
    SETC_SNA = 0x51
    GET_SNA = 0x52
    INF_SNA = 0x53
    SETGET_SNA = 0x5E
    SETI = 0x60
    SETC = 0x61
    GET = 0x62
    INF_REQ = 0x63
    SETGET = 0x6E
    SET_RES = 0x71
    GET_RES = 0x72
    INF = 0x73
    INFC = 0x74
    INFC_RES = 0x7A
    SETGET_RES = 0x7E


_SPELLINGS: Final = {
    Esv.SETI_SNA: "SetI_SNA",
    Esv.SETC_SNA: "SetC_SNA",
    Esv.GET_SNA: "Get_SNA",
    Esv.SETGET_SNA: "SetGet_SNA",
    Esv.SETI: "SetI",
    Esv.SETC: "SetC",
    Esv.GET: "Get",
    Esv.SETGET: "SetGet",
    Esv.SET_RES: "Set_Res",
    Esv.GET_RES: "Get_Res",
    Esv.INFC_RES: "INFC_Res",
    Esv.SETGET_RES: "SetGet_Res",
}
_TWO_LISTS: Final = (Esv.SETGET, Esv.SETGET_RES, Esv.SETGET_SNA)
_REFUSALS: Final = (Esv.SETI_SNA, Esv.SETC_SNA, Esv.GET_SNA, Esv.INF_SNA, Esv.SETGET_SNA)
# The object that a message's properties belong to is the destination of a request, the source of all else.
_REQUESTS: Final = (Esv.SETI, Esv.SETC, Esv.GET, Esv.INF_REQ, Esv.SETGET, Esv.INFC_RES)


@frozen
class Property:
    """One EPC and its data (EDT, up to 255 octets); empty data in a request, or where an answer refuses it."""

    epc: int
    edt: bytes = b""


@frozen
class Message:
    """A frame of the specified format (EHD2 0x81).

    ``seoj`` and ``deoj`` are source and destination object as 24-bit numbers (0x028801: group, class, instance;
    instance 0 in ``deoj`` means all). ``gets`` is the second property list, which only SetGet services have. Where the
    lists do not fill the frame, ``trouble`` says why, the properties are those that can be read, and ``sent`` is the
    whole frame as it came.
    """

    tid: int
    seoj: int
    deoj: int
    esv: int
    properties: tuple[Property, ...] = ()
    gets: tuple[Property, ...] = ()
    trouble: str = ""
    sent: bytes = b""

    @property
    def service(self) -> str:
        """``Get_Res``; ``ESV 0x40`` where unknown."""
        if self.esv not in set(Esv):
            return f"ESV {self.esv:#04x}"
        return _SPELLINGS.get(Esv(self.esv), Esv(self.esv).name)

    @property
    def refused(self) -> bool:
        """The service was not, or not wholly, done (an SNA)."""
        return self.esv in _REFUSALS

    @property
    def class_code(self) -> int:
        """Class of the object whose properties the message is about: whom a request asks, who answers or announces."""
        return (self.deoj if self.esv in _REQUESTS else self.seoj) >> 8

    def value(self, epc: int) -> Any:
        """What the first property ``epc`` says, as `echonet_classes` reads it; None where absent, empty or unlisted.

        Raises `Malformed` where the data are not as the class has them.
        """
        for found in (*self.properties, *self.gets):
            if found.epc == epc:
                kind = echonet_classes.kind_of(self.class_code, epc)
                return kind.format.read(found.edt) if kind is not None and found.edt else None
        return None


@frozen
class Arbitrary:
    """A frame of arbitrary format (EHD2 0x82): ``data`` is the makers' own."""

    tid: int
    data: bytes


def parse(data: bytes) -> Message | Arbitrary:
    """The frame in ``data``, its properties as far as they go. Raises `Malformed` for what stands before them."""
    reader = Reader(data, "ECHONET Lite")
    first, second, tid = reader.u8(), reader.u8(), reader.u16()
    if first != _EHD1 or second not in (_EHD2_SPECIFIED, _EHD2_ARBITRARY):
        raise Malformed(f"ECHONET Lite: header {first:02x} {second:02x}")
    if second == _EHD2_ARBITRARY:
        return Arbitrary(tid, reader.rest())
    seoj, deoj, esv = reader.uint(3), reader.uint(3), reader.u8()
    lists: tuple[list[Property], list[Property]] = ([], [])
    trouble = ""
    try:
        for properties in lists if esv in _TWO_LISTS else lists[:1]:
            for _ in range(reader.u8()):
                properties.append(Property(reader.u8(), reader.take(reader.u8())))
        reader.done()
    except Malformed as error:
        trouble = str(error)
    return Message(tid, seoj, deoj, esv, tuple(lists[0]), tuple(lists[1]), trouble, data if trouble else b"")


def trouble(message: Message | Arbitrary) -> str:
    """What is wrong with the lists of properties, "" where nothing is."""
    return message.trouble if isinstance(message, Message) else ""


def build(message: Message | Arbitrary) -> bytes:
    """The octets of a frame. Raises ValueError for a second list under a service that has one only."""
    if isinstance(message, Arbitrary):
        return bytes((_EHD1, _EHD2_ARBITRARY)) + message.tid.to_bytes(2, "big") + message.data
    if message.sent:
        return message.sent
    if message.gets and message.esv not in _TWO_LISTS:
        raise ValueError(f"{message.service} has one list of properties")
    ends = message.seoj.to_bytes(3, "big") + message.deoj.to_bytes(3, "big")
    head = bytes((_EHD1, _EHD2_SPECIFIED)) + message.tid.to_bytes(2, "big") + ends + bytes((message.esv,))
    gets = _build_properties(message.gets) if message.esv in _TWO_LISTS else b""
    return head + _build_properties(message.properties) + gets


def _build_properties(properties: tuple[Property, ...]) -> bytes:
    listed = b"".join(bytes((each.epc, len(each.edt))) + each.edt for each in properties)
    return bytes((len(properties),)) + listed


def property_of(class_code: int, epc: int, value: Any) -> Property:
    """The property that says ``value``, as `Message.value` reads it. Raises KeyError for one that is not listed."""
    kind = echonet_classes.kind_of(class_code, epc)
    if kind is None:
        raise KeyError(f"EPC {epc:#04x} of class {class_code:#06x} is not listed")
    return Property(epc, kind.format.write(value))


def answer(request: Message, esv: int, properties: Iterable[Property], gets: Iterable[Property] = ()) -> Message:
    """The answer to ``request``: its TID, its two objects swapped."""
    return Message(request.tid, request.deoj, request.seoj, esv, tuple(properties), tuple(gets))


def describe(message: Message | Arbitrary) -> str:
    """One line: ``ECHONET Lite Get_Res low-voltage smart meter > controller tid=1 instantaneous power=504 W``."""
    if isinstance(message, Arbitrary):
        return f"ECHONET Lite arbitrary format tid={message.tid} len={len(message.data)}"
    said = ", ".join(_say(message.class_code, each) for each in (*message.properties, *message.gets))
    ends = f"{_object(message.seoj)} > {_object(message.deoj)}"
    return f"ECHONET Lite {message.service} {ends} tid={message.tid} {said}".rstrip()


def _object(eoj: int) -> str:
    name = echonet_classes.CLASSES.get(eoj >> 8, f"object {eoj:06X}")
    return name if eoj & 0xFF == 1 else f"{name} {eoj & 0xFF}"


def _say(class_code: int, found: Property) -> str:
    kind = echonet_classes.kind_of(class_code, found.epc)
    name = kind.name if kind else f"EPC {found.epc:02X}"
    if not found.edt:
        return name
    if kind is None:
        return f"{name}={found.edt.hex()}"
    try:
        return f"{name}={kind.format.text(kind.format.read(found.edt))}"
    except Malformed:
        return f"{name}={found.edt.hex()} [not in its format]"
