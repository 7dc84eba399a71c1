"""Every field that Wireshark and we both know, on every capture: equal, but for the holes listed here.

Each hole of tshark 4.0.17 (facts: decode.md 4) names the fields and frames that it touches; `test_fields` proves our
reading of these by vectors made by hand. Names that tshark does not know are ours alone and listed too.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from functools import cache

import pytest

from bench.air.capture.capture import read_capture
from bench.air.fields.tables import FIELDS, Value, fields, lowpan_octets
from bench.air.frame.decoder import Decoder, Frame
from bench.air.lowpan.datagram import Fragment
from bench.air.mac.ies import write_payload_ies
from bench.air.wisun import frames as wisun
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, WISUN, keys_of, need
from tests.air.tshark_oracle import NO_TSHARK, known_fields, preferences, read, sources, values
from tests.skips import slow_but

EVERY = (*WISUN, *CONTIKI)
TAP = "line2-tap-fcs32"

OURS = {
    *(f"ubus_standin.{name}" for name in ("kind", "seq", "origin", "hops_left", "final", "data")),
    *("wisun.unread.octets", "wisun.opaque.content", "wisun.opaque.form", "wisun.lbsie.sync_period"),
    *("wisun.lbcie.interval", "wisun.lbcie.sync_period", "wisun.usie.exclude.last"),
    *("wisun.lbatsie.additional", "wisun.lbatsie.delay"),
    *("wisun.jmie.version", "wisun.jmie.metric.id", "wisun.jmie.metric.data", "wisun.jmie.plf"),
    *(f"icmpv6.opt.6cio.flag_{role}" for role in "dlbpe"),
    *("icmpv6.opt.aro.opaque", "icmpv6.opt.aro.flags", "icmpv6.opt.aro.tid", "icmpv6.opt.data"),
    *(f"icmpv6.rpl.opt.target.{name}" for name in ("flag.f", "rovrsz", "rovr")),
    *("icmpv6.rpl.opt.further", "icmpv6.rpl.opt.config.rpi23", "icmpv6.rpl.opt.data"),
    "data.octets",
    *("dhcpv6.vendoropts.data", "dhcpv6.option.data", "icmpv6.6lowpannd.da.tid"),
    *("6lowpan.6loRH.hop", "6lowpan.6loRH.encapsulator", "6lowpan.6loRH.data", "coap.opt.value"),
    *("echonet.tid", "echonet.seoj", "echonet.deoj", "echonet.esv", "echonet.refused", "echonet.data"),
    *("wpan.header_ie.rit.first", "wpan.header_ie.rit.repeats", "wpan.header_ie.rit.interval"),
    *("wpan.beacon.payload", "wpan.rit.first", "wpan.rit.repeats", "wpan.rit.interval"),
    *("wpan.header_ie.global_time.seconds", "wpan.channel_hopping.page", "wpan.channel_hopping.channels"),
    *("wpan.channel_hopping.order", "wpan.channel_hopping.current"),
    *(f"icmpv6.rpl.dco.{name}" for name in ("instance", "flag.k", "flag.d", "status", "sequence", "dodagid")),
    *(f"icmpv6.rpl.dcoack.{name}" for name in ("instance", "flag.d", "status", "sequence", "dodagid")),
    *("icmpv6.rpl.secure.body", "wpan.cinfo.fast"),
    *("echonet.epc", "echonet.value", "echonet.history", "echonet.edt"),
    *(f"eapol.key_message.{name}" for name in ("mic", "supplicant", "authenticator")),
    *(f"wisun.kde.{name}" for name in ("type", "ptkid", "lgtk.key_id", "lgtk.key", "role", "data", "gtkl", "lgtkl")),
    *(f"wisun.kde.gtkl.gtk{slot}" for slot in range(4)),
    *(f"wisun.kde.lgtkl.lgtk{slot}" for slot in range(3)),
}
"""Fields that tshark 4.0 has no name for; every other name of ours is Wireshark's."""

AFTER_JM = {"wisun.wsie", "wisun.wsie.type", "wisun.wsie.id", "wisun.wsie.length"}
"""tshark does not know the JM element and reads its head as a long one's: wrong id and length, and what follows is
swallowed. `test_fields.test_join_metrics_stand_as_framed` proves the framing."""

