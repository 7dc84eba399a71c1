"""The display filter against Wireshark's: the same frames for every filter, on every capture.

Wireshark's answers come from sharkd (its filter engine behind tshark's dissectors, one load for all filters), and for
one capture from ``tshark -Y`` itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bench.air.capture.capture import read_capture
from bench.air.fields.base import Kind
from bench.air.fields.rows import JSONL_FIELDS, Row
from bench.air.fields.tables import FIELDS
from bench.air.filter.language import compile_filter
from bench.air.filter.limits import greatest
from bench.air.filter.values import literal
from bench.air.filter.words import Word
from bench.air.frame.decoder import Decoder
from bench.errors import InputError
from tests.air.mac_captures import CONTIKI, CONTIKI_CONTEXTS, CONTIKI_KEY, WISUN, keys_of, need
from tests.air.tshark_oracle import NO_TSHARK, preferences, tshark
from tests.skips import slow_but

NO_SHARKD = pytest.mark.skipif(shutil.which("sharkd") is None, reason="sharkd is not installed")

FILTERS = (
    # layers, elements, options
    *("wpan", "6lowpan", "ipv6", "icmpv6", "udp", "eapol", "eap", "dhcpv6", "tls || eap.tls.flags"),
    *("wisun.uttie", "wisun.btie", "wisun.usie && !wisun.bsie", "wisun.panie or wisun.netnameie", "wisun.eapol_relay"),
    *("ipv6.hopopts", "ipv6.routing", "icmpv6.rpl.opt.target.prefix", "!ipv6", "not (wisun.uttie and ipv6)"),
    # numbers
    *("wpan.frame_type == 2", "wpan.frame_type eq 0x2", "wpan.seq_no > 200", "wpan.seq_no >= 200 && wpan.seq_no < 210"),
    *("wpan.seq_no != 5", "wpan.aux_sec.frame_counter <= 20", "wpan.aux_sec.frame_counter gt 0x14"),
    *("wisun.uttie.type == 4", "wisun.uttie.ufsi > 8000000", "wisun.rslie.rsl < 120", "wisun.panie.cost == 0"),
    *("icmpv6.type == 155", "icmpv6.type == 155 and icmpv6.code == 2", "icmpv6.rpl.dio.rank > 0"),
    *("icmpv6.rpl.dao.sequence == 240", "ipv6.hlim == 255", "ipv6.hlim != 64", "frame.number < 40"),
    *("udp.port == 10253", "udp.srcport == 546 || udp.dstport == 547", "udp.length > 100", "dhcpv6.msgtype == 7"),
    *("6lowpan.frag.size > 300", "6lowpan.frag.offset == 136", "eap.code == 2 && eap.type == 13", "eap.id >= 3"),
    # sets and ranges
    *("wisun.uttie.type in {0, 2}", "wisun.uttie.type in {1..3}", "icmpv6.type in {128, 129}"),
    *("udp.port in {546, 547, 10000..10300}", "not icmpv6.type in {128, 129}", "icmpv6.type not in {155}"),
    # several values of one field
    *("wpan.header_ie.id == 0x2a", "wpan.header_ie.id != 0x7e", "ipv6.nxt == 41"),
    *("icmpv6.rpl.opt.type == 5", "icmpv6.rpl.opt.type != 5", "icmpv6.rpl.opt.type !== 5", "ipv6.nxt === 58"),
    *("any icmpv6.rpl.opt.type != 5", "all icmpv6.rpl.opt.type == 5", "all icmpv6.rpl.opt.type > 4"),
    *("icmpv6.rpl.opt.type ~= 5", "all ipv6.addr == fd00::/8", "any ipv6.addr !== fe80::/10", "all ipv6.hlim & 1 == 0"),
    *("all icmpv6.rpl.opt.type in {5, 6}", "not any wpan.header_ie.id > 0x2a", 'all wpan.mic[0:1] contains "a"'),
    # other ways to write a number; what else has an order
    *("ipv6.hlim == 0100", "wpan.seq_no < 017", "wpan.seq_no == 0x0A", "wpan.security == 2", "wpan.security > false"),
    *("wpan.src64 >= 00:0d:6f:ff:fe:03:10:02", "ipv6.addr > fd12::", "ipv6.dst <= fe80::/10"),
    *("ipv6.addr in {fe80:: .. fe81::}", "wpan.mic < 80:00:00:00:00:00:00:00", "wpan.mic >= 01", "udp.payload > 01:00"),
    *('wisun.netnameie.name > "Wi"', "wlan_rsna_eapol.keydes.key_info.key_type == 2"),
    # flags: a name alone is there or not
    *("wpan.security", "wpan.security == 1", "wpan.ack_request == true", "wpan.pending == false"),
    *("icmpv6.rpl.dao.flag.k == 1", "ipv6.opt.rpl.flag.o == 1", "wpan.fcf & 0x0020", "wpan.fcf & 8 and !eapol"),
    # addresses
    *("wpan.src64 == 00:0d:6f:ff:fe:03:10:02", "wpan.dst64 != 00:0d:6f:ff:fe:03:00:01"),
    *("wpan.addr64 == 00:0d:6f:ff:fe:03:00:01", "wpan.dst16 == 0xffff", "wpan.dst_pan == 0xabcd"),
    *("ipv6.src == fd12:3456::20d:6fff:fe03:1002", "ipv6.addr == fd12:3456::/64", "ipv6.dst == ff00::/8"),
    *("ipv6.src != fe80::/10", "icmpv6.rpl.dio.dagid == fd12:3456::/32", "ipv6.addr == fd00::201:1:1:1"),
    *("ipv6.addr == fd12:3456::20d:6fff:fe03:1000/114", "ipv6.addr == fd12:3456::20d:6fff:fe03:1000/115"),
    # text and octets
    *('wisun.netnameie.name == "Wi-SUN Peer"', 'wisun.netnameie.name contains "SUN"', 'eap.identity contains "@"'),
    *('wisun.netnameie.name matches "^wi-sun +p"', 'wisun.netnameie.name matches "(Pan|Peer)s?$"'),
    *("wpan.mic contains 00", "udp.payload contains 01:00", "wisun.gtkhashie.gtk1 == 00:00:00:00:00:00:00:00"),
    *('udp.payload contains "meter"', 'udp.payload contains "01:00"', "wpan.mic contains 0", "udp.payload[-2:] != 00"),
    *(
        "wpan.mic[-1] == 00",
        "wpan.mic[0,2-3] contains 0",
        "wpan.mic[6:2,:1] > 80:00:00",
        "eapol.keydes.key_iv[14:4] == 0",
    ),
    *('wisun.netnameie.name contains "\\x53U"', 'wisun.netnameie.name[0:2] == "Wi"', "udp.payload[20:] contains 00"),
    *("udp.payload[0:2] == 01:00", "udp.payload[0] == 0c", "eapol.keydes.key_iv[2-4] == 00:00:00"),
    # a field against another, bits of octets and addresses
    *("wpan.src64 == wpan.dst64", "ipv6.hlim > wpan.seq_no", "wpan.seq_no in {ipv6.hlim, 5}", "ipv6.addr !== ipv6.dst"),
    *("udp.length in {9 .. udp.srcport}", "ipv6.src in {ipv6.dst, fe80::/10}", "all ipv6.addr == ipv6.src"),
    *("ipv6.addr === ipv6.src", "ipv6.addr != ipv6.dst", "ipv6 and not ipv6.src != ipv6.dst"),
    *(
        "udp.payload[0:2] == udp.payload[2:2]",
        "ipv6.src[8:8] == ipv6.dst[8:8]",
        "udp.payload contains udp.payload[0:2]",
    ),
    *("wpan.src64 & 0xff == 1", "wpan.src64 & 00:00:00:00:00:00:00:ff == 00:00:00:00:00:00:00:02", "wpan.src64 & 2"),
    *("wpan.mic & 0f:00 == 05:00", "wpan.mic & 01", "ipv6.src & ff::", "wpan.seq_no & ipv6.hlim == 4"),
    *("wpan contains 01", "wpan[-2:] == 00:00", "wpan[0:2] == 41:dc", "len(wpan) == 52", "wpan[0] & 40 and eapol"),
    *(
        "icmpv6 contains 01:02",
        "icmpv6[0:2] == 9b:02",
        "ipv6[6] == 3a",
        "ipv6[4:2] > 00:40",
        "udp[6] >= 80",
        'udp matches "a"',
    ),
    *(
        "len(ipv6) == 40",
        "len(udp) == 8",
        "len(icmpv6) > 40",
        "len(icmpv6) == ipv6.plen",
        "count(ipv6) == 2",
        "frame.len > 100",
        "ipv6 == ipv6",
    ),
    # arithmetic
    *(
        "wpan.seq_no * 3 == 30",
        "wpan.seq_no / 7 == 3",
        "wpan.seq_no % 16 == 0",
        "wpan.seq_no+1 == 3",
        "wpan.seq_no -1 < 0",
    ),
    *("wpan.aux_sec.frame_counter * 4000000000 > 0", "wpan.aux_sec.frame_counter + 4294967295 > 0", "wpan.seq_no - 5"),
    *("udp.length - 8 == len(udp.payload)", "6lowpan.frag.size - 40 > udp.length", "-ipv6.hlim < -100"),
    *(
        "{ipv6.hlim - 4} * 2 == 120",
        "wpan.seq_no == ipv6.hlim - 4",
        "wpan.seq_no & 1 + 1 == 2",
        "wpan.seq_no - 1 - 1 == 1",
    ),
    *("frame.time_relative + 1 > 60.5", "icmpv6.rpl.dio.rank % 128 == 0", "wpan.aux_sec.frame_counter % 2"),
    # functions
    *("max(ipv6.hlim, icmpv6.type) == 255", "min(udp.srcport, 5) == 5", "abs(frame.time_relative - 60) < 5"),
    *(
        "count(ipv6.addr) == 2",
        "count(ipv6.addr) == 4",
        "count(icmpv6.rpl.opt.type) > 1",
        "count(wpan.header_ie.id) == 2",
    ),
    *("len(wisun.netnameie.name) == 12", "len(wisun.uttie.ufsi) == 3", "len(udp.payload) > 60", "len(wpan.src64) == 8"),
    *('string(frame.number) matches "7$"', 'string(wpan.fcf) contains "4"', 'string(ipv6.src) contains "fe80"'),
    *(
        'string(wpan.src64)[0:2] == "00"',
        'string(wpan.dst_pan) contains "3"',
        "string(ipv6.src) contains string(ipv6.dst)",
    ),
    *('upper(wisun.netnameie.name) contains "WI-SUN"', 'lower(wisun.netnameie.name) == "wi-sun peer"'),
    # how they combine
    *("wisun.uttie.type == 0 or wisun.uttie.type == 2 and wpan.security == 1",),
    *("(wisun.uttie.type == 0 or wisun.uttie.type == 2) and wpan.security == 1",),
    *("! wpan.seq_no == 5 and ! (eapol or icmpv6)", "frame.time_relative < 60.5 && frame.time_relative >= 1"),
)


@cache
def rows(capture: str) -> list[Row]:
    decoder = Decoder(keys_of(capture), CONTIKI_CONTEXTS if capture in CONTIKI else None)
    records = list(read_capture(need(f"{capture}.pcapng")))
    return [Row(decoder.decode(record), record, records[0].time_ns) for record in records]


def ours(capture: str, expression: str) -> list[int]:
    matches = compile_filter(expression, JSONL_FIELDS)
    return [row.frame.number for row in rows(capture) if matches(row)]


REFUSED = (
    *(
        "wpan.src64 == ipv6.src",
        "wpan.src64 == ipv6.src[8:8]",
        "frame.time_relative == wpan.seq_no",
        "wpan.security & 1",
    ),
    *(
        "udp.payload == wisun.netnameie.name",
        "wisun.netnameie.name & 1",
        "frame.time_relative * 2 > 1",
        "-ipv6.src == ::",
    ),
    *("wisun.netnameie.name + 1 == 2", "ipv6.src + 1 == fe80::1", "udp.payload + 1 == 01", "1 == wpan.seq_no"),
    *(
        "1 + wpan.seq_no == 3",
        "(wpan.seq_no + 1) == 3",
        "wpan.seq_no == (3)",
        "--wpan.seq_no == 1",
        "foo(wpan.seq_no) == 1",
    ),
    *(
        "len(udp.payload)",
        "count(ipv6.addr)",
        "string(ipv6.src)",
        "len() == 1",
        "len(1) == 1",
        "len(udp.payload[1:]) == 3",
    ),
    *("len(udp.payload, udp.port) == 1", "count(max(udp.port)) == 1", "upper(ipv6.src) == fe", "max(1, 2) == 2"),
    *(
        "string(udp.payload) == 00",
        "string(wpan.security) == 1",
        "string(wpan.seq_no + 1) == 3",
        "abs(ipv6.src) == fe80::1",
    ),
    *("max(wpan.seq_no, ipv6.src) == 3", "max(udp.port, ipv6.hlim) == 64", "lower(upper(wisun.netnameie.name)) == a"),
    *(
        "wpan.seq_no == 256",
        "wpan.seq_no > 0x100",
        "udp.port in {1..65536}",
        "wpan.fcf & 65536",
        "wpan.seq_no * 256 == 300",
    ),
    *(
        "wpan.frame_type == 65536",
        "wisun.uttie.ufsi == 16777216",
        "len(udp.payload) > 4294967296",
        "max(ipv6.hlim, 300) == 1",
    ),
    *("frame.number == 4294967296", "wpan.seq_no contains 1", "ipv6.src matches fe80", "wpan.seq_no == any ipv6.hlim"),
)
"""What neither takes: kinds that do not fit, numbers that the field cannot have."""


def answers(capture: str, expressions: Iterable[str], configuration: Path) -> list[dict[str, Any]]:
    """What one sharkd that has the capture's keys says to each filter."""
    key = f'"{CONTIKI_KEY.hex()}","0","No hash"\n'
    keys = key if capture in CONTIKI else need(f"{capture}.ieee802154_keys").read_text()
    (configuration / "ieee802154_keys").write_text(keys)
    (configuration / "preferences").write_text("6lowpan.context0: fd00::/64\n" if capture in CONTIKI else "")
    asked = [{"method": "load", "params": {"file": str(need(f"{capture}.pcapng"))}}]
    asked += [{"method": "frames", "params": {"filter": e, "column0": "frame.number:1"}} for e in expressions]
    lines = "".join(json.dumps({"jsonrpc": "2.0", "id": n, **ask}) + "\n" for n, ask in enumerate(asked, 1))
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(configuration)}
    done = subprocess.run(["sharkd", "-"], input=lines, capture_output=True, text=True, check=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()][1:]


