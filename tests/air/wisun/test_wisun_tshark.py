"""Wi-SUN elements that the captures of real stacks hold in one form or not at all: their fields are tshark's."""

from __future__ import annotations

from pathlib import Path

from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from bench.air.mac.ies import HT1, PAYLOAD_TERMINATION, WISUN_GROUP, WISUN_HEADER_ID, Ie, SubIe, write_sub_ies
from tests.air.frame.built_frames import same_fields
from tests.air.tshark_oracle import NO_TSHARK

DST, SRC = bytes.fromhex("00124b0000000002"), bytes.fromhex("00124b0000000001")
HEADERS = ["061a0102", "0701", "0855", "1d01000200", "1d0100", "0c00ff64", "0302ff"]
"""Sub-ID and content: VH, NFT, LQI, RT (whole and short), NR of a router, FC."""
MODES = SubIe(8, False, b"\x15\x06\x13\x54\x2f\x60")
"""POM of five PHY modes: FSK without and with FEC, OFDM option 4 and 1, one of a type that is not used."""
VENDOR = SubIe(3, True, b"\x1a\1\2")


@NO_TSHARK
def test_every_field_is_tsharks(tmp_path: Path) -> None:
    frames = [
        encode_mac(
            MacFrame(
                *(FrameType.ACK, 2, 5), dst=DST, src=SRC, pan_id_compression=True,
                header_ies=(Ie(WISUN_HEADER_ID, bytes.fromhex(words)),),
            )
        )
        for words in HEADERS
    ]  # fmt: skip
    frames += [
        encode_mac(
            MacFrame(
                sequence=5, dst=DST, src=SRC, pan_id_compression=True, header_ies=(Ie(HT1),),
                payload_ies=(Ie(WISUN_GROUP, write_sub_ies([sub])), Ie(PAYLOAD_TERMINATION)),
            )
        )
        for sub in (MODES, VENDOR)
    ]  # fmt: skip
    framed = ("wisun.wsie", "wisun.wsie.type", "wisun.wsie.id", "wisun.wsie.length")
    vendor = frozenset((len(frames), name) for name in framed)  # tshark shows a lone VP without its head
    compared = same_fields(tmp_path, frames, "wisun.", holes=vendor)
    assert {"wisun.vhie.vid", "wisun.vpie.vid", "wisun.rtie.rendezvous", "wisun.rtie.wakeup"} <= compared
    assert {"wisun.netricity.nftie.type", "wisun.netricity.lqiie.lqi", "wisun.pomie.phy_mode_ofdm"} <= compared
    assert {"wisun.pomie.phy_type", "wisun.pomie.phy_mode_fsk", "wisun.nrie.timing_accuracy"} <= compared
