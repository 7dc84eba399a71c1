"""Commands for bare captures: decode, measure."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.commands.root import MeasureFormat, app
from bench.cli.decode import DecodeOptions, decode_capture
from bench.cli.ending import finish
from bench.cli.helped import after


class DecodeFormat(StrEnum):
    TABLE = "table"
    JSONL = "jsonl"


Keys = Annotated[
    Path | None, typer.Option("--keys", help="Key file in the format of Wireshark's ieee802154_keys.", metavar="FILE")
]

Contexts = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="N=PREFIX", help="6LoWPAN contexts: 0=fd00::/64, root=fd00::1."),
]


@app.command(
    epilog=after(
        "kenshin decode night.pcapng --keys ieee802154_keys",
        "kenshin decode night.pcapng --filter 'icmpv6.type == 155' --format jsonl",
        "kenshin decode night.pcapng --frame 17",
        "kenshin decode tcp://127.0.0.1:5555 --follow",
        "kenshin decode a.pcapng b.pcapng --write merged.pcapng",
    )
)
def decode(
    capture: Annotated[
        list[str],
        typer.Argument(
            help="pcap or pcapng file, plain or gzip, - for standard input; several to --write. To --follow also "
            "tcp://HOST:PORT, or zep://HOST:PORT (where to listen).",
            show_default=False,
        ),
    ],
    keys: Keys = None,
    fmt: Annotated[DecodeFormat, typer.Option("--format")] = DecodeFormat.TABLE,
    expression: Annotated[
        str | None,
        typer.Option("--filter", metavar="EXPR", help="Show only frames for which EXPR holds; Wireshark's language."),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--frame", metavar="N", help="Show one frame whole: all layers, fields, octets.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show frames as they come, until the stream ends or Ctrl-C.")
    ] = False,
    columns: Annotated[
        str | None, typer.Option("--columns", metavar="A,B,...", help="Fields to show in place of the usual columns.")
    ] = None,
    context: Contexts = None,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE", help="Write the frames to a new pcapng file instead.")
    ] = None,
    marks: Annotated[
        Path | None, typer.Option("--marks", metavar="RUN", help="--write: what the bench did in a run, as comments.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="--write: replace a file that is there.")] = False,
) -> None:
    """Frames of a capture, one a line; or one frame whole; or the frames of captures in a new one."""
    finish(
        lambda: decode_capture(
            DecodeOptions(
                tuple(capture),
                str(keys) if keys else None,
                fmt.value,
                expression,
                number,
                follow,
                columns,
                tuple(context or ()),
                str(write) if write else None,
                str(marks) if marks else None,
                force,
            )
        )
    )


@app.command(
    epilog=after(
        "kenshin measure night.pcapng --keys ieee802154_keys",
        "kenshin measure a.pcapng b.pcapng --format json > night.json",
    )
)
def measure(
    captures: Annotated[
        list[Path], typer.Argument(help="pcap or pcapng files: several are several sniffers.", show_default=False)
    ],
    keys: Keys = None,
    fmt: Annotated[MeasureFormat, typer.Option("--format")] = MeasureFormat.TABLE,
    bitrate: Annotated[
        int | None, typer.Option("--bitrate", metavar="BPS", help="Bit rate, where the air does not tell it.")
    ] = None,
    context: Contexts = None,
) -> None:
    """Join times, hops, round trips and air time from a bare capture."""
    from bench.cli.measure import measure_command

    finish(
        lambda: measure_command(
            [str(path) for path in captures],
            str(keys) if keys else None,
            fmt.value,
            sys.stdout,
            bitrate,
            tuple(context or ()),
        )
    )