def sharkd(capture: str, expressions: tuple[str, ...], configuration: Path) -> list[list[int]]:
    """Frame numbers of each filter."""
    said = answers(capture, expressions, configuration)
    wrong = [e for e, answer in zip(expressions, said, strict=True) if "result" not in answer]
    assert not wrong, f"Wireshark does not take {wrong}"
    return [[frame["num"] for frame in answer["result"]] for answer in said]


def test_there_are_enough() -> None:
    assert len(set(FILTERS)) >= 60


@NO_SHARKD
@pytest.mark.parametrize("capture", slow_but(["star3", "mcast", "mix-twk1"], [*WISUN, *CONTIKI]))
def test_the_frames_that_wireshark_shows(capture: str, tmp_path: Path) -> None:
    filters = FILTERS[::4] if capture == "mbed-line2" else FILTERS  # that one is as long as all others together
    found = 0
    for expression, shown in zip(filters, sharkd(capture, filters, tmp_path), strict=True):
        assert ours(capture, expression) == shown, expression
        found += 0 < len(shown) < len(rows(capture))
    assert found > len(filters) // 4


@NO_SHARKD
def test_what_wireshark_refuses_is_refused(tmp_path: Path) -> None:
    said = answers(CONTIKI[0], REFUSED, tmp_path)
    assert [e for e, answer in zip(REFUSED, said, strict=True) if "result" in answer] == []
    for expression in REFUSED:
        with pytest.raises(InputError, match=r"^filter .*(expected|not of one kind)"):
            compile_filter(expression, JSONL_FIELDS)


