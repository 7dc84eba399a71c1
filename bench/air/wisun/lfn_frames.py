"""Whole frames of limited function nodes, and the ones that a parent has for them alone (Wi-SUN FAN 1.1).

An LFN's frames begin with LUTT-IE where others have UTT-IE, and say in LUS-IE how often it listens. LPAS is for all.
LPA, LPCS and LPC go from node to node without sequence number or acknowledgement; LPC is for all LFNs of a parent, too,
and LTS always. Which elements a frame holds and how it is addressed follows the open border router, and what it expects
of an LFN (facts: domain.md 5.2).
"""

from __future__ import annotations

from bench.air.mac.frame import FrameType, MacFrame
from bench.air.mac.ies import HT1, Ie
from bench.air.mac.mpx import KMP, LOWPAN, Mpx, encode_mpx
from bench.air.wisun.element import Element, WisunFrameType
from bench.air.wisun.ffn import Bs, Bt, Jm, NetName, Pan, Rsl, Utt
from bench.air.wisun.frames import header_ie, payload_ie
from bench.air.wisun.lfn import Flus, Lbs, Lbt, Lcp, LfnVersion, LgtkHash, Lnd, Lto, Lus, Lutt, Nr, PanId

CURRENT_PLAN = 255
"""Channel plan tag of LUS-IE: the channels that were told before."""
_HT1 = Ie(HT1)


def lpas(src: bytes, network_name: str, *, lutt: Lutt, lus: Lus, nr: Nr, lnd: Lnd, lcp: Lcp) -> MacFrame:
    """LFN PAN advertisement solicit, for all. ``lcp`` is the channel plan that ``lus`` names; no PAN ID."""
    return _management(src, None, None, (lutt, lus, nr, lnd), (lcp, NetName(network_name)))


def lpa(
    src: bytes,
    dst: bytes,
    pan_id: int,
    network_name: str,
    pan: Pan,
    *,
    bt: Bt,
    lbt: Lbt,
    nr: Nr,
    flus: Flus,
    lbs: Lbs,
    lto: Lto | None,
    bs: Bs,
    lcp: Lcp,
    jm: Jm | None = None,
    ufsi: int = 0,
) -> MacFrame:
    """LFN PAN advertisement, to the LFN that asked; the PAN ID stands in an element."""
    headers = (Utt(WisunFrameType.LPA, ufsi), bt, lbt, nr, flus, lbs, *((lto,) if lto else ()), PanId(pan_id))
    return _management(src, dst, None, headers, (bs, pan, NetName(network_name), lcp, *((jm,) if jm else ())))


def lpcs(src: bytes, dst: bytes, network_name: str, *, lutt: Lutt, lus: Lus) -> MacFrame:
    """LFN PAN configuration solicit, to the parent of its choice."""
    return _management(src, dst, None, (lutt, lus), (NetName(network_name),))


def lpc(
    src: bytes, dst: bytes | None, pan_id: int, version: LfnVersion, hashes: LgtkHash, *, lbt: Lbt, ufsi: int = 0
) -> MacFrame:
    """LFN PAN configuration, to one LFN or to all (then with the PAN ID); to be protected under an LGTK."""
    headers = (Utt(WisunFrameType.LPC, ufsi), lbt)
    return _management(src, dst, pan_id if dst is None else None, headers, (version, hashes))


def lts(src: bytes, *, bt: Bt, lbt: Lbt, ufsi: int = 0) -> MacFrame:
    """LFN time synchronisation, for all LFNs of a parent; to be protected under an LGTK."""
    return _management(src, None, None, (Utt(WisunFrameType.LTS, ufsi), bt, lbt), ())


def data(src: bytes, dst: bytes, lowpan: bytes, sequence: int, *, lutt: Lutt, lus: Lus) -> MacFrame:
    """6LoWPAN over MPX from an LFN to its parent; to be protected under an LGTK."""
    return _unicast(src, dst, sequence, (lutt, lus), encode_mpx(Mpx(LOWPAN, lowpan)))


def eapol(src: bytes, dst: bytes, kmp_id: int, pdu: bytes, sequence: int, *, lutt: Lutt, lus: Lus) -> MacFrame:
    """EAPOL over MPX from an LFN to the node that relays it, in clear."""
    return _unicast(src, dst, sequence, (lutt, lus), encode_mpx(Mpx(KMP, bytes((kmp_id,)) + pdu)))


def ack(frame: MacFrame, src: bytes, *, lutt: Lutt, rsl_dbm: int) -> MacFrame:
    """Acknowledgement of ``frame`` by an LFN; to be protected when ``frame`` was."""
    return MacFrame(
        frame_type=FrameType.ACK,
        sequence=frame.sequence,
        dst=frame.src,
        src=src,
        pan_id_compression=True,
        header_ies=(header_ie(lutt), header_ie(Rsl(rsl_dbm))),
    )


def _management(
    src: bytes, dst: bytes | None, pan_id: int | None, headers: tuple[Element, ...], nested: tuple[Element, ...]
) -> MacFrame:
    return MacFrame(
        src=src,
        dst=dst,
        src_pan=pan_id,
        pan_id_compression=pan_id is None,
        header_ies=(*map(header_ie, headers), *((_HT1,) if nested else ())),
        payload_ies=(payload_ie(*nested),) if nested else (),
    )


def _unicast(src: bytes, dst: bytes, sequence: int, headers: tuple[Element, ...], mpx: Ie) -> MacFrame:
    return MacFrame(
        frame_type=FrameType.DATA,
        sequence=sequence,
        dst=dst,
        src=src,
        pan_id_compression=True,
        ack_request=True,
        header_ies=(*map(header_ie, headers), _HT1),
        payload_ies=(mpx,),
    )
