"""`kenshin decode`: lines, filters, and one clear line for each mistake."""

from __future__ import annotations

import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from bench.air.fields.rows import JSONL_FIELDS
from bench.air.filter.language import compile_filter
from bench.air.frame.kinds import KINDS
from bench.air.show.command import decode_command
from bench.errors import InputError
from tests.air.mac_captures import need
from tests.places import ROOT
from tests.skips import ONCE


def run(name: str, fmt: str = "jsonl", expr: str | None = None, keys: str | None = "") -> str:
    out = io.StringIO()
    file = str(need(f"{keys or name}.ieee802154_keys")) if keys is not None else None
    decode_command(str(need(f"{name}.pcapng")), file, fmt, expr, out)
    return out.getvalue()


def lines(name: str, expr: str | None = None) -> list[dict[str, object]]:
    return [json.loads(line) for line in run(name, expr=expr).splitlines()]


def test_jsonl_has_the_contracts_fields() -> None:
    found = lines("line2")
    assert len(found) == 478
    contract = (
        *("number", "time_ns", "src", "dst", "seq", "pan", "secured", "key_index", "frame_counter", "mic", "kind"),
        *("ies", "layers", "ipv6_src", "ipv6_dst", "info"),
    )
    assert all(set(contract) <= set(line) for line in found)
    assert all(set(line) == set(JSONL_FIELDS) for line in found)
    dao = next(line for line in found if "DAO seq" in str(line["info"]))
    assert dao["src"] == "00:0d:6f:ff:fe:03:10:02"
    assert dao["ipv6_src"] == "fd12:3456::20d:6fff:fe03:1002"
    assert dao["ipv6_dst"] == "fd12:3456::20d:6fff:fe03:1"
    assert (dao["secured"], dao["mic"], dao["kind"], dao["key_index"]) == (True, "ok", "DATA", 1)
    assert dao["layers"] == ["802.15.4", "wi-sun", "mpx", "6lowpan", "iphc", "ipv6", "icmpv6", "rpl"]


def test_table_is_a_heading_and_a_line_a_frame() -> None:
    table = run("line2", "table", "kind == EAPOL and number < 12").splitlines()
    assert [line.split()[0] for line in table] == ["number", "8", "10"]
    assert table[1].endswith("Key request")


@ONCE
@pytest.mark.parametrize("live", [False, True])
def test_time_counts_from_the_captures_first_record_whatever_is_shown(live: bool) -> None:
    """The bulk decoder's lines (no filter) hold the filtered ones, and Wireshark's column counts alike."""
    every = run("line2", "table").splitlines()
    out, capture, keys = io.StringIO(), str(need("line2.pcapng")), str(need("line2.ieee802154_keys"))
    some = run("line2", "table", "kind == EAPOL").splitlines()
    decode_command(capture, keys, "table", "kind == EAPOL", out, names="number,frame.time_relative")
    if live:
        some = _piped(capture, keys, "kind == EAPOL").splitlines()
    seconds = [float(line.split()[1]) for line in some[1:]]
    assert len(some) > 30
    assert set(some) < set(every)
    assert seconds[0] > 1
    assert seconds == pytest.approx([float(line.split()[1]) for line in out.getvalue().splitlines()[1:]], abs=1e-6)


