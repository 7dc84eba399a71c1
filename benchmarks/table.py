"""`kenshin decode --format table` against tshark with 8 custom columns, whole processes.

    python -m benchmarks.table real | real-many | twin | FILE...

The columns are the same: number, time, source, destination, Wi-SUN frame type, sequence number, MIC, info. tshark shows
the MIC's octets where kenshin shows whether it is right; both verify and decrypt every secured frame. Custom columns
are tshark's fastest way to such lines (``-T fields`` takes twice as long).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.captures import NAMES, capture_of
from benchmarks.timing import KENSHIN, compare, machine, tshark

COLUMNS = (
    '"number","%m","time","%t","src","%Cus:wpan.src64:0:R","dst","%Cus:wpan.dst64:0:R",'
    '"kind","%Cus:wisun.uttie.type:0:R","seq","%Cus:wpan.seq_no:0:R","mic","%Cus:wpan.mic:0:R","info","%i"'
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Table against tshark's custom columns.")
    parser.add_argument("captures", nargs="+", help=f"{NAMES}, or files with their key files beside them")
    parser.add_argument("--frames", type=int, help="of a capture that is made")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for name in options.captures:
            capture = capture_of(name, options.frames)
            keys = str(capture.with_suffix(".ieee802154_keys"))
            ours = [*KENSHIN, "decode", str(capture), "--keys", keys]
            theirs = tshark(capture, "-o", f"gui.column.format:{COLUMNS}")
            compare(f"table of {capture.name}", ours, theirs, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
