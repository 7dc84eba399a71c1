"""IEEE 802.15.4 MAC commands (2015 edition, clause 7.5): which one, and what the plain ones hold; both directions.

Association and data requests are what HAN terminals send; RIT data requests are the public part of U-bus Air, whose
receivers ask for their data. Octets behind what is known of a command are its ``rest``; one that is cut stays a
`RawCommand` with its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import ClassVar, Final, TypeAlias

import attrs

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted


class CommandId(IntEnum):
    """Command identifiers, table 7-49."""

    ASSOCIATION_REQUEST = 0x01
    ASSOCIATION_RESPONSE = 0x02
    DISASSOCIATION_NOTIFICATION = 0x03
    DATA_REQUEST = 0x04
    PAN_ID_CONFLICT_NOTIFICATION = 0x05
    ORPHAN_NOTIFICATION = 0x06
    BEACON_REQUEST = 0x07
    COORDINATOR_REALIGNMENT = 0x08
    GTS_REQUEST = 0x09
    TRLE_MANAGEMENT_REQUEST = 0x0A
    TRLE_MANAGEMENT_RESPONSE = 0x0B
    DSME_ASSOCIATION_REQUEST = 0x13
    DSME_ASSOCIATION_RESPONSE = 0x14
    DSME_GTS_REQUEST = 0x15
    DSME_GTS_RESPONSE = 0x16
    DSME_GTS_NOTIFY = 0x17
    DSME_INFORMATION_REQUEST = 0x18
    DSME_INFORMATION_RESPONSE = 0x19
    DSME_BEACON_ALLOCATION_NOTIFICATION = 0x1A
    DSME_BEACON_COLLISION_NOTIFICATION = 0x1B
    DSME_LINK_REPORT = 0x1C
    RIT_DATA_REQUEST = 0x20
    DBS_REQUEST = 0x21
    DBS_RESPONSE = 0x22
    RIT_DATA_RESPONSE = 0x23
    VENDOR_SPECIFIC = 0x24
    SRM_REQUEST = 0x25
    SRM_RESPONSE = 0x26
    SRM_REPORT = 0x27
    SRM_INFORMATION = 0x28


_ABBREVIATIONS: Final = ("PAN", "ID", "GTS", "TRLE", "DSME", "RIT", "DBS", "SRM")


def name_of(identifier: int) -> str:
    """``RIT data request``; ``command 0x99`` where the table has none."""
    if identifier not in set(CommandId):
        return f"command {identifier:#04x}"
    words = [word if word in _ABBREVIATIONS else word.lower() for word in CommandId(identifier).name.split("_")]
    return " ".join((words[0] if words[0] in _ABBREVIATIONS else words[0].capitalize(), *words[1:]))


@frozen
class AssociationRequest:
    """Clause 7.5.2. ``capability``: 0x02 full-function device, 0x04 mains, 0x08 receiver on when idle, 0x10 fast
    association, 0x40 security capable, 0x80 wants a short address."""

    ID: ClassVar[int] = CommandId.ASSOCIATION_REQUEST
    capability: int
    rest: bytes = b""


@frozen
class AssociationResponse:
    """Clause 7.5.3. ``status``: 0 done, 1 PAN at capacity, 2 access denied, 3 hopping sequence offset duplicated, 0x80
    fast association done; ``address`` 0xFFFE means to go on with the EUI-64."""

    ID: ClassVar[int] = CommandId.ASSOCIATION_RESPONSE
    address: int
    status: int
    rest: bytes = b""


@frozen
class Disassociation:
    """Clause 7.5.4. ``reason``: 1 the coordinator wants the device to leave, 2 the device wants to leave."""

    ID: ClassVar[int] = CommandId.DISASSOCIATION_NOTIFICATION
    reason: int
    rest: bytes = b""


@frozen
class Realignment:
    """Clause 7.5.10: PAN, short addresses and channel from now on; ``page`` is None where it stays."""

    ID: ClassVar[int] = CommandId.COORDINATOR_REALIGNMENT
    pan: int
    coordinator: int
    channel: int
    address: int
    page: int | None = None
    rest: bytes = b""


@frozen
class GtsRequest:
    """Clause 7.5.11: how many slots, to receive in or to send, and whether asked for or given back."""

    ID: ClassVar[int] = CommandId.GTS_REQUEST
    length: int
    receive: bool
    allocate: bool
    reserved: int = 0
    rest: bytes = b""


@frozen
class RitDataRequest:
    """Clause 7.5.23: "I listen now". The schedule of further listening is there or not (all three None): time to the
    first one, how many, and the interval between, in units of aBaseSuperframeDuration."""

    ID: ClassVar[int] = CommandId.RIT_DATA_REQUEST
    first_listen: int | None = None
    repeats: int | None = None
    interval: int | None = None
    rest: bytes = b""


@frozen
class RawCommand:
    """Any other command, those without content too: ``data`` is what follows the identifier. ``trouble`` says why one
    that is known is not read, "" where nothing is wrong."""

    id: int
    data: bytes = b""
    trouble: str = attrs.field(default="", eq=False)


Command: TypeAlias = (
    "AssociationRequest | AssociationResponse | Disassociation | Realignment | GtsRequest | RitDataRequest | RawCommand"
)


def identifier(command: Command) -> int:
    """The identifier of a command."""
    return command.id if isinstance(command, RawCommand) else command.ID


def parse(data: bytes) -> Command:
    """The command in a MAC payload (payload IEs taken off). Raises `Malformed` where that is empty."""
    reader = Reader(data, "MAC command")
    number = reader.u8()
    content = reader.rest()
    parser = _PARSERS.get(number)
    if parser is None:
        return RawCommand(number, content)
    try:
        return parser(Reader(content, f"MAC command: {name_of(number)}"))
    except Malformed as error:
        return RawCommand(number, content, str(error))


def _realignment(reader: Reader) -> Realignment:
    pan, coordinator, channel, address = reader.le(), reader.le(), reader.u8(), reader.le()
    return Realignment(pan, coordinator, channel, address, reader.u8() if reader.left else None, reader.rest())


def _gts(reader: Reader) -> GtsRequest:
    bits = reader.u8()
    return GtsRequest(bits & 0x0F, bool(bits & 0x10), bool(bits & 0x20), bits >> 6, reader.rest())


def _rit(reader: Reader) -> RitDataRequest:
    if not reader.left:
        return RitDataRequest()
    return RitDataRequest(reader.u8(), reader.u8(), reader.le(), reader.rest())


_PARSERS: Final[Mapping[int, Callable[[Reader], Command]]] = {
    CommandId.ASSOCIATION_REQUEST: lambda reader: AssociationRequest(reader.u8(), reader.rest()),
    CommandId.ASSOCIATION_RESPONSE: lambda reader: AssociationResponse(reader.le(), reader.u8(), reader.rest()),
    CommandId.DISASSOCIATION_NOTIFICATION: lambda reader: Disassociation(reader.u8(), reader.rest()),
    CommandId.COORDINATOR_REALIGNMENT: _realignment,
    CommandId.GTS_REQUEST: _gts,
    CommandId.RIT_DATA_REQUEST: _rit,
}


def build(command: Command) -> bytes:
    """The MAC payload of a command."""
    rest = b"" if isinstance(command, RawCommand) else command.rest
    return bytes((identifier(command),)) + _content(command) + rest


def _content(command: Command) -> bytes:
    match command:
        case AssociationRequest(capability=octet) | Disassociation(reason=octet):
            return bytes((octet,))
        case AssociationResponse():
            return command.address.to_bytes(2, "little") + bytes((command.status,))
        case Realignment():
            head = command.pan.to_bytes(2, "little") + command.coordinator.to_bytes(2, "little")
            tail = b"" if command.page is None else bytes((command.page,))
            return head + bytes((command.channel,)) + command.address.to_bytes(2, "little") + tail
        case GtsRequest():
            return bytes((command.length | command.receive << 4 | command.allocate << 5 | command.reserved << 6,))
        case RitDataRequest(first_listen=int(first), repeats=int(repeats), interval=int(interval)):
            return bytes((first, repeats)) + interval.to_bytes(2, "little")
        case RawCommand(data=data):
            return data
    return b""


_STATUS: Final = {0: "done", 1: "PAN at capacity", 2: "access denied", 3: "offset duplicated", 0x80: "fast, done"}


def describe(command: Command) -> str:
    """A few words: ``Association response address=0x0002 done``."""
    name = name_of(identifier(command))
    match command:
        case AssociationRequest(capability=capability):
            return f"{name} capability={capability:#04x}"
        case AssociationResponse(address=address, status=status):
            return f"{name} address={address:#06x} {_STATUS.get(status, f'status {status:#04x}')}"
        case Disassociation(reason=reason):
            return f"{name} {({1: 'coordinator asks', 2: 'device leaves'}).get(reason, f'reason {reason}')}"
        case Realignment():
            who = f"coordinator={command.coordinator:#06x} address={command.address:#06x}"
            return f"{name} PAN={command.pan:#06x} channel={command.channel} {who}"
        case GtsRequest():
            way = "receive" if command.receive else "send"
            asks = "asks for" if command.allocate else "gives back"
            return f"{name} {asks} {counted(command.length, 'slot')} to {way} in"
        case RitDataRequest(first_listen=int(first), repeats=repeats, interval=interval):
            return f"{name} first={first} repeats={repeats} interval={interval}"
        case RawCommand(trouble=trouble) if trouble:
            return f"{name} [malformed: {trouble}]"
        case RawCommand(data=data) if data:
            return f"{name}, {counted(len(data))}"
    return name