def _piped(capture: str, keys: str, expr: str) -> str:
    """Lines of a capture that comes through a pipe."""
    command = [sys.executable, "-m", "bench.cli", "decode", "-", "--follow", "--keys", keys, "--filter", expr]
    with open(capture, "rb") as file:
        return subprocess.run(command, stdin=file, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("expr", "count"),
    [
        ("kind == PAS", 4),
        ("kind[0:2] == PA and src[0:2] == 00 and kind contains S", 4),
        ("kind == 'PAS' or kind == \"PCS\"", 5),
        ("not secured and kind != ACK and not kind == EAPOL", 17),
        ("secured == false and kind == EAPOL", 32),
        ("layers contains rpl and info contains 'DAO-ACK' and (src == 00:0D:6F:FF:FE:03:00:01)", 2),
        ("pan == 0xa09c and number <= 2", 2),
        ("number >= 477 and number > 477", 1),
        ("key_index == none and frame_counter == none", 81),
        ("frame_counter < 1 and kind == PC", 1),
        ("mic == none", 81),
        ("ipv6_dst == FD12:3456:0::020d:6fff:fe03:1 and info contains DAO", None),
        ("ies contains LBC", 12),
    ],
)
def test_filters(expr: str, count: int | None) -> None:
    found = lines("line2", expr)
    assert len(found) == count if count is not None else found


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        ("foo == 1", "unknown field 'foo'; expected one of number, time_ns, src"),
        (
            "wpan.scr64 == 00:00:00:00:00:00:00:01",
            "unknown field 'wpan.scr64'; expected one like wpan.src64 at",
        ),
        ("kind == Data", "expected one of damaged, beacon, data, ack, .*, PA, PAS, .* for kind at 'Data' .column 9."),
        ("kind in {PA, PAX}", "expected one of .* for kind at 'PAX' .column 14."),
        ("mic == wrong", "expected one of none, ok, bad, no key for mic at 'wrong'"),
        ("src == 00:0d:6f", "expected an address such as 00:0d:6f:ff:fe:03:00:01 or 0x0001 for src"),
        ("ipv6_dst == fd00::/64", "expected an IPv6 address for ipv6_dst"),
        ("number = 3", "expected == in place of = .column 8."),
        ("seq == x", "expected a number for seq at 'x' .column 8."),
        ("secured == maybe", "expected true or false for secured"),
        ("eapol == 3", "eapol has no value of its own here"),
        ("kind == DATA and", "expected a field at the end"),
        ("(kind == DATA", r"expected '\)' at the end"),
        ("kind == DATA src == 1", "expected 'and', 'or' or the end at 'src'"),
        ("kind > 3", "expected one of damaged, .* for kind at '3'"),
        ("seq contains 1", "seq contains nothing"),
        ("kind == == 3", "expected a value at '=='"),
        ("kind == 'DATA", "cannot read"),
        ("__import__('os').system('true') == 1", "unknown function"),
    ],
)
def test_a_wrong_filter_says_where(expr: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        compile_filter(expr, JSONL_FIELDS)


def test_wrong_keys_are_said_after_the_frames() -> None:
    out = io.StringIO()
    keys = str(need("star3.ieee802154_keys"))
    with pytest.raises(InputError, match=r"star3\.ieee802154_keys: none of the 397 secured frames verified"):
        decode_command(str(need("line2.pcapng")), keys, "jsonl", None, out)
    assert len(out.getvalue().splitlines()) == 478


def test_without_keys_secured_frames_are_shown_and_nothing_is_wrong() -> None:
    assert "no key" in run("line2", keys=None)


def test_a_truncated_capture_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(need("line2.pcapng").read_bytes()[:50000])
    out = io.StringIO()
    with pytest.raises(InputError, match=r"cut\.pcapng: truncated at octet 49896"):
        decode_command(str(cut), None, "table", None, out)
    assert len(out.getvalue().splitlines()) > 200


@ONCE
@pytest.mark.parametrize(
    ("options", "zipped"), [((), False), (("--filter", "number > 400"), True), (("--frame", "8"), False)]
)
def test_standard_input_is_read_as_a_file_is(options: tuple[str, ...], zipped: bool) -> None:
    path = need("line2.pcapng")
    octets = path.read_bytes()
    keys = ("--keys", str(need("line2.ieee802154_keys")))
    piped = _kenshin("decode", "-", *keys, *options, stdin=gzip.compress(octets) if zipped else octets)
    assert piped == _kenshin("decode", str(path), *keys, *options)
    assert piped.returncode == 0
    assert piped.stdout


@pytest.mark.parametrize(
    ("octets", "says"),
    [
        (b"", "kenshin: -: not a capture (empty); expected pcap or pcapng"),
        (bytes.fromhex("1f8b"), "kenshin: -: not a capture (gzip with nothing in it); expected pcap or pcapng"),
        (gzip.compress(b"", mtime=0), "kenshin: -: not a capture (gzip with nothing in it); expected pcap or pcapng"),
        (b"notes", "kenshin: -: not a capture (first octets 6e 6f 74 65); expected pcap or pcapng"),
    ],
)
def test_standard_input_that_is_no_capture_is_said(octets: bytes, says: str) -> None:
    done = _kenshin("decode", "-", stdin=octets)
    assert (done.returncode, done.stderr) == (2, f"{says}\n".encode())


class _Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def _kenshin(*arguments: str, stdin: bytes = b"") -> _Done:
    done = subprocess.run([sys.executable, "-m", "bench.cli", *arguments], input=stdin, capture_output=True)
    return _Done(done.returncode, done.stdout, done.stderr)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="format 'xml' is unknown; expected table or jsonl"):
        decode_command("x", None, "xml", None, io.StringIO())


def test_decoding_needs_no_heavy_import() -> None:
    heavy = {"scapy", "numpy", "matplotlib", "scipy"}
    code = f"import sys, bench.air.show.command; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_field_of_a_line_is_documented() -> None:
    text = (ROOT / "docs" / "formats.md").read_text("utf-8")
    table = text.split("### Decoded frames")[1].split("With `--columns")[0]
    types = {"integer": int, "text": str, "true, false": bool, "list of texts": list}
    rows = [[cell.strip() for cell in line.split("|")[1:4]] for line in table.splitlines() if line.startswith("| `")]
    documented = {name: types[kind] for names, kind, _ in rows for name in re.findall(r"`(\w+)`", names)}
    assert documented == dict(JSONL_FIELDS)
    [kinds] = [says for names, _, says in (line.split("|")[1:4] for line in table.splitlines() if "| `kind`" in line)]
    assert {kind for kind in KINDS if kind.isupper()} <= set(re.findall(r"`(\w+)`", kinds))
