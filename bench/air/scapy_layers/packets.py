"""From the bench's frames to scapy's packets: for whoever wants to see, change or send one.

Imported where a packet is asked for and nowhere else: scapy takes a fifth of a second to load and half a millisecond
a frame, so decoding never waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from scapy.packet import Packet, Raw
from scapy.utils import EDecimal

from bench.air.capture.link import FCS, Record
from bench.air.errors import Malformed
from bench.air.frame.decoder import Frame
from bench.air.keys.table import KeyTable
from bench.air.lowpan import datagram as lowpan
from bench.air.lowpan import fragment
from bench.air.mac.frame import encode_mac
from bench.air.scapy_layers import Ip6, LowpanFragFirst, LowpanFragNext, Wpan
from bench.air.scapy_layers.base import address_octets
from bench.air.scapy_layers.wpan import settings, using

__all__ = ["reassemble", "to_scapy"]


def to_scapy(
    frame: Frame | Record,
    decrypted: bool = True,
    *,
    keys: KeyTable | None = None,
    contexts: Mapping[int, bytes] | None = None,
) -> Packet:
    """The packet of one frame, from the MAC header on, with the capture's stamp as its time.

    A `Record` gives the frame as it was on the air: opened, with ``decrypted``, where a key of ``keys`` fits, sealed
    otherwise; `Raw` where it is no frame. Its FCS is there where the capture's was right. A `Frame` gives what was
    decoded from it: in clear text where its ``mic`` is "ok", with the MIC kept. Raises ValueError for a `Frame` that
    could not be read at all, or for one in clear text where ``decrypted`` is False: its ciphertext is not kept.
    """
    with using(keys if decrypted else None, contexts):
        packet = _of_record(frame) if isinstance(frame, Record) else _of_frame(frame, decrypted)
    packet.time = EDecimal(frame.time_ns) / EDecimal(1_000_000_000)
    return packet


def _of_record(record: Record) -> Packet:
    if record.damage:
        return Raw(record.data)
    try:
        packet: Packet = Wpan(record.data)
    except (ValueError, IndexError):
        return Raw(record.data)
    if record.fcs_ok and isinstance(packet, Wpan):
        packet.fcs = FCS[record.fcs_octets](record.data)
    return packet


def _of_frame(frame: Frame, decrypted: bool) -> Packet:
    mac = frame.mac
    if mac is None:
        raise ValueError(f"frame {frame.number} is not read ({frame.info}): make the packet of its record")
    readable = frame.mic == "ok" or frame.unauthenticated
    opened = readable and mac.security is not None and bool(mac.security.level & 4)
    if opened and not decrypted:
        raise ValueError(f"frame {frame.number} is in clear text: make the packet of its record")
    octets = encode_mac(mac)
    packet: Packet = Wpan.opened(octets) if opened else Wpan(octets)
    return packet


def reassemble(packets: Iterable[Packet]) -> Iterator[Packet]:
    """Whole IPv6 datagrams of the 6LoWPAN fragments in ``packets``, in the order in which they become whole.

    For packets of one capture in their order; the rules are `fragment.Reassembler`'s.
    """
    reassembler = fragment.Reassembler()
    for packet in packets:
        frame = packet.getlayer(Wpan)
        piece = packet.getlayer(LowpanFragFirst) or packet.getlayer(LowpanFragNext)
        if frame is None or piece is None:
            continue
        src, dst = address_octets(frame.src), address_octets(frame.dst)
        try:
            read = lowpan.decompress(bytes(piece), src, dst, settings.contexts)
            assert isinstance(read, lowpan.Fragment)
            whole = reassembler.add(read, src, dst, int(packet.time * 1_000_000_000))
        except Malformed:
            continue
        if whole is not None:
            yield Ip6(whole.packet)