@NO_SHARKD
def test_masks_of_ipv6_addresses_are_compared(tmp_path: Path) -> None:
    """Wireshark 4.0.17 compares none of a masked address' bits, so that every packet is shown."""
    (shown,) = sharkd(CONTIKI[0], ("ipv6.src & ffff:: == fe80::",), tmp_path)
    assert ours(CONTIKI[0], "ipv6.src & ffff:: == fe80::") == ours(CONTIKI[0], "ipv6.src[0:2] == fe:80")
    assert shown == ours(CONTIKI[0], "ipv6") != ours(CONTIKI[0], "ipv6.src[0:2] == fe:80")


@NO_TSHARK
def test_the_widths_of_number_fields_are_wiresharks() -> None:
    theirs = {row[2]: row[3] for line in tshark_fields().splitlines() if (row := line.split("\t"))[0] == "F"}
    numbers = [name for name, field in FIELDS.items() if field.kind is Kind.NUMBER]
    widths = {name: kind for name in numbers if (kind := re.fullmatch(r"FT_(U?)INT(\d+)", theirs.get(name, "")))}
    known = {name: kind for name, kind in widths.items() if FIELDS[name].bits}
    assert len(known) >= 390
    for name, kind in known.items():
        assert greatest(name) == (1 << int(kind[2]) - (not kind[1])) - 1, name


