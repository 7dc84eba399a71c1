"""All DAOs of one node: the column index against `tshark -Y`, whole processes: python benchmarks/query.py FILE

Warm: the index is there. Cold: it is built first. Both sides print number and time of each hit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from ipaddress import IPv6Address
from pathlib import Path

from timing import compare, machine, tshark

from bench.air.index import SUFFIX, Index
from bench.air.ipv6 import eui64_of
from bench.air.keys import KeyTable

QUERY = """
import sys
from bench.air.index import Index
from bench.air.keys import KeyTable
index = Index.open(sys.argv[1], KeyTable.read(sys.argv[2]))
rows = index.daos(bytes.fromhex(sys.argv[3]))
for row, time_ns in zip(rows.tolist(), index.column("time_ns", rows).tolist()):
    print(row + 1, time_ns)
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Index query against tshark's display filter.")
    parser.add_argument("capture", type=Path, help="made by make_traffic.py, with its key file")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    capture: Path = options.capture
    keys = capture.with_suffix(".ieee802154_keys")
    print(machine())
    index = Index.open(capture, KeyTable.read(keys))
    hit = index.daos()[:1]
    address = b"".join(index.column(f"ipv6_src_{part}", hit).tobytes()[::-1] for part in ("prefix", "interface"))
    node = eui64_of(address)
    ours = [sys.executable, "-c", QUERY, str(capture), str(keys), node.hex()]
    filter_ = f"icmpv6.type == 155 && icmpv6.code == 2 && ipv6.src == {IPv6Address(address)}"
    theirs = tshark(capture, "-Y", filter_, "-T", "fields", "-e", "frame.number", "-e", "frame.time_epoch")
    place = capture.with_name(capture.name + SUFFIX)
    with tempfile.TemporaryDirectory() as folder:
        for name, before in (("warm index", lambda: None), ("cold index", lambda: place.unlink(missing_ok=True))):
            compare(f"{name}, {len(index)} frames", ours, theirs, options.rounds, Path(folder), before)


if __name__ == "__main__":
    main()
