"""The command line's door: ``kenshin`` and ``python -m bench.cli`` (contract: design section 10).

Every command ends with an exit code of the contract: 0 no requirement failed, 1 one failed, 2 wrong input, 3 the bench
failed, 4 inconclusive or pending, 130 ended by Ctrl-C. Errors that a person can cause end as one line on stderr.

The commands are in `bench.cli.commands`. The library that reads their options takes as long to load as 20,000 frames
take to decode, so a `decode` that is written plainly is read here (`bench.cli.decode.plain`), and only the rest goes
there.
"""

from __future__ import annotations

import atexit
import gc
import signal
import sys

from bench.cli.decode import decode_capture, plain
from bench.cli.ending import INTERRUPTED, finish, unforeseen
from bench.streams import ready
from bench.unforeseen import is_interrupt


def main() -> None:
    """Entry point of ``kenshin``. Raises SystemExit."""
    atexit.register(_deaf)  # the first one here is the last one there
    try:
        ready()
        options = plain(sys.argv[1:])
        if options is None:
            from bench.cli.app import by_options

            by_options()
        else:
            finish(lambda: decode_capture(options))
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        raise SystemExit(INTERRUPTED if is_interrupt(error) else unforeseen(error)) from None
    finally:
        # Python remembers a Ctrl-C that struck inside the text of an `exec`, also where it was taken care of, and would
        # end `python -m` by that signal in place of this exit code, until another text is run.
        exec("")
        # The interpreter's last act is to look through every object for garbage; here all of it goes with the
        # process. Frozen objects are passed over: 5 ms in place of 20, and who hooks the end (coverage) has his turn.
        gc.freeze()


def _deaf() -> None:
    """All is said and written, and Python gives up its handlers: an impatient Ctrl-C now would only spoil the exit
    code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


if __name__ == "__main__":
    main()
