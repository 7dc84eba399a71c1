"""The two kinds of failure that a person sees: wrong input, and a bench that failed.

Both carry one clear line. The command line prints that line on stderr without a traceback and exits with the code of
the class (contract, design section 10): 2 for input, 3 for the bench. Anything else that escapes is a bug.
"""

from typing import Final


class KenshinError(Exception):
    """Base of the errors that end a command with one line on stderr."""

    exit_code = 3


class InputError(KenshinError):
    """What a person wrote or named is wrong: a file, a place in it, and what was expected.

    The message reads ``FILE:LINE: what is wrong; expected what`` (line left out where there is none).
    """

    exit_code = 2


class BenchError(KenshinError):
    """The bench itself failed: a dead port, a killed twin, a device that does not answer."""

    exit_code = 3


class CannotRecord(BenchError):
    """The run folder takes no more: disk full, read-only, gone. Nothing that would be driven now could be judged."""


SHOWN: Final = 120
"""Most characters of what a person gave that a message repeats."""


def echoed(text: str) -> str:
    """What a person gave, for a message: its beginning says which it was, and a line is to stay one that is read."""
    return text if len(text) <= SHOWN else f"{cut(text, SHOWN)} (length {len(text)})"


def cut(text: str, most: int) -> str:
    """A text for a message, of so many characters at most."""
    return text if len(text) <= most else text[: most - 3] + "..."