@NO_TSHARK
def test_values_may_be_called_by_wiresharks_names() -> None:
    """Wherever our field has a name for the number."""
    told: dict[str, dict[int, str]] = {}
    listed = subprocess.run(["tshark", "-G", "values"], capture_output=True, check=True).stdout.decode(
        "utf-8", "replace"
    )
    for row in (line.split("\t") for line in listed.splitlines()):
        if row[0] == "V" and row[1] in FIELDS and re.fullmatch("(0x)?[0-9a-f]+", row[2]):
            told.setdefault(row[1], {}).setdefault(int(row[2], 0), row[3])
    wanted = [(name, value) for name, field in FIELDS.items() for value in field.names if value in told.get(name, {})]
    assert len(wanted) > 200
    for name, value in wanted:
        found = literal(Word(told[name][value], 0, quoted=True), name, Kind.NUMBER)
        assert found is not None, (name, told[name][value])
        assert told[name][int(found.value)] == told[name][value], name


@NO_TSHARK
@pytest.mark.parametrize("name", ['icmpv6.type == "RPL Control"', 'icmpv6.type == "echo (ping) Request"'])
def test_names_of_values_find_what_tshark_finds(name: str) -> None:
    lines = tshark(need("line2.pcapng"), *preferences("line2"), "-Y", name, "-T", "fields", "-e", "frame.number")
    assert lines
    assert ours("line2", name) == [int(line) for line in lines.split()]


def tshark_fields() -> str:
    return subprocess.run(["tshark", "-G", "fields"], capture_output=True, text=True, check=True).stdout


@NO_TSHARK
@pytest.mark.parametrize("expression", ["icmpv6.rpl.opt.type !== 5", "wpan.header_ie.id != 0x7e and ipv6.hlim < 100"])
def test_the_frames_that_tshark_prints(expression: str) -> None:
    lines = tshark(need("line2.pcapng"), *preferences("line2"), "-Y", expression, "-T", "fields", "-e", "frame.number")
    assert ours("line2", expression) == [int(line) for line in lines.split()]


@NO_TSHARK
@pytest.mark.parametrize("name", ["line2-tap-fcs32.pcapng", "line2.pcapng", "contiki-rpl-lite-line4-fcs16.pcap"])
def test_the_length_of_a_packet_is_wiresharks(name: str) -> None:
    """TAP header and FCS included."""
    records = list(read_capture(need(name)))
    lengths = [Row(Decoder().decode(record), record).values("frame.len") for record in records]
    assert lengths == [[int(line)] for line in tshark(need(name), "-T", "fields", "-e", "frame.len").split()]
