"""6P, the protocol in which two TSCH neighbours agree on cells (RFC 8480), in the IETF payload IE; both directions.

A response's content depends on the request that it answers, which the frame does not hold: two octets are read as a
count, multiples of four as cells (`Message.said`). Numbers are little-endian.
"""

from __future__ import annotations

from typing import ClassVar, Final

from bench.air.errors import Malformed
from bench.air.frozen import frozen
from bench.air.octets import Reader, counted

GROUP: Final = 0x5
"""Group id of the IETF payload IE (RFC 8137)."""
SUB_ID: Final = 1
"""First octet of its content where 6P follows (RFC 8480, 7.1)."""
DRAFT_SUB_ID: Final = 0xC9
"""... as drafts before the RFC had it; Contiki-NG and Wireshark 4.0 do."""

REQUEST, RESPONSE, CONFIRMATION = 0, 1, 2
COMMANDS: Final = {1: "ADD", 2: "DELETE", 3: "RELOCATE", 4: "COUNT", 5: "LIST", 6: "SIGNAL", 7: "CLEAR"}
RETURN_CODES: Final = {
    0: "success",
    1: "end of list",
    2: "error",
    3: "reset",
    4: "unknown version",
    5: "unknown scheduling function",
    6: "schedule inconsistency",
    7: "cell list error",
    8: "busy",
    9: "locked",
}
_ADD, _DELETE, _RELOCATE, _COUNT, _LIST, _SIGNAL, _CLEAR = COMMANDS
_CELL_OCTETS: Final = 4


@frozen
class Cell:
    """A slot in the slotframe and a channel offset."""

    slot: int
    channel: int


@frozen
class Message:
    """A 6P message (section 3.2). ``code`` is a command in a request, else a return code; ``body`` is what follows the
    sequence number. ``reserved`` are the two bits beside the type."""

    HEAD_OCTETS: ClassVar[int] = 4
    type: int
    code: int
    function: int
    sequence: int
    body: bytes = b""
    version: int = 0
    reserved: int = 0
    sub_id: int = SUB_ID

    @property
    def content(self) -> bytes:
        """Content of the IETF IE that carries it."""
        first = self.version | self.type << 4 | self.reserved << 6
        return bytes((self.sub_id, first, self.code, self.function, self.sequence)) + self.body

    @property
    def said(self) -> Said:
        """The body by its command; raises `Malformed`."""
        reader = Reader(self.body, "6P")
        found = _request(self.code, reader) if self.type == REQUEST else _answer(reader)
        reader.done()
        return found


@frozen
class Said:
    """The body of a message, each field None (or empty) where it has none.

    ``options`` of cells: 1 transmit, 2 receive, 4 shared. ``count`` are cells wanted, ``total`` those there are;
    ``moved`` those that a relocation takes away, ``cells`` those offered, named or chosen.
    """

    metadata: int | None = None
    options: int | None = None
    count: int | None = None
    total: int | None = None
    moved: tuple[Cell, ...] = ()
    cells: tuple[Cell, ...] = ()
    offset: int | None = None
    most: int | None = None
    data: bytes = b""


def _request(code: int, reader: Reader) -> Said:
    if code not in COMMANDS:
        return Said(data=reader.rest())
    metadata = reader.le()
    if code == _CLEAR:
        return Said(metadata)
    if code == _SIGNAL:
        return Said(metadata, data=reader.rest())
    options = reader.u8()
    if code == _COUNT:
        return Said(metadata, options)
    if code == _LIST:
        reader.u8()
        return Said(metadata, options, offset=reader.le(), most=reader.le())
    count = reader.u8()
    moved = tuple(_cell(reader) for _ in range(count)) if code == _RELOCATE else ()
    return Said(metadata, options, count, moved=moved, cells=_cells(reader))


def _answer(reader: Reader) -> Said:
    if reader.left == 2:
        return Said(total=reader.le())
    return Said(cells=_cells(reader)) if reader.left % _CELL_OCTETS == 0 else Said(data=reader.rest())


def _cells(reader: Reader) -> tuple[Cell, ...]:
    return tuple(_cell(reader) for _ in range(reader.left // _CELL_OCTETS))


def _cell(reader: Reader) -> Cell:
    return Cell(reader.le(), reader.le())


def request(code: int, function: int, sequence: int, said: Said, sub_id: int = SUB_ID) -> Message:
    """A request, its body built of what it says. Raises ValueError for a command that is not known."""
    if code not in COMMANDS:
        raise ValueError(f"6P command {code}")
    body = (said.metadata or 0).to_bytes(2, "little")
    if code == _SIGNAL:
        body += said.data
    elif code != _CLEAR:
        body += bytes((said.options or 0,))
    if code == _LIST:
        body += b"\0" + (said.offset or 0).to_bytes(2, "little") + (said.most or 0).to_bytes(2, "little")
    elif code in (_ADD, _DELETE, _RELOCATE):
        count = len(said.moved) if code == _RELOCATE else said.count or 0
        body += bytes((count,)) + write_cells((*said.moved, *said.cells))
    return Message(REQUEST, code, function, sequence, body, sub_id=sub_id)


def write_cells(cells: tuple[Cell, ...]) -> bytes:
    """A list of cells as bodies have it."""
    return b"".join(cell.slot.to_bytes(2, "little") + cell.channel.to_bytes(2, "little") for cell in cells)


def read(content: bytes) -> Message | None:
    """The message in the content of an IETF IE, None where it carries something else. Raises `Malformed`."""
    reader = Reader(content, "6P")
    sub_id = reader.u8()
    if sub_id not in (SUB_ID, DRAFT_SUB_ID):
        return None
    first = reader.u8()
    code, function, sequence = reader.u8(), reader.u8(), reader.u8()
    return Message(first >> 4 & 3, code, function, sequence, reader.rest(), first & 0x0F, first >> 6, sub_id)


def describe(message: Message) -> str:
    """A few words: ``6P ADD request, seq 3, 2 of 5 cells``, ``6P success, seq 3, 1 cells``."""
    if message.type == REQUEST:
        words = f"6P {COMMANDS.get(message.code, message.code)} request, seq {message.sequence}"
    else:
        kind = "" if message.type == RESPONSE else " confirmation"
        words = f"6P{kind} {RETURN_CODES.get(message.code, message.code)}, seq {message.sequence}"
    try:
        said = message.said
    except Malformed as error:
        return f"{words}, malformed: {error}"
    cells = f", {counted(len(said.cells), 'cell')}" if said.cells else ""
    return f"{words}{cells}"
