"""RPL messages and metrics that the captures of real stacks do not hold: every field that tshark has is the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.air.fields.tables import fields, tree
from bench.air.ip import packet as ipv6
from bench.air.lowpan import datagram as lowpan
from bench.air.mac.frame import MacFrame, encode_mac
from bench.air.rpl import dco as rpl_dco
from bench.air.rpl import messages as rpl
from bench.air.rpl.secured import ConsistencyCheck, Secured
from tests.air.frame.built_frames import decoded, same_fields
from tests.air.tshark_oracle import NO_TSHARK

SRC, DST = bytes.fromhex("00124b0000000001"), bytes.fromhex("00124b0000000002")
DODAG = bytes.fromhex("20010db8000000000000000000000001")
METRICS = (
    rpl.Metric(1, 0, b"\x00\x02"),
    rpl.Metric(1, 0, b"\x12\x55\x0a\x02\x01\x02\x0b\x01\xff"),
    rpl.Metric(2, 0x0200, b"\x01\x40"),
    rpl.Metric(2, 0, b"\x9a\x40"),
    rpl.Metric(3, 0x0010, b"\xab\x05"),
    rpl.Metric(4, 0x0420, b"\x00\x01\x00\x02"),
    rpl.Metric(5, 0x0101, b"\x00\x02\x00\x03"),
    rpl.Metric(6, 0x0080, b"\x00\x23\x45"),
    rpl.Metric(7, 0x003F, b"\x01\x80"),
    rpl.Metric(8, 0x0080, b"\x00\xab\xc5\x12\x34"),
    rpl.Metric(8, 0x0200, b"\x00\xab\xc1\x12\x3e"),
)
"""RFC 6551: every object, with each flag; color as metric and as constraint."""


def frame(message: Any) -> bytes:
    packet = ipv6.Packet(ipv6.link_local(SRC), ipv6.link_local(DST), message, hop_limit=255)
    payload = lowpan.compress(ipv6.build(packet), SRC, DST)
    return encode_mac(
        MacFrame(version=1, sequence=1, dst_pan=1, dst=DST, src=SRC, pan_id_compression=True, payload=payload)
    )


DIOS = [rpl.Dio(0, 240, 256, DODAG, options=(rpl.MetricContainer((metric,)),)) for metric in METRICS]
SECURED = [
    Secured(0x81, 0, mode, level, 0x01020304, key, timed, b"body!!")
    for mode, level, key, timed in ((0, 1, b"\7", False), (1, 0, b"", True), (2, 2, bytes(range(9)), False))
]


@NO_TSHARK
def test_metrics_are_tsharks(tmp_path: Path) -> None:
    energy = "icmpv6.rpl.opt.metric.ne.object.energy"
    no_estimate = [METRICS.index(metric) + 1 for metric in METRICS if metric.type == 2 and not metric.data[0] & 1]
    assert no_estimate  # which tshark shows all the same
    holes = frozenset((number, energy) for number in no_estimate)
    compared = same_fields(tmp_path, [frame(dio) for dio in DIOS], "icmpv6.rpl.opt.metric", holes=holes)
    assert len(compared) == 41


@NO_TSHARK
def test_secured_messages_are_tsharks(tmp_path: Path) -> None:
    """Their key and counter. In key mode 0 there is an index, in mode 1 nothing (RFC 6550, table 6): tshark reads none
    in the one and an octet in the other, and the encrypted body as if it were clear."""
    frames = [frame(message) for message in SECURED]
    holes = frozenset((number, f"icmpv6.rpl.secure.key.{part}") for number in (1, 2) for part in ("source", "index"))
    compared = same_fields(tmp_path, frames, "icmpv6.rpl.secure", holes=holes)
    assert [dict(fields(found)).get("icmpv6.rpl.secure.key.index") for found in decoded(frames)] == [7, None, 8]
    assert len(compared) == 7


@NO_TSHARK
def test_a_consistency_check_is_tsharks(tmp_path: Path) -> None:
    """Request and response, signed only (level 0, its MAC behind). tshark reads an encrypted one, too: noise."""
    checks = [ConsistencyCheck(1, True, 0x1234, DODAG, 7, rest=bytes(4)), ConsistencyCheck(0x81, False, 9, DODAG, 0, 5)]
    bodies = [check.encode() for check in checks]
    frames = [frame(Secured(0x8A, 0, 0, 0, 5, b"\7", body=body)) for body in bodies]
    assert len(same_fields(tmp_path, frames, "icmpv6.rpl.cc")) == 7
    assert [Secured(0x8A, 0, 0, 0, 5, b"\7", body=body).check for body in bodies] == checks
    [encrypted] = decoded([frame(Secured(0x8A, 0, 0, 1, 5, b"\7", body=bodies[0]))])
    assert "icmpv6.rpl.cc.nonce" not in dict(fields(encrypted))


def test_a_cut_consistency_check_is_said() -> None:
    [cut] = decoded([frame(Secured(0x8A, 0, 0, 0, 5, b"\7", body=bytes(23)))])
    titles = [inner.title for layer in tree(cut) for inner in layer.walk()]
    assert any(title.startswith("[malformed: RPL consistency check") for title in titles)


def test_destination_cleanup_stands_in_the_fields() -> None:
    target = rpl.Target(DODAG)
    messages = [rpl_dco.Dco(1, 7, 2, True, DODAG, (target,)), rpl_dco.DcoAck(1, 7, 1)]
    first, second = (dict(fields(found)) for found in decoded([frame(message) for message in messages]))
    assert [first[f"icmpv6.rpl.dco.{name}"] for name in ("instance", "sequence", "status", "flag.k")] == [1, 7, 2, True]
    assert (first["icmpv6.rpl.dco.dodagid"], first["icmpv6.rpl.opt.target.prefix"]) == (DODAG, DODAG)
    assert [second[f"icmpv6.rpl.dcoack.{name}"] for name in ("sequence", "status", "flag.d")] == [7, 1, False]
