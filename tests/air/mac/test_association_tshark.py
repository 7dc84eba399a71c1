"""Association as HAN terminals ask for it: what a device can do and the address it is given, as tshark reads them."""

from __future__ import annotations

from pathlib import Path

from bench.air.fields.tables import fields
from bench.air.mac import command
from bench.air.mac.frame import FrameType, MacFrame, encode_mac
from tests.air.frame.built_frames import decoded, same_fields
from tests.air.tshark_oracle import NO_TSHARK
from tests.skips import ONCE

pytestmark = ONCE

DEVICE, COORDINATOR = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
CAPABILITIES = [1 << bit for bit in range(8)]


def frame(sent: command.Command) -> bytes:
    return encode_mac(
        MacFrame(
            version=1,
            frame_type=FrameType.COMMAND,
            sequence=1,
            dst_pan=1,
            dst=COORDINATOR,
            src=DEVICE,
            pan_id_compression=True,
            payload=command.build(sent),
        )
    )


@NO_TSHARK
def test_what_a_device_can_do_is_tsharks(tmp_path: Path) -> None:
    """Each bit alone; fast association (0x10), which tshark does not know, is `wpan.cinfo.fast`."""
    frames = [frame(command.AssociationRequest(octet)) for octet in CAPABILITIES]
    assert len(same_fields(tmp_path, frames, "wpan.cinfo")) == 6
    fast = [dict(fields(found))["wpan.cinfo.fast"] for found in decoded(frames)]
    assert fast == [octet == 0x10 for octet in CAPABILITIES]


@NO_TSHARK
def test_the_address_given_is_tsharks(tmp_path: Path) -> None:
    frames = [frame(command.AssociationResponse(address, status)) for address, status in ((0x1234, 0), (0xFFFE, 1))]
    assert same_fields(tmp_path, frames, "wpan.aso") == {"wpan.asoc.addr"}
    assert same_fields(tmp_path, frames, "wpan.assoc.s") == {"wpan.assoc.status"}
