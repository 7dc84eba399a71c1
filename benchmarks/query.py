"""All DAOs of one node: `kenshin decode --filter` against `tshark -Y`, whole processes.

    python -m benchmarks.query twin | real | real-many | FILE

Warm: the column index is there. Cold: it is built first. Both sides print number and time of each hit, which are
compared.
"""

from __future__ import annotations

import argparse
import tempfile
from ipaddress import IPv6Address
from pathlib import Path

from bench.air.index.index import SUFFIX, Index
from bench.air.keys.table import KeyTable
from benchmarks.captures import NAMES, capture_of
from benchmarks.timing import KENSHIN, compare, machine, tshark


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index query against tshark's display filter.")
    parser.add_argument("capture", help=f"{NAMES}, or a file with its key file beside it")
    parser.add_argument("--frames", type=int, default=1_000_000, help="of a capture that is made")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    capture = capture_of(options.capture, options.frames)
    keys = capture.with_suffix(".ieee802154_keys")
    print(machine())
    index = Index.open(capture, KeyTable.read(keys))
    hit = index.daos()[:1]
    address = b"".join(index.column(f"ipv6_src_{part}", hit).tobytes()[::-1] for part in ("prefix", "interface"))
    filter_ = f"icmpv6.type == 155 && icmpv6.code == 2 && ipv6.src == {IPv6Address(address)}"
    fields = ("frame.number", "frame.time_epoch")
    ours = [*KENSHIN, "decode", str(capture), "--keys", str(keys), "--filter", filter_, "--columns", ",".join(fields)]
    theirs = tshark(capture, "-Y", filter_, "-T", "fields", *(word for name in fields for word in ("-e", name)))
    place = capture.with_name(capture.name + SUFFIX)
    with tempfile.TemporaryDirectory() as folder:
        for name, before in (("warm index", lambda: None), ("cold index", lambda: place.unlink(missing_ok=True))):
            compare(f"{name}, {len(index)} frames", ours, theirs, options.rounds, Path(folder), before)
            found, wanted = ((Path(folder) / f"{who}.txt").read_text("ascii").split() for who in ("ours", "theirs"))
            if found[len(fields) :] != wanted:
                raise SystemExit("the frames found differ")


if __name__ == "__main__":
    main()
