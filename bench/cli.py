"""The command line's door: ``kenshin`` and ``python -m bench.cli`` (contract: design section 10).

Every command ends with an exit code of the contract: 0 no requirement failed, 1 one failed, 2 wrong input, 3 the bench
failed, 4 inconclusive or pending. Errors that a person can cause end as one line on stderr.

The commands are `cli_app`'s. The library that reads their options takes as long to load as 20,000 frames take to
decode, so a `decode` that is written plainly is read here (`cli_decode.plain`), and only the rest goes there.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

from bench.cli_decode import decode_capture, finish, plain

_INTERRUPTED: Final = 130
"""What a shell says of a program that Ctrl-C ended."""


def main() -> None:
    """Entry point of ``kenshin``."""
    options = plain(sys.argv[1:])
    if options is None:
        from bench.cli_app import by_options

        by_options()
        return
    chosen, code = options, _INTERRUPTED
    with contextlib.suppress(KeyboardInterrupt):
        try:
            finish(lambda: decode_capture(chosen))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0
    # All is written; taking the interpreter down object by object takes longer than decoding many a capture.
    os._exit(code)


if __name__ == "__main__":
    main()