COMPUTED = {"frame.len", "wpan-tap.ch_num", "_ws.col.Protocol", "_ws.col.Info"}
"""Columns of the stored tables that are no fields of a frame: the capture's length, tshark's own words."""


@cache
def frames(capture: str) -> list[tuple[Frame, dict[str, list[Value]]]]:
    """Frames and their fields; read once for all tests here."""
    decoder = Decoder(keys_of(capture.removesuffix("-tap-fcs32")), CONTIKI_CONTEXTS if capture in CONTIKI else None)
    records = list(read_capture(need(f"{capture}.pcapng")))
    found = []
    for record in records:
        frame = decoder.decode(record)
        named: dict[str, list[Value]] = defaultdict(list)
        for name, value in fields(frame, record, records[0].time_ns):
            named[name].append(value)
        found.append((frame, named))
    return found


def hole(frame: Frame, name: str) -> bool:
    """Whether tshark is no oracle for that field of that frame. Key data in clear it takes apart in message 1/4, not in
    the request before (`test_handshake.test_the_opened_elements_stand_in_the_tree` has both)."""
    if name.startswith("wlan.rsn.ie."):
        return frame.key_message is not None and frame.key_message.message == "request"
    return name in AFTER_JM and frame.ie(wisun.Jm) is not None


@NO_TSHARK
def test_every_other_name_is_wiresharks() -> None:
    assert {name for name in FIELDS if name not in known_fields()} == OURS


@NO_TSHARK
@pytest.mark.parametrize("capture", slow_but([TAP, "star3", "badauth", "mcast", "pomrpi"], [*EVERY, TAP]))
def test_every_field_is_tsharks(capture: str) -> None:
    names = sorted(set(FIELDS) - OURS)
    rows = values(need(f"{capture}.pcapng"), names, preferences(capture))
    assert len(rows) == len(frames(capture))
    compared = set()
    for (frame, named), row in zip(frames(capture), rows, strict=True):
        for name in names:
            if (row[name] or name in named) and not hole(frame, name):
                expected = [value for value in read(FIELDS[name].kind, row[name]) if value not in FIELDS[name].codes]
                assert named.get(name, []) == expected, f"{capture} frame {frame.number} {name}"
                if expected:
                    compared.add(name)
    assert len(compared) > 140


@pytest.mark.parametrize("capture", EVERY)
def test_every_field_is_the_stored_tables(capture: str) -> None:
    with gzip.open(need(f"{capture}.tshark.tsv.gz"), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    columns = set(rows[0]) - COMPUTED
    assert columns <= set(FIELDS)
    assert len(columns) >= 105
    for (frame, named), row in zip(frames(capture), rows, strict=True):
        for name in columns & (named.keys() | {name for name, texts in row.items() if texts}):
            codes = FIELDS[name].codes
            expected = [value for value in read(FIELDS[name].kind, row[name] or "", ";") if value not in codes]
            assert named.get(name, []) == expected, f"{capture} frame {frame.number} {name}"


@NO_TSHARK
@pytest.mark.parametrize("capture", EVERY)
def test_octets_are_tsharks(capture: str) -> None:
    """Decrypted, decompressed and reassembled octets, those of tunnelled packets included."""
    seen: dict[str, int] = defaultdict(int)
    for (frame, _), shown in zip(
        frames(capture), sources(need(f"{capture}.pcapng"), preferences(capture)), strict=True
    ):
        where = f"{capture} frame {frame.number}"
        assert frame.mac is not None
        # With two keys of one index, what the wrong one makes of the octets is shown first.
        for clear in shown.get("Decrypted IEEE 802.15.4 payload", [])[-1:]:
            seen["decrypted"] += 1
            assert write_payload_ies(frame.mac.payload_ies) + frame.mac.payload == clear, where
        for whole in shown.get("Reassembled 6LoWPAN", []):
            seen["reassembled"] += 1
            assert frame.datagram == whole, where
            assert isinstance(frame.piece, Fragment), where
        for plain in shown.get("Decompressed 6LoWPAN", []):
            seen["decompressed"] += 1
            # A tunnelled packet is a source of its own, and the end of the one around it.
            have = frame.piece.data if isinstance(frame.piece, Fragment) else frame.datagram
            assert have.endswith(plain), where
            assert lowpan_octets(frame), where
    assert seen["decrypted"] > 20 or capture == "contiki-rpl-lite-line4"
    assert seen["decompressed"] > 10
